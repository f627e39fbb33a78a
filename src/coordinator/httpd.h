/*
 * httpd: HTTP/1.1 in the loop, over libmicrohttpd without a thread.  Bounded
 * in connections, connections an address, bytes a body and time a request;
 * the headers that every answer carries are set here.
 */
#ifndef COORDINATOR_HTTPD_H
#define COORDINATOR_HTTPD_H
#include <stdbool.h>
#include "base/err.h"
#include "base/limits.h"
#include "core/types.h"
#include "http/signature.h"
#include "sys/loop.h"

#define HTTP_SEGMENTS     2
#define HTTP_SEGMENT_ROOM (LIMIT_NAME_BYTES + 1)

struct httpd;           /* opaque */
struct MHD_Connection;
struct http_reply;      /* below */

struct http_request {
	struct MHD_Connection *connection;
	const char *method;
	const char *path; /* no query */
	char segment[HTTP_SEGMENTS][HTTP_SEGMENT_ROOM]; /* what stands for the row's {} */
	const char *host; /* as sent; NULL: none */
	const char *origin;
	struct address peer;  /* the far end */
	struct address local; /* the address it came to */
	const uint8_t *body;
	size_t body_bytes;
	bool too_fast;  /* its address is over its budget of requests: 429 */
	bool too_large; /* the body exceeded LIMIT_HTTP_BODY_BYTES and is not here */
	const struct http_later *later; /* it was put off so and is now due; NULL: not */
};

struct http_waker; /* opaque: one open stream, or one request that was put off */

/* In place of an answer: the handler is called again with this once httpd_wake() was, which has
 * to be within LIMIT_HTTP_REQUEST_MS. */
struct http_later {
	void (*answer)(void *context, struct http_reply *);
	/* How to wake it; valid until closed.  Called once. */
	void (*opened)(void *context, struct http_waker *);
	/* Answered, or the far end left; also when it never opened. */
	void (*closed)(void *context);
	void *context;
};

/* A body without an end, in place of one. */
struct http_stream {
	/* Up to room bytes of what there is; 0: nothing now, httpd_wake() says when. */
	size_t (*read)(void *context, char *out, size_t room);
	/* How to wake it; valid until closed.  Called once, before the first read. */
	void (*opened)(void *context, struct http_waker *);
	/* The far end left, or was too slow for LIMIT_HTTP_REQUEST_MS; also when it never opened. */
	void (*closed)(void *context);
	void *context;
};

#define HTTP_FIELDS 8

struct http_field {
	const char *name, *value; /* the value lives until the answer is composed */
};

/* The three fields that sign an answer: coordinator/seal.h. */
struct http_seal {
	bool is_set;
	char digest[HTTP_SIGNATURE_HEADER_BYTES], input[HTTP_SIGNATURE_HEADER_BYTES],
	    value[HTTP_SIGNATURE_HEADER_BYTES];
};

struct http_reply {
	unsigned status;
	const char *type;    /* Content-Type; NULL: none */
	void *body;          /* malloc'ed, given away; or, with is_static, of static storage */
	size_t body_bytes;
	bool is_static;
	const char *etag;    /* then it may be cached, else no-store */
	const char *allow;   /* Allow, for 405 */
	const char *cors_origin; /* Access-Control-Allow-Origin */
	struct http_field fields[HTTP_FIELDS]; /* others; the first without a name ends them */
	bool close;
	const struct hash *body_digest; /* SHA-256 of the body where it is known; NULL: not yet */
	struct http_seal seal;
	struct http_stream stream; /* read NULL: none */
	struct http_later later;   /* answer NULL: none */
};

struct httpd_config {
	struct loop *loop;
	size_t descriptors; /* that the process may have: places for connections, and a reserve */
	/* Fill in reply (zeroed).  Never waits. */
	void (*handle)(void *context, const struct http_request *, struct http_reply *reply);
	void *context;
};

struct httpd_counters {
	uint64_t requests, refused; /* refused: 4xx and 5xx */
	uint64_t timed_out;         /* connections, for being slow or silent */
	uint64_t gave_way;          /* connections, silent ones to new ones */
	uint64_t turned_away;       /* connections, at the door or with a body too many */
	uint64_t too_fast;          /* requests */
	size_t connections, streams;
};

/* The caller owns *out.  IO, NOMEM. */
MUST_USE enum err httpd_new(const struct httpd_config *, struct httpd **out);
void httpd_free(struct httpd *); /* accepts NULL; closes its listeners */
/* Takes over a bound, listening stream socket.  FULL, IO. */
MUST_USE enum err httpd_listen(struct httpd *, int fd);
void httpd_count(const struct httpd *, struct httpd_counters *out);

/* There is something to read, or to answer.  Neither happens at once. */
void httpd_wake(struct http_waker *);
/* It cannot go on: its connection ends. */
void httpd_end(struct http_waker *);

/* A header's value, or NULL. */
const char *http_header(const struct http_request *, const char *name);
/* A cookie's value, or NULL. */
const char *http_cookie(const struct http_request *, const char *name);
/* A query argument's value ("" without one), or NULL. */
const char *http_query(const struct http_request *, const char *name);

#endif
