#include <stdlib.h>
#include <string.h>
#include "coordinator/json_text.h"

#define DIGITS 20 /* of a uint64_t */

static char *
take(struct json_text *t, size_t size_bytes)
{
	size_t room = t->room == 0 ? 1024 : t->room;
	char *bytes;

	if (t->failed)
		return NULL;
	while (room - t->size_bytes <= size_bytes)
		room *= 2;
	if (room != t->room) {
		if ((bytes = realloc(t->bytes, room)) == NULL) {
			t->failed = true;
			return NULL;
		}
		t->bytes = bytes;
		t->room = room;
	}
	t->size_bytes += size_bytes;
	t->bytes[t->size_bytes] = '\0';
	return t->bytes + t->size_bytes - size_bytes;
}

static void
put_bytes(struct json_text *t, const char *bytes, size_t size_bytes)
{
	char *at = take(t, size_bytes);

	if (at != NULL)
		memcpy(at, bytes, size_bytes);
}

void
json_text_put(struct json_text *t, const char *text)
{
	put_bytes(t, text, strlen(text));
}

void
json_text_number(struct json_text *t, uint64_t number)
{
	char digits[DIGITS];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put_bytes(t, digits + at, sizeof(digits) - at);
}

void
json_text_tenths(struct json_text *t, unsigned tenths)
{
	const char fraction[2] = { '.', (char)('0' + tenths % 10) };

	json_text_number(t, tenths / 10);
	if (tenths % 10 != 0)
		put_bytes(t, fraction, sizeof(fraction));
}

void
json_text_word(struct json_text *t, const char *word)
{
	json_text_put(t, "\"");
	json_text_put(t, word);
	json_text_put(t, "\"");
}

static int
on_dump(const char *bytes, size_t size_bytes, void *context)
{
	struct json_text *t = context;

	put_bytes(t, bytes, size_bytes);
	return t->failed ? -1 : 0;
}

void
json_text_value(struct json_text *t, json_t *value)
{
	/* ENSURE_ASCII: what attackers typed cannot hide as bidi or control characters. */
	if (json_dump_callback(value, on_dump, t,
	        JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) != 0)
		t->failed = true;
	json_decref(value);
}

void
json_text_comma(struct json_text *t, size_t index)
{
	if (index > 0)
		put_bytes(t, ",", 1);
}

void
json_text_free(struct json_text *t)
{
	free(t->bytes);
	*t = (struct json_text){ 0 };
}
