/*
 * api: the table of endpoints, and what is checked before any of them: the
 * Host (so that no foreign name can be rebound to us), the Origin of writes,
 * the method and the size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "coordinator/assets.h"
#include "coordinator/coordinator.h"
#include "coordinator/door.h"
#include "coordinator/origin.h"
#include "coordinator/reply.h"
#include "coordinator/seal.h"
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

/* What is checked, and said, of a row before and after its handler. */
enum {
	CORS = 1,   /* readable by allowed_origin */
	WRITES = 2, /* by a page of this origin, if by a page */
	READS = 4,  /* what is known of the mesh: the setting viewers says by whom */
};

/*
 * A segment {} of a path stands for any text of 1 to LIMIT_NAME_BYTES bytes
 * without a slash: request->segment[].  A path may have a row a method.
 */
static const struct endpoint_row {
	const char *path;
	const char *method;
	void (*handle)(struct coordinator *, const struct http_request *, struct http_reply *);
	unsigned flags;
} endpoints[] = {
	{ "/healthz", "GET", api_health, 0 },
	{ "/register", "POST", api_register, WRITES },
	{ "/peers", "GET", api_peers, READS },
	{ "/api/telemetry", "POST", api_telemetry, WRITES },
	{ "/api/topology", "GET", api_topology, CORS | READS },
	{ "/api/report/submit", "POST", api_report_submit, CORS | WRITES },
	{ "/api/report", "GET", api_report, CORS | READS },
	{ "/api/v1/entries", "POST", api_entries, WRITES },
	{ "/api/v1/state", "GET", api_state, CORS | READS },
	{ "/api/v1/incidents", "GET", api_incidents, CORS | READS },
	{ "/api/v1/incidents/{}", "GET", api_incident, CORS | READS },
	{ "/api/v1/incidents/{}/bundle", "GET", api_bundle, CORS | READS },
	{ "/api/v1/nodes/{}", "GET", api_node, CORS | READS },
	{ "/api/v1/nodes/{}/series", "GET", api_series, CORS | READS },
	{ "/api/v1/feed", "GET", api_feed, CORS | READS },
	{ "/api/v1/events", "GET", api_events, CORS | READS },
	{ "/api/v1/incidents/{}/release", "POST", api_ask, WRITES },
	{ "/api/v1/sessions", "POST", api_session_open, WRITES },
	{ "/api/v1/sessions/{}", "DELETE", api_session_close, WRITES },
	{ "/api/v1/sessions/{}/requests", "GET", api_asks, 0 },
	{ "/api/v1/sessions/{}/requests/{}", "POST", api_ask_answer, WRITES },
	{ "/api/v1/session", "GET", api_session_show, 0 },
	{ "/api/v1/session", "DELETE", api_session_leave, WRITES },
	{ "/session/{}", "GET", api_session_enter, 0 },
	{ "/api/v1/releases", "GET", api_releases, 0 },
	{ "/api/v1/roster", "GET", api_roster, 0 },
	{ "/api/v1/roster", "POST", api_learn, WRITES },
	{ "/metrics", "GET", api_metrics, 0 },
};

#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))

static bool
is_method(const struct http_request *request, const char *method)
{
	/* HEAD is GET without its body, which libmicrohttpd leaves out. */
	return strcmp(request->method, method) == 0 ||
	       (strcmp(method, "GET") == 0 && strcmp(request->method, "HEAD") == 0);
}

static void
refuse_method(struct http_reply *reply, const char *methods)
{
	reply_error(reply, 405, "use %s here", methods);
	reply->allow = methods;
}

/* Does the path fit the row's, and with what in its {}? */
static bool
matches(const char *row, const char *path, char segment[HTTP_SEGMENTS][HTTP_SEGMENT_ROOM])
{
	size_t count = 0, length;

	while (*row != '\0') {
		if (strncmp(row, "{}", 2) != 0) {
			if (*row++ != *path++)
				return false;
			continue;
		}
		length = strcspn(path, "/");
		if (length == 0 || length >= HTTP_SEGMENT_ROOM || count == HTTP_SEGMENTS)
			return false;
		memcpy(segment[count], path, length);
		segment[count++][length] = '\0';
		row += 2;
		path += length;
	}
	return *path == '\0';
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
	reply->fields[0].name = "Vary";
	reply->fields[0].value = "Accept-Encoding";
	if (!reply_may_pack(request))
		return;
	reply->fields[1].name = "Content-Encoding";
	reply->fields[1].value = "gzip";
	reply->body = (void *)(uintptr_t)asset->gzip;
	reply->body_bytes = asset->gzip_bytes;
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
	if (request->too_large) {
		reply_error(reply, 413, "the body is over %d bytes; send less at a time",
		    LIMIT_HTTP_BODY_BYTES);
		reply->close = true;
	} else if ((row->flags & WRITES) != 0 && request->origin != NULL &&
	           !origin_is_ours(c, request)) {
		reply_error(reply, 403, "a page of another origin may not write here");
	} else if ((row->flags & READS) == 0 || door_may_read(c, request, reply)) {
		row->handle(c, request, reply);
	}
	if ((row->flags & CORS) != 0)
		reply->cors_origin = c->settings->allowed_origin;
}

/* False: no row has this path. */
static bool
route_endpoint(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	static char methods[64]; /* until the reply has been sent off; one thread */
	struct http_request matched = *request;
	size_t used = 0;

	for (size_t i = 0; i < ENDPOINTS; i++) {
		const struct endpoint_row *row = &endpoints[i];

		if (!matches(row->path, request->path, matched.segment))
			continue;
		if (is_method(request, row->method)) {
			serve_endpoint(c, row, &matched, reply);
			return true;
		}
		used += (size_t)snprintf(methods + used, sizeof(methods) - used, "%s%s",
		    used > 0 ? ", " : "",
		    strcmp(row->method, "GET") == 0 ? "GET, HEAD" : row->method);
	}
	if (used > 0)
		refuse_method(reply, methods);
	return used > 0;
}

static void
route(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct asset *asset;

	if (request->too_fast) {
		reply_error(reply, 429, "more than %d requests a second from this address",
		    LIMIT_HTTP_PER_S);
		reply->fields[0] = (struct http_field){ "Retry-After", "1" };
		reply->close = true;
		return;
	}
	if (!origin_host_is_ours(c, request)) {
		reply_error(reply, 421,
		    "this coordinator does not go by that name; add it to hosts in "
		    "coordinator.conf");
		return;
	}
	if (route_endpoint(c, request, reply))
		return;
	if ((asset = find_asset(request->path)) == NULL)
		reply_error(reply, 404, "no such page; the dashboard is at /");
	else if (!is_method(request, "GET"))
		refuse_method(reply, "GET, HEAD");
	else
		serve_asset(asset, request, reply);
}

void
api_handle(void *context, const struct http_request *request, struct http_reply *reply)
{
	struct coordinator *c = context;

	if (request->later != NULL)
		request->later->answer(request->later->context, reply);
	else
		route(c, request, reply);
	if (reply->later.answer == NULL)
		seal_reply(c->identity, request, reply);
	/* A damaged database is set aside at the next start, when nothing has it open. */
	if (store_is_broken(c->store)) {
		log_error("store: the database is damaged; stopping, so that the next start sets "
		          "it aside");
		loop_stop(c->loop, 1);
	}
}
