/*
 * pack: gzip (RFC 1952) on the fly.  What is the same for everybody is packed
 * once; what is for one reader goes before it as a stored block, so that a
 * snapshot that is served again costs a copy.
 */
#ifndef COORDINATOR_PACK_H
#define COORDINATOR_PACK_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Zeroed: none. */
struct pack {
	uint8_t *bytes; /* DEFLATE to its end; owned */
	size_t size_bytes;
	uint32_t check; /* CRC-32 of the text, and its length */
	size_t text_bytes;
};

#define PACK_HEAD_BYTES 65535 /* a stored block holds no more */

/* NOMEM. */
MUST_USE enum err pack_make(const char *text, size_t size_bytes, struct pack *out);
void pack_free(struct pack *); /* accepts a zeroed one, and leaves one */
/* One gzip file of head (may be empty) and what is packed, from malloc.  NOMEM, OVERSIZE. */
MUST_USE enum err pack_join(const char *head, size_t head_bytes, const struct pack *,
    uint8_t **out, size_t *out_bytes);

#endif
