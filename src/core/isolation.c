#include <stdlib.h>
#include "core/state.h"

static enum err
set_timer(
    struct core *c, struct member_wake *w, enum wake_kind kind, member_index member, uint64_t in_ms)
{
	w->wake.kind = kind;
	w->member = member;
	return timerq_set(c->timers, &w->wake.timer, c->now_ms + in_ms);
}

/* ---- members -------------------------------------------------------------------- */

bool
isolation_is_condemned(const struct core *c, member_index subject)
{
	const struct incident *in = &peer_of(c, subject)->incident;

	return in->quorum || in->certificate != NULL || in->confession != NULL || in->proof != NULL;
}

bool
isolation_is_quarantined(const struct core *c, member_index subject)
{
	return isolation_is_condemned(c, subject) ||
	       peer_of(c, subject)->incident.precaution_stands;
}

/* The one function from grounds to strength; until: 0 for as long as they stand. */
static enum strength
demanded(const struct core *c, member_index subject, uint64_t *until_ms)
{
	const struct peer *p = peer_of(c, subject);

	*until_ms = 0;
	if (isolation_is_condemned(c, subject))
		return p->isolation.severed ? STRENGTH_SEVER : STRENGTH_CUT;
	if (p->incident.precaution_stands)
		return STRENGTH_CUT;
	if (timer_is_set(&p->isolation.local.wake.timer))
		*until_ms = p->isolation.local_until_ms;
	if (*until_ms < restrict_until_ms(c, subject))
		*until_ms = restrict_until_ms(c, subject);
	if (*until_ms != 0)
		return STRENGTH_CUT;
	return c->synced ? STRENGTH_NONE : STRENGTH_HOLD;
}

enum strength
isolation_in_force(const struct core *c, member_index subject)
{
	const struct isolation *i = &peer_of(c, subject)->isolation;

	if (i->own)
		return i->in_force;
	/* What is done to everybody is done to hosts; officials are none. */
	if (!is_other_node(c, subject))
		return STRENGTH_NONE;
	return subject < c->everybody.reached ? c->everybody.now : c->everybody.before;
}

/* NULL: no room in this step. */
static struct core_action *
enforce(struct core *c, member_index subject, enum strength strength, uint64_t until_ms)
{
	struct core_action *a;

	if (!actions_have_room(&c->outbox, 1)) {
		if (!c->local_cuts.overdue || subject < c->local_cuts.overdue_from)
			c->local_cuts.overdue_from = subject;
		c->local_cuts.overdue = true;
		return NULL;
	}
	a = actions_add(&c->outbox, CORE_DO_ENFORCE);
	a->enforce.subject = subject;
	a->enforce.mac = c->link_macs[subject];
	a->enforce.strength = strength;
	a->enforce.expires_ms = until_ms == 0 ? 0 : until_ms - c->now_ms;
	return a;
}

void
isolation_update(struct core *c, member_index subject)
{
	struct isolation *i = &peer_of(c, subject)->isolation;
	struct core_action *a;
	enum strength strength;
	uint64_t until_ms;

	if (!c->started || !is_other_node(c, subject))
		return;
	strength = demanded(c, subject, &until_ms);
	if (strength == isolation_in_force(c, subject) && until_ms == i->in_force_until_ms)
		return;
	if ((a = enforce(c, subject, strength, until_ms)) == NULL)
		return;
	a->incident = ballots_incident_id(c, subject);
	i->in_force = strength;
	i->in_force_until_ms = until_ms;
	i->own = strength != c->everybody.now || until_ms != 0 || subject >= c->everybody.reached;
}

static void
change_everybody(struct core *c, enum strength strength)
{
	struct everybody *e = &c->everybody;

	/* Cut short, the change before leaves two kinds: the lesser part remembers. */
	for (size_t m = 0; e->reached < c->member_count && m < e->reached; m++) {
		struct isolation *i = &peer_of(c, m)->isolation;

		if (!i->own)
			i->in_force = e->now;
		i->own = true;
	}
	if (e->reached == c->member_count)
		e->before = e->now;
	e->now = strength;
	e->reached = 0;
}

/* The next one that the change has not reached.  False: no room. */
static bool
reach_next(struct core *c)
{
	struct everybody *e = &c->everybody;
	member_index next = (member_index)e->reached;
	struct isolation *i = &peer_of(c, next)->isolation;
	uint64_t until_ms;

	if (is_other_node(c, next) && !i->own && e->now != e->before) {
		if (demanded(c, next, &until_ms) != e->now || until_ms != 0) {
			i->in_force = e->before;
			i->own = true;
		} else if (enforce(c, next, e->now, 0) == NULL) {
			return false;
		}
	}
	/* Who joins the roster later is not held yet. */
	if (++e->reached == c->member_count)
		e->before = STRENGTH_NONE;
	return true;
}

/* Who stands before `first` is held as is due. */
static void
update_from(struct core *c, size_t first)
{
	c->local_cuts.overdue = false;
	for (size_t i = first; i < c->member_count; i++) {
		if (i == c->everybody.reached && !reach_next(c))
			return;
		isolation_update(c, (member_index)i);
		if (c->local_cuts.overdue)
			return;
	}
}

void
isolation_update_all(struct core *c)
{
	enum strength strength = c->synced ? STRENGTH_NONE : STRENGTH_HOLD;

	if (!c->started)
		return;
	if (c->everybody.now != strength)
		change_everybody(c, strength);
	update_from(c, 0);
}

void
isolation_go_on(struct core *c)
{
	if (c->local_cuts.overdue)
		update_from(c, c->local_cuts.overdue_from);
}

bool
isolation_cut_member(struct core *c, member_index subject)
{
	struct isolation *i = &peer_of(c, subject)->isolation;
	bool already = timer_is_set(&i->local.wake.timer);

	/* So many at a time, the oldest kept: touches alone cannot make us leave the mesh. */
	if (!already && c->local_cuts.members >= epoch_local_cuts(current_epoch(c)))
		return false;
	if (set_timer(c, &i->local, WAKE_MEMBER, subject, LIMIT_LOCAL_CUT_MS) != ERR_OK)
		return false;
	if (!already)
		c->local_cuts.members++;
	i->local_until_ms = c->now_ms + LIMIT_LOCAL_CUT_MS;
	isolation_update(c, subject);
	return true;
}

void
isolation_member_expired(struct core *c, member_index subject)
{
	c->local_cuts.members--;
	isolation_update(c, subject);
}

void
isolation_end_round(struct core *c, member_index subject)
{
	struct isolation *i = &peer_of(c, subject)->isolation;

	if (timer_is_set(&i->local.wake.timer)) {
		timerq_cancel(c->timers, &i->local.wake.timer);
		c->local_cuts.members--;
	}
	restrict_end(c, subject);
}

void
isolation_released(struct core *c, member_index subject)
{
	struct isolation *i = &peer_of(c, subject)->isolation;

	if (!isolation_is_condemned(c, subject)) {
		timerq_cancel(c->timers, &i->sever.wake.timer);
		i->severed = false;
	}
	if (subject == c->self)
		isolation_update_lock(c);
	else
		isolation_update(c, subject);
}

void
isolation_sever_soon(struct core *c, member_index subject)
{
	struct isolation *i = &peer_of(c, subject)->isolation;

	if (i->severed || timer_is_set(&i->sever.wake.timer))
		return;
	if (set_timer(c, &i->sever, WAKE_SEVER, subject, LIMIT_SEVER_DELAY_MS) != ERR_OK)
		isolation_sever_now(c, subject);
}

void
isolation_sever_now(struct core *c, member_index subject)
{
	peer_of(c, subject)->isolation.severed = true;
	isolation_update(c, subject);
}

/* ---- addresses outside the mesh --------------------------------------------------- */

bool
isolation_update_address(struct core *c, const struct address *address)
{
	const struct local_address *l = map_get(c->local_cuts.by_address, address);
	uint64_t until_ms = indicators_blocked_until(c, address);
	struct core_action *a;

	if (!actions_have_room(&c->outbox, 1))
		return false;
	if (l != NULL && l->until_ms > until_ms)
		until_ms = l->until_ms;
	a = actions_add(&c->outbox, CORE_DO_ENFORCE);
	a->incident = l != NULL ? l->incident : indicators_incident(c, address);
	a->enforce.subject = MEMBER_NONE;
	a->enforce.address = *address;
	a->enforce.mac = links_mac_of(c, address);
	/* An outsider has no mesh port to be spared. */
	a->enforce.strength = until_ms > c->now_ms ? STRENGTH_SEVER : STRENGTH_NONE;
	a->enforce.expires_ms = until_ms > c->now_ms ? until_ms - c->now_ms : 0;
	return true;
}

enum err
isolation_cut_address(
    struct core *c, const struct address *address, const struct incident_id *incident)
{
	struct local_address *l = map_get(c->local_cuts.by_address, address);
	enum err err;

	if (l == NULL) {
		if (map_count(c->local_cuts.by_address) >= LIMIT_LOCAL_CUTS)
			return ERR_FULL;
		if ((l = calloc(1, sizeof(*l))) == NULL)
			return ERR_NOMEM;
		l->wake.kind = WAKE_ADDRESS;
		l->address = *address;
		if ((err = map_put(c->local_cuts.by_address, address, l)) != ERR_OK) {
			free(l);
			return err;
		}
	}
	l->incident = *incident;
	if ((err = timerq_set(c->timers, &l->wake.timer, c->now_ms + LIMIT_LOCAL_CUT_MS)) !=
	    ERR_OK) {
		free(map_remove(c->local_cuts.by_address, address));
		return err;
	}
	l->until_ms = c->now_ms + LIMIT_LOCAL_CUT_MS;
	(void)isolation_update_address(c, address);
	return ERR_OK;
}

void
isolation_address_expired(struct core *c, struct local_address *l)
{
	/* The kernel lets go by itself; what others report stays until its own time. */
	if (indicators_blocked_until(c, &l->address) == 0)
		(void)isolation_update_address(c, &l->address);
	map_remove(c->local_cuts.by_address, &l->address);
	free(l);
}

void
isolation_spare_members(struct core *c)
{
	size_t cursor = 0, holders;
	void *value;

	while (map_next(c->local_cuts.by_address, &cursor, NULL, &value)) {
		struct local_address *l = value;

		(void)roster_find_address(c->roster, &l->address, &holders);
		if (holders == 0)
			continue;
		timerq_cancel(c->timers, &l->wake.timer);
		isolation_address_expired(c, l);
		cursor = 0;
	}
}

void
isolation_free(struct core *c)
{
	size_t cursor = 0;
	void *value;

	while (c->local_cuts.by_address != NULL &&
	       map_next(c->local_cuts.by_address, &cursor, NULL, &value))
		free(value);
	map_free(c->local_cuts.by_address);
}

/* ---- this host ---------------------------------------------------------------------- */

static enum strength
demanded_of_self(const struct core *c)
{
	const struct incident *in = &peer_of(c, c->self)->incident;

	if (in->certificate != NULL || in->confession != NULL || in->proof != NULL)
		return STRENGTH_SEVER;
	/* A confession that cannot be written yet still leaves the mesh port to send it later. */
	if (in->precaution_stands || c->self_reports.confession.wanted)
		return STRENGTH_CUT;
	return STRENGTH_NONE;
}

static void
set_lock(struct core *c, enum strength strength)
{
	struct lock *l = &c->lock;
	struct core_action *a;

	timerq_cancel(c->timers, &l->wake.timer);
	l->target = strength;
	if (l->in_force == strength)
		return;
	l->in_force = strength;
	a = actions_add(&c->outbox, CORE_DO_LOCK);
	a->incident = ballots_incident_id(c, c->self);
	a->lock.strength = strength;
}

void
isolation_update_lock(struct core *c)
{
	struct lock *l = &c->lock;
	enum strength strength = demanded_of_self(c);
	struct core_action *a;

	if (!c->started)
		return;
	if (strength <= l->in_force) {
		set_lock(c, strength);
		return;
	}
	if (strength == l->target)
		return;
	/* What says why must leave this host first. */
	l->target = strength;
	l->token++;
	a = actions_add(&c->outbox, CORE_DO_FLUSH);
	a->incident = ballots_incident_id(c, c->self);
	a->flush.token = l->token;
	if (timerq_set(c->timers, &l->wake.timer, c->now_ms + LIMIT_SEVER_DELAY_MS) != ERR_OK)
		set_lock(c, strength);
}

void
isolation_flushed(struct core *c, uint32_t token)
{
	if (token == c->lock.token && c->lock.target > c->lock.in_force)
		set_lock(c, c->lock.target);
}

void
isolation_lock_now(struct core *c)
{
	set_lock(c, demanded_of_self(c));
}
