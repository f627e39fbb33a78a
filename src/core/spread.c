#include <stdlib.h>
#include "core/state.h"

static bool
is_marked(const struct relay *r, member_index m)
{
	return m < r->members && (r->heard[m / 8] >> m % 8 & 1) != 0;
}

static void
mark(struct relay *r, member_index m)
{
	if (m < r->members)
		r->heard[m / 8] |= (uint8_t)(1u << m % 8);
}

/* Who passed it on has told all others; who offered it in a sync told us alone. */
static void
mark_relayed(struct relay *r, member_index from, bool synced)
{
	if (from == MEMBER_NONE || is_marked(r, from))
		return;
	mark(r, from);
	r->relayed += !synced && from != r->object->author;
}

/* "In turns of f + 1, in the order of the roster from its author on." */
static uint64_t
turn_ms(const struct core *c, const struct object *o)
{
	size_t behind = (c->member_count + c->self - o->author - 1) % c->member_count;

	return LIMIT_RELAY_DELAY_MS +
	       behind / (epoch_f(current_epoch(c)) + 1) * (uint64_t)LIMIT_RELAY_TURN_MS;
}

static void
remove_relay(struct core *c, size_t i)
{
	struct relays *relays = &c->relays;

	timerq_cancel(c->timers, &relays->list[i]->wake.timer);
	free(relays->list[i]);
	relays->list[i] = relays->list[--relays->count];
}

void
spread_free(struct core *c)
{
	for (size_t i = 0; i < c->relays.count; i++)
		free(c->relays.list[i]);
}

/* Once everybody who has it also passed it on, twenty copies of it arrived. */
static void
pass_along(struct core *c, const struct object *o, member_index from)
{
	actions_send(&c->outbox, (struct span){ o->bytes, o->size_bytes }, MEMBER_NONE, from);
}

void
spread_accept(struct core *c, struct object *o, member_index from, bool synced)
{
	struct relays *relays = &c->relays;
	struct relay *r;

	if (!is_full_mesh(c)) {
		pass_along(c, o, from);
		return;
	}
	/* Its author told everybody; but for what is urgent nobody is relied upon alone. */
	if (!entry_is_urgent(o->kind))
		return;
	/* Without room or memory anti-entropy carries it. */
	if (relays->count == LIMIT_PENDING_RELAYS ||
	    (r = calloc(1, sizeof(*r) + (c->member_count + 7) / 8)) == NULL)
		return;
	r->wake.kind = WAKE_RELAY;
	r->object = o;
	r->members = c->member_count;
	if (timerq_set(c->timers, &r->wake.timer, c->now_ms + turn_ms(c, o)) != ERR_OK) {
		free(r);
		return;
	}
	relays->list[relays->count++] = r;
	mark_relayed(r, from, synced);
	mark(r, o->author);
	/* What condemns it went to its subject already, on its own link. */
	if (o->kind == ENTRY_CERTIFICATE && o->level == LEVEL_QUARANTINE)
		mark(r, o->subject);
}

void
spread_heard(struct core *c, const struct object *o, member_index from, bool synced)
{
	for (size_t i = 0; i < c->relays.count; i++)
		if (c->relays.list[i]->object == o)
			mark_relayed(c->relays.list[i], from, synced);
}

void
spread_forget(struct core *c, const struct object *o)
{
	for (size_t i = c->relays.count; i > 0; i--)
		if (c->relays.list[i - 1]->object == o)
			remove_relay(c, i - 1);
}

void
spread_relay(struct core *c, struct relay *r)
{
	struct span bytes = { r->object->bytes, r->object->size_bytes };
	/* Of f + 1 one at least is honest, and has told everybody. */
	bool told = r->relayed > epoch_f(current_epoch(c));
	size_t at = 0;

	for (size_t i = 0; i < c->near.count && !told; i++) {
		member_index peer = c->near.list[i];

		if (peer_of(c, peer)->link.up && !is_marked(r, peer))
			actions_send(&c->outbox, bytes, peer, MEMBER_NONE);
	}
	while (c->relays.list[at] != r)
		at++;
	remove_relay(c, at);
}
