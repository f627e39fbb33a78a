#include <stdlib.h>
#include <string.h>
#include "core/rings.h"
#include "sim/sim.h"

#define BLOCKED_MS   10000 /* TCP_USER_TIMEOUT */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

/* ---- who links to whom ------------------------------------------------------------- */

static void
attach(struct sim *s, size_t host, size_t link, uint16_t peer)
{
	struct fabric_host *h = &s->fabric.hosts[host];
	size_t at = h->link_count++;

	h->links = reallocarray(h->links, h->link_count, sizeof(*h->links));
	h->peers = reallocarray(h->peers, h->link_count, sizeof(*h->peers));
	if (h->links == NULL || h->peers == NULL)
		abort();
	for (; at > 0 && s->hosts[h->peers[at - 1]].member > s->hosts[peer].member; at--) {
		h->peers[at] = h->peers[at - 1];
		h->links[at] = h->links[at - 1];
	}
	h->peers[at] = peer;
	h->links[at] = (uint32_t)link;
}

static size_t
place_of(const struct fabric_host *h, size_t link)
{
	size_t at = 0;

	while (h->links[at] != link)
		at++;
	return at;
}

static void
detach(struct sim *s, size_t host, size_t link)
{
	struct fabric_host *h = &s->fabric.hosts[host];
	size_t at = place_of(h, link);

	h->link_count--;
	memmove(&h->links[at], &h->links[at + 1], (h->link_count - at) * sizeof(*h->links));
	memmove(&h->peers[at], &h->peers[at + 1], (h->link_count - at) * sizeof(*h->peers));
}

static void
add_link(struct sim *s, size_t a, size_t b)
{
	struct fabric *f = &s->fabric;

	f->links[f->link_count] = (struct link_ends){ .host = { (uint16_t)a, (uint16_t)b } };
	attach(s, a, f->link_count, (uint16_t)b);
	attach(s, b, f->link_count, (uint16_t)a);
	f->link_count++;
}

/* As every node computes it from the roster. */
static void
add_rings(struct sim *s)
{
	member_index neighbours[RINGS_NEIGHBOURS];
	struct rings *rings;

	if (rings_new(s->keys.crypto, s->authority->roster, &rings) != ERR_OK)
		abort();
	for (size_t i = 0; i < s->count; i++) {
		size_t count = RINGS_NEIGHBOURS;

		if (rings_neighbours(rings, (member_index)i, neighbours, &count) != ERR_OK)
			abort();
		for (size_t n = 0; n < count; n++)
			if (neighbours[n] > i)
				add_link(s, i, neighbours[n]);
	}
	rings_free(rings);
}

static void
schedule_retry(struct sim *s, size_t link, uint64_t in_ms)
{
	struct happening e = { .kind = HAPPEN_LINK_UP, .number = (uint32_t)link, .to = UINT16_MAX };

	s->fabric.links[link].retrying = true;
	queue_add(&s->queue, s->now_ms + in_ms, &e);
}

void
fabric_init(struct sim *s)
{
	struct fabric *f = &s->fabric;
	size_t most =
	    s->count <= LIMIT_FULL_MESH ? s->count * (s->count - 1) / 2 : s->count * LIMIT_RINGS;

	prng_seed(&f->prng, s->options.seed ^ 0xfab);
	f->delay_min_ms = 1;
	f->delay_max_ms = 1 + (uint32_t)prng_below(&f->prng, 3);
	f->host_count = s->host_count;
	most += (s->host_count - s->count) * s->host_count;
	f->hosts = calloc(f->host_count, sizeof(*f->hosts));
	f->links = calloc(most + 1, sizeof(*f->links));
	if (f->hosts == NULL || f->links == NULL)
		abort();
	if (s->count > LIMIT_FULL_MESH)
		add_rings(s);
	else
		for (size_t b = 0; b < s->count; b++)
			for (size_t a = 0; a < b; a++)
				add_link(s, a, b);
	for (size_t i = 0; i < f->link_count; i++)
		schedule_retry(s, i, 1 + prng_below(&f->prng, RETRY_MIN_MS));
}

void
fabric_join(struct sim *s, size_t host)
{
	for (size_t i = 0; i < host; i++) {
		if (i == s->count)
			continue; /* the operator's place */
		add_link(s, i, host);
		schedule_retry(
		    s, s->fabric.link_count - 1, 1 + prng_below(&s->fabric.prng, RETRY_MIN_MS));
	}
}

void
fabric_free(struct fabric *f)
{
	for (size_t i = 0; i < f->host_count; i++) {
		free(f->hosts[i].links);
		free(f->hosts[i].peers);
	}
	free(f->links);
	free(f->hosts);
}

size_t
fabric_find(const struct sim *s, size_t host, size_t member)
{
	const struct fabric_host *h = &s->fabric.hosts[host];
	size_t low = 0, high = h->link_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->hosts[h->peers[middle]].member < member)
			low = middle + 1;
		else
			high = middle;
	}
	return low < h->link_count && s->hosts[h->peers[low]].member == member ? h->links[low]
	                                                                       : SIZE_MAX;
}

/* ---- up and down ---------------------------------------------------------------------- */

bool
fabric_passes(const struct sim *s, size_t from, size_t to)
{
	const struct fabric_host *a = &s->fabric.hosts[from], *b = &s->fabric.hosts[to];

	return a->side == b->side && !a->mute;
}

/* TLS: only whom the epoch lists. */
static bool
knows(const struct host *h, const struct host *peer)
{
	return epoch_has(roster_current(h->roster), peer->member);
}

/* Do both kernels let the mesh port pass, and do both processes run? */
static bool
may_link(const struct sim *s, const struct link_ends *l)
{
	const struct host *a = &s->hosts[l->host[0]], *b = &s->hosts[l->host[1]];

	return a->core != NULL && b->core != NULL && a->kernel[b->member] != STRENGTH_SEVER &&
	       b->kernel[a->member] != STRENGTH_SEVER && a->lock != STRENGTH_SEVER &&
	       b->lock != STRENGTH_SEVER && knows(a, b) && knows(b, a);
}

static void
tell(struct sim *s, size_t link, unsigned side, bool up, uint64_t in_ms)
{
	const struct link_ends *l = &s->fabric.links[link];
	struct happening e = { .kind = up ? HAPPEN_LINK_UP : HAPPEN_LINK_DOWN,
		.to = l->host[side],
		.from = l->host[!side],
		.number = (uint32_t)link,
		.life = up ? l->life : s->hosts[l->host[side]].life };

	queue_add(&s->queue, s->now_ms + in_ms, &e);
}

void
fabric_break(struct sim *s, size_t link, uint64_t told_ms)
{
	struct link_ends *l = &s->fabric.links[link];

	if (!l->up)
		return;
	l->up = false;
	l->life++;
	for (unsigned side = 0; side < 2; side++)
		if (s->hosts[l->host[side]].core != NULL)
			tell(s, link, side, false, told_ms);
	l->retry_ms = RETRY_MIN_MS;
	schedule_retry(s, link, told_ms + 1 + prng_below(&s->fabric.prng, RETRY_MIN_MS));
}

void
fabric_move(struct sim *s, size_t link, size_t from, size_t to)
{
	struct link_ends *l = &s->fabric.links[link];
	unsigned side = l->host[1] == from;
	struct fabric_host *far = &s->fabric.hosts[l->host[!side]];

	fabric_break(s, link, 0);
	l->life++;
	l->host[side] = (uint16_t)to;
	far->peers[place_of(far, link)] = (uint16_t)to;
	detach(s, from, link);
	attach(s, to, link, l->host[!side]);
}

void
fabric_update(struct sim *s, size_t host, uint64_t told_ms)
{
	const struct fabric_host *h = &s->fabric.hosts[host];

	for (size_t i = 0; i < h->link_count; i++)
		if (s->fabric.links[h->links[i]].up && !may_link(s, &s->fabric.links[h->links[i]]))
			fabric_break(s, h->links[i], told_ms);
}

void
fabric_update_pair(struct sim *s, size_t host, size_t peer)
{
	size_t link = fabric_find(s, host, peer);

	if (link != SIZE_MAX && s->fabric.links[link].up && !may_link(s, &s->fabric.links[link]))
		fabric_break(s, link, 0);
}

/*
 * TLS, once, when a link is made: by the clock of who looks, neither the
 * enrolment that it knows of nor the certificate that the peer was given with
 * its own is over.  A link that stands outlives both.
 */
static bool
is_enrolled(const struct sim *s, const struct host *peer, const struct host *by)
{
	uint64_t now_ms = host_unix_ms(s, by);

	return now_ms <= roster_member(by->roster, peer->member)->not_after_ms &&
	       now_ms <= roster_member(peer->roster, peer->member)->not_after_ms;
}

static bool
may_greet(const struct sim *s, const struct link_ends *l)
{
	const struct host *a = &s->hosts[l->host[0]], *b = &s->hosts[l->host[1]];

	return may_link(s, l) && is_enrolled(s, a, b) && is_enrolled(s, b, a);
}

void
fabric_retry(struct sim *s, const struct happening *e)
{
	struct link_ends *l = &s->fabric.links[e->number];

	l->retrying = false;
	if (may_greet(s, l) && fabric_passes(s, l->host[0], l->host[1]) &&
	    fabric_passes(s, l->host[1], l->host[0])) {
		l->up = true;
		l->life++;
		l->blocked_ms = 0;
		l->latest_ms[0] = l->latest_ms[1] = 0;
		tell(s, e->number, 0, true, 0);
		tell(s, e->number, 1, true, 0);
		return;
	}
	l->retry_ms =
	    l->retry_ms * 2 < RETRY_MAX_MS ? l->retry_ms * 2 + RETRY_MIN_MS : RETRY_MAX_MS;
	schedule_retry(s, e->number, 1 + prng_below(&s->fabric.prng, l->retry_ms));
}

void
fabric_tick(struct sim *s)
{
	struct fabric *f = &s->fabric;

	if (!f->impaired)
		return;
	for (size_t i = 0; i < f->link_count; i++) {
		struct link_ends *l = &f->links[i];

		if (!l->up)
			continue;
		if (fabric_passes(s, l->host[0], l->host[1]) &&
		    fabric_passes(s, l->host[1], l->host[0]))
			l->blocked_ms = 0;
		else if (l->blocked_ms == 0)
			l->blocked_ms = s->now_ms;
		else if (s->now_ms - l->blocked_ms >= BLOCKED_MS)
			fabric_break(s, i, 0);
	}
}

/* ---- messages ---------------------------------------------------------------------------- */

static uint64_t
delay_of(struct sim *s, size_t from, size_t to)
{
	struct fabric *f = &s->fabric;
	uint32_t slow_ms = f->hosts[from].slow_ms + f->hosts[to].slow_ms;
	uint64_t delay_ms = f->delay_min_ms;

	if (f->delay_max_ms > f->delay_min_ms)
		delay_ms += prng_below(&f->prng, f->delay_max_ms - f->delay_min_ms + 1);
	if (f->tail_per_1000 > 0 && sim_chance(&f->prng, f->tail_per_1000))
		delay_ms += prng_below(&f->prng, f->tail_ms);
	if (slow_ms > 0)
		delay_ms += prng_below(&f->prng, slow_ms);
	return delay_ms;
}

static bool
is_lost(struct sim *s, size_t from, size_t to)
{
	struct fabric *f = &s->fabric;
	uint32_t lost =
	    f->lost_per_1000 + f->hosts[from].lost_per_1000 + f->hosts[to].lost_per_1000;

	return !fabric_passes(s, from, to) || (lost > 0 && sim_chance(&f->prng, lost));
}

void
fabric_send(struct sim *s, size_t from, size_t link, struct payload *payload)
{
	struct fabric *f = &s->fabric;
	struct link_ends *l = &f->links[link];
	unsigned side = l->host[1] == from;
	struct happening e = { .kind = HAPPEN_MESSAGE,
		.to = l->host[!side],
		.from = (uint16_t)from,
		.number = (uint32_t)link,
		.life = l->life };
	unsigned copies = 1;

	if (!l->up)
		return;
	s->counts.messages++;
	if (f->doubled_per_1000 > 0 && sim_chance(&f->prng, f->doubled_per_1000))
		copies = 2;
	for (; copies > 0; copies--) {
		uint64_t at_ms;

		if (is_lost(s, from, e.to))
			continue;
		at_ms = s->now_ms + delay_of(s, from, e.to);
		/* A stream keeps its order, unless it is not to. */
		if (f->reordered_per_1000 == 0 || !sim_chance(&f->prng, f->reordered_per_1000)) {
			if (at_ms < l->latest_ms[side])
				at_ms = l->latest_ms[side];
			l->latest_ms[side] = at_ms;
		}
		e.payload = payload_share(payload);
		queue_add(&s->queue, at_ms, &e);
	}
}

uint64_t
fabric_arrived_ms(const struct sim *s, size_t host)
{
	const struct fabric_host *h = &s->fabric.hosts[host];
	uint64_t latest_ms = s->now_ms;

	for (size_t i = 0; i < h->link_count; i++) {
		const struct link_ends *l = &s->fabric.links[h->links[i]];
		unsigned side = l->host[1] == host;

		if (l->up && l->latest_ms[side] > latest_ms)
			latest_ms = l->latest_ms[side];
	}
	return latest_ms;
}
