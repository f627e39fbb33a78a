/*
 * wire: canonical protobuf, field by field in ascending order.
 *
 * Reading asks for each field by its number: an absent one reads as proto3's
 * default.  What a canonical writer would not have written fails: fields out
 * of order or repeated, defaults written out, over-long varints (MALFORMED),
 * unknown numbers (UNKNOWN_FIELD), values out of bounds (RANGE).  So one
 * meaning has one encoding, and one hash.  Errors stick, as in base/buf.h.
 *
 * Pure.  Spec: docs/protocol.md, "Wire".
 */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H
#include "base/buf.h"
#include "core/message.h"

/* ---- reading -------------------------------------------------------------- */

struct wire_in {
	struct buf_in in;
	uint32_t next; /* number of the field at the cursor; 0: none left */
	uint32_t last; /* the highest number asked for */
	uint8_t type;  /* its wire type */
};

void wire_in_init(struct wire_in *, struct span bytes);
void wire_fail(struct wire_in *, enum err);
/* The number of the field at the cursor, 0 at the end or after an error. */
uint32_t wire_peek(const struct wire_in *);
uint64_t wire_u64(struct wire_in *, uint32_t number);
/* RANGE unless least <= value <= most; an absent field is 0. */
uint32_t wire_u32(struct wire_in *, uint32_t number, uint32_t least, uint32_t most);
bool wire_bool(struct wire_in *, uint32_t number);
/* Bytes in place; empty when absent.  OVERSIZE beyond most_bytes. */
struct span wire_bytes(struct wire_in *, uint32_t number, size_t most_bytes);
/* Exactly size_bytes of them, always written out; RANGE otherwise. */
void wire_fixed(struct wire_in *, uint32_t number, uint8_t *out, size_t size_bytes);
/* A message's bytes; *present says whether it is there, for it may be empty. */
struct span wire_message(struct wire_in *, uint32_t number, bool *present);
/* One more occurrence of a repeated bytes or message field; false: no more. */
bool wire_repeated(struct wire_in *, uint32_t number, struct span *out);
/*
 * In a log of several kinds of record, mixed: the next one, of bytes, and its
 * number, from 1 to most.  false: no more.
 */
bool wire_record(struct wire_in *, uint32_t most, uint32_t *number, struct span *out);
/* Is all well, and nothing left? */
MUST_USE enum err wire_end(struct wire_in *);

/* An Endpoint or an address of 4 or 16 bytes; IPv4 never as a mapped IPv6 address. */
void wire_endpoint(struct wire_in *, uint32_t number, struct endpoint *out);
MUST_USE enum err wire_address(struct span bytes, struct address *out);

/* ---- writing -------------------------------------------------------------- */

void wire_put_u64(struct buf_out *, uint32_t number, uint64_t value);
void wire_put_u32(struct buf_out *, uint32_t number, uint32_t value, uint32_t least, uint32_t most);
void wire_put_bool(struct buf_out *, uint32_t number, bool value);
/* Nothing when empty. */
void wire_put_bytes(struct buf_out *, uint32_t number, struct span bytes);
void wire_put_fixed(struct buf_out *, uint32_t number, const uint8_t *bytes, size_t size_bytes);
/* As wire_endpoint and wire_address read them; RANGE. */
void wire_put_address(struct buf_out *, uint32_t number, const struct address *);
void wire_put_endpoint(struct buf_out *, uint32_t number, const struct endpoint *);
/* A message field: open, write its fields, close with what open returned. */
size_t wire_open(struct buf_out *, uint32_t number);
void wire_close(struct buf_out *, size_t opened);

#endif
