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

static inline void
text_put_hex(struct text *t, const uint8_t *bytes, size_t size_bytes)
{
	if (sizeof(t->bytes) - t->size >= HEX_ROOM(size_bytes)) {
		hex_format(bytes, size_bytes, t->bytes + t->size);
		t->size += 2 * size_bytes;
	}
}

#endif
