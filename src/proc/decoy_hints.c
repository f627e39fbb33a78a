/*
 * decoy_hints: see decoy_hints.h.
 */
#include <string.h>
#include <strings.h>
#include "base/base64.h"
#include "proc/decoy_hints.h"

#define HEADERS_MOST 64

struct cursor {
	const uint8_t *at, *end;
};

struct piece {
	const uint8_t *data;
	size_t size_bytes;
};

static void
copy(struct msg_text *out, struct piece from)
{
	const size_t room = sizeof(out->bytes);

	out->size_bytes = (uint16_t)(from.size_bytes < room ? from.size_bytes : room);
	if (out->size_bytes > 0)
		memcpy(out->bytes, from.data, out->size_bytes);
}

/* Up to the next line feed, without it and a carriage return before it. */
static bool
next_line(struct cursor *c, struct piece *out)
{
	const uint8_t *feed;

	if (c->at == c->end)
		return false;
	feed = memchr(c->at, '\n', (size_t)(c->end - c->at));
	out->data = c->at;
	out->size_bytes = (size_t)((feed == NULL ? c->end : feed) - c->at);
	c->at = feed == NULL ? c->end : feed + 1;
	if (out->size_bytes > 0 && out->data[out->size_bytes - 1] == '\r')
		out->size_bytes--;
	return true;
}

/* Up to the next space, which is taken too. */
static struct piece
next_word(struct piece *line)
{
	const uint8_t *space =
	    line->size_bytes == 0 ? NULL : memchr(line->data, ' ', line->size_bytes);
	struct piece word = *line;

	if (space == NULL) {
		*line = (struct piece){ line->data, 0 };
		return word;
	}
	word.size_bytes = (size_t)(space - line->data);
	line->data = space + 1;
	line->size_bytes -= word.size_bytes + 1;
	return word;
}

/* Is it text, in any case of letters? */
static bool
is_word(struct piece word, const char *text)
{
	return word.size_bytes == strlen(text) &&
	       strncasecmp((const char *)word.data, text, word.size_bytes) == 0;
}

/* Takes the prefix, in any case of letters, and blanks behind it. */
static bool
take_prefix(struct piece *line, const char *prefix)
{
	const size_t size = strlen(prefix);

	if (line->size_bytes < size || strncasecmp((const char *)line->data, prefix, size) != 0)
		return false;
	line->data += size;
	line->size_bytes -= size;
	while (line->size_bytes > 0 && (*line->data == ' ' || *line->data == '\t')) {
		line->data++;
		line->size_bytes--;
	}
	return true;
}

/* RFC 7617: base64 of user:password, of which the user's name is wanted. */
static void
take_basic(struct piece value, struct msg_hints *out)
{
	uint8_t plain[3 * LIMIT_HINT_BYTES];
	size_t size = sizeof(plain);
	const uint8_t *colon;

	if (!take_prefix(&value, "basic ") ||
	    base64_decode((const char *)value.data, value.size_bytes, plain, &size) != ERR_OK)
		return;
	colon = memchr(plain, ':', size);
	copy(&out->username,
	    (struct piece){ plain, colon == NULL ? size : (size_t)(colon - plain) });
}

static bool
is_method(struct piece word)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS",
		"PATCH", "CONNECT", "TRACE", "PROPFIND" };
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (is_word(word, methods[i]))
			return true;
	return false;
}

static void
take_http(struct cursor *c, struct piece request, struct msg_hints *out)
{
	struct piece line;
	int left;

	copy(&out->path, next_word(&request));
	for (left = HEADERS_MOST; left > 0 && next_line(c, &line) && line.size_bytes > 0; left--) {
		if (take_prefix(&line, "user-agent:"))
			copy(&out->user_agent, line);
		else if (take_prefix(&line, "authorization:"))
			take_basic(line, out);
	}
}

/* What a terminal's client, FTP or POP3 would say first. */
static bool
take_user(struct piece line, struct msg_hints *out)
{
	if (!take_prefix(&line, "user "))
		return false;
	copy(&out->username, line);
	return true;
}

/* Remote desktop: the name stands in a cookie of the first packet, behind its binary header. */
static bool
take_cookie(const uint8_t *data, size_t size_bytes, struct msg_hints *out)
{
	static const char mark[] = "Cookie: mstshash=";
	const uint8_t *found = memmem(data, size_bytes, mark, sizeof(mark) - 1);
	struct cursor rest;
	struct piece line;

	if (found == NULL)
		return false;
	rest = (struct cursor){ found + sizeof(mark) - 1, data + size_bytes };
	if (next_line(&rest, &line))
		copy(&out->username, line);
	return true;
}

void
decoy_hints(const uint8_t *data, size_t size_bytes, struct msg_hints *out)
{
	struct piece line, rest;
	struct cursor c;

	memset(out, 0, sizeof(*out));
	if (size_bytes == 0 || take_cookie(data, size_bytes, out))
		return;
	c = (struct cursor){ data, data + size_bytes };
	if (!next_line(&c, &line))
		return;
	rest = line;
	if (is_method(next_word(&rest)))
		take_http(&c, rest, out);
	else if (!take_user(line, out) && line.size_bytes >= 4 && memcmp(line.data, "SSH-", 4) == 0)
		copy(&out->banner, line);
}
