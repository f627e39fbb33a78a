/*
 * clone: a disk is copied and run a second time: two hosts with one identity,
 * each with a notary that writes first and signs then, and neither of which
 * knows of the other.
 *
 * The second host takes over some of the member's links, as who has its
 * address on some wires does; when it is switched off they fall back.  From
 * then on two sign with one key: invariants do not hold the member to be safe.
 */
#ifndef SIM_CLONE_H
#define SIM_CLONE_H
#include "sim/sim.h"

/* Of a host that runs and does not lie; else nothing happens. */
void clone_begin(struct sim *, size_t of, struct prng *);
void clone_end(struct sim *);
/* Who answers there for whom dials the member's host: it, or its clone. */
size_t clone_behind(const struct sim *, size_t dialler, size_t host);

#endif
