#include "base/prng.h"

static uint64_t
rotate_left(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static uint64_t
splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void
prng_seed(struct prng *p, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		p->state[i] = splitmix64(&seed);
}

uint64_t
prng_next(struct prng *p)
{
	uint64_t *s = p->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t
prng_below(struct prng *p, uint64_t bound)
{
	/* The first 2^64 mod bound values would make small results likelier. */
	uint64_t biased = (0 - bound) % bound;
	uint64_t value;

	do
		value = prng_next(p);
	while (value < biased);
	return value % bound;
}
