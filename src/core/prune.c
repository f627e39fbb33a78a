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

/* Entries that age count in the current epoch and the one before. */
static bool
is_out_of_date(const struct core *c, const struct object *o)
{
	return o->header.epoch + 1 < epoch_number(current_epoch(c));
}

static bool
has_no_place(const struct core *c, const struct object *o)
{
	const struct incident *in;

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

void
prune_all(struct core *c)
{
	size_t cursor = 0;
	void *value;

	/* The newest of an author may be indexed when its time is over: it is out already. */
	while (map_next(c->objects.by_hash, &cursor, NULL, &value)) {
		struct object *o = value;

		if ((!o->in_tree && o->fresh_until_ms <= c->now_ms) || !has_no_place(c, o))
			continue;
		prune_object(c, o);
		if (rounds_is_gone(c, o->subject))
			rounds_forget(c, o->subject);
	}
}
