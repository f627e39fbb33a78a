#include <stdlib.h>
#include "core/state.h"

static bool
saw_it(const struct core *c, const struct incident *in)
{
	return in->witness != NULL && in->witness->until_ms > c->now_ms;
}

void
vote_witness(struct core *c, member_index subject, const struct statement *statement)
{
	struct incident *in = &peer_of(c, subject)->incident;

	if (members_add(&c->incidents, subject) != ERR_OK)
		return;
	if (in->witness == NULL && (in->witness = malloc(sizeof(*in->witness))) == NULL)
		return;
	in->witness->statement = *statement;
	in->witness->until_ms = c->now_ms + LIMIT_GROUNDS_MS;
}

void
vote_remember(struct core *c, const struct verdict *v)
{
	member_index subject = roster_find_id(c->roster, &v->subject);

	if (subject != MEMBER_NONE && v->level == LEVEL_QUARANTINE &&
	    v->round == peer_of(c, subject)->incident.round &&
	    members_add(&c->incidents, subject) == ERR_OK)
		peer_of(c, subject)->incident.voted = true;
}

/* Our newest statement against it that is fresh. */
static const struct object *
own_statement(const struct core *c, const struct incident *in)
{
	const struct object *newest = NULL;

	for (const struct object *o = in->statements; o != NULL; o = o->next)
		if (o->author == c->self && o->fresh_until_ms > c->now_ms &&
		    (newest == NULL || o->fresh_until_ms > newest->fresh_until_ms))
			newest = o;
	return newest;
}

/* One statement tells it; a new touch is told anew when half of its time is over. */
static void
pursue_statement(struct core *c, member_index subject)
{
	const struct incident *in = &peer_of(c, subject)->incident;
	struct entry e = { .kind = ENTRY_STATEMENT };
	const struct object *told = own_statement(c, in);

	if (!saw_it(c, in) || drafts_pending(c, ENTRY_STATEMENT, subject, 0))
		return;
	if (told != NULL && (told->fresh_until_ms >= in->witness->until_ms ||
	                        told->fresh_until_ms > c->now_ms + LIMIT_GROUNDS_MS / 2))
		return;
	/* Peers refuse what did not arrive at an address that is enrolled as ours. */
	if (!ballots_has_address(
	        member_of(c, c->self), &in->witness->statement.destination.address))
		return;
	e.statement = in->witness->statement;
	e.statement.round = in->round;
	(void)drafts_ask(c, &e, subject, 0);
}

/*
 * 4.3, blast radius: our open or lately certified ballots, this one included,
 * weigh at most a sixth of the base weight, or one member.
 */
static bool
is_affordable(const struct core *c, member_index subject)
{
	uint64_t budget = roster_parameters(c->roster)->vote_budget;
	uint64_t base = roster_weight(c->roster), weight = 0;

	for (size_t i = 0; i < c->incidents.count; i++) {
		member_index other = c->incidents.list[i];
		const struct incident *in = &peer_of(c, other)->incident;
		bool counts =
		    in->voted && (in->certificate != NULL ? in->certified_until_ms > c->now_ms
		                                          : in->open_until_ms > c->now_ms);

		if (other != subject && counts)
			weight += member_of(c, other)->weight;
	}
	for (size_t i = 0; i < c->drafts.count; i++) {
		const struct draft *d = &c->drafts.list[i];

		if (d->kind == ENTRY_VERDICT && d->subject != subject)
			weight += member_of(c, d->subject)->weight;
	}
	if (weight == 0)
		return true;
	weight += member_of(c, subject)->weight;
	return weight * 6 <= base || weight * 1000 <= base * budget;
}

static bool
has_voted(const struct core *c, const struct incident *in, member_index subject, uint64_t window)
{
	if (drafts_pending(c, ENTRY_VERDICT, subject, window))
		return true;
	for (size_t i = 0; i < in->tally_count; i++)
		if (in->tallies[i].window == window)
			return tally_has(in->tallies[i].tally, c->self);
	return false;
}

static void
vote(struct core *c, member_index subject, uint64_t window)
{
	struct incident *in = &peer_of(c, subject)->incident;
	struct entry e = { .kind = ENTRY_VERDICT };
	struct core_action *a;

	if (has_voted(c, in, subject, window))
		return;
	if (!is_affordable(c, subject)) {
		if (!in->withheld) {
			a = actions_notice(&c->outbox, NOTICE_BLAST_RADIUS, subject);
			a->incident = ballots_incident_id(c, subject);
			a->notice.error = ERR_BUDGET;
		}
		in->withheld = true;
		return;
	}
	in->withheld = false;
	e.verdict.level = LEVEL_QUARANTINE;
	e.verdict.subject = member_of(c, subject)->id;
	e.verdict.round = in->round;
	e.verdict.window = window;
	(void)drafts_ask(c, &e, subject, window);
}

/*
 * 4.3: first-hand, or on the statements of k independent witnesses; its own
 * window and any adjacent one that a valid verdict names.
 */
static void
pursue_verdict(struct core *c, member_index subject)
{
	const struct incident *in = &peer_of(c, subject)->incident;
	uint64_t window = ballot_window(c->unix_ms);

	if (!saw_it(c, in) &&
	    ballots_witnesses(c, subject) < roster_k(c->roster, c->config.corroboration))
		return;
	vote(c, subject, window);
	for (size_t i = 0; i < in->tally_count; i++)
		if (in->tallies[i].window != window &&
		    ballots_are_near(in->tallies[i].window, window) &&
		    in->tallies[i].until_ms > c->now_ms)
			vote(c, subject, in->tallies[i].window);
}

static void
pursue_certificate(struct core *c, member_index subject)
{
	struct incident *in = &peer_of(c, subject)->incident;
	struct entry e = { .kind = ENTRY_CERTIFICATE };

	for (size_t i = 0; i < in->tally_count; i++) {
		if (tally_certificate(in->tallies[i].tally, &e.certificate) != ERR_OK)
			continue;
		/* Cut at once; the certificate is written down and follows. */
		in->quorum = true;
		isolation_update(c, subject);
		if (may_sign(c) && !drafts_pending(c, ENTRY_CERTIFICATE, subject, 0))
			(void)drafts_ask(c, &e, subject, 0);
		return;
	}
}

void
vote_pursue(struct core *c, member_index subject)
{
	struct incident *in = &peer_of(c, subject)->incident;

	if (subject == c->self || in->certificate != NULL || in->proof != NULL)
		return;
	pursue_certificate(c, subject);
	if (in->quorum || !may_sign(c) || roster_head_ordinal(c->roster, c->self) == -1)
		return;
	pursue_statement(c, subject);
	pursue_verdict(c, subject);
}

void
vote_pursue_all(struct core *c)
{
	for (size_t i = 0; i < c->incidents.count; i++) {
		member_index subject = c->incidents.list[i];
		const struct incident *in = &peer_of(c, subject)->incident;

		if (in->witness != NULL || in->statements != NULL || in->tally_count > 0)
			vote_pursue(c, subject);
	}
}
