/*
 * budget: a token bucket on the monotonic clock.
 *
 * Pure.  Spec: docs/protocol.md, "Spreading".
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H
#include <stdbool.h>
#include <stdint.h>

/* Zeroed: full.  What was spent, in thousandths, drains at the rate. */
struct budget {
	uint64_t spent;
	uint64_t at_ms;
};

/* Take cost tokens if they are there; takes nothing otherwise. */
static inline bool
budget_take(struct budget *b, uint64_t now_ms, uint64_t cost, uint64_t per_s, uint64_t burst)
{
	uint64_t passed_ms = now_ms - b->at_ms;
	uint64_t drained = passed_ms >= burst * 1000 / per_s ? burst * 1000 : passed_ms * per_s;

	b->spent = drained >= b->spent ? 0 : b->spent - drained;
	b->at_ms = now_ms;
	if (b->spent + cost * 1000 > burst * 1000)
		return false;
	b->spent += cost * 1000;
	return true;
}

#endif
