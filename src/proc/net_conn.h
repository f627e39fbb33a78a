/*
 * net_conn: one connection with a member: socket, TLS, HTTP/2, deadlines and
 * what waits to be written.  It knows bytes and calls, not what they mean.
 */
#ifndef PROC_NET_CONN_H
#define PROC_NET_CONN_H
#include "http/h2.h"
#include "proc/net.h"

struct conn;  /* opaque */
struct conns; /* opaque: all of them */

enum conn_origin { CONN_ACCEPTED, CONN_DIALLED };

struct conn_events {
	struct h2_handler h2; /* its context is set to the connection */
	/* The far end is proven (LOCAL_MODE: connected); false: close it. */
	bool (*opened)(struct net *, struct conn *);
	/* About to be freed; reason is a sentence. */
	void (*gone)(struct net *, struct conn *, enum err why, const char *reason);
	/* Nothing waits to be written on some connection where something did. */
	void (*drained)(struct net *);
};

MUST_USE enum err conns_new(struct net *, const struct conn_events *, struct conns **out);
/* Connections not yet proven; from this address only, unless NULL. */
size_t conns_handshakes(const struct conns *, const struct address *or_null);
size_t conns_count(const struct conns *);
size_t conns_of(const struct conns *, member_index);
/* Stop reading from members, or go on: back-pressure of the engine. */
void conns_pause(struct conns *, bool paused);
/* Write what conn_mark() named: at the end of a wake-up, one write a connection. */
void conns_flush(struct conns *);

/* Takes over the connected (or connecting) descriptor, also when it fails.
 * expected: MEMBER_NONE when accepted. */
MUST_USE enum err conn_new(struct conns *, int fd, enum conn_origin, const struct endpoint *far,
    member_index expected);
void conn_close(struct conn *, enum err why, const char *reason); /* freed once it is safe */
/* It has output. */
void conn_mark(struct conn *);
bool conn_is_drained(const struct conn *);

struct net *conn_net(const struct conn *);
struct h2 *conn_h2(const struct conn *);
enum conn_origin conn_origin(const struct conn *);
const struct endpoint *conn_far(const struct conn *);
member_index conn_expected(const struct conn *);
/* Who the far end is: proven by TLS, or (LOCAL_MODE) believed by net_links.c. */
member_index conn_peer(const struct conn *);
void conn_set_peer(struct conn *, member_index);
/* The stream that is a link; 0: none. */
int32_t conn_link(const struct conn *);
void conn_set_link(struct conn *, int32_t stream);

#endif
