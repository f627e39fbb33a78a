/*
 * prng: xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded by splitmix64.
 * For jitter, choices and simulations; never for keys.
 */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H
#include <stdint.h>

struct prng {
	uint64_t state[4];
};

void prng_seed(struct prng *, uint64_t seed);
uint64_t prng_next(struct prng *);
/* Uniform in [0, bound), without bias; bound at least 1. */
uint64_t prng_below(struct prng *, uint64_t bound);

#endif
