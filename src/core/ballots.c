#include <stdlib.h>
#include <string.h>
#include "core/state.h"

void
ballots_free(struct incident *in)
{
	for (size_t i = 0; i < in->tally_count; i++)
		tally_free(in->tallies[i].tally);
	free(in->witness);
	free(in->reports);
}

struct incident_id
ballots_incident_id(const struct core *c, member_index subject)
{
	struct incident *in = &peer_of(c, subject)->incident;

	if (!in->id_known)
		in->id = incident_of(c->crypto, &member_of(c, subject)->id, in->round);
	in->id_known = true;
	return in->id;
}

/* ---- checks ------------------------------------------------------------------- */

static bool
has_address(const struct member *m, const struct address *a)
{
	for (size_t i = 0; i < m->address_count; i++)
		if (address_equal(&m->addresses[i], a))
			return true;
	return false;
}

/* Another member, and its current round. */
static enum err
check_subject(const struct core *c, const struct node_id *id, uint32_t round, member_index *out)
{
	member_index subject = roster_find_id(c->roster, id);

	if (subject == MEMBER_NONE)
		return ERR_SUBJECT;
	if (round != peer_of(c, subject)->incident.round)
		return ERR_ROUND;
	*out = subject;
	return ERR_OK;
}

/* Only what a decoy shows accuses somebody else. */
static bool is_accusation(enum event_class class)
{
	return class == CLASS_HONEYPOT_TRIPPED || class == CLASS_HONEYTOKEN_USED;
}

enum err
ballots_check_statement(const struct core *c, const struct entry *e, member_index author)
{
	const struct statement *s = &e->statement;
	member_index subject;
	struct hash digest;
	size_t holders;
	enum err err;

	if ((err = check_subject(c, &s->subject, s->round, &subject)) != ERR_OK)
		return err;
	if (roster_head_ordinal(c->roster, author) == -1)
		return ERR_VOTER;
	/* The source is the subject's and nobody else's; the destination the witness's own. */
	if (subject == author ||
	    roster_find_address(c->roster, &s->source.address, &holders) != subject)
		return ERR_SUBJECT;
	if (!is_accusation(s->class) || !has_address(member_of(c, author), &s->destination.address))
		return ERR_RANGE;
	if (s->seen_ms > e->header.time_ms + LIMIT_FRESH_MS ||
	    e->header.time_ms > s->seen_ms + LIMIT_GROUNDS_MS)
		return ERR_STALE;
	if (s->evidence_bytes == sizeof(s->evidence))
		return ERR_OK;
	/* The whole capture is here, so its digest can be checked. */
	c->crypto->sha256(c->crypto->context, "", s->evidence, s->evidence_bytes, &digest);
	return hash_equal(&digest, &s->evidence_digest) ? ERR_OK : ERR_RANGE;
}

static struct ballot
ballot_on(const struct core *c, member_index subject, uint64_t window)
{
	return (struct ballot){
		.level = LEVEL_QUARANTINE,
		.mesh = *roster_mesh(c->roster),
		.epoch = roster_epoch(c->roster),
		.subject = member_of(c, subject)->id,
		.round = peer_of(c, subject)->incident.round,
		.window = window,
	};
}

/* Its own window or an adjacent one. */
static bool
is_near(uint64_t window, uint64_t other)
{
	return window == other || window + 1 == other || other + 1 == window;
}

enum err
ballots_check_verdict(struct core *c, const struct entry *e, member_index author, bool own)
{
	const struct verdict *v = &e->verdict;
	member_index subject;
	struct ballot ballot;
	enum err err;

	if (v->level != LEVEL_QUARANTINE)
		return ERR_UNSUPPORTED;
	if ((err = check_subject(c, &v->subject, v->round, &subject)) != ERR_OK)
		return err;
	if (subject == author || roster_head_ordinal(c->roster, author) == -1)
		return ERR_VOTER;
	if (!is_near(v->window, ballot_window(e->header.time_ms)))
		return ERR_WINDOW;
	if (own)
		return ERR_OK;
	ballot = ballot_on(c, subject, v->window);
	c->checks++;
	return ballot_verify(c->crypto, &member_of(c, author)->key, &ballot, &v->ballot_signature)
	           ? ERR_OK
	           : ERR_SIGNATURE;
}

enum err
ballots_check_certificate(struct core *c, const struct entry *e, bool own)
{
	const struct certificate *cert = &e->certificate;
	member_index subject;
	size_t checked;
	enum err err;

	if (cert->level != LEVEL_QUARANTINE)
		return ERR_UNSUPPORTED;
	if ((err = check_subject(c, &cert->subject, cert->round, &subject)) != ERR_OK)
		return err;
	if (own)
		return ERR_OK;
	err = certificate_verify(c->crypto, c->roster, cert, &checked);
	c->checks += checked;
	return err;
}

/* ---- what others say ------------------------------------------------------------ */

void
ballots_accept_statement(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;

	peer_of(c, o->author)->incident.touched_until_ms = o->fresh_until_ms;
	if (o->score <= c->threshold || in->statement_count == LIMIT_STATEMENTS_PER_INCIDENT)
		return;
	o->next = in->statements;
	in->statements = o;
	in->statement_count++;
}

void
ballots_forget_statement(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;

	for (struct object **at = &in->statements; *at != NULL; at = &(*at)->next) {
		if (*at != o)
			continue;
		*at = o->next;
		in->statement_count--;
		return;
	}
}

static void
remove_tally(struct incident *in, size_t i)
{
	tally_free(in->tallies[i].tally);
	in->tallies[i] = in->tallies[--in->tally_count];
}

static struct window_tally *
tally_of(struct core *c, member_index subject, uint64_t window)
{
	struct incident *in = &peer_of(c, subject)->incident;
	struct ballot ballot = ballot_on(c, subject, window);
	struct window_tally *t;

	for (size_t i = in->tally_count; i > 0; i--)
		if (in->tallies[i - 1].until_ms <= c->now_ms)
			remove_tally(in, i - 1);
	for (size_t i = 0; i < in->tally_count; i++)
		if (in->tallies[i].window == window)
			return &in->tallies[i];
	if (in->tally_count == BALLOT_WINDOWS)
		return NULL;
	t = &in->tallies[in->tally_count];
	if (tally_new(c->roster, &ballot, &t->tally) != ERR_OK)
		return NULL;
	t->window = window;
	t->until_ms = 0;
	in->tally_count++;
	return t;
}

enum err
ballots_accept_verdict(struct core *c, struct object *o, const struct verdict *v)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	struct window_tally *t = tally_of(c, o->subject, o->window);
	enum err err;

	if (t == NULL)
		return ERR_FULL;
	/* Held under another key of the same meaning it would not have come here. */
	if ((err = tally_add(t->tally, o->author, &v->ballot_signature)) != ERR_OK)
		return err;
	if (t->until_ms < o->fresh_until_ms)
		t->until_ms = o->fresh_until_ms;
	if (in->most_votes < tally_voters(t->tally))
		in->most_votes = (uint32_t)tally_voters(t->tally);
	if (o->author == c->self) {
		in->voted = true;
		if (in->open_until_ms < o->fresh_until_ms)
			in->open_until_ms = o->fresh_until_ms;
	}
	return ERR_OK;
}

void
ballots_remember_vote(struct core *c, const struct verdict *v)
{
	member_index subject = roster_find_id(c->roster, &v->subject);

	if (subject != MEMBER_NONE && v->level == LEVEL_QUARANTINE &&
	    v->round == peer_of(c, subject)->incident.round)
		peer_of(c, subject)->incident.voted = true;
}

void
ballots_accept_certificate(struct core *c, struct object *o, const struct certificate *cert)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	uint64_t age_ms = c->unix_ms > o->header.time_ms ? c->unix_ms - o->header.time_ms : 0;
	uint32_t votes = (uint32_t)(cert->signatures.size_bytes / sizeof(struct signature));
	struct span bytes = { o->bytes, o->size_bytes };

	in->certificate = o;
	in->quorum = true;
	if (in->most_votes < votes)
		in->most_votes = votes;
	in->certified_until_ms =
	    c->now_ms + (age_ms < LIMIT_VOTE_BUDGET_MS ? LIMIT_VOTE_BUDGET_MS - age_ms : 0);
	if (!c->started) {
		peer_of(c, o->subject)->isolation.severed = true;
		return;
	}
	if (o->subject == c->self) {
		isolation_update_lock(c);
		return;
	}
	isolation_update(c, o->subject);
	/* Its own certificate tells it to lock; then the mesh port closes as well. */
	if (o->author != c->self)
		actions_send(&c->outbox, bytes, o->subject, MEMBER_NONE);
	isolation_sever_soon(c, o->subject);
}

/* ---- what we say ------------------------------------------------------------------ */

static bool
same_group(const struct core *c, member_index a, member_index b)
{
	return memcmp(member_of(c, a)->group, member_of(c, b)->group,
	           sizeof(member_of(c, a)->group)) == 0;
}

size_t
ballots_witnesses(const struct core *c, member_index subject)
{
	size_t witnesses = 0;

	for (const struct object *o = peer_of(c, subject)->incident.statements; o != NULL;
	     o = o->next) {
		const struct object *earlier = peer_of(c, subject)->incident.statements;

		if (o->fresh_until_ms <= c->now_ms)
			continue;
		/* One enrolment group is one witness, whoever of it speaks. */
		while (earlier != o && (earlier->fresh_until_ms <= c->now_ms ||
		                           !same_group(c, earlier->author, o->author)))
			earlier = earlier->next;
		witnesses += earlier == o;
	}
	return witnesses;
}

uint32_t
ballots_votes(const struct core *c, member_index subject)
{
	return peer_of(c, subject)->incident.most_votes;
}

static bool
saw_it(const struct core *c, const struct incident *in)
{
	return in->witness != NULL && in->witness->until_ms > c->now_ms;
}

void
ballots_witness(struct core *c, member_index subject, const struct statement *statement)
{
	struct incident *in = &peer_of(c, subject)->incident;

	if (in->witness == NULL && (in->witness = malloc(sizeof(*in->witness))) == NULL)
		return;
	in->witness->statement = *statement;
	in->witness->until_ms = c->now_ms + LIMIT_GROUNDS_MS;
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
	if (!has_address(member_of(c, c->self), &in->witness->statement.destination.address))
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

	for (size_t i = 0; i < c->member_count; i++) {
		const struct incident *in = &peer_of(c, i)->incident;
		bool counts =
		    in->voted && (in->certificate != NULL ? in->certified_until_ms > c->now_ms
		                                          : in->open_until_ms > c->now_ms);

		if (i != subject && counts)
			weight += member_of(c, (member_index)i)->weight;
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
		if (in->tallies[i].window != window && is_near(in->tallies[i].window, window) &&
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
ballots_pursue(struct core *c, member_index subject)
{
	struct incident *in = &peer_of(c, subject)->incident;

	if (subject == c->self || in->certificate != NULL)
		return;
	pursue_certificate(c, subject);
	if (in->quorum || !may_sign(c) || roster_head_ordinal(c->roster, c->self) == -1)
		return;
	pursue_statement(c, subject);
	pursue_verdict(c, subject);
}

void
ballots_pursue_all(struct core *c)
{
	for (size_t i = 0; i < c->member_count; i++) {
		const struct incident *in = &peer_of(c, i)->incident;

		if (in->witness != NULL || in->statements != NULL || in->tally_count > 0)
			ballots_pursue(c, (member_index)i);
	}
}
