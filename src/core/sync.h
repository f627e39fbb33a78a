/*
 * sync: anti-entropy over the decision keys, first sync, and the check of our
 * own feed's head against what peers hold.
 *
 * Pure.  Spec: docs/protocol.md, "Spreading", "Freshness, order, replay".
 */
#ifndef CORE_SYNC_H
#define CORE_SYNC_H
#include "core/core.h"

/* A peer told its root. */
void sync_root(struct core *, member_index from, uint64_t root);
void sync_buckets(struct core *, member_index from, const struct sync_buckets *);
void sync_items(struct core *, member_index from, const struct sync_items *);
/* Ask for an exchange. */
void sync_exchange(struct core *, member_index with);
/* Is first sync over?  After anything that may have decided it. */
void sync_evaluate(struct core *);
void sync_tick(struct core *);

/* A peer's claim about our own feed: proven by the entry alone. */
void sync_claim(struct core *, member_index from, const struct feed_head *yours);
/* A peer's word about its own feed: when it is behind what we hold, we show it. */
void sync_serve_head(struct core *, member_index to, const struct feed_head *theirs);
/*
 * An entry of our own that came from outside, verified, on a peer's link or
 * MEMBER_NONE's: does it prove that we lost state, or that our key has two holders?
 */
void sync_check_own(struct core *, member_index from, const struct entry_header *,
    const struct hash *);
void sync_lost_state(struct core *);

#endif
