/*
 * hex: bytes as hexadecimal digits, as people and JSON read them.
 *
 * Pure.  Not for secrets: the time it takes depends on the digits.
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for so many bytes, with the terminator. */
#define HEX_ROOM(bytes) (2 * (bytes) + 1)

/* Lower-case digits and a terminator, HEX_ROOM(size_bytes) in all; returns out. */
char *hex_format(const uint8_t *bytes, size_t size_bytes, char *out);
/* The inverse, of either case: exactly 2 * size_bytes digits.  false: anything else, out untouched. */
bool hex_parse(const char *text, size_t chars, uint8_t *out, size_t size_bytes);

#endif
