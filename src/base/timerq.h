/*
 * timerq: deadlines in a binary heap.  Timers are embedded in their owners;
 * equal deadlines fire in the order in which they were set.
 */
#ifndef BASE_TIMERQ_H
#define BASE_TIMERQ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct timerq; /* opaque */

/* Zero-initialise before first use; the fields belong to timerq. */
struct timer {
	uint64_t at_ms;
	uint64_t order;
	size_t slot; /* position in the heap + 1; 0: not set */
};

/* The caller owns *out.  ERR_NOMEM. */
MUST_USE enum err timerq_new(struct timerq **out);
void timerq_free(struct timerq *); /* not the timers; accepts NULL */
/* Set, or move, a timer.  It must stay where it is until it fired or was cancelled.  ERR_NOMEM. */
MUST_USE enum err timerq_set(struct timerq *, struct timer *, uint64_t at_ms);
void timerq_cancel(struct timerq *, struct timer *); /* no effect on one that is not set */
bool timer_is_set(const struct timer *);
/* Take the earliest timer due at or before now_ms; NULL: none. */
struct timer *timerq_pop(struct timerq *, uint64_t now_ms);
/* The earliest deadline; UINT64_MAX: none. */
uint64_t timerq_next(const struct timerq *);

#endif
