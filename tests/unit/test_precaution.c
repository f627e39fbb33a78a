/*
 * Which precautions stand is a function of the set alone.
 */
#include "base/limits.h"
#include "base/prng.h"
#include "core/precaution.h"
#include "tests/check.h"

#define DAY_S (LIMIT_PRECAUTION_MS / 1000)

static uint32_t counts[16];

static void
add(struct precautions *p, member_index subject, uint64_t second, uint8_t hash)
{
	struct precaution one = { .subject = subject, .second = second, .hash = { { hash } } };

	assert_ok(precaution_add(p, &one));
}

static bool
stands(struct precautions *p, size_t limit, member_index subject)
{
	precaution_judge(p, limit, counts);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(counts[i], 0);
	return precaution_standing(p, subject) != NULL;
}

/* The first of a day stands, whatever arrives first; the hash breaks a tie. */
static void
the_earliest_stands(void **unused)
{
	struct precautions p = { 0 };

	(void)unused;
	add(&p, 1, 100, 9);
	assert_true(stands(&p, 1, 1));
	add(&p, 2, 100, 8);
	assert_true(stands(&p, 1, 2));
	assert_false(stands(&p, 1, 1));
	add(&p, 3, 99, 200);
	assert_true(stands(&p, 1, 3));
	assert_false(stands(&p, 1, 2));
	assert_true(precaution_held(&p, 2));
	assert_int_equal(precaution_first_standing(&p)->subject, 3);
	precaution_free(&p);
}

/* What came of the earlier one does not matter: it precedes all the same. */
static void
a_day_later_the_next_one_may_stand(void **unused)
{
	struct precautions p = { 0 };

	(void)unused;
	add(&p, 1, 1000, 1);
	add(&p, 2, 1001, 1); /* stands down, and still counts against the third */
	add(&p, 3, 1000 + DAY_S, 1);
	assert_false(stands(&p, 1, 3));
	assert_true(stands(&p, 2, 2));
	add(&p, 4, 1002 + DAY_S, 1);
	assert_false(stands(&p, 1, 4));
	add(&p, 5, 1003 + 2 * DAY_S, 1);
	assert_true(stands(&p, 1, 5));
	precaution_free(&p);
}

/* Exactly 24 h before still counts, a second more does not. */
static void
the_day_ends_to_the_second(void **unused)
{
	struct precautions p = { 0 }, q = { 0 };

	(void)unused;
	add(&p, 1, 1000, 1);
	add(&p, 2, 1000 + DAY_S, 1);
	assert_false(stands(&p, 1, 2));
	add(&q, 1, 1000, 1);
	add(&q, 2, 1001 + DAY_S, 1);
	assert_true(stands(&q, 1, 2));
	precaution_free(&p);
	precaution_free(&q);
}

/* Many reports of one subject use up one place. */
static void
a_subject_counts_once(void **unused)
{
	struct precautions p = { 0 };

	(void)unused;
	for (uint8_t i = 0; i < 10; i++)
		add(&p, 1, i, i);
	add(&p, 2, 20, 1);
	assert_true(stands(&p, 2, 2));
	assert_true(stands(&p, 2, 1));
	assert_false(stands(&p, 1, 2));
	precaution_free(&p);
}

/* The obvious way to say it, to compare with. */
static bool
stands_by_definition(const struct precaution *list, size_t count, size_t limit, size_t this)
{
	bool counted[16] = { false };
	size_t others = 0;

	for (size_t i = 0; i < count; i++) {
		const struct precaution *a = &list[i], *b = &list[this];
		bool precedes =
		    a->second < b->second ||
		    (a->second == b->second && memcmp(&a->hash, &b->hash, sizeof(a->hash)) < 0);

		if (!precedes || a->second + DAY_S < b->second || a->subject == b->subject ||
		    counted[a->subject])
			continue;
		counted[a->subject] = true;
		others++;
	}
	return others < limit;
}

/* Any order of arrival agrees with the definition; more reports stand nothing up. */
static void
any_order_agrees(void **unused)
{
	struct precaution list[40];
	struct prng r;

	(void)unused;
	prng_seed(&r, 1);
	for (unsigned round = 0; round < 300; round++) {
		size_t count = 1 + prng_below(&r, 40), limit = 1 + prng_below(&r, 4);
		struct precautions p = { 0 };

		for (size_t i = 0; i < count; i++) {
			list[i] = (struct precaution){ .second = prng_below(&r, 4) * DAY_S / 2 +
				                                 prng_below(&r, 3),
				.subject = (member_index)prng_below(&r, 16) };
			for (size_t b = 0; b < 32; b++)
				list[i].hash.bytes[b] = (uint8_t)prng_next(&r);
			assert_ok(precaution_add(&p, &list[i]));
		}
		precaution_judge(&p, limit, counts);
		for (size_t i = 0; i < count; i++)
			for (size_t j = 0; j < p.count; j++)
				if (memcmp(&p.list[j].hash, &list[i].hash, 32) == 0)
					assert_int_equal(p.list[j].stands,
					    stands_by_definition(list, count, limit, i));
		precaution_free(&p);
	}
}

/* The same one twice is one; a removed one is gone. */
static void
a_set_holds_each_once(void **unused)
{
	struct precautions p = { 0 };
	struct hash hash = { { 3 } };

	(void)unused;
	add(&p, 1, 5, 3);
	add(&p, 1, 5, 3);
	assert_int_equal(p.count, 1);
	precaution_remove(&p, &hash);
	assert_int_equal(p.count, 0);
	assert_null(precaution_first_standing(&p));
	precaution_free(&p);
}

/* With its round over it stands no more, and ranks before the others as ever. */
static void
what_is_over_ranks_but_never_stands(void **unused)
{
	struct precautions p = { 0 };

	(void)unused;
	add(&p, 1, 1000, 1);
	add(&p, 2, 1001, 1);
	p.list[0].over = true;
	assert_false(stands(&p, 1, 1));
	assert_false(stands(&p, 1, 2));
	assert_false(precaution_held(&p, 1));
	assert_true(precaution_held(&p, 2));
	precaution_free(&p);
}

/* It matters as long as another subject's that is not over follows within the day. */
static void
what_ranks_before_nothing_does_not_matter(void **unused)
{
	struct precautions p = { 0 };
	struct precaution first = { .subject = 1, .second = 1000, .hash = { { 1 } } };

	(void)unused;
	assert_false(precaution_matters(&p, &first));
	add(&p, 1, 1001, 1); /* its own */
	add(&p, 2, 999, 1);  /* before it */
	add(&p, 3, 1001 + DAY_S, 1);
	assert_false(precaution_matters(&p, &first));
	add(&p, 4, 1000 + DAY_S, 1);
	assert_true(precaution_matters(&p, &first));
	p.list[2].over = true;
	assert_int_equal(p.list[2].subject, 4);
	assert_false(precaution_matters(&p, &first));
	precaution_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_earliest_stands),
		cmocka_unit_test(a_day_later_the_next_one_may_stand),
		cmocka_unit_test(the_day_ends_to_the_second),
		cmocka_unit_test(a_subject_counts_once),
		cmocka_unit_test(any_order_agrees),
		cmocka_unit_test(a_set_holds_each_once),
		cmocka_unit_test(what_is_over_ranks_but_never_stands),
		cmocka_unit_test(what_ranks_before_nothing_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
