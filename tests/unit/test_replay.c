/*
 * The replay window and the token bucket.
 */
#include "base/prng.h"
#include "core/budget.h"
#include "core/replay.h"
#include "tests/check.h"

/* Each sequence is new once; what is behind the window counts as seen. */
static void
each_sequence_is_new_once(void **unused)
{
	struct replay r = { 0 };

	(void)unused;
	assert_false(replay_seen(&r, 1));
	replay_mark(&r, 1);
	assert_true(replay_seen(&r, 1));
	replay_mark(&r, 5);
	assert_false(replay_seen(&r, 3));
	replay_mark(&r, 3);
	assert_true(replay_seen(&r, 3));
	replay_mark(&r, LIMIT_REPLAY_WINDOW + 4);
	assert_true(replay_seen(&r, 4));
	assert_true(replay_seen(&r, 5));
	assert_false(replay_seen(&r, 6));
	replay_mark(&r, UINT64_MAX);
	assert_true(replay_seen(&r, LIMIT_REPLAY_WINDOW + 4));
	assert_false(replay_seen(&r, UINT64_MAX - 1));
	replay_mark(&r, 2); /* behind: no effect */
	assert_false(replay_seen(&r, UINT64_MAX - LIMIT_REPLAY_WINDOW + 3));
}

/* Like a set that remembers everything, as far as the window reaches. */
static void
it_agrees_with_a_set(void **unused)
{
	static bool set[20000];
	struct replay r = { 0 };
	struct prng p;
	uint64_t at = 1;

	(void)unused;
	prng_seed(&p, 2);
	for (unsigned i = 0; i < 20000 && at < 18000; i++) {
		uint64_t s = at + prng_below(&p, 40);

		s = s > 20 + prng_below(&p, 900) ? s - prng_below(&p, 900) % s : s;
		if (s == 0)
			continue;
		if (r.newest < LIMIT_REPLAY_WINDOW || s > r.newest - LIMIT_REPLAY_WINDOW)
			assert_int_equal(replay_seen(&r, s), set[s]);
		replay_mark(&r, s);
		set[s] = true;
		at = r.newest + prng_below(&p, 3);
	}
}

/* A burst, then the rate; nothing is taken when there is not enough. */
static void
a_budget_refills_at_its_rate(void **unused)
{
	struct budget b = { 0 };

	(void)unused;
	for (unsigned i = 0; i < 100; i++)
		assert_true(budget_take(&b, 5000, 1, 10, 100));
	assert_false(budget_take(&b, 5000, 1, 10, 100));
	assert_false(budget_take(&b, 5099, 1, 10, 100));
	assert_true(budget_take(&b, 5100, 1, 10, 100));
	assert_false(budget_take(&b, 5150, 1, 10, 100));
	assert_false(budget_take(&b, 6000, 10, 10, 100));
	assert_true(budget_take(&b, 6100, 10, 10, 100));
	assert_true(budget_take(&b, UINT64_MAX, 100, 10, 100));
	assert_false(budget_take(&b, UINT64_MAX, 1, 10, 100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sequence_is_new_once),
		cmocka_unit_test(it_agrees_with_a_set),
		cmocka_unit_test(a_budget_refills_at_its_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
