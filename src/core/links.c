#include <stdlib.h>
#include "core/state.h"

/* ---- the neighbour table ------------------------------------------------------- */

void
links_free(struct core *c)
{
	size_t cursor = 0;
	void *value;

	while (c->neighbours.by_address != NULL &&
	       map_next(c->neighbours.by_address, &cursor, NULL, &value))
		free(value);
	map_free(c->neighbours.by_address);
}

static bool
is_unknown(const struct mac *mac)
{
	uint8_t any = 0;

	for (size_t i = 0; i < sizeof(mac->bytes); i++)
		any |= mac->bytes[i];
	return any == 0;
}

struct mac
links_mac_of(const struct core *c, const struct address *address)
{
	const struct neighbour *n = map_get(c->neighbours.by_address, address);

	return n == NULL ? (struct mac){ 0 } : n->mac;
}

void
links_neighbour(struct core *c, const struct address *address, const struct mac *mac)
{
	struct map *map = c->neighbours.by_address;
	struct neighbour *n = map_get(map, address);

	if (is_unknown(mac)) {
		free(map_remove(map, address));
		return;
	}
	if (n == NULL) {
		if (map_count(map) >= LIMIT_NEIGHBOURS || (n = malloc(sizeof(*n))) == NULL)
			return;
		n->address = *address;
		if (map_put(map, address, n) != ERR_OK) {
			free(n);
			return;
		}
	}
	n->mac = *mac;
	/* The first that is heard of the far end of a link that is up. */
	for (size_t i = 0; i < c->near.count; i++) {
		member_index peer = c->near.list[i];
		const struct link *link = &peer_of(c, peer)->link;

		if (link->up && is_unknown(&c->link_macs[peer]) &&
		    address_equal(&link->address, address))
			c->link_macs[peer] = *mac;
	}
}

/* ---- liveness ------------------------------------------------------------------- */

uint32_t
links_period_ms(const struct core *c)
{
	return is_full_mesh(c) ? LIMIT_PING_MS : LIMIT_PING_LARGE_MS;
}

static void
live(struct core *c, member_index peer, enum liveness_input input)
{
	struct liveness_event event = {
		.now_ms = c->now_ms,
		.input = input,
		.period_ms = links_period_ms(c),
		.health = c->health,
	};
	struct liveness *l = &peer_of(c, peer)->liveness;

	if (!liveness_step(l, &event))
		return;
	switch (l->state) {
	case LIVENESS_ALIVE:
		(void)actions_notice(&c->outbox, NOTICE_PEER_ALIVE, peer);
		break;
	case LIVENESS_SUSPECT:
		(void)actions_notice(&c->outbox, NOTICE_PEER_SUSPECT, peer);
		break;
	case LIVENESS_DEAD:
		(void)actions_notice(&c->outbox, NOTICE_PEER_DEAD, peer);
		break;
	}
}

/* Without memory the next message of this peer tries again. */
static void
draw_near(struct core *c, member_index peer)
{
	if (members_add(&c->near, peer) != ERR_OK)
		return;
}

void
links_heard(struct core *c, member_index peer)
{
	draw_near(c, peer);
	live(c, peer, LIVENESS_HEARD);
}

/* ---- hello, ping ------------------------------------------------------------------ */

static struct feed_head
head_of(const struct core *c, member_index author)
{
	const struct object *newest = objects_newest(&c->objects, author);
	struct feed_head head = { 0 };

	if (author == c->self) {
		if (c->own_sequence == 0)
			return head;
		head.sequence = c->own_sequence;
		head.hash = c->own_hash;
	} else {
		if (newest == NULL)
			return head;
		head.sequence = newest->header.sequence;
		head.hash = newest->hash;
	}
	head.author = member_of(c, author)->id;
	head.incarnation =
	    author == c->self ? member_of(c, author)->incarnation : newest->header.incarnation;
	return head;
}

static void
send_hello(struct core *c, member_index peer)
{
	struct entry e = { .kind = ENTRY_HELLO };

	e.header.mesh = *roster_mesh(c->roster);
	e.hello.incarnation = member_of(c, c->self)->incarnation;
	e.hello.yours = head_of(c, peer);
	e.hello.mine = head_of(c, c->self);
	e.hello.root = objects_root(&c->objects);
	e.hello.roster_bytes = records_held(c);
	(void)actions_send_link_message(&c->outbox, &e, peer);
}

void
links_up(struct core *c, member_index peer, const struct address *address)
{
	struct link *link = &peer_of(c, peer)->link;

	/* A new link to an old peer has no new budget. */
	*link = (struct link){
		.up = true,
		.address = *address,
		.checks = link->checks,
		.refusals = link->refusals,
		.records_after_ms = link->records_after_ms,
	};
	c->link_macs[peer] = links_mac_of(c, address);
	draw_near(c, peer);
	live(c, peer, LIVENESS_LINKED);
	if (c->started)
		send_hello(c, peer);
}

void
links_refuse(struct core *c, member_index peer)
{
	struct core_action *a = actions_add(&c->outbox, CORE_DO_CLOSE);

	a->close.peer = peer;
	a->close.error = ERR_AUTHOR;
}

void
links_greet_all(struct core *c)
{
	for (size_t i = 0; i < c->near.count; i++)
		if (peer_of(c, c->near.list[i])->link.up)
			send_hello(c, c->near.list[i]);
}

void
links_down(struct core *c, member_index peer)
{
	peer_of(c, peer)->link.up = false;
	live(c, peer, LIVENESS_UNLINKED);
	records_unlinked(c, peer);
	sync_evaluate(c);
}

void
links_hello(struct core *c, member_index from, const struct hello *hello)
{
	struct feed_head mine = hello->mine;

	mine.author = member_of(c, from)->id; /* zeros when its feed is empty */
	sync_claim(c, from, &hello->yours);
	sync_serve_head(c, from, &mine);
	sync_root(c, from, hello->root);
	records_told(c, from, hello->roster_bytes);
}

/* Our own, the recipient's as we hold it, then others in turn. */
static void
send_ping(struct core *c, member_index to, uint32_t nonce, bool answer)
{
	struct entry e = { .kind = ENTRY_PING };
	struct ping *p = &e.ping;
	const struct members *authors = &c->objects.authors;
	member_index start = (member_index)(c->ticks * (LIMIT_PING_HEADS - 2) % c->member_count);
	size_t first = members_from(authors, start);

	e.header.mesh = *roster_mesh(c->roster);
	p->nonce = nonce;
	p->answer = answer;
	p->time_ms = c->unix_ms;
	p->root = objects_root(&c->objects);
	p->roster_bytes = records_held(c);
	p->heads[0] = head_of(c, c->self);
	p->head_count = p->heads[0].sequence != 0;
	p->heads[p->head_count] = head_of(c, to);
	p->head_count += p->heads[p->head_count].sequence != 0;
	for (size_t i = 0; i < authors->count && p->head_count < LIMIT_PING_HEADS; i++) {
		member_index other = authors->list[(first + i) % authors->count];

		if (other == c->self || other == to)
			continue;
		p->heads[p->head_count] = head_of(c, other);
		p->head_count += p->heads[p->head_count].sequence != 0;
	}
	(void)actions_send_link_message(&c->outbox, &e, to);
}

void
links_announce(struct core *c, member_index to)
{
	if (peer_of(c, to)->link.up)
		send_ping(c, to, 0, true);
}

void
links_ping(struct core *c, member_index from, const struct ping *ping)
{
	struct link *link = &peer_of(c, from)->link;
	struct feed_head theirs = { .author = member_of(c, from)->id };

	link->clock_known = true;
	link->clock_offset_ms = (int64_t)(ping->time_ms - c->unix_ms);
	for (size_t i = 0; i < ping->head_count; i++) {
		const struct feed_head *head = &ping->heads[i];

		if (node_id_equal(&head->author, &member_of(c, c->self)->id))
			sync_claim(c, from, head);
		else if (node_id_equal(&head->author, &theirs.author))
			theirs = *head;
		else
			sync_serve_head(c, from, head);
	}
	sync_serve_head(c, from, &theirs);
	sync_root(c, from, ping->root);
	records_told(c, from, ping->roster_bytes);
	if (!ping->answer)
		link->nonce = ping->nonce;
}

/* ---- the tick --------------------------------------------------------------------- */

/* More than half of the clocks we know lie on one side: so does their median. */
static void
check_clock(struct core *c)
{
	size_t known = 0, ahead = 0, behind = 0;
	struct core_action *a;
	bool off;

	for (size_t i = 0; i < c->near.count; i++) {
		const struct link *link = &peer_of(c, c->near.list[i])->link;

		if (!link->up || !link->clock_known)
			continue;
		known++;
		ahead += link->clock_offset_ms > LIMIT_CLOCK_SKEW_MS;
		behind += link->clock_offset_ms < -LIMIT_CLOCK_SKEW_MS;
	}
	/* Fewer than f + 1 could all be lying. */
	off = known > epoch_f(current_epoch(c)) && (2 * ahead > known || 2 * behind > known);
	if (off == c->clock_off)
		return;
	c->clock_off = off;
	a = actions_notice(&c->outbox, NOTICE_CLOCK, c->self);
	a->notice.error = off ? ERR_STALE : ERR_OK;
	if (!off)
		vote_pursue_all(c);
}

void
links_set_tick(struct core *c)
{
	uint32_t period_ms = links_period_ms(c);

	c->tick_due_ms = c->now_ms + period_ms - c->unix_ms % period_ms;
	/* Its place in the queue was taken in core_new(), so this cannot fail. */
	wake_try(c->timers, &c->tick, c->tick_due_ms);
}

/* Nothing is awaited from them until their links come up again. */
static void
forget_the_dead(struct core *c)
{
	for (size_t i = c->near.count; i > 0; i--) {
		const struct peer *p = peer_of(c, c->near.list[i - 1]);

		if (!p->link.up && p->liveness.state == LIVENESS_DEAD)
			members_remove_at(&c->near, i - 1);
	}
}

void
links_tick(struct core *c)
{
	uint32_t nonce = (uint32_t)prng_next(&c->prng);

	c->health = liveness_health(c->health, c->now_ms - c->tick_due_ms, links_period_ms(c));
	c->ticks++;
	for (size_t i = 0; i < c->near.count; i++) {
		member_index peer = c->near.list[i];

		live(c, peer, LIVENESS_TICK);
		if (!peer_of(c, peer)->link.up)
			continue;
		/*
		 * One end of a link pings: the smaller id.  The other answers with its
		 * own tick, so that nobody wakes once for each of its links.
		 */
		if (node_id_compare(&member_of(c, c->self)->id, &member_of(c, peer)->id) < 0)
			send_ping(c, peer, nonce, false);
		else
			send_ping(c, peer, peer_of(c, peer)->link.nonce, true);
	}
	forget_the_dead(c);
	check_clock(c);
	sync_tick(c);
	links_set_tick(c);
}
