/*
 * utf8: Unicode text, strictly: RFC 3629, no surrogates, no long forms.
 *
 * Pure.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at the start and, if it is whole and valid, how many bytes it takes; else 0. */
size_t utf8_decode(const uint8_t *bytes, size_t size_bytes, uint32_t *code);
/* Valid throughout, and without control characters: C0, DEL and C1. */
bool utf8_is_printable(const uint8_t *bytes, size_t size_bytes);

#endif
