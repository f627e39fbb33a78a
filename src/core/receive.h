/*
 * receive: the way of a feed entry into this node.  Verify first, decode
 * after, change state last; whatever is refused leaves no trace but a count.
 *
 * Pure.  Spec: docs/protocol.md, "Refusals", "Freshness, order, replay".
 */
#ifndef CORE_RECEIVE_H
#define CORE_RECEIVE_H
#include "core/budget.h"
#include "core/core.h"
#include "core/replay.h"

struct object;

/* What this node remembers of one author. */
struct author {
	struct replay replay;
	struct budget entries;
	struct budget urgent;
};

enum via {
	VIA_LINK, /* straight from a link; the author's own, or relayed */
	VIA_SYNC, /* inside SyncItems */
	VIA_DISK, /* restored at boot */
	VIA_OWN   /* the notary just signed it for us */
};

/* A message from a link, whatever it is. */
void receive_message(struct core *, member_index from, struct span bytes);
/* One entry inside SyncItems. */
void receive_item(struct core *, member_index from, struct span bytes);
void receive_restored(struct core *, struct span bytes);
void receive_own(struct core *, struct span bytes);
/* Its timer: out of the tree, then no longer fresh, then gone. */
void receive_object_due(struct core *, struct object *);

#endif
