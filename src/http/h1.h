/*
 * h1: the client's side of HTTP/1.1 exchanges on one connection, over
 * libhttp-parser.  One request is out at a time (no pipelining).
 *
 * No syscalls; the owner moves the bytes.  The answer's head and body are
 * bounded; what the far side sends beyond its answer ends the connection.
 */
#ifndef HTTP_H1_H
#define HTTP_H1_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct h1; /* opaque: one connection */

struct h1_header {
	const char *name, *value; /* no control characters: ERR_MALFORMED */
};

struct h1_request {
	const char *method;    /* NULL: POST */
	const char *path;      /* "/api/telemetry" */
	const char *authority; /* Host: "localhost:8090" */
	const char *content_type;
	const struct h1_header *headers;
	size_t header_count;
	const uint8_t *body;
	size_t body_bytes;
};

/* body_cap_bytes: of an answer.  NOMEM. */
MUST_USE enum err h1_new(size_t body_cap_bytes, struct h1 **out);
void h1_free(struct h1 *); /* accepts NULL */
/* A request, a POST unless it says otherwise, as bytes that the caller frees; expects its
 * answer.  LOCKED while one is out, MALFORMED, NOMEM. */
MUST_USE enum err h1_post(struct h1 *, const struct h1_request *, uint8_t **out,
    size_t *size_bytes);
/* *done: the answer is whole.  MALFORMED, OVERSIZE, NOMEM: close the connection. */
MUST_USE enum err h1_receive(struct h1 *, const uint8_t *data, size_t size_bytes, bool *done);
/* The far end closed: that may be what ends the answer.  TRUNCATED. */
MUST_USE enum err h1_eof(struct h1 *, bool *done);
/* Has any byte of the answer come?  (If not, a kept connection may just have timed out.) */
bool h1_has_begun(const struct h1 *);
/* Of the last whole answer; the body lives until the next h1_post. */
int h1_status(const struct h1 *);
const uint8_t *h1_body(const struct h1 *, size_t *size_bytes);
bool h1_keeps_alive(const struct h1 *);

/* The header fields of an answer that are kept: those that sign it. */
enum h1_field { H1_CONTENT_DIGEST, H1_SIGNATURE_INPUT, H1_SIGNATURE, H1_FIELDS };

/* A field's value, or NULL: not there, there twice, or longer than any such is. */
const char *h1_field(const struct h1 *, enum h1_field);

#endif
