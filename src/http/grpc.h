/*
 * grpc: a stream of bytes cut into gRPC's length-prefixed messages.
 *
 * One byte of flags, four of length, big-endian, then the message
 * (gRPC over HTTP/2, "Length-Prefixed-Message").  Memory grows with the bytes
 * that came, never with the length that was announced.
 */
#ifndef HTTP_GRPC_H
#define HTTP_GRPC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#define GRPC_PREFIX_BYTES 5

/* Those of the protocol's status codes that we send. */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14
};

struct grpc_reader {
	size_t cap_bytes; /* of one message */
	uint8_t prefix[GRPC_PREFIX_BYTES];
	size_t prefix_bytes; /* of the prefix, seen so far */
	uint8_t *message;    /* only while one is in pieces */
	size_t have_bytes, room_bytes;
};

void grpc_reader_init(struct grpc_reader *, size_t cap_bytes);
void grpc_reader_free(struct grpc_reader *);
/* Is a message begun and not ended? */
bool grpc_reader_is_midway(const struct grpc_reader *);
/*
 * Take these bytes and pass on every message that they complete; message()
 * returns false to have the rest ignored.  OVERSIZE (above the cap),
 * UNSUPPORTED (compressed), MALFORMED (other flags), NOMEM; the stream is
 * unusable after each.
 */
MUST_USE enum err grpc_read(struct grpc_reader *, const uint8_t *data, size_t size_bytes,
    bool (*message)(void *context, const uint8_t *data, size_t size_bytes), void *context);
void grpc_write_prefix(size_t message_bytes, uint8_t out[GRPC_PREFIX_BYTES]);

#endif
