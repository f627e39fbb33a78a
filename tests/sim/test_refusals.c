/*
 * What a node refuses, with the reason, and its state as it was.
 */
#include "sim/checker.h"

struct state {
	uint64_t root;
	size_t objects;
	enum node_status status[5];
	enum strength held[5];
};

static struct world *
five(void)
{
	struct world_config config = { .count = 5, .seed = 7, .policy = POLICY_ATTRIBUTE };
	struct world *w = world_new(&config);

	world_start_all(w);
	world_settle(w);
	(void)world_trace(w);
	return w;
}

static struct state
state_of(const struct world *w, size_t node)
{
	struct core_view view = world_core_view(w, node);
	struct state s;

	memset(&s, 0, sizeof(s));
	s.root = view.root;
	s.objects = view.objects;
	for (size_t i = 0; i < 5; i++) {
		s.status[i] = world_view(w, node, i).status;
		s.held[i] = w->nodes[node].held[i];
	}
	return s;
}

/* Deliver to a as if from a link, and expect exactly this refusal. */
static void
refused(struct world *w, size_t from, struct span bytes, enum err err)
{
	struct state before = state_of(w, 0), after;
	char expected[128];

	(void)world_trace(w);
	world_deliver(w, 0, from, bytes);
	snprintf(expected, sizeof(expected), "   %s\n", err_text(err));
	if (w->trace == NULL || strstr(w->trace, expected) == NULL)
		fail_msg("expected refusal \"%s\", got \"%s\"", err_text(err), world_trace(w));
	after = state_of(w, 0);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void
forged_refused(
    struct world *w, size_t author, size_t from, struct entry *e, uint64_t sequence, enum err err)
{
	struct span bytes = world_forge(w, author, e, sequence);

	refused(w, from, bytes, err);
	free((void *)(uintptr_t)bytes.data);
}

/* b's statement that e touched its decoy, all in order. */
static struct entry
statement(const struct world *w)
{
	struct entry e = { .kind = ENTRY_STATEMENT };

	e.statement.subject = world_member(w, 4)->id;
	e.statement.class = CLASS_HONEYPOT_TRIPPED;
	e.statement.source.address = roster_member(w->mesh.roster, 4)->addresses[0];
	e.statement.destination.address = roster_member(w->mesh.roster, 1)->addresses[0];
	e.statement.score = 9;
	e.statement.seen_ms = MESH_TIME_MS + w->now_ms;
	crypto_sodium()->sha256(NULL, "", NULL, 0, &e.statement.evidence_digest);
	return e;
}

static struct entry
verdict(const struct world *w)
{
	struct entry e = { .kind = ENTRY_VERDICT };

	e.verdict.level = LEVEL_QUARANTINE;
	e.verdict.subject = world_member(w, 4)->id;
	e.verdict.window = ballot_window(MESH_TIME_MS + w->now_ms);
	return e;
}

/* What is wrong with the envelope, its header or its author. */
static void
bad_envelopes_are_refused(void **unused)
{
	struct world *w = five();
	struct entry e = statement(w);
	struct span good = world_forge(w, 1, &e, 1);
	uint8_t *bytes = malloc(good.size_bytes);
	uint64_t refusals = 0;

	(void)unused;
	for (size_t cut = 1; cut < good.size_bytes; cut += 7) {
		struct state before = state_of(w, 0), after;

		world_deliver(w, 0, 1, (struct span){ good.data, good.size_bytes - cut });
		assert_int_equal(world_core_view(w, 0).refused, ++refusals);
		after = state_of(w, 0);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	for (size_t bit = 0; bit < good.size_bytes * 8; bit += 3) {
		struct state before = state_of(w, 0), after;

		memcpy(bytes, good.data, good.size_bytes);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		world_deliver(w, 0, 1, (struct span){ bytes, good.size_bytes });
		assert_int_equal(world_core_view(w, 0).refused, ++refusals);
		after = state_of(w, 0);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	/* Not every one of so many was told. */
	assert_true(strlen(world_trace(w)) < 60 * LIMIT_REFUSALS_BURST);
	world_run(w, 5000);
	/* The version stands at the very front of the header: 08 01. */
	memcpy(bytes, good.data, good.size_bytes);
	for (size_t i = 0; i + 1 < good.size_bytes; i++)
		if (bytes[i] == 0x08 && bytes[i + 1] == 0x01) {
			bytes[i + 1] = 0x02;
			break;
		}
	refused(w, 1, (struct span){ bytes, good.size_bytes }, ERR_VERSION);
	free((void *)(uintptr_t)good.data);
	free(bytes);

	e = statement(w);
	good = world_forge(w, 1, &e, 1);
	((uint8_t *)(uintptr_t)good.data)[good.size_bytes - 1] ^= 1;
	refused(w, 1, good, ERR_SIGNATURE);
	free((void *)(uintptr_t)good.data);
	world_free(w);
}

/* What a statement must show: its own address, the subject's address, its time. */
static void
bad_statements_are_refused(void **unused)
{
	struct world *w = five();
	struct entry e;

	(void)unused;
	e = statement(w);
	e.statement.subject = world_member(w, 1)->id;
	forged_refused(w, 1, 1, &e, 1, ERR_SUBJECT); /* against itself */
	e = statement(w);
	e.statement.subject.bytes[0] ^= 1;
	forged_refused(w, 1, 1, &e, 1, ERR_SUBJECT); /* a stranger */
	e = statement(w);
	e.statement.subject = world_member(w, 3)->id;
	forged_refused(w, 1, 1, &e, 1, ERR_SUBJECT); /* seen from e's address */
	e = statement(w);
	address_parse("198.51.100.7", &e.statement.source.address);
	forged_refused(w, 1, 1, &e, 1, ERR_SUBJECT); /* seen from outside */
	e = statement(w);
	e.statement.destination.address = roster_member(w->mesh.roster, 2)->addresses[0];
	forged_refused(w, 1, 1, &e, 1, ERR_RANGE); /* on somebody else's decoy */
	e = statement(w);
	e.statement.class = CLASS_TAMPER;
	forged_refused(w, 1, 1, &e, 1, ERR_RANGE);
	e = statement(w);
	e.statement.evidence_digest.bytes[0] ^= 1;
	forged_refused(w, 1, 1, &e, 1, ERR_RANGE);
	e = statement(w);
	e.statement.round = 1;
	forged_refused(w, 1, 1, &e, 9, ERR_ROUND);
	e = statement(w);
	e.header.time_ms = MESH_TIME_MS + w->now_ms + LIMIT_FRESH_MS + 1;
	forged_refused(w, 1, 1, &e, 1, ERR_STALE); /* of the future */
	e = statement(w);
	e.header.time_ms = MESH_TIME_MS + w->now_ms - LIMIT_FRESH_MS - 1;
	e.statement.seen_ms = e.header.time_ms;
	forged_refused(w, 1, 1, &e, 3, ERR_STALE); /* 30 s old on its author's own link */
	e = statement(w);
	e.header.time_ms = MESH_TIME_MS + w->now_ms - LIMIT_RELAYED_MS - 1;
	e.statement.seen_ms = e.header.time_ms;
	forged_refused(w, 1, 2, &e, 5, ERR_STALE); /* ten minutes old, relayed */
	e = statement(w);
	e.statement.seen_ms -= LIMIT_GROUNDS_MS + 1;
	forged_refused(w, 1, 1, &e, 7, ERR_STALE); /* seen long before it was said */
	world_free(w);
}

static void
bad_verdicts_are_refused(void **unused)
{
	struct world *w = five();
	struct entry e = verdict(w);
	struct span bytes;

	(void)unused;
	forged_refused(w, 4, 4, &e, 1, ERR_VOTER); /* on itself */
	e = verdict(w);
	e.verdict.round = 7;
	forged_refused(w, 1, 1, &e, 1, ERR_ROUND);
	e = verdict(w);
	e.verdict.window += 2;
	forged_refused(w, 1, 1, &e, 3, ERR_WINDOW);
	e = verdict(w);
	e.verdict.subject.bytes[3] ^= 1;
	forged_refused(w, 1, 1, &e, 3, ERR_SUBJECT);
	/* An entry of c's with the ballot signature of nobody. */
	e = verdict(w);
	bytes = world_forge(w, 2, &e, 1);
	e.verdict.ballot_signature.bytes[0] ^= 1;
	e.header.sequence = 1;
	free((void *)(uintptr_t)bytes.data);
	{
		uint8_t *forged = malloc(4096);
		size_t size = mesh_envelope(world_member(w, 2), &e, forged, 4096);

		refused(w, 2, (struct span){ forged, size }, ERR_SIGNATURE);
		free(forged);
	}
	world_free(w);
}

/* A certificate against e by these voters, the first in another window if asked; its parts are static. */
static struct entry
certificate(const struct world *w, uint8_t voters, size_t signatures, bool other_window)
{
	static uint8_t bitmap, list[8 * 64];
	struct ballot b = mesh_ballot(&w->mesh, world_member(w, 4));
	struct entry e = { .kind = ENTRY_CERTIFICATE };
	size_t count = 0;

	bitmap = voters;
	b.window = ballot_window(MESH_TIME_MS + w->now_ms);
	for (size_t i = 0; i < 8 && count < signatures; i++) {
		struct ballot mine = b;
		struct signature s;

		if ((voters >> i & 1) == 0)
			continue;
		if (count == 0 && other_window)
			mine.window++;
		s = mesh_vote(world_member(w, i < 5 ? i : 0), &mine);
		memcpy(list + 64 * count++, s.bytes, 64);
	}
	e.certificate = (struct certificate){ .level = b.level,
		.subject = b.subject,
		.epoch = 1,
		.window = b.window,
		.voters = { &bitmap, 1 },
		.signatures = { list, 64 * count } };
	return e;
}

static void
certificate_refused(
    struct world *w, uint8_t voters, size_t signatures, bool other_window, enum err err)
{
	struct entry e = certificate(w, voters, signatures, other_window);

	forged_refused(w, 1, 1, &e, 1, err);
}

static void
bad_certificates_are_refused(void **unused)
{
	struct world *w = five();

	(void)unused;
	certificate_refused(w, 0x03, 2, false, ERR_QUORUM);    /* exactly half */
	certificate_refused(w, 0x17, 4, false, ERR_VOTER);     /* the subject itself */
	certificate_refused(w, 0x27, 4, false, ERR_VOTER);     /* a stranger */
	certificate_refused(w, 0x07, 2, false, ERR_MALFORMED); /* fewer signatures than voters */
	certificate_refused(w, 0x07, 3, true, ERR_SIGNATURE);  /* of mixed windows */
	world_free(w);
}

/*
 * The subject hears of its certificate at once, from whoever accepted it, on
 * its own link; further ones for what is certified are not worth a check.
 */
static void
a_certificate_is_accepted_once(void **unused)
{
	struct world *w = five();
	struct entry e = certificate(w, 0x0e, 3, false);
	struct span bytes = world_forge(w, 1, &e, 1);
	uint64_t checks = world_core_view(w, 0).checks;

	(void)unused;
	w->nodes[1].liar = true;
	w->touched_others[4] = true;
	world_estrange(w, 1, 4);
	world_run(w, 10);
	world_deliver(w, 0, 1, bytes);
	assert_int_equal(world_core_view(w, 0).checks, checks + 4);
	assert_int_equal(w->nodes[0].held[4], STRENGTH_CUT);
	assert_int_equal(w->actions.list[0].what, CORE_DO_ENFORCE);
	world_run(w, LIMIT_RELAY_DELAY_MS - 1);
	assert_int_equal(w->nodes[4].lock, STRENGTH_SEVER);
	free((void *)(uintptr_t)bytes.data);

	e = certificate(w, 0x0b, 3, false);
	bytes = world_forge(w, 2, &e, 1);
	world_deliver(w, 0, 2, bytes);
	assert_int_equal(world_core_view(w, 0).checks, checks + 4);
	assert_int_equal(world_core_view(w, 0).objects, 1);
	free((void *)(uintptr_t)bytes.data);
	world_free(w);
}

/*
 * A newest entry that nobody proved is never shown to a third node, which
 * would charge its bad signature to an honest link.
 */
static void
what_nobody_proved_is_not_passed_on(void **unused)
{
	struct world *w = five();
	struct entry e = certificate(w, 0x0e, 3, false);
	struct entry ping = { .kind = ENTRY_PING, .header.mesh = w->mesh.id };
	struct span bytes = world_forge(w, 3, &e, 1);
	uint8_t body[1024], message[1024];
	size_t body_bytes = sizeof(body), size = sizeof(message);

	(void)unused;
	w->touched_others[4] = true;
	for (size_t i = 0; i < 5; i++)
		w->nodes[i].liar = true; /* what they hold is forged here */
	world_deliver(w, 0, 3, bytes);
	free((void *)(uintptr_t)bytes.data);
	bytes = world_forge(w, 1, &e, 50);
	((uint8_t *)(uintptr_t)bytes.data)[bytes.size_bytes - 1] ^= 1;
	world_deliver(w, 0, 1, bytes);
	free((void *)(uintptr_t)bytes.data);
	assert_int_equal(world_view(w, 0, 1).feed_sequence, 50);

	ping.ping.answer = true;
	ping.ping.time_ms = MESH_TIME_MS + w->now_ms;
	ping.ping.root = world_core_view(w, 0).root;
	ping.ping.heads[ping.ping.head_count++] = (struct feed_head){
		.author = world_member(w, 1)->id, .incarnation = 1, .sequence = 50
	};
	assert_ok(entry_encode(&ping, body, &body_bytes));
	assert_ok(envelope_write((struct span){ body, body_bytes }, NULL, message, &size));
	world_deliver(w, 0, 2, (struct span){ message, size });
	assert_int_equal(w->actions.count, 0);
	world_deliver(w, 0, 1, (struct span){ message, size });
	assert_int_equal(w->actions.count, 1); /* its author may see it */
	assert_int_equal(w->actions.list[0].what, CORE_DO_SEND);
	world_free(w);
}

/* Two bodies under one sequence: the second is refused, and said aloud. */
static void
equivocation_is_noticed(void **unused)
{
	struct world *w = five();
	struct entry e = statement(w);
	struct span bytes = world_forge(w, 1, &e, 5);

	(void)unused;
	world_deliver(w, 0, 1, bytes);
	free((void *)(uintptr_t)bytes.data);
	e.statement.decoy = 3;
	forged_refused(w, 1, 1, &e, 5, ERR_EQUIVOCATION);
	(void)world_trace(w);
	bytes = world_forge(w, 1, &e, 5);
	world_deliver(w, 0, 1, bytes);
	assert_non_null(strstr(world_trace(w), "equivocation b"));
	free((void *)(uintptr_t)bytes.data);
	world_free(w);
}

/* A sequence far behind the newest is refused, if it is not one that stands. */
static void
what_is_behind_the_window_is_replayed(void **unused)
{
	struct world *w = five();
	struct entry e = statement(w);
	struct span bytes = world_forge(w, 1, &e, LIMIT_REPLAY_WINDOW + 9);

	(void)unused;
	world_deliver(w, 0, 1, bytes);
	free((void *)(uintptr_t)bytes.data);
	e = verdict(w);
	forged_refused(w, 1, 1, &e, 9, ERR_REPLAY);
	e = (struct entry){ .kind = ENTRY_SELF_REPORT,
		.self_report = { .kind = SELF_REPORT_PRECAUTION,
		    .reason = CLASS_HONEYPOT_TRIPPED,
		    .score = 9 } };
	assert_true(address_parse("10.77.0.66", &e.self_report.source.address));
	bytes = world_forge(w, 1, &e, 8);
	world_deliver(w, 0, 1, bytes);
	assert_int_equal(world_view(w, 0, 1).status, STATUS_QUARANTINED);
	free((void *)(uintptr_t)bytes.data);
	world_free(w);
}

/* The tenth bad signature closes the link that brings them. */
static void
bad_signatures_close_the_link(void **unused)
{
	struct world *w = five();

	(void)unused;
	for (unsigned i = 0; i < LIMIT_BAD_SIGNATURES; i++) {
		struct entry e = statement(w);
		struct span bytes = world_forge(w, 1, &e, i + 1);

		assert_null(strstr(world_trace(w), "close"));
		((uint8_t *)(uintptr_t)bytes.data)[bytes.size_bytes - 1] ^= 1;
		world_deliver(w, 0, 2, bytes);
		free((void *)(uintptr_t)bytes.data);
	}
	assert_non_null(strstr(world_trace(w), "a: close c"));
	world_free(w);
}

/* An author has ten entries a second and a burst of 100, whoever brings them. */
static void
an_author_has_a_budget(void **unused)
{
	struct world *w = five();
	uint64_t refusals;

	(void)unused;
	w->nodes[1].liar = true;
	for (unsigned i = 0; i < LIMIT_ENTRIES_BURST + 20; i++) {
		struct entry e = verdict(w);
		struct span bytes = world_forge(w, 1, &e, i + 1);

		world_deliver(w, 0, 1 + i % 4, bytes);
		free((void *)(uintptr_t)bytes.data);
	}
	refusals = world_core_view(w, 0).refused;
	assert_int_equal(refusals, 20);
	/* What says the same again leaves nothing behind. */
	assert_int_equal(world_core_view(w, 0).objects, 1);
	world_free(w);
}

/* Of many self-reports of one author all nodes keep the same, whatever came first. */
static void
the_earliest_self_reports_count(void **unused)
{
	enum { many = LIMIT_SELF_REPORTS + 9 };
	struct span reports[many];
	struct world *w = five();

	(void)unused;
	for (size_t i = 0; i < 5; i++)
		w->nodes[i].liar = true; /* what they hold is forged here */
	for (uint64_t i = 0; i < many; i++) {
		struct entry e = { .kind = ENTRY_SELF_REPORT };

		e.self_report.kind = SELF_REPORT_PRECAUTION;
		e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
		reports[i] = world_forge(w, 2, &e, i + 1);
	}
	for (uint64_t i = 0; i < many; i++) {
		world_deliver(w, 0, 2, reports[i]);
		world_deliver(w, 1, 2, reports[many - 1 - i]);
	}
	for (uint64_t i = 0; i < many; i++)
		free((void *)(uintptr_t)reports[i].data);
	assert_int_equal(world_core_view(w, 0).root, world_core_view(w, 1).root);
	/* One of them is the newest besides, held for its author's sake. */
	assert_in_range(world_core_view(w, 1).objects, LIMIT_SELF_REPORTS, LIMIT_SELF_REPORTS + 1);
	assert_int_equal(w->nodes[0].held[2], STRENGTH_CUT);
	assert_int_equal(w->nodes[1].held[2], STRENGTH_CUT);
	world_free(w);
}

/* 2: one witness that lies, with a perfect statement and its own vote, frames nobody. */
static void
a_lone_liar_frames_nobody(void **unused)
{
	struct world *w = five();
	struct entry e = statement(w);
	struct span bytes = world_forge(w, 1, &e, 1);

	(void)unused;
	w->nodes[1].liar = true;
	for (size_t i = 0; i < 5; i++)
		if (i != 1)
			world_deliver(w, i, 1, bytes);
	free((void *)(uintptr_t)bytes.data);
	e = verdict(w);
	bytes = world_forge(w, 1, &e, 2);
	for (size_t i = 0; i < 5; i++)
		if (i != 1)
			world_deliver(w, i, 1, bytes);
	free((void *)(uintptr_t)bytes.data);
	world_run(w, 5000);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(w->nodes[i].held[4], STRENGTH_NONE);
		assert_int_equal(world_view(w, i, 4).votes, 1);
		assert_int_equal(world_core_view(w, i).sequence, 0);
	}
	world_free(w);
}

/* Exactly half of the others is no quorum: two of four, the rest locked or away. */
static void
exactly_half_convicts_nobody(void **unused)
{
	struct world *w = five();

	(void)unused;
	world_crash(w, 0);
	world_crash(w, 2);
	world_touch_from(w, 1, 4);
	world_touch_from(w, 3, 4);
	world_run(w, 5000);
	assert_int_equal(world_view(w, 1, 4).votes, 2);
	assert_false(world_view(w, 1, 4).certified);
	assert_int_equal(w->nodes[1].held[4], STRENGTH_CUT); /* its own eyes */
	world_start(w, 0);
	world_run(w, 5000);
	assert_true(world_view(w, 1, 4).certified); /* the evidence was public */
	world_free(w);
}

/* A vote outlives its window: who comes in the next one signs there, and all sign again. */
static void
votes_follow_the_window(void **unused)
{
	struct world *w = five();
	uint64_t left_ms;

	(void)unused;
	world_crash(w, 0);
	world_crash(w, 2);
	left_ms = LIMIT_WINDOW_S * 1000 - (MESH_TIME_MS + w->now_ms) % (LIMIT_WINDOW_S * 1000);
	world_run(w, left_ms - 3000);
	world_touch_from(w, 1, 4);
	world_touch_from(w, 3, 4);
	world_run(w, 4000); /* over the edge */
	assert_false(world_view(w, 1, 4).certified);
	assert_int_equal(world_core_view(w, 1).sequence, 3); /* a statement, two verdicts */
	world_start(w, 0);
	world_run(w, 3000);
	assert_true(world_view(w, 1, 4).certified);
	checker_agree(w);
	world_free(w);
}

/* At the edge of two windows, clocks apart: who is early signs where the others are, too. */
static void
voters_meet_in_one_window(void **unused)
{
	struct world *w = five();
	uint64_t left_ms;

	(void)unused;
	left_ms = LIMIT_WINDOW_S * 1000 - (MESH_TIME_MS + w->now_ms) % (LIMIT_WINDOW_S * 1000);
	w->nodes[0].clock_skew_ms = w->nodes[2].clock_skew_ms = -5000;
	world_run(w, left_ms + 1000);
	world_touch_from(w, 1, 4);
	world_touch_from(w, 0, 4);
	world_run(w, 200);
	for (size_t i = 0; i < 4; i++)
		assert_true(world_view(w, i, 4).certified);
	world_free(w);
}

/* A voter's budget is one member of five: the second scanner is cut by eyes alone. */
static void
votes_have_a_blast_radius(void **unused)
{
	struct world *w = five();

	(void)unused;
	for (size_t i = 0; i < 4; i++)
		world_touch_from(w, i, 4);
	world_run(w, 1000);
	assert_true(world_view(w, 0, 4).certified);
	(void)world_trace(w);
	for (size_t i = 0; i < 3; i++)
		world_touch_from(w, i, 3);
	world_run(w, 10000);
	assert_non_null(strstr(w->trace, "a: blast-radius d"));
	assert_false(world_view(w, 0, 3).certified);
	assert_int_equal(world_view(w, 0, 3).votes, 0);
	assert_int_equal(w->nodes[0].held[3], STRENGTH_CUT);
	world_free(w);
}

/* Only heads witness and vote; a member without weight still cuts what touches it. */
static void
a_member_without_weight_has_no_voice(void **unused)
{
	struct world_config config = { .count = 6, .seed = 2, .weightless = 1 };
	struct world *w = world_new(&config);
	size_t voiceless = w->mesh.members[0].index, other = (voiceless + 1) % 6;
	size_t guilty = (voiceless + 2) % 6;
	struct entry e;

	(void)unused;
	world_start_all(w);
	world_settle(w);
	for (unsigned kind = 0; kind < 2; kind++) {
		struct span bytes;

		if (kind == 0) {
			e = statement(w);
			e.statement.destination.address =
			    roster_member(w->mesh.roster, (member_index)voiceless)->addresses[0];
			e.statement.subject = world_member(w, guilty)->id;
			e.statement.source.address =
			    roster_member(w->mesh.roster, (member_index)guilty)->addresses[0];
		} else {
			e = verdict(w);
			e.verdict.subject = world_member(w, guilty)->id;
		}
		bytes = world_forge(w, voiceless, &e, 1);
		(void)world_trace(w);
		world_deliver(w, other, voiceless, bytes);
		assert_non_null(strstr(world_trace(w), err_text(ERR_VOTER)));
		free((void *)(uintptr_t)bytes.data);
	}
	world_touch_from(w, voiceless, guilty);
	world_run(w, 1000);
	assert_int_equal(w->nodes[voiceless].held[guilty], STRENGTH_CUT);
	assert_int_equal(world_core_view(w, voiceless).sequence, 0);
	world_free(w);
}

/* Own eyes cut half of the others at most, the oldest kept. */
static void
own_eyes_cut_so_many_and_no_more(void **unused)
{
	struct world *w = five();

	(void)unused;
	for (size_t i = 1; i < 5; i++) {
		world_touch_from(w, 0, i);
		if (i > 2)
			continue;
		assert_int_equal(w->actions.list[0].what, CORE_DO_ENFORCE);
		assert_int_equal(w->actions.list[0].enforce.expires_ms, LIMIT_LOCAL_CUT_MS);
	}
	assert_int_equal(w->nodes[0].held[1], STRENGTH_CUT);
	assert_int_equal(w->nodes[0].held[2], STRENGTH_CUT);
	assert_int_equal(w->nodes[0].held[3], STRENGTH_NONE);
	assert_int_equal(w->nodes[0].held[4], STRENGTH_NONE);
	world_run(w, LIMIT_LOCAL_CUT_MS / 2);
	world_touch_from(w, 0, 2); /* renewed by new evidence, in the kernel as well */
	assert_int_equal(w->actions.list[0].what, CORE_DO_ENFORCE);
	assert_int_equal(w->actions.list[0].enforce.expires_ms, LIMIT_LOCAL_CUT_MS);
	world_run(w, LIMIT_LOCAL_CUT_MS / 2 + 1000);
	assert_int_equal(w->nodes[0].held[1], STRENGTH_NONE);
	assert_int_equal(w->nodes[0].held[2], STRENGTH_CUT);
	world_run(w, LIMIT_LOCAL_CUT_MS / 2);
	assert_int_equal(w->nodes[0].held[2], STRENGTH_NONE);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_envelopes_are_refused),
		cmocka_unit_test(bad_statements_are_refused),
		cmocka_unit_test(bad_verdicts_are_refused),
		cmocka_unit_test(bad_certificates_are_refused),
		cmocka_unit_test(a_certificate_is_accepted_once),
		cmocka_unit_test(what_nobody_proved_is_not_passed_on),
		cmocka_unit_test(equivocation_is_noticed),
		cmocka_unit_test(what_is_behind_the_window_is_replayed),
		cmocka_unit_test(bad_signatures_close_the_link),
		cmocka_unit_test(an_author_has_a_budget),
		cmocka_unit_test(the_earliest_self_reports_count),
		cmocka_unit_test(a_lone_liar_frames_nobody),
		cmocka_unit_test(exactly_half_convicts_nobody),
		cmocka_unit_test(votes_follow_the_window),
		cmocka_unit_test(voters_meet_in_one_window),
		cmocka_unit_test(votes_have_a_blast_radius),
		cmocka_unit_test(a_member_without_weight_has_no_voice),
		cmocka_unit_test(own_eyes_cut_so_many_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
