/*
 * Alive, suspect, dead: every state and input, and the observer's own doubt.
 */
#include "base/limits.h"
#include "core/liveness.h"
#include "tests/check.h"

static struct liveness l;
static unsigned health;

static void
step(uint64_t now_ms, enum liveness_input input, enum liveness_state state)
{
	struct liveness_event ev = {
		.now_ms = now_ms, .input = input, .period_ms = 500, .health = health
	};
	enum liveness_state before = l.state;

	assert_int_equal(liveness_step(&l, &ev), before != state);
	assert_int_equal(l.state, state);
}

static int
fresh(void **unused)
{
	(void)unused;
	l = (struct liveness){ 0 };
	health = 0;
	return 0;
}

/* Silence makes a peer suspect after three periods, dead after one more; a word revives it. */
static void
silence_kills_and_a_word_revives(void **unused)
{
	(void)unused;
	step(0, LIVENESS_TICK, LIVENESS_DEAD);
	step(10, LIVENESS_LINKED, LIVENESS_ALIVE);
	step(500, LIVENESS_TICK, LIVENESS_ALIVE);
	/* An answer comes a little after its tick: that does not cost another period. */
	step(540, LIVENESS_HEARD, LIVENESS_ALIVE);
	step(1000, LIVENESS_TICK, LIVENESS_ALIVE);
	step(1500, LIVENESS_TICK, LIVENESS_ALIVE);
	step(2003, LIVENESS_TICK, LIVENESS_SUSPECT);
	step(2005, LIVENESS_TICK, LIVENESS_SUSPECT);
	step(2500, LIVENESS_TICK, LIVENESS_DEAD);
	step(9000, LIVENESS_TICK, LIVENESS_DEAD);
	step(9001, LIVENESS_HEARD, LIVENESS_ALIVE);
	step(9500, LIVENESS_TICK, LIVENESS_ALIVE);
}

/* A reset is suspicious at once; a new link before the grace is over clears it. */
static void
a_reset_makes_suspect(void **unused)
{
	(void)unused;
	step(0, LIVENESS_LINKED, LIVENESS_ALIVE);
	step(100, LIVENESS_UNLINKED, LIVENESS_SUSPECT);
	step(100, LIVENESS_UNLINKED, LIVENESS_SUSPECT);
	step(500, LIVENESS_TICK, LIVENESS_SUSPECT);
	step(550, LIVENESS_LINKED, LIVENESS_ALIVE);
	step(600, LIVENESS_UNLINKED, LIVENESS_SUSPECT);
	step(1100, LIVENESS_TICK, LIVENESS_DEAD);
	step(1200, LIVENESS_UNLINKED, LIVENESS_DEAD);
	step(1300, LIVENESS_LINKED, LIVENESS_ALIVE);
}

/* An observer that is late itself waits longer, but not for a link that was reset. */
static void
a_late_observer_doubts_itself(void **unused)
{
	(void)unused;
	assert_int_equal(liveness_health(0, 250, 500), 0);
	assert_int_equal(liveness_health(0, 251, 500), 1);
	assert_int_equal(liveness_health(LIMIT_HEALTH_MAX, 9999, 500), LIMIT_HEALTH_MAX);
	assert_int_equal(liveness_health(3, 0, 500), 2);
	assert_int_equal(liveness_health(0, 0, 500), 0);

	health = 2;
	step(0, LIVENESS_LINKED, LIVENESS_ALIVE);
	step(1500, LIVENESS_TICK, LIVENESS_ALIVE);
	step(4249, LIVENESS_TICK, LIVENESS_ALIVE);
	step(4500, LIVENESS_TICK, LIVENESS_SUSPECT);
	step(5749, LIVENESS_TICK, LIVENESS_SUSPECT);
	step(6000, LIVENESS_TICK, LIVENESS_DEAD);
	step(6001, LIVENESS_LINKED, LIVENESS_ALIVE);
	step(6002, LIVENESS_UNLINKED, LIVENESS_SUSPECT);
	step(6502, LIVENESS_TICK, LIVENESS_DEAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(silence_kills_and_a_word_revives, fresh),
		cmocka_unit_test_setup(a_reset_makes_suspect, fresh),
		cmocka_unit_test_setup(a_late_observer_doubts_itself, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
