/*
 * Links: who is alive, whose clock is right, how often a quiet node wakes, and
 * when first sync is over.
 */
#include "sim/checker.h"

static struct world *
mesh_of(size_t count)
{
	struct world_config config = {
		.count = count, .seed = 11, .policy = POLICY_ATTRIBUTE, .delay_max_ms = 0
	};
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	w->trace_links = true;
	return w;
}

/* A crash resets links: suspect at once, dead within a second, alive when it is back. */
static void
a_crash_is_seen_by_all(void **unused)
{
	struct world *w = mesh_of(3);

	(void)unused;
	world_crash(w, 2);
	world_run(w, 1000);
	assert_string_equal(world_trace(w), "c: crash\n"
	                                    "a: peer-suspect c from -\n"
	                                    "b: peer-suspect c from -\n"
	                                    "a: peer-dead c from -\n"
	                                    "b: peer-dead c from -\n");
	assert_int_equal(world_view(w, 0, 2).status, STATUS_UNREACHABLE);
	world_start(w, 2);
	world_run(w, 50);
	assert_int_equal(world_view(w, 0, 2).status, STATUS_HEALTHY);
	world_free(w);
}

/* Silence on links that stay up: three misses, then a period of grace, and all see it within two seconds. */
static void
silence_is_seen_by_all(void **unused)
{
	struct world *w = mesh_of(3);

	(void)unused;
	w->network.lost_per_1000 = 1000;
	world_run(w, 1000);
	assert_int_equal(w->trace_bytes, 0);
	world_run(w, 520);
	assert_non_null(strstr(w->trace, "a: peer-suspect c"));
	assert_true(world_view(w, 0, 2).alive);
	world_run(w, 480);
	assert_false(world_view(w, 0, 2).alive);
	assert_false(world_view(w, 2, 0).alive);
	/* Who does not answer is not guilty: the electorate is what it was. */
	assert_int_equal(w->nodes[0].held[2], STRENGTH_NONE);
	world_free(w);
}

/* One wake-up a period, however many peers. */
static void
a_quiet_node_wakes_twice_a_second(void **unused)
{
	struct world *w = mesh_of(5);
	uint64_t woken[5] = { 0 };

	(void)unused;
	for (uint64_t ms = 0; ms < 60000; ms++) {
		for (size_t i = 0; i < 5; i++)
			woken[i] += core_deadline(w->nodes[i].core) == w->now_ms + 1;
		world_run(w, 1);
	}
	for (size_t i = 0; i < 5; i++)
		assert_in_range(woken[i], 119, 121);
	world_free(w);
}

/* Ten seconds off its peers' median a node says so, and votes no more; self-reports it may. */
static void
a_wrong_clock_casts_no_vote(void **unused)
{
	struct world *w = mesh_of(5);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_OPERATOR };

	(void)unused;
	w->nodes[1].clock_skew_ms = -LIMIT_CLOCK_SKEW_MS - 500;
	world_run(w, 2000);
	assert_true(world_core_view(w, 1).clock_off);
	assert_false(world_core_view(w, 0).clock_off);
	world_touch_from(w, 1, 4);
	world_run(w, 500);
	assert_int_equal(w->nodes[1].held[4], STRENGTH_CUT);
	assert_int_equal(world_core_view(w, 1).sequence, 0);
	w->nodes[1].clock_skew_ms = 0;
	world_run(w, 2000);
	assert_false(world_core_view(w, 1).clock_off);
	assert_int_equal(world_core_view(w, 1).sequence, 2); /* what was withheld */
	w->nodes[2].clock_skew_ms = LIMIT_CLOCK_SKEW_MS + 500;
	world_run(w, 2000);
	world_event(w, 2, &ev);
	world_run(w, 500);
	assert_int_equal(w->nodes[0].held[2], STRENGTH_SEVER);
	world_free(w);
}

/* A clock that jumps by a day ends nothing that lasts, and starts nothing. */
static void
a_jumping_clock_moves_no_deadline(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	world_touch_from(w, 0, 4);
	world_touch(w, 0, "198.51.100.7");
	w->nodes[0].clock_skew_ms = 24 * 3600 * 1000;
	world_run(w, LIMIT_LOCAL_CUT_MS - 1000);
	assert_int_equal(w->nodes[0].held[4], STRENGTH_CUT);
	assert_int_equal(world_core_view(w, 0).local_cuts, 1);
	w->nodes[0].clock_skew_ms = -24 * 3600 * 1000;
	world_run(w, 1000);
	assert_int_equal(w->nodes[0].held[4], STRENGTH_NONE);
	assert_int_equal(world_core_view(w, 0).local_cuts, 0);
	world_free(w);
}

/* With nobody to ask, first sync ends after 30 s, with an alarm. */
static void
alone_first_sync_takes_thirty_seconds(void **unused)
{
	struct world_config config = { .count = 5, .seed = 1 };
	struct world *w = world_new(&config);

	(void)unused;
	w->trace_links = true;
	world_start(w, 0);
	world_run(w, LIMIT_FIRST_SYNC_MS - 1000);
	assert_false(world_core_view(w, 0).synced);
	assert_int_equal(w->nodes[0].held[1], STRENGTH_HOLD);
	world_run(w, 1500);
	assert_true(world_core_view(w, 0).synced);
	assert_non_null(strstr(w->trace, "first-sync a from - error"));
	assert_int_equal(w->nodes[0].held[1], STRENGTH_NONE);
	world_free(w);
}

/* With one peer of five, after a second of agreement. */
static void
with_one_peer_first_sync_takes_a_second(void **unused)
{
	struct world_config config = { .count = 5, .seed = 1 };
	struct world *w = world_new(&config);

	(void)unused;
	world_start(w, 0);
	world_start(w, 1);
	world_run(w, 900);
	assert_false(world_core_view(w, 0).synced);
	world_run(w, 1200);
	assert_true(world_core_view(w, 0).synced);
	assert_true(world_core_view(w, 1).synced);
	world_free(w);
}

/* A mesh of one has nobody to ask. */
static void
a_mesh_of_one_is_synced(void **unused)
{
	struct world_config config = { .count = 1, .seed = 1, .policy = POLICY_ASSUME_BREACH };
	struct world *w = world_new(&config);

	(void)unused;
	world_start(w, 0);
	assert_true(world_core_view(w, 0).synced);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 100);
	assert_int_equal(w->nodes[0].lock, STRENGTH_CUT);
	world_free(w);
}

/* Links that outlived a restart of this process begin with a hello all the same. */
static void
links_from_before_the_start_are_greeted(void **unused)
{
	struct core_event up = { .input = CORE_LINK_UP, .link.peer = 1 };
	struct core_event start = { .input = CORE_START };
	struct core_actions *actions = malloc(sizeof(*actions));
	struct core_config config = { .crypto = crypto_sodium() };
	size_t sent = 0;
	struct core *c;
	struct mesh m;

	(void)unused;
	mesh_make(&m, 5);
	config.roster = m.roster;
	assert_ok(core_new(&config, 1, MESH_TIME_MS, &c));
	up.now_ms = start.now_ms = 1;
	up.unix_ms = start.unix_ms = MESH_TIME_MS;
	core_step(c, &up, actions);
	for (size_t i = 0; i < actions->count; i++)
		assert_int_not_equal(actions->list[i].what, CORE_DO_SEND);
	core_step(c, &start, actions);
	for (size_t i = 0; i < actions->count; i++)
		if (actions->list[i].what == CORE_DO_SEND && actions->list[i].send.to == 1)
			sent++;
	assert_int_equal(sent, 1);
	core_free(c);
	free(actions);
	mesh_free(&m);
}

static void
neighbour(struct world *w, size_t node, size_t of, uint8_t last)
{
	struct core_event ev = { .input = CORE_NEIGHBOUR };

	ev.neighbour.address = roster_member(w->mesh.roster, (member_index)of)->addresses[0];
	ev.neighbour.mac = (struct mac){ { 2, 0, 0, 0, 0, last } };
	world_event(w, node, &ev);
}

/* From e's address but another link-layer source: nobody is accused. */
static void
a_spoofed_address_accuses_nobody(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	w->trace_links = false;
	neighbour(w, 0, 4, 5);
	neighbour(w, 0, 4, 66);
	world_touch_from(w, 0, 4);
	world_run(w, 1000);
	assert_string_equal(world_trace(w), "a: touch - from a ambiguous 10.77.0.2\n");
	neighbour(w, 0, 4, 5);
	world_touch_from(w, 0, 4);
	assert_int_equal(w->nodes[0].held[4], STRENGTH_CUT);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_is_seen_by_all),
		cmocka_unit_test(silence_is_seen_by_all),
		cmocka_unit_test(a_quiet_node_wakes_twice_a_second),
		cmocka_unit_test(a_wrong_clock_casts_no_vote),
		cmocka_unit_test(a_jumping_clock_moves_no_deadline),
		cmocka_unit_test(alone_first_sync_takes_thirty_seconds),
		cmocka_unit_test(with_one_peer_first_sync_takes_a_second),
		cmocka_unit_test(a_mesh_of_one_is_synced),
		cmocka_unit_test(links_from_before_the_start_are_greeted),
		cmocka_unit_test(a_spoofed_address_accuses_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
