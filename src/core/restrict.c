#include <stdlib.h>
#include <string.h>
#include "core/state.h"

/* ---- from statements to a restriction ------------------------------------------- */

/* One statement that counts: when, and by which enrolment group. */
struct voice {
	uint64_t time_ms;
	const struct object *object;
	size_t group;
};

/*
 * What does this witness say?  Its oldest fresh accusation, whoever else it
 * names; nothing once it is convicted by a Proof, while its word is struck off.
 */
static member_index
live_accusation(const struct core *c, member_index witness)
{
	if (peer_of(c, witness)->incident.proof != NULL)
		return MEMBER_NONE;
	for (const struct object *o = peer_of(c, witness)->incident.said; o != NULL;
	     o = o->next_said)
		if (o->fresh_until_ms > c->now_ms)
			return o->subject;
	return MEMBER_NONE;
}

/* In order of time, with the number of its group in each; at most LIMIT_STATEMENTS_PER_INCIDENT. */
static size_t
gather(const struct core *c, member_index subject, struct voice *voices)
{
	size_t count = 0;

	for (const struct object *o = peer_of(c, subject)->incident.statements; o != NULL;
	     o = o->next) {
		if (o->fresh_until_ms > c->now_ms && live_accusation(c, o->author) == subject &&
		    epoch_ordinal(current_epoch(c), o->author) != -1)
			voices[count++] = (struct voice){ o->header.time_ms, o, 0 };
	}
	for (size_t i = 0; i < count; i++)
		while (voices[i].group < i &&
		       !ballots_same_group(
		           c, voices[voices[i].group].object->author, voices[i].object->author))
			voices[i].group++;
	return count;
}

/* The first and the last statement with which k groups spoke within the span. */
static bool
find_span(const struct voice *voices, size_t count, size_t k, const struct voice **first,
    const struct voice **last)
{
	size_t said[LIMIT_STATEMENTS_PER_INCIDENT] = { 0 }; /* in the span, by group */
	size_t start = 0, groups = 0;

	*first = *last = NULL;
	for (size_t i = 0; i < count; i++) {
		groups += said[voices[i].group]++ == 0;
		while (voices[start].time_ms + LIMIT_RESTRICT_SPAN_MS < voices[i].time_ms)
			groups -= --said[voices[start++].group] == 0;
		if (groups < k)
			continue;
		if (*first == NULL)
			*first = &voices[i];
		*last = &voices[i];
	}
	return *first != NULL;
}

/* ---- the list ---------------------------------------------------------------------- */

static struct restriction *
find(const struct core *c, member_index subject)
{
	for (size_t i = 0; i < c->restrictions.count; i++)
		if (c->restrictions.list[i]->wake.member == subject)
			return c->restrictions.list[i];
	return NULL;
}

static struct restriction *
add(struct core *c, member_index subject)
{
	struct restrictions *all = &c->restrictions;
	struct restriction *r;

	if (all->count == all->room) {
		size_t room = all->room == 0 ? 4 : all->room * 2;
		struct restriction **list = reallocarray(all->list, room, sizeof(r));

		if (list == NULL)
			return NULL;
		all->list = list;
		all->room = room;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->wake.wake.kind = WAKE_RESTRICT;
	r->wake.member = subject;
	all->list[all->count++] = r;
	return r;
}

static void
remove_restriction(struct core *c, struct restriction *r)
{
	struct restrictions *all = &c->restrictions;
	size_t i = 0;

	while (all->list[i] != r)
		i++;
	all->count--;
	memmove(&all->list[i], &all->list[i + 1], (all->count - i) * sizeof(r));
	timerq_cancel(c->timers, &r->wake.wake.timer);
	free(r);
}

void
restrict_reconsider(struct core *c, member_index subject)
{
	struct voice voices[LIMIT_STATEMENTS_PER_INCIDENT];
	const struct voice *first, *last;
	size_t k = epoch_k(current_epoch(c), c->config.corroboration);
	struct restriction *r = find(c, subject);
	uint64_t until_ms;

	if (!find_span(voices, gather(c, subject, voices), k, &first, &last))
		return;
	if (r == NULL && (r = add(c, subject)) == NULL)
		return;
	until_ms = last->object->fresh_until_ms - LIMIT_RELAYED_MS + LIMIT_RESTRICT_MS;
	r->since_ms = first->time_ms;
	if (r->until_ms < until_ms)
		r->until_ms = until_ms;
	wake_try(c->timers, &r->wake.wake, r->until_ms);
	restrict_judge(c);
	isolation_update(c, subject);
}

void
restrict_lost_voice(struct core *c, member_index subject)
{
	struct voice voices[LIMIT_STATEMENTS_PER_INCIDENT];
	const struct voice *first, *last;
	size_t k = epoch_k(current_epoch(c), c->config.corroboration);

	if (find(c, subject) == NULL ||
	    find_span(voices, gather(c, subject, voices), k, &first, &last))
		return;
	restrict_end(c, subject);
	isolation_update(c, subject);
}

static int
compare(const struct core *c, const struct restriction *a, const struct restriction *b)
{
	if (a->since_ms != b->since_ms)
		return a->since_ms < b->since_ms ? -1 : 1;
	return node_id_compare(
	    &member_of(c, a->wake.member)->id, &member_of(c, b->wake.member)->id);
}

/* Few, and nearly always in order already. */
static void
sort(struct core *c)
{
	struct restriction **list = c->restrictions.list;

	for (size_t i = 1; i < c->restrictions.count; i++)
		for (size_t j = i; j > 0 && compare(c, list[j - 1], list[j]) > 0; j--) {
			struct restriction *swap = list[j];

			list[j] = list[j - 1];
			list[j - 1] = swap;
		}
}

static void
report(struct core *c, const struct restriction *r, enum err err)
{
	struct core_action *a = actions_notice(&c->outbox, NOTICE_RESTRICTED, r->wake.member);

	a->incident = ballots_incident_id(c, r->wake.member);
	a->notice.error = err;
}

void
restrict_judge(struct core *c)
{
	size_t cap = epoch_restrictions(current_epoch(c)), counted = 0;

	sort(c);
	for (size_t i = 0; i < c->restrictions.count; i++) {
		struct restriction *r = c->restrictions.list[i];
		bool was = r->in_force;

		/* Who is quarantined anyway takes nobody's place. */
		r->in_force = isolation_is_quarantined(c, r->wake.member) || counted++ < cap;
		if (r->in_force != was)
			isolation_update(c, r->wake.member);
		if (!c->started || isolation_is_quarantined(c, r->wake.member))
			continue;
		if (r->in_force && !r->told)
			report(c, r, ERR_OK);
		else if (!r->in_force && !r->told_capped)
			report(c, r, ERR_AGAIN);
		r->told = r->told || r->in_force;
		r->told_capped = r->told_capped || !r->in_force;
	}
}

void
restrict_end(struct core *c, member_index subject)
{
	struct restriction *r = find(c, subject);

	if (r == NULL)
		return;
	remove_restriction(c, r);
	restrict_judge(c);
}

void
restrict_expired(struct core *c, struct restriction *r)
{
	member_index subject = r->wake.member;

	remove_restriction(c, r);
	isolation_update(c, subject);
	restrict_judge(c);
}

uint64_t
restrict_until_ms(const struct core *c, member_index subject)
{
	const struct restriction *r = find(c, subject);

	return r != NULL && r->in_force && r->until_ms > c->now_ms ? r->until_ms : 0;
}

void
restrict_free(struct core *c)
{
	for (size_t i = 0; i < c->restrictions.count; i++)
		free(c->restrictions.list[i]);
	free(c->restrictions.list);
}
