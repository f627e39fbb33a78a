/*
 * A series gives back what was said in each of its steps, nothing for silence,
 * and forgets what is older than its ring.
 */
#include "coordinator/series.h"
#include "tests/check.h"

#define START_MS (1790000000000 / SERIES_STEP_MS * SERIES_STEP_MS)

static struct series s;

static void
say(uint64_t step, uint16_t cpu)
{
	const struct series_sample sample = { cpu, 1000, 10 };

	series_add(&s, START_MS + step * SERIES_STEP_MS + 17, &sample);
}

static struct series_sample
heard(uint64_t now_step, unsigned index)
{
	return series_at(&s, START_MS + now_step * SERIES_STEP_MS, index);
}

static void
each_step_keeps_its_last_word(void **state)
{
	(void)state;
	series_init(&s);
	assert_int_equal(heard(0, SERIES_SAMPLES - 1).score, SERIES_NONE);
	say(0, 1);
	say(0, 1000);
	say(2, 3);
	assert_int_equal(heard(2, SERIES_SAMPLES - 1).cpu, 3);
	assert_int_equal(heard(2, SERIES_SAMPLES - 1).ram, 1000);
	assert_int_equal(heard(2, SERIES_SAMPLES - 1).score, 10);
	assert_int_equal(heard(2, SERIES_SAMPLES - 2).score, SERIES_NONE);
	assert_int_equal(heard(2, SERIES_SAMPLES - 3).cpu, 1000);
	/* Time goes on without a word. */
	assert_int_equal(heard(4, SERIES_SAMPLES - 1).score, SERIES_NONE);
	assert_int_equal(heard(4, SERIES_SAMPLES - 3).cpu, 3);
	/* A clock that went back changes nothing. */
	say(1, 77);
	assert_int_equal(heard(2, SERIES_SAMPLES - 2).score, SERIES_NONE);
}

static void
the_ring_forgets(void **state)
{
	(void)state;
	series_init(&s);
	for (uint16_t i = 0; i < 2 * SERIES_SAMPLES; i++)
		say(i, i);
	for (unsigned i = 0; i < SERIES_SAMPLES; i++)
		assert_int_equal(heard(2 * SERIES_SAMPLES - 1, i).cpu, SERIES_SAMPLES + i);
	say(10 * SERIES_SAMPLES, 5);
	for (unsigned i = 0; i + 1 < SERIES_SAMPLES; i++)
		assert_int_equal(heard(10 * SERIES_SAMPLES, i).score, SERIES_NONE);
	assert_int_equal(heard(10 * SERIES_SAMPLES, SERIES_SAMPLES - 1).cpu, 5);
	assert_int_equal(heard(20 * SERIES_SAMPLES, SERIES_SAMPLES - 1).score, SERIES_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_keeps_its_last_word),
		cmocka_unit_test(the_ring_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
