#include "core/state.h"

/* What the subject is held for, the gravest first; NULL: no L2 object. */
static struct object *
cause_of(const struct core *c, member_index subject)
{
	const struct incident *in = &peer_of(c, subject)->incident;
	const struct precaution *p = precaution_standing(&c->precautions, subject);

	if (in->proof != NULL)
		return in->proof;
	if (in->confession != NULL)
		return in->confession;
	if (in->certificate != NULL)
		return in->certificate;
	return p == NULL ? NULL : objects_by_hash(&c->objects, &p->hash);
}

void
receipts_enforced(struct core *c, member_index subject, uint64_t held_us)
{
	struct object *o;

	/* A full queue costs a figure, nothing else. */
	if (subject >= c->member_count || subject == c->self ||
	    c->receipts.count == LIMIT_PENDING_RECEIPTS || (o = cause_of(c, subject)) == NULL ||
	    o->receipted)
		return;
	o->receipted = true;
	c->receipts.list[c->receipts.count++] = (struct receipt){
		.subject = member_of(c, subject)->id,
		.round = o->round,
		.object = o->hash,
		.held_us = held_us,
	};
}

/* Tells drafts apart. */
static uint64_t
detail_of(const struct receipt *r)
{
	uint64_t detail = 0;

	for (size_t i = 0; i < 8; i++)
		detail = detail << 8 | r->object.bytes[i];
	return detail;
}

void
receipts_pursue(struct core *c)
{
	struct entry e = { .kind = ENTRY_RECEIPT };

	if (!may_sign(c))
		return;
	for (size_t i = 0; i < c->receipts.count; i++) {
		e.receipt = c->receipts.list[i];
		if (!drafts_pending(c, ENTRY_RECEIPT, c->self, detail_of(&e.receipt)))
			(void)drafts_ask(c, &e, c->self, detail_of(&e.receipt));
	}
}

void
receipts_accept(struct core *c, const struct receipt *r, struct span envelope)
{
	for (size_t i = c->receipts.count; i > 0; i--)
		if (hash_equal(&c->receipts.list[i - 1].object, &r->object))
			c->receipts.list[i - 1] = c->receipts.list[--c->receipts.count];
	actions_add(&c->outbox, CORE_DO_PUBLISH)->publish.bytes = envelope;
}
