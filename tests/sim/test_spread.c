/*
 * Spreading above LIMIT_FULL_MESH members: few pairs are linked, and yet what
 * one says all hear, at once, and in a bounded number of copies.
 */
#include "tests/sim/crowd.h"

#define NODES 100
#define REACH 4

static struct crowd *
ring_of(size_t count)
{
	struct crowd *w = crowd_new(count);

	for (size_t i = 0; i < count; i++)
		crowd_start(w, (member_index)i);
	crowd_link_circle(w, REACH);
	crowd_run(w, 3000);
	for (size_t i = 0; i < count; i++) {
		assert_true(crowd_view(w, (member_index)i).synced);
		memset(w->nodes[i].arrived, 0, sizeof(w->nodes[i].arrived));
	}
	return w;
}

static size_t
links_of(const struct crowd *w, member_index i)
{
	size_t links = 0;

	for (size_t other = 0; other < w->count; other++)
		links += w->nodes[i].linked[other];
	return links;
}

/* A confession reaches everybody in as many hops as the circle needs, and each link carries it once a direction at most. */
static void
urgent_objects_reach_all_at_once(void **unused)
{
	struct crowd *w = ring_of(NODES);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_OPERATOR };

	(void)unused;
	crowd_step(w, 0, &ev);
	crowd_run(w, 10 * CROWD_DELAY_MS);
	for (size_t i = 1; i < NODES; i++) {
		assert_true(w->nodes[i].held[0] >= STRENGTH_CUT);
		assert_in_range(
		    w->nodes[i].arrived[ENTRY_SELF_REPORT], 1, links_of(w, (member_index)i));
	}
	assert_int_equal(crowd_agree(w, 1), NODES);
	crowd_free(w);
}

static void
touch_from(struct crowd *w, member_index witness, member_index source)
{
	struct core_event ev = { .input = CORE_TOUCH };

	ev.touch.source.address = roster_member(w->mesh.roster, source)->addresses[0];
	ev.touch.source.port = 40000;
	ev.touch.destination.address = roster_member(w->mesh.roster, witness)->addresses[0];
	ev.touch.destination.port = 2222;
	ev.touch.seen_ms = MESH_TIME_MS + w->now_ms;
	ev.touch.evidence = (struct span){ (const uint8_t *)"SCAN", 4 };
	crowd_step(w, witness, &ev);
}

/* So do statements and ballots: with k witnesses the whole ring votes, and there is one certificate. */
static void
votes_travel_over_the_ring(void **unused)
{
	struct crowd *w = ring_of(NODES);
	size_t k = 6;

	(void)unused;
	for (size_t i = 0; i < k; i++)
		touch_from(w, (member_index)(i * 15 + 1), 50);
	crowd_run(w, 1000);
	for (size_t i = 0; i < NODES; i++) {
		struct core_member_view view;

		core_view_member(w->nodes[i].core, 50, &view);
		assert_true(view.certified);
		if (i != 50)
			assert_int_equal(view.strength, STRENGTH_SEVER);
		/* Ninety-nine statements and votes, each at most once from each link. */
		assert_true(
		    w->nodes[i].arrived[ENTRY_VERDICT] <= NODES * links_of(w, (member_index)i));
	}
	assert_int_equal(w->nodes[50].lock, STRENGTH_SEVER);
	assert_int_equal(crowd_agree(w, 0), NODES);
	crowd_free(w);
}

static bool
node_7_is_mute(struct crowd *w, member_index from, member_index to, enum entry_kind kind)
{
	(void)w;
	(void)to;
	return from != 7 || entry_is_link_message(kind);
}

/* What every third node drops still reaches all others. */
static bool
a_third_drops(struct crowd *w, member_index from, member_index to, enum entry_kind kind)
{
	(void)w;
	(void)to;
	return from % 3 != 2 || entry_is_link_message(kind);
}

static void
droppers_are_passed_by(void **unused)
{
	struct crowd *w = ring_of(NODES);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_OPERATOR };

	(void)unused;
	w->sends = a_third_drops;
	crowd_step(w, 0, &ev);
	crowd_run(w, 12 * CROWD_DELAY_MS);
	for (size_t i = 1; i < NODES; i++)
		assert_true(w->nodes[i].held[0] >= STRENGTH_CUT);
	crowd_free(w);
}

/* A full mesh stays as it is: receivers relay what is urgent, to whom it did not come from, and nothing else. */
static void
full_meshes_relay_urgent_objects_only(void **unused)
{
	struct crowd *w = crowd_new(8);

	(void)unused;
	for (size_t i = 0; i < 8; i++)
		crowd_start(w, (member_index)i);
	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < i; j++)
			crowd_link(w, (member_index)i, (member_index)j, true);
	crowd_run(w, 3000);
	memset(w->nodes[3].arrived, 0, sizeof(w->nodes[3].arrived));
	w->sends = node_7_is_mute;
	touch_from(w, 1, 5);
	crowd_run(w, 100);
	/* From its witness alone. */
	assert_int_equal(w->nodes[3].arrived[ENTRY_STATEMENT], 1);
	crowd_free(w);
}

/* The author reaches one node only, and of those whose turn is first the most that may lie drop it. */
static bool
told_one_and_droppers(struct crowd *w, member_index from, member_index to, enum entry_kind kind)
{
	(void)w;
	if (entry_is_link_message(kind))
		return true;
	return from == 0 ? to == 29 : from > 5;
}

/* With everybody told by the author f + 1 others relay, not all. */
static void
few_relay_what_all_have(void **unused)
{
	struct crowd *w = crowd_full_mesh(30);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_OPERATOR };

	(void)unused;
	for (size_t i = 0; i < 30; i++)
		memset(w->nodes[i].arrived, 0, sizeof(w->nodes[i].arrived));
	crowd_step(w, 0, &ev);
	crowd_run(w, 300);
	for (size_t i = 1; i < 30; i++) {
		assert_true(w->nodes[i].held[0] >= STRENGTH_CUT);
		/* Its author's, and of six in their turn all but its own. */
		assert_in_range(w->nodes[i].arrived[ENTRY_SELF_REPORT], 6, 7);
	}
	crowd_free(w);
}

/* Whoever has it alone tells all when its turn comes, whatever the liars before it do. */
static void
who_alone_was_told_tells_all_in_its_turn(void **unused)
{
	struct crowd *w = crowd_full_mesh(30);
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_OPERATOR };

	(void)unused;
	w->sends = told_one_and_droppers;
	crowd_step(w, 0, &ev);
	crowd_run(w, LIMIT_RELAY_DELAY_MS + 30 / 6 * LIMIT_RELAY_TURN_MS);
	for (size_t i = 1; i < 30; i++)
		assert_true(w->nodes[i].held[0] >= STRENGTH_CUT);
	crowd_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urgent_objects_reach_all_at_once),
		cmocka_unit_test(votes_travel_over_the_ring),
		cmocka_unit_test(droppers_are_passed_by),
		cmocka_unit_test(full_meshes_relay_urgent_objects_only),
		cmocka_unit_test(few_relay_what_all_have),
		cmocka_unit_test(who_alone_was_told_tells_all_in_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
