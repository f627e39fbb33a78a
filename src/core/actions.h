/*
 * actions: what one step asks for, in the order that the protocol wants (cut,
 * forward, persist, report), and the bytes that those requests point to.
 *
 * Pure.  Spec: docs/protocol.md, "Spreading".
 */
#ifndef CORE_ACTIONS_H
#define CORE_ACTIONS_H
#include "core/core.h"

struct arena_chunk;

struct outbox {
	struct core_actions *out;    /* of the step that runs */
	struct core_action *scratch; /* to bring them into order */
	struct core_action overflow; /* written to when the list is full */
	struct arena_chunk *arena;
	uint64_t dropped;
};

MUST_USE enum err actions_new(struct outbox *);
void actions_free(struct outbox *);
/* Open a step: out is emptied, the bytes of the step before are released. */
void actions_begin(struct outbox *, struct core_actions *out);
/* Close it: bring the actions into their order, each kind as it was added. */
void actions_end(struct outbox *);

/* Never NULL: when the list is full, what is written there is dropped. */
struct core_action *actions_add(struct outbox *, enum core_do);
/* A notice about subject, everything else "none".  Reports leave room for what acts. */
struct core_action *actions_notice(struct outbox *, enum notice, member_index subject);
/* What acts and must not be lost asks first, and waits for another step. */
bool actions_have_room(const struct outbox *, size_t count);
/* Bytes that live until the next step; NULL: no memory. */
uint8_t *actions_bytes(struct outbox *, size_t size_bytes);

/* Encode a link message and send it.  False: it could not be made. */
bool actions_send_link_message(struct outbox *, const struct entry *, member_index to);
void actions_send(struct outbox *, struct span, member_index to, member_index except);

#endif
