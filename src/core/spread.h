/*
 * spread: what is accepted from a peer and passed on.  In a full mesh urgent
 * objects are: LIMIT_RELAY_DELAY_MS later, to the links that they were not heard
 * from, by some of the members in turn until f + 1 have.  In a larger one every
 * object is, at once, to all links but that one.
 *
 * Pure.  Spec: docs/protocol.md, "Spreading".
 */
#ifndef CORE_SPREAD_H
#define CORE_SPREAD_H
#include "core/core.h"
#include "core/wake.h"

struct object;

struct relay {
	struct wake wake;
	struct object *object;
	size_t members;  /* when it was made: who joined since heard nothing */
	size_t relayed;  /* from so many others than its author it came */
	uint8_t heard[]; /* a bit a member */
};
struct relays {
	struct relay *list[LIMIT_PENDING_RELAYS];
	size_t count;
};

void spread_free(struct core *);
/* A verified object that is new here came from this link; synced: in anti-entropy. */
void spread_accept(struct core *, struct object *, member_index from, bool synced);
/* It, or the same once more, is known to be there. */
void spread_heard(struct core *, const struct object *, member_index from, bool synced);
void spread_forget(struct core *, const struct object *);
void spread_relay(struct core *, struct relay *);

#endif
