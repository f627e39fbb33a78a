/*
 * api: the table of endpoints, and what is checked before any of them: the
 * Host (so that no foreign name can be rebound to us), the Origin of writes,
 * the method and the size.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "coordinator/assets.h"
#include "coordinator/coordinator.h"
#include "coordinator/reply.h"
#include "sys/log.h"

static void
api_health(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	static char ok[] = "ok\n";

	(void)c;
	(void)request;
	*reply = (struct http_reply){ .status = 200,
		.type = "text/plain; charset=utf-8",
		.body = ok,
		.body_bytes = 3,
		.is_static = true };
}

static const struct endpoint_row {
	const char *path;
	const char *method;
	void (*handle)(struct coordinator *, const struct http_request *, struct http_reply *);
	bool cors; /* readable by allowed_origin */
} endpoints[] = {
	{ "/healthz", "GET", api_health, false },
	{ "/register", "POST", api_register, false },
	{ "/peers", "GET", api_peers, false },
	{ "/api/telemetry", "POST", api_telemetry, false },
	{ "/api/topology", "GET", api_topology, true },
	{ "/api/report/submit", "POST", api_report_submit, true },
	{ "/api/report", "GET", api_report, true },
	{ "/api/v1/entries", "POST", api_entries, false },
	{ "/api/v1/state", "GET", api_state, true },
	{ "/api/v1/incidents", "GET", api_incidents, true },
	{ "/api/v1/events", "GET", api_events, true },
	{ "/api/v1/releases", "GET", api_releases, false },
	{ "/api/v1/roster", "GET", api_roster, false },
	{ "/metrics", "GET", api_metrics, false },
};

/* "Host: name:port" without the port, without brackets. */
static bool
host_name(const char *host, char out[SETTINGS_HOST_BYTES])
{
	const char *end;
	size_t length;

	if (*host == '[') {
		host++;
		if ((end = strchr(host, ']')) == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
	} else {
		end = host + strcspn(host, ":");
	}
	length = (size_t)(end - host);
	if (length == 0 || length >= SETTINGS_HOST_BYTES)
		return false;
	memcpy(out, host, length);
	out[length] = '\0';
	return true;
}

/*
 * Local names, configured names, and the very address that the connection
 * came to: a name that an attacker controls is none of these, whatever it
 * resolves to.
 */
static bool
host_is_ours(const struct coordinator *c, const struct http_request *request)
{
	char name[SETTINGS_HOST_BYTES], origin[SETTINGS_HOST_BYTES];
	struct address literal;
	const char *authority;

	if (request->host == NULL || !host_name(request->host, name))
		return false;
	if (strcasecmp(name, "localhost") == 0)
		return true;
	if (address_parse(name, &literal))
		return address_is_loopback(&literal) || address_equal(&literal, &request->local);
	for (size_t i = 0; i < c->settings->host_count; i++)
		if (strcasecmp(name, c->settings->hosts[i]) == 0)
			return true;
	authority = strstr(c->settings->allowed_origin, "://");
	return authority != NULL && host_name(authority + 3, origin) &&
	       strcasecmp(name, origin) == 0;
}

static bool
origin_is_ours(const struct coordinator *c, const struct http_request *request)
{
	const char *authority;

	if (request->origin == NULL || strcmp(request->origin, c->settings->allowed_origin) == 0)
		return true;
	authority = strstr(request->origin, "://");
	return authority != NULL && strcasecmp(authority + 3, request->host) == 0;
}

static bool
is_method(const struct http_request *request, const char *method)
{
	/* HEAD is GET without its body, which libmicrohttpd leaves out. */
	return strcmp(request->method, method) == 0 ||
	       (strcmp(method, "GET") == 0 && strcmp(request->method, "HEAD") == 0);
}

static void
refuse_method(struct http_reply *reply, const char *method)
{
	reply_error(reply, 405, "use %s here", method);
	reply->allow = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
}

static void
serve_asset(const struct asset *asset, const struct http_request *request, struct http_reply *reply)
{
	const char *known = http_header(request, "If-None-Match");

	reply->etag = asset->etag;
	if (known != NULL && strstr(known, asset->etag) != NULL) {
		reply->status = 304;
		return;
	}
	reply->status = 200;
	reply->type = asset->type;
	reply->body = (void *)(uintptr_t)asset->data;
	reply->body_bytes = asset->size_bytes;
	reply->is_static = true;
}

static const struct asset *
find_asset(const char *path)
{
	for (size_t i = 0; i < asset_count; i++)
		if (strcmp(path, assets[i].path) == 0)
			return &assets[i];
	return NULL;
}

static void
serve_endpoint(struct coordinator *c, const struct endpoint_row *row,
    const struct http_request *request, struct http_reply *reply)
{
	if (!is_method(request, row->method)) {
		refuse_method(reply, row->method);
	} else if (request->too_large) {
		reply_error(reply, 413, "the body is over %d bytes; send less at a time",
		    LIMIT_HTTP_BODY_BYTES);
		reply->close = true;
	} else if (strcmp(row->method, "POST") == 0 && !origin_is_ours(c, request)) {
		reply_error(reply, 403, "a page of another origin may not write here");
	} else {
		row->handle(c, request, reply);
	}
	if (row->cors)
		reply->cors_origin = c->settings->allowed_origin;
}

static void
route(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct asset *asset;

	if (!host_is_ours(c, request)) {
		reply_error(reply, 421,
		    "this coordinator does not go by that name; add it to hosts in "
		    "coordinator.conf");
		return;
	}
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		if (strcmp(request->path, endpoints[i].path) == 0) {
			serve_endpoint(c, &endpoints[i], request, reply);
			return;
		}
	if ((asset = find_asset(request->path)) == NULL)
		reply_error(reply, 404, "no such page; the dashboard is at /");
	else if (!is_method(request, "GET"))
		refuse_method(reply, "GET");
	else
		serve_asset(asset, request, reply);
}

void
api_handle(void *context, const struct http_request *request, struct http_reply *reply)
{
	struct coordinator *c = context;

	route(c, request, reply);
	/* A damaged database is set aside at the next start, when nothing has it open. */
	if (store_is_broken(c->store)) {
		log_error("store: the database is damaged; stopping, so that the next start sets "
		          "it aside");
		loop_stop(c->loop, 1);
	}
}

void
api_metrics(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct httpd_counters http;
	uint64_t reports = 0;
	char *text = NULL;
	int n;

	(void)request;
	httpd_count(c->httpd, &http);
	if (store_count_reports(c->store, &reports) != ERR_OK) {
		reply_error(reply, 503, "the store does not answer; see the log");
		return;
	}
	n = asprintf(&text,
	    "# TYPE phalanx_coordinator_requests_total counter\n"
	    "phalanx_coordinator_requests_total %" PRIu64 "\n"
	    "# TYPE phalanx_coordinator_requests_refused_total counter\n"
	    "phalanx_coordinator_requests_refused_total %" PRIu64 "\n"
	    "# TYPE phalanx_coordinator_requests_timed_out_total counter\n"
	    "phalanx_coordinator_requests_timed_out_total %" PRIu64 "\n"
	    "# TYPE phalanx_coordinator_connections gauge\n"
	    "phalanx_coordinator_connections %zu\n"
	    "# TYPE phalanx_coordinator_nodes gauge\n"
	    "phalanx_coordinator_nodes %zu\n"
	    "# TYPE phalanx_coordinator_reports gauge\n"
	    "phalanx_coordinator_reports %" PRIu64 "\n"
	    "# TYPE phalanx_coordinator_entries gauge\n"
	    "phalanx_coordinator_entries %zu\n"
	    "# TYPE phalanx_coordinator_entries_refused_total counter\n"
	    "phalanx_coordinator_entries_refused_total %" PRIu64 "\n"
	    "# TYPE phalanx_coordinator_incidents gauge\n"
	    "phalanx_coordinator_incidents %zu\n",
	    http.requests, http.refused, http.timed_out, http.connections,
	    registry_count(c->registry), reports,
	    c->ledger != NULL ? ledger_held_total(c->ledger) : 0, c->entries_refused,
	    c->ledger != NULL ? ledger_incident_count(c->ledger) : 0);
	if (n < 0)
		reply_error(reply, 503, "out of memory; try again later");
	else
		reply_text(reply, "text/plain; version=0.0.4; charset=utf-8", text, (size_t)n);
}
