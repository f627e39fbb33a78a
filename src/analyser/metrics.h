/*
 * metrics: what this process did, counted by kind.
 *
 * SIGUSR1 writes them to the log.  Spec: docs/analyser.md, "Metrics".
 */
#ifndef ANALYSER_METRICS_H
#define ANALYSER_METRICS_H
#include <stddef.h>
#include <stdint.h>
#include "analyser/rejection.h"

#define METRICS_TEXT_BYTES 2048

struct metrics {
	uint64_t events;   /* graded, repeats within one included */
	uint64_t by_model, by_rules;
	uint64_t remembered; /* of by_model: by an opinion given before */
	uint64_t joined;     /* asked what another was asking at that moment */
	uint64_t exchanges, warm_ups;
	uint64_t exchange_ms; /* of all exchanges that brought an opinion */
	uint64_t refused_calls; /* at the door */
	uint64_t rejected[REJECT_COUNT];
};

/* "events=12 by_model=7 ... rejected.fence=1", kinds of which there were none left out. */
void metrics_format(const struct metrics *, char out[METRICS_TEXT_BYTES]);

#endif
