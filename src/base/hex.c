#include "base/hex.h"

char *
hex_format(const uint8_t *bytes, size_t size_bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size_bytes; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * size_bytes] = '\0';
	return out;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
hex_parse(const char *text, size_t chars, uint8_t *out, size_t size_bytes)
{
	if (chars % 2 != 0 || chars / 2 != size_bytes)
		return false;
	for (size_t i = 0; i < chars; i++)
		if (digit_value(text[i]) == -1)
			return false;
	for (size_t i = 0; i < size_bytes; i++)
		out[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return true;
}
