/*
 * What the kernel held, and how soon, is written down once an object, for the
 * coordinator; peers learn no more than how far the feed goes.
 */
#include "sim/checker.h"

static struct world *
five(void)
{
	struct world_config config = { .count = 5, .seed = 9, .policy = POLICY_ASSUME_BREACH };
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	return w;
}

static void
enforced(struct world *w, size_t node, size_t subject)
{
	struct core_event ev = { .input = CORE_ENFORCED };

	ev.enforced.subject = (member_index)subject;
	ev.enforced.held_us = 417;
	world_event(w, node, &ev);
}

/* The newest of its own entries that the disk holds. */
static struct entry
last_written(const struct world *w, size_t node)
{
	const struct world_node *n = &w->nodes[node];
	struct envelope envelope;
	struct entry e = { .kind = ENTRY_PING };

	for (size_t i = 0; i < n->disk_count; i++) {
		if (!n->disk[i].own)
			continue;
		assert_ok(envelope_parse(n->disk[i].bytes, n->disk[i].size_bytes, &envelope));
		assert_ok(entry_decode(envelope.body, &e));
	}
	return e;
}

/* b cuts a for its precaution, and says within a tick how soon; no peer holds more of it than the head. */
static void
a_cut_has_one_receipt(void **unused)
{
	struct world *w = five();
	struct entry e;

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 20);
	(void)world_trace(w);
	enforced(w, 1, 0);
	enforced(w, 1, 0); /* asked twice, held twice: one object */
	assert_int_equal(w->nodes[1].sequence, 0);
	world_run(w, 2 * LIMIT_PING_MS);
	assert_string_equal(world_trace(w), "b: publish\n");
	assert_int_equal(w->nodes[1].sequence, 1);
	e = last_written(w, 1);
	assert_int_equal(e.kind, ENTRY_RECEIPT);
	assert_int_equal(e.receipt.held_us, 417);
	assert_true(node_id_equal(&e.receipt.subject, &world_member(w, 0)->id));
	world_run(w, 2 * LIMIT_PING_MS);
	assert_int_equal(world_view(w, 2, 1).feed_sequence, 1);
	/* It is in no tree, and on no other disk. */
	checker_agree(w);
	assert_int_equal(world_core_view(w, 2).objects, 1);
	enforced(w, 1, 0);
	world_run(w, 2000);
	assert_int_equal(w->nodes[1].sequence, 1);
	world_free(w);
}

/* What own eyes cut, what is nobody's, and what stood before a restart has no receipt. */
static void
only_what_an_object_caused_has_one(void **unused)
{
	struct world *w = five();

	(void)unused;
	world_touch_from(w, 1, 4);
	world_run(w, 100);
	enforced(w, 1, 4);
	enforced(w, 1, 1);
	enforced(w, 1, 2);
	enforced(w, 1, MEMBER_NONE);
	world_run(w, 2000);
	assert_int_equal(w->nodes[1].sequence, 2); /* a statement and a vote */
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 2000);
	world_crash(w, 1);
	world_start(w, 1);
	enforced(w, 1, 0);
	world_run(w, 5000);
	assert_int_equal(w->nodes[1].sequence, 2);
	world_free(w);
}

/* Who is locked writes none. */
static void
who_may_not_sign_writes_none(void **unused)
{
	struct world *w = five();

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 100);
	for (size_t i = 1; i < 4; i++)
		world_touch_from(w, i, 4);
	world_run(w, 2000);
	assert_true(world_view(w, 0, 4).certified);
	enforced(w, 0, 4);
	world_run(w, 2000);
	assert_int_equal(w->nodes[0].sequence, 1); /* its precaution */
	world_free(w);
}

/* A feed cut off at a receipt is noticed like any other. */
static void
a_feed_cut_off_at_a_receipt_is_noticed(void **unused)
{
	struct world *w = five();

	(void)unused;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 20);
	enforced(w, 1, 0);
	world_run(w, 2000);
	world_crash(w, 1);
	world_truncate(w, 1, 1);
	world_start(w, 1);
	world_run(w, 2000);
	assert_true(world_core_view(w, 1).lost_state);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_has_one_receipt),
		cmocka_unit_test(only_what_an_object_caused_has_one),
		cmocka_unit_test(who_may_not_sign_writes_none),
		cmocka_unit_test(a_feed_cut_off_at_a_receipt_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
