/*
 * receive: the ways into this node: its links, its disk, its notary; and what
 * is refused, counted, told and charged.
 *
 * Pure.  Spec: docs/protocol.md, "Refusals".
 */
#ifndef CORE_RECEIVE_H
#define CORE_RECEIVE_H
#include "core/core.h"

/* A message from a link, whatever it is. */
void receive_message(struct core *, member_index from, struct span bytes);
/* One entry inside SyncItems. */
void receive_item(struct core *, member_index from, struct span bytes);
void receive_restored(struct core *, struct span bytes);
void receive_own(struct core *, struct span bytes);
/* From the console or the coordinator. */
void receive_submitted(struct core *, struct span bytes);
/* Restoring is over: what waited for its round is looked at again. */
void receive_waiting(struct core *);

/* Restored entries of rounds that had not begun. */
struct waiting {
	struct span *list;
	size_t count;
};
void receive_free(struct waiting *);

#endif
