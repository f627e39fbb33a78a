#include "base/utf8.h"

size_t
utf8_decode(const uint8_t *bytes, size_t size_bytes, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = 1;
	uint32_t value;

	if (size_bytes == 0)
		return 0;
	value = bytes[0];
	if (value >= 0x80) {
		length = value >= 0xf0 ? 4 : value >= 0xe0 ? 3 : 2;
		if (value < 0xc0 || value >= 0xf8 || length > size_bytes)
			return 0;
		value &= 0x7fu >> length;
	}
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3fu);
	}
	if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return length;
}

bool
utf8_is_printable(const uint8_t *bytes, size_t size_bytes)
{
	size_t length;
	uint32_t code;

	for (size_t at = 0; at < size_bytes; at += length) {
		length = utf8_decode(bytes + at, size_bytes - at, &code);
		if (length == 0 || code < 0x20 || (code >= 0x7f && code <= 0x9f))
			return false;
	}
	return true;
}
