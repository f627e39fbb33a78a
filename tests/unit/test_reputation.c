/* A node's weight follows from its past as docs/protocol.md, "Weight", says. */
#include "core/reputation.h"
#include "tests/check.h"

#define DAY_MS (24ULL * 60 * 60 * 1000)

/* Good days add up to a bound; every overturned accusation halves; nothing else changes a weight. */
static void
the_formula(void **state)
{
	static const struct {
		uint32_t good_days, overturned, weight;
	} table[] = {
		{ 0, 0, 32 },
		{ 1, 0, 34 },
		{ 15, 0, 62 },
		{ 16, 0, 64 },
		{ 17, 0, 64 },
		{ UINT32_MAX, 0, 64 },
		{ 0, 1, 16 },
		{ 16, 1, 32 },
		{ 16, 6, 1 },
		{ 16, 7, 0 },
		{ 16, 32, 0 },
		{ 16, UINT32_MAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct reputation r = { .age_ms = 40 * DAY_MS,
			.probation_ms = 7 * DAY_MS,
			.good_days = table[i].good_days,
			.overturned = table[i].overturned };

		assert_int_equal(reputation_weight(&r), table[i].weight);
	}
}

/* Nobody votes in probation, and founders have none. */
static void
probation(void **state)
{
	struct reputation r = { .age_ms = 7 * DAY_MS - 1, .probation_ms = 7 * DAY_MS };

	(void)state;
	assert_int_equal(reputation_weight(&r), 0);
	r.age_ms++;
	assert_int_equal(reputation_weight(&r), 32);
	r.age_ms = 0;
	assert_int_equal(reputation_weight(&r), 0);
	r.founder = true;
	assert_int_equal(reputation_weight(&r), 32);
}

/* Proof, confession and quarantine take the vote away, whoever it is. */
static void
refusals(void **state)
{
	struct reputation r = { .founder = true, .good_days = 100 };

	(void)state;
	assert_int_equal(reputation_weight(&r), 64);
	r.misbehaved = true;
	assert_int_equal(reputation_weight(&r), 0);
	r.misbehaved = false;
	r.quarantined = true;
	assert_int_equal(reputation_weight(&r), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_formula),
		cmocka_unit_test(probation),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
