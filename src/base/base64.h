/*
 * base64: RFC 4648 section 4, with padding; one text for one byte string.
 *
 * Pure.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Characters for so many bytes, without a terminator. */
#define BASE64_CHARS(bytes) (((bytes) + 2) / 3 * 4)

/* Writes BASE64_CHARS(size_bytes) characters, no terminator; returns their number. */
size_t base64_encode(const uint8_t *data, size_t size_bytes, char *out);
/*
 * Strict inverse: no white space, padding as encode writes it, unused bits
 * zero.  *size_bytes in: room, out: used.  MALFORMED, OVERSIZE.
 */
MUST_USE enum err base64_decode(const char *text, size_t chars, uint8_t *out, size_t *size_bytes);

#endif
