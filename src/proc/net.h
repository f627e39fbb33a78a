/*
 * net: what the pieces of the net process share.
 *
 * net.c         the role: sandbox, engine, parent
 * net_accept.c  listeners, and budgets before a byte is read
 * net_conn.c    a connection: socket, TLS, HTTP/2, deadlines
 * net_links.c   which connection is which member's link; what arrives on it
 * net_dial.c    calling the neighbours with a larger id
 * net_door.c    the unary door for one vote
 * net_coordinator.c  HTTP/1.1 to the coordinator
 * net_trust.c   whether it is the coordinator that this node knows
 *
 * Spec: docs/protocol.md, "Links" and "Budgets"; docs/privsep.md, "Net".
 */
#ifndef PROC_NET_H
#define PROC_NET_H
#include "core/rings.h"
#include "proc/messages.h"
#include "sys/roster_parts.h"
#include "sys/ipc.h"
#include "sys/loop.h"
#include "sys/tls.h"
#include "sys/tokenbucket.h"

#define NET_ID_TEXT 33 /* 32 digits and the end */

struct net {
	struct loop *loop;
	const struct config *config;
	struct public_key ca;
	struct roster *roster;
	struct roster_parts parts; /* of one that is larger */
	member_index self;
	bool full_mesh;          /* every node is a neighbour; else these: */
	member_index neighbours[RINGS_NEIGHBOURS];
	size_t neighbour_count;
	struct tls_context *tls; /* NULL: LOCAL_MODE, and then loopback only */
	struct tokenbucket *buckets;
	struct ipc *engine;      /* NULL: gone */
	bool open;               /* this engine has sent MSG_OPEN */

	struct acceptor *acceptor;
	struct conns *conns;
	struct links *links;
	struct dialler *dialler;
	struct door *door;
	struct coordinator *coordinator;
};

/* To the engine.  CLOSED when there is none, FULL when it does not keep up. */
MUST_USE enum err net_tell(struct net *, enum message_type, const void *fixed, size_t fixed_bytes,
    const void *tail, size_t tail_bytes);
/* A line in the log and a message to the engine; at most one a source and LIMIT_ALARM_MS. */
void net_alarm(struct net *, enum alarm, const struct endpoint *source, const char *detail);
/* One act of this source; false: over its budget, alarmed. */
bool net_charge(struct net *, const struct endpoint *source);
/* A node that a link may lead to. */
bool net_is_neighbour(const struct net *, member_index);
/* Of two neighbours the one with the smaller id dials: is this one to dial peer?  Nobody dials MEMBER_NONE. */
bool net_dials(const struct net *, member_index peer);
void net_format_id(const struct net *, member_index, char out[NET_ID_TEXT]);
/* "node-b (10.77.0.12)"; out: at least NET_WHO bytes. */
#define NET_WHO (LIMIT_NAME_BYTES + 64)
void net_format_who(const struct net *, member_index or_none, const struct endpoint *, char *out);

/* net_accept.c: takes over the descriptors. */
MUST_USE enum err acceptor_new(struct net *, const int *fds, size_t count, struct acceptor **out);
void acceptor_set_open(struct acceptor *, bool open);

/* net_dial.c */
struct conn;
MUST_USE enum err dialler_new(struct net *, struct dialler **out);
void dialler_set_open(struct dialler *, bool open);
/* Room for so many members.  NOMEM. */
MUST_USE enum err dialler_grow(struct dialler *, size_t members);
/* Who is to be dialled may have changed with the roster. */
void dialler_look_again(struct dialler *);
/* A connection that this side dialled is gone; was_up: it had carried a link. */
void dialler_gone(struct dialler *, member_index, bool was_up);

/* net_coordinator.c: body is copied; every post is answered by one MSG_POSTED. */
MUST_USE enum err coordinator_new(struct net *, struct coordinator **out);
void coordinator_post(struct coordinator *, const struct msg_post *, const uint8_t *body,
    size_t size_bytes);
/* The key to know it by.  Before the first, nothing is posted. */
void coordinator_pin(struct coordinator *, const struct msg_pin *);
/* A new engine hears what the coordinator is worth. */
void coordinator_announce(struct coordinator *);

#endif
