/*
 * adversary: members with valid keys that do not do what they should.  Each
 * runs a core all the same, between which and the world these stand.
 */
#ifndef SIM_ADVERSARY_H
#define SIM_ADVERSARY_H
#include "sim/sim.h"

void adversaries_init(struct sim *);
void adversaries_free(struct sim *);
/* May this go out? */
bool adversary_sends(struct sim *, size_t host, size_t to, const struct payload *);
void adversary_hears(struct sim *, size_t host, struct payload *);
/* Now and then, while faults last. */
void adversaries_tick(struct sim *);

#endif
