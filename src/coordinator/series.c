#include <string.h>
#include "coordinator/series.h"

/* Ten bits, ten bits, four bits. */
static void
put(uint8_t out[3], const struct series_sample *s)
{
	const uint32_t bits = (uint32_t)s->cpu << 14 | (uint32_t)s->ram << 4 | s->score;

	out[0] = (uint8_t)(bits >> 16);
	out[1] = (uint8_t)(bits >> 8);
	out[2] = (uint8_t)bits;
}

static struct series_sample
take(const uint8_t in[3])
{
	const uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

	return (struct series_sample){ .cpu = (uint16_t)(bits >> 14 & 0x3ff),
		.ram = (uint16_t)(bits >> 4 & 0x3ff),
		.score = (uint8_t)(bits & 0xf) };
}

static const struct series_sample none = { .score = SERIES_NONE };

void
series_init(struct series *s)
{
	s->newest = 0;
	for (unsigned i = 0; i < SERIES_SAMPLES; i++)
		put(s->ring[i], &none);
}

void
series_add(struct series *s, uint64_t now_ms, const struct series_sample *sample)
{
	const uint64_t step = now_ms / SERIES_STEP_MS;

	if (step < s->newest)
		return;
	if (step - s->newest > SERIES_SAMPLES)
		s->newest = step - SERIES_SAMPLES;
	/* The steps in which nothing was said. */
	while (s->newest < step)
		put(s->ring[++s->newest % SERIES_SAMPLES], &none);
	put(s->ring[step % SERIES_SAMPLES], sample);
}

struct series_sample
series_at(const struct series *s, uint64_t now_ms, unsigned index)
{
	const uint64_t step = now_ms / SERIES_STEP_MS + index + 1;

	/* step is SERIES_SAMPLES too many, so that nothing goes below zero. */
	if (step > s->newest + SERIES_SAMPLES || step <= s->newest)
		return none;
	return take(s->ring[step % SERIES_SAMPLES]);
}
