/*
 * Whatever is lost, doubled, reordered, cut apart or crashed: the invariants
 * hold after every step, and once all is healed the nodes agree.  A failure
 * prints its seed; SIM_SEED=n runs that one alone, SIM_SEEDS=n so many.
 */
#include "sim/checker.h"
#include "tests/sim/each_seed.h"

#define SEEDS 250

static struct world *
random_world(uint64_t seed, struct prng *p)
{
	struct world_config config = { .count = 3 + prng_below(p, 5), .seed = seed };

	config.policy = prng_below(p, 2) ? POLICY_ASSUME_BREACH : POLICY_ATTRIBUTE;
	config.delay_max_ms = (uint32_t)prng_below(p, 60);
	config.lost_per_1000 = (uint32_t)prng_below(p, 3) * 100;
	config.doubled_per_1000 = (uint32_t)prng_below(p, 3) * 150;
	config.disk_ms = (uint32_t)prng_below(p, 8);
	return world_new(&config);
}

/* One thing happens to one node. */
static void
strike(struct world *w, struct prng *p, size_t guilty)
{
	size_t node = (size_t)prng_below(p, w->config.count);
	struct world_node *n = &w->nodes[node];

	switch (prng_below(p, 8)) {
	case 0:
	case 1:
		if (n->core != NULL)
			world_touch(w, node, "10.77.0.66");
		break;
	case 2:
	case 3:
	case 4:
		if (n->core != NULL && node != guilty)
			world_touch_from(w, node, guilty);
		break;
	case 5:
		if (n->core == NULL)
			world_start(w, node);
		else {
			n->steps = 0;
			n->crash_after_steps = 1 + prng_below(p, 30);
			n->crash_after_actions = (size_t)prng_below(p, 4);
		}
		break;
	case 6:
		if (n->core != NULL)
			world_crash(w, node);
		break;
	case 7:
		world_partition(w, (uint32_t)prng_below(p, UINT64_C(1) << w->config.count));
		break;
	}
}

static void
heal(struct world *w)
{
	w->network.lost_per_1000 = 0;
	world_partition(w, 0);
	for (size_t i = 0; i < w->config.count; i++) {
		w->nodes[i].crash_after_steps = 0;
		if (w->nodes[i].core == NULL)
			world_start(w, i);
	}
	/* First sync by timeout, at worst, and three sync rounds. */
	world_run(w, LIMIT_FIRST_SYNC_MS + 3 * LIMIT_SYNC_MS);
	checker_agree(w);
}

static uint64_t
hash_trace(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *text != 0; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	return hash;
}

static uint64_t
run_seed(uint64_t seed)
{
	struct world *w;
	struct prng p;
	size_t guilty;
	uint64_t hash;

	prng_seed(&p, seed);
	w = random_world(seed, &p);
	w->trace_links = true;
	guilty = (size_t)prng_below(&p, w->config.count);
	world_start_all(w);
	for (uint64_t strikes = 5 + prng_below(&p, 20); strikes > 0; strikes--) {
		world_run(w, prng_below(&p, prng_below(&p, 4) == 0 ? 3000 : 100));
		strike(w, &p, guilty);
	}
	heal(w);
	hash = hash_trace(world_trace(w));
	world_free(w);
	return hash;
}

static void
judge_seed(uint64_t seed)
{
	(void)run_seed(seed);
}

static void
invariants_hold_under_faults(void **unused)
{
	(void)unused;
	each_seed(SEEDS, judge_seed);
}

/* 15. */
static void
the_same_seed_gives_the_same_trace(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 5; seed++)
		assert_int_equal(run_seed(seed), run_seed(seed));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invariants_hold_under_faults),
		cmocka_unit_test(the_same_seed_gives_the_same_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
