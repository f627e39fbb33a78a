/*
 * admit: one feed entry on its way into this node.  Verify first, decode
 * after, change state last; whatever is refused leaves no trace.
 *
 * Pure.  Spec: docs/protocol.md, "Entries", "Freshness, order, replay".
 */
#ifndef CORE_ADMIT_H
#define CORE_ADMIT_H
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
	VIA_SUBMITTED, /* from the console or the coordinator: as if synced, without a link */
	VIA_DISK, /* restored at boot */
	VIA_OWN   /* the notary just signed it for us */
};

struct arrival {
	enum via via;
	member_index from;   /* whose link; MEMBER_NONE from disk, or submitted */
	struct span bytes;   /* the Envelope */
	/* Filled on the way. */
	member_index author; /* MEMBER_NONE until the roster knew it */
	struct envelope envelope;
	enum err peeked;     /* OK: the two below are what the body claims */
	struct entry_header header;
	enum entry_kind kind;
	struct hash hash;
	struct entry entry;
	struct hash key;
	uint64_t age_ms;
	bool loose;          /* its author contradicts itself: it has no place in a feed */
};

/* via, from and bytes are set, author is MEMBER_NONE.  OK: it is held now, or was, or says nothing new. */
MUST_USE enum err admit(struct core *, struct arrival *);
/* Its timer: out of the tree, then no longer fresh, then gone. */
void admit_expired(struct core *, struct object *);

#endif
