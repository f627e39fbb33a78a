/*
 * engine_control: answers to the phalanx program on this host.  The parent
 * accepted the connection and checked who it is; here it may ask, and hand in
 * what others have signed.
 */
#include "proc/engine.h"
#include <stdio.h>
#include <string.h>
#include "sys/log.h"

static void
fill_status(struct engine *e, struct msg_status *s)
{
	struct core_member_view member;
	struct core_view view;
	const struct member *self = roster_member(e->roster, e->self);
	const struct epoch *epoch = roster_current(e->roster);
	uint64_t others = epoch_heads(epoch);

	core_view(e->core, &view);
	core_view_member(e->core, e->self, &member);
	(void)snprintf(s->name, sizeof(s->name), "%s", self->name);
	(void)snprintf(s->mesh, sizeof(s->mesh), "%s", roster_mesh_name(e->roster));
	s->id = self->id;
	s->epoch = epoch_number(epoch);
	s->mesh_id = *roster_mesh(e->roster);
	s->incarnation = self->incarnation;
	s->roster_bytes = roster_records(e->roster).size_bytes;
	s->reloads = e->reloads;
	s->indicators = view.indicators;
	s->root = view.root;
	s->sequence = view.sequence;
	s->objects = view.objects;
	s->local_cuts = view.local_cuts;
	s->touches = view.touches;
	s->refused = view.refused;
	s->checks = view.checks;
	s->uptime_ms = loop_now_ms() - e->started_ms;
	s->heads = (uint32_t)epoch_heads(epoch);
	s->k = (uint32_t)epoch_k(epoch, e->config->corroboration);
	/* Heads needed against a subject that is one: what the tally will ask for. */
	for (uint32_t n = 1; n <= others && s->quorum == 0; n++)
		if (epoch_is_quorum(epoch, e->self, n, epoch_weight(epoch)))
			s->quorum = n;
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		struct core_member_view peer;

		core_view_member(e->core, (member_index)i, &peer);
		s->members += roster_is_node(e->roster, (member_index)i);
		s->links += peer.linked;
	}
	s->policy = (uint32_t)e->config->policy;
	s->mode = (uint32_t)e->config->mode;
	s->effective = e->effective.mode;
	s->features = e->effective;
	s->drift = e->drift;
	s->locked = (uint32_t)view.locked;
	s->status = (uint32_t)member.status;
	s->cpu_percent = e->telemetry.cpu_percent;
	s->memory_percent = e->telemetry.memory_percent;
	s->analysis = (uint32_t)e->config->analysis;
	s->opinions = e->opinion_count;
	s->unanswered = e->unanswered_count;
	s->synced = view.synced;
	s->lost_state = view.lost_state;
	s->clock_off = view.clock_off;
	s->coordinator_up = e->coordinator_up;
	s->trust = e->trusted.trust;
	s->pin = e->pin;
	s->seen = e->trusted.seen;
}

/* By number; heads of little weight may make it more. */
static uint32_t
quorum_of(const struct engine *e, member_index subject)
{
	const struct epoch *epoch = roster_current(e->roster);
	size_t heads = epoch_heads(epoch);
	size_t others = heads - (epoch_ordinal(epoch, subject) >= 0);
	size_t needed = heads <= 4 ? others : others / 2 + 1;

	return needed < 2 ? 2 : (uint32_t)needed;
}

static void
fill_member(const struct engine *e, member_index index, struct msg_member *m)
{
	const struct member *member = roster_member(e->roster, index);
	struct core_member_view view;

	memset(&view, 0, sizeof(view));
	if (roster_is_node(e->roster, index))
		core_view_member(e->core, index, &view);
	(void)snprintf(m->name, sizeof(m->name), "%s", member->name);
	m->id = member->id;
	m->status = (uint32_t)view.status;
	m->strength = (uint32_t)view.strength;
	m->votes = view.votes;
	m->statements = view.statements;
	m->round = view.round;
	m->since_ms = view.since_ms;
	m->feed_sequence = view.feed_sequence;
	m->incident = view.incident;
	m->incarnation = member->incarnation;
	m->not_after_ms = member->not_after_ms;
	m->role = (uint32_t)member->role;
	m->weight = epoch_weight_of(roster_current(e->roster), index);
	m->needed = quorum_of(e, index);
	m->release_votes = e->members[index] == NULL ? 0 : e->members[index]->release_votes;
	m->key = member->key;
	m->certificate = view.certificate;
	m->report_incarnation = view.report_incarnation;
	m->report_sequence = view.report_sequence;
	m->proven = view.proven;
	m->restricted = view.restricted;
	m->release_asked = view.release_asked;
	m->has_certificate = view.has_certificate;
	if (member->address_count > 0)
		m->address = member->addresses[0];
	m->is_self = index == e->self;
	m->is_head = epoch_ordinal(roster_current(e->roster), index) >= 0;
	m->linked = view.linked;
	m->alive = view.alive;
	m->certified = view.certified;
	m->confessed = view.confessed;
	m->precaution_stands = view.precaution_stands;
	m->precaution_stood_down = view.precaution_stood_down;
}

/* Oldest first. */
static enum err
tell_opinions(const struct engine *e, struct ipc *client)
{
	const uint64_t count = e->opinion_count;
	enum err err = ERR_OK;
	uint64_t i;

	for (i = count < LIMIT_OPINIONS_KEPT ? 0 : count - LIMIT_OPINIONS_KEPT;
	     i < count && err == ERR_OK; i++)
		err = ipc_send(client, MSG_JUDGED, &e->opinions[i % LIMIT_OPINIONS_KEPT],
		    sizeof(*e->opinions), NULL, 0);
	return err;
}

static enum err
answer(struct engine *e, struct ipc *client, enum ask ask)
{
	struct msg_status status = { 0 };
	enum err err = ERR_OK;

	switch (ask) {
	case ASK_STATUS:
		fill_status(e, &status);
		return ipc_send(client, MSG_STATUS, &status, sizeof(status), NULL, 0);
	case ASK_MEMBERS:
		for (size_t i = 0; i < roster_count(e->roster) && err == ERR_OK; i++) {
			struct msg_member member = { 0 };

			fill_member(e, (member_index)i, &member);
			err = ipc_send(client, MSG_MEMBER, &member, sizeof(member), NULL, 0);
		}
		return err;
	case ASK_OPINIONS:
		return tell_opinions(e, client);
	}
	return ERR_RANGE;
}

/* ---- what is handed in ----------------------------------------------------------- */

/* What the core refused while it took this in; OK: nothing. */
static enum err
submit(struct engine *e, struct span envelope)
{
	struct core_event event = { .input = CORE_SUBMITTED };

	if (!e->replayed)
		return ERR_AGAIN;
	if (envelope.size_bytes == 0 || envelope.size_bytes > LIMIT_ENVELOPE_BYTES)
		return ERR_OVERSIZE;
	event.submitted.bytes = envelope;
	engine_feed(e, &event);
	for (size_t i = 0; i < e->actions.count; i++) {
		const struct core_action *action = &e->actions.list[i];

		if (action->what == CORE_DO_NOTICE && action->notice.notice == NOTICE_REFUSED)
			return action->notice.error;
	}
	return ERR_OK;
}

static enum err
submit_roster(struct engine *e, const struct msg_roster *part, struct span records)
{
	enum err err = engine_roster_offer(e, MEMBER_NONE, part->offset, records);

	return err == ERR_OK ? engine_roster_prove(e) : err;
}

static enum err
carry_out(struct engine *e, struct ipc *client, const struct ipc_message *m)
{
	const struct msg_roster *part;
	const struct msg_ask *ask;
	const uint8_t *tail;
	size_t tail_bytes;

	switch (m->type) {
	case MSG_ASK:
		if ((ask = ipc_expect(m, sizeof(*ask), &tail, &tail_bytes)) == NULL)
			return ERR_MALFORMED;
		if (ask->version != MESSAGES_VERSION)
			return ERR_VERSION;
		return answer(e, client, (enum ask)ask->ask);
	case MSG_SUBMIT:
		return submit(e, (struct span){ m->data, m->size_bytes });
	case MSG_SUBMIT_ROSTER:
		if ((part = ipc_expect(m, sizeof(*part), &tail, &tail_bytes)) == NULL)
			return ERR_MALFORMED;
		return submit_roster(e, part, (struct span){ tail, tail_bytes });
	default:
		return ERR_MALFORMED;
	}
}

static void
drop(struct engine *e, struct ipc *client)
{
	for (size_t i = 0; i < ENGINE_CONTROLS; i++)
		if (e->controls[i] == client)
			e->controls[i] = NULL;
	ipc_free(client);
}

static void
on_message(void *context, struct ipc *client, const struct ipc_message *m)
{
	struct engine *e = context;
	struct msg_answered done = { .error = (uint32_t)carry_out(e, client, m) };

	if (ipc_send(client, MSG_ANSWERED, &done, sizeof(done), NULL, 0) != ERR_OK)
		log_warn("control: a client did not take its answer");
}

static void
on_closed(void *context, struct ipc *client, enum err why)
{
	(void)why;
	drop(context, client);
}

void
engine_control(struct engine *e, int fd)
{
	struct ipc_handler handler = { .message = on_message, .closed = on_closed, .context = e };
	size_t place = 0;

	while (place < ENGINE_CONTROLS && e->controls[place] != NULL)
		place++;
	/* All places taken: whoever came first has waited longest. */
	if (place == ENGINE_CONTROLS) {
		drop(e, e->controls[0]);
		place = 0;
	}
	if (ipc_new(e->loop, fd, &handler, &e->controls[place]) != ERR_OK)
		log_warn("control: no room for a client");
}
