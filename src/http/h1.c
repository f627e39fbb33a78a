#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <http_parser.h>
#include "base/limits.h"
#include "http/h1.h"

struct h1 {
	http_parser parser;
	enum err refusal; /* why a callback stopped the parser */
	uint8_t *body;
	size_t body_bytes, body_room, body_cap;
	size_t head_bytes;
	bool waiting; /* a request is out */
	bool begun;   /* bytes of its answer came */
	bool in_body; /* its head is whole */
	bool done;    /* its answer is whole */
	bool keep_alive;
	int status;
};

static int
body_came(http_parser *parser, const char *data, size_t size_bytes)
{
	struct h1 *h = parser->data;
	size_t room = h->body_room == 0 ? 512 : h->body_room;
	uint8_t *bigger;

	if (size_bytes > h->body_cap - h->body_bytes) {
		h->refusal = ERR_OVERSIZE;
		return 1;
	}
	while (room < h->body_bytes + size_bytes)
		room *= 2;
	if (room != h->body_room) {
		if ((bigger = realloc(h->body, room)) == NULL) {
			h->refusal = ERR_NOMEM;
			return 1;
		}
		h->body = bigger;
		h->body_room = room;
	}
	memcpy(h->body + h->body_bytes, data, size_bytes);
	h->body_bytes += size_bytes;
	return 0;
}

static int
headers_complete(http_parser *parser)
{
	struct h1 *h = parser->data;

	h->in_body = true;
	/* An announced body that is too large need not be waited for. */
	if (parser->content_length != UINT64_MAX && parser->content_length > h->body_cap) {
		h->refusal = ERR_OVERSIZE;
		return -1;
	}
	return 0;
}

static int
message_complete(http_parser *parser)
{
	struct h1 *h = parser->data;

	/* 100 and its like come before the answer (RFC 9110, 15.2). */
	if (parser->status_code >= 100 && parser->status_code < 200) {
		h->in_body = false;
		return 0;
	}
	h->done = true;
	h->keep_alive = http_should_keep_alive(parser) != 0;
	h->status = (int)parser->status_code;
	/* Stop here, so that nothing behind the answer is parsed as another. */
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_headers_complete = headers_complete,
	.on_body = body_came,
	.on_message_complete = message_complete,
};

enum err
h1_new(size_t body_cap_bytes, struct h1 **out)
{
	struct h1 *h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return ERR_NOMEM;
	h->body_cap = body_cap_bytes;
	*out = h;
	return ERR_OK;
}

void
h1_free(struct h1 *h)
{
	if (h == NULL)
		return;
	free(h->body);
	free(h);
}

static bool
is_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool
request_is_clean(const struct h1_request *r)
{
	size_t i;

	if (r->method != NULL && (!is_clean(r->method) || strchr(r->method, ' ') != NULL))
		return false;
	if (!is_clean(r->path) || strchr(r->path, ' ') != NULL || !is_clean(r->authority) ||
	    !is_clean(r->content_type))
		return false;
	for (i = 0; i < r->header_count; i++)
		if (!is_clean(r->headers[i].name) || !is_clean(r->headers[i].value))
			return false;
	return true;
}

/* snprintf's convention: the size of the head, whether or not it fits. */
static size_t
write_head(const struct h1_request *r, char *out, size_t room)
{
	size_t used, i;

	used = (size_t)snprintf(out, room,
	    "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
	    r->method != NULL ? r->method : "POST", r->path, r->authority, r->content_type,
	    r->body_bytes);
	for (i = 0; i < r->header_count; i++)
		used +=
		    (size_t)snprintf(used < room ? out + used : NULL, used < room ? room - used : 0,
		        "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
	used += (size_t)snprintf(
	    used < room ? out + used : NULL, used < room ? room - used : 0, "\r\n");
	return used;
}

enum err
h1_post(struct h1 *h, const struct h1_request *r, uint8_t **out, size_t *size_bytes)
{
	size_t head = write_head(r, NULL, 0);
	uint8_t *bytes;

	if (h->waiting)
		return ERR_LOCKED;
	if (!request_is_clean(r))
		return ERR_MALFORMED;
	if ((bytes = malloc(head + 1 + r->body_bytes)) == NULL)
		return ERR_NOMEM;
	(void)write_head(r, (char *)bytes, head + 1);
	if (r->body_bytes > 0)
		memcpy(bytes + head, r->body, r->body_bytes);

	http_parser_init(&h->parser, HTTP_RESPONSE);
	h->parser.data = h;
	h->refusal = ERR_OK;
	h->waiting = true;
	h->begun = h->in_body = h->done = h->keep_alive = false;
	h->head_bytes = 0;
	h->status = 0;
	free(h->body);
	h->body = NULL;
	h->body_bytes = h->body_room = 0;
	*out = bytes;
	*size_bytes = head + r->body_bytes;
	return ERR_OK;
}

enum err
h1_receive(struct h1 *h, const uint8_t *data, size_t size_bytes, bool *done)
{
	size_t used;

	if (!h->waiting)
		return ERR_MALFORMED;
	h->begun = true;
	if (!h->in_body)
		h->head_bytes += size_bytes;
	used = http_parser_execute(&h->parser, &settings, (const char *)data, size_bytes);
	if (h->done) {
		h->waiting = false;
		if (used != size_bytes)
			h->keep_alive = false;
		*done = true;
		return ERR_OK;
	}
	if (h->refusal != ERR_OK)
		return h->refusal;
	if (HTTP_PARSER_ERRNO(&h->parser) != HPE_OK || used != size_bytes)
		return ERR_MALFORMED;
	if (!h->in_body && h->head_bytes > LIMIT_HEADER_LIST_BYTES)
		return ERR_OVERSIZE;
	*done = false;
	return ERR_OK;
}

enum err
h1_eof(struct h1 *h, bool *done)
{
	if (!h->waiting)
		return ERR_TRUNCATED;
	(void)http_parser_execute(&h->parser, &settings, "", 0);
	if (!h->done)
		return ERR_TRUNCATED;
	h->waiting = false;
	h->keep_alive = false;
	*done = true;
	return ERR_OK;
}

bool
h1_has_begun(const struct h1 *h)
{
	return h->begun;
}

int
h1_status(const struct h1 *h)
{
	return h->status;
}

const uint8_t *
h1_body(const struct h1 *h, size_t *size_bytes)
{
	*size_bytes = h->body_bytes;
	return h->body;
}

bool
h1_keeps_alive(const struct h1 *h)
{
	return h->keep_alive;
}
