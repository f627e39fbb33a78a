/*
 * The flows of the walk-through, as transcripts: five nodes, one intruder.
 */
#include "sim/checker.h"

static struct world *
five(enum policy policy)
{
	struct world_config config = { .count = 5, .seed = 1, .policy = policy };
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	return w;
}

/* A fresh mesh of five is through first sync as soon as its links are up. */
static void
a_fresh_mesh_is_synced_at_once(void **unused)
{
	struct world_config config = {
		.count = 5, .seed = 1, .delay_min_ms = 1, .delay_max_ms = 1
	};
	struct world *w = world_new(&config);

	(void)unused;
	world_start_all(w);
	world_run(w, 10);
	for (size_t i = 0; i < 5; i++)
		assert_true(world_core_view(w, i).synced);
	world_free(w);
}

/*
 * attack NODE=a: a votes itself out, all others cut it, a locks itself.  A
 * second attack shows b as attacked, and says that a's precaution stands.
 */
static void
one_precaution_stands_the_next_stands_down(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 2000);
	assert_string_equal(world_trace(w), "a: enforce 10.77.0.66 sever\n"
	                                    "a: touch a from a inside 10.77.0.66\n"
	                                    "a: self-report a from a stands\n"
	                                    "b: enforce a cut\n"
	                                    "b: self-report a from a stands\n"
	                                    "c: enforce a cut\n"
	                                    "c: self-report a from a stands\n"
	                                    "d: enforce a cut\n"
	                                    "d: self-report a from a stands\n"
	                                    "e: enforce a cut\n"
	                                    "e: self-report a from a stands\n"
	                                    "a: lock cut\n");
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 2000);
	assert_string_equal(world_trace(w), "b: enforce 10.77.0.66 sever\n"
	                                    "b: touch b from b inside 10.77.0.66\n"
	                                    "b: stand-down b from a\n"
	                                    "b: self-report b from b\n"
	                                    "a: stand-down b from a\n"
	                                    "a: self-report b from b\n"
	                                    "c: stand-down b from a\n"
	                                    "c: self-report b from b\n"
	                                    "d: stand-down b from a\n"
	                                    "d: self-report b from b\n"
	                                    "e: stand-down b from a\n"
	                                    "e: self-report b from b\n");
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(world_view(w, i, 0).status, STATUS_QUARANTINED);
		assert_int_equal(world_view(w, i, 1).status, STATUS_ATTACKED);
		assert_int_equal(world_view(w, i, 2).status, STATUS_HEALTHY);
	}
	checker_agree(w);
	world_free(w);
}

/* One that stood down speaks for its day: a touch on the next day is a new precaution. */
static void
a_day_later_a_precaution_is_taken_anew(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 2000);
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 2000);
	world_touch(w, 1, "10.77.0.67");
	world_run(w, 2000);
	assert_int_equal(world_core_view(w, 1).sequence, 1);
	for (size_t i = 0; i < 5; i++)
		w->nodes[i].clock_skew_ms = LIMIT_PRECAUTION_MS;
	world_touch(w, 0, "10.77.0.66");
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 2000);
	assert_int_equal(world_core_view(w, 0).sequence, 1); /* it stands still */
	assert_int_equal(world_core_view(w, 1).sequence, 2);
	assert_int_equal(w->nodes[1].lock, STRENGTH_CUT);
	for (size_t i = 2; i < 5; i++) {
		assert_int_equal(w->nodes[i].held[0], STRENGTH_CUT);
		assert_int_equal(w->nodes[i].held[1], STRENGTH_CUT);
	}
	checker_agree(w);
	world_free(w);
}

/* attack-all: one stands, the same everywhere, and the mesh goes on. */
static void
attacked_all_at_once_one_stands(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);
	size_t standing = 0;

	(void)unused;
	for (size_t i = 0; i < 5; i++)
		world_touch(w, i, "10.77.0.66");
	world_run(w, 2000);
	checker_agree(w);
	for (size_t i = 0; i < 5; i++) {
		bool stands = world_view(w, 0, i).precaution_stands;

		standing += stands;
		assert_int_equal(
		    world_view(w, 0, i).status, stands ? STATUS_QUARANTINED : STATUS_ATTACKED);
		assert_int_equal(w->nodes[i].lock, stands ? STRENGTH_CUT : STRENGTH_NONE);
		for (size_t j = 0; j < 5; j++)
			if (i != j)
				assert_int_equal(
				    w->nodes[j].held[i], stands ? STRENGTH_CUT : STRENGTH_NONE);
	}
	assert_int_equal(standing, 1);
	world_free(w);
}

/*
 * attack-lateral FROM=e: each witness cuts e and says so; the third vote, by
 * hearsay of two, makes a quorum; all sever e, and e locks itself.
 */
static void
a_scan_ends_in_a_certificate(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch_from(w, 0, 4);
	world_run(w, 100);
	assert_string_equal(world_trace(w), "a: enforce e cut\n"
	                                    "a: touch e from a member 10.77.0.2\n"
	                                    "a: statement e from a\n"
	                                    "a: verdict e from a\n"
	                                    "b: statement e from a\n"
	                                    "c: statement e from a\n"
	                                    "d: statement e from a\n"
	                                    "e: statement e from a\n"
	                                    "b: verdict e from a\n"
	                                    "c: verdict e from a\n"
	                                    "d: verdict e from a\n"
	                                    "e: verdict e from a\n");
	world_touch_from(w, 1, 4);
	world_run(w, 40);
	for (size_t i = 0; i < 4; i++) {
		assert_true(world_view(w, i, 4).certified);
		assert_int_equal(w->nodes[i].held[4], STRENGTH_CUT);
	}
	assert_int_equal(w->nodes[4].lock, STRENGTH_SEVER);
	world_run(w, 60);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(w->nodes[i].held[4], STRENGTH_SEVER);
		assert_int_equal(world_view(w, i, 4).status, STATUS_QUARANTINED);
		for (size_t j = 0; j < 4; j++)
			if (i != j)
				assert_int_equal(w->nodes[i].held[j], STRENGTH_NONE);
	}
	world_run(w, 2000);
	checker_agree(w);
	world_free(w);
}

/* The same in parallel, in the profile of an installed package. */
static void
a_parallel_scan_ends_the_same(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	for (size_t i = 0; i < 4; i++)
		world_touch_from(w, i, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(w->nodes[i].held[4], STRENGTH_CUT);
	world_run(w, 100);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(w->nodes[i].held[4], STRENGTH_SEVER);
	assert_int_equal(w->nodes[4].lock, STRENGTH_SEVER);
	world_run(w, 2000);
	checker_agree(w);
	world_free(w);
}

/* 13: a touch from outside, from this host or by the operator's scanner accuses no member. */
static void
touches_from_outside_accuse_nobody(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);

	(void)unused;
	world_touch(w, 0, "198.51.100.7");
	world_touch(w, 1, "127.0.0.1");
	world_touch(w, 2, "10.77.0.66");
	world_touch(w, 2, "10.77.0.66"); /* within a second: counted, nothing else */
	world_run(w, 2000);
	assert_string_equal(world_trace(w), "a: enforce 198.51.100.7 sever\n"
	                                    "a: touch - from a outside 198.51.100.7\n"
	                                    "b: touch - from b inside 127.0.0.1\n"
	                                    "c: enforce 10.77.0.66 sever\n"
	                                    "c: touch - from c inside 10.77.0.66\n"
	                                    "a: indicator - from a 198.51.100.7\n"
	                                    "b: indicator - from a 198.51.100.7\n"
	                                    "c: indicator - from a 198.51.100.7\n"
	                                    "d: indicator - from a 198.51.100.7\n"
	                                    "e: indicator - from a 198.51.100.7\n");
	assert_int_equal(world_core_view(w, 2).touches, 2);
	assert_int_equal(world_core_view(w, 0).sequence, 1);
	world_run(w, LIMIT_LOCAL_CUT_MS);
	assert_string_equal(world_trace(w), "a: enforce 198.51.100.7 none\n"
	                                    "c: enforce 10.77.0.66 none\n");
	world_free(w);
}

/* A confession severs: at once where it arrives, after 50 ms on the mesh port. */
static void
a_confession_severs(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };

	(void)unused;
	world_event(w, 3, &ev);
	world_run(w, 30);
	for (size_t i = 0; i < 5; i++)
		if (i != 3)
			assert_int_equal(w->nodes[i].held[3], STRENGTH_CUT);
	assert_int_equal(w->nodes[3].lock, STRENGTH_SEVER);
	world_run(w, 100);
	for (size_t i = 0; i < 5; i++)
		if (i != 3)
			assert_int_equal(w->nodes[i].held[3], STRENGTH_SEVER);
	world_free(w);
}

/* A confession that cannot be written locks all the same, and is sent when it can. */
static void
a_confession_without_a_disk_still_locks(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };

	(void)unused;
	w->nodes[3].append_fails = true;
	world_event(w, 3, &ev);
	world_run(w, 1000);
	assert_int_equal(w->nodes[3].lock, STRENGTH_CUT);
	w->nodes[3].append_fails = false;
	world_run(w, 1000);
	assert_int_equal(w->nodes[3].lock, STRENGTH_SEVER);
	assert_int_equal(w->nodes[0].held[3], STRENGTH_SEVER);
	world_free(w);
}

/* Who was away hears of everything when it comes back, before it may vote. */
static void
a_node_that_was_away_catches_up(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_crash(w, 2);
	for (size_t i = 0; i < 4; i++)
		world_touch_from(w, i, 4);
	world_run(w, 500);
	assert_true(world_view(w, 1, 4).certified);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 500);
	world_start(w, 2);
	assert_int_equal(w->nodes[2].held[0], STRENGTH_HOLD);
	world_run(w, 100);
	assert_true(world_core_view(w, 2).synced);
	assert_int_equal(w->nodes[2].held[0], STRENGTH_CUT);
	assert_int_equal(w->nodes[2].held[4], STRENGTH_SEVER);
	assert_int_equal(w->nodes[2].held[1], STRENGTH_NONE);
	world_run(w, 2000);
	checker_agree(w);
	world_free(w);
}

/* What stands is told to whom it concerns however old it is. */
static void
who_comes_late_hears_of_what_stands(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_crash(w, 3);
	for (size_t i = 0; i < 3; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 2 * LIMIT_RELAYED_MS);
	/* The statements are gone, the certificate and the precaution are not. */
	assert_int_equal(world_core_view(w, 1).objects, 2);
	world_start(w, 3);
	world_run(w, 100);
	assert_int_equal(w->nodes[3].held[4], STRENGTH_SEVER);
	assert_int_equal(w->nodes[3].held[0], STRENGTH_CUT);
	world_free(w);
}

/* Who has no link to the author hears it from the others, 20 ms later: from those whose turn it is. */
static void
urgent_objects_find_a_way_round(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_estrange(w, 0, 2);
	world_run(w, 10);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, LIMIT_RELAY_DELAY_MS - 1);
	assert_int_equal(w->nodes[1].held[0], STRENGTH_CUT);
	assert_int_equal(w->nodes[2].held[0], STRENGTH_NONE);
	world_run(w, 1);
	assert_int_equal(w->nodes[2].held[0], STRENGTH_CUT);
	world_free(w);
}

/* Two halves, each with its own incident, agree a moment after they meet: the earlier stands. */
static void
two_halves_agree_when_they_meet(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_partition(w, 0x3);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	world_touch(w, 3, "10.77.0.66");
	world_run(w, 1000);
	assert_int_equal(w->nodes[2].held[3], STRENGTH_CUT);
	assert_int_equal(w->nodes[3].lock, STRENGTH_CUT);
	world_partition(w, 0);
	world_run(w, 30);
	checker_agree(w);
	assert_int_equal(w->nodes[2].held[3], STRENGTH_NONE);
	assert_int_equal(w->nodes[2].held[0], STRENGTH_CUT);
	assert_int_equal(w->nodes[3].lock, STRENGTH_NONE);
	assert_int_equal(world_view(w, 0, 3).status, STATUS_ATTACKED);
	world_free(w);
}

/* After a restart what stood stands, at full strength, before any link is up. */
static void
quarantine_survives_a_restart(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH);

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	for (size_t i = 1; i < 4; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	for (size_t i = 0; i < 5; i++)
		world_crash(w, i);
	for (size_t i = 0; i < 5; i++)
		world_start(w, i);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(w->nodes[i].held[4], STRENGTH_SEVER);
		assert_int_equal(w->nodes[i].held[1], i == 1 ? STRENGTH_NONE : STRENGTH_HOLD);
		if (i != 0)
			assert_int_equal(w->nodes[i].held[0], STRENGTH_CUT);
	}
	assert_int_equal(w->nodes[0].lock, STRENGTH_CUT);
	assert_int_equal(w->nodes[4].lock, STRENGTH_SEVER);
	world_run(w, 5000);
	checker_agree(w);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_mesh_is_synced_at_once),
		cmocka_unit_test(one_precaution_stands_the_next_stands_down),
		cmocka_unit_test(a_day_later_a_precaution_is_taken_anew),
		cmocka_unit_test(attacked_all_at_once_one_stands),
		cmocka_unit_test(a_scan_ends_in_a_certificate),
		cmocka_unit_test(a_parallel_scan_ends_the_same),
		cmocka_unit_test(touches_from_outside_accuse_nobody),
		cmocka_unit_test(a_confession_severs),
		cmocka_unit_test(a_confession_without_a_disk_still_locks),
		cmocka_unit_test(a_node_that_was_away_catches_up),
		cmocka_unit_test(who_comes_late_hears_of_what_stands),
		cmocka_unit_test(urgent_objects_find_a_way_round),
		cmocka_unit_test(two_halves_agree_when_they_meet),
		cmocka_unit_test(quarantine_survives_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
