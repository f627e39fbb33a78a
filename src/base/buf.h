/*
 * buf: the bounded cursor.  Nothing hostile is read, and nothing that may not
 * fit is written, but through it.
 *
 * An error sticks: the first one is kept, what follows reads as zeros and
 * writes nothing, so a caller may run a whole message and ask once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct buf_in {
	const uint8_t *at;
	const uint8_t *end;
	enum err err;
};

struct buf_out {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	enum err err; /* ERR_OVERSIZE when it did not fit */
};

void buf_in_init(struct buf_in *, const uint8_t *data, size_t size_bytes);
void buf_in_fail(struct buf_in *, enum err);
/* As buf_take_varint, of any length. */
uint64_t buf_take_long_varint(struct buf_in *);

void buf_out_init(struct buf_out *, uint8_t *data, size_t room_bytes);
void buf_out_fail(struct buf_out *, enum err);
void buf_put(struct buf_out *, const void *data, size_t size_bytes);
/* As buf_put_varint, of any length. */
void buf_put_long_varint(struct buf_out *, uint64_t value);
/* Insert value as a varint at an earlier position, moving what was written since. */
void buf_insert_varint(struct buf_out *, size_t position, uint64_t value);

/* What every field of every message passes through is small enough to stand in its caller. */

static inline size_t
buf_left(const struct buf_in *b) /* 0 once failed */
{
	return b->err == ERR_OK ? (size_t)(b->end - b->at) : 0;
}

/* The next bytes, in place; NULL and TRUNCATED when there are fewer. */
static inline const uint8_t *
buf_take(struct buf_in *b, size_t size_bytes)
{
	const uint8_t *taken = b->at;

	if (b->err != ERR_OK)
		return NULL;
	if (size_bytes > (size_t)(b->end - b->at)) {
		b->err = ERR_TRUNCATED;
		return NULL;
	}
	b->at += size_bytes;
	return taken;
}

/* A base-128 varint in its shortest form; TRUNCATED, MALFORMED. */
static inline uint64_t
buf_take_varint(struct buf_in *b)
{
	/* Tags and most lengths are one byte. */
	if (b->err == ERR_OK && b->at != b->end && *b->at < 0x80)
		return *b->at++;
	return buf_take_long_varint(b);
}

static inline size_t
buf_used(const struct buf_out *b)
{
	return (size_t)(b->at - b->start);
}

static inline void
buf_put_varint(struct buf_out *b, uint64_t value)
{
	if (value < 0x80 && b->err == ERR_OK && b->at != b->end)
		*b->at++ = (uint8_t)value;
	else
		buf_put_long_varint(b, value);
}

/* Big-endian, fixed width. */

static inline void
buf_store_u32(uint8_t out[4], uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Written out, they are one instruction and a store or load. */
static inline void
buf_store_u64(uint8_t out[8], uint64_t value)
{
	out[0] = (uint8_t)(value >> 56);
	out[1] = (uint8_t)(value >> 48);
	out[2] = (uint8_t)(value >> 40);
	out[3] = (uint8_t)(value >> 32);
	out[4] = (uint8_t)(value >> 24);
	out[5] = (uint8_t)(value >> 16);
	out[6] = (uint8_t)(value >> 8);
	out[7] = (uint8_t)value;
}

static inline uint64_t
buf_load_u64(const uint8_t bytes[8])
{
	return (uint64_t)bytes[0] << 56 | (uint64_t)bytes[1] << 48 | (uint64_t)bytes[2] << 40 |
	       (uint64_t)bytes[3] << 32 | (uint64_t)bytes[4] << 24 | (uint64_t)bytes[5] << 16 |
	       (uint64_t)bytes[6] << 8 | (uint64_t)bytes[7];
}

#endif
