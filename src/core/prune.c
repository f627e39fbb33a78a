#include "core/state.h"

void
prune_object(struct core *c, struct object *o)
{
	switch (o->kind) {
	case ENTRY_STATEMENT:
		ballots_forget_statement(c, o);
		break;
	case ENTRY_SELF_REPORT:
		selfreport_forget(c, o);
		break;
	case ENTRY_CERTIFICATE:
		rounds_forget_certificate(c, o);
		break;
	case ENTRY_RELEASE:
		release_forget(c, o);
		break;
	case ENTRY_VERDICT:
	case ENTRY_PROOF:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	timerq_cancel(c->timers, &o->expiry.timer);
	spread_forget(c, o);
	objects_forget(&c->objects, o);
}

bool
prune_is_out_of_date(const struct core *c, const struct entry_header *h, member_index author)
{
	return h->epoch + 1 < epoch_number(current_epoch(c)) ||
	       h->incarnation != member_of(c, author)->incarnation;
}

static bool
is_out_of_date(const struct core *c, const struct object *o)
{
	return prune_is_out_of_date(c, &o->header, o->author);
}

static bool
has_no_place(const struct core *c, const struct object *o)
{
	const struct incident *in;

	if (o->kind == ENTRY_INDICATOR)
		return is_out_of_date(c, o);
	if (o->subject == MEMBER_NONE)
		return false;
	in = &peer_of(c, o->subject)->incident;
	switch (o->kind) {
	case ENTRY_STATEMENT:
		return o->round < in->round || is_out_of_date(c, o) ||
		       rounds_is_gone(c, o->subject);
	case ENTRY_VERDICT:
		return o->round < in->round || is_out_of_date(c, o) ||
		       rounds_is_gone(c, o->subject) ||
		       (o->level == LEVEL_RELEASE && rounds_is_final(c, o->subject));
	case ENTRY_RELEASE:
		return o->round < in->round || rounds_is_final(c, o->subject) ||
		       rounds_is_gone(c, o->subject);
	case ENTRY_CERTIFICATE:
		return (o->level == LEVEL_QUARANTINE && o->round < in->round) ||
		       rounds_is_gone(c, o->subject);
	case ENTRY_SELF_REPORT:
		return selfreport_is_spent(c, o);
	case ENTRY_PROOF:
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return false;
}

static void
prune_those(struct core *c, bool (*leaves)(const struct core *, const struct object *))
{
	size_t cursor = 0;
	void *value;

	/* The newest of an author may be indexed when its time is over: it is out already. */
	while (map_next(c->objects.by_hash, &cursor, NULL, &value)) {
		struct object *o = value;

		if ((!o->in_tree && o->fresh_until_ms <= c->now_ms) || !leaves(c, o))
			continue;
		prune_object(c, o);
		if (o->subject != MEMBER_NONE && rounds_is_gone(c, o->subject))
			rounds_forget(c, o->subject);
	}
}

void
prune_all(struct core *c)
{
	prune_those(c, has_no_place);
}

/* Who has not heard it yet would refuse it now. */
static bool
is_misdirected(const struct core *c, const struct object *o)
{
	struct envelope envelope;
	struct entry e;

	if ((o->kind != ENTRY_STATEMENT && o->kind != ENTRY_INDICATOR) ||
	    envelope_parse(o->bytes, o->size_bytes, &envelope) != ERR_OK ||
	    entry_decode(envelope.body, &e) != ERR_OK)
		return false;
	return o->kind == ENTRY_STATEMENT
	           ? !ballots_is_between(c, &e.statement, o->subject, o->author)
	           : roster_has_address(c->roster, &e.indicator.address);
}

void
prune_roster_changed(struct core *c)
{
	prune_those(c, is_misdirected);
	prune_all(c);
}
