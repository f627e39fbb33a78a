/*
 * wake: the core's timers.  One queue for all of them; each is the first
 * field of what it wakes.
 */
#ifndef CORE_WAKE_H
#define CORE_WAKE_H
#include "base/timerq.h"

enum wake_kind {
	WAKE_TICK,    /* struct core: a ping period */
	WAKE_OBJECT,  /* struct object: out of the tree, or no longer fresh */
	WAKE_RELAY,   /* struct relay: forward to whom it has not reached */
	WAKE_SEVER,   /* struct isolation: from cut to sever */
	WAKE_MEMBER,  /* struct local_member: L0 against a member ends */
	WAKE_RESTRICT, /* struct restriction: L1 against a member ends */
	WAKE_ADDRESS, /* struct local_address: L0 against an address ends */
	WAKE_INDICATOR, /* struct suspect: a report of an address ends */
	WAKE_LOCK,    /* struct lock: the send queues had their time */
	WAKE_APPEND   /* struct drafts: try what could not be written again */
};

struct wake {
	struct timer timer; /* first */
	enum wake_kind kind;
};

/* Of one member's; zeros until it is set. */
struct member_wake {
	struct wake wake; /* first */
	uint16_t member;
};

/* Where a timer that cannot be set only makes something later than it could be. */
static inline void
wake_try(struct timerq *q, struct wake *w, uint64_t at_ms)
{
	if (timerq_set(q, &w->timer, at_ms) != ERR_OK)
		return;
}

#endif
