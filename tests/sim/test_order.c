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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_leads_to_the_same_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
