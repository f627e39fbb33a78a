#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/adversary.h"
#include "sim/digest.h"
#include "sim/invariants.h"
#include "sim/sim.h"

#define TICK_MS 1000

bool
sim_chance(struct prng *prng, uint32_t per_1000)
{
	return prng_below(prng, 1000) < per_1000;
}

uint64_t
sim_between(struct prng *prng, uint64_t least, uint64_t most)
{
	return least + prng_below(prng, most - least + 1);
}

size_t
sim_any_host(struct sim *s, struct prng *prng)
{
	return prng_below(prng, s->count);
}

/* Only a full mesh has room for more: rings would change with them. */
static size_t
room_for_newcomers(const struct sim *s)
{
	bool come = (s->options.faults >> FAULT_ROSTER & 1) != 0 &&
	            s->count + AUTHORITY_NEWCOMERS <= LIMIT_FULL_MESH;

	return come ? AUTHORITY_NEWCOMERS : 0;
}

struct sim *
sim_new(const struct options *options, FILE *trace)
{
	struct sim *s = calloc(1, sizeof(*s));
	struct prng prng;

	if (s == NULL)
		abort();
	s->options = *options;
	s->trace.file = trace;
	s->trace.hash = options->seed;
	s->keys = keys_new(options->sodium);
	prng_seed(&prng, digest_mix(options->seed, 1));
	prng_seed(&s->prng, digest_mix(options->seed, 2));
	s->authority = authority_new(&s->keys, options, &prng);
	s->policy = prng_below(&prng, 2) == 0 ? POLICY_ATTRIBUTE : POLICY_ASSUME_BREACH;
	s->ledger = ledger_new(s->authority);
	s->count = s->authority->nodes;
	s->now_ms = 1000;
	s->host_count = s->count + 1 + room_for_newcomers(s);
	s->hosts = calloc(s->host_count, sizeof(*s->hosts));
	s->timers = calloc(s->host_count, sizeof(*s->timers));
	if (s->hosts == NULL || s->timers == NULL)
		abort();
	for (size_t i = 0; i < s->host_count; i++) {
		s->timers[i] = (uint32_t)i;
		host_init(s, i, (member_index)(i != s->count ? i : 0));
	}
	fabric_init(s);
	invariants_init(s);
	adversaries_init(s);
	faults_init(s);
	return s;
}

void
sim_free(struct sim *s)
{
	if (s == NULL)
		return;
	faults_free(s);
	adversaries_free(s);
	invariants_free(s);
	queue_free(&s->queue);
	fabric_free(&s->fabric);
	for (size_t i = 0; i < s->host_count; i++)
		host_free(&s->hosts[i]);
	free(s->hosts);
	free(s->timers);
	ledger_free(s->ledger);
	authority_free(s->authority);
	free(s);
}

/* One thing: whatever is due first, timers before what arrives in the same millisecond. */
static void
advance(struct sim *s, uint64_t at_ms)
{
	const struct host *first = &s->hosts[s->timers[0]];
	struct core_event timeout = { .input = CORE_TIMEOUT };
	struct happening e;

	if (at_ms > s->now_ms)
		s->now_ms = at_ms;
	if (first->deadline_ms <= at_ms) {
		host_step(s, s->timers[0], &timeout);
		return;
	}
	e = queue_take(&s->queue);
	if (e.kind == HAPPEN_FAULT)
		faults_happen(s, e.number);
	else if (e.kind == HAPPEN_LINK_UP && e.to == UINT16_MAX)
		fabric_retry(s, &e);
	else
		host_happen(s, &e);
	payload_drop(e.payload);
}

bool
sim_run_until(struct sim *s, uint64_t until_ms)
{
	for (;;) {
		uint64_t next_ms = queue_next(&s->queue);

		if (s->hosts[s->timers[0]].deadline_ms < next_ms)
			next_ms = s->hosts[s->timers[0]].deadline_ms;
		if (next_ms > until_ms)
			break;
		if (s->steps >= s->options.steps)
			return false;
		advance(s, next_ms);
	}
	s->now_ms = until_ms;
	return true;
}

/* Faults and lies, a second at a time. */
static bool
run_faults(struct sim *s)
{
	uint64_t until_ms = s->now_ms + s->options.duration_ms;

	while (s->now_ms < until_ms) {
		if (!sim_run_until(
		        s, s->now_ms + TICK_MS < until_ms ? s->now_ms + TICK_MS : until_ms))
			return false;
		fabric_tick(s);
		workload_tick(s);
		operators_tick(s);
		adversaries_tick(s);
	}
	return true;
}

void
sim_run(struct sim *s)
{
	for (size_t i = 0; i < s->count; i++)
		host_boot(s, i);
	if (!run_faults(s))
		return;
	faults_heal(s);
	invariants_healed(s);
}
