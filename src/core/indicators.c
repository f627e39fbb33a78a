#include <stdlib.h>
#include <string.h>
#include "core/state.h"

#define GROUPS_MAX 33 /* f + 1 at most */

void
indicators_free(struct core *c)
{
	size_t cursor = 0;
	void *value;

	while (c->indicators.by_address != NULL &&
	       map_next(c->indicators.by_address, &cursor, NULL, &value)) {
		free(((struct suspect *)value)->list);
		free(value);
	}
	map_free(c->indicators.by_address);
}

void
indicators_free_reporter(struct reporter *r)
{
	if (r == NULL)
		return;
	free(r->hours[0].list);
	free(r->hours[1].list);
	free(r);
}

struct incident_id
indicators_incident(const struct core *c, const struct address *a)
{
	struct node_id id;

	/* An address outside the mesh takes the place of the subject's id. */
	memcpy(id.bytes, a->bytes, sizeof(id.bytes));
	return incident_of(c->crypto, &id, 0);
}

/* ---- what is blocked ------------------------------------------------------------ */

static bool
is_listed(const struct address *list, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(&list[i], a))
			return true;
	return false;
}

/* Whatever the others say, not by this node. */
static bool
is_exempt(const struct core *c, const struct address *a)
{
	return is_listed(c->config.ignored, c->config.ignored_count, a) ||
	       is_listed(c->config.own, c->config.own_count, a);
}

static bool
same_group(const struct core *c, member_index a, member_index b)
{
	return memcmp(member_of(c, a)->group, member_of(c, b)->group,
	           sizeof(member_of(c, a)->group)) == 0;
}

/* The (f + 1)-th latest expiry over the groups that report it. */
static uint64_t
judge(const struct core *c, const struct suspect *s)
{
	size_t needed = epoch_f(roster_current(c->roster)) + 1, groups = 0;
	member_index found[GROUPS_MAX];

	for (size_t i = 0; i < s->count; i++) {
		size_t g = 0;

		while (g < groups && !same_group(c, found[g], s->list[i].author))
			g++;
		if (g < groups)
			continue;
		found[groups++] = s->list[i].author;
		if (groups == needed)
			return s->list[i].until_ms;
	}
	return 0;
}

static void
enforce(struct core *c, struct suspect *s)
{
	if (!c->started)
		return;
	s->overdue = !isolation_update_address(c, &s->address);
	c->indicators.overdue = c->indicators.overdue || s->overdue;
}

static void
update(struct core *c, struct suspect *s)
{
	uint64_t until_ms = is_exempt(c, &s->address) ? 0 : judge(c, s);
	bool full = s->blocked_until_ms == 0 && c->indicators.blocked >= LIMIT_INDICATORS;

	if (until_ms == s->blocked_until_ms || full)
		return;
	c->indicators.blocked -= s->blocked_until_ms != 0;
	c->indicators.blocked += until_ms != 0;
	s->blocked_until_ms = until_ms;
	enforce(c, s);
}

static void
set_wake(struct core *c, struct suspect *s)
{
	/* Without memory for it the next report or expiry looks again. */
	wake_try(c->timers, &s->wake, s->list[s->count - 1].until_ms);
}

static void
free_suspect(struct core *c, struct suspect *s)
{
	map_remove(c->indicators.by_address, &s->address);
	free(s->list);
	free(s);
}

/* Nobody reports it any more. */
static void
remove_suspect(struct core *c, struct suspect *s)
{
	timerq_cancel(c->timers, &s->wake.timer);
	for (size_t i = 0; i < s->count; i++)
		peer_of(c, s->list[i].author)->reporter->standing--;
	c->indicators.reports -= s->count;
	s->count = 0;
	update(c, s);
	/* Else it goes when the kernel was told. */
	if (!s->overdue)
		free_suspect(c, s);
}

/* Report at of the suspect no longer counts; the suspect may be gone after. */
static void
remove_report(struct core *c, struct suspect *s, size_t at)
{
	if (s->count == 1) {
		remove_suspect(c, s);
		return;
	}
	peer_of(c, s->list[at].author)->reporter->standing--;
	c->indicators.reports--;
	s->count--;
	memmove(&s->list[at], &s->list[at + 1], (s->count - at) * sizeof(*s->list));
	update(c, s);
	set_wake(c, s);
}

void
indicators_expired(struct core *c, struct suspect *s)
{
	size_t left = s->count;

	while (left > 0 && s->list[left - 1].until_ms <= c->now_ms)
		left--;
	for (size_t count = s->count; count > left; count--)
		remove_report(c, s, count - 1);
}

uint64_t
indicators_blocked_until(const struct core *c, const struct address *address)
{
	const struct suspect *s = map_get(c->indicators.by_address, address);

	return s == NULL || s->blocked_until_ms <= c->now_ms ? 0 : s->blocked_until_ms;
}

void
indicators_enforce(struct core *c, bool all)
{
	size_t cursor = 0;
	void *value;

	c->indicators.overdue = false;
	while (map_next(c->indicators.by_address, &cursor, NULL, &value)) {
		struct suspect *s = value;

		if (s->overdue || (all && s->blocked_until_ms != 0))
			enforce(c, s);
		if (s->count == 0 && !s->overdue)
			free_suspect(c, s);
	}
}

void
indicators_roster_changed(struct core *c)
{
	size_t cursor = 0;
	void *value;

	while (map_next(c->indicators.by_address, &cursor, NULL, &value)) {
		struct suspect *s = value;

		if (s->count > 0 && roster_has_address(c->roster, &s->address))
			remove_suspect(c, s);
		else
			update(c, s);
	}
}

/* ---- reports ---------------------------------------------------------------------- */

static struct suspect *
suspect_of(struct core *c, const struct address *address)
{
	struct suspect *s = map_get(c->indicators.by_address, address);

	if (s != NULL)
		return s;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->wake.kind = WAKE_INDICATOR;
	s->address = *address;
	if (map_put(c->indicators.by_address, address, s) == ERR_OK)
		return s;
	free(s);
	return NULL;
}

/*
 * An author may fill a sixteenth of the room that is left, so that a few
 * cannot keep the others out.
 */
static bool
has_room(const struct core *c, const struct reporter *r)
{
	return r->standing < (LIMIT_INDICATOR_REPORTS - c->indicators.reports) / LIMIT_HELD_SHARE;
}

/* Without room or memory it does not count here; it is held and passed on all the same. */
static void
add_report(struct core *c, const struct address *address, const struct reported *new)
{
	struct reporter *r = peer_of(c, new->author)->reporter;
	struct suspect *s;
	size_t at = 0;

	if (!has_room(c, r) || (s = suspect_of(c, address)) == NULL)
		return;
	/* Twice on disk. */
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].author == new->author && s->list[i].sequence == new->sequence)
			return;
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 2 : s->room * 2;
		struct reported *list = reallocarray(s->list, room, sizeof(*list));

		if (list == NULL) {
			if (s->count == 0 && !s->overdue)
				free_suspect(c, s);
			return;
		}
		s->list = list;
		s->room = room;
	}
	while (at < s->count && s->list[at].until_ms >= new->until_ms)
		at++;
	memmove(&s->list[at + 1], &s->list[at], (s->count - at) * sizeof(*s->list));
	s->list[at] = *new;
	s->count++;
	r->standing++;
	c->indicators.reports++;
	update(c, s);
	set_wake(c, s);
}

static void
forget_report(struct core *c, member_index author, const struct told *told)
{
	struct suspect *s = map_get(c->indicators.by_address, &told->address);

	for (size_t i = 0; s != NULL && i < s->count; i++)
		if (s->list[i].author == author && s->list[i].sequence == told->sequence) {
			remove_report(c, s, i);
			return;
		}
}

void
indicators_silence(struct core *c, member_index author)
{
	size_t cursor = 0;
	void *value;

	if (peer_of(c, author)->reporter == NULL)
		return;
	while (map_next(c->indicators.by_address, &cursor, NULL, &value)) {
		struct suspect *s = value;

		/* With its last report the suspect itself goes. */
		for (size_t i = s->count; i > 0; i--)
			if (s->list[i - 1].author == author) {
				bool last = s->count == 1;

				remove_report(c, s, i - 1);
				if (last)
					break;
			}
	}
}

/* ---- an hour of one author ------------------------------------------------------------ */

static uint64_t
hour_of(uint64_t unix_ms)
{
	return unix_ms / (60 * 60 * 1000);
}

static struct reporter *
reporter_of(struct core *c, member_index author)
{
	struct peer *p = peer_of(c, author);

	if (p->reporter == NULL)
		p->reporter = calloc(1, sizeof(*p->reporter));
	return p->reporter;
}

/* NULL: nothing of that hour. */
static struct reporter_hour *
find_hour(const struct core *c, member_index author, uint64_t number)
{
	struct reporter *r = peer_of(c, author)->reporter;
	struct reporter_hour *hour = r == NULL ? NULL : &r->hours[number % 2];

	return hour == NULL || hour->number != number ? NULL : hour;
}

/* Remember that it was told.  NOMEM. */
static enum err
add_told(struct reporter *r, uint64_t number, const struct told *new)
{
	struct reporter_hour *hour = &r->hours[number % 2];
	size_t at;

	/* Of long ago: that hour is over. */
	if (hour->number > number)
		return ERR_OK;
	if (hour->number < number)
		hour->count = 0;
	hour->number = number;
	if (hour->count == hour->room) {
		size_t room = hour->room == 0 ? 2 : hour->room * 2;
		struct told *list = reallocarray(hour->list, room, sizeof(*list));

		if (list == NULL)
			return ERR_NOMEM;
		hour->list = list;
		hour->room = room;
	}
	at = hour->count++;
	for (; at > 0 && hour->list[at - 1].sequence > new->sequence; at--)
		hour->list[at] = hour->list[at - 1];
	hour->list[at] = *new;
	return ERR_OK;
}

/* One too many: the latest goes, and is refused from now on. */
static void
drop_latest(struct core *c, member_index author, uint64_t incarnation, struct reporter_hour *hour)
{
	struct told last;
	struct object *o;

	if (hour == NULL || hour->count <= LIMIT_INDICATORS_PER_H)
		return;
	last = hour->list[--hour->count];
	forget_report(c, author, &last);
	if ((o = objects_by_place(&c->objects, author, incarnation, last.sequence)) != NULL)
		prune_object(c, o);
}

static enum err
note(struct core *c, const struct arrival *a)
{
	const struct indicator *i = &a->entry.indicator;
	const struct entry_header *h = &a->entry.header;
	struct told told = { .sequence = h->sequence, .address = i->address };
	struct reported report = { .author = a->author, .sequence = h->sequence };
	struct reporter *r = reporter_of(c, a->author);
	enum err err;

	if (r == NULL)
		return ERR_NOMEM;
	if ((err = add_told(r, hour_of(h->time_ms), &told)) != ERR_OK)
		return err;
	drop_latest(c, a->author, h->incarnation, find_hour(c, a->author, hour_of(h->time_ms)));
	report.until_ms = c->now_ms + i->ttl_s * UINT64_C(1000) - a->age_ms;
	if (rules_score(i->reason) > c->threshold)
		add_report(c, &i->address, &report);
	return ERR_OK;
}

/* ---- anybody's ------------------------------------------------------------------------ */

/* Routed on the Internet, and one host's. */
static bool
is_public(const struct address *a)
{
	if (address_is_private(a))
		return false;
	return a->family == 4 ? a->bytes[0] < 224 : a->bytes[0] != 0xff;
}

enum err
indicators_check(const struct core *c, const struct arrival *a)
{
	const struct indicator *i = &a->entry.indicator;
	const struct reporter_hour *hour =
	    find_hour(c, a->author, hour_of(a->entry.header.time_ms));
	const struct epoch *epoch = roster_epoch(c->roster, a->entry.header.epoch);

	if (epoch == NULL)
		return ERR_EPOCH;
	if (epoch_ordinal(epoch, a->author) == -1)
		return ERR_VOTER;
	if (roster_has_address(c->roster, &i->address))
		return ERR_SUBJECT;
	if (!is_public(&i->address) || !ballots_accuse(i->reason))
		return ERR_RANGE;
	if (a->age_ms >= i->ttl_s * UINT64_C(1000))
		return ERR_STALE;
	return hour != NULL && hour->count >= LIMIT_INDICATORS_PER_H &&
	               hour->list[hour->count - 1].sequence < a->entry.header.sequence
	           ? ERR_FULL
	           : ERR_OK;
}

static void
report_notice(struct core *c, const struct object *o, const struct arrival *a)
{
	const struct address *address = &a->entry.indicator.address;
	struct core_action *action;

	action = actions_notice(&c->outbox, NOTICE_INDICATOR, MEMBER_NONE);
	action->incident = indicators_incident(c, address);
	action->notice.peer = o->author;
	action->notice.class = a->entry.indicator.reason;
	action->notice.score = rules_score(a->entry.indicator.reason);
	action->notice.source.address = *address;
	action->notice.standing = indicators_blocked_until(c, address) != 0;
	action->notice.object = (struct span){ o->bytes, o->size_bytes };
}

enum err
indicators_accept(struct core *c, struct object *o, const struct arrival *a)
{
	struct indicators *all = &c->indicators;
	enum err err;

	if ((err = note(c, a)) != ERR_OK)
		return err;
	for (size_t i = all->wanted_count; o->author == c->self && i > 0; i--)
		if (address_equal(&all->wanted[i - 1].address, &a->entry.indicator.address))
			all->wanted[i - 1] = all->wanted[--all->wanted_count];
	if (a->via != VIA_DISK)
		report_notice(c, o, a);
	return ERR_OK;
}

void
indicators_restore(struct core *c, const struct arrival *a)
{
	if (indicators_check(c, a) != ERR_OK || note(c, a) != ERR_OK)
		return;
}

/* ---- ours ------------------------------------------------------------------------------ */

/* More than half of what we would ask for is left of what we said. */
static bool
is_told(const struct core *c, const struct address *address)
{
	const struct suspect *s = map_get(c->indicators.by_address, address);

	for (size_t i = 0; s != NULL && i < s->count; i++)
		if (s->list[i].author == c->self &&
		    s->list[i].until_ms > c->now_ms + LIMIT_INDICATOR_OWN_S * 500)
			return true;
	return false;
}

void
indicators_want(struct core *c, const struct address *address, enum event_class reason)
{
	struct indicators *all = &c->indicators;

	if (is_told(c, address) || all->wanted_count == LIMIT_WANTED_INDICATORS)
		return;
	for (size_t i = 0; i < all->wanted_count; i++)
		if (address_equal(&all->wanted[i].address, address))
			return;
	all->wanted[all->wanted_count++] = (struct wanted_indicator){
		.address = *address, .reason = reason, .until_ms = c->now_ms + LIMIT_GROUNDS_MS
	};
	indicators_pursue(c);
}

/* Tells drafts apart; two addresses with one of these only wait for each other. */
static uint64_t
detail_of(const struct address *a)
{
	uint64_t detail = 0;

	for (size_t i = 0; i < sizeof(a->bytes); i++)
		detail = detail * 31 + a->bytes[i];
	return detail;
}

static void
ask(struct core *c, const struct wanted_indicator *w)
{
	const struct reporter_hour *hour = find_hour(c, c->self, hour_of(c->unix_ms));
	struct entry e = { .kind = ENTRY_INDICATOR };
	uint64_t detail = detail_of(&w->address);

	/* Those that are under way count, too. */
	if (roster_has_address(c->roster, &w->address) ||
	    (hour == NULL ? 0 : hour->count) + c->drafts.count >= LIMIT_INDICATORS_PER_H ||
	    drafts_pending(c, ENTRY_INDICATOR, c->self, detail))
		return;
	e.indicator.address = w->address;
	e.indicator.ttl_s = LIMIT_INDICATOR_OWN_S;
	e.indicator.reason = w->reason;
	e.indicator.score = rules_score(w->reason);
	(void)drafts_ask(c, &e, c->self, detail);
}

void
indicators_pursue(struct core *c)
{
	struct indicators *all = &c->indicators;

	for (size_t i = all->wanted_count; i > 0; i--)
		if (all->wanted[i - 1].until_ms <= c->now_ms)
			all->wanted[i - 1] = all->wanted[--all->wanted_count];
	if (!may_sign(c) || epoch_ordinal(roster_current(c->roster), c->self) == -1)
		return;
	for (size_t i = 0; i < all->wanted_count; i++)
		ask(c, &all->wanted[i]);
}
