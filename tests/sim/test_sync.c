/*
 * Anti-entropy: answers are bounded and go on where they ended, nobody can
 * hold up another's first sync alone, and which entries of our own, shown by
 * others, prove that we lost state.
 */
#include "tests/sim/crowd.h"

#define SUBJECTS 14
#define REPORTS  30 /* each */

/* A precaution by an author, as its feed's entry of that sequence. */
static size_t
make_report(
    struct crowd *w, member_index author, uint64_t sequence, uint32_t score, uint8_t out[512])
{
	struct entry e = { .kind = ENTRY_SELF_REPORT,
		.header = mesh_header(&w->mesh, mesh_at(&w->mesh, author)) };

	e.header.sequence = sequence;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	e.self_report.score = score;
	return mesh_envelope(mesh_at(&w->mesh, author), &e, out, 512);
}

static void
deliver(struct crowd *w, member_index to, member_index from, struct span bytes)
{
	struct core_event ev = { .input = CORE_MESSAGE };

	ev.message.from = from;
	ev.message.bytes = bytes;
	crowd_step(w, to, &ev);
}

/* Ask node 0 for all that it has; how many messages it answers with, how many items are in them. */
static void
ask_for_all(struct crowd *w, member_index from, size_t *messages, size_t *items)
{
	static uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	struct entry e = { .kind = ENTRY_SYNC_BUCKETS, .header.mesh = w->mesh.id };
	size_t body_bytes = sizeof(body), size = sizeof(bytes);

	assert_ok(entry_encode(&e, body, &body_bytes));
	assert_ok(envelope_write((struct span){ body, body_bytes }, NULL, bytes, &size));
	deliver(w, 0, from, (struct span){ bytes, size });
	*messages = *items = 0;
	for (size_t i = 0; i < w->actions.count; i++) {
		const struct core_action *a = &w->actions.list[i];
		struct envelope envelope;
		static struct entry answer;

		if (a->what != CORE_DO_SEND || crowd_kind(a->send.bytes) != ENTRY_SYNC_ITEMS)
			continue;
		assert_ok(envelope_parse(a->send.bytes.data, a->send.bytes.size_bytes, &envelope));
		assert_ok(entry_decode(envelope.body, &answer));
		++*messages;
		*items += answer.sync_items.count;
	}
}

/* Four messages an answer, however the buckets fall; the next answer goes on, until all was said. */
static void
answers_are_bounded_and_go_on(void **unused)
{
	struct crowd *w = crowd_new(SUBJECTS + 2);
	size_t messages, items, total = 0;
	uint8_t bytes[512];

	(void)unused;
	crowd_start(w, 0);
	crowd_link(w, 0, 1, true);
	/* With gaps: none names its predecessor. */
	for (uint64_t sequence = 2; sequence <= 2 * REPORTS; sequence += 2)
		for (member_index author = 2; author < SUBJECTS + 2; author++)
			deliver(w, 0, 1,
			    (struct span){ bytes, make_report(w, author, sequence, 9, bytes) });
	assert_int_equal(crowd_view(w, 0).objects, SUBJECTS * REPORTS);
	for (unsigned asked = 0; asked < 2; asked++) {
		ask_for_all(w, 1, &messages, &items);
		assert_in_range(messages, 1, LIMIT_SYNC_MESSAGES);
		total += items;
	}
	/* 420 items in messages of 64: two answers, and nothing twice on the way. */
	assert_true(total >= SUBJECTS * REPORTS);
	crowd_free(w);
}

static bool
node_1_withholds(struct crowd *w, member_index from, member_index to, enum entry_kind kind)
{
	(void)w;
	(void)to;
	return from != 1 || (entry_is_link_message(kind) && kind != ENTRY_SYNC_ITEMS);
}

/* Who holds an object and keeps it back cannot hold up who comes: f + 1 groups agree without it. */
static void
a_withholding_peer_holds_nobody_up(void **unused)
{
	struct crowd *w = crowd_full_mesh(6);
	uint8_t bytes[512];
	size_t size;

	(void)unused;
	w->sends = node_1_withholds;
	size = make_report(w, 2, 1, 9, bytes);
	deliver(w, 1, 0, (struct span){ bytes, size });
	assert_true(crowd_view(w, 1).root != crowd_view(w, 0).root);
	for (size_t i = 0; i < 6; i++)
		crowd_link(w, 5, (member_index)i, false);
	core_free(w->nodes[5].core);
	crowd_start(w, 5);
	for (size_t i = 0; i < 5; i++)
		crowd_link(w, 5, (member_index)i, true);
	crowd_run(w, 50);
	assert_true(crowd_view(w, 5).synced);
	crowd_free(w);
}

/* The next precaution of node 0's own feed. */
static struct span
own_report(struct crowd *w, uint8_t out[512])
{
	struct entry e = { .kind = ENTRY_SELF_REPORT };

	e.header.mesh = w->mesh.id;
	e.header.epoch = 1;
	e.header.time_ms = MESH_TIME_MS;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	e.self_report.score = 9;
	return (struct span){ out, crowd_sign(w, 0, &e, out, 512) };
}

/* Node 0 has written four entries, and holds the last three of them. */
static struct crowd *
with_a_feed(uint8_t feed[4][512], struct span entries[4])
{
	struct core_event restored = { .input = CORE_RESTORED, .restored.own = true };
	struct core_event start = { .input = CORE_START };
	struct crowd *w = crowd_new(3);
	struct core_config config = {
		.roster = w->mesh.roster, .crypto = crypto_sodium(), .self = 0
	};

	assert_ok(core_new(&config, w->now_ms, MESH_TIME_MS, &w->nodes[0].core));
	w->nodes[0].sequence = 3; /* three more before them, long gone */
	w->nodes[0].head.bytes[0] = 1;
	for (size_t i = 0; i < 4; i++) {
		restored.restored.bytes = entries[i] = own_report(w, feed[i]);
		if (i > 0)
			crowd_step(w, 0, &restored);
	}
	start.start.sequence = 7;
	start.start.hash = w->nodes[0].head;
	crowd_step(w, 0, &start);
	crowd_link(w, 0, 1, true);
	return w;
}

/*
 * Shown by peers, an entry of our own that is not ours as we remember proves
 * that we lost state: later than our newest, or another than one that we hold,
 * or one that our own chain contradicts.  What cannot be compared proves nothing.
 */
static void
own_entries_from_others(void **unused)
{
	static const struct {
		uint64_t sequence;
		bool genuine, lost;
	} cases[] = {
		{ 4, true, false },
		{ 5, true, false },
		{ 6, true, false },
		{ 7, true, false },
		{ 2, false, false }, /* nobody knows any more */
		{ 4, false, true },  /* but the fifth names another predecessor */
		{ 5, false, true },
		{ 6, false, true },
		{ 7, false, true },
		{ 8, false, true },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t feed[4][512], forged[512];
		struct span entries[4], shown;
		struct crowd *w = with_a_feed(feed, entries);

		if (cases[i].genuine)
			shown = entries[cases[i].sequence - 4];
		else
			shown = (struct span){ forged,
				make_report(w, 0, cases[i].sequence, 8, forged) };
		deliver(w, 0, 1, shown);
		if (crowd_view(w, 0).lost_state != cases[i].lost)
			fail_msg("case %zu: sequence %u", i, (unsigned)cases[i].sequence);
		crowd_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_bounded_and_go_on),
		cmocka_unit_test(a_withholding_peer_holds_nobody_up),
		cmocka_unit_test(own_entries_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
