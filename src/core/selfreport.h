/*
 * selfreport: this node's vote on itself, and what it holds of others'.
 *
 * Pure.  Spec: docs/protocol.md, "Isolation".
 */
#ifndef CORE_SELFREPORT_H
#define CORE_SELFREPORT_H
#include "core/core.h"

struct incident;
struct object;

/* What this node wants to say of itself and has not said yet. */
struct self_reports {
	struct wanted_report {
		bool wanted;
		enum event_class reason;
		struct endpoint source;
		struct hash evidence_digest;
	} precaution, confession;
};

/*
 * Wanted once a round: a confession, or a precaution (one that stood down speaks
 * for its day only).  False: it was said, or is wanted already.
 */
bool selfreport_want(struct core *, enum self_report_kind, const struct wanted_report *);
/* Ask the notary for what is wanted, if this node may sign at all. */
void selfreport_pursue(struct core *);

/* Is it acceptable?  ROUND, FULL. */
MUST_USE enum err selfreport_check(const struct core *, const struct entry *, const struct hash *,
    member_index author);
/* It is held now: decide anew which precautions stand.  ERR_NOMEM: nothing was done. */
MUST_USE enum err selfreport_accept(struct core *, struct object *);
/* It counts no longer, nor is it found here; selfreport_judge() has to follow. */
void selfreport_forget(struct core *, const struct object *);
/* The subject's round began: its precautions of those before stand no more. */
void selfreport_end_round(struct core *, member_index subject);
/*
 * A precaution that was lifted two epochs ago, or whose author is gone, and
 * that ranks before no other that still counts.
 */
bool selfreport_is_spent(const struct core *, const struct object *);
/* The latest precaution of the current round; NULL: none. */
const struct object *selfreport_last(const struct incident *);
/* Which precautions stand now, and what follows for each subject; changed may have none left. */
void selfreport_judge(struct core *, member_index changed);

#endif
