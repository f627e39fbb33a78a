#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/limits.h"
#include "coordinator/httpd_internal.h"
#include "sys/log.h"

#define ROUNDS_A_WAKE_UP  8
#define CONNECTION_MEMORY (16 * 1024) /* request line and headers, response headers */

/* As docs say of the page: nothing inline, nothing from elsewhere, no strings as code. */
#define CSP                                                                                 \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "         \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " \
	"require-trusted-types-for 'script'; trusted-types phalanx"

static const char *const constant_headers[][2] = {
	{ "X-Content-Type-Options", "nosniff" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};

/* What can be a document or a worker: of anything else a browser does not look at them. */
static const char *const active_types[] = { "text/html", "text/javascript", "image/svg+xml" };
static const char *const active_headers[][2] = {
	{ "Content-Security-Policy", CSP },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
};

/* What of a request's body has come. */
struct upload {
	uint8_t *bytes;
	size_t size_bytes, room;
	size_t drained_bytes;
	bool too_large;
	struct http_waker *put_off; /* its answer comes later; NULL: not */
};

/* ---- the loop's side ----------------------------------------------------------- */

struct connection *
httpd_connection(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

void
httpd_drive(struct httpd *h)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 1;
	uint64_t now_ms, wake_ms = UINT64_MAX;
	bool waits = false;

	if (h->driving)
		return;
	h->driving = true;
	for (int round = 0; round < ROUNDS_A_WAKE_UP; round++) {
		h->woken = false;
		MHD_run(h->daemon);
		waits = MHD_get_timeout(h->daemon, &wait_ms) == MHD_YES;
		if (!h->woken && (!waits || wait_ms > 0))
			break;
	}
	h->driving = false;
	now_ms = loop_now_ms();
	if (h->woken)
		wake_ms = now_ms;
	else if (waits)
		wake_ms = now_ms + wait_ms;
	if (!TAILQ_EMPTY(&h->connections) && TAILQ_FIRST(&h->connections)->deadline_ms < wake_ms)
		wake_ms = TAILQ_FIRST(&h->connections)->deadline_ms;
	loop_timer_set(h->timer, wake_ms);
}

static void
on_ready(void *context, unsigned ready)
{
	(void)ready;
	httpd_drive(context);
}

static void
on_timer(void *context)
{
	struct httpd *h = context;

	gate_expire(h);
	httpd_drive(h);
}

/* ---- one request ------------------------------------------------------------------ */

/* Asked of the kernel once a connection. */
static void
find_local(struct connection *c)
{
	struct sockaddr_storage local;
	socklen_t size = sizeof(local);

	if (c->local.family == 0 && getsockname(c->fd, (struct sockaddr *)&local, &size) == 0)
		gate_address((struct sockaddr *)&local, &c->local);
}

static bool
is_active(const char *type)
{
	for (size_t i = 0; type != NULL && i < sizeof(active_types) / sizeof(active_types[0]); i++)
		if (strncmp(type, active_types[i], strlen(active_types[i])) == 0)
			return true;
	return false;
}

static enum MHD_Result
set_headers(struct MHD_Response *response, const struct http_reply *reply)
{
	enum MHD_Result ok = MHD_YES;

	for (size_t i = 0; i < sizeof(constant_headers) / sizeof(constant_headers[0]); i++)
		ok = ok && MHD_add_response_header(
		               response, constant_headers[i][0], constant_headers[i][1]);
	for (size_t i = 0;
	     is_active(reply->type) && i < sizeof(active_headers) / sizeof(active_headers[0]); i++)
		ok = ok &&
		     MHD_add_response_header(response, active_headers[i][0], active_headers[i][1]);
	/* no-cache: kept, but asked after each time with If-None-Match. */
	ok = ok && MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
	               reply->etag != NULL ? "no-cache" : "no-store");
	if (reply->type != NULL)
		ok = ok &&
		     MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
	if (reply->etag != NULL)
		ok = ok && MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, reply->etag);
	if (reply->allow != NULL)
		ok = ok && MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
	if (reply->cors_origin != NULL)
		ok = ok &&
		     MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN,
		         reply->cors_origin) &&
		     MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Origin");
	for (size_t i = 0; i < HTTP_FIELDS && reply->fields[i].name != NULL; i++)
		ok = ok && MHD_add_response_header(
		               response, reply->fields[i].name, reply->fields[i].value);
	if (reply->seal.is_set)
		ok = ok &&
		     MHD_add_response_header(response, "Content-Digest", reply->seal.digest) &&
		     MHD_add_response_header(response, "Signature-Input", reply->seal.input) &&
		     MHD_add_response_header(response, "Signature", reply->seal.value);
	if (reply->close)
		ok = ok && MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	return ok;
}

static struct MHD_Response *
make_response(struct httpd *h, struct MHD_Connection *connection, struct http_reply *reply)
{
	struct MHD_Response *response;

	if (reply->stream.read != NULL)
		return stream_open(h, connection, &reply->stream);
	response = MHD_create_response_from_buffer(reply->body_bytes, reply->body,
	    reply->is_static || reply->body == NULL ? MHD_RESPMEM_PERSISTENT
	                                            : MHD_RESPMEM_MUST_FREE);
	if (response == NULL && !reply->is_static)
		free(reply->body);
	return response;
}

static enum MHD_Result
answer(struct httpd *h, struct MHD_Connection *connection, struct http_reply *reply)
{
	struct MHD_Response *response;
	enum MHD_Result ok = MHD_NO;

	h->counters.requests++;
	if (reply->status >= 400)
		h->counters.refused++;
	if ((response = make_response(h, connection, reply)) == NULL)
		return MHD_NO;
	if (set_headers(response, reply))
		ok = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return ok;
}

static enum MHD_Result
dispatch(struct httpd *h, struct MHD_Connection *connection, const char *method, const char *path,
    struct upload *upload)
{
	struct connection *c = httpd_connection(connection);
	struct http_request request = { .connection = connection,
		.method = method,
		.path = path,
		.body = upload->bytes,
		.body_bytes = upload->size_bytes,
		.too_large = upload->too_large };
	struct http_reply reply = { .status = 500 };

	if (c == NULL)
		return MHD_NO;
	if (upload->put_off != NULL && (request.later = later_due(upload->put_off)) == NULL)
		return MHD_NO;
	gate_set_busy(c, true);
	request.host = http_header(&request, MHD_HTTP_HEADER_HOST);
	request.origin = http_header(&request, MHD_HTTP_HEADER_ORIGIN);
	find_local(c);
	request.peer = c->peer;
	request.local = c->local;
	request.too_fast = request.later == NULL && !gate_charge(c);
	h->config.handle(h->config.context, &request, &reply);
	if (reply.later.answer != NULL)
		return (upload->put_off = later_open(h, connection, &reply.later)) != NULL ? MHD_YES
		                                                                           : MHD_NO;
	return answer(h, connection, &reply);
}

/* NO: drop the connection. */
static enum MHD_Result
take_upload(struct httpd *h, struct upload *upload, const char *data, size_t size_bytes)
{
	uint8_t *bytes;
	size_t room;

	upload->too_large =
	    upload->too_large || size_bytes > LIMIT_HTTP_BODY_BYTES - upload->size_bytes;
	if (upload->too_large) {
		/* The rest is read and thrown away so that the client gets its answer, but not for ever. */
		free(upload->bytes);
		upload->bytes = NULL;
		h->upload_bytes -= upload->room;
		upload->size_bytes = upload->room = 0;
		upload->drained_bytes += size_bytes;
		return upload->drained_bytes > LIMIT_HTTP_DRAIN_BYTES ? MHD_NO : MHD_YES;
	}
	if (upload->size_bytes + size_bytes > upload->room) {
		for (room = 1024; room < upload->size_bytes + size_bytes;)
			room *= 2;
		if (h->upload_bytes + room - upload->room > LIMIT_HTTP_UPLOAD_BYTES ||
		    (bytes = realloc(upload->bytes, room)) == NULL) {
			h->counters.turned_away++;
			return MHD_NO;
		}
		h->upload_bytes += room - upload->room;
		upload->bytes = bytes;
		upload->room = room;
	}
	memcpy(upload->bytes + upload->size_bytes, data, size_bytes);
	upload->size_bytes += size_bytes;
	return MHD_YES;
}

static bool
announces_too_much(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
	    connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const char *expect =
	    MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);
	unsigned long long size = length != NULL ? strtoull(length, NULL, 10) : 0;

	return size > LIMIT_HTTP_DRAIN_BYTES || (expect != NULL && size > LIMIT_HTTP_BODY_BYTES);
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *data_bytes, void **request_context)
{
	struct httpd *h = context;
	struct upload *upload = *request_context;
	struct upload refused = { .too_large = true };
	size_t size_bytes = *data_bytes;

	(void)version;
	if (upload == NULL) { /* the first call: headers only */
		if ((upload = calloc(1, sizeof(*upload))) == NULL)
			return MHD_NO;
		*request_context = upload;
		if (announces_too_much(connection))
			return dispatch(h, connection, method, url, &refused);
		return MHD_YES;
	}
	if (size_bytes > 0) {
		*data_bytes = 0;
		return take_upload(h, upload, data, size_bytes);
	}
	return dispatch(h, connection, method, url, upload);
}

static void
on_completed(void *context, struct MHD_Connection *connection, void **request_context,
    enum MHD_RequestTerminationCode code)
{
	struct httpd *h = context;
	struct upload *upload = *request_context;
	struct connection *c = httpd_connection(connection);

	if (upload != NULL) {
		h->upload_bytes -= upload->room;
		later_end(upload->put_off);
		free(upload->bytes);
		free(upload);
		*request_context = NULL;
	}
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK || c == NULL)
		return;
	gate_postpone(c);
	gate_set_busy(c, false);
}

const char *
http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *
http_cookie(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, name);
}

struct query {
	const char *name;
	const char *value;
};

static enum MHD_Result
match_query(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query *query = context;

	(void)kind;
	if (strcmp(name, query->name) != 0)
		return MHD_YES;
	query->value = value != NULL ? value : "";
	return MHD_NO;
}

const char *
http_query(const struct http_request *request, const char *name)
{
	struct query query = { .name = name };

	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, match_query, &query);
	return query.value;
}

/* ---- life -------------------------------------------------------------------------- */

static void
on_log(void *context, const char *format, va_list args)
{
	char line[512];

	(void)context;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("httpd: %s", line);
}

enum err
httpd_new(const struct httpd_config *config, struct httpd **out)
{
	const union MHD_DaemonInfo *info;
	struct httpd *h;
	enum err err = ERR_IO;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return ERR_NOMEM;
	h->config = *config;
	TAILQ_INIT(&h->streams);
	if ((err = gate_open(h)) != ERR_OK)
		goto fail;
	err = ERR_IO;
	h->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)(LIMIT_HTTP_CONNECTIONS + LIMIT_HTTP_RESERVE),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
	    MHD_OPTION_NOTIFY_CONNECTION, gate_notified, h, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, h, MHD_OPTION_END);
	if (h->daemon == NULL ||
	    (info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)) == NULL) {
		log_error("httpd: libmicrohttpd does not start");
		goto fail;
	}
	if ((err = loop_timer_new(config->loop, on_timer, h, &h->timer)) != ERR_OK ||
	    (err = loop_add(config->loop, info->epoll_fd, LOOP_READ, on_ready, h, &h->watch)) !=
	        ERR_OK)
		goto fail;
	*out = h;
	return ERR_OK;

fail:
	httpd_free(h);
	return err;
}

void
httpd_free(struct httpd *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL) {
		/* It insists that nothing is suspended. */
		stream_end_all(h);
		MHD_run(h->daemon);
		MHD_stop_daemon(h->daemon);
	}
	gate_close(h);
	loop_remove(h->watch);
	loop_timer_free(h->timer);
	free(h);
}

void
httpd_count(const struct httpd *h, struct httpd_counters *out)
{
	*out = h->counters;
}
