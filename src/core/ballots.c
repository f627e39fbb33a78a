#include <stdlib.h>
#include <string.h>
#include "core/state.h"

void
ballots_free(struct incident *in)
{
	for (size_t i = 0; i < in->tally_count; i++)
		tally_free(in->tallies[i].tally);
	free(in->tallies);
	free(in->witness);
	free(in->reports);
	release_free(in->requests);
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

	if (!roster_is_node(c->roster, subject) || rounds_is_gone(c, subject))
		return ERR_SUBJECT;
	if (round != peer_of(c, subject)->incident.round)
		return ERR_ROUND;
	*out = subject;
	return ERR_OK;
}

bool ballots_accuse(enum event_class class)
{
	return class == CLASS_HONEYPOT_TRIPPED || class == CLASS_HONEYTOKEN_USED;
}

/* Known: entry_verify() looked, and its author's own is the current one or was. */
static const struct epoch *
epoch_of(const struct core *c, const struct entry *e)
{
	return roster_epoch(c->roster, e->header.epoch);
}

bool
ballots_is_between(
    const struct core *c, const struct statement *s, member_index subject, member_index author)
{
	size_t holders;

	return roster_find_address(c->roster, &s->source.address, &holders) == subject &&
	       ballots_has_address(member_of(c, author), &s->destination.address);
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
	if (epoch_ordinal(epoch_of(c, e), author) == -1)
		return ERR_VOTER;
	/* The source is the subject's and nobody else's; the destination the witness's own. */
	if (subject == author ||
	    roster_find_address(c->roster, &s->source.address, &holders) != subject)
		return ERR_SUBJECT;
	if (!ballots_accuse(s->class) ||
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

/* What a verdict's signature is over; its epoch is the entry's own. */
static struct ballot
ballot_of(const struct core *c, const struct verdict *v, uint64_t epoch)
{
	return (struct ballot){
		.level = v->level,
		.mesh = *roster_mesh(c->roster),
		.epoch = epoch,
		.subject = v->subject,
		.round = v->round,
		.window = v->window,
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

	if ((err = ballots_check_subject(c, &v->subject, v->round, &subject)) != ERR_OK)
		return err;
	if (subject == author || epoch_ordinal(epoch_of(c, e), author) == -1)
		return ERR_VOTER;
	if (!epoch_has(epoch_of(c, e), subject))
		return ERR_SUBJECT;
	if (!ballots_are_near(v->window, ballot_window(e->header.time_ms)))
		return ERR_WINDOW;
	if (v->level == LEVEL_RELEASE && rounds_is_final(c, subject))
		return ERR_SUBJECT;
	if (own)
		return ERR_OK;
	ballot = ballot_of(c, v, e->header.epoch);
	c->checks++;
	return ballot_verify(c->crypto, &member_of(c, author)->key, &ballot, &v->ballot_signature)
	           ? ERR_OK
	           : ERR_SIGNATURE;
}

/* ---- what others say ------------------------------------------------------------ */

static void
add_statement(struct incident *in, struct object *o)
{
	struct object **at = &in->statements;

	while (*at != NULL && ((*at)->header.time_ms < o->header.time_ms ||
	                          ((*at)->header.time_ms == o->header.time_ms &&
	                              memcmp(&(*at)->hash, &o->hash, sizeof(o->hash)) < 0)))
		at = &(*at)->next;
	o->next = *at;
	*at = o;
	in->statement_count++;
}

void
ballots_accept_statement(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	struct incident *author = &peer_of(c, o->author)->incident;
	struct object **at = &author->said;

	while (*at != NULL && objects_is_later(&o->header, &(*at)->header))
		at = &(*at)->next_said;
	o->next_said = *at;
	*at = o;
	author->touched_until_ms = o->fresh_until_ms;
	/* Without memory it is held, and counts for others, but not here. */
	if (o->score > c->threshold && in->statement_count < LIMIT_STATEMENTS_PER_INCIDENT &&
	    members_add(&c->incidents, o->subject) == ERR_OK)
		add_statement(in, o);
	restrict_reconsider(c, o->subject);
	if (author->said == o && o->next_said != NULL && o->next_said->subject != o->subject)
		restrict_lost_voice(c, o->next_said->subject);
}

void
ballots_forget_statement(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	struct incident *author = &peer_of(c, o->author)->incident;
	bool was_live = author->said == o;

	for (struct object **at = &author->said; *at != NULL; at = &(*at)->next_said)
		if (*at == o) {
			*at = o->next_said;
			break;
		}
	for (struct object **at = &in->statements; *at != NULL; at = &(*at)->next)
		if (*at == o) {
			*at = o->next;
			in->statement_count--;
			break;
		}
	if (was_live && author->said != NULL && author->said->subject != o->subject)
		restrict_reconsider(c, author->said->subject);
}

static void
remove_tally(struct incident *in, size_t i)
{
	tally_free(in->tallies[i].tally);
	in->tallies[i] = in->tallies[--in->tally_count];
}

static struct counted *
find_tally(struct incident *in, const struct ballot *b)
{
	for (size_t i = 0; i < in->tally_count; i++) {
		struct counted *t = &in->tallies[i];

		if (t->level == b->level && t->epoch == b->epoch && t->window == b->window)
			return t;
	}
	return NULL;
}

static struct counted *
tally_of(struct core *c, struct incident *in, const struct ballot *ballot)
{
	struct counted *t;

	for (size_t i = in->tally_count; i > 0; i--)
		if (in->tallies[i - 1].until_ms <= c->now_ms)
			remove_tally(in, i - 1);
	if ((t = find_tally(in, ballot)) != NULL)
		return t;
	if (in->tally_count == BALLOT_TALLIES)
		return NULL;
	if (in->tally_count == in->tally_room) {
		size_t room = in->tally_room == 0 ? 2 : BALLOT_TALLIES;
		struct counted *list = reallocarray(in->tallies, room, sizeof(*list));

		if (list == NULL)
			return NULL;
		in->tallies = list;
		in->tally_room = room;
	}
	t = &in->tallies[in->tally_count];
	if (tally_new(c->roster, ballot, &t->tally) != ERR_OK)
		return NULL;
	t->level = ballot->level;
	t->epoch = ballot->epoch;
	t->window = ballot->window;
	t->until_ms = 0;
	in->tally_count++;
	return t;
}

/* Our own ballot against it, in its current round. */
static void
note_own_vote(struct incident *in, const struct object *o)
{
	in->voted_rounds = (uint64_t)in->round + 1;
	if (in->open_until_ms < o->fresh_until_ms)
		in->open_until_ms = o->fresh_until_ms;
}

enum err
ballots_accept_verdict(struct core *c, struct object *o, const struct verdict *v)
{
	struct incident *in = &peer_of(c, o->subject)->incident;
	struct ballot ballot = ballot_of(c, v, o->epoch);
	struct counted *t = tally_of(c, in, &ballot);
	enum err err;

	if (t == NULL)
		return ERR_FULL;
	if ((err = members_add(&c->incidents, o->subject)) != ERR_OK)
		return err;
	/*
	 * What is held already would not have come here.  What is counted and held no
	 * more left with an older incarnation of its author, who forgot that it voted:
	 * it counts once, and is held again.
	 */
	err = tally_add(t->tally, c->roster, o->author, &v->ballot_signature);
	if (err != ERR_OK && err != ERR_VOTER)
		return err;
	if (t->until_ms < o->fresh_until_ms)
		t->until_ms = o->fresh_until_ms;
	if (v->level == LEVEL_RELEASE)
		return ERR_OK;
	if (in->most_votes < tally_voters(t->tally))
		in->most_votes = (uint32_t)tally_voters(t->tally);
	if (o->author == c->self)
		note_own_vote(in, o);
	return ERR_OK;
}

/* ---- the end of a round ---------------------------------------------------------- */

void
ballots_drop_tallies(struct incident *in, enum level level)
{
	for (size_t i = in->tally_count; i > 0; i--)
		if (in->tallies[i - 1].level == level)
			remove_tally(in, i - 1);
}

void
ballots_end_round(struct core *c, member_index subject)
{
	struct incident *in = &peer_of(c, subject)->incident;

	while (in->statements != NULL)
		ballots_forget_statement(c, in->statements);
	ballots_drop_tallies(in, LEVEL_QUARANTINE);
	ballots_drop_tallies(in, LEVEL_RELEASE);
	free(in->witness);
	in->witness = NULL;
	in->quorum = false;
	in->withheld = false;
	in->most_votes = 0;
	in->open_until_ms = 0;
	in->certified_until_ms = 0;
}

bool
ballots_is_counted(const struct core *c, const struct counted *t)
{
	uint64_t current = epoch_number(current_epoch(c));

	return t->epoch == current || (t->epoch + 1 == current && c->now_ms < c->crossing_until_ms);
}

void
ballots_epoch_changed(struct core *c)
{
	uint64_t current = epoch_number(current_epoch(c));

	c->crossing_until_ms = c->now_ms + LIMIT_EPOCH_CROSSING_MS;
	for (size_t i = 0; i < c->incidents.count; i++) {
		struct incident *in = &peer_of(c, c->incidents.list[i])->incident;

		for (size_t t = in->tally_count; t > 0; t--)
			if (in->tallies[t - 1].epoch + 1 < current)
				remove_tally(in, t - 1);
	}
	selfreport_judge(c, c->self);
	prune_all(c);
	restrict_judge(c);
	vote_pursue_all(c);
}

bool
ballots_has_voted(const struct incident *in)
{
	return in->voted_rounds == (uint64_t)in->round + 1;
}

bool
ballots_same_group(const struct core *c, member_index a, member_index b)
{
	return memcmp(member_of(c, a)->group, member_of(c, b)->group,
	           sizeof(member_of(c, a)->group)) == 0;
}

/* Fresh, and by a head of the epoch that we vote in. */
static bool
bears_witness(const struct core *c, const struct object *o)
{
	return o->fresh_until_ms > c->now_ms && epoch_ordinal(current_epoch(c), o->author) != -1;
}

size_t
ballots_witnesses(const struct core *c, member_index subject)
{
	size_t witnesses = 0;

	for (const struct object *o = peer_of(c, subject)->incident.statements; o != NULL;
	     o = o->next) {
		const struct object *earlier = peer_of(c, subject)->incident.statements;

		if (!bears_witness(c, o))
			continue;
		/* One enrolment group is one witness, whoever of it speaks. */
		while (earlier != o && (!bears_witness(c, earlier) ||
		                           !ballots_same_group(c, earlier->author, o->author)))
			earlier = earlier->next;
		witnesses += earlier == o;
	}
	return witnesses;
}

uint32_t
ballots_votes(const struct core *c, member_index subject, enum level level)
{
	const struct incident *in = &peer_of(c, subject)->incident;
	size_t most = level == LEVEL_QUARANTINE ? in->most_votes : 0;

	for (size_t i = 0; i < in->tally_count; i++)
		if (in->tallies[i].level == level && tally_voters(in->tallies[i].tally) > most)
			most = tally_voters(in->tallies[i].tally);
	return (uint32_t)most;
}
