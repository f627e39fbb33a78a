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

#endif
