/*
 * 9: replaying, duplicating or permuting delivered messages leads to the same
 * state.  What a node heard in three incidents is played again, to a node that
 * starts from nothing, in many orders.
 */
#include "sim/checker.h"

#define OBSERVER 4
#define ORDERS   200

struct outcome {
	uint64_t root;
	enum node_status status[5];
	bool stands[5], down[5], certified[5];
	enum strength lock;
};

static struct outcome
outcome_of(const struct world *w)
{
	struct outcome o;

	memset(&o, 0, sizeof(o));
	o.root = world_core_view(w, OBSERVER).root;
	o.lock = w->nodes[OBSERVER].lock;
	for (size_t i = 0; i < 5; i++) {
		struct core_member_view v = world_view(w, OBSERVER, i);

		o.status[i] = v.status;
		o.stands[i] = v.precaution_stands;
		o.down[i] = v.precaution_stood_down;
		o.certified[i] = v.certified;
	}
	return o;
}

/* The observer is the one who scans: it hears all and signs nothing. */
static struct world *
hear_three_incidents(const struct world_config *config)
{
	struct world *w = world_new(config);

	world_start_all(w);
	world_settle(w);
	w->record = true;
	world_touch(w, 1, "10.77.0.66");
	world_run(w, 5);
	world_touch(w, 2, "10.77.0.66");
	world_touch(w, 0, "10.77.0.66");
	for (size_t i = 0; i < 4; i++)
		world_touch_from(w, i, OBSERVER);
	world_run(w, 200);
	return w;
}

static bool
is_entry(const struct recorded *r)
{
	struct entry_header header;
	struct envelope envelope;
	enum entry_kind kind;

	assert_ok(envelope_parse(r->bytes, r->size_bytes, &envelope));
	assert_ok(entry_peek(envelope.body, &header, &kind));
	return r->to == OBSERVER && !entry_is_link_message(kind);
}

static struct outcome
play(const struct world *from, const struct world_config *config, const size_t *order, size_t count)
{
	struct world *w = world_new(config);
	struct outcome outcome;

	w->now_ms = from->now_ms;
	w->touched_others[OBSERVER] = true;
	world_start(w, OBSERVER);
	for (size_t i = 0; i < count; i++) {
		const struct recorded *r = &from->recorded[order[i]];

		world_deliver(w, OBSERVER, r->from, (struct span){ r->bytes, r->size_bytes });
	}
	world_run(w, 100);
	outcome = outcome_of(w);
	world_free(w);
	return outcome;
}

/* Every entry once, `more` of them again, all shuffled. */
static size_t
shuffle(const struct world *w, struct prng *p, size_t more, size_t *order)
{
	size_t count = 0, all;

	for (size_t i = 0; i < w->recorded_count; i++)
		if (is_entry(&w->recorded[i]))
			order[count++] = i;
	all = count;
	for (size_t i = 0; i < more; i++)
		order[count++] = order[prng_below(p, all)];
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = (size_t)prng_below(p, i + 1), swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	return count;
}

static void
any_order_leads_to_the_same_state(void **unused)
{
	struct world_config config = {
		.count = 5, .seed = 3, .policy = POLICY_ASSUME_BREACH, .precautions = 2
	};
	struct world *w = hear_three_incidents(&config);
	size_t *order = calloc(2 * w->recorded_count, sizeof(*order));
	struct outcome first, other;
	struct prng p;

	(void)unused;
	prng_seed(&p, 5);
	first = play(w, &config, order, shuffle(w, &p, 0, order));
	assert_true(first.certified[OBSERVER]);
	assert_int_equal(first.lock, STRENGTH_SEVER);
	assert_int_equal(first.down[0] + first.down[1] + first.down[2], 1);
	for (unsigned n = 0; n < ORDERS; n++) {
		other =
		    play(w, &config, order, shuffle(w, &p, n % 3 * w->recorded_count / 4, order));
		if (memcmp(&first, &other, sizeof(first)) != 0)
			fail_msg("order %u leads elsewhere", n);
	}
	free(order);
	world_free(w);
}

/* ---- rounds ------------------------------------------------------------------------ */

struct rounds {
	uint64_t root;
	uint32_t round[5];
	enum node_status status[5];
	bool stands[5], down[5], certified[5], confessed[5], asked[5], restricted[5];
	enum strength held[5];
};

static struct rounds
rounds_of(const struct world *w)
{
	struct rounds o;

	memset(&o, 0, sizeof(o));
	o.root = world_core_view(w, OBSERVER).root;
	for (size_t i = 0; i < 4; i++) {
		struct core_member_view v = world_view(w, OBSERVER, i);

		o.round[i] = v.round;
		o.status[i] = v.status;
		o.stands[i] = v.precaution_stands;
		o.down[i] = v.precaution_stood_down;
		o.certified[i] = v.certified;
		o.confessed[i] = v.confessed;
		o.asked[i] = v.release_asked;
		o.restricted[i] = v.restricted;
		o.held[i] = w->nodes[OBSERVER].held[i];
	}
	return o;
}

static void
ask(struct world *w, size_t node, size_t subject, uint64_t sequence)
{
	struct core_member_view v = world_view(w, node, subject);
	struct entry e = { .kind = ENTRY_RELEASE };
	struct span bytes;

	e.release.subject = world_member(w, subject)->id;
	e.release.round = v.round;
	e.release.kind = RELEASE_CLEANED;
	e.release.names_certificate = v.has_certificate;
	e.release.certificate = v.certificate;
	e.release.incarnation = v.report_incarnation;
	e.release.sequence = v.report_sequence;
	strcpy(e.release.reason, "reinstalled");
	bytes = world_forge(w, 5, &e, sequence);
	world_submit(w, node, bytes);
	free((void *)(uintptr_t)bytes.data);
}

/*
 * a takes a precaution and is released; c takes one, a another; the release of
 * c is asked for, and then it confesses.
 */
static struct world *
hear_rounds(const struct world_config *config)
{
	struct world *w = world_new(config);
	struct core_event confess = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };

	world_start_all(w);
	world_settle(w);
	w->record = true;
	world_touch(w, 0, "10.77.0.66");
	world_run(w, 1000);
	ask(w, 1, 0, 1000);
	world_run(w, 1000);
	assert_int_equal(world_view(w, OBSERVER, 0).round, 1);
	world_touch(w, 2, "10.77.0.66");
	world_run(w, 1000);
	world_touch(w, 0, "10.77.0.67");
	world_run(w, 1000);
	world_crash(w, 3);
	ask(w, 1, 2, 1001);
	world_run(w, 1000);
	world_event(w, 2, &confess);
	world_run(w, 1000);
	world_start(w, 3);
	world_run(w, 2000);
	return w;
}

static struct rounds
play_rounds(
    const struct world *from, const struct world_config *config, const size_t *order, size_t count)
{
	struct world *w = world_new(config);
	struct rounds outcome;

	w->now_ms = from->now_ms;
	world_start(w, OBSERVER);
	/* What names a round that has not begun comes again, as anti-entropy would bring it. */
	for (unsigned pass = 0; pass < 3; pass++)
		for (size_t i = 0; i < count; i++) {
			const struct recorded *r = &from->recorded[order[i]];

			world_deliver(
			    w, OBSERVER, r->from, (struct span){ r->bytes, r->size_bytes });
		}
	world_run(w, 100);
	outcome = rounds_of(w);
	world_free(w);
	return outcome;
}

/* The same of rounds: requests, ballots of both levels, releases, what came before and after. */
static void
rounds_in_any_order_lead_to_the_same_state(void **unused)
{
	struct world_config config = {
		.count = 5, .seed = 3, .policy = POLICY_ASSUME_BREACH, .with_operator = true
	};
	struct world *w = hear_rounds(&config);
	size_t *order = calloc(2 * w->recorded_count, sizeof(*order));
	struct rounds first, other;
	struct prng p;

	(void)unused;
	prng_seed(&p, 11);
	first = play_rounds(w, &config, order, shuffle(w, &p, 0, order));
	assert_int_equal(first.round[0], 1);
	assert_true(first.confessed[2]);
	assert_false(first.asked[2]);
	for (unsigned n = 0; n < ORDERS / 2; n++) {
		other = play_rounds(
		    w, &config, order, shuffle(w, &p, n % 3 * w->recorded_count / 4, order));
		if (memcmp(&first, &other, sizeof(first)) != 0)
			fail_msg("order %u leads elsewhere", n);
	}
	free(order);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_leads_to_the_same_state),
		cmocka_unit_test(rounds_in_any_order_lead_to_the_same_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
