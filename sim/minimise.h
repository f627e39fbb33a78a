/*
 * minimise: from a run that fails to a smaller one that violates the same
 * invariant: fewer hosts, liars, faults and adversaries, less time and steps.
 */
#ifndef SIM_MINIMISE_H
#define SIM_MINIMISE_H
#include "sim/options.h"

/* Prints the smaller command.  The exit status: 1, as the run itself; 0: it does not fail. */
int minimise_run(const struct options *);

#endif
