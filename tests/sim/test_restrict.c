/*
 * RESTRICT: witnesses of k enrolment groups within a minute cut a subject
 * everywhere, for ten minutes, without a vote.
 */
#include "sim/checker.h"

/* Ten heads of which five are up: no certificate hides what L1 does. */
static struct world *
five_of_ten(void)
{
	struct world_config config = { .count = 10, .seed = 1, .policy = POLICY_ATTRIBUTE };
	struct world *w = world_new(&config);

	for (size_t i = 0; i < 5; i++)
		world_start(w, i);
	world_settle(w);
	(void)world_trace(w);
	return w;
}

static void
assert_restricted(const struct world *w, size_t subject, bool restricted)
{
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(world_view(w, i, subject).restricted, restricted);
		if (!restricted)
			continue;
		assert_int_equal(world_view(w, i, subject).status, STATUS_RESTRICTED);
		if (i != subject)
			assert_int_equal(w->nodes[i].held[subject], STRENGTH_CUT);
	}
	assert_int_equal(w->nodes[subject].lock, STRENGTH_NONE);
}

/* Ten heads: f = 2, k = 3.  The third witness cuts it everywhere, also where nobody was touched. */
static void
k_witnesses_cut_without_a_vote(void **unused)
{
	struct world *w = five_of_ten();

	(void)unused;
	world_touch_from(w, 0, 4);
	world_touch_from(w, 1, 4);
	world_run(w, 1000);
	assert_restricted(w, 4, false);
	assert_int_equal(w->nodes[3].held[4], STRENGTH_NONE);
	(void)world_trace(w);
	world_touch_from(w, 2, 4);
	world_run(w, 1000);
	assert_restricted(w, 4, true);
	assert_non_null(strstr(w->trace, "d: enforce e cut\n"));
	assert_non_null(strstr(w->trace, "d: restricted e from -\n"));
	assert_int_equal(world_view(w, 3, 4).status, STATUS_RESTRICTED);
	world_run(w, LIMIT_RESTRICT_MS - 3000);
	assert_restricted(w, 4, true);
	world_run(w, 3000);
	assert_restricted(w, 4, false);
	assert_int_equal(w->nodes[3].held[4], STRENGTH_NONE);
	/* Their own eyes cut it for fifteen minutes. */
	assert_int_equal(w->nodes[2].held[4], STRENGTH_CUT);
	checker_agree(w);
	world_free(w);
}

/* Slower than a minute it is no L1; new evidence renews what is one. */
static void
the_span_is_a_minute(void **unused)
{
	struct world *w = five_of_ten();

	(void)unused;
	world_touch_from(w, 0, 4);
	world_run(w, 35 * 1000);
	world_touch_from(w, 1, 4);
	world_run(w, 35 * 1000);
	world_touch_from(w, 2, 4);
	world_run(w, 1000);
	assert_restricted(w, 4, false);
	world_touch_from(w, 3, 4);
	world_run(w, 1000);
	assert_restricted(w, 4, true);
	world_run(w, LIMIT_RESTRICT_MS - 3000);
	assert_restricted(w, 4, true);
	world_run(w, 3000);
	assert_restricted(w, 4, false);
	world_free(w);
}

/* A witness has one live accusation: its oldest.  What it says of others moves nothing. */
static void
a_witness_accuses_one_at_a_time(void **unused)
{
	struct world *w = five_of_ten();

	(void)unused;
	world_touch_from(w, 0, 3); /* a is spent */
	world_run(w, 100);
	for (size_t i = 0; i < 3; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 3, 4).statements, 3);
	assert_restricted(w, 4, false);
	world_touch_from(w, 3, 4);
	world_run(w, 1000);
	assert_restricted(w, 4, true);
	world_free(w);
}

/* One at a time below forty heads: the one accused first, on every node alike. */
static void
the_cap_keeps_the_first(void **unused)
{
	struct world_config config = { .count = 26, .seed = 1, .policy = POLICY_ATTRIBUTE };
	struct world *w = world_new(&config);
	size_t refused = 0;

	(void)unused;
	/* 26 heads: k = 6; twelve are up, one short of a quorum. */
	for (size_t i = 0; i < 12; i++)
		world_start(w, i);
	world_settle(w);
	world_run(w, 40 * 1000);
	(void)world_trace(w);
	for (size_t i = 0; i < 6; i++)
		world_touch_from(w, i, 24);
	world_run(w, 1000);
	for (size_t i = 6; i < 12; i++)
		world_touch_from(w, i, 25);
	world_run(w, 1000);
	for (size_t i = 0; i < 12; i++) {
		assert_true(world_view(w, i, 24).restricted);
		assert_false(world_view(w, i, 25).restricted);
	}
	for (const char *at = w->trace; (at = strstr(at, ": restricted z from - error")) != NULL;
	     at++)
		refused++;
	assert_int_equal(refused, 12); /* once a node */
	world_run(w, LIMIT_RESTRICT_MS - 1500);
	/* The first is over: the other one's turn, for what is left of it. */
	for (size_t i = 0; i < 12; i++) {
		assert_false(world_view(w, i, 24).restricted);
		assert_true(world_view(w, i, 25).restricted);
	}
	world_free(w);
}

/* Who is quarantined takes no place under the cap; its restriction goes on beneath. */
static void
the_quarantined_do_not_count(void **unused)
{
	struct world *w = five_of_ten();
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };

	(void)unused;
	for (size_t i = 0; i < 3; i++)
		world_touch_from(w, i, 3);
	world_run(w, 1000);
	assert_restricted(w, 3, true);
	world_event(w, 3, &ev);
	world_run(w, 1000);
	assert_int_equal(world_view(w, 0, 3).status, STATUS_QUARANTINED);
	/* Their accusations of d count still: only when those are over may e be restricted. */
	world_run(w, LIMIT_RELAYED_MS);
	for (size_t i = 0; i < 3; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	for (size_t i = 0; i < 3; i++)
		assert_true(world_view(w, i, 4).restricted);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(k_witnesses_cut_without_a_vote),
		cmocka_unit_test(the_span_is_a_minute),
		cmocka_unit_test(a_witness_accuses_one_at_a_time),
		cmocka_unit_test(the_cap_keeps_the_first),
		cmocka_unit_test(the_quarantined_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
