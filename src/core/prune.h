/*
 * prune: what leaves before its time: with the end of a round, when a subject
 * can never be released, and when epochs passed over it.
 *
 * Pure.  Spec: docs/protocol.md, "Ballot" (rounds), "Spreading".
 */
#ifndef CORE_PRUNE_H
#define CORE_PRUNE_H
#include "core/core.h"

struct object;

/* Out of the tree, out of every list, and freed after this step. */
void prune_object(struct core *, struct object *);
/* Everything that has no place here any more; after a round, an epoch, a confession. */
void prune_all(struct core *);
/* Likewise after enrolments, which may have moved addresses. */
void prune_roster_changed(struct core *);
/* What ages counts in the current epoch and the one before, of its author's newest incarnation. */
bool prune_is_out_of_date(const struct core *, const struct entry_header *, member_index author);

#endif
