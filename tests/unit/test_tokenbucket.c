/*
 * Budgets by source address: so many at once, so many a second, bounded memory.
 */
#include "tests/check.h"
#include "sys/tokenbucket.h"

static const struct tokenbucket_config config = {
	.addresses = 4, .per_second = 10, .burst = 20, .repeat_ms = 1000, .seed = 7
};

static struct address
numbered(uint8_t last)
{
	return (struct address){ .family = 4, .bytes = { 192, 0, 2, last } };
}

static int
take_until_refused(struct tokenbucket *t, uint8_t last, uint64_t now_ms)
{
	struct address a = numbered(last);
	int n = 0;

	while (n < 1000 && tokenbucket_take(t, &a, now_ms))
		n++;
	return n;
}

/* Twenty at once, then one each 100 ms, and never more than twenty saved. */
static void
burst_then_rate(void **unused)
{
	struct tokenbucket *t;

	(void)unused;
	assert_ok(tokenbucket_new(&config, &t));
	assert_int_equal(take_until_refused(t, 1, 5000), 20);
	assert_int_equal(take_until_refused(t, 1, 5099), 0);
	assert_int_equal(take_until_refused(t, 1, 5100), 1);
	assert_int_equal(take_until_refused(t, 1, 5350), 2);
	assert_int_equal(take_until_refused(t, 1, 5400), 1); /* halves are not lost */
	assert_int_equal(take_until_refused(t, 1, 100000), 20);
	assert_int_equal(take_until_refused(t, 1, UINT64_MAX - 1), 20);
	tokenbucket_free(t);
}

/* One source's flood takes nothing from another. */
static void
sources_are_apart(void **unused)
{
	struct tokenbucket *t;

	(void)unused;
	assert_ok(tokenbucket_new(&config, &t));
	assert_int_equal(take_until_refused(t, 1, 0), 20);
	assert_int_equal(take_until_refused(t, 2, 0), 20);
	tokenbucket_free(t);
}

/* A fifth address takes the place of the one that was quiet for longest. */
static void
oldest_gives_way(void **unused)
{
	struct tokenbucket *t;

	(void)unused;
	assert_ok(tokenbucket_new(&config, &t));
	assert_int_equal(take_until_refused(t, 1, 0), 20);
	assert_int_equal(take_until_refused(t, 2, 1), 20);
	assert_int_equal(take_until_refused(t, 3, 2), 20);
	assert_int_equal(take_until_refused(t, 4, 3), 20);
	assert_int_equal(take_until_refused(t, 1, 4), 0); /* now the youngest */
	assert_int_equal(take_until_refused(t, 5, 5), 20);
	assert_int_equal(take_until_refused(t, 1, 6), 0); /* still known */
	assert_int_equal(take_until_refused(t, 3, 7), 0);
	assert_int_equal(take_until_refused(t, 2, 8), 20); /* forgotten */
	tokenbucket_free(t);
}

/* Thousands of addresses through a small table leave it whole. */
static void
many_addresses(void **unused)
{
	struct tokenbucket_config wide = config;
	struct address a = { .family = 6 };
	struct tokenbucket *t;
	uint32_t i;

	(void)unused;
	wide.addresses = 1000;
	assert_ok(tokenbucket_new(&wide, &t));
	for (i = 0; i < 50000; i++) {
		memcpy(a.bytes, &i, sizeof(i));
		assert_true(tokenbucket_take(t, &a, i));
		if (i >= 500) {
			uint32_t earlier = i - 500;

			memcpy(a.bytes, &earlier, sizeof(earlier));
			assert_true(tokenbucket_take(t, &a, i));
		}
	}
	tokenbucket_free(t);
}

/* A source is reported at once, and again no sooner than a second later. */
static void
alarms_are_rare(void **unused)
{
	struct address a = numbered(1), b = numbered(2);
	struct tokenbucket *t;

	(void)unused;
	assert_ok(tokenbucket_new(&config, &t));
	assert_true(tokenbucket_tell(t, &a, 0));
	assert_false(tokenbucket_tell(t, &a, 999));
	assert_true(tokenbucket_tell(t, &b, 999));
	assert_true(tokenbucket_tell(t, &a, 1000));
	tokenbucket_free(t);
}

/* A table of no addresses, or a rate of nothing, makes no sense. */
static void
refusals(void **unused)
{
	struct tokenbucket_config bad = config;
	struct tokenbucket *t;

	(void)unused;
	bad.addresses = 0;
	assert_err(ERR_RANGE, tokenbucket_new(&bad, &t));
	bad.addresses = UINT16_MAX;
	assert_err(ERR_RANGE, tokenbucket_new(&bad, &t));
	bad = config;
	bad.per_second = 0;
	assert_err(ERR_RANGE, tokenbucket_new(&bad, &t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(sources_are_apart),
		cmocka_unit_test(oldest_gives_way),
		cmocka_unit_test(many_addresses),
		cmocka_unit_test(alarms_are_rare),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
