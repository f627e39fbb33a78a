/*
 * sweep: many seeds, in several processes, with a line of progress, going on
 * where the last one stopped.
 */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H
#include "sim/options.h"

#define SWEEP_JOBS_MAX 64

struct sweep {
	bool wanted;
	uint64_t first, last;
	uint32_t jobs;
	const char *state; /* a file; NULL: none */
};

/* The exit status: 0 all is well, 1 a seed violated an invariant, else what a run died of. */
int sweep_run(const struct sweep *, const struct options *);

#endif
