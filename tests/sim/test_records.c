/*
 * The CA's records travel from who holds more to who holds less: asked of one
 * peer at a time, handed out in whole records, and of a peer that lies,
 * dawdles or brings what proves nothing, nobody is asked twice.
 */
#include "tests/sim/crowd.h"

/* Node 0 knows what the CA made before; the records that follow are in w->mesh.bytes. */
struct scene {
	struct crowd *w;
	struct span news;
};

static struct scene
scene_of(size_t new_members)
{
	struct scene s = { .w = crowd_new(5) };

	for (size_t i = 0; i < new_members; i++)
		(void)mesh_append_member(&s.w->mesh);
	mesh_append_epoch(&s.w->mesh);
	s.news = mesh_news(&s.w->mesh, s.w->mesh.roster);
	crowd_start(s.w, 0);
	for (member_index peer = 1; peer < 5; peer++)
		crowd_link(s.w, 0, peer, true);
	return s;
}

static void
deliver(struct crowd *w, member_index from, struct entry *e)
{
	static uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	size_t body_bytes = sizeof(body), size = sizeof(bytes);
	struct core_event ev = { .input = CORE_MESSAGE };

	e->header.mesh = w->mesh.id;
	assert_ok(entry_encode(e, body, &body_bytes));
	assert_ok(envelope_write((struct span){ body, body_bytes }, NULL, bytes, &size));
	ev.message.from = from;
	ev.message.bytes = (struct span){ bytes, size };
	crowd_step(w, 0, &ev);
}

/* The n-th message of that kind that the last step sent, decoded; its receiver. */
static member_index
sent(struct crowd *w, enum entry_kind kind, size_t n, struct entry *out)
{
	for (size_t i = 0; i < w->actions.count; i++) {
		const struct core_action *a = &w->actions.list[i];
		struct envelope envelope;

		if (a->what != CORE_DO_SEND || crowd_kind(a->send.bytes) != kind || n-- > 0)
			continue;
		assert_ok(envelope_parse(a->send.bytes.data, a->send.bytes.size_bytes, &envelope));
		assert_ok(entry_decode(envelope.body, out));
		return a->send.to;
	}
	return MEMBER_NONE;
}

static const struct core_action *
action(const struct crowd *w, enum core_do what)
{
	for (size_t i = 0; i < w->actions.count; i++)
		if (w->actions.list[i].what == what)
			return &w->actions.list[i];
	return NULL;
}

static const struct core_action *
notice(const struct crowd *w, enum notice which)
{
	for (size_t i = 0; i < w->actions.count; i++)
		if (w->actions.list[i].what == CORE_DO_NOTICE &&
		    w->actions.list[i].notice.notice == which)
			return &w->actions.list[i];
	return NULL;
}

/* A peer's ping that says it holds so much; whom node 0 asks, and from where on. */
static member_index
told(struct scene *s, member_index from, uint64_t held_bytes, uint64_t *offset)
{
	struct entry e = { .kind = ENTRY_PING }, ask;
	member_index asked;

	e.ping = (struct ping){ .answer = true,
		.time_ms = MESH_TIME_MS + s->w->now_ms,
		.root = crowd_view(s->w, 0).root,
		.roster_bytes = held_bytes };
	deliver(s->w, from, &e);
	asked = sent(s->w, ENTRY_ROSTER_ASK, 0, &ask);
	*offset = asked == MEMBER_NONE ? 0 : ask.roster_ask.offset;
	return asked;
}

static void
part(struct scene *s, member_index from, size_t at, size_t size_bytes)
{
	size_t known = roster_records(s->w->mesh.roster).size_bytes;
	struct entry e = { .kind = ENTRY_ROSTER_PART };

	e.roster_part = (struct roster_part){ .offset = known + at,
		.total = s->w->mesh.size_bytes,
		.records = { s->news.data + at, size_bytes } };
	deliver(s->w, from, &e);
}

static void
answer_outside(struct scene *s, const struct roster *next, enum err error)
{
	struct core_event ev = { .input = CORE_ROSTER };

	ev.roster.next = next;
	ev.roster.error = error;
	crowd_step(s->w, 0, &ev);
}

/* Who says that it holds more is asked for what follows; who holds no more, is not; and one at a time. */
static void
whoever_holds_more_is_asked(void **unused)
{
	struct scene s = scene_of(1);
	uint64_t known = roster_records(s.w->mesh.roster).size_bytes, offset;

	(void)unused;
	assert_int_equal(told(&s, 1, known, &offset), MEMBER_NONE);
	assert_int_equal(told(&s, 1, known - 1, &offset), MEMBER_NONE);
	assert_int_equal(told(&s, 2, known + 1, &offset), 2);
	assert_int_equal(offset, known);
	assert_int_equal(told(&s, 3, UINT64_MAX, &offset), MEMBER_NONE);
	crowd_free(s.w);
}

/* Cut anywhere, the bytes are handed out when they hold whole records, and only those. */
static void
whole_records_are_handed_out(void **unused)
{
	struct scene s = scene_of(2);
	size_t known = roster_records(s.w->mesh.roster).size_bytes;
	const struct core_action *handed;
	struct roster *next;
	uint64_t offset;

	(void)unused;
	assert_int_equal(told(&s, 2, s.w->mesh.size_bytes, &offset), 2);
	part(&s, 3, 0, s.news.size_bytes); /* nobody asked it */
	assert_null(action(s.w, CORE_DO_ROSTER));
	part(&s, 2, 10, 90); /* nor for this */
	assert_null(action(s.w, CORE_DO_ROSTER));
	part(&s, 2, 0, 100);
	assert_null(action(s.w, CORE_DO_ROSTER));
	part(&s, 2, 100, s.news.size_bytes - 101);
	handed = action(s.w, CORE_DO_ROSTER);
	assert_non_null(handed);
	assert_int_equal(handed->roster.from, 2);
	assert_int_equal(handed->roster.offset, known);
	/* Both enrolments, without the epoch whose last byte is missing: the outside can prove them. */
	assert_in_range(handed->roster.records.size_bytes, 200, s.news.size_bytes - 200);
	assert_memory_equal(
	    handed->roster.records.data, s.news.data, handed->roster.records.size_bytes);
	assert_ok(roster_extend(s.w->mesh.roster, crypto_sodium(), &s.w->mesh.ca.public_key,
	    handed->roster.records, &next));
	assert_int_equal(roster_count(next), 7);
	roster_free(next);
	/* The rest waits until the outside has answered. */
	part(&s, 2, s.news.size_bytes - 1, 1);
	assert_null(action(s.w, CORE_DO_ROSTER));
	crowd_free(s.w);
}

/* No signature of the CA's: the link is closed. Two histories of its: people are told. Neither is asked again. */
static void
what_proves_nothing_costs_its_bearer(void **unused)
{
	static const enum err errors[] = { ERR_SIGNATURE, ERR_RANGE };
	uint64_t offset;

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct scene s = scene_of(1);
		uint64_t all = s.w->mesh.size_bytes;

		assert_int_equal(told(&s, 2, all, &offset), 2);
		part(&s, 2, 0, s.news.size_bytes);
		assert_non_null(action(s.w, CORE_DO_ROSTER));
		answer_outside(&s, NULL, errors[i]);
		if (errors[i] == ERR_SIGNATURE) {
			assert_non_null(action(s.w, CORE_DO_CLOSE));
			assert_int_equal(action(s.w, CORE_DO_CLOSE)->close.peer, 2);
		} else {
			assert_null(action(s.w, CORE_DO_CLOSE));
			assert_int_equal(notice(s.w, NOTICE_ROSTER_FORK)->notice.peer, 2);
		}
		assert_int_equal(told(&s, 2, all, &offset), MEMBER_NONE);
		/* A new link is no new name. */
		crowd_link(s.w, 0, 2, false);
		crowd_link(s.w, 0, 2, true);
		assert_int_equal(told(&s, 2, all, &offset), MEMBER_NONE);
		assert_int_equal(told(&s, 3, all, &offset), 3);
		crowd_free(s.w);
	}
}

/* Nonsense is refused before anybody looks at it, and charged. */
static void
nonsense_is_no_record(void **unused)
{
	struct scene s = scene_of(1);
	struct entry e = { .kind = ENTRY_ROSTER_PART };
	uint64_t known = roster_records(s.w->mesh.roster).size_bytes, offset;
	uint8_t bytes[8] = { 0x1a, 1, 7 };

	(void)unused;
	assert_int_equal(told(&s, 2, known + 8, &offset), 2);
	e.roster_part =
	    (struct roster_part){ .offset = known, .total = known + 8, .records = { bytes, 3 } };
	deliver(s.w, 2, &e);
	assert_null(action(s.w, CORE_DO_ROSTER));
	assert_int_equal(notice(s.w, NOTICE_REFUSED)->notice.error, ERR_MALFORMED);
	/* A record larger than any that the CA makes. */
	assert_int_equal(told(&s, 3, known + 8, &offset), 3);
	memcpy(bytes, (uint8_t[]){ 0x0a, 0xff, 0xff, 0xff, 0x7f }, 5);
	e.roster_part.records.size_bytes = 5;
	deliver(s.w, 3, &e);
	assert_int_equal(notice(s.w, NOTICE_REFUSED)->notice.error, ERR_MALFORMED);
	crowd_free(s.w);
}

/* A peer that claims and does not deliver is passed over after LIMIT_ROSTER_ASK_MS, one that goes away at once. */
static void
who_does_not_deliver_is_passed_over(void **unused)
{
	struct scene s = scene_of(1);
	uint64_t all = s.w->mesh.size_bytes, offset;

	(void)unused;
	assert_int_equal(told(&s, 2, all, &offset), 2);
	s.w->now_ms += LIMIT_ROSTER_ASK_MS - 1;
	assert_int_equal(told(&s, 3, all, &offset), MEMBER_NONE);
	s.w->now_ms += 1;
	assert_int_equal(told(&s, 2, all, &offset), MEMBER_NONE);
	assert_int_equal(told(&s, 3, all, &offset), 3);
	crowd_link(s.w, 0, 3, false);
	assert_int_equal(told(&s, 2, all, &offset), MEMBER_NONE);
	assert_int_equal(told(&s, 4, all, &offset), 4);
	s.w->now_ms += LIMIT_ROSTER_RETRY_MS;
	assert_int_equal(told(&s, 2, all, &offset), 2);
	crowd_free(s.w);
}

/* An entry of an epoch that we do not know makes us ask who brought it. */
static void
an_entry_of_the_future_makes_us_ask(void **unused)
{
	struct scene s = scene_of(1);
	struct entry e = { .kind = ENTRY_SELF_REPORT }, ask;
	struct core_event ev = { .input = CORE_MESSAGE };
	uint8_t bytes[512];

	(void)unused;
	e.header.mesh = s.w->mesh.id;
	e.header.epoch = 2;
	e.header.time_ms = MESH_TIME_MS + s.w->now_ms;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	ev.message.from = 3;
	ev.message.bytes = (struct span){ bytes, crowd_sign(s.w, 4, &e, bytes, sizeof(bytes)) };
	crowd_step(s.w, 0, &ev);
	assert_int_equal(notice(s.w, NOTICE_REFUSED)->notice.error, ERR_EPOCH);
	assert_int_equal(sent(s.w, ENTRY_ROSTER_ASK, 0, &ask), 3);
	crowd_free(s.w);
}

/* Who has no link to ask, as a console has none, is refused the same, and nobody is asked. */
static void
a_submitted_entry_of_the_future_is_refused(void **unused)
{
	struct scene s = scene_of(1);
	struct entry e = { .kind = ENTRY_SELF_REPORT }, ask;
	struct core_event ev = { .input = CORE_SUBMITTED };
	uint8_t bytes[512];

	(void)unused;
	e.header.mesh = s.w->mesh.id;
	e.header.epoch = 2;
	e.header.time_ms = MESH_TIME_MS + s.w->now_ms;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	ev.submitted.bytes = (struct span){ bytes, crowd_sign(s.w, 4, &e, bytes, sizeof(bytes)) };
	crowd_step(s.w, 0, &ev);
	assert_int_equal(notice(s.w, NOTICE_REFUSED)->notice.error, ERR_EPOCH);
	assert_int_equal(sent(s.w, ENTRY_ROSTER_ASK, 0, &ask), MEMBER_NONE);
	crowd_free(s.w);
}

/* Asked, a node answers with at most four parts from there on, none to who has as much. */
static void
answers_are_bounded(void **unused)
{
	struct crowd *w = crowd_new(1200);
	struct span log = roster_records(w->mesh.roster);
	struct entry e = { .kind = ENTRY_ROSTER_ASK }, got;
	size_t parts = 0, total = 0;

	(void)unused;
	crowd_start(w, 0);
	crowd_link(w, 0, 1, true);
	for (uint64_t at = 0; at < log.size_bytes; at = total) {
		e.roster_ask.offset = at;
		deliver(w, 1, &e);
		for (parts = 0; sent(w, ENTRY_ROSTER_PART, parts, &got) == 1; parts++) {
			assert_int_equal(got.roster_part.offset, total);
			assert_int_equal(got.roster_part.total, log.size_bytes);
			assert_memory_equal(got.roster_part.records.data, log.data + total,
			    got.roster_part.records.size_bytes);
			total += got.roster_part.records.size_bytes;
		}
		assert_in_range(parts, 1, 4);
	}
	e.roster_ask.offset = log.size_bytes;
	deliver(w, 1, &e);
	assert_int_equal(sent(w, ENTRY_ROSTER_PART, 0, &got), MEMBER_NONE);
	e.roster_ask.offset = UINT64_MAX;
	deliver(w, 1, &e);
	assert_int_equal(sent(w, ENTRY_ROSTER_PART, 0, &got), MEMBER_NONE);
	/* Asking costs the link that asks. */
	e.roster_ask.offset = 0;
	for (unsigned i = 0; i < 2000; i++)
		deliver(w, 1, &e);
	assert_int_equal(sent(w, ENTRY_ROSTER_PART, 0, &got), MEMBER_NONE);
	crowd_free(w);
}

/* A new epoch, given to one node, is everybody's within a few pings, whichever way the links lie. */
static void
a_new_epoch_reaches_all(void **unused)
{
	struct crowd *w = crowd_new(12);
	struct core_view view;

	(void)unused;
	for (size_t i = 0; i < 12; i++)
		crowd_start(w, (member_index)i);
	for (size_t i = 1; i < 12; i++)
		crowd_link(w, (member_index)i, (member_index)(i - 1), true);
	crowd_run(w, 3000);
	for (size_t i = 0; i < 300; i++)
		(void)mesh_append_member(&w->mesh);
	mesh_append_epoch(&w->mesh);
	crowd_extend(w, 0, mesh_news(&w->mesh, w->mesh.roster));
	crowd_run(w, 3000);
	for (size_t i = 0; i < 12; i++) {
		struct span log = roster_records(w->nodes[i].roster);

		assert_int_equal(log.size_bytes, w->mesh.size_bytes);
		assert_memory_equal(log.data, w->mesh.bytes, log.size_bytes);
		core_view(w->nodes[i].core, &view);
		assert_int_equal(view.epoch, 2);
	}
	crowd_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_holds_more_is_asked),
		cmocka_unit_test(whole_records_are_handed_out),
		cmocka_unit_test(what_proves_nothing_costs_its_bearer),
		cmocka_unit_test(nonsense_is_no_record),
		cmocka_unit_test(who_does_not_deliver_is_passed_over),
		cmocka_unit_test(an_entry_of_the_future_makes_us_ask),
		cmocka_unit_test(a_submitted_entry_of_the_future_is_refused),
		cmocka_unit_test(answers_are_bounded),
		cmocka_unit_test(a_new_epoch_reaches_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
