#include "core/state.h"

/* The one that is held of its level and round, whatever its ballot. */
static struct object *
held(const struct core *c, member_index subject, enum level level, uint32_t round)
{
	const struct incident *in = &peer_of(c, subject)->incident;
	struct object *o = level == LEVEL_RELEASE ? in->release : in->certificate;

	return o != NULL && o->round == round ? o : NULL;
}

bool
rounds_is_known(const struct core *c, const struct entry *e)
{
	const struct certificate *cert = &e->certificate;
	member_index subject = roster_find_id(c->roster, &cert->subject);
	const struct object *o;

	if (subject == MEMBER_NONE || (o = held(c, subject, cert->level, cert->round)) == NULL)
		return false;
	return o->epoch < cert->epoch || (o->epoch == cert->epoch && o->window <= cert->window);
}

enum err
rounds_check_certificate(struct core *c, const struct entry *e, bool own)
{
	const struct certificate *cert = &e->certificate;
	member_index subject = roster_find_id(c->roster, &cert->subject);
	uint64_t decided = cert->round + (cert->level == LEVEL_RELEASE ? UINT64_C(1) : 0);
	size_t checked;
	enum err err;

	if (!roster_is_node(c->roster, subject) || rounds_is_gone(c, subject))
		return ERR_SUBJECT;
	if (decided < peer_of(c, subject)->incident.round || decided > UINT32_MAX)
		return ERR_ROUND;
	if (own)
		return ERR_OK;
	err = certificate_verify(c->crypto, c->roster, cert, &checked);
	c->checks += checked;
	return err;
}

/* Whatever was said, asked and held in rounds before this one is over. */
static void
begin_round(struct core *c, member_index subject, uint32_t round)
{
	struct incident *in = &peer_of(c, subject)->incident;

	ballots_end_round(c, subject);
	in->round = round;
	in->id_known = false;
	isolation_end_round(c, subject);
	selfreport_end_round(c, subject);
	prune_all(c);
}

/* Cut it, tell it, and close the mesh port when it can have heard. */
static void
quarantine(struct core *c, struct object *o)
{
	struct span bytes = { o->bytes, o->size_bytes };

	if (!c->started) {
		peer_of(c, o->subject)->isolation.severed = true;
		return;
	}
	if (o->subject == c->self) {
		isolation_update_lock(c);
		return;
	}
	isolation_update(c, o->subject);
	if (o->author != c->self)
		actions_send(&c->outbox, bytes, o->subject, MEMBER_NONE);
	isolation_sever_soon(c, o->subject);
}

static void
accept_quarantine(struct core *c, struct object *o, const struct certificate *cert)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	uint64_t age_ms = c->unix_ms > o->header.time_ms ? c->unix_ms - o->header.time_ms : 0;
	uint32_t votes = (uint32_t)(cert->signatures.size_bytes / sizeof(struct signature));
	struct object *before = in->certificate;

	in->certificate = o;
	if (before != NULL)
		prune_object(c, before);
	if (o->round > in->round)
		begin_round(c, o->subject, o->round);
	certificate_ballot_hash(c->crypto, c->roster, cert, &in->certificate_ballot);
	in->quorum = true;
	if (in->most_votes < votes)
		in->most_votes = votes;
	in->certified_until_ms =
	    c->now_ms + (age_ms < LIMIT_VOTE_BUDGET_MS ? LIMIT_VOTE_BUDGET_MS - age_ms : 0);
	quarantine(c, o);
}

static void
accept_release(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	struct object *before = in->release;

	in->release = o;
	if (before != NULL)
		prune_object(c, before);
	if (o->round < in->round) {
		prune_all(c);
		return;
	}
	begin_round(c, o->subject, o->round + 1);
	isolation_released(c, o->subject);
}

void
rounds_accept_certificate(struct core *c, struct object *o, const struct certificate *cert)
{
	switch (cert->level) {
	case LEVEL_QUARANTINE:
		accept_quarantine(c, o, cert);
		break;
	case LEVEL_RELEASE:
		accept_release(c, o);
		break;
	}
}

void
rounds_forget_certificate(struct core *c, const struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;

	if (in->certificate == o)
		in->certificate = NULL;
	if (in->release == o)
		in->release = NULL;
}

bool
rounds_is_ahead(const struct core *c, const struct entry *e)
{
	const struct node_id *id = &e->header.author;
	member_index subject;
	uint32_t round = 0;

	switch (e->kind) {
	case ENTRY_STATEMENT:
		id = &e->statement.subject;
		round = e->statement.round;
		break;
	case ENTRY_VERDICT:
		id = &e->verdict.subject;
		round = e->verdict.round;
		break;
	case ENTRY_SELF_REPORT:
		round = e->self_report.round;
		break;
	case ENTRY_RELEASE:
		id = &e->release.subject;
		round = e->release.round;
		break;
	case ENTRY_PROOF:
	case ENTRY_CERTIFICATE:
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
	subject = roster_find_id(c->roster, id);
	return subject != MEMBER_NONE && !rounds_is_gone(c, subject) &&
	       round > peer_of(c, subject)->incident.round;
}

bool
rounds_is_gone(const struct core *c, member_index subject)
{
	const struct epoch *current = current_epoch(c);
	const struct epoch *before = roster_epoch(c->roster, epoch_number(current) - 1);

	/* Nobody lets itself out by being struck off the list. */
	return subject != c->self && !epoch_has(current, subject) &&
	       (before == NULL || !epoch_has(before, subject));
}

void
rounds_forget(struct core *c, member_index subject)
{
	struct incident *in = &peer_of(c, subject)->incident;

	ballots_end_round(c, subject);
	in->round = 0;
	in->id_known = false;
	isolation_end_round(c, subject);
	selfreport_judge(c, subject);
	isolation_released(c, subject);
}

bool
rounds_is_final(const struct core *c, member_index subject)
{
	const struct incident *in = &peer_of(c, subject)->incident;

	return in->confession != NULL || in->proof != NULL;
}

void
rounds_made_final(struct core *c, member_index subject)
{
	ballots_drop_tallies(&peer_of(c, subject)->incident, LEVEL_RELEASE);
	prune_all(c);
}
