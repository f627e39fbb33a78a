/*
 * engine_report: what people are told: a line in the log for every notice,
 * and for the coordinator telemetry, reports and the entries that prove them.
 */
#include "proc/engine.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/rules.h"
#include "proc/engine_text.h"
#include "sys/log.h"

/* ---- heartbeat ----------------------------------------------------------------------- */

static void
post_telemetry(struct engine *e)
{
	struct text text = { .size = 0 };
	struct core_member_view view;
	const uint32_t drift = e->drift.missing + e->drift.surplus;
	bool first = true;

	core_view_member(e->core, e->self, &view);
	text_put(&text, "{\"node_id\":\"%s\",\"status\":\"%s\",\"peers\":[", e->config->name,
	    node_status_text(view.status));
	for (size_t i = 0; i < roster_count(e->roster); i++) {
		core_view_member(e->core, (member_index)i, &view);
		/* A name may take all of its limit; the list ends before the buffer does. */
		if (!view.linked || text.size + LIMIT_NAME_BYTES + 128 > sizeof(text.bytes))
			continue;
		text_put(&text, "%s\"%s\"", first ? "" : ",",
		    roster_member(e->roster, (member_index)i)->name);
		first = false;
	}
	text_put(&text,
	    "],\"cpu_pct\":%.1f,\"ram_pct\":%.1f,\"mode\":\"%s\",\"drift\":%u,\"decoys\":%u"
	    ",\"roster\":%zu}",
	    (double)e->telemetry.cpu_percent, (double)e->telemetry.memory_percent,
	    e->config->mode == CONFIG_OBSERVE ? "observe" : "enforce", drift - e->drift_told,
	    e->config->decoy_count, roster_records(e->roster).size_bytes);
	e->drift_told = drift;
	engine_post(e, HTTP_TELEMETRY, text.bytes, text.size);
}

/* No timer of its own: it rides on whatever wakes the engine next. */
void
engine_heartbeat(struct engine *e)
{
	uint64_t now_ms = loop_now_ms();

	if (!e->opened || now_ms < e->heartbeat_ms)
		return;
	e->heartbeat_ms = now_ms + LIMIT_HEARTBEAT_MS;
	if (now_ms >= e->register_ms)
		engine_post_registration(e);
	post_telemetry(e);
	engine_ask_release(e);
}

/* ---- notices --------------------------------------------------------------------------- */

static void
put_endpoint(struct text *t, const char *key, const struct endpoint *endpoint)
{
	char address[46];

	if (endpoint->address.family == 0)
		return;
	address_format(&endpoint->address, address);
	text_put(t, endpoint->address.family == 6 ? " %s=[%s]:%u" : " %s=%s:%u", key, address,
	    endpoint->port);
}

const char *
engine_decision(const struct engine *e, const struct core_action *action)
{
	if (e->config->mode == CONFIG_OBSERVE)
		return "monitor";
	switch (action->notice.cause) {
	case CAUSE_MEMBER:
	case CAUSE_INSIDE:
	case CAUSE_OUTSIDE:
		return action->notice.score > e->config->threshold ? "quarantine" : "monitor";
	case CAUSE_NONE:
	case CAUSE_AMBIGUOUS:
	case CAUSE_IGNORED:
	case CAUSE_REPEATED:
		break;
	}
	return "monitor";
}

/* The reason was written by a model that an attacker may have talked to. */
static void
put_opinion(struct text *t, const struct msg_opinion *opinion)
{
	text_put(t, ",\"opinion\":%u,\"model\":\"", opinion->opinion);
	text_put_json(t, opinion->model);
	text_put(t, "\",\"reason\":\"");
	text_put_json(t, opinion->reason);
	text_put(t, "\"");
}

void
engine_report(
    struct engine *e, const struct engine_report *report, const struct msg_opinion *opinion)
{
	const uint32_t score = opinion == NULL
	                           ? report->floor
	                           : rules_bound(report->class, report->floor, opinion->opinion);
	struct text text = { .size = 0 };
	char source[46];

	address_format(&report->source, source);
	text_put(&text,
	    "{\"node_id\":\"%s\",\"score\":%u,\"event_type\":\"%s\",\"source_ip\":\"%s\","
	    "\"decision\":\"%s\",\"method\":\"%s\",\"incident\":\"",
	    e->config->name, score, event_class_text(report->class), source, report->decision,
	    opinion == NULL ? "rule-based" : "ai");
	text_put_hex(&text, report->incident.bytes, sizeof(report->incident.bytes));
	text_put(&text, "\"");
	if (opinion != NULL)
		put_opinion(&text, opinion);
	text_put(&text, "}");
	engine_post(e, HTTP_REPORT, text.bytes, text.size);
}

static void
report_touch(struct engine *e, const struct core_action *action)
{
	const struct engine_report report = { .incident = action->incident,
		.class = action->notice.class,
		.source = action->notice.source.address,
		.floor = action->notice.score,
		.decision = engine_decision(e, action) };

	engine_report(e, &report, NULL);
}

static void
put_touch(const struct engine *e, struct text *t, const struct core_action *action)
{
	static const char *const kinds[] = {
		[DECOY_TCP] = "tcp", [DECOY_SSH] = "ssh", [DECOY_HTTP] = "http"
	};
	const struct config_decoy *decoy;

	if (action->notice.decoy < e->config->decoy_count) {
		decoy = &e->config->decoys[action->notice.decoy];
		text_put(t, " decoy=%s:%u", kinds[decoy->kind], decoy->port);
	}
	text_put(t, " event=%s score=%u method=rule-based cause=%s decision=%s",
	    event_class_text(action->notice.class), action->notice.score,
	    cause_text(action->notice.cause), engine_decision(e, action));
}

/* What a decision means, in words. */
static void
put_decision(struct text *t, const struct core_action *action)
{
	if (action->notice.notice == NOTICE_VERDICT)
		text_put(t, " level=%s",
		    action->notice.level == LEVEL_RELEASE ? "release" : "quarantine");
	else if (action->notice.notice == NOTICE_RESTRICTED)
		text_put(t, " %s",
		    action->notice.error == ERR_OK ? "cut without a vote"
		                                   : "not cut: as many as may be are already");
	else if (action->notice.notice == NOTICE_RELEASE)
		text_put(t, " verified operator asks to readmit");
	else if (action->notice.notice == NOTICE_RELEASED)
		text_put(t, " verified readmitted: the round is over");
	else if (action->notice.notice == NOTICE_PROOF)
		text_put(t, " verified signed two entries that contradict: never to be readmitted");
	else if (action->notice.notice == NOTICE_INDICATOR)
		text_put(t, " event=%s %s", event_class_text(action->notice.class),
		    action->notice.standing ? "blocked: enough groups report it" : "reported");
}

static bool
is_alarm(const struct core_action *action)
{
	enum notice notice = action->notice.notice;

	return action->notice.error != ERR_OK ||
	       (notice >= NOTICE_LOST_STATE && notice != NOTICE_RELEASE &&
	           notice != NOTICE_RELEASED && notice != NOTICE_INDICATOR);
}

static void
log_notice(const struct engine *e, const struct core_action *action)
{
	struct text t = { .size = 0 };
	static const struct incident_id none;

	if (memcmp(&action->incident, &none, sizeof(none)) != 0) {
		text_put(&t, "incident=");
		text_put_hex(&t, action->incident.bytes, sizeof(action->incident.bytes));
		text_put(&t, " ");
	}
	text_put(&t, "%s", notice_text(action->notice.notice));
	if (action->notice.subject != MEMBER_NONE)
		text_put(&t, " subject=%s", engine_member_name(e, action->notice.subject));
	if (action->notice.peer != MEMBER_NONE)
		text_put(&t, " from=%s", engine_member_name(e, action->notice.peer));
	put_endpoint(&t, "source", &action->notice.source);
	if (action->notice.notice == NOTICE_TOUCH)
		put_touch(e, &t, action);
	if (action->notice.needed > 0)
		text_put(&t, " votes=%u/%u", action->notice.votes, action->notice.needed);
	if (action->notice.notice == NOTICE_SELF_REPORT ||
	    action->notice.notice == NOTICE_CERTIFICATE)
		text_put(&t, " verified %s",
		    action->notice.standing ? "stands: quarantined" : "does not stand: attacked");
	put_decision(&t, action);
	if (action->notice.error != ERR_OK)
		text_put(&t, " error=\"%s\"", err_text(action->notice.error));
	if (is_alarm(action))
		log_warn("%s", t.bytes);
	else
		log_info("%s", t.bytes);
}

/*
 * An author tells the coordinator what it signed; everybody tells what they
 * accepted of a quarantine, so that the subject's silence hides nothing.
 */
static void
gather_object(struct engine *e, const struct core_action *action)
{
	struct span object = action->notice.object;

	if (object.size_bytes == 0)
		return;
	switch (action->notice.notice) {
	case NOTICE_SELF_REPORT:
	case NOTICE_CERTIFICATE:
	case NOTICE_PROOF:
	case NOTICE_RELEASE:
	case NOTICE_RELEASED:
		engine_standing_add(e, object);
		engine_post_entry(e, object);
		engine_hooks_object(e, object);
		break;
	case NOTICE_STATEMENT:
	case NOTICE_VERDICT:
	case NOTICE_INDICATOR:
		if (action->notice.peer == e->self)
			engine_post_entry(e, object);
		break;
	case NOTICE_TOUCH:
	case NOTICE_STAND_DOWN:
	case NOTICE_REFUSED:
	case NOTICE_PEER_ALIVE:
	case NOTICE_PEER_SUSPECT:
	case NOTICE_PEER_DEAD:
	case NOTICE_FIRST_SYNC:
	case NOTICE_LOST_STATE:
	case NOTICE_CLOCK:
	case NOTICE_EPOCH:
	case NOTICE_EQUIVOCATION:
	case NOTICE_BLAST_RADIUS:
	case NOTICE_RESTRICTED:
	case NOTICE_ROSTER_FORK:
		break;
	}
}

/* The page shows a change of state at once, not at the next heartbeat. */
static bool
is_change(const struct core_action *action)
{
	switch (action->notice.notice) {
	case NOTICE_TOUCH:
	case NOTICE_SELF_REPORT:
	case NOTICE_CERTIFICATE:
	case NOTICE_STAND_DOWN:
	case NOTICE_RESTRICTED:
	case NOTICE_PROOF:
	case NOTICE_RELEASED:
	case NOTICE_FIRST_SYNC:
	case NOTICE_EPOCH:
		return true;
	case NOTICE_STATEMENT:
	case NOTICE_VERDICT:
	case NOTICE_REFUSED:
	case NOTICE_PEER_ALIVE:
	case NOTICE_PEER_SUSPECT:
	case NOTICE_PEER_DEAD:
	case NOTICE_LOST_STATE:
	case NOTICE_CLOCK:
	case NOTICE_EQUIVOCATION:
	case NOTICE_BLAST_RADIUS:
	case NOTICE_RELEASE:
	case NOTICE_INDICATOR:
	case NOTICE_ROSTER_FORK:
		break;
	}
	return false;
}

/* How far the heads have come with a release, for who waits for it. */
static void
count_release(struct engine *e, const struct core_action *action)
{
	if (action->notice.subject == MEMBER_NONE)
		return;
	if (action->notice.notice == NOTICE_VERDICT && action->notice.level == LEVEL_RELEASE)
		engine_release_votes(e, action->notice.subject, action->notice.votes);
	else if (action->notice.notice == NOTICE_RELEASED)
		engine_release_votes(e, action->notice.subject, 0);
}

void
engine_notice(struct engine *e, const struct core_action *action)
{
	log_notice(e, action);
	gather_object(e, action);
	if (action->notice.notice == NOTICE_TOUCH && action->notice.cause != CAUSE_REPEATED &&
	    action->notice.cause != CAUSE_IGNORED && !engine_advice_first(e, action))
		report_touch(e, action);
	count_release(e, action);
	if (is_change(action))
		e->heartbeat_ms = loop_now_ms() + LIMIT_REPORT_DELAY_MS;
}
