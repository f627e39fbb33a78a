/*
 * One member of five lies in every way that its key allows: random entries of
 * every kind, validly signed, and random link messages, to whom it likes.
 * Nobody is framed, nobody crashes, memory stays bounded, the others agree.
 */
#include "sim/checker.h"
#include "tests/sim/each_seed.h"

#define SEEDS 60
#define LIAR  3

static uint64_t sequence;

static struct node_id
any_id(const struct world *w, struct prng *p)
{
	struct node_id id = world_member(w, (size_t)prng_below(p, 5))->id;

	if (prng_below(p, 10) == 0)
		id.bytes[prng_below(p, 16)] ^= 1;
	return id;
}

static uint64_t
any_time(const struct world *w, struct prng *p)
{
	uint64_t now_ms = MESH_TIME_MS + w->now_ms;

	switch (prng_below(p, 4)) {
	case 0:
		return now_ms - prng_below(p, 2 * LIMIT_RELAYED_MS);
	case 1:
		return now_ms + prng_below(p, 2 * LIMIT_FRESH_MS);
	default:
		return now_ms;
	}
}

static void
fill_statement(const struct world *w, struct prng *p, struct statement *s)
{
	const struct member *subject =
	    roster_member(w->mesh.roster, (member_index)prng_below(p, 5));
	const struct member *witness =
	    roster_member(w->mesh.roster, prng_below(p, 4) ? LIAR : (member_index)prng_below(p, 5));

	s->subject = prng_below(p, 4) ? subject->id : any_id(w, p);
	s->round = prng_below(p, 8) == 0;
	s->class = (enum event_class)(1 + (prng_below(p, 2) ? 0 : prng_below(p, 11)));
	s->source.address = subject->addresses[0];
	s->destination.address = witness->addresses[0];
	s->score = (uint32_t)prng_below(p, 11);
	s->seen_ms = any_time(w, p);
	s->evidence_bytes = (size_t)prng_below(p, 2) * LIMIT_EVIDENCE_BYTES;
	if (s->evidence_bytes == 0)
		crypto_sodium()->sha256(NULL, "", NULL, 0, &s->evidence_digest);
}

/* Signed by the liar, whatever it says. */
static void
lie(struct world *w, struct prng *p)
{
	static uint8_t voters, signatures[8 * 64];
	struct entry e = { .header.time_ms = any_time(w, p) };
	struct span bytes;

	switch (prng_below(p, 4)) {
	case 0:
		e.kind = ENTRY_STATEMENT;
		fill_statement(w, p, &e.statement);
		break;
	case 1:
		e.kind = ENTRY_VERDICT;
		e.verdict.level = prng_below(p, 8) ? LEVEL_QUARANTINE : LEVEL_RELEASE;
		e.verdict.subject = any_id(w, p);
		e.verdict.round = prng_below(p, 8) == 0;
		e.verdict.window = ballot_window(e.header.time_ms) + prng_below(p, 5) - 2;
		break;
	case 2:
		/* Its own vote on itself may say anything; it is its own to lose. */
		e.kind = ENTRY_SELF_REPORT;
		e.self_report.kind = SELF_REPORT_PRECAUTION;
		e.self_report.round = prng_below(p, 8) == 0;
		e.self_report.reason = (enum event_class)(1 + prng_below(p, 11));
		break;
	case 3:
		e.kind = ENTRY_CERTIFICATE;
		voters = (uint8_t)prng_below(p, 32);
		e.certificate = (struct certificate){ .level = LEVEL_QUARANTINE,
			.subject = any_id(w, p),
			.epoch = 1,
			.window = ballot_window(e.header.time_ms),
			.voters = { &voters, 1 },
			.signatures = { signatures, 64 * (size_t)__builtin_popcount(voters) } };
		for (size_t i = 0; i < sizeof(signatures); i++)
			signatures[i] = (uint8_t)prng_next(p);
		break;
	}
	bytes = world_forge(w, LIAR, &e, ++sequence);
	for (size_t to = 0; to < 5; to++)
		if (to != LIAR && prng_below(p, 2))
			world_deliver(
			    w, to, prng_below(p, 3) ? LIAR : (size_t)prng_below(p, 5), bytes);
	free((void *)(uintptr_t)bytes.data);
}

/* What a link may carry, with anything in it. */
static void
babble(struct world *w, struct prng *p)
{
	static uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	size_t body_bytes = sizeof(body), size = sizeof(bytes);
	struct entry e = { .header.mesh = w->mesh.id };
	struct feed_head head = {
		.author = any_id(w, p), .incarnation = 1, .sequence = 1 + prng_below(p, 9)
	};

	switch (prng_below(p, 4)) {
	case 0:
		e.kind = ENTRY_HELLO;
		e.hello.yours = e.hello.mine = head;
		e.hello.root = prng_next(p);
		break;
	case 1:
		e.kind = ENTRY_PING;
		e.ping.answer = prng_below(p, 2) != 0;
		e.ping.time_ms = prng_below(p, 2) ? prng_next(p) : MESH_TIME_MS;
		e.ping.root = prng_next(p);
		for (; e.ping.head_count < prng_below(p, 9); e.ping.head_count++)
			e.ping.heads[e.ping.head_count] = head;
		break;
	case 2:
		e.kind = ENTRY_SYNC_BUCKETS;
		e.sync_buckets.answer = prng_below(p, 2) != 0;
		for (size_t i = 0; i < LIMIT_SYNC_BUCKETS; i++)
			e.sync_buckets.digests[i] = prng_below(p, 2) ? prng_next(p) : 0;
		break;
	case 3:
		/* Noise, in one piece. */
		size = 1 + (size_t)prng_below(p, 300);
		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)prng_next(p);
		world_deliver(w, (LIAR + 1) % 5, LIAR, (struct span){ bytes, size });
		return;
	}
	assert_ok(entry_encode(&e, body, &body_bytes));
	assert_ok(envelope_write((struct span){ body, body_bytes }, NULL, bytes, &size));
	for (size_t to = 0; to < 5; to++)
		if (to != LIAR)
			world_deliver(w, to, LIAR, (struct span){ bytes, size });
}

static void
run_seed(uint64_t seed)
{
	struct world_config config = {
		.count = 5, .seed = seed, .policy = POLICY_ASSUME_BREACH, .delay_max_ms = 3
	};
	struct world *w = world_new(&config);
	struct prng p;

	prng_seed(&p, seed);
	sequence = prng_below(&p, 3000);
	world_start_all(w);
	world_settle(w);
	w->nodes[LIAR].liar = true;
	for (unsigned i = 0; i < 200; i++) {
		if (prng_below(&p, 2))
			lie(w, &p);
		else
			babble(w, &p);
		if (prng_below(&p, 10) == 0)
			world_run(w, prng_below(&p, 2000));
	}
	/* The liar falls silent, and the honest ones agree. */
	for (size_t i = 0; i < 5; i++)
		if (i != LIAR)
			world_estrange(w, i, LIAR);
	world_run(w, 3 * LIMIT_SYNC_MS);
	checker_agree(w);
	for (size_t i = 0; i < 5; i++) {
		if (i == LIAR)
			continue;
		assert_true(world_core_view(w, i).objects < 400);
		assert_false(world_core_view(w, i).lost_state);
		for (size_t s = 0; s < 5; s++)
			if (s != LIAR && s != i)
				assert_int_equal(w->nodes[i].held[s], STRENGTH_NONE);
	}
	world_free(w);
}

static void
a_liar_achieves_nothing(void **unused)
{
	(void)unused;
	each_seed(SEEDS, run_seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_liar_achieves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
