/*
 * checker: the invariants of docs/protocol.md that hold after every step of
 * every honest node.  A violation fails the test with the seed.
 */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H
#include "sim/world.h"

void checker_step(struct world *, size_t node);
/* An action of a node, before it takes effect. */
void checker_action(struct world *, size_t node, const struct core_action *);
/* After healing: all honest connected nodes hold the same objects. */
void checker_agree(const struct world *);
void checker_free(struct world *);

#endif
