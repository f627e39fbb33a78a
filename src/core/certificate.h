/*
 * certificate: a quorum of ballots as one transferable proof.
 *
 * Pure.  Spec: docs/protocol.md, "Certificate".
 */
#ifndef CORE_CERTIFICATE_H
#define CORE_CERTIFICATE_H
#include "core/ballot.h"
#include "core/roster.h"

/*
 * Against exactly the epoch that it names, which the roster must know: bitmap canonical (length, no bit past
 * the heads, not the subject's), as many signatures as bits, quorum of number
 * and weight, every ballot signature good.  Cheap checks first; stops at the
 * first bad signature.  *checked: signatures verified, on failure too.
 * Errors: EPOCH, SUBJECT, VOTER, QUORUM, MALFORMED, SIGNATURE.
 */
MUST_USE enum err certificate_verify(const struct crypto *, const struct roster *,
    const struct certificate *, size_t *checked);

/* SHA-256 of the domain and the ballot that its voters signed: what a Release names. */
void certificate_ballot_hash(const struct crypto *, const struct roster *,
    const struct certificate *, struct hash *out);

struct tally; /* opaque: ballots of one (level, subject, round, epoch, window) */

/*
 * The caller owns *out.  EPOCH: not known.  A tally may outlive the roster
 * that it was made with: each call is given one that extends it.
 */
MUST_USE enum err tally_new(const struct roster *, const struct ballot *, struct tally **out);
void tally_free(struct tally *); /* accepts NULL */
/* A ballot signature that was verified.  VOTER: no head, the subject, or counted already. */
MUST_USE enum err tally_add(struct tally *, const struct roster *, member_index voter, const struct signature *);
bool tally_is_quorum(const struct tally *, const struct roster *);
size_t tally_voters(const struct tally *);
bool tally_has(const struct tally *, const struct roster *, member_index voter);
/* Writes bitmap and signatures (all that were counted) into the tally's own
 * memory and points *out at them.  ERR_QUORUM below a quorum. */
MUST_USE enum err tally_certificate(struct tally *, const struct roster *,
    struct certificate *out);

#endif
