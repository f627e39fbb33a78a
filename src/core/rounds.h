/*
 * rounds: certificates, and the round of a subject that they decide.
 *
 * Pure.  Spec: docs/protocol.md, "Ballot" (rounds), "Certificate".
 */
#ifndef CORE_ROUNDS_H
#define CORE_ROUNDS_H
#include "core/core.h"

struct object;

/* Beyond the envelope; changes no state.  SUBJECT, ROUND, UNSUPPORTED, and those of certificate_verify(). */
MUST_USE enum err rounds_check_certificate(struct core *, const struct entry *, bool own);
/* It is held now. */
void rounds_accept_certificate(struct core *, struct object *, const struct certificate *);

#endif
