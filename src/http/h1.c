#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <http_parser.h>
#include "base/limits.h"
#include "http/h1.h"

#define FIELD_BYTES 512
#define NAME_BYTES  24 /* longer than the longest name of interest */

struct field {
	unsigned times;
	size_t used; /* FIELD_BYTES: too long */
	char text[FIELD_BYTES];
};

struct h1 {
	http_parser parser;
	enum err refusal; /* why a callback stopped the parser */
	uint8_t *body;
	size_t body_bytes, body_room, body_cap;
	size_t head_bytes;
	bool waiting;  /* a request is out */
	bool begun;    /* bytes of its answer came */
	bool in_body;  /* its head is whole */
	bool in_value; /* of a header field */
	bool done;     /* its answer is whole */
	bool keep_alive;
	int status;
	/* the header field that is being read */
	char name[NAME_BYTES];
	size_t name_used;
	struct field *field; /* NULL: of no interest, or its name is not whole */
	struct field fields[H1_FIELDS];
};

static const char *const field_names[H1_FIELDS] = { "content-digest", "signature-input",
	"signature" };

/* Names and values come in pieces; a piece of a name behind a value begins the next field. */
static int
name_came(http_parser *parser, const char *data, size_t size_bytes)
{
	struct h1 *h = parser->data;

	if (h->in_value)
		h->name_used = 0;
	h->in_value = false;
	h->field = NULL;
	for (size_t i = 0; i < size_bytes && h->name_used < NAME_BYTES; i++)
		h->name[h->name_used++] = (char)tolower((unsigned char)data[i]);
	return 0;
}

static struct field *
find_field(struct h1 *h)
{
	for (size_t i = 0; i < H1_FIELDS; i++)
		if (strlen(field_names[i]) == h->name_used &&
		    memcmp(field_names[i], h->name, h->name_used) == 0)
			return &h->fields[i];
	return NULL;
}

static int
value_came(http_parser *parser, const char *data, size_t size_bytes)
{
	struct h1 *h = parser->data;
	struct field *field;

	if (!h->in_value && (h->field = find_field(h)) != NULL)
		h->field->times++;
	h->in_value = true;
	if ((field = h->field) == NULL || field->times > 1)
		return 0;
	if (size_bytes >= FIELD_BYTES - field->used) {
		field->used = FIELD_BYTES;
		h->field = NULL;
		return 0;
	}
	memcpy(field->text + field->used, data, size_bytes);
	field->used += size_bytes;
	return 0;
}

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
		memset(h->fields, 0, sizeof(h->fields));
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
	.on_header_field = name_came,
	.on_header_value = value_came,
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
	h->begun = h->in_body = h->in_value = h->done = h->keep_alive = false;
	h->name_used = 0;
	memset(h->fields, 0, sizeof(h->fields));
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

const char *
h1_field(const struct h1 *h, enum h1_field which)
{
	const struct field *field = &h->fields[which];

	/* The text's end was zeroed with the rest, and never written to. */
	return field->times == 1 && field->used < FIELD_BYTES ? field->text : NULL;
}
