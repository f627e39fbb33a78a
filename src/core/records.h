/*
 * records: the CA's append-only log travels from who holds more of it to who
 * holds less.  Lengths ride on Hello and Ping; the core asks one peer at a
 * time and hands whole records to the outside, which proves and keeps them.
 *
 * Pure.  Spec: docs/protocol.md, "Roster".
 */
#ifndef CORE_RECORDS_H
#define CORE_RECORDS_H
#include "core/core.h"

/* Of the transfer that is under way.  Zeroed: none. */
struct records {
	bool active;
	member_index from;
	uint64_t since_ms;     /* of the last that was proven */
	uint64_t start;        /* where in the log the bytes below begin */
	uint8_t *bytes;
	size_t size_bytes;
	size_t room_bytes;
	size_t handed_bytes;   /* of them, with the outside */
	unsigned parts;        /* that came in answer to the last ask */
	uint64_t total;        /* what there is, as the peer says */
};

void records_free(struct core *);
uint64_t records_held(const struct core *);
/* A peer says how much it holds. */
void records_told(struct core *, member_index from, uint64_t held_bytes);
/* It brought an entry of an epoch that we do not know. */
void records_missed(struct core *, member_index from);
void records_unlinked(struct core *, member_index peer);
/* BUDGET. */
MUST_USE enum err records_ask(struct core *, member_index from, const struct roster_ask *);
/* What was not asked for is passed over.  MALFORMED, NOMEM. */
MUST_USE enum err records_part(struct core *, member_index from, const struct roster_part *);
/* CORE_ROSTER: the roster has grown, or what was handed out proves nothing. */
void records_grown(struct core *);
void records_refused(struct core *, enum err);

#endif
