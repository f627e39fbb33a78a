/*
 * The roster grows under running nodes: members come, are renewed and leave, and
 * what was counted in one epoch is not counted in another.
 */
#include "sim/checker.h"

static struct world *
mesh_that(enum policy policy, size_t count)
{
	struct world_config config = {
		.count = count, .seed = 5, .policy = policy, .delay_max_ms = 2
	};
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	return w;
}

static struct world *
mesh_of(size_t count)
{
	return mesh_that(POLICY_ATTRIBUTE, count);
}

/* Every decoy but its own is touched from a node, one after the other. */
static void
scan_from(struct world *w, size_t from)
{
	for (size_t i = 0; i < w->config.count; i++)
		if (i != from && w->nodes[i].core != NULL)
			world_touch_from(w, i, from);
}

/* A node of epoch 2 syncs with those of epoch 1 and its vote is among those that isolate. */
static void
a_newcomer_votes(void **unused)
{
	struct world *w = mesh_of(4);
	size_t newcomer = 4;

	(void)unused;
	(void)mesh_append_member(&w->mesh);
	mesh_append_epoch(&w->mesh);
	world_extend(w);
	assert_int_equal(w->config.count, 5);
	assert_non_null(strstr(w->trace, "a: epoch"));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(world_core_view(w, i).epoch, 2);
	world_start(w, newcomer);
	world_settle(w);
	assert_true(world_core_view(w, newcomer).synced);
	assert_true(world_view(w, 0, newcomer).linked);
	/* Three of the other four: with one of the old ones down the newcomer's is needed. */
	world_crash(w, 3);
	world_run(w, 3000);
	scan_from(w, 0);
	world_run(w, 1000);
	for (size_t i = 1; i < w->config.count; i++)
		if (i != 3)
			assert_true(world_view(w, i, 0).certified);
	world_free(w);
}

/* Who is listed no longer is cut off from the links, and its voice with them; the rest goes on. */
static void
who_left_is_gone(void **unused)
{
	struct world *w = mesh_of(6);

	(void)unused;
	for (size_t i = 0; i < w->mesh.count; i++)
		w->mesh.members[i].unlisted = w->mesh.members[i].index == 5;
	mesh_append_epoch(&w->mesh);
	world_extend(w);
	world_run(w, 100);
	world_touch_from(w, 0, 1);
	world_touch_from(w, 5, 1);
	world_run(w, 500);
	/* It still saw something, and nobody counts it. */
	assert_int_equal(world_view(w, 0, 1).statements, 1);
	assert_false(world_view(w, 0, 1).certified);
	scan_from(w, 1);
	world_run(w, 1000);
	for (size_t i = 0; i < 5; i++)
		if (i != 1)
			assert_true(world_view(w, i, 1).certified);
	world_free(w);
}

/* A renewed node starts its feed anew, is believed, and has lost nothing. */
static void
a_renewed_node_goes_on(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	world_touch_from(w, 0, 4);
	world_run(w, 200);
	assert_true(world_core_view(w, 0).sequence > 0);
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == 0)
			mesh_append_renewal(&w->mesh, i);
	mesh_append_epoch(&w->mesh);
	world_extend(w);
	assert_int_equal(world_core_view(w, 0).sequence, 0);
	world_run(w, 200);
	scan_from(w, 4);
	world_run(w, 1000);
	assert_true(world_core_view(w, 0).sequence > 0);
	for (size_t i = 0; i < 4; i++) {
		assert_false(world_core_view(w, i).lost_state);
		assert_true(world_view(w, i, 4).certified);
	}
	world_free(w);
}

/* Touched while it had lost state, it reports itself as soon as it is renewed. */
static void
a_renewed_node_says_what_it_could_not(void **unused)
{
	struct world *w = mesh_that(POLICY_ASSUME_BREACH, 5);

	(void)unused;
	world_touch_from(w, 0, 4);
	world_run(w, 200);
	world_crash(w, 0);
	world_truncate(w, 0, 1);
	world_start(w, 0);
	world_run(w, 3000);
	assert_true(world_core_view(w, 0).lost_state);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	assert_int_not_equal(world_view(w, 1, 0).status, STATUS_QUARANTINED);
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == 0)
			mesh_append_renewal(&w->mesh, i);
	world_extend(w);
	world_run(w, 1000);
	assert_false(world_core_view(w, 0).lost_state);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(world_view(w, i, 0).status, STATUS_QUARANTINED);
	world_free(w);
}

/* Ballots of epoch 1 and of epoch 2 are never added up, and open ones are signed anew. */
static void
votes_are_signed_anew(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	/* One ballot first-hand, before the epoch changes; a quorum takes three. */
	world_touch_from(w, 0, 4);
	world_run(w, 200);
	assert_int_equal(world_view(w, 1, 4).votes, 1);
	mesh_append_epoch(&w->mesh);
	world_extend(w);
	world_run(w, 500);
	assert_false(world_view(w, 1, 4).certified);
	world_touch_from(w, 1, 4);
	world_run(w, 500);
	world_touch_from(w, 2, 4);
	world_run(w, 500);
	for (size_t i = 0; i < 4; i++)
		assert_true(world_view(w, i, 4).certified);
	world_free(w);
}

/* What does not extend the log that is known changes nothing. */
static void
another_history_is_refused(void **unused)
{
	struct world *w = mesh_of(4);
	struct core_event ev = { .input = CORE_ROSTER };
	struct mesh other;

	(void)unused;
	mesh_make(&other, 5);
	ev.roster.next = other.roster;
	world_event(w, 0, &ev);
	assert_non_null(strstr(w->trace, "refused"));
	assert_int_equal(world_core_view(w, 0).epoch, 1);
	scan_from(w, 3);
	world_run(w, 1000);
	assert_true(world_view(w, 0, 3).certified);
	world_free(w);
	mesh_free(&other);
}

/* An address that was cut for being nobody's is a newcomer's: it is let in. */
static void
a_newcomers_address_is_spared(void **unused)
{
	struct world *w = mesh_of(3);

	(void)unused;
	world_touch(w, 0, "10.77.0.4");
	world_touch(w, 0, "198.51.100.9");
	assert_int_equal(world_core_view(w, 0).local_cuts, 2);
	(void)mesh_append_member(&w->mesh); /* 10.77.0.4 */
	world_extend(w);
	assert_int_equal(world_core_view(w, 0).local_cuts, 1);
	world_free(w);
}

static void
next_epoch(struct world *w)
{
	mesh_append_epoch(&w->mesh);
	world_extend(w);
}

/* Who heard it and who did not hold the same once its author has a new incarnation. */
static void
what_ages_ends_with_its_incarnation(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	world_partition(w, 1 << 0 | 1 << 1 | 1 << 2);
	world_touch_from(w, 0, 4);
	world_touch(w, 0, "198.51.100.7");
	world_run(w, 200);
	assert_int_equal(world_view(w, 1, 4).statements, 1);
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == 0)
			mesh_append_renewal(&w->mesh, i);
	world_extend(w);
	world_partition(w, 0);
	world_run(w, 20000);
	checker_agree(w);
	world_free(w);
}

/* An indicator two epochs old is in nobody's tree, but its effect lasts, restarts included. */
static void
an_indicator_outlives_its_epoch(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	world_partition(w, 1 << 0 | 1 << 1 | 1 << 2);
	world_touch(w, 0, "198.51.100.7");
	world_touch(w, 1, "198.51.100.7");
	world_run(w, 200);
	assert_int_equal(world_core_view(w, 2).indicators, 1);
	next_epoch(w);
	next_epoch(w);
	world_partition(w, 0);
	world_run(w, 20000);
	checker_agree(w);
	assert_int_equal(world_core_view(w, 2).indicators, 1);
	world_crash(w, 2);
	world_start(w, 2);
	world_run(w, 5000);
	assert_int_equal(world_core_view(w, 2).indicators, 1);
	checker_agree(w);
	world_free(w);
}

/* Whoever loses its weight was a head when it spoke: those who have not heard it yet believe it, too. */
static void
an_indicator_is_of_a_head_of_its_epoch(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	world_partition(w, 1 << 0 | 1 << 1 | 1 << 2);
	world_touch(w, 0, "198.51.100.7");
	world_run(w, 200);
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == 0)
			w->mesh.members[i].weight = 0;
	next_epoch(w);
	world_partition(w, 0);
	world_run(w, 20000);
	checker_agree(w);
	world_free(w);
}

/* The address of an accused goes to another host: then nothing names the accused any more. */
static void
a_statement_ends_with_the_address(void **unused)
{
	struct world *w = mesh_of(5);
	struct mesh_member *accused = NULL;
	size_t heir;

	(void)unused;
	world_partition(w, 1 << 0 | 1 << 1 | 1 << 2);
	world_touch_from(w, 0, 4);
	world_run(w, 200);
	assert_int_equal(world_view(w, 1, 4).statements, 1);
	heir = mesh_append_member(&w->mesh);
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == 4 && i != heir)
			accused = &w->mesh.members[i];
	memcpy(w->mesh.members[heir].address, accused->address, 4);
	mesh_append_renewal(&w->mesh, heir);
	accused->unlisted = true;
	next_epoch(w);
	world_partition(w, 0);
	world_run(w, 20000);
	assert_int_equal(world_view(w, 1, 4).statements, 0);
	checker_agree(w);
	world_free(w);
}

/* Nobody votes on who is listed no more: no certificate could be proven to others. */
static void
who_left_is_not_voted_on(void **unused)
{
	struct world *w = mesh_of(6);

	(void)unused;
	for (size_t i = 0; i < w->mesh.count; i++)
		w->mesh.members[i].unlisted = w->mesh.members[i].index == 5;
	next_epoch(w);
	world_run(w, 100);
	scan_from(w, 5);
	world_run(w, 20000);
	for (size_t i = 0; i < 5; i++) {
		assert_true(world_view(w, i, 5).statements > 0);
		assert_int_equal(world_view(w, i, 5).votes, 0);
		assert_false(world_view(w, i, 5).certified);
	}
	/* It is still cut off by those whose decoys it touched. */
	assert_int_equal(w->nodes[0].held[5], STRENGTH_CUT);
	world_crash(w, 5);
	checker_agree(w);
	world_free(w);
}

static void
renew_first(struct world *w)
{
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == 0)
			mesh_append_renewal(&w->mesh, i);
	world_extend(w);
}

/* What a node voted weighs on its budget, whatever was renewed or began since, restarts included. */
static void
a_restarted_node_remembers_its_votes(void **unused)
{
	(void)unused;
	for (int renewed = 0; renewed <= 1; renewed++) {
		struct world *w = mesh_of(5);

		scan_from(w, 4);
		world_run(w, 1000);
		assert_true(world_view(w, 0, 4).certified);
		if (renewed == 1)
			renew_first(w);
		next_epoch(w);
		next_epoch(w);
		world_run(w, 1000);
		world_crash(w, 0);
		world_start(w, 0);
		world_run(w, 3000);
		(void)world_trace(w);
		scan_from(w, 3);
		world_run(w, 1000);
		assert_non_null(strstr(w->trace, "a: blast-radius d"));
		assert_null(strstr(w->trace, "verdict d from a"));
		world_free(w);
	}
}

/* A node that was renewed and lost its state votes as before: that is held by all, and counted once. */
static void
a_vote_repeated_after_a_renewal_is_held(void **unused)
{
	struct world *w = mesh_of(5);
	struct entry e = { .kind = ENTRY_VERDICT };
	struct core_view before;
	struct span vote;

	(void)unused;
	world_partition(w, 1u << 4); /* who is away from here on signs nothing of its own */
	e.verdict.level = LEVEL_QUARANTINE;
	e.verdict.subject = world_member(w, 3)->id;
	e.verdict.window = ballot_window(MESH_TIME_MS + w->now_ms);
	vote = world_forge(w, 4, &e, 1);
	world_deliver(w, 0, 4, vote);
	free((void *)(uintptr_t)vote.data);
	assert_int_equal(world_view(w, 0, 3).votes, 1);
	for (size_t i = 0; i < w->mesh.count; i++)
		if (w->mesh.members[i].index == 4)
			mesh_append_renewal(&w->mesh, i);
	world_extend(w);
	before = world_core_view(w, 0);
	vote = world_forge(w, 4, &e, 1);
	world_deliver(w, 0, 4, vote);
	free((void *)(uintptr_t)vote.data);
	assert_int_equal(world_core_view(w, 0).refused, before.refused);
	assert_int_not_equal(world_core_view(w, 0).root, before.root);
	assert_int_equal(world_view(w, 0, 3).votes, 1);
	world_free(w);
}

/* First sync ends on the word of members: not of one that the same records send away. */
static void
who_left_has_no_word_in_a_first_sync(void **unused)
{
	struct world *w = mesh_of(5);

	(void)unused;
	world_crash(w, 4);
	world_partition(w, 1u << 3 | 1u << 4);
	world_start(w, 4);
	world_run(w, LIMIT_SYNC_SETTLE_MS / 2);
	assert_true(world_view(w, 4, 3).linked);
	assert_false(world_core_view(w, 4).synced);
	/* Four heads bear no liar, so one peer would be enough. */
	for (size_t i = 0; i < w->mesh.count; i++)
		w->mesh.members[i].unlisted = w->mesh.members[i].index == 3;
	mesh_append_epoch(&w->mesh);
	world_extend(w);
	assert_false(world_core_view(w, 4).synced);
	world_run(w, 2 * LIMIT_SYNC_SETTLE_MS);
	assert_false(world_core_view(w, 4).synced);
	world_partition(w, 0);
	world_run(w, 2 * LIMIT_SYNC_SETTLE_MS);
	assert_true(world_core_view(w, 4).synced);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newcomer_votes),
		cmocka_unit_test(who_left_is_gone),
		cmocka_unit_test(a_renewed_node_goes_on),
		cmocka_unit_test(a_renewed_node_says_what_it_could_not),
		cmocka_unit_test(votes_are_signed_anew),
		cmocka_unit_test(another_history_is_refused),
		cmocka_unit_test(a_newcomers_address_is_spared),
		cmocka_unit_test(what_ages_ends_with_its_incarnation),
		cmocka_unit_test(an_indicator_outlives_its_epoch),
		cmocka_unit_test(an_indicator_is_of_a_head_of_its_epoch),
		cmocka_unit_test(a_statement_ends_with_the_address),
		cmocka_unit_test(who_left_is_not_voted_on),
		cmocka_unit_test(a_restarted_node_remembers_its_votes),
		cmocka_unit_test(a_vote_repeated_after_a_renewal_is_held),
		cmocka_unit_test(who_left_has_no_word_in_a_first_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
