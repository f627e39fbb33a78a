/*
 * engine: the process around the core.  Every message from a sibling is
 * checked here, turned into one core event, and the core's actions are carried
 * out at once and in order.
 *
 * Spec: docs/privsep.md, docs/protocol.md.
 */
#include "proc/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proc/profiles.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/log.h"

static struct engine engine;

uint32_t
engine_request(struct engine *e)
{
	if (++e->next_request == 0)
		e->next_request = 1;
	return e->next_request;
}

const char *
engine_member_name(const struct engine *e, member_index member)
{
	if (member == MEMBER_NONE || member >= roster_count(e->roster))
		return "-";
	return roster_member(e->roster, member)->name;
}

void
engine_feed(struct engine *e, struct core_event *event)
{
	event->now_ms = loop_now_ms();
	event->unix_ms = loop_unix_ms();
	core_step(e->core, event, &e->actions);
	for (size_t i = 0; i < e->actions.count; i++)
		engine_carry_out(e, &e->actions.list[i]);
	for (size_t i = 0; i < e->actions.count; i++)
		if (e->actions.list[i].what == CORE_DO_ENFORCE ||
		    e->actions.list[i].what == CORE_DO_LOCK)
			engine_log_enforce(e, &e->actions.list[i]);
	loop_timer_set(e->timer, core_deadline(e->core));
	engine_heartbeat(e);
	engine_post_batch(e);
}

static void
on_timer(void *context)
{
	struct core_event event = { .input = CORE_TIMEOUT };

	engine_feed(context, &event);
}

/*
 * DESIGN 4.5: a node that boots has its saved quarantines in the kernel before
 * it opens its network.
 */
void
engine_open_when_ready(struct engine *e)
{
	if (e->opened || !e->replayed || !e->enforcer_told || e->barrier != 0 ||
	    e->siblings[ROLE_NET] == NULL)
		return;
	if (ipc_send(e->siblings[ROLE_NET], MSG_OPEN, NULL, 0, NULL, 0) != ERR_OK)
		return;
	e->opened = true;
	log_info("network opens: saved state is in force");
}

/* ---- decoy, watch ---------------------------------------------------------- */

static bool
address_is_sane(const struct address *a)
{
	return a->family == 4 || a->family == 6;
}

static void
from_decoy(struct engine *e, const struct ipc_message *m)
{
	struct core_event event = { .input = CORE_TOUCH };
	const struct msg_touch *touch;
	const struct msg_capture *capture;
	const uint8_t *tail;
	size_t tail_bytes;

	switch (m->type) {
	case MSG_TOUCH:
		touch = ipc_expect(m, sizeof(*touch), &tail, &tail_bytes);
		if (touch == NULL || !address_is_sane(&touch->source.address) ||
		    !address_is_sane(&touch->destination.address) ||
		    touch->decoy >= e->config->decoy_count || tail_bytes > LIMIT_CAPTURE_BYTES)
			break;
		event.touch.source = touch->source;
		event.touch.destination = touch->destination;
		event.touch.decoy = touch->decoy;
		event.touch.seen_ms = touch->seen_ms;
		event.touch.data_seen = tail_bytes > 0;
		event.touch.evidence = (struct span){ tail, tail_bytes };
		engine_feed(e, &event);
		if (touch->suppressed > 0)
			log_warn("decoy: %u touches suppressed before this one", touch->suppressed);
		return;
	case MSG_CAPTURE:
		capture = ipc_expect(m, sizeof(*capture), &tail, &tail_bytes);
		if (capture == NULL || tail_bytes > LIMIT_CAPTURE_BYTES)
			break;
		log_info("decoy: touch %llu captured %u bytes: %.*s",
		    (unsigned long long)capture->touch, capture->total_bytes,
		    (int)(tail_bytes < 256 ? tail_bytes : 256), (const char *)tail);
		return;
	default:
		break;
	}
	log_error("decoy: message %u of %zu bytes refused", m->type, m->size_bytes);
}

static void
from_watch(struct engine *e, const struct ipc_message *m)
{
	struct core_event event = { .input = CORE_NEIGHBOUR };
	const struct msg_telemetry *telemetry;
	const struct msg_neighbour *neighbour;
	const uint8_t *tail;
	size_t tail_bytes;

	switch (m->type) {
	case MSG_TELEMETRY:
		telemetry = ipc_expect(m, sizeof(*telemetry), &tail, &tail_bytes);
		/* The comparisons are false for NaN too. */
		if (telemetry == NULL ||
		    !(telemetry->cpu_percent >= 0 && telemetry->cpu_percent <= 100) ||
		    !(telemetry->memory_percent >= 0 && telemetry->memory_percent <= 100))
			break;
		e->telemetry = *telemetry;
		return;
	case MSG_NEIGHBOUR:
		neighbour = ipc_expect(m, sizeof(*neighbour), &tail, &tail_bytes);
		if (neighbour == NULL || !address_is_sane(&neighbour->address))
			break;
		/* A gateway's link-layer address stands for everybody behind it. */
		if (neighbour->is_gateway)
			return;
		event.neighbour.address = neighbour->address;
		event.neighbour.mac = neighbour->mac;
		engine_feed(e, &event);
		return;
	default:
		break;
	}
	log_error("watch: message %u of %zu bytes refused", m->type, m->size_bytes);
}

/* ---- enforcer -------------------------------------------------------------- */

static void
on_enforced(struct engine *e, const struct msg_enforced *done)
{
	char incident[17];

	for (size_t i = 0; i < 8; i++)
		(void)snprintf(incident + 2 * i, 3, "%02x", done->incident.bytes[i]);
	if (done->error != ERR_OK)
		log_error("incident=%s enforcement of request %u failed: %s", incident,
		    done->request, err_text((enum err)done->error));
	else if (done->kernel_ns > 0)
		log_info("incident=%s enforced in the kernel request=%u us=%llu", incident,
		    done->request, (unsigned long long)(done->kernel_ns / 1000));
	else if (done->sockets > 0)
		log_info("incident=%s sockets closed count=%u", incident, done->sockets);
	if (e->barrier != 0 && done->request == e->barrier) {
		e->barrier = 0;
		engine_open_when_ready(e);
	}
}

static void
from_enforcer(struct engine *e, const struct ipc_message *m)
{
	const struct msg_enforced *done;
	const struct msg_effective *effective;
	const struct msg_drift *drift;
	const uint8_t *tail;
	size_t tail_bytes;

	switch (m->type) {
	case MSG_ENFORCED:
		done = ipc_expect(m, sizeof(*done), &tail, &tail_bytes);
		if (done == NULL || done->error >= ERR_COUNT)
			break;
		on_enforced(e, done);
		return;
	case MSG_EFFECTIVE:
		effective = ipc_expect(m, sizeof(*effective), &tail, &tail_bytes);
		if (effective == NULL || effective->mode < EFFECTIVE_ENFORCE ||
		    effective->mode > EFFECTIVE_LINKS_ONLY)
			break;
		e->effective = *effective;
		log_info("effective mode: %s", effective->mode == EFFECTIVE_ENFORCE ? "enforce"
		                               : effective->mode == EFFECTIVE_OBSERVE
		                                   ? "observe: nothing will be cut"
		                                   : "no CAP_NET_ADMIN: mesh links only");
		/* Nothing will be acknowledged where nothing is enforced. */
		if (effective->mode != EFFECTIVE_ENFORCE) {
			e->barrier = 0;
			engine_open_when_ready(e);
		}
		return;
	case MSG_DRIFT:
		drift = ipc_expect(m, sizeof(*drift), &tail, &tail_bytes);
		if (drift == NULL)
			break;
		e->drift.missing += drift->missing;
		e->drift.surplus += drift->surplus;
		e->drift.repaired += drift->repaired;
		log_warn("drift: kernel lacked %u, had %u too many, repaired %u", drift->missing,
		    drift->surplus, drift->repaired);
		return;
	default:
		break;
	}
	log_error("enforcer: message %u of %zu bytes refused", m->type, m->size_bytes);
}

/* ---- notary ---------------------------------------------------------------- */

static void
on_appended(struct engine *e, const struct msg_appended *done, struct span envelope)
{
	struct core_event event = { .input = CORE_APPENDED };

	if (!engine_append_done(e, done->request))
		return;
	if (done->error != ERR_OK) {
		log_error("notary: entry refused: %s", err_text((enum err)done->error));
		event.input = CORE_APPEND_FAILED;
	}
	event.appended.request = done->request;
	event.appended.bytes = envelope;
	engine_feed(e, &event);
}

static void
on_replayed(struct engine *e, const struct msg_replayed *done)
{
	struct core_event event = { .input = CORE_START };

	engine_append_again(e);
	if (e->replayed)
		return;
	e->replayed = true;
	event.start.lost_state = done->lost_state != 0;
	event.start.sequence = done->sequence;
	event.start.hash = done->hash;
	engine_feed(e, &event);
	engine_enforce_again(e);
	engine_open_when_ready(e);
}

static void
from_notary(struct engine *e, const struct ipc_message *m)
{
	struct core_event event = { .input = CORE_RESTORED };
	const struct msg_appended *appended;
	const struct msg_restored *restored;
	const struct msg_replayed *replayed;
	const struct msg_signed *made;
	const uint8_t *tail;
	size_t tail_bytes;

	switch (m->type) {
	case MSG_APPENDED:
		appended = ipc_expect(m, sizeof(*appended), &tail, &tail_bytes);
		if (appended == NULL || appended->error >= ERR_COUNT)
			break;
		on_appended(e, appended, (struct span){ tail, tail_bytes });
		return;
	case MSG_RESTORED:
		restored = ipc_expect(m, sizeof(*restored), &tail, &tail_bytes);
		if (restored == NULL)
			break;
		if (e->replayed) {
			if (restored->own)
				engine_append_matched(e, (struct span){ tail, tail_bytes });
			return;
		}
		event.restored.bytes = (struct span){ tail, tail_bytes };
		event.restored.own = restored->own != 0;
		engine_feed(e, &event);
		return;
	case MSG_REPLAYED:
		replayed = ipc_expect(m, sizeof(*replayed), &tail, &tail_bytes);
		if (replayed == NULL)
			break;
		on_replayed(e, replayed);
		return;
	case MSG_SIGNED:
		made = ipc_expect(m, sizeof(*made), &tail, &tail_bytes);
		if (made == NULL)
			break;
		engine_signed(e, made);
		return;
	default:
		break;
	}
	log_error("notary: message %u of %zu bytes refused", m->type, m->size_bytes);
}

/* ---- net ------------------------------------------------------------------- */

static bool
is_peer(const struct engine *e, uint32_t member)
{
	return member < roster_count(e->roster) && member != e->self;
}

static void
on_link(struct engine *e, const struct msg_link *link)
{
	struct core_event event = { .input = CORE_LINK_UP };
	struct msg_close_link close = { .peer = link->peer, .error = ERR_SUBJECT };

	/* Without a firewall a sever is this: the link may not stay. */
	if (link->change == LINK_UP && e->members[link->peer].strength == STRENGTH_SEVER) {
		(void)ipc_send(
		    e->siblings[ROLE_NET], MSG_CLOSE_LINK, &close, sizeof(close), NULL, 0);
		return;
	}
	if (link->change == LINK_DOWN)
		event.input = CORE_LINK_DOWN;
	log_info("link peer=%s %s%s%s", engine_member_name(e, (member_index)link->peer),
	    link->change == LINK_UP ? "up" : "down", link->change == LINK_UP ? "" : ": ",
	    link->change == LINK_UP ? "" : err_text((enum err)link->error));
	event.link.peer = (member_index)link->peer;
	event.link.address = link->far.address;
	engine_feed(e, &event);
}

/* The unary door: the core answers by what it refuses while it steps. */
static void
on_vote(struct engine *e, const struct msg_vote *vote, struct span bytes)
{
	struct core_event event = { .input = CORE_MESSAGE };
	struct msg_vote_ack ack = { .call = vote->call, .received = 1 };

	event.message.from = (member_index)vote->peer;
	event.message.bytes = bytes;
	engine_feed(e, &event);
	for (size_t i = 0; i < e->actions.count; i++) {
		const struct core_action *action = &e->actions.list[i];

		if (action->what == CORE_DO_NOTICE && action->notice.notice == NOTICE_REFUSED) {
			ack.received = 0;
			(void)snprintf(
			    ack.reason, sizeof(ack.reason), "%s", err_text(action->notice.error));
		}
	}
	(void)ipc_send(e->siblings[ROLE_NET], MSG_VOTE_ACK, &ack, sizeof(ack), NULL, 0);
}

static void
on_alarm(const struct msg_alarm *alarm)
{
	char source[46];
	char detail[sizeof(alarm->detail)];

	address_format(&alarm->source.address, source);
	(void)snprintf(detail, sizeof(detail), "%.*s", (int)sizeof(detail) - 1, alarm->detail);
	log_warn("net: %s source=%s port=%u %s",
	    alarm->alarm == ALARM_FLOOD      ? "flood"
	    : alarm->alarm == ALARM_STRANGER ? "stranger refused"
	                                     : "bad certificate refused",
	    source, alarm->source.port, detail);
}

static void
from_net(struct engine *e, const struct ipc_message *m)
{
	struct core_event event = { 0 };
	const uint8_t *tail;
	size_t tail_bytes;
	const void *fixed;

	switch (m->type) {
	case MSG_LINK: {
		const struct msg_link *link = fixed =
		    ipc_expect(m, sizeof(*link), &tail, &tail_bytes);

		if (fixed == NULL || !is_peer(e, link->peer) || link->error >= ERR_COUNT ||
		    (link->change != LINK_UP && link->change != LINK_DOWN))
			break;
		on_link(e, link);
		return;
	}
	case MSG_ENVELOPE: {
		const struct msg_envelope *from = fixed =
		    ipc_expect(m, sizeof(*from), &tail, &tail_bytes);

		if (fixed == NULL || !is_peer(e, from->peer) || tail_bytes > LIMIT_ENVELOPE_BYTES)
			break;
		event.input = CORE_MESSAGE;
		event.message.from = (member_index)from->peer;
		event.message.bytes = (struct span){ tail, tail_bytes };
		engine_feed(e, &event);
		return;
	}
	case MSG_VOTE: {
		const struct msg_vote *vote = fixed =
		    ipc_expect(m, sizeof(*vote), &tail, &tail_bytes);

		if (fixed == NULL || !is_peer(e, vote->peer) || tail_bytes > LIMIT_ENVELOPE_BYTES)
			break;
		on_vote(e, vote, (struct span){ tail, tail_bytes });
		return;
	}
	case MSG_FLUSHED: {
		const struct msg_flush *flush = fixed =
		    ipc_expect(m, sizeof(*flush), &tail, &tail_bytes);

		if (fixed == NULL)
			break;
		event.input = CORE_FLUSHED;
		event.flushed.token = flush->token;
		engine_feed(e, &event);
		return;
	}
	case MSG_POSTED:
		if ((fixed = ipc_expect(m, sizeof(struct msg_posted), &tail, &tail_bytes)) == NULL)
			break;
		engine_posted(e, fixed);
		return;
	case MSG_ALARM:
		if ((fixed = ipc_expect(m, sizeof(struct msg_alarm), &tail, &tail_bytes)) == NULL)
			break;
		on_alarm(fixed);
		return;
	default:
		break;
	}
	log_error("net: message %u of %zu bytes refused", m->type, m->size_bytes);
}

/* ---- channels --------------------------------------------------------------- */

static void
on_message(void *context, struct ipc *ipc, const struct ipc_message *m)
{
	struct engine *e = &engine;
	enum role_id from = *(const enum role_id *)context;

	(void)ipc;
	switch (from) {
	case ROLE_NOTARY:
		from_notary(e, m);
		break;
	case ROLE_ENFORCER:
		from_enforcer(e, m);
		break;
	case ROLE_NET:
		from_net(e, m);
		break;
	case ROLE_DECOY:
		from_decoy(e, m);
		break;
	case ROLE_WATCH:
		from_watch(e, m);
		break;
	case ROLE_PARENT:
	case ROLE_ENGINE:
	case ROLE_ID_COUNT:
		break;
	}
}

/* Every link is gone with the net process that held it. */
static void
forget_links(struct engine *e)
{
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		struct core_member_view view;
		struct core_event event = { .input = CORE_LINK_DOWN };

		core_view_member(e->core, (member_index)i, &view);
		if (!view.linked)
			continue;
		event.link.peer = (member_index)i;
		engine_feed(e, &event);
	}
}

static void
on_closed(void *context, struct ipc *ipc, enum err why)
{
	struct engine *e = &engine;
	enum role_id from = *(const enum role_id *)context;

	log_warn("a sibling is gone: role %d: %s", (int)from, err_text(why));
	if (e->siblings[from] != ipc)
		return;
	e->siblings[from] = NULL;
	ipc_free(ipc);
	if (from == ROLE_NET) {
		e->opened = false;
		forget_links(e);
	}
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	static const enum role_id roles[ROLE_ID_COUNT] = { ROLE_PARENT, ROLE_NOTARY, ROLE_ENFORCER,
		ROLE_NET, ROLE_DECOY, ROLE_WATCH, ROLE_ENGINE };
	struct engine *e = &engine;
	struct ipc_handler handler = { .message = on_message, .closed = on_closed };
	enum err err;

	handler.context = (void *)(uintptr_t)&roles[far];
	if (e->siblings[far] != NULL) {
		ipc_free(e->siblings[far]);
		e->siblings[far] = NULL;
		if (far == ROLE_NET) {
			e->opened = false;
			forget_links(e);
		}
	}
	if ((err = ipc_new(child->loop, fd, &handler, &e->siblings[far])) != ERR_OK) {
		log_error("channel to role %d: %s", (int)far, err_text(err));
		return;
	}
	if (far == ROLE_NOTARY)
		(void)ipc_send(e->siblings[far], MSG_REPLAY, NULL, 0, NULL, 0);
	else if (far == ROLE_ENFORCER && e->replayed)
		engine_enforce_again(e);
	engine_open_when_ready(e);
}

/* ---- start ------------------------------------------------------------------- */

static enum err
prepare(struct child *child)
{
	enum err err;

	err = identity_load_roster(
	    child->config.roster_file, child->config.ca_file, crypto_sodium(), &engine.roster);
	if (err != ERR_OK)
		log_error("roster %s: %s; copy it from the CA: phalanx ca bundle",
		    child->config.roster_file, err_text(err));
	return err;
}

static enum err
start(struct child *child)
{
	static struct core_config config;
	struct engine *e = &engine;
	enum err err;

	e->loop = child->loop;
	e->config = &child->config;
	e->started_ms = loop_now_ms();
	e->self = roster_find_name(e->roster, child->config.name);
	if (e->self == MEMBER_NONE) {
		log_error("node name %s is not in the roster of mesh %s", child->config.name,
		    roster_mesh_name(e->roster));
		return ERR_CONFIG;
	}
	config.roster = e->roster;
	config.crypto = crypto_sodium();
	config.self = e->self;
	config.policy =
	    child->config.policy == CONFIG_ASSUME_BREACH ? POLICY_ASSUME_BREACH : POLICY_ATTRIBUTE;
	config.threshold = child->config.threshold;
	config.corroboration = child->config.corroboration;
	config.seed = loop_now_ns() ^ loop_unix_ms();
	memcpy(config.ignored, child->config.ignored, sizeof(config.ignored));
	config.ignored_count = child->config.ignored_count;

	e->members = calloc(roster_count(e->roster), sizeof(*e->members));
	if (e->members == NULL)
		return ERR_NOMEM;
	if ((err = core_new(&config, loop_now_ms(), loop_unix_ms(), &e->core)) != ERR_OK)
		return err;
	if ((err = loop_timer_new(e->loop, on_timer, e, &e->timer)) != ERR_OK)
		return err;
	loop_timer_set(e->timer, core_deadline(e->core));
	log_info("engine of %s: mesh %s epoch %llu, %zu members, %zu heads", child->config.name,
	    roster_mesh_name(e->roster), (unsigned long long)roster_epoch(e->roster),
	    roster_count(e->roster), roster_heads(e->roster));
	return ERR_OK;
}

static void
control(struct child *child, int fd)
{
	(void)child;
	engine_control(&engine, fd);
}

int
main(int argc, char **argv)
{
	static const struct child_role role = {
		.id = ROLE_ENGINE,
		.name = "engine",
		.prepare = prepare,
		.profile = profile_engine,
		.start = start,
		.channel = channel,
		.control = control,
	};

	return child_main(argc, argv, &role);
}
