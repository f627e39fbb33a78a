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

bool
ballots_has_address(const struct member *m, const struct address *a)
{
	for (size_t i = 0; i < m->address_count; i++)
		if (address_equal(&m->addresses[i], a))
			return true;
	return false;
}

enum err
ballots_check_subject(
    const struct core *c, const struct node_id *id, uint32_t round, member_index *out)
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

	if ((err = ballots_check_subject(c, &s->subject, s->round, &subject)) != ERR_OK)
		return err;
	if (roster_head_ordinal(c->roster, author) == -1)
		return ERR_VOTER;
	/* The source is the subject's and nobody else's; the destination the witness's own. */
	if (subject == author ||
	    roster_find_address(c->roster, &s->source.address, &holders) != subject)
		return ERR_SUBJECT;
	if (!is_accusation(s->class) ||
	    !ballots_has_address(member_of(c, author), &s->destination.address))
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

struct ballot
ballots_on(const struct core *c, member_index subject, uint64_t window)
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

bool
ballots_are_near(uint64_t window, uint64_t other)
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
	if ((err = ballots_check_subject(c, &v->subject, v->round, &subject)) != ERR_OK)
		return err;
	if (subject == author || roster_head_ordinal(c->roster, author) == -1)
		return ERR_VOTER;
	if (!ballots_are_near(v->window, ballot_window(e->header.time_ms)))
		return ERR_WINDOW;
	if (own)
		return ERR_OK;
	ballot = ballots_on(c, subject, v->window);
	c->checks++;
	return ballot_verify(c->crypto, &member_of(c, author)->key, &ballot, &v->ballot_signature)
	           ? ERR_OK
	           : ERR_SIGNATURE;
}

/* ---- what others say ------------------------------------------------------------ */

void
ballots_accept_statement(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;

	peer_of(c, o->author)->incident.touched_until_ms = o->fresh_until_ms;
	if (o->score <= c->threshold || in->statement_count == LIMIT_STATEMENTS_PER_INCIDENT)
		return;
	/* Without memory it is held, and counts for others, but not here. */
	if (members_add(&c->incidents, o->subject) != ERR_OK)
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
	struct ballot ballot = ballots_on(c, subject, window);
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
	if ((err = members_add(&c->incidents, o->subject)) != ERR_OK)
		return err;
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
