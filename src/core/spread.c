#include <stdlib.h>
#include "core/state.h"

static void
mark(struct relay *r, member_index m)
{
	if (m < r->members)
		r->heard[m / 8] |= (uint8_t)(1u << m % 8);
}

static bool
is_marked(const struct relay *r, member_index m)
{
	return m < r->members && (r->heard[m / 8] >> m % 8 & 1) != 0;
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
spread_accept(struct core *c, struct object *o, member_index from)
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
	if (timerq_set(c->timers, &r->wake.timer, c->now_ms + LIMIT_RELAY_DELAY_MS) != ERR_OK) {
		free(r);
		return;
	}
	relays->list[relays->count++] = r;
	if (from != MEMBER_NONE)
		mark(r, from);
	mark(r, o->author);
	/* What condemns it went to its subject already, on its own link. */
	if (o->kind == ENTRY_CERTIFICATE && o->level == LEVEL_QUARANTINE)
		mark(r, o->subject);
}

void
spread_heard(struct core *c, const struct object *o, member_index from)
{
	for (size_t i = 0; i < c->relays.count && from != MEMBER_NONE; i++)
		if (c->relays.list[i]->object == o)
			mark(c->relays.list[i], from);
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
	size_t at = 0;

	for (size_t i = 0; i < c->near.count; i++) {
		member_index peer = c->near.list[i];

		if (peer_of(c, peer)->link.up && !is_marked(r, peer))
			actions_send(&c->outbox, bytes, peer, MEMBER_NONE);
	}
	while (c->relays.list[at] != r)
		at++;
	remove_relay(c, at);
}
