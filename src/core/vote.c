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
vote_remember(struct core *c, const struct verdict *v, uint64_t age_ms)
{
	member_index subject = roster_find_id(c->roster, &v->subject);
	struct incident *in;

	if (subject == MEMBER_NONE || v->level != LEVEL_QUARANTINE ||
	    members_add(&c->incidents, subject) != ERR_OK)
		return;
	in = &peer_of(c, subject)->incident;
	if (in->voted_rounds <= v->round)
		in->voted_rounds = (uint64_t)v->round + 1;
	if (v->round == in->round && age_ms < LIMIT_RELAYED_MS &&
	    in->open_until_ms < c->now_ms + LIMIT_RELAYED_MS - age_ms)
		in->open_until_ms = c->now_ms + LIMIT_RELAYED_MS - age_ms;
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

/* What tells apart drafts of verdicts on one subject. */
static uint64_t
detail_of(enum level level, uint64_t window)
{
	return window << 2 | (uint64_t)level;
}

static bool
is_detail_of(uint64_t detail, enum level level)
{
	return (detail & 3) == (uint64_t)level;
}

/*
 * 4.3, blast radius: our open or lately certified ballots, this one included,
 * weigh at most a sixth of the base weight, or one member.
 */
static bool
is_affordable(const struct core *c, member_index subject)
{
	const struct epoch *epoch = current_epoch(c);
	uint64_t budget = epoch_parameters(epoch)->vote_budget;
	uint64_t base = epoch_weight(epoch), weight = 0;

	for (size_t i = 0; i < c->incidents.count; i++) {
		member_index other = c->incidents.list[i];
		const struct incident *in = &peer_of(c, other)->incident;
		bool counts = ballots_has_voted(in) &&
		              (in->certificate != NULL ? in->certified_until_ms > c->now_ms
		                                       : in->open_until_ms > c->now_ms);

		if (other != subject && counts)
			weight += epoch_weight_of(epoch, other);
	}
	for (size_t i = 0; i < c->drafts.count; i++) {
		const struct draft *d = &c->drafts.list[i];

		if (d->kind == ENTRY_VERDICT && d->subject != subject &&
		    !is_detail_of(d->detail, LEVEL_RELEASE))
			weight += epoch_weight_of(epoch, d->subject);
	}
	if (weight == 0)
		return true;
	weight += epoch_weight_of(epoch, subject);
	return weight * 6 <= base || weight * 1000 <= base * budget;
}

static bool
has_voted(const struct core *c, member_index subject, enum level level, uint64_t window)
{
	const struct incident *in = &peer_of(c, subject)->incident;

	if (drafts_pending(c, ENTRY_VERDICT, subject, detail_of(level, window)))
		return true;
	for (size_t i = 0; i < in->tally_count; i++)
		if (in->tallies[i].level == level &&
		    in->tallies[i].epoch == epoch_number(current_epoch(c)) &&
		    in->tallies[i].window == window)
			return tally_has(in->tallies[i].tally, c->roster, c->self);
	return false;
}

/* The budget is for accusing; readmitting costs nothing. */
static bool
may_vote(struct core *c, member_index subject, enum level level)
{
	struct incident *in = &peer_of(c, subject)->incident;
	struct core_action *a;

	if (level == LEVEL_RELEASE)
		return true;
	if (is_affordable(c, subject)) {
		in->withheld = false;
		return true;
	}
	if (!in->withheld) {
		a = actions_notice(&c->outbox, NOTICE_BLAST_RADIUS, subject);
		a->incident = ballots_incident_id(c, subject);
		a->notice.error = ERR_BUDGET;
	}
	in->withheld = true;
	return false;
}

static void
vote_in(struct core *c, member_index subject, enum level level, uint64_t window)
{
	struct entry e = { .kind = ENTRY_VERDICT };

	if (has_voted(c, subject, level, window) || !may_vote(c, subject, level))
		return;
	e.verdict.level = level;
	e.verdict.subject = member_of(c, subject)->id;
	e.verdict.round = peer_of(c, subject)->incident.round;
	e.verdict.window = window;
	(void)drafts_ask(c, &e, subject, detail_of(level, window));
}

/* 4.2: its own window and any adjacent one that a valid verdict names. */
static void
vote(struct core *c, member_index subject, enum level level)
{
	const struct incident *in = &peer_of(c, subject)->incident;
	uint64_t window = ballot_window(c->unix_ms);

	/* Nobody could prove a certificate on who is in no list. */
	if (!epoch_has(current_epoch(c), subject))
		return;
	vote_in(c, subject, level, window);
	for (size_t i = 0; i < in->tally_count; i++)
		if (in->tallies[i].level == level && in->tallies[i].window != window &&
		    ballots_are_near(in->tallies[i].window, window) &&
		    in->tallies[i].until_ms > c->now_ms)
			vote_in(c, subject, level, in->tallies[i].window);
}

/* 4.3: first-hand, or on the statements of k independent witnesses. */
static bool
has_grounds(const struct core *c, member_index subject)
{
	return saw_it(c, &peer_of(c, subject)->incident) ||
	       ballots_witnesses(c, subject) >= epoch_k(current_epoch(c), c->config.corroboration);
}

/*
 * A request lifts what it names: who has grounds that no certificate stands
 * for yet lets them run out first.
 */
static bool
may_release(const struct core *c, member_index subject)
{
	const struct incident *in = &peer_of(c, subject)->incident;

	if (in->certificate == NULL &&
	    (in->quorum || has_grounds(c, subject) || own_statement(c, in) != NULL))
		return false;
	return !rounds_is_final(c, subject) && release_is_covered(c, subject);
}

/* Some tally of this level is a quorum. */
static bool
find_quorum(const struct core *c, member_index subject, enum level level, struct certificate *out)
{
	const struct incident *in = &peer_of(c, subject)->incident;

	for (size_t i = 0; i < in->tally_count; i++)
		if (in->tallies[i].level == level && ballots_is_counted(c, &in->tallies[i]) &&
		    tally_certificate(in->tallies[i].tally, c->roster, out) == ERR_OK)
			return true;
	return false;
}

static void
pursue_certificate(struct core *c, member_index subject, enum level level)
{
	struct incident *in = &peer_of(c, subject)->incident;
	struct entry e = { .kind = ENTRY_CERTIFICATE };

	if (!find_quorum(c, subject, level, &e.certificate))
		return;
	/* Cut at once; the certificate is written down and follows.  A release waits for it. */
	if (level == LEVEL_QUARANTINE) {
		in->quorum = true;
		isolation_update(c, subject);
	}
	if (may_sign(c) && !drafts_pending(c, ENTRY_CERTIFICATE, subject, level))
		(void)drafts_ask(c, &e, subject, level);
}

void
vote_pursue(struct core *c, member_index subject)
{
	struct incident *in = &peer_of(c, subject)->incident;
	bool may_vote;

	if (subject == c->self || in->proof != NULL)
		return;
	if (in->certificate == NULL)
		pursue_certificate(c, subject, LEVEL_QUARANTINE);
	pursue_certificate(c, subject, LEVEL_RELEASE);
	may_vote = may_sign(c) && epoch_ordinal(current_epoch(c), c->self) != -1;
	if (may_vote && !in->quorum) {
		pursue_statement(c, subject);
		if (has_grounds(c, subject))
			vote(c, subject, LEVEL_QUARANTINE);
	}
	if (may_vote && may_release(c, subject))
		vote(c, subject, LEVEL_RELEASE);
}

void
vote_pursue_all(struct core *c)
{
	for (size_t i = 0; i < c->incidents.count; i++) {
		member_index subject = c->incidents.list[i];
		const struct incident *in = &peer_of(c, subject)->incident;

		if (in->witness != NULL || in->statements != NULL || in->tally_count > 0 ||
		    in->requests != NULL)
			vote_pursue(c, subject);
	}
}
