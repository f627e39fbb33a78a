/*
 * net_door: ShareQuarantineVote, the unary door for one vote.  It checks that
 * the call agrees with the entry it carries; the engine judges the entry.
 */
#ifndef PROC_NET_DOOR_H
#define PROC_NET_DOOR_H
#include "proc/net_conn.h"

struct door; /* opaque: the calls that wait for the engine */

MUST_USE enum err door_new(struct net *, struct door **out);
void door_called(struct door *, struct conn *, int32_t stream);
void door_message(struct door *, struct conn *, int32_t stream, const uint8_t *data,
    size_t size_bytes);
void door_answer(struct door *, const struct msg_vote_ack *);
/* The stream (0: all of this connection's) is gone. */
void door_forget(struct door *, const struct conn *, int32_t stream);

#endif
