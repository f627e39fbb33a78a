/*
 * proof: two entries under one signature that contradict each other.  A feed
 * is a chain: one sequence has one body, and the next names its hash.
 *
 * Only headers and signatures count: what the entries say matters to nobody,
 * and an epoch that was forgotten meanwhile acquits nobody.
 *
 * Pure.  Spec: docs/protocol.md, "Entries" (Proof).
 */
#ifndef CORE_PROOF_H
#define CORE_PROOF_H
#include "base/err.h"
#include "core/crypto.h"
#include "core/message.h"
#include "core/roster.h"

#define PROOF_OVERHEAD_BYTES 256 /* header and tags around the two Envelopes, at most */

/* An entry's place in a feed, and what its signature binds it to. */
struct proof_place {
	const struct entry_header *header;
	const struct hash *hash;
};

/* Can no honest author, with this one incarnation, have signed both?  The same entry twice is none. */
bool proof_contradict(const struct proof_place *, const struct proof_place *);

/* Two Envelopes in the order of a Proof.  MALFORMED: they are no feed entries, or contradict nothing. */
MUST_USE enum err proof_make(const struct crypto *, struct span, struct span, struct proof *out);

/* Whom it accuses, without checking anything; false: it cannot be told. */
bool proof_accused(const struct proof *, struct node_id *out);

/*
 * Does it convict?  MALFORMED: not canonical, or no contradiction; MESH;
 * SUBJECT: no node of the roster; AUTHOR: an incarnation that is to come;
 * SIGNATURE.  *checked: signatures verified, on failure too.
 */
MUST_USE enum err proof_check(const struct crypto *, const struct roster *, const struct proof *,
    size_t *checked, member_index *culprit);

#endif
