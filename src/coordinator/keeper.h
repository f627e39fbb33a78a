/*
 * keeper: what is old, or too much, leaves the store in steps so small that
 * nobody waits for them.
 */
#ifndef COORDINATOR_KEEPER_H
#define COORDINATOR_KEEPER_H
#include "coordinator/coordinator.h"

struct keeper; /* opaque */

MUST_USE enum err keeper_new(struct coordinator *, struct keeper **out);
void keeper_free(struct keeper *); /* accepts NULL */

#endif
