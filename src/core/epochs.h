/*
 * epochs: what the current epoch decides for this node, and what changes when
 * the CA's log grows: members come, are renewed, and leave.
 *
 * Pure.  Spec: docs/protocol.md, "Roster", "Electorate".
 */
#ifndef CORE_EPOCHS_H
#define CORE_EPOCHS_H
#include "core/core.h"

/* Thresholds and numbers that follow from the current epoch. */
void epochs_adopt(struct core *);
/* Arrays by member for so many of them, at least as many as now.  NOMEM: as it was. */
MUST_USE enum err epochs_make_room(struct core *, size_t members);
/* CORE_ROSTER.  What does not extend ours, or has no memory, is refused with a notice. */
void epochs_extend(struct core *, const struct roster *next);

#endif
