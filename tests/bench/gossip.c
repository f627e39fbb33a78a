#include <stdlib.h>
#include "tests/bench/gossip.h"

#define PERIOD_MS   200
#define FANOUT      3
#define RETRANSMITS 4

struct node {
	bool has;
	uint32_t phase_ms; /* within the period */
	uint32_t left;     /* periods in which it still sends */
	uint32_t hops;
};

struct arrival {
	struct arrival *next;
	size_t to;
	uint32_t hops;
};

struct world {
	const struct gossip *g;
	struct prng *prng;
	struct gossip_result *out;
	struct node *nodes;
	struct arrival **due; /* by millisecond, modulo the longest delay + 1 */
	uint64_t now_ms, under_way;
	size_t sending;
	uint32_t times; /* that a member sends what it heard */
};

/* memberlist: RetransmitMult * ceil(log10(n + 1)). */
static uint32_t
times_of(size_t count)
{
	uint32_t digits = 0;

	for (size_t reach = 1; reach < count + 1; reach *= 10)
		digits++;
	return RETRANSMITS * digits;
}

static void
hear(struct world *w, size_t index, uint32_t hops)
{
	struct node *n = &w->nodes[index];

	if (n->has)
		return;
	n->has = true;
	n->hops = hops;
	if (w->g->drops[index])
		return;
	n->left = w->times;
	w->sending++;
	if (index == w->g->origin)
		return;
	w->out->reached++;
	w->out->last_ms = w->now_ms;
	if (hops > w->out->hops)
		w->out->hops = hops;
}

static void
send_to(struct world *w, size_t to, uint32_t hops)
{
	uint32_t spread_ms = w->g->delay_max_ms - w->g->delay_min_ms + 1;
	uint64_t at_ms = w->now_ms + w->g->delay_min_ms + prng_below(w->prng, spread_ms);
	struct arrival **slot = &w->due[at_ms % (w->g->delay_max_ms + 1)];
	struct arrival *a = malloc(sizeof(*a));

	if (a == NULL)
		abort();
	*a = (struct arrival){ *slot, to, hops };
	*slot = a;
	w->under_way++;
	w->out->sent++;
}

/* To three others, each once. */
static void
gossip(struct world *w, size_t index)
{
	size_t chosen[FANOUT], count = 0;
	size_t most = w->g->count - 1 < FANOUT ? w->g->count - 1 : FANOUT;
	struct node *n = &w->nodes[index];

	while (count < most) {
		size_t to = prng_below(w->prng, w->g->count), i = 0;

		while (i < count && chosen[i] != to)
			i++;
		if (to == index || i < count)
			continue;
		chosen[count++] = to;
		send_to(w, to, n->hops + 1);
	}
	if (--n->left == 0)
		w->sending--;
}

static void
arrive(struct world *w)
{
	struct arrival **slot = &w->due[w->now_ms % (w->g->delay_max_ms + 1)];

	for (struct arrival *a; (a = *slot) != NULL;) {
		*slot = a->next;
		w->under_way--;
		hear(w, a->to, a->hops);
		free(a);
	}
}

void
gossip_run(const struct gossip *g, struct prng *prng, struct gossip_result *out)
{
	struct world w = { .g = g, .prng = prng, .out = out, .times = times_of(g->count) };

	*out = (struct gossip_result){ 0 };
	w.nodes = calloc(g->count, sizeof(*w.nodes));
	w.due = calloc(g->delay_max_ms + 1, sizeof(struct arrival *));
	if (w.nodes == NULL || w.due == NULL)
		abort();
	for (size_t i = 0; i < g->count; i++)
		w.nodes[i].phase_ms = (uint32_t)prng_below(prng, PERIOD_MS);
	hear(&w, g->origin, 0);
	for (; w.sending > 0 || w.under_way > 0; w.now_ms++) {
		arrive(&w);
		for (size_t i = 0; i < g->count; i++)
			if (w.nodes[i].left > 0 && w.nodes[i].phase_ms == w.now_ms % PERIOD_MS)
				gossip(&w, i);
	}
	free(w.nodes);
	free(w.due);
}
