/*
 * receipts: what this host's kernel held, and how soon.  Private: written to
 * our own feed for whoever audits it, and told to the coordinator alone.
 *
 * Nothing of it is on the way from a touch to a cut: receipts are written with
 * the next tick.
 *
 * Pure.  Spec: docs/protocol.md, "Entries" (Receipt).
 */
#ifndef CORE_RECEIPTS_H
#define CORE_RECEIPTS_H
#include "core/core.h"

struct object;

struct receipts {
	struct receipt list[LIMIT_PENDING_RECEIPTS]; /* not written yet */
	size_t count;
};

/* The kernel holds this subject: of the object that caused it, one receipt. */
void receipts_enforced(struct core *, member_index subject, uint64_t held_us);
/* Ask the notary for what is due, if this node may sign. */
void receipts_pursue(struct core *);
/* One of ours was written. */
void receipts_accept(struct core *, const struct receipt *, struct span envelope);

#endif
