/*
 * drafts: the entries that the notary was asked to write and has not
 * returned.  Nothing is asked for twice while one is out; what could not be
 * written is wanted again after LIMIT_APPEND_RETRY_MS, by whoever wanted it.
 *
 * Pure.  Spec: docs/protocol.md, "Entries".
 */
#ifndef CORE_DRAFTS_H
#define CORE_DRAFTS_H
#include "core/core.h"
#include "core/wake.h"

struct draft {
	uint32_t request;
	enum entry_kind kind;
	member_index subject;
	uint64_t detail; /* a verdict's level and window, a certificate's level, a self-report's kind; else 0 */
};

struct drafts {
	struct draft list[LIMIT_PENDING_APPENDS];
	size_t count;
	uint32_t last_request;
	uint64_t retry_ms; /* nothing before this */
	struct wake retry;
};

bool drafts_pending(const struct core *, enum entry_kind, member_index subject, uint64_t detail);
/* Ask the notary for it.  The entry's header is filled here.  False: not now. */
bool drafts_ask(struct core *, struct entry *, member_index subject, uint64_t detail);
/* Take back what this very step asked for: it must not be signed any more. */
void drafts_withdraw(struct core *);
/* CORE_APPENDED and CORE_APPEND_FAILED. */
void drafts_returned(struct core *, uint32_t request, struct span envelope);
void drafts_failed(struct core *, uint32_t request);

#endif
