/* Timers fire in order of their deadlines, equal ones in the order in which they were set. */
#include "base/prng.h"
#include "base/timerq.h"
#include "tests/check.h"

#define TIMERS 500

static void
fire_in_order(void **state)
{
	static struct timer timers[TIMERS];
	struct timer *fired, *last = NULL;
	struct timerq *q;
	struct prng prng;
	size_t set = 0, count = 0;

	(void)state;
	assert_ok(timerq_new(&q));
	assert_true(timerq_next(q) == UINT64_MAX);
	assert_null(timerq_pop(q, UINT64_MAX));
	prng_seed(&prng, 3);
	for (size_t i = 0; i < TIMERS; i++)
		assert_ok(timerq_set(q, &timers[i], prng_below(&prng, 50)));
	for (size_t i = 0; i < TIMERS; i += 3)
		timerq_cancel(q, &timers[i]);
	for (size_t i = 0; i < TIMERS; i += 5)
		assert_ok(timerq_set(q, &timers[i], prng_below(&prng, 50)));
	for (size_t i = 0; i < TIMERS; i++)
		set += timer_is_set(&timers[i]);
	while ((fired = timerq_pop(q, UINT64_MAX)) != NULL) {
		assert_false(timer_is_set(fired));
		if (last != NULL)
			assert_true(last->at_ms < fired->at_ms ||
			            (last->at_ms == fired->at_ms && last->order < fired->order));
		last = fired;
		count++;
	}
	assert_int_equal(count, set);
	timerq_free(q);
	timerq_free(NULL);
}

/* Nothing fires early; a moved timer fires once, when it was moved to. */
static void
only_what_is_due(void **state)
{
	struct timer a = { 0 }, b = { 0 };
	struct timerq *q;

	(void)state;
	assert_ok(timerq_new(&q));
	assert_ok(timerq_set(q, &a, 10));
	assert_ok(timerq_set(q, &b, 20));
	assert_int_equal(timerq_next(q), 10);
	assert_null(timerq_pop(q, 9));
	assert_ok(timerq_set(q, &a, 30));
	assert_null(timerq_pop(q, 19));
	assert_ptr_equal(timerq_pop(q, 20), &b);
	assert_null(timerq_pop(q, 29));
	assert_ptr_equal(timerq_pop(q, 30), &a);
	timerq_cancel(q, &a);
	assert_true(timerq_next(q) == UINT64_MAX);
	timerq_free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fire_in_order),
		cmocka_unit_test(only_what_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
