#include "analyser/breaker.h"
#include "base/limits.h"

void
breaker_init(struct breaker *b, uint64_t seed)
{
	*b = (struct breaker){ .state = BREAKER_CLOSED, .wait_ms = LIMIT_BREAKER_MIN_MS };
	prng_seed(&b->chance, seed);
}

static void
open_up(struct breaker *b, uint64_t now_ms)
{
	b->state = BREAKER_OPEN;
	/* From three quarters to five quarters of the wait. */
	b->until_ms = now_ms + b->wait_ms - b->wait_ms / 4 + prng_below(&b->chance, b->wait_ms / 2);
	b->wait_ms = 2 * b->wait_ms < LIMIT_BREAKER_MAX_MS ? 2 * b->wait_ms : LIMIT_BREAKER_MAX_MS;
	b->failures = 0;
}

bool
breaker_would_allow(const struct breaker *b, uint64_t now_ms)
{
	switch (b->state) {
	case BREAKER_CLOSED:
		return true;
	case BREAKER_OPEN:
		return now_ms >= b->until_ms;
	case BREAKER_PROBING:
		break;
	}
	return false;
}

bool
breaker_allow(struct breaker *b, uint64_t now_ms)
{
	if (!breaker_would_allow(b, now_ms))
		return false;
	if (b->state == BREAKER_OPEN)
		b->state = BREAKER_PROBING;
	return true;
}

void
breaker_tell(struct breaker *b, bool failed, uint64_t now_ms)
{
	switch (b->state) {
	case BREAKER_CLOSED:
		b->failures = (b->failures << 1 | failed) & ((1u << LIMIT_BREAKER_WINDOW) - 1);
		if (__builtin_popcount(b->failures) >= LIMIT_BREAKER_FAILURES)
			open_up(b, now_ms);
		break;
	case BREAKER_PROBING:
		if (failed) {
			open_up(b, now_ms);
			break;
		}
		b->state = BREAKER_CLOSED;
		b->wait_ms = LIMIT_BREAKER_MIN_MS;
		b->failures = 0;
		break;
	case BREAKER_OPEN: /* of an exchange that began before */
		break;
	}
}
