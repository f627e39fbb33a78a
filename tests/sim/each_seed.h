/*
 * each_seed: a test that is run once a seed, 1 and on.
 *
 * SIM_SEED=n runs that one alone, SIM_SEEDS=n so many; else as many as the test
 * asks for.
 */
#ifndef TESTS_EACH_SEED_H
#define TESTS_EACH_SEED_H
#include <inttypes.h>
#include "tests/check.h"

static inline void
each_seed(uint64_t seeds, void (*run)(uint64_t seed))
{
	const char *one = getenv("SIM_SEED"), *many = getenv("SIM_SEEDS");

	if (one != NULL) {
		run(strtoull(one, NULL, 10));
		return;
	}
	if (many != NULL)
		seeds = strtoull(many, NULL, 10);
	for (uint64_t seed = 1; seed <= seeds; seed++)
		run(seed);
	print_message("%" PRIu64 " seeds\n", seeds);
}

#endif
