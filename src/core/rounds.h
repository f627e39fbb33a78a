/*
 * rounds: certificates, and the round of a subject that they decide.
 *
 * A subject's round is 1 + the highest round with a RELEASE certificate held,
 * or that of a QUARANTINE certificate if it is higher: a function of what is
 * held, in whatever order it came.  Of several certificates of one subject,
 * round and level the one whose ballot has the lowest (epoch, window) is kept.
 *
 * Pure.  Spec: docs/protocol.md, "Ballot" (rounds), "Certificate".
 */
#ifndef CORE_ROUNDS_H
#define CORE_ROUNDS_H
#include "core/core.h"

struct object;

/* One of its subject, round and level is held, and its ballot is not later: nothing new. */
bool rounds_is_known(const struct core *, const struct entry *);
/* Beyond the envelope; changes no state.  SUBJECT, ROUND, and those of certificate_verify(). */
MUST_USE enum err rounds_check_certificate(struct core *, const struct entry *, bool own);
/* It is held now.  RELEASE ends its round, QUARANTINE of a later one begins that. */
void rounds_accept_certificate(struct core *, struct object *, const struct certificate *);
/* The object is about to go. */
void rounds_forget_certificate(struct core *, const struct object *);

/* Of a round that has not begun: what it needs may come yet. */
bool rounds_is_ahead(const struct core *, const struct entry *);
/* Listed in neither the current epoch nor the one before: nothing about it is kept but what is final. */
bool rounds_is_gone(const struct core *, member_index subject);
/* What was held of it left: its rounds, too. */
void rounds_forget(struct core *, member_index subject);
/* Confessed or proven: no release, ever. */
bool rounds_is_final(const struct core *, member_index subject);
/* It has just become so: whatever asked for its release goes. */
void rounds_made_final(struct core *, member_index subject);

#endif
