/*
 * summary: what a run was and what came of it, for people.
 */
#ifndef SIM_SUMMARY_H
#define SIM_SUMMARY_H
#include "sim/sim.h"

void summary_print(const struct sim *, FILE *);

#endif
