#include "base/limits.h"
#include "core/liveness.h"

static bool
enter(struct liveness *l, enum liveness_state state, uint64_t now_ms)
{
	if (l->state == state)
		return false;
	l->state = state;
	l->since_ms = now_ms;
	return true;
}

/* What is awaited comes a little after its tick: half a period is no miss. */
static bool
is_over(uint64_t passed_ms, uint32_t period_ms, uint64_t patience_ms)
{
	return passed_ms + period_ms / 2 >= patience_ms;
}

static bool
is_silent(const struct liveness *l, const struct liveness_event *ev)
{
	uint64_t quiet_ms = (uint64_t)LIMIT_PING_MISSES * ev->period_ms * (1 + ev->health);

	return is_over(ev->now_ms - l->heard_ms, ev->period_ms, quiet_ms);
}

static bool
grace_is_over(const struct liveness *l, const struct liveness_event *ev)
{
	uint64_t passed_ms = ev->now_ms - l->since_ms;

	/* A link that was reset is no matter of our own slowness. */
	if (!l->linked)
		return passed_ms >= ev->period_ms;
	return is_over(passed_ms, ev->period_ms, (uint64_t)ev->period_ms * (1 + ev->health));
}

bool
liveness_step(struct liveness *l, const struct liveness_event *ev)
{
	switch (ev->input) {
	case LIVENESS_LINKED:
		l->linked = true;
		l->heard_ms = ev->now_ms;
		break;
	case LIVENESS_HEARD:
		l->heard_ms = ev->now_ms;
		break;
	case LIVENESS_UNLINKED:
		l->linked = false;
		break;
	case LIVENESS_TICK:
		break;
	}

	switch (l->state) {
	case LIVENESS_ALIVE:
		switch (ev->input) {
		case LIVENESS_HEARD:
		case LIVENESS_LINKED:
			return false;
		case LIVENESS_UNLINKED:
			return enter(l, LIVENESS_SUSPECT, ev->now_ms);
		case LIVENESS_TICK:
			return is_silent(l, ev) && enter(l, LIVENESS_SUSPECT, ev->now_ms);
		}
		break;
	case LIVENESS_SUSPECT:
		switch (ev->input) {
		case LIVENESS_HEARD:
		case LIVENESS_LINKED:
			return enter(l, LIVENESS_ALIVE, ev->now_ms);
		case LIVENESS_UNLINKED:
			return false;
		case LIVENESS_TICK:
			return grace_is_over(l, ev) && enter(l, LIVENESS_DEAD, ev->now_ms);
		}
		break;
	case LIVENESS_DEAD:
		switch (ev->input) {
		case LIVENESS_HEARD:
		case LIVENESS_LINKED:
			return enter(l, LIVENESS_ALIVE, ev->now_ms);
		case LIVENESS_UNLINKED:
		case LIVENESS_TICK:
			return false;
		}
		break;
	}
	return false;
}

unsigned
liveness_health(unsigned health, uint64_t late_ms, uint32_t period_ms)
{
	if (late_ms * 2 > period_ms)
		return health < LIMIT_HEALTH_MAX ? health + 1 : health;
	return health > 0 ? health - 1 : 0;
}
