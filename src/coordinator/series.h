/*
 * series: how one node was for the last quarter of an hour: a ring of samples
 * of 3 bytes.  Pure.
 */
#ifndef COORDINATOR_SERIES_H
#define COORDINATOR_SERIES_H
#include <stdbool.h>
#include <stdint.h>

#define SERIES_SAMPLES 180
#define SERIES_STEP_MS 5000
#define SERIES_NONE    15 /* as a score: nothing was said in that step */

struct series_sample {
	uint16_t cpu, ram; /* tenths of a percent, up to 1000 */
	uint8_t score;     /* 0 to 10, or SERIES_NONE */
};

struct series {
	uint64_t newest; /* step of the newest sample: Unix ms / SERIES_STEP_MS */
	uint8_t ring[SERIES_SAMPLES][3];
};

/* Empty; zeroed is not. */
void series_init(struct series *);
/* The last word in a step counts; one from before the newest is not taken. */
void series_add(struct series *, uint64_t now_ms, const struct series_sample *);
/* Sample `index` of the SERIES_SAMPLES that end with the step of now_ms. */
struct series_sample series_at(const struct series *, uint64_t now_ms, unsigned index);

#endif
