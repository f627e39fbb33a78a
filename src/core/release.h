/*
 * release: what operators ask for.  A Release lifts what it names, of the
 * subject's current round, and nothing else: the QUARANTINE certificate, or
 * the precautions up to a sequence, or both.
 *
 * Pure.  Spec: docs/protocol.md, "Isolation" (release).
 */
#ifndef CORE_RELEASE_H
#define CORE_RELEASE_H
#include "core/core.h"

struct object;

/* One request. */
struct request {
	struct request *next;
	struct object *object;
	bool names_certificate;
	struct hash certificate;
	uint64_t incarnation, sequence;
};

/* Is it acceptable?  AUTHOR (its enrolment had ended), SUBJECT, ROUND, FULL. */
MUST_USE enum err release_check(const struct core *, const struct entry *,
                                const struct hash *, member_index author);
/* It is held now.  ERR_NOMEM: nothing was done. */
MUST_USE enum err release_accept(struct core *, struct object *, const struct release *);
void release_forget(struct core *, const struct object *);
void release_free(struct request *);
/*
 * Some request names all that this node holds against the subject in its
 * current round, and nothing that it does not hold.
 */
bool release_is_covered(const struct core *, member_index subject);

#endif
