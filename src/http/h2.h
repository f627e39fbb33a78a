/*
 * h2: one HTTP/2 connection as bytes in, bytes out and events, over nghttp2.
 * gRPC framing on top of it is http/grpc.h.
 *
 * No syscalls; the owner moves bytes between this and TLS or a socket.
 * Limits: base/limits.h; reset floods, header lists, streams and windows are
 * bounded (CVE-2023-44487, CONTINUATION).
 */
#ifndef HTTP_H2_H
#define HTTP_H2_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct h2; /* opaque */

enum h2_side { H2_CLIENT, H2_SERVER };

struct h2_handler {
	/* Server: a request's headers are complete.  Client: a response's. path is "" on a client. */
	void (*headers)(void *context, int32_t stream, const char *path, const char *content_type,
	    int status);
	/* One whole gRPC message of at most the stream's cap. */
	void (*message)(void *context, int32_t stream, const uint8_t *data, size_t size_bytes);
	/* Server: the caller has sent all its messages.  May be NULL. */
	void (*ended)(void *context, int32_t stream);
	/* The stream ended; grpc_status from trailers (client), or -1. */
	void (*closed)(void *context, int32_t stream, int grpc_status, const char *reason);
	void *context;
};

/* Metadata in which a node without TLS (LOCAL_MODE) claims who it is. */
#define H2_CLAIM "x-phalanx-id"

/* NOMEM. */
MUST_USE enum err h2_new(enum h2_side, const struct h2_handler *, struct h2 **out);
void h2_free(struct h2 *); /* accepts NULL; handlers are not called */
/* ERR_MALFORMED: protocol error, drop the connection.  Not from within a handler. */
MUST_USE enum err h2_receive(struct h2 *, const uint8_t *data, size_t size_bytes);
/* Coalesced output, at most room bytes; 0 when there is none. */
MUST_USE enum err h2_output(struct h2 *, uint8_t *out, size_t room, size_t *size_bytes);
bool h2_wants_output(const struct h2 *);
/* Client: open a call; extra_name/value may be NULL. */
MUST_USE enum err h2_call(struct h2 *, const char *path, const char *authority,
    const char *extra_name, const char *extra_value, size_t message_cap, int32_t *stream);
/* Server: accept the call (sends response headers), messages up to message_cap;
 * claim: this side's H2_CLAIM, or NULL. */
MUST_USE enum err h2_accept(struct h2 *, int32_t stream, const char *claim, size_t message_cap);
/* What the far side claims in this stream's headers; "" if nothing. */
const char *h2_claim(const struct h2 *, int32_t stream);
/* Queue one gRPC message.  FULL beyond LIMIT_LINK_QUEUE_BYTES on the connection. */
MUST_USE enum err h2_send(struct h2 *, int32_t stream, const uint8_t *data, size_t size_bytes);
/* Client: half-close.  Server: trailers with status (trailers-only if not accepted). */
MUST_USE enum err h2_finish(struct h2 *, int32_t stream, int grpc_status, const char *reason);
/* Messages queued and not yet given to h2_output(). */
size_t h2_queued_bytes(const struct h2 *);
/* Neither side has anything left to say: close the connection. */
bool h2_is_over(const struct h2 *);

#endif
