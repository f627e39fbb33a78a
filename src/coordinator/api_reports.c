/*
 * api_reports: what nodes decided about an event, for people to read.
 */
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "coordinator/auth.h"
#include "coordinator/changes.h"
#include "coordinator/log_chain.h"
#include "coordinator/reply.h"
#include "sys/log.h"

/* What a node says beyond the contract when a model was asked; all of it may be absent. */
static bool
read_opinion(const json_t *object, struct store_report *out, struct http_reply *reply)
{
	double opinion = -1;

	out->opinion = -1;
	if ((out->reason = body_string(object, "reason", LIMIT_REASON_BYTES + 1, true, reply)) ==
	        NULL ||
	    (out->model = body_string(object, "model", LIMIT_MODEL_NAME_BYTES + 1, true, reply)) ==
	        NULL)
		return false;
	if (json_object_get(object, "opinion") == NULL)
		return true;
	if (!body_number(object, "opinion", 10, &opinion, reply))
		return false;
	out->opinion = (int)opinion;
	return true;
}

static bool
read_report(const json_t *object, struct store_report *out, struct http_reply *reply)
{
	static const uint8_t none[8];
	uint8_t incident[8] = { 0 };

	out->node = json_string_value(json_object_get(object, "node_id"));
	if (out->node == NULL || !registry_is_name(out->node)) {
		reply_error(
		    reply, 400, "node_id: 1 to %d letters, digits, - and _", LIMIT_NAME_BYTES);
		return false;
	}
	if (!body_number(object, "score", 10, &out->score, reply) ||
	    (out->event_type = body_string(object, "event_type", 65, false, reply)) == NULL ||
	    (out->source_ip = body_string(object, "source_ip", 129, true, reply)) == NULL ||
	    (out->decision = body_string(object, "decision", 33, false, reply)) == NULL ||
	    (out->method = body_string(object, "method", 33, false, reply)) == NULL ||
	    (out->incident = body_string(object, "incident", 17, true, reply)) == NULL)
		return false;
	if (*out->incident != '\0' &&
	    !hex_parse(out->incident, strlen(out->incident), incident, sizeof(incident))) {
		reply_error(reply, 400, "incident: give 16 hex digits, or leave it out");
		return false;
	}
	if (memcmp(incident, none, sizeof(none)) == 0)
		out->incident = "";
	return read_opinion(object, out, reply);
}

/* Words alone go into the log, so that nobody forges a field of its line; the store keeps all. */
static const char *
log_word(const char *text)
{
	static const char word[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:";

	return text[strspn(text, word)] == '\0' ? text : "?";
}

static void
note_report(struct coordinator *c, const struct store_report *report)
{
	struct registry_node *node = registry_find(c->registry, report->node);

	if (node == NULL)
		return;
	node->seen_ms = report->reported_ms;
	node->score = report->score;
	node->score_ms = report->reported_ms;
	if (strcmp(report->event_type, "HONEYPOT_TRIPPED") == 0 ||
	    strcmp(report->event_type, "HONEYTOKEN_USED") == 0)
		node->touched_ms = report->reported_ms;
}

/* The report, and the line that says so, or neither. */
static enum err
keep_report(struct coordinator *c, struct store_report *report, bool is_signed)
{
	enum err err;

	if ((err = store_begin(c->store)) != ERR_OK)
		return err;
	if ((err = store_add_report(c->store, report)) != ERR_OK ||
	    (err = log_chain_add(c->log_chain, "report", report->node, report->incident,
	         json_pack("{s:I, s:s, s:s, s:f, s:s, s:s, s:b}", "report",
	             (json_int_t)report->number, "event", report->event_type, "source",
	             report->source_ip, "score", report->score, "decision", report->decision,
	             "method", report->method, "signed", is_signed))) != ERR_OK ||
	    (err = store_commit(c->store)) != ERR_OK)
		store_rollback(c->store);
	log_chain_settle(c->log_chain, err == ERR_OK);
	return err;
}

static void
take_report(struct coordinator *c, const struct signer *signer, struct store_report *report,
    struct http_reply *reply)
{
	enum err err;

	report->reported_ms = loop_unix_ms();
	report->nonce = signer->is_signed ? signer->nonce : NULL;
	err = keep_report(c, report, signer->is_signed);
	if (err == ERR_REPLAY) {
		/* The nonces in memory did not survive a restart; those on disk did. */
		reply_error(reply, 401,
		    "this signature was used before; sign every request with a new nonce");
		return;
	}
	if (err != ERR_OK) {
		reply_error(reply, 503, "cannot be kept: %s; send it again later", err_text(err));
		return;
	}
	note_report(c, report);
	c->reports_accepted++;
	changes_report(c->changes, report);
	changes_logged(c->changes);
	log_info("%s%s%sreport node=%s event=%s score=%g source=%s decision=%s method=%s",
	    *report->incident != '\0' ? "incident=" : "", report->incident,
	    *report->incident != '\0' ? " " : "", report->node, log_word(report->event_type),
	    report->score, log_word(report->source_ip), log_word(report->decision),
	    log_word(report->method));
	reply->status = 200;
}

void
api_report_submit(
    struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct store_report report = { .number = 0 };
	struct signer signer;
	json_t *object;

	if (!auth_request(c, request, &signer, reply) ||
	    (object = body_object(request, reply)) == NULL)
		return;
	if (read_report(object, &report, reply) && auth_speaks_for(c, &signer, report.node, reply))
		take_report(c, &signer, &report, reply);
	json_decref(object);
}

static void
append_report(void *context, const struct store_report *r)
{
	json_t *event = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:I}", "node_id", r->node,
	    "score", json_number_short(r->score), "event_type", r->event_type, "source_ip",
	    r->source_ip, "decision", r->decision, "method", r->method, "reported_at",
	    json_time(r->reported_ms), "number", (json_int_t)r->number);

	if (event != NULL && *r->incident != '\0')
		json_object_set_new(event, "incident", json_string(r->incident));
	if (event != NULL && *r->reason != '\0')
		json_object_set_new(event, "reason", json_string(r->reason));
	if (event != NULL && *r->model != '\0')
		json_object_set_new(event, "model", json_string(r->model));
	if (event != NULL && r->opinion >= 0)
		json_object_set_new(event, "opinion", json_integer(r->opinion));
	json_array_append_new(context, event);
}

void
api_report(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	uint64_t since_ms = 0, limit = LIMIT_REPORTS_SHOWN;
	json_t *events;

	if (!query_number(request, "since", 0, INT64_MAX, &since_ms, reply) ||
	    !query_number(request, "limit", 1, LIMIT_REPORTS_PAGE, &limit, reply))
		return;
	events = json_array();
	if (store_each_report(c->store, since_ms, limit, append_report, events) != ERR_OK) {
		json_decref(events);
		reply_error(reply, 503, "the store does not answer; see the log");
		return;
	}
	reply_json(reply, json_pack("{s:o}", "events", events));
}
