/*
 * engine_hear: what the siblings say.  Each message is checked for size,
 * enums and indexes, then turned into one event of the core.
 */
#include "proc/engine.h"
#include <stdio.h>
#include "base/hex.h"
#include "sys/log.h"

/* ---- decoy, watch ---------------------------------------------------------- */

static bool
address_is_sane(const struct address *a)
{
	return a->family == 4 || a->family == 6;
}

static bool
hints_are_sound(const struct msg_hints *hints)
{
	return hints->banner.size_bytes <= LIMIT_HINT_BYTES &&
	       hints->username.size_bytes <= LIMIT_HINT_BYTES &&
	       hints->user_agent.size_bytes <= LIMIT_HINT_BYTES &&
	       hints->path.size_bytes <= LIMIT_HINT_BYTES;
}

void
engine_hear_decoy(struct engine *e, const struct ipc_message *m)
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
		engine_advise(e, touch, event.touch.evidence);
		if (touch->suppressed > 0)
			log_warn("decoy: %u touches suppressed before this one", touch->suppressed);
		return;
	case MSG_CAPTURE:
		capture = ipc_expect(m, sizeof(*capture), &tail, &tail_bytes);
		if (capture == NULL || tail_bytes > LIMIT_CAPTURE_BYTES ||
		    !hints_are_sound(&capture->hints))
			break;
		engine_advise_more(e, capture, (struct span){ tail, tail_bytes });
		if (tail_bytes == 0)
			return;
		log_info("decoy: touch %llu captured %u bytes: %.*s",
		    (unsigned long long)capture->touch, capture->total_bytes,
		    (int)(tail_bytes < 256 ? tail_bytes : 256), (const char *)tail);
		return;
	default:
		break;
	}
	log_error("decoy: message %u of %zu bytes refused", m->type, m->size_bytes);
}

void
engine_hear_watch(struct engine *e, const struct ipc_message *m)
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
	char incident[HEX_ROOM(sizeof(done->incident.bytes))];

	hex_format(done->incident.bytes, sizeof(done->incident.bytes), incident);
	if (done->error != ERR_OK)
		log_error("incident=%s enforcement of request %u failed: %s", incident,
		    done->request, err_text((enum err)done->error));
	else if (done->kernel_ns > 0)
		log_info("incident=%s enforced in the kernel request=%u us=%llu", incident,
		    done->request, (unsigned long long)(done->kernel_ns / 1000));
	else if (done->sockets > 0)
		log_info("incident=%s sockets closed count=%u", incident, done->sockets);
	engine_cut_done(e, done->request);
	engine_enforced(e, done);
	if (e->barrier != 0 && done->request == e->barrier) {
		e->barrier = 0;
		engine_open_when_ready(e);
	}
}

static const char *
effective_text(uint32_t mode)
{
	static const char *const texts[] = {
		[EFFECTIVE_ENFORCE] = "enforce",
		[EFFECTIVE_OBSERVE] = "observe: nothing will be cut",
		[EFFECTIVE_LINKS_ONLY] = "no CAP_NET_ADMIN: only mesh links are severed",
		[EFFECTIVE_UNLOCKED] = "unlocked by phalanx unlock; phalanx unlock --undo ends it",
	};

	return texts[mode];
}

void
engine_hear_enforcer(struct engine *e, const struct ipc_message *m)
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
		    effective->mode > EFFECTIVE_UNLOCKED)
			break;
		e->effective = *effective;
		log_info("effective mode: %s", effective_text(effective->mode));
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
	if (!engine_append_done(e, done->request))
		return;
	if (done->error != ERR_OK)
		log_error("notary: entry refused: %s", err_text((enum err)done->error));
	engine_answered(
	    e, done->request, done->error == ERR_OK ? CORE_APPENDED : CORE_APPEND_FAILED, envelope);
}

static void
on_replayed(struct engine *e, const struct msg_replayed *done)
{
	struct core_event event = { .input = CORE_START };

	engine_append_again(e);
	engine_post_again(e);
	if (e->replayed)
		return;
	e->replayed = true;
	event.start.lost_state = done->lost_state != 0;
	event.start.sequence = done->sequence;
	event.start.hash = done->hash;
	engine_feed(e, &event);
	engine_enforce_again(e);
	engine_open_when_ready(e);
	engine_roster_again(e);
	engine_hooks_again(e);
}

static bool
on_roster_held(struct engine *e, enum role_id from, const struct ipc_message *m)
{
	const struct msg_roster_held *held = ipc_expect(m, sizeof(*held), NULL, NULL);

	if (held == NULL || held->error >= ERR_COUNT)
		return false;
	engine_roster_held(e, from, held);
	return true;
}

void
engine_hear_notary(struct engine *e, const struct ipc_message *m)
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
		engine_standing_add(e, event.restored.bytes);
		engine_feed(e, &event);
		return;
	case MSG_REPLAYED:
		replayed = ipc_expect(m, sizeof(*replayed), &tail, &tail_bytes);
		if (replayed == NULL)
			break;
		on_replayed(e, replayed);
		return;
	case MSG_ROSTER: {
		const struct msg_roster *part = ipc_expect(m, sizeof(*part), &tail, &tail_bytes);

		if (part == NULL)
			break;
		if (engine_roster_offer(
		        e, MEMBER_NONE, part->offset, (struct span){ tail, tail_bytes }) != ERR_OK)
			log_info("roster: others are under way; read it again when they are in");
		return;
	}
	case MSG_ROSTER_HELD:
		if (!on_roster_held(e, ROLE_NOTARY, m))
			break;
		return;
	case MSG_PIN: {
		const struct msg_pin *pin = ipc_expect(m, sizeof(*pin), NULL, NULL);

		if (pin == NULL || pin->source > PIN_KEPT)
			break;
		engine_pin(e, pin);
		return;
	}
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
	return member != e->self && roster_is_node(e->roster, (member_index)member);
}

static void
on_link(struct engine *e, const struct msg_link *link)
{
	struct core_event event = { .input = CORE_LINK_UP };
	struct msg_close_link close = { .peer = link->peer, .error = ERR_SUBJECT };

	/* Without a firewall a sever is this: the link may not stay. */
	if (link->change == LINK_UP &&
	    engine_strength(e, (member_index)link->peer) == STRENGTH_SEVER) {
		engine_tell(e, ROLE_NET, MSG_CLOSE_LINK, &close, sizeof(close), (struct span){ 0 });
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
	engine_tell(e, ROLE_NET, MSG_VOTE_ACK, &ack, sizeof(ack), (struct span){ 0 });
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

void
engine_hear_net(struct engine *e, const struct ipc_message *m)
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
	case MSG_ROSTER_HELD:
		if (!on_roster_held(e, ROLE_NET, m))
			break;
		return;
	case MSG_POSTED:
		if ((fixed = ipc_expect(m, sizeof(struct msg_posted), &tail, &tail_bytes)) == NULL)
			break;
		engine_posted(e, fixed, (struct span){ tail, tail_bytes });
		return;
	case MSG_COORDINATOR: {
		const struct msg_coordinator *verdict = ipc_expect(m, sizeof(*verdict), NULL, NULL);

		if (verdict == NULL || verdict->trust > TRUST_BAD_SIGNATURE)
			break;
		engine_trust(e, verdict);
		return;
	}
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
