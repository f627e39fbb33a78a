/*
 * httpd_internal: what the pieces of httpd share.
 *
 * httpd.c         requests and answers, libmicrohttpd driven by the loop
 * httpd_gate.c    who may come in, and for how long
 * httpd_stream.c  answers without an end, and answers that come later
 */
#ifndef COORDINATOR_HTTPD_INTERNAL_H
#define COORDINATOR_HTTPD_INTERNAL_H
#include <microhttpd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include "coordinator/httpd.h"
#include "sys/tokenbucket.h"

#define HTTPD_LISTENERS 32

/*
 * libmicrohttpd's own timeout counts inactivity, so a client of one byte a
 * second would live on.  Here a whole request has to end within
 * LIMIT_HTTP_REQUEST_MS of the one before it; the queue is in order of
 * deadlines because the allowance is the same for all.
 */
struct connection {
	TAILQ_ENTRY(connection) link;
	TAILQ_ENTRY(connection) idle_link;
	struct httpd *httpd;
	struct source *source;
	struct address peer, local; /* local: none before the first request */
	uint64_t deadline_ms;
	int fd;
	bool is_idle; /* no whole request of its is being answered */
	bool shut;    /* asked to leave; libmicrohttpd sees the end of the stream and closes */
};

struct listener {
	struct httpd *httpd;
	struct loop_watch *watch;
	int fd;
};

struct httpd {
	struct httpd_config config;
	struct MHD_Daemon *daemon;
	struct loop_watch *watch;
	struct loop_timer *timer;  /* deadlines, and work that is left over */
	struct loop_timer *resume; /* accept again */
	struct listener listeners[HTTPD_LISTENERS];
	size_t listener_count;
	TAILQ_HEAD(, connection) connections; /* by deadline */
	TAILQ_HEAD(, connection) idle;        /* the one that spoke last is last */
	TAILQ_HEAD(, http_waker) streams;
	struct map *sources;         /* struct source by its address */
	struct tokenbucket *buckets; /* requests, an address */
	size_t most, leaving;        /* connections at once; those that were shut */
	size_t upload_bytes;         /* room of all bodies that are coming in */
	struct httpd_counters counters;
	bool driving;
	bool woken; /* a stream was resumed: its connection is looked at in the next run */
};

/* Let libmicrohttpd do what there is to do. */
void httpd_drive(struct httpd *);

/* httpd_gate.c */
MUST_USE enum err gate_open(struct httpd *);
void gate_close(struct httpd *);
/* libmicrohttpd's word on a connection that came or went. */
void gate_notified(void *httpd, struct MHD_Connection *, void **connection,
    enum MHD_ConnectionNotificationCode);
/* The connections whose time is up. */
void gate_expire(struct httpd *);
/* It has spoken: its time begins anew. */
void gate_postpone(struct connection *);
/* A request of its is whole, or is answered. */
void gate_set_busy(struct connection *, bool busy);
/* One request of this connection; false: more than its address may make. */
bool gate_charge(struct connection *);
void gate_address(const struct sockaddr *, struct address *out);

/* httpd_stream.c: NULL: no memory; the stream was closed. */
struct MHD_Response *stream_open(struct httpd *, struct MHD_Connection *,
    const struct http_stream *);
/* All of them, and what was put off, for good. */
void stream_end_all(struct httpd *);
/* A whole request waits for its answer.  NULL: no memory; it was closed. */
struct http_waker *later_open(struct httpd *, struct MHD_Connection *,
    const struct http_later *);
/* It was woken: how to answer it; NULL: it ended. */
const struct http_later *later_due(const struct http_waker *);
/* Its request is over; accepts NULL. */
void later_end(struct http_waker *);

/* Ours of libmicrohttpd's; NULL: it has none yet. */
struct connection *httpd_connection(struct MHD_Connection *);

#endif
