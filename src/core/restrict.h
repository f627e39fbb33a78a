/*
 * restrict: L1.  Every node cuts a subject for ten minutes, without any vote,
 * when witnesses of k enrolment groups accuse it within a minute; of each
 * witness its oldest fresh accusation counts, and no other, so that liars can
 * restrict no more than one subject for every k of them.  So many subjects at
 * a time, those accused first, as the statements tell: all nodes keep the same.
 *
 * Pure.  Spec: docs/protocol.md, "Isolation".
 */
#ifndef CORE_RESTRICT_H
#define CORE_RESTRICT_H
#include "core/core.h"
#include "core/wake.h"

/* One subject that enough witnesses accuse. */
struct restriction {
	struct member_wake wake; /* its end; its member is the subject */
	uint64_t since_ms;       /* Unix: the statement that made it complete */
	uint64_t until_ms;       /* monotonic */
	bool in_force;           /* within the cap */
	bool told;               /* that it began */
	bool told_capped;        /* that the cap forbade it */
};

struct restrictions {
	struct restriction **list;
	size_t count;
	size_t room;
};

/* There is more that witnesses say of this subject. */
void restrict_reconsider(struct core *, member_index subject);
/* An older accusation of one of its witnesses came to light: that one counts. */
void restrict_lost_voice(struct core *, member_index subject);
/* Which are within the cap?  After anything that changed who is quarantined. */
void restrict_judge(struct core *);
/* The subject's round is over. */
void restrict_end(struct core *, member_index subject);
void restrict_expired(struct core *, struct restriction *);
/* Monotonic; 0: not restricted. */
uint64_t restrict_until_ms(const struct core *, member_index subject);
void restrict_free(struct core *);

#endif
