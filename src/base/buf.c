#include <string.h>
#include "base/buf.h"

#define VARINT_BYTES 10

void
buf_in_init(struct buf_in *b, const uint8_t *data, size_t size_bytes)
{
	static const uint8_t nothing;

	b->at = size_bytes == 0 ? &nothing : data;
	b->end = b->at + size_bytes;
	b->err = ERR_OK;
}

void
buf_in_fail(struct buf_in *b, enum err err)
{
	if (b->err == ERR_OK)
		b->err = err;
}

uint64_t
buf_take_long_varint(struct buf_in *b)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	if (b->err != ERR_OK)
		return 0;
	do {
		if (b->at == b->end) {
			b->err = ERR_TRUNCATED;
			return 0;
		}
		byte = *b->at++;
		/* 64 bits end within the tenth byte, which then can only be 1. */
		if (shift == 63 && byte > 1) {
			b->err = ERR_MALFORMED;
			return 0;
		}
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	/* A last byte of zero adds nothing: a longer form of a shorter number. */
	if (byte == 0 && shift > 7) {
		b->err = ERR_MALFORMED;
		return 0;
	}
	return value;
}

void
buf_out_init(struct buf_out *b, uint8_t *data, size_t room_bytes)
{
	b->start = data;
	b->at = data;
	b->end = data + room_bytes;
	b->err = ERR_OK;
}

void
buf_out_fail(struct buf_out *b, enum err err)
{
	if (b->err == ERR_OK)
		b->err = err;
}

void
buf_put(struct buf_out *b, const void *data, size_t size_bytes)
{
	if (b->err != ERR_OK)
		return;
	if (size_bytes > (size_t)(b->end - b->at)) {
		b->err = ERR_OVERSIZE;
		return;
	}
	if (size_bytes > 0)
		memcpy(b->at, data, size_bytes);
	b->at += size_bytes;
}

static size_t
varint_encode(uint64_t value, uint8_t out[VARINT_BYTES])
{
	size_t size = 0;

	for (; value >= 0x80; value >>= 7)
		out[size++] = (uint8_t)(value | 0x80);
	out[size++] = (uint8_t)value;
	return size;
}

void
buf_put_long_varint(struct buf_out *b, uint64_t value)
{
	uint8_t bytes[VARINT_BYTES];

	buf_put(b, bytes, varint_encode(value, bytes));
}

void
buf_insert_varint(struct buf_out *b, size_t position, uint64_t value)
{
	uint8_t bytes[VARINT_BYTES];
	size_t size = varint_encode(value, bytes);
	size_t tail;

	if (b->err != ERR_OK)
		return;
	tail = buf_used(b) - position;
	if (size > (size_t)(b->end - b->at)) {
		b->err = ERR_OVERSIZE;
		return;
	}
	memmove(b->start + position + size, b->start + position, tail);
	memcpy(b->start + position, bytes, size);
	b->at += size;
}
