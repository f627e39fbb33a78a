/*
 * precaution: which precautions stand?  A function of the set alone, so that
 * all nodes agree in whatever order the reports arrived, and more reports
 * only ever stand one down.
 *
 * One stands iff fewer than `limit` other subjects have a precaution,
 * whatever became of it, that precedes it by (second, hash) in the 24 h
 * before it.  A subject counts once, however many it signed: it cannot use up
 * the others' share.
 *
 * Pure.  Spec: docs/protocol.md, "Isolation".
 */
#ifndef CORE_PRECAUTION_H
#define CORE_PRECAUTION_H
#include "base/err.h"
#include "core/types.h"

struct precaution {
	uint64_t second; /* of its header's time */
	struct hash hash;
	member_index subject;
	uint32_t round;
	bool over;   /* the caller's word: its round was released, it ranks but never stands */
	bool stands; /* filled by precaution_judge() */
};

/* Zeroed: empty. */
struct precautions {
	struct precaution *list; /* by (second, hash) */
	size_t count;
	size_t room;
};

void precaution_free(struct precautions *);
/* Already there: no effect.  ERR_NOMEM. */
MUST_USE enum err precaution_add(struct precautions *, const struct precaution *);
void precaution_remove(struct precautions *, const struct hash *);
/* Decide for each.  counts: scratch for every member, zeroed, and zeroed again on return. */
void precaution_judge(struct precautions *, size_t limit, uint32_t *counts);
/* The subject's oldest that stands; else NULL. */
const struct precaution *precaution_standing(const struct precautions *, member_index subject);
/* Does it precede another subject's, not over, in the 24 h before it?  It need not be in the set. */
bool precaution_matters(const struct precautions *, const struct precaution *);
/* One that is not over. */
bool precaution_held(const struct precautions *, member_index subject);
/* The oldest that stands of anybody; else NULL. */
const struct precaution *precaution_first_standing(const struct precautions *);

#endif
