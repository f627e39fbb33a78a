#include <string.h>
#include "sim/digest.h"

#define ODD_1 0x9e3779b97f4a7c15ULL
#define ODD_2 0xbf58476d1ce4e5b9ULL
#define ODD_3 0x94d049bb133111ebULL

uint64_t
digest_mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)(a ^ ODD_1) * (b ^ ODD_2);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Little-endian, whatever the machine. */
static uint64_t
load(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

struct lanes {
	uint64_t a, b;
};

static void
mix_in(struct lanes *l, uint64_t x, uint64_t y)
{
	l->a = digest_mix(l->a ^ x, y);
	l->b = digest_mix(l->b ^ y, x + ODD_3);
}

static struct lanes
absorb(uint64_t seed, const uint8_t *data, size_t size_bytes)
{
	struct lanes l = { seed ^ ODD_3, seed + size_bytes };
	uint8_t last[16] = { 0 };

	for (; size_bytes >= sizeof(last); size_bytes -= sizeof(last), data += sizeof(last))
		mix_in(&l, load(data), load(data + 8));
	if (size_bytes > 0) {
		memcpy(last, data, size_bytes);
		mix_in(&l, load(last), load(last + 8));
	}
	return l;
}

uint64_t
digest_bytes(uint64_t seed, const uint8_t *data, size_t size_bytes)
{
	struct lanes l = absorb(seed, data, size_bytes);

	return digest_mix(l.a, l.b);
}

void
digest_wide(uint64_t seed, const uint8_t *data, size_t size_bytes, uint8_t out[32])
{
	struct lanes l = absorb(seed, data, size_bytes);

	for (unsigned i = 0; i < 4; i++) {
		uint64_t word = digest_mix(l.a + i, l.b ^ i * ODD_3);

		for (unsigned j = 0; j < 8; j++)
			out[8 * i + j] = (uint8_t)(word >> 8 * j);
	}
}
