/* One seed, one sequence, the published one; and no value out of bounds. */
#include "base/prng.h"
#include "tests/check.h"

/* The reference implementation's first numbers from the state 1, 2, 3, 4. */
static void
matches_the_reference(void **state)
{
	static const uint64_t expected[] = { 11520, 0, 1509978240, 1215971899390074240 };
	struct prng p = { .state = { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		assert_true(prng_next(&p) == expected[i]);
}

static void
stays_below(void **state)
{
	size_t seen[7] = { 0 };
	struct prng p;

	(void)state;
	prng_seed(&p, 42);
	for (size_t i = 0; i < 7000; i++)
		seen[prng_below(&p, 7)]++;
	for (size_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 850, 1150);
	assert_int_equal(prng_below(&p, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_the_reference),
		cmocka_unit_test(stays_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
