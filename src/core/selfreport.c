#include <stdlib.h>
#include <string.h>
#include "core/state.h"

/* ---- ours ------------------------------------------------------------------- */

static struct wanted_report *
wanted(struct core *c, enum self_report_kind kind)
{
	switch (kind) {
	case SELF_REPORT_CONFESSION:
		return &c->self_reports.confession;
	case SELF_REPORT_PRECAUTION:
		break;
	}
	return &c->self_reports.precaution;
}

/* Said already: a confession for good, a precaution of this round while it stands or is of this day. */
static bool
is_said(const struct core *c, enum self_report_kind kind)
{
	const struct incident *in = &peer_of(c, c->self)->incident;

	for (size_t i = 0; i < in->report_count; i++) {
		const struct object *o = in->reports[i];

		if (o->report != kind)
			continue;
		if (kind == SELF_REPORT_CONFESSION ||
		    (o->round == in->round &&
		        (in->precaution_stands ||
		            c->unix_ms < o->header.time_ms + LIMIT_PRECAUTION_MS)))
			return true;
	}
	return false;
}

bool
selfreport_want(struct core *c, enum self_report_kind kind, const struct wanted_report *report)
{
	struct wanted_report *w = wanted(c, kind);

	if (w->wanted || is_said(c, kind))
		return false;
	*w = *report;
	w->wanted = true;
	selfreport_pursue(c);
	return true;
}

static void
pursue(struct core *c, enum self_report_kind kind)
{
	struct wanted_report *w = wanted(c, kind);
	struct entry e = { .kind = ENTRY_SELF_REPORT };

	if (w->wanted && is_said(c, kind))
		w->wanted = false;
	/* 4.4: before it signs, a node has asked its peers for its own feed's head. */
	if (!w->wanted || !c->synced || c->lost_state ||
	    drafts_pending(c, ENTRY_SELF_REPORT, c->self, kind))
		return;
	e.self_report.kind = kind;
	e.self_report.round = peer_of(c, c->self)->incident.round;
	e.self_report.reason = w->reason;
	e.self_report.source = w->source;
	e.self_report.evidence_digest = w->evidence_digest;
	e.self_report.score = rules_score(w->reason);
	(void)drafts_ask(c, &e, c->self, kind);
}

void
selfreport_pursue(struct core *c)
{
	pursue(c, SELF_REPORT_CONFESSION);
	pursue(c, SELF_REPORT_PRECAUTION);
}

/* ---- anybody's ---------------------------------------------------------------- */

/*
 * The earliest LIMIT_SELF_REPORTS count, of confessions in all, of precautions
 * in a round: in whatever order more of them arrive, all nodes keep the same.
 */
static struct object *
latest_of_too_many(const struct incident *in, enum self_report_kind kind, uint32_t round)
{
	struct object *latest = NULL;
	size_t count = 0;

	for (size_t i = 0; i < in->report_count; i++)
		if (in->reports[i]->report == kind &&
		    (kind == SELF_REPORT_CONFESSION || in->reports[i]->round == round)) {
			latest = in->reports[i];
			count++;
		}
	return count < LIMIT_SELF_REPORTS ? NULL : latest;
}

/* Lifted two epochs ago: by then every node knows. */
static bool
is_long_lifted(const struct core *c, member_index author, uint32_t round)
{
	const struct object *release = peer_of(c, author)->incident.release;

	return release != NULL && round <= release->round &&
	       epoch_number(current_epoch(c)) >= release->epoch + 2;
}

static bool
is_spent(const struct core *c, const struct precaution *p)
{
	return (rounds_is_gone(c, p->subject) || is_long_lifted(c, p->subject, p->round)) &&
	       !precaution_matters(&c->precautions, p);
}

bool
selfreport_is_spent(const struct core *c, const struct object *o)
{
	struct precaution p = {
		.second = o->header.time_ms / 1000,
		.hash = o->hash,
		.subject = o->author,
		.round = o->round,
	};

	return o->report == SELF_REPORT_PRECAUTION && is_spent(c, &p);
}

enum err
selfreport_check(
    const struct core *c, const struct entry *e, const struct hash *hash, member_index author)
{
	const struct incident *in = &peer_of(c, author)->incident;
	const struct object *latest;
	struct precaution p = {
		.second = e->header.time_ms / 1000,
		.hash = *hash,
		.subject = author,
		.round = e->self_report.round,
	};

	/* A confession is about the key, whatever its round; what began the rounds of who left is gone. */
	if (e->self_report.kind == SELF_REPORT_PRECAUTION &&
	    ((e->self_report.round > in->round && !rounds_is_gone(c, author)) ||
	        is_spent(c, &p)))
		return ERR_ROUND;
	latest = latest_of_too_many(in, e->self_report.kind, e->self_report.round);
	return latest != NULL && objects_is_later(&e->header, &latest->header) ? ERR_FULL : ERR_OK;
}

void
selfreport_forget(struct core *c, const struct object *o)
{
	struct incident *in = &peer_of(c, o->author)->incident;
	size_t i = 0;

	while (i < in->report_count && in->reports[i] != o)
		i++;
	if (i == in->report_count)
		return;
	in->report_count--;
	memmove(
	    &in->reports[i], &in->reports[i + 1], (in->report_count - i) * sizeof(struct object *));
	precaution_remove(&c->precautions, &o->hash);
	if (in->confession == o)
		in->confession = NULL;
}

static enum err
make_room(struct incident *in)
{
	size_t room = in->report_room == 0 ? 4 : in->report_room * 2;
	struct object **list;

	if (in->report_count < in->report_room)
		return ERR_OK;
	if ((list = reallocarray(in->reports, room, sizeof(struct object *))) == NULL)
		return ERR_NOMEM;
	in->reports = list;
	in->report_room = room;
	return ERR_OK;
}

static enum err
remember(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->author)->incident;
	struct precaution p = {
		.second = o->header.time_ms / 1000,
		.hash = o->hash,
		.subject = o->author,
		.round = o->round,
	};
	size_t at = in->report_count;
	enum err err;

	if ((err = make_room(in)) != ERR_OK)
		return err;
	if (o->report == SELF_REPORT_PRECAUTION &&
	    (err = precaution_add(&c->precautions, &p)) != ERR_OK)
		return err;
	while (at > 0 && objects_is_later(&in->reports[at - 1]->header, &o->header))
		at--;
	memmove(&in->reports[at + 1], &in->reports[at],
	    (in->report_count - at) * sizeof(struct object *));
	in->reports[at] = o;
	in->report_count++;
	return ERR_OK;
}

/* The first that stands, for people: why did this one stand down? */
static void
report_stand_down(struct core *c, member_index subject)
{
	const struct precaution *first = precaution_first_standing(&c->precautions);
	struct core_action *a = actions_notice(&c->outbox, NOTICE_STAND_DOWN, subject);

	a->incident = ballots_incident_id(c, subject);
	if (first != NULL)
		a->notice.peer = first->subject;
}

/* What the set says of one subject. */
enum { SAID = 1, HELD = 2, STANDS = 4 };

static void
apply(struct core *c, member_index subject, uint32_t said)
{
	struct incident *in = &peer_of(c, subject)->incident;
	bool stands = (said & STANDS) != 0;
	bool down = !stands && (said & HELD) != 0;
	bool went_down = down && !in->precaution_down;

	if (stands == in->precaution_stands && down == in->precaution_down)
		return;
	in->precaution_stands = stands;
	in->precaution_down = down;
	if (!c->started)
		return;
	if (subject == c->self)
		isolation_update_lock(c);
	else
		isolation_update(c, subject);
	if (went_down)
		report_stand_down(c, subject);
}

static bool
is_over(const struct core *c, const struct precaution *p)
{
	return p->round < peer_of(c, p->subject)->incident.round || rounds_is_gone(c, p->subject);
}

void
selfreport_judge(struct core *c, member_index changed)
{
	const struct precautions *set = &c->precautions;
	uint32_t *said = c->scratch;
	bool gone;

	for (size_t i = 0; i < set->count; i++)
		set->list[i].over = is_over(c, &set->list[i]);
	precaution_judge(&c->precautions, epoch_precautions(current_epoch(c)), c->scratch);
	for (size_t i = 0; i < set->count; i++) {
		const struct precaution *p = &set->list[i];

		said[p->subject] |= SAID | (p->over ? 0 : HELD) | (p->stands ? STANDS : 0);
	}
	gone = said[changed] == 0;
	for (size_t i = 0; i < set->count; i++) {
		member_index subject = set->list[i].subject;

		if (said[subject] != 0)
			apply(c, subject, said[subject]);
		said[subject] = 0;
	}
	if (gone)
		apply(c, changed, 0);
}

void
selfreport_end_round(struct core *c, member_index subject)
{
	if (subject == c->self) {
		c->self_reports.precaution.wanted = false;
		c->touches.attacked_until_ms = 0;
	}
	selfreport_judge(c, subject);
}

const struct object *
selfreport_last(const struct incident *in)
{
	for (size_t i = in->report_count; i > 0; i--)
		if (in->reports[i - 1]->report == SELF_REPORT_PRECAUTION &&
		    in->reports[i - 1]->round == in->round)
			return in->reports[i - 1];
	return NULL;
}

/* The first that came holds it for good. */
static void
confess(struct core *c, struct incident *in, struct object *o)
{
	if (in->confession != NULL)
		return;
	in->confession = o;
	rounds_made_final(c, o->author);
}

enum err
selfreport_accept(struct core *c, struct object *o)
{
	struct incident *in = &peer_of(c, o->author)->incident;
	struct object *latest = latest_of_too_many(in, o->report, o->round);
	enum err err;

	if ((err = remember(c, o)) != ERR_OK)
		return err;
	if (latest != NULL)
		prune_object(c, latest);
	if (o->report == SELF_REPORT_PRECAUTION) {
		selfreport_judge(c, o->author);
	} else {
		confess(c, in, o);
		if (!c->started)
			peer_of(c, o->author)->isolation.severed = true;
		else if (o->author != c->self) {
			isolation_update(c, o->author);
			isolation_sever_soon(c, o->author);
		}
	}
	if (o->author == c->self)
		selfreport_pursue(c);
	if (c->started && o->author == c->self)
		isolation_update_lock(c);
	return ERR_OK;
}
