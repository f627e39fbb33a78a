/*
 * vote: what this node says about others: statements of what it saw, verdicts
 * within its own budget, certificates of a quorum that it counted.
 *
 * vote_pursue() asks for whatever is due and was not asked for yet, from the
 * state alone; so it may be called after any change, in any order.
 *
 * Pure.  Spec: docs/protocol.md, "Ballot".
 */
#ifndef CORE_VOTE_H
#define CORE_VOTE_H
#include "core/core.h"

/* Seen with own eyes: grounds for ten minutes. */
void vote_witness(struct core *, member_index subject, const struct statement *);
void vote_pursue(struct core *, member_index subject);
/* All incidents that are open; after sync, a window, a retry. */
void vote_pursue_all(struct core *);
/* Our own vote, out of our feed: it counts in our budget even when it is old. */
void vote_remember(struct core *, const struct verdict *, uint64_t age_ms);

#endif
