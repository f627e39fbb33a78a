/*
 * A flood by one member, over however many links, is bounded and harms nobody
 * else; a few members that stuff every table keep no honest entry out.
 */
#include "core/objects.h"
#include "sim/checker.h"

#define HONEST 2
#define LIAR   1

static struct world *
five(void)
{
	struct world_config config = { .count = 5, .seed = 11, .policy = POLICY_ATTRIBUTE };
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	w->nodes[LIAR].liar = true;
	return w;
}

static struct entry
statement(const struct world *w, size_t author, size_t subject, enum event_class class)
{
	struct entry e = { .kind = ENTRY_STATEMENT };

	e.statement.subject = world_member(w, subject)->id;
	e.statement.class = class;
	e.statement.source.address =
	    roster_member(w->mesh.roster, (member_index)subject)->addresses[0];
	e.statement.destination.address =
	    roster_member(w->mesh.roster, (member_index)author)->addresses[0];
	e.statement.seen_ms = MESH_TIME_MS + w->now_ms;
	crypto_sodium()->sha256(NULL, "", NULL, 0, &e.statement.evidence_digest);
	return e;
}

static void
tell(struct world *w, size_t from, size_t author, struct entry e, uint64_t sequence)
{
	struct span bytes = world_forge(w, author, &e, sequence);

	world_deliver(w, 0, from, bytes);
	free((void *)(uintptr_t)bytes.data);
}

/* What an honest member once said and is refused today, played back by a liar, costs that member nothing. */
static void
replays_do_not_mute_their_author(void **unused)
{
	struct world *w = five();
	struct entry e = statement(w, HONEST, 4, CLASS_HONEYPOT_TRIPPED);
	struct span old[2];

	(void)unused;
	w->touched_others[4] = w->touched_others[3] = true;
	w->nodes[HONEST].liar = true; /* what it says is forged here */
	tell(w, HONEST, HONEST, e, 1);
	/* Of the same meaning, and of a round that has not begun. */
	old[0] = world_forge(w, HONEST, &e, 2);
	e.statement.round = 1;
	old[1] = world_forge(w, HONEST, &e, 3);
	for (unsigned i = 0; i < 2 * (LIMIT_ENTRIES_BURST + LIMIT_URGENT_BURST); i++)
		world_deliver(w, 0, LIAR, old[i % 2]);
	(void)world_trace(w);
	tell(w, HONEST, HONEST, statement(w, HONEST, 3, CLASS_HONEYPOT_TRIPPED), 4);
	assert_string_equal(world_trace(w), "a: statement d from c\n");
	for (size_t i = 0; i < 2; i++)
		free((void *)(uintptr_t)old[i].data);
	world_free(w);
}

/* Over four links at once a liar gets its own budget, once; another member's word still counts. */
static void
a_flood_over_many_links_is_one(void **unused)
{
	struct world *w = five();
	uint64_t objects;

	(void)unused;
	w->touched_others[4] = w->touched_others[3] = true;
	w->nodes[HONEST].liar = true;
	for (unsigned i = 0; i < 1000; i++) {
		struct entry e = { .kind = ENTRY_INDICATOR };

		assert_true(address_parse("198.51.100.1", &e.indicator.address));
		e.indicator.address.bytes[3] = (uint8_t)i;
		e.indicator.address.bytes[2] = (uint8_t)(i >> 8);
		e.indicator.ttl_s = 60;
		e.indicator.reason = CLASS_HONEYPOT_TRIPPED;
		tell(w, 1 + i % 4, LIAR, e, i + 1);
	}
	objects = world_core_view(w, 0).objects;
	assert_in_range(objects, 50, LIMIT_ENTRIES_BURST + 1);
	(void)world_trace(w);
	tell(w, HONEST, HONEST, statement(w, HONEST, 3, CLASS_HONEYPOT_TRIPPED), 1);
	assert_string_equal(world_trace(w), "a: statement d from c\n");
	world_free(w);
}

/* ---- the table of objects ------------------------------------------------------------ */

static bool
hold(struct objects *s, member_index author, uint64_t number, enum entry_kind kind)
{
	static const uint8_t byte;
	struct entry e = { .kind = kind };
	struct hash hash = { { 0 } };
	struct object *o;

	memcpy(hash.bytes, &number, sizeof(number));
	memcpy(hash.bytes + 8, &author, sizeof(author));
	e.header.sequence = number;
	o = objects_make((struct span){ &byte, 1 }, &e, &hash, author);
	assert_non_null(o);
	if (objects_hold(s, o, false) == ERR_OK)
		return true;
	objects_discard(s, o);
	objects_sweep(s);
	return false;
}

/* However many hostile members hold as much as they can, an honest one still finds room. */
static void
nobody_is_kept_out(void **unused)
{
	static const struct {
		size_t hostile;
		size_t honest_at_least;
	} cases[] = { { 1, 3000 }, { 16, 1500 }, { 100, 400 }, { 333, 150 }, { 3333, 10 } };

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct objects s = { 0 };
		uint64_t number = 1;
		size_t own = 0;
		bool more = true;

		assert_ok(objects_new(&s, crypto_sodium(), 1));
		assert_ok(objects_grow(&s, cases[i].hostile + 1));
		for (; more; number++) {
			more = false;
			for (member_index m = 1; m <= cases[i].hostile; m++)
				more = hold(&s, m, number, ENTRY_VERDICT) || more;
		}
		assert_true(objects_count(&s) < LIMIT_HELD_OBJECTS);
		while (hold(&s, 0, own + 1, ENTRY_VERDICT))
			own++;
		if (own < cases[i].honest_at_least)
			fail_msg("%zu hostile: room for %zu", cases[i].hostile, own);
		/* What proves itself is worth room whoever wrote it: a few a subject. */
		assert_true(hold(&s, 1, number + 1, ENTRY_CERTIFICATE));
		assert_true(hold(&s, 1, number + 2, ENTRY_PROOF));
		objects_free(&s);
	}
}

/* ---- clocks ------------------------------------------------------------------------------ */

/* 4.4: a node more than 10 s off its peers originates nothing but self-reports; back in time, it votes. */
static void
a_wrong_clock_says_only_what_it_says_of_itself(void **unused)
{
	struct world_config config = {
		.count = 5, .seed = 12, .policy = POLICY_ASSUME_BREACH, .delay_max_ms = 1
	};
	struct world *w = world_new(&config);

	(void)unused;
	world_start_all(w);
	world_settle(w);
	w->nodes[0].clock_skew_ms = 11 * 1000;
	world_run(w, 1500);
	assert_true(world_core_view(w, 0).clock_off);
	world_touch_from(w, 0, 4);
	world_touch(w, 0, "198.51.100.7");
	world_run(w, 2000);
	assert_int_equal(w->nodes[0].sequence, 0);
	assert_int_equal(w->nodes[0].held[4], STRENGTH_CUT); /* it believes its own eyes */
	w->nodes[0].clock_skew_ms = 0;
	world_run(w, 2000);
	assert_int_equal(w->nodes[0].sequence, 3); /* a statement, a vote, an indicator */
	w->nodes[0].clock_skew_ms = -11 * 1000;
	world_run(w, 1500);
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	assert_int_equal(w->nodes[0].sequence, 4);
	assert_int_equal(w->nodes[0].lock, STRENGTH_CUT);
	world_free(w);
}

/* Durations run on the monotonic clock: a jump either way, of one or of all, frees and forgets nothing early. */
static void
a_jump_of_the_clock_ends_nothing(void **unused)
{
	static const int64_t jumps_ms[] = { 3600 * 1000, -3600 * 1000, 86400 * 1000LL };

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		struct world *w = five();

		w->nodes[LIAR].liar = false;
		world_touch_from(w, 0, 4);
		world_touch(w, 0, "198.51.100.7");
		world_touch(w, 2, "198.51.100.7");
		world_run(w, 1000);
		assert_int_equal(world_core_view(w, 3).indicators, 1);
		for (size_t n = 0; n < 5; n++)
			w->nodes[n].clock_skew_ms = jumps_ms[i];
		world_run(w, LIMIT_LOCAL_CUT_MS - 5000);
		assert_int_equal(w->nodes[0].held[4], STRENGTH_CUT);
		assert_int_equal(world_core_view(w, 3).indicators, 1);
		world_run(w, 10 * 1000);
		assert_int_equal(w->nodes[0].held[4], STRENGTH_NONE);
		checker_agree(w);
		/* And what comes after the jump is as good as before. */
		for (size_t n = 0; n < 3; n++)
			world_touch_from(w, n, 4);
		world_run(w, 3000);
		for (size_t n = 0; n < 4; n++)
			assert_int_equal(w->nodes[n].held[4], STRENGTH_SEVER);
		checker_agree(w);
		world_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_do_not_mute_their_author),
		cmocka_unit_test(a_flood_over_many_links_is_one),
		cmocka_unit_test(nobody_is_kept_out),
		cmocka_unit_test(a_wrong_clock_says_only_what_it_says_of_itself),
		cmocka_unit_test(a_jump_of_the_clock_ends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
