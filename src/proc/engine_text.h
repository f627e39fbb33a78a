/*
 * engine_text: text put together in one buffer; what does not fit is cut off.
 */
#ifndef PROC_ENGINE_TEXT_H
#define PROC_ENGINE_TEXT_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/hex.h"

struct text {
	char bytes[2048];
	size_t size;
};

static inline void text_put(struct text *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void
text_put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->bytes + t->size, sizeof(t->bytes) - t->size, format, args);
	va_end(args);
	if (n > 0)
		t->size += (size_t)n;
	if (t->size >= sizeof(t->bytes))
		t->size = sizeof(t->bytes) - 1;
}

/* Inside a string of JSON.  What follows must fit, so it ends early: TEXT_REST are left. */
#define TEXT_REST 128

static inline void
text_put_json(struct text *t, const char *from)
{
	for (; *from != '\0' && t->size + 6 + TEXT_REST < sizeof(t->bytes); from++) {
		const unsigned char c = (unsigned char)*from;

		if (c == '"' || c == '\\')
			text_put(t, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			text_put(t, "\\u%04x", c);
		else
			t->bytes[t->size++] = (char)c;
	}
	t->bytes[t->size] = '\0';
}

static inline void
text_put_hex(struct text *t, const uint8_t *bytes, size_t size_bytes)
{
	if (sizeof(t->bytes) - t->size >= HEX_ROOM(size_bytes)) {
		hex_format(bytes, size_bytes, t->bytes + t->size);
		t->size += 2 * size_bytes;
	}
}

#endif
