/*
 * conviction: a member that signed two entries which contradict each other:
 * finding it, writing the Proof, and what follows once one stands.
 *
 * What a convicted author said on its own word (self-reports, statements,
 * verdicts, indicators, receipts) leaves every node, whichever of its bodies
 * that one held, so that all agree again.  What proves itself (certificates,
 * proofs) stays, without a place in its author's feed.
 *
 * Pure.  Spec: docs/protocol.md, "Entries" (Proof).
 */
#ifndef CORE_CONVICTION_H
#define CORE_CONVICTION_H
#include "core/core.h"
#include "core/proof.h"

struct arrival;
struct object;

/* Proofs that this node could write, and has not yet. */
struct convictions {
	struct conviction {
		member_index culprit;
		uint8_t *bytes; /* both Envelopes, one after the other: the second was held */
		size_t first_bytes;
		size_t second_bytes;
	} list[LIMIT_PENDING_PROOFS];
	size_t count;
};

void conviction_free(struct core *);
/* Does such an entry count whoever wrote it? */
bool conviction_proves_itself(enum entry_kind);
/* Is the entry's author convicted, and is the entry worth nothing without its word? */
bool conviction_silences(const struct core *, member_index author, enum entry_kind);
/* What is held at this place of a feed, right beside it, or as its newest, and says otherwise. */
const struct object *conviction_find(struct core *, member_index author,
    const struct proof_place *);
/*
 * A proven entry of another member: does it contradict one that is held?
 * EQUIVOCATION: it does, and a Proof is on its way.
 */
MUST_USE enum err conviction_look(struct core *, const struct arrival *);
/* Ask the notary for what is due, if this node may sign. */
void conviction_pursue(struct core *);
/*
 * A peer offered what contradicts an entry that is held.  Show it that one,
 * if the Proof is not for us to sign: the peer may know but its own.
 */
void conviction_show(struct core *, member_index culprit, member_index to);

/* Beyond the envelope; changes no state.  As proof_check(). */
MUST_USE enum err conviction_check(struct core *, const struct entry *, bool own);
/* It is held now. */
void conviction_accept(struct core *, struct object *);

#endif
