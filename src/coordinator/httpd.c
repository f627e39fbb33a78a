#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/limits.h"
#include "coordinator/httpd.h"
#include "sys/log.h"

#define LISTENERS         32
#define ACCEPTS_A_ROUND   64
#define ROUNDS_A_WAKE_UP  8
#define STREAM_BLOCK      4096
#define CONNECTION_MEMORY (16 * 1024) /* request line and headers, response headers */

/* As docs say of the page: nothing inline, nothing from elsewhere, no strings as code. */
#define CSP                                                                                 \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "         \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " \
	"require-trusted-types-for 'script'; trusted-types phalanx"

static const char *const constant_headers[][2] = {
	{ "Content-Security-Policy", CSP },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
};

/*
 * libmicrohttpd's own timeout counts inactivity, so a client of one byte a
 * second would live on.  Here a whole request has to end within
 * LIMIT_HTTP_REQUEST_MS of the one before it; the queue is in order of
 * deadlines because the allowance is the same for all.
 */
struct connection {
	TAILQ_ENTRY(connection) link;
	struct httpd *httpd;
	uint64_t deadline_ms;
	int fd;
	bool shut;
};

struct listener {
	struct httpd *httpd;
	struct loop_watch *watch;
	int fd;
};

struct httpd {
	struct httpd_config config;
	struct MHD_Daemon *daemon;
	struct loop_watch *watch;
	struct loop_timer *timer;  /* deadlines, and work that is left over */
	struct loop_timer *resume; /* accept again */
	struct listener listeners[LISTENERS];
	size_t listener_count;
	TAILQ_HEAD(, connection) connections;
	TAILQ_HEAD(, http_waker) streams;
	struct httpd_counters counters;
	bool driving;
	bool woken; /* a stream was resumed: its connection is looked at in the next run */
};

struct http_waker {
	TAILQ_ENTRY(http_waker) link;
	struct httpd *httpd;
	struct http_stream stream;
	struct MHD_Connection *connection;
	bool suspended;
	bool ended;
};

/* What of a request's body has come. */
struct upload {
	uint8_t *bytes;
	size_t size_bytes, room;
	size_t drained_bytes;
	bool too_large;
};

/* ---- the loop's side ----------------------------------------------------------- */

static void
drive(struct httpd *h)
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
	drive(context);
}

static void
on_timer(void *context)
{
	struct httpd *h = context;
	struct connection *c;
	uint64_t now_ms = loop_now_ms();

	while ((c = TAILQ_FIRST(&h->connections)) != NULL && c->deadline_ms <= now_ms) {
		/* MHD sees the end of the stream and closes; twice shut is a second chance for none. */
		shutdown(c->fd, SHUT_RDWR);
		if (!c->shut)
			h->counters.timed_out++;
		c->shut = true;
		TAILQ_REMOVE(&h->connections, c, link);
		c->deadline_ms = now_ms + LIMIT_HTTP_REQUEST_MS;
		TAILQ_INSERT_TAIL(&h->connections, c, link);
	}
	drive(h);
}

static void
listen_to(struct httpd *h, unsigned ready)
{
	for (size_t i = 0; i < h->listener_count; i++)
		if (loop_change(h->listeners[i].watch, ready) != ERR_OK)
			log_error("httpd: cannot %s accepting", ready != 0 ? "resume" : "pause");
}

static void
on_resume(void *context)
{
	listen_to(context, LOOP_READ);
}

static void
on_accept(void *context, unsigned ready)
{
	struct listener *listener = context;
	struct httpd *h = listener->httpd;
	struct sockaddr_storage far;
	socklen_t size;
	int fd;

	(void)ready;
	for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
		size = sizeof(far);
		fd = accept4(
		    listener->fd, (struct sockaddr *)&far, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS) {
				log_errno("httpd: accept; pausing for %d ms", LIMIT_HTTP_PAUSE_MS);
				listen_to(h, 0);
				loop_timer_set(h->resume, loop_now_ms() + LIMIT_HTTP_PAUSE_MS);
			}
			break;
		}
		/* Beyond a limit MHD closes it. */
		(void)MHD_add_connection(h->daemon, fd, (struct sockaddr *)&far, size);
	}
	drive(h);
}

static void
postpone(struct httpd *h, struct connection *c)
{
	TAILQ_REMOVE(&h->connections, c, link);
	c->deadline_ms = loop_now_ms() + LIMIT_HTTP_REQUEST_MS;
	TAILQ_INSERT_TAIL(&h->connections, c, link);
}

static void
on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
	struct httpd *h = context;
	struct connection *c = *socket_context;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (c == NULL)
			return;
		TAILQ_REMOVE(&h->connections, c, link);
		h->counters.connections--;
		free(c);
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL)
		return;
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		shutdown(info->connect_fd, SHUT_RDWR); /* no deadline, no connection */
		return;
	}
	c->httpd = h;
	c->fd = info->connect_fd;
	c->deadline_ms = loop_now_ms() + LIMIT_HTTP_REQUEST_MS;
	TAILQ_INSERT_TAIL(&h->connections, c, link);
	h->counters.connections++;
	*socket_context = c;
}

/* ---- one request ------------------------------------------------------------------ */

static void
to_address(const struct sockaddr *from, struct address *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct sockaddr_in6 *six = (const void *)from;
	const struct sockaddr_in *four = (const void *)from;

	memset(out, 0, sizeof(*out));
	if (from->sa_family == AF_INET) {
		out->family = 4;
		memcpy(out->bytes, &four->sin_addr, 4);
	} else if (from->sa_family == AF_INET6 && memcmp(&six->sin6_addr, mapped, 12) == 0) {
		out->family = 4;
		memcpy(out->bytes, six->sin6_addr.s6_addr + 12, 4);
	} else if (from->sa_family == AF_INET6) {
		out->family = 6;
		memcpy(out->bytes, &six->sin6_addr, 16);
	}
}

static void
find_ends(struct MHD_Connection *connection, struct http_request *request)
{
	const union MHD_ConnectionInfo *info;
	struct sockaddr_storage local;
	socklen_t size = sizeof(local);

	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info != NULL && info->client_addr != NULL)
		to_address(info->client_addr, &request->peer);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info != NULL && getsockname(info->connect_fd, (struct sockaddr *)&local, &size) == 0)
		to_address((struct sockaddr *)&local, &request->local);
}

static enum MHD_Result
set_headers(struct MHD_Response *response, const struct http_reply *reply)
{
	enum MHD_Result ok = MHD_YES;

	for (size_t i = 0; i < sizeof(constant_headers) / sizeof(constant_headers[0]); i++)
		ok = ok && MHD_add_response_header(
		               response, constant_headers[i][0], constant_headers[i][1]);
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

/* ---- a reply without an end --------------------------------------------------- */

static ssize_t
on_stream_read(void *context, uint64_t position, char *out, size_t room)
{
	struct http_waker *w = context;
	const union MHD_ConnectionInfo *info;
	struct connection *c;
	size_t count;

	(void)position;
	if (w->ended)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if ((count = w->stream.read(w->stream.context, out, room)) == 0) {
		MHD_suspend_connection(w->connection);
		w->suspended = true;
		return 0;
	}
	/* What was written before has left: the far end reads. */
	info = MHD_get_connection_info(w->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (info != NULL && (c = info->socket_context) != NULL)
		postpone(c->httpd, c);
	return (ssize_t)count;
}

static void
on_stream_closed(void *context)
{
	struct http_waker *w = context;

	TAILQ_REMOVE(&w->httpd->streams, w, link);
	w->stream.closed(w->stream.context);
	free(w);
}

void
httpd_wake(struct http_waker *w)
{
	if (!w->suspended)
		return;
	w->suspended = false;
	MHD_resume_connection(w->connection);
	w->httpd->woken = true;
	loop_timer_set(w->httpd->timer, loop_now_ms());
}

void
httpd_end(struct http_waker *w)
{
	w->ended = true;
	httpd_wake(w);
}

static struct MHD_Response *
open_stream(struct httpd *h, struct MHD_Connection *connection, const struct http_stream *stream)
{
	struct MHD_Response *response;
	struct http_waker *w;

	if ((w = calloc(1, sizeof(*w))) == NULL) {
		stream->closed(stream->context);
		return NULL;
	}
	w->httpd = h;
	w->stream = *stream;
	TAILQ_INSERT_TAIL(&h->streams, w, link);
	w->connection = connection;
	response = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream_read, w, on_stream_closed);
	if (response == NULL) {
		on_stream_closed(w);
		return NULL;
	}
	stream->opened(stream->context, w);
	return response;
}

static struct MHD_Response *
make_response(struct httpd *h, struct MHD_Connection *connection, struct http_reply *reply)
{
	struct MHD_Response *response;

	if (reply->stream.read != NULL)
		return open_stream(h, connection, &reply->stream);
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
    const struct upload *upload)
{
	struct http_request request = { .connection = connection,
		.method = method,
		.path = path,
		.body = upload->bytes,
		.body_bytes = upload->size_bytes,
		.too_large = upload->too_large };
	struct http_reply reply = { .status = 500 };

	request.host = http_header(&request, MHD_HTTP_HEADER_HOST);
	request.origin = http_header(&request, MHD_HTTP_HEADER_ORIGIN);
	find_ends(connection, &request);
	h->config.handle(h->config.context, &request, &reply);
	return answer(h, connection, &reply);
}

/* NO: drop the connection. */
static enum MHD_Result
take_upload(struct upload *upload, const char *data, size_t size_bytes)
{
	uint8_t *bytes;
	size_t room;

	upload->too_large =
	    upload->too_large || size_bytes > LIMIT_HTTP_BODY_BYTES - upload->size_bytes;
	if (upload->too_large) {
		/* The rest is read and thrown away so that the client gets its answer, but not for ever. */
		free(upload->bytes);
		upload->bytes = NULL;
		upload->size_bytes = 0;
		upload->drained_bytes += size_bytes;
		return upload->drained_bytes > LIMIT_HTTP_DRAIN_BYTES ? MHD_NO : MHD_YES;
	}
	if (upload->size_bytes + size_bytes > upload->room) {
		for (room = 1024; room < upload->size_bytes + size_bytes;)
			room *= 2;
		if ((bytes = realloc(upload->bytes, room)) == NULL)
			return MHD_NO;
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
		return take_upload(upload, data, size_bytes);
	}
	return dispatch(h, connection, method, url, upload);
}

static void
on_completed(void *context, struct MHD_Connection *connection, void **request_context,
    enum MHD_RequestTerminationCode code)
{
	struct httpd *h = context;
	struct upload *upload = *request_context;
	const union MHD_ConnectionInfo *info;

	if (upload != NULL) {
		free(upload->bytes);
		free(upload);
		*request_context = NULL;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK && info != NULL &&
	    info->socket_context != NULL)
		postpone(h, info->socket_context);
}

const char *
http_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
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
	TAILQ_INIT(&h->connections);
	TAILQ_INIT(&h->streams);
	h->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIMIT_HTTP_CONNECTIONS,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)LIMIT_HTTP_PER_ADDRESS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, h, MHD_OPTION_END);
	if (h->daemon == NULL ||
	    (info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)) == NULL) {
		log_error("httpd: libmicrohttpd does not start");
		goto fail;
	}
	if ((err = loop_timer_new(config->loop, on_timer, h, &h->timer)) != ERR_OK ||
	    (err = loop_timer_new(config->loop, on_resume, h, &h->resume)) != ERR_OK ||
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
	for (size_t i = 0; i < h->listener_count; i++) {
		loop_remove(h->listeners[i].watch);
		close(h->listeners[i].fd);
	}
	if (h->daemon != NULL) {
		struct http_waker *w;

		/* It insists that nothing is suspended. */
		TAILQ_FOREACH(w, &h->streams, link)
		httpd_end(w);
		MHD_run(h->daemon);
		MHD_stop_daemon(h->daemon);
	}
	loop_remove(h->watch);
	loop_timer_free(h->timer);
	loop_timer_free(h->resume);
	free(h);
}

enum err
httpd_listen(struct httpd *h, int fd)
{
	struct listener *listener = &h->listeners[h->listener_count];
	enum err err;

	if (h->listener_count == LISTENERS)
		return ERR_FULL;
	listener->httpd = h;
	listener->fd = fd;
	if ((err = loop_add(
	         h->config.loop, fd, LOOP_READ, on_accept, listener, &listener->watch)) != ERR_OK)
		return err;
	h->listener_count++;
	return ERR_OK;
}

void
httpd_count(const struct httpd *h, struct httpd_counters *out)
{
	*out = h->counters;
}
