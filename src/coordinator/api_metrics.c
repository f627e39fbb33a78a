/*
 * api_metrics: counters and gauges, in Prometheus' text format 0.0.4.
 */
#include "coordinator/json_text.h"
#include "coordinator/log_chain.h"
#include "coordinator/reply.h"
#include "coordinator/resident.h"

struct metric {
	const char *name; /* after phalanx_coordinator_ */
	const char *type;
	uint64_t value;
};

static void
put(struct json_text *t, const struct metric *m)
{
	json_text_put(t, "# TYPE phalanx_coordinator_");
	json_text_put(t, m->name);
	json_text_put(t, " ");
	json_text_put(t, m->type);
	json_text_put(t, "\nphalanx_coordinator_");
	json_text_put(t, m->name);
	json_text_put(t, " ");
	json_text_number(t, m->value);
	json_text_put(t, "\n");
}

/* Beyond the epoch's limit nodes restrict those alone that were accused first. */
static uint64_t
restricted(const struct coordinator *c)
{
	uint64_t now_ms = loop_unix_ms(), count = 0;

	for (size_t m = 0; c->ledger != NULL && m < roster_count(c->roster); m++)
		count += ledger_status(c->ledger, (member_index)m, now_ms) == STATUS_RESTRICTED;
	return count;
}

void
api_metrics(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct httpd_counters http;
	struct json_text t = { 0 };
	uint64_t reports = 0, store_bytes = 0;

	(void)request;
	httpd_count(c->httpd, &http);
	if (store_count_reports(c->store, &reports) != ERR_OK ||
	    store_size(c->store, &store_bytes) != ERR_OK) {
		reply_error(reply, 503, "the store does not answer; see the log");
		return;
	}
	const struct metric metrics[] = {
		{ "requests_total", "counter", http.requests },
		{ "requests_refused_total", "counter", http.refused },
		{ "requests_timed_out_total", "counter", http.timed_out },
		{ "requests_too_fast_total", "counter", http.too_fast },
		{ "connections", "gauge", http.connections },
		{ "streams", "gauge", http.streams },
		{ "connections_gave_way_total", "counter", http.gave_way },
		{ "connections_turned_away_total", "counter", http.turned_away },
		{ "resident_bytes", "gauge", resident_bytes() },
		{ "nodes", "gauge", registry_count(c->registry) },
		{ "reports", "gauge", reports },
		{ "entries", "gauge", c->ledger != NULL ? ledger_held_total(c->ledger) : 0 },
		{ "entries_refused_total", "counter", c->entries_refused },
		{ "incidents", "gauge", c->ledger != NULL ? ledger_incident_count(c->ledger) : 0 },
		{ "restricted", "gauge", restricted(c) },
		{ "restricted_limit", "gauge",
		    c->roster != NULL ? epoch_restrictions(roster_current(c->roster)) : 0 },
		{ "event_listeners", "gauge", events_listeners(c->events) },
		{ "events_total", "counter", events_number(c->events) },
		{ "events_held_bytes", "gauge", events_held_bytes(c->events) },
		{ "events_held_bytes_limit", "gauge", LIMIT_EVENTS_BYTES },
		{ "feed_lines_total", "counter", log_chain_count(c->log_chain) },
		{ "store_bytes", "gauge", store_bytes },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		put(&t, &metrics[i]);
	reply_json_text(reply, &t);
	if (reply->status == 200)
		reply->type = "text/plain; version=0.0.4; charset=utf-8";
}
