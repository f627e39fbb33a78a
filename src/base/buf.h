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
size_t buf_left(const struct buf_in *); /* 0 once failed */
void buf_in_fail(struct buf_in *, enum err);
/* The next bytes, in place; NULL and TRUNCATED when there are fewer. */
const uint8_t *buf_take(struct buf_in *, size_t size_bytes);
/* A base-128 varint in its shortest form; TRUNCATED, MALFORMED. */
uint64_t buf_take_varint(struct buf_in *);

void buf_out_init(struct buf_out *, uint8_t *data, size_t room_bytes);
size_t buf_used(const struct buf_out *);
void buf_out_fail(struct buf_out *, enum err);
void buf_put(struct buf_out *, const void *data, size_t size_bytes);
void buf_put_varint(struct buf_out *, uint64_t value);
/* Insert value as a varint at an earlier position, moving what was written since. */
void buf_insert_varint(struct buf_out *, size_t position, uint64_t value);

/* Big-endian, fixed width. */
void buf_store_u32(uint8_t out[4], uint32_t value);
void buf_store_u64(uint8_t out[8], uint64_t value);
uint64_t buf_load_u64(const uint8_t bytes[8]);

#endif
