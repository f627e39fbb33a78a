/*
 * breaker: a model server that keeps failing is left alone for a while.
 *
 * LIMIT_BREAKER_FAILURES of the last LIMIT_BREAKER_WINDOW exchanges failed: open
 * for LIMIT_BREAKER_MIN_MS, then one probe; each probe that fails doubles the
 * wait, to LIMIT_BREAKER_MAX_MS.  Waits are jittered, so that the analysers of a
 * mesh do not come back to one server at once.
 *
 * Pure: time and chance are inputs.
 */
#ifndef ANALYSER_BREAKER_H
#define ANALYSER_BREAKER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/prng.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

struct breaker {
	enum breaker_state state;
	uint32_t failures; /* one bit an exchange, the latest lowest */
	uint64_t wait_ms;  /* the next wait, before jitter */
	uint64_t until_ms; /* BREAKER_OPEN */
	struct prng chance;
};

void breaker_init(struct breaker *, uint64_t seed);
/* May an exchange begin?  With an open breaker whose wait is over: the probe; its
 * outcome must be told before another is allowed. */
bool breaker_allow(struct breaker *, uint64_t now_ms);
/* As breaker_allow(), without beginning one. */
bool breaker_would_allow(const struct breaker *, uint64_t now_ms);
void breaker_tell(struct breaker *, bool failed, uint64_t now_ms);

#endif
