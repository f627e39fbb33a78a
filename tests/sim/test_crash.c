/*
 * A node that crashes at any step, with any part of that step done, and comes
 * back; and one whose feed comes back shorter than its peers know it.
 */
#include <inttypes.h>
#include "sim/checker.h"

static struct world *
five(enum policy policy, uint64_t seed)
{
	struct world_config config = { .count = 5,
		.seed = seed,
		.policy = policy,
		.delay_min_ms = 1,
		.delay_max_ms = 3,
		.disk_ms = 2 };
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	return w;
}

static void
crash_in_a_scan(size_t node, uint64_t step, size_t actions)
{
	struct world *w = five(POLICY_ASSUME_BREACH, step);
	bool crashed;

	w->nodes[node].crash_after_steps = step;
	w->nodes[node].crash_after_actions = actions;
	for (size_t i = 0; i < 4; i++) {
		if (w->nodes[i].core != NULL)
			world_touch_from(w, i, 4);
		world_run(w, 15);
	}
	crashed = w->nodes[node].core == NULL;
	w->nodes[node].crash_after_steps = 0;
	if (crashed)
		world_start(w, node);
	world_run(w, 5000);
	checker_agree(w);
	for (size_t i = 0; i < 4; i++) {
		if (world_view(w, i, 4).certified && w->nodes[i].held[4] == STRENGTH_SEVER)
			continue;
		print_message("%s", w->trace);
		fail_msg("node %zu crashed at step %" PRIu64 " after %zu actions: %zu holds e %s",
		    node, step, actions, i, strength_text(w->nodes[i].held[4]));
	}
	world_free(w);
}

/* A scan ends in a certificate that all hold, whoever crashes at whatever step. */
static void
any_crash_in_a_scan_heals(void **unused)
{
	(void)unused;
	for (size_t node = 0; node < 5; node++)
		for (uint64_t step = 1; step <= 45; step++)
			for (size_t actions = 0; actions < 4; actions++)
				crash_in_a_scan(node, step, actions);
}

static void
crash_in_a_precaution(size_t node, uint64_t step, size_t actions)
{
	struct world *w = five(POLICY_ASSUME_BREACH, step);

	w->nodes[node].crash_after_steps = step;
	w->nodes[node].crash_after_actions = actions;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 60);
	w->nodes[node].crash_after_steps = 0;
	if (w->nodes[node].core == NULL)
		world_start(w, node);
	world_run(w, 3000);
	checker_agree(w);
	/* Either it was never written, and nobody knows; or all hold it, and a is locked. */
	for (size_t i = 1; i < 5; i++)
		assert_int_equal(w->nodes[i].held[0], w->nodes[0].lock);
	if (node != 0)
		assert_int_equal(w->nodes[0].lock, STRENGTH_CUT);
	world_free(w);
}

static void
any_crash_in_a_precaution_heals(void **unused)
{
	(void)unused;
	for (size_t node = 0; node < 5; node++)
		for (uint64_t step = 1; step <= 15; step++)
			for (size_t actions = 0; actions < 4; actions++)
				crash_in_a_precaution(node, step, actions);
}

/*
 * 4.4: a feed cut off at an entry boundary is noticed against peers' heads
 * before anything is signed; then nothing ever is.
 */
static void
a_shortened_feed_signs_nothing(void **unused)
{
	(void)unused;
	for (size_t entries = 1; entries <= 3; entries++) {
		struct world *w = five(POLICY_ASSUME_BREACH, entries);
		uint64_t sequence;

		for (size_t i = 0; i < 4; i++) {
			world_touch_from(w, i, 4);
			world_run(w, 100);
		}
		world_run(w, 2000);
		/* Its last is a certificate that all others had from elsewhere. */
		sequence = world_core_view(w, 1).sequence;
		assert_int_equal(sequence, 3);
		world_crash(w, 1);
		world_truncate(w, 1, entries);
		world_start(w, 1);
		for (unsigned ms = 0; ms < 3000; ms++) {
			struct core_view view;

			world_run(w, 1);
			view = world_core_view(w, 1);
			/* Never a moment in which it could have signed. */
			assert_true(!view.synced || view.lost_state);
		}
		assert_true(world_core_view(w, 1).lost_state);
		assert_non_null(strstr(w->trace, "b: lost-state b"));
		world_touch_from(w, 1, 3);
		world_touch(w, 1, "10.77.0.66");
		world_run(w, 1000);
		assert_int_equal(w->nodes[1].held[3], STRENGTH_CUT);
		assert_int_equal(w->nodes[1].sequence, sequence - entries);
		/* And alone, after another restart, it still knows. */
		world_crash(w, 1);
		world_partition(w, 1u << 1);
		world_start(w, 1);
		assert_true(world_core_view(w, 1).lost_state);
		world_free(w);
	}
}

/*
 * 4.4: asked before anything is signed: a node on an older disk that is touched
 * before its links are up does not use a sequence twice.  It cuts the source
 * off, and says so once it may.
 */
static void
a_touch_before_sync_signs_nothing(void **unused)
{
	for (unsigned shortened = 0; shortened < 2; shortened++) {
		struct world *w = five(POLICY_ASSUME_BREACH, 1);
		uint64_t sequence;

		(void)unused;
		world_touch_from(w, 1, 4);
		world_run(w, 2000);
		sequence = world_core_view(w, 1).sequence;
		assert_true(sequence > 0);
		world_crash(w, 1);
		if (shortened)
			world_truncate(w, 1, 1);
		world_partition(w, 1u << 1);
		world_start(w, 1);
		world_touch(w, 1, "10.77.0.66");
		world_run(w, 1000);
		assert_int_equal(world_core_view(w, 1).local_cuts, 1);
		assert_int_equal(w->nodes[1].sequence, sequence - shortened);
		world_partition(w, 0);
		world_run(w, 5000);
		assert_int_equal(world_core_view(w, 1).lost_state, shortened);
		assert_int_equal(w->nodes[1].sequence, shortened ? sequence - 1 : sequence + 1);
		world_free(w);
	}
}

/* The same when all that peers hold of it are a statement and a vote, then long expired. */
static void
an_old_feed_cut_short_is_noticed(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE, 1);

	(void)unused;
	world_touch_from(w, 1, 4);
	world_run(w, 3 * LIMIT_RELAYED_MS);
	assert_int_equal(world_core_view(w, 0).objects, 1);
	assert_int_equal(w->nodes[1].sequence, 3); /* a second vote when the window rolled over */
	world_crash(w, 1);
	world_truncate(w, 1, 1);
	world_start(w, 1);
	world_run(w, 1000);
	assert_true(world_core_view(w, 1).lost_state);
	world_free(w);
}

/* One that keeps its feed is not troubled, whatever a lying peer claims to hold. */
static void
a_claim_without_proof_mutes_nobody(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE, 1);
	struct entry e = { .kind = ENTRY_HELLO, .header.mesh = w->mesh.id };
	uint8_t body[1024], bytes[1024];
	size_t body_bytes = sizeof(body), size = sizeof(bytes);

	(void)unused;
	world_crash(w, 1);
	world_start(w, 1);
	e.hello.incarnation = 1;
	e.hello.yours = (struct feed_head){
		.author = world_member(w, 1)->id, .incarnation = 1, .sequence = 99
	};
	assert_ok(entry_encode(&e, body, &body_bytes));
	assert_ok(envelope_write((struct span){ body, body_bytes }, NULL, bytes, &size));
	w->nodes[0].liar = true;
	world_deliver(w, 1, 0, (struct span){ bytes, size });
	world_run(w, 3000);
	assert_true(world_core_view(w, 1).synced);
	assert_false(world_core_view(w, 1).lost_state);
	world_touch_from(w, 1, 4);
	world_run(w, 100);
	assert_int_equal(world_core_view(w, 1).sequence, 2);
	world_free(w);
}

/*
 * Written, and then the host was gone before anybody heard of it: back again,
 * it is through first sync in a moment, and all know.
 */
static void
what_was_written_is_told_after_the_crash(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH, 1);

	(void)unused;
	w->nodes[2].crash_after_steps = 2; /* the touch, then the signed entry */
	world_touch(w, 2, "10.77.0.66");
	world_run(w, 20);
	assert_null(w->nodes[2].core);
	assert_int_equal(w->nodes[2].sequence, 1);
	world_touch_from(w, 0, 4);
	world_touch_from(w, 1, 4);
	world_run(w, 100);
	world_start(w, 2);
	assert_int_equal(w->nodes[2].lock, STRENGTH_CUT);
	world_run(w, 60);
	assert_true(world_core_view(w, 2).synced);
	checker_agree(w);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(i == 2 ? w->nodes[2].lock : w->nodes[i].held[2], STRENGTH_CUT);
	world_free(w);
}

/* A signed entry that nobody remembers asking for is in our feed all the same: it is told. */
static void
an_entry_nobody_asked_for_is_told(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE, 1);
	struct entry e = { .kind = ENTRY_SELF_REPORT };
	struct core_event ev = { .input = CORE_APPENDED, .appended.request = 4711 };

	(void)unused;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	ev.appended.bytes = world_forge(w, 2, &e, 1);
	world_event(w, 2, &ev);
	world_run(w, 100);
	assert_int_equal(world_core_view(w, 2).sequence, 1);
	assert_int_equal(w->nodes[0].held[2], STRENGTH_CUT);
	assert_int_equal(w->nodes[2].lock, STRENGTH_CUT);
	free((void *)(uintptr_t)ev.appended.bytes.data);
	world_free(w);
}

/*
 * A vote of a clock that ran ahead is refused by everybody; yet when its author
 * comes back with a disk from before it, they know that its feed went further.
 */
static void
what_was_refused_is_remembered_as_said(void **unused)
{
	struct world *w = five(POLICY_ATTRIBUTE, 1);

	(void)unused;
	w->nodes[2].clock_skew_ms = 3600 * 1000;
	world_touch_from(w, 2, 4);
	world_run(w, 50);
	assert_true(w->nodes[2].sequence > 0);
	assert_int_equal(world_view(w, 0, 4).statements, 0);
	world_crash(w, 2);
	world_truncate(w, 2, (size_t)w->nodes[2].sequence);
	w->nodes[2].clock_skew_ms = 0;
	world_start(w, 2);
	world_run(w, 3000);
	assert_true(world_core_view(w, 2).lost_state);
	world_free(w);
}

/* The notary refuses for a while: what was due is written when it can be. */
static void
a_full_disk_delays_and_loses_nothing(void **unused)
{
	struct world *w = five(POLICY_ASSUME_BREACH, 1);

	(void)unused;
	w->nodes[0].append_fails = true;
	world_touch_from(w, 0, 4);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 2000);
	assert_int_equal(w->nodes[0].held[4], STRENGTH_CUT);
	assert_int_equal(world_core_view(w, 0).sequence, 0);
	assert_int_equal(w->nodes[0].lock, STRENGTH_NONE);
	w->nodes[0].append_fails = false;
	world_run(w, 2000);
	assert_int_equal(w->nodes[0].lock, STRENGTH_CUT);
	for (size_t i = 1; i < 5; i++)
		assert_int_equal(w->nodes[i].held[0], STRENGTH_CUT);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_crash_in_a_scan_heals),
		cmocka_unit_test(any_crash_in_a_precaution_heals),
		cmocka_unit_test(a_shortened_feed_signs_nothing),
		cmocka_unit_test(a_touch_before_sync_signs_nothing),
		cmocka_unit_test(an_old_feed_cut_short_is_noticed),
		cmocka_unit_test(a_claim_without_proof_mutes_nobody),
		cmocka_unit_test(what_was_written_is_told_after_the_crash),
		cmocka_unit_test(an_entry_nobody_asked_for_is_told),
		cmocka_unit_test(what_was_refused_is_remembered_as_said),
		cmocka_unit_test(a_full_disk_delays_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
