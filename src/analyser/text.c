#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "analyser/text.h"

/* ---- for a prompt --------------------------------------------------------------- */

static bool
is_plain(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == ' ' || c == '.' || c == '_' || c == ':' || c == '-';
}

void
text_for_prompt(const uint8_t *bytes, size_t size_bytes, char out[LIMIT_PROMPT_TEXT_BYTES + 1])
{
	static const char digits[] = "0123456789ABCDEF";
	size_t used = 0, i;

	for (i = 0; i < size_bytes; i++) {
		if (used + (is_plain(bytes[i]) ? 1 : 3) > LIMIT_PROMPT_TEXT_BYTES)
			break;
		if (is_plain(bytes[i])) {
			out[used++] = (char)bytes[i];
			continue;
		}
		out[used++] = '=';
		out[used++] = digits[bytes[i] >> 4];
		out[used++] = digits[bytes[i] & 15];
	}
	out[used] = '\0';
}

static bool
is_dropped(uint8_t c)
{
	return c < 0x20 || c == 0x7f || c == '`' || c == '{' || c == '}';
}

static bool
begins_with(const uint8_t *bytes, size_t size_bytes, const char *phrase)
{
	for (; *phrase != '\0'; phrase++, bytes++, size_bytes--)
		if (size_bytes == 0 || tolower(*bytes) != *phrase)
			return false;
	return true;
}

/* The length of the phrase at the beginning, or 0. */
static size_t
phrase_at(const uint8_t *bytes, size_t size_bytes)
{
	static const char *const phrases[] = { "ignore", "disregard", "override", "forget",
		"previous instruction", "instruction", "system prompt", "prompt",
		"system:", "assistant:", "user:", "threat_score", "threat score", "<|", "|>",
		"[inst]", "[/inst]", "<<sys>>", "<</sys>>", "you are now", "jailbreak" };
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (begins_with(bytes, size_bytes, phrases[i]))
			return strlen(phrases[i]);
	return 0;
}

size_t
text_strip(uint8_t *bytes, size_t size_bytes)
{
	size_t left = size_bytes, before, at, used, length;

	/* What is cut out may join what was around it into another phrase. */
	do {
		before = left;
		for (at = used = 0; at < before; at += length) {
			length = phrase_at(bytes + at, before - at);
			if (length == 0) {
				length = 1;
				if (!is_dropped(bytes[at]))
					bytes[used++] = bytes[at];
			}
		}
		left = used;
	} while (left < before);
	return left;
}

/* ---- for people ------------------------------------------------------------------- */

/* The code point at the beginning of valid UTF-8. */
static size_t
decode(const char *text, uint32_t *out)
{
	const uint8_t *b = (const uint8_t *)text;
	size_t length = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4, i;
	uint32_t c = length == 1 ? b[0] : b[0] & (0xffu >> (length + 1));

	for (i = 1; i < length && b[i] != 0; i++)
		c = c << 6 | (b[i] & 0x3f);
	*out = c;
	return i;
}

/* Moves, hides or reorders what stands beside it: Unicode's Cc, Cf, Zl and Zp. */
static bool
is_invisible(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f || c == 0x61c ||
	       (c >= 0x115f && c <= 0x1160) || (c >= 0x17b4 && c <= 0x17b5) ||
	       (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 ||
	       (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xffa0 ||
	       (c >= 0xfff0 && c <= 0xfffb) || (c >= 0x1bca0 && c <= 0x1bca3) ||
	       (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

void
text_for_people(const char *reason, char out[LIMIT_REASON_BYTES + 1])
{
	char piece[16];
	size_t used = 0, taken, length;
	uint32_t c;

	for (; *reason != '\0'; reason += taken) {
		taken = decode(reason, &c);
		if (is_invisible(c))
			length = (size_t)snprintf(piece, sizeof(piece), "\\u%04x", c);
		else
			memcpy(piece, reason, length = taken);
		if (used + length > LIMIT_REASON_BYTES)
			break;
		memcpy(out + used, piece, length);
		used += length;
	}
	out[used] = '\0';
}
