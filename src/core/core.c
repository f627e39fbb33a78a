#include <stdlib.h>
#include <string.h>
#include "core/state.h"

static enum err
make_parts(struct core *c)
{
	uint64_t seed = c->config.seed;
	enum err err;

	if ((err = timerq_new(&c->timers)) != ERR_OK)
		return err;
	if ((err = actions_new(&c->outbox)) != ERR_OK)
		return err;
	if ((err = objects_new(&c->objects, c->crypto, seed)) != ERR_OK)
		return err;
	if ((err = epochs_make_room(c, roster_count(c->roster))) != ERR_OK)
		return err;
	c->member_count = roster_count(c->roster);
	epochs_adopt(c);
	if ((err = map_new(sizeof(struct address), seed, &c->local_cuts.by_address)) != ERR_OK)
		return err;
	if ((err = map_new(sizeof(struct address), seed, &c->indicators.by_address)) != ERR_OK)
		return err;
	return map_new(sizeof(struct address), seed, &c->neighbours.by_address);
}

enum err
core_new(const struct core_config *config, uint64_t now_ms, uint64_t unix_ms, struct core **out)
{
	struct core *c;
	enum err err;

	if (!roster_is_node(config->roster, config->self))
		return ERR_RANGE;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return ERR_NOMEM;
	c->config = *config;
	c->roster = config->roster;
	c->crypto = config->crypto;
	c->self = config->self;
	c->crossing_until_ms = now_ms + LIMIT_EPOCH_CROSSING_MS;
	c->now_ms = now_ms;
	c->unix_ms = unix_ms;
	prng_seed(&c->prng, config->seed);
	if ((err = make_parts(c)) != ERR_OK)
		goto fail;
	c->tick.kind = WAKE_TICK;
	c->lock.wake.kind = WAKE_LOCK;
	c->drafts.retry.kind = WAKE_APPEND;
	/* Every other queue may fail to grow; the tick's place is taken now. */
	if ((err = timerq_set(c->timers, &c->tick.timer, UINT64_MAX)) != ERR_OK)
		goto fail;

	*out = c;
	return ERR_OK;

fail:
	core_free(c);
	return err;
}

static void
free_peer(struct peer *p)
{
	ballots_free(&p->incident);
	indicators_free_reporter(p->reporter);
}

void
core_free(struct core *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->page_count * PEERS_A_PAGE; i++)
		free_peer(peer_of(c, i));
	spread_free(c);
	records_free(c);
	conviction_free(c);
	indicators_free(c);
	links_free(c);
	isolation_free(c);
	restrict_free(c);
	receive_free(&c->waiting);
	objects_free(&c->objects);
	precaution_free(&c->precautions);
	actions_free(&c->outbox);
	timerq_free(c->timers);
	for (size_t i = 0; i < c->page_block_count; i++)
		free(c->page_blocks[i]);
	free(c->page_blocks);
	free(c->pages);
	members_free(&c->near);
	members_free(&c->incidents);
	free(c->link_macs);
	free(c->scratch);
	free(c);
}

/* ---- events ----------------------------------------------------------------------- */

/* Saved quarantines go into force before the network opens, at full strength. */
static void
start(struct core *c, uint64_t sequence, const struct hash *hash, bool lost_state)
{
	const struct object *newest = objects_newest(&c->objects, c->self);

	if (c->started)
		return;
	receive_waiting(c);
	c->started = true;
	c->started_ms = c->unequal_ms = c->now_ms;
	c->next_exchange_ms = c->now_ms + prng_below(&c->prng, LIMIT_SYNC_MS);
	c->last_window = ballot_window(c->unix_ms);
	c->own_sequence = sequence;
	c->own_hash = *hash;
	if (newest != NULL)
		sync_check_own(c, MEMBER_NONE, &newest->header, &newest->hash);
	if (lost_state)
		sync_lost_state(c);
	isolation_lock_now(c);
	isolation_update_all(c);
	indicators_enforce(c, true);
	sync_evaluate(c);
	selfreport_pursue(c);
	links_greet_all(c);
	links_set_tick(c);
}

static void
confess(struct core *c, enum event_class reason, const struct hash *evidence_digest)
{
	struct wanted_report report = { .reason = reason, .evidence_digest = *evidence_digest };

	if (selfreport_want(c, SELF_REPORT_CONFESSION, &report))
		isolation_update_lock(c);
}

static void
dispatch(struct core *c, const struct core_event *ev)
{
	switch (ev->input) {
	case CORE_TIMEOUT:
		break; /* what is due is looked for in every step */
	case CORE_TOUCH:
		touch_decoy(c, &ev->touch);
		break;
	case CORE_MESSAGE:
		receive_message(c, ev->message.from, ev->message.bytes);
		break;
	case CORE_LINK_UP:
		if (is_other_node(c, ev->link.peer) && !epoch_has(current_epoch(c), ev->link.peer))
			links_refuse(c, ev->link.peer);
		else if (is_other_node(c, ev->link.peer))
			links_up(c, ev->link.peer, &ev->link.address);
		break;
	case CORE_LINK_DOWN:
		if (is_other_node(c, ev->link.peer))
			links_down(c, ev->link.peer);
		break;
	case CORE_APPENDED:
		drafts_returned(c, ev->appended.request, ev->appended.bytes);
		break;
	case CORE_APPEND_FAILED:
		drafts_failed(c, ev->appended.request);
		break;
	case CORE_RESTORED:
		if (!c->started)
			receive_restored(c, ev->restored.bytes);
		break;
	case CORE_START:
		start(c, ev->start.sequence, &ev->start.hash, ev->start.lost_state);
		break;
	case CORE_FLUSHED:
		isolation_flushed(c, ev->flushed.token);
		break;
	case CORE_NEIGHBOUR:
		links_neighbour(c, &ev->neighbour.address, &ev->neighbour.mac);
		break;
	case CORE_SUBMITTED:
		receive_submitted(c, ev->submitted.bytes);
		break;
	case CORE_ENFORCED:
		receipts_enforced(c, ev->enforced.subject, ev->enforced.held_us);
		break;
	case CORE_CONFESS:
		confess(c, ev->confess.reason, &ev->confess.evidence_digest);
		break;
	case CORE_ROSTER:
		if (ev->roster.next == NULL)
			records_refused(c, ev->roster.error);
		else
			epochs_extend(c, ev->roster.next);
		break;
	}
}

/* ---- timers --------------------------------------------------------------------------- */

static void
tick(struct core *c)
{
	uint64_t window = ballot_window(c->unix_ms);

	links_tick(c);
	conviction_pursue(c);
	indicators_pursue(c);
	receipts_pursue(c);
	/* A new window to vote in, or a budget that may have room again. */
	if (window != c->last_window || c->ticks % 8 == 0)
		vote_pursue_all(c);
	c->last_window = window;
}

static void
wake(struct core *c, struct wake *w)
{
	switch (w->kind) {
	case WAKE_TICK:
		tick(c);
		break;
	case WAKE_OBJECT:
		admit_expired(c, (struct object *)w);
		break;
	case WAKE_RELAY:
		spread_relay(c, (struct relay *)w);
		break;
	case WAKE_SEVER:
		isolation_sever_now(c, ((struct member_wake *)w)->member);
		break;
	case WAKE_MEMBER:
		isolation_member_expired(c, ((struct member_wake *)w)->member);
		break;
	case WAKE_RESTRICT:
		restrict_expired(c, (struct restriction *)w);
		break;
	case WAKE_ADDRESS:
		isolation_address_expired(c, (struct local_address *)w);
		break;
	case WAKE_INDICATOR:
		indicators_expired(c, (struct suspect *)w);
		break;
	case WAKE_LOCK:
		isolation_lock_now(c);
		break;
	case WAKE_APPEND:
		selfreport_pursue(c);
		conviction_pursue(c);
		vote_pursue_all(c);
		break;
	}
}

void
core_step(struct core *c, const struct core_event *ev, struct core_actions *out)
{
	size_t room_for_one = LIMIT_CORE_ACTIONS / 2;
	struct timer *due;

	if (ev->now_ms > c->now_ms)
		c->now_ms = ev->now_ms;
	c->unix_ms = ev->unix_ms;
	objects_sweep(&c->objects);
	actions_begin(&c->outbox, out);
	dispatch(c, ev);
	isolation_go_on(c);
	if (c->indicators.overdue)
		indicators_enforce(c, false);
	while (actions_have_room(&c->outbox, room_for_one) &&
	       (due = timerq_pop(c->timers, c->now_ms)) != NULL)
		wake(c, (struct wake *)due);
	actions_end(&c->outbox);
}

uint64_t
core_deadline(const struct core *c)
{
	return c->local_cuts.overdue || c->indicators.overdue ? c->now_ms : timerq_next(c->timers);
}
