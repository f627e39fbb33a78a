/*
 * roster_parts: the CA's records arrive in parts that are cut without regard
 * for records.  What is not whole yet waits here; what is whole is proven and
 * added to a copy of one's own: no process takes another's word for it.
 *
 * Spec: docs/privsep.md, "The roster grows".
 */
#ifndef SYS_ROSTER_PARTS_H
#define SYS_ROSTER_PARTS_H
#include "core/roster.h"

/* Zeros: nothing waits. */
struct roster_parts {
	uint8_t *bytes; /* that follow the roster's own */
	size_t used, room;
};

void roster_parts_drop(struct roster_parts *);
/* Of the records from offset on, so many bytes as fit a message; none at the end or beyond. */
struct span roster_parts_cut(struct span records, uint64_t offset);
/*
 * Add a part that stands at offset behind what is there.  A part that begins
 * where the roster ends begins anew.  RANGE: a gap lies before it;
 * EQUIVOCATION: it contradicts the roster, though one CA signed both;
 * OVERSIZE, NOMEM.
 */
MUST_USE enum err roster_parts_put(struct roster_parts *, const struct roster *,
    uint64_t offset, struct span part);
/*
 * Prove whole records at the front: as many as a part holds, one at least, and
 * no longer wait with them.  *out: the roster with them, or NULL: none is
 * whole.  Errors of roster_extend(); nothing waits any more then.
 */
MUST_USE enum err roster_parts_prove(struct roster_parts *, const struct roster *,
    const struct public_key *ca, struct roster **out);

#endif
