/*
 * message_check: what must hold inside a payload beyond the bounds of its
 * fields, alike for reading and writing.  Internal to the codec.
 *
 * Pure.  Spec: docs/protocol.md, "Entries".
 */
#ifndef CORE_MESSAGE_CHECK_H
#define CORE_MESSAGE_CHECK_H
#include "core/message.h"

/*
 * Two signed feed entries of one mesh, author and incarnation, of the same or
 * the next sequence.  Whether they contradict is a question of hashes and
 * signatures, which the codec does not ask.
 */
MUST_USE enum err message_check_proof(const struct mesh_id *, const struct proof *);
/* It lifts something, and says why. */
MUST_USE enum err message_check_release(const struct release *);
/* Bytes that lie inside the whole. */
MUST_USE enum err message_check_roster_part(const struct roster_part *);

#endif
