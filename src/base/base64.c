#include "base/base64.h"

static const char alphabet[64] = {
	'A',
	'B',
	'C',
	'D',
	'E',
	'F',
	'G',
	'H',
	'I',
	'J',
	'K',
	'L',
	'M',
	'N',
	'O',
	'P',
	'Q',
	'R',
	'S',
	'T',
	'U',
	'V',
	'W',
	'X',
	'Y',
	'Z',
	'a',
	'b',
	'c',
	'd',
	'e',
	'f',
	'g',
	'h',
	'i',
	'j',
	'k',
	'l',
	'm',
	'n',
	'o',
	'p',
	'q',
	'r',
	's',
	't',
	'u',
	'v',
	'w',
	'x',
	'y',
	'z',
	'0',
	'1',
	'2',
	'3',
	'4',
	'5',
	'6',
	'7',
	'8',
	'9',
	'+',
	'/',
};

size_t
base64_encode(const uint8_t *data, size_t size_bytes, char *out)
{
	char *start = out;

	for (; size_bytes >= 3; size_bytes -= 3, data += 3) {
		*out++ = alphabet[data[0] >> 2];
		*out++ = alphabet[(data[0] & 3) << 4 | data[1] >> 4];
		*out++ = alphabet[(data[1] & 15) << 2 | data[2] >> 6];
		*out++ = alphabet[data[2] & 63];
	}
	if (size_bytes > 0) {
		unsigned second = size_bytes == 2 ? data[1] : 0;

		*out++ = alphabet[data[0] >> 2];
		*out++ = alphabet[(data[0] & 3u) << 4 | second >> 4];
		*out++ = size_bytes == 2 ? alphabet[(second & 15) << 2] : '=';
		*out++ = '=';
	}
	return (size_t)(out - start);
}

static int
value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

enum err
base64_decode(const char *text, size_t chars, uint8_t *out, size_t *size_bytes)
{
	size_t padding = 0, size;

	if (chars % 4 != 0)
		return ERR_MALFORMED;
	if (chars > 0 && text[chars - 1] == '=')
		padding = text[chars - 2] == '=' ? 2 : 1;
	size = chars / 4 * 3 - padding;
	if (size > *size_bytes)
		return ERR_OVERSIZE;

	for (size_t i = 0, written = 0; i < chars; i += 4) {
		size_t digits = i + 4 == chars ? 4 - padding : 4;
		uint32_t group = 0;

		for (size_t j = 0; j < 4; j++) {
			int v = j < digits ? value(text[i + j]) : 0;

			if (v < 0)
				return ERR_MALFORMED;
			group = group << 6 | (uint32_t)v;
		}
		/* Bits that padding leaves unused: only zero is what encode writes. */
		if ((digits == 3 && (group & 0xff) != 0) || (digits == 2 && (group & 0xffff) != 0))
			return ERR_MALFORMED;
		for (size_t j = 0; j + 1 < digits; j++)
			out[written++] = (uint8_t)(group >> (16 - 8 * j));
	}
	*size_bytes = size;
	return ERR_OK;
}
