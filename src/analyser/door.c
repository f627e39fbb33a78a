#include <sys/socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyser/door.h"
#include "analyser/telemetry.h"
#include "http/grpc.h"
#include "http/h2.h"
#include "sys/log.h"

#define METHOD       "/protos.AISidecar/AnalyzeTelemetry"
#define BUFFER_BYTES (16 * 1024)
#define RETRY_MS     100
#define ROLES_MOST   16 /* uids from uid_base on are the node's */

struct call {
	struct call *next;
	struct conn *conn;
	struct adviser_waiter *waiter;
	int32_t stream;
	char node_id[LIMIT_NAME_BYTES + 1];
};

struct conn {
	struct conn *previous, *next;
	struct conn *next_dead;
	struct door *door;
	struct h2 *h2;
	struct loop_watch *watch;
	struct call *calls;
	int fd;
	uint64_t useful_ms; /* when a call last began or ended */
	uint8_t *rest;      /* output that the socket did not take */
	size_t rest_start, rest_bytes;
	bool receiving; /* within h2_receive(): what is to be sent waits for its end */
	bool closed;
};

struct door {
	struct loop *loop;
	const struct config *config;
	struct adviser *adviser;
	int fd;
	struct loop_watch *watch;
	struct loop_timer *deadlines, *retry, *burial;
	struct conn *first, *dead;
	uint64_t deadline_ms; /* when deadlines fires */
	size_t conns, calls;
	uint8_t in[BUFFER_BYTES], out[BUFFER_BYTES];
};

/* ---- life ---------------------------------------------------------------------- */

static void
call_free(struct call *call)
{
	adviser_forget(call->conn->door->adviser, call->waiter);
	call->conn->door->calls--;
	free(call);
}

static void
conn_free(struct conn *c)
{
	h2_free(c->h2);
	free(c->rest);
	free(c);
}

static void
conn_close(struct conn *c)
{
	struct door *d = c->door;
	struct call *call;

	if (c->closed)
		return;
	c->closed = true;
	loop_remove(c->watch);
	close(c->fd);
	while ((call = c->calls) != NULL) {
		c->calls = call->next;
		call_free(call);
	}
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		d->first = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	d->conns--;
	/* Its HTTP/2 may be on the stack. */
	c->next_dead = d->dead;
	d->dead = c;
	loop_timer_set(d->burial, 0);
}

static void
bury(void *context)
{
	struct door *d = context;
	struct conn *c;

	while ((c = d->dead) != NULL) {
		d->dead = c->next_dead;
		conn_free(c);
	}
}

static void
watch_idle(struct door *d, uint64_t at_ms)
{
	if (at_ms >= d->deadline_ms)
		return;
	d->deadline_ms = at_ms;
	loop_timer_set(d->deadlines, at_ms);
}

/* Who neither asks nor waits has no business here. */
static void
close_idle(void *context)
{
	struct door *d = context;
	struct conn *c, *next;
	uint64_t now_ms = loop_now_ms();

	d->deadline_ms = UINT64_MAX;
	for (c = d->first; c != NULL; c = next) {
		next = c->next;
		if (c->calls != NULL)
			continue;
		if (c->useful_ms + LIMIT_IDLE_MS <= now_ms)
			conn_close(c);
		else
			watch_idle(d, c->useful_ms + LIMIT_IDLE_MS);
	}
}

/* ---- bytes out --------------------------------------------------------------------- */

/* False: the far end is gone. */
static bool
write_some(struct conn *c, const uint8_t *data, size_t *size_bytes)
{
	size_t written = 0;
	ssize_t n;

	while (written < *size_bytes) {
		n = send(c->fd, data + written, *size_bytes - written, MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n == -1)
			return false;
		written += (size_t)n;
	}
	*size_bytes = written;
	return true;
}

static bool
write_rest(struct conn *c)
{
	size_t size = c->rest_bytes;

	if (size == 0)
		return true;
	if (!write_some(c, c->rest + c->rest_start, &size))
		return false;
	c->rest_start += size;
	c->rest_bytes -= size;
	if (c->rest_bytes == 0) {
		free(c->rest);
		c->rest = NULL;
	}
	return true;
}

static bool
keep_rest(struct conn *c, const uint8_t *data, size_t size_bytes)
{
	if ((c->rest = malloc(size_bytes)) == NULL)
		return false;
	memcpy(c->rest, data, size_bytes);
	c->rest_start = 0;
	c->rest_bytes = size_bytes;
	return true;
}

static bool
write_output(struct conn *c)
{
	uint8_t *out = c->door->out;
	size_t size, written;

	if (!write_rest(c))
		return false;
	while (c->rest_bytes == 0) {
		if (h2_output(c->h2, out, BUFFER_BYTES, &size) != ERR_OK)
			return false;
		if (size == 0)
			return true;
		written = size;
		if (!write_some(c, out, &written))
			return false;
		if (written < size && !keep_rest(c, out + written, size - written))
			return false;
	}
	return true;
}

static void
flush(struct conn *c)
{
	if (c->closed || c->receiving)
		return;
	if (!write_output(c) || c->closed || h2_is_over(c->h2) ||
	    loop_change(c->watch, c->rest_bytes > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ) != ERR_OK)
		conn_close(c);
}

/* ---- calls ---------------------------------------------------------------------------- */

static void
refuse_call(struct conn *c, int32_t stream, enum grpc_status status, const char *reason)
{
	adviser_metrics(c->door->adviser)->refused_calls++;
	/* Where that fails too, the stream is gone already. */
	(void)!h2_finish(c->h2, stream, (int)status, reason);
}

static struct call **
find_call(struct conn *c, int32_t stream)
{
	struct call **at = &c->calls;

	while (*at != NULL && (*at)->stream != stream)
		at = &(*at)->next;
	return at;
}

static void
drop_call(struct conn *c, int32_t stream)
{
	struct call **at = find_call(c, stream), *call = *at;

	if (call == NULL)
		return;
	*at = call->next;
	c->useful_ms = loop_now_ms();
	watch_idle(c->door, c->useful_ms + LIMIT_IDLE_MS);
	call_free(call);
}

static void
advised(void *context, const struct advice *advice)
{
	struct call *call = context;
	struct conn *c = call->conn;
	uint8_t bytes[TELEMETRY_ANSWER_BYTES];
	int32_t stream = call->stream;
	size_t size = telemetry_encode(call->node_id, advice, bytes);

	call->waiter = NULL;
	drop_call(c, stream);
	if (h2_send(c->h2, stream, bytes, size) != ERR_OK ||
	    h2_finish(c->h2, stream, GRPC_OK, "") != ERR_OK)
		conn_close(c);
	else
		flush(c);
}

static void
headers_came(void *context, int32_t stream, const char *path, const char *content_type, int status)
{
	struct conn *c = context;

	(void)content_type;
	(void)status;
	if (strcmp(path, METHOD) != 0)
		refuse_call(c, stream, GRPC_UNIMPLEMENTED, "no such method");
	else if (c->door->calls == LIMIT_SIDECAR_CALLS)
		refuse_call(c, stream, GRPC_RESOURCE_EXHAUSTED, "too many calls wait");
	else if (h2_accept(c->h2, stream, NULL, LIMIT_TELEMETRY_BYTES) != ERR_OK)
		refuse_call(c, stream, GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static void
message_came(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	static struct telemetry telemetry;
	struct adviser_waiter *waiter;
	struct conn *c = context;
	struct door *d = c->door;
	struct call *call;
	enum err err;

	if (c->closed || *find_call(c, stream) != NULL)
		return; /* one question a call */
	if ((err = telemetry_decode(data, size_bytes, &telemetry)) != ERR_OK) {
		refuse_call(c, stream, GRPC_INVALID_ARGUMENT,
		    err == ERR_RANGE ? "node_id is not up to 128 printable characters"
		                     : "no TelemetryPayload");
		return;
	}
	if (d->calls == LIMIT_SIDECAR_CALLS || (call = calloc(1, sizeof(*call))) == NULL) {
		refuse_call(c, stream, GRPC_RESOURCE_EXHAUSTED, "too many calls wait");
		return;
	}
	call->conn = c;
	call->stream = stream;
	strcpy(call->node_id, telemetry.node_id);
	call->next = c->calls;
	c->calls = call;
	d->calls++;
	adviser_ask(d->adviser, &telemetry.event, advised, call, &waiter);
	/* Without a waiter the call is answered and gone.  It is gone, too, where this made
	 * another of the connection fail, which closed it. */
	if (c->closed)
		adviser_forget(d->adviser, waiter);
	else if (waiter != NULL)
		call->waiter = waiter;
}

static void
stream_ended(void *context, int32_t stream)
{
	struct conn *c = context;

	if (*find_call(c, stream) == NULL)
		refuse_call(c, stream, GRPC_INVALID_ARGUMENT, "no message in the call");
}

static void
stream_closed(void *context, int32_t stream, int grpc_status, const char *reason)
{
	(void)grpc_status;
	(void)reason;
	drop_call(context, stream);
}

/* ---- bytes in -------------------------------------------------------------------------- */

static void
conn_ready(void *context, unsigned ready)
{
	struct conn *c = context;
	struct door *d = c->door;
	enum err err;
	ssize_t n;

	if (ready & LOOP_READ) {
		n = recv(c->fd, d->in, sizeof(d->in), 0);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			conn_close(c);
			return;
		}
		if (n > 0) {
			c->receiving = true;
			err = h2_receive(c->h2, d->in, (size_t)n);
			c->receiving = false;
			if (err != ERR_OK && !c->closed) {
				/* Tell it why, as far as the socket takes that at once. */
				(void)write_output(c);
				conn_close(c);
			}
		}
	}
	flush(c);
}

/* ---- who comes in ------------------------------------------------------------------------ */

static bool
may_call(const struct config *config, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	uid_t uid;

	if (config->sidecar_path[0] == '\0')
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1)
		return false;
	uid = peer.uid;
	return uid == 0 || uid == geteuid() ||
	       (config->uid_base != 0 && uid >= config->uid_base &&
	           uid < config->uid_base + ROLES_MOST) ||
	       (config->sidecar_uid_first != 0 && uid >= config->sidecar_uid_first &&
	           uid <= config->sidecar_uid_last);
}

/* When all places are taken, who has been idle for longest leaves; false: nobody is. */
static bool
make_room(struct door *d)
{
	struct conn *c, *idlest = NULL;

	if (d->conns < LIMIT_SIDECAR_CONNECTIONS)
		return true;
	for (c = d->first; c != NULL; c = c->next)
		if (c->calls == NULL && (idlest == NULL || c->useful_ms < idlest->useful_ms))
			idlest = c;
	if (idlest != NULL)
		conn_close(idlest);
	return idlest != NULL;
}

static enum err
conn_new(struct door *d, int fd)
{
	const struct h2_handler handler = { .headers = headers_came,
		.message = message_came,
		.ended = stream_ended,
		.closed = stream_closed };
	struct h2_handler of_this = handler;
	struct conn *c;
	enum err err;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return ERR_NOMEM;
	c->door = d;
	c->fd = fd;
	c->useful_ms = loop_now_ms();
	of_this.context = c;
	if ((err = h2_new(H2_SERVER, &of_this, &c->h2)) != ERR_OK ||
	    (err = loop_add(d->loop, fd, LOOP_READ, conn_ready, c, &c->watch)) != ERR_OK) {
		conn_free(c);
		return err;
	}
	c->next = d->first;
	if (c->next != NULL)
		c->next->previous = c;
	d->first = c;
	d->conns++;
	watch_idle(d, c->useful_ms + LIMIT_IDLE_MS);
	return ERR_OK;
}

static void
accept_again(void *context)
{
	struct door *d = context;

	if (loop_change(d->watch, LOOP_READ) != ERR_OK)
		loop_timer_set(d->retry, loop_now_ms() + RETRY_MS);
}

static void
accept_some(void *context, unsigned ready)
{
	struct door *d = context;
	const int yes = 1;
	int i, fd;

	(void)ready;
	for (i = 0; i < LIMIT_ACCEPTS; i++) {
		fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			/* The caller waits in the backlog; asking again at once would spin. */
			(void)!loop_change(d->watch, 0);
			loop_timer_set(d->retry, loop_now_ms() + RETRY_MS);
			return;
		}
		if (fd == -1 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd == -1)
			return;
		if (d->config->sidecar_path[0] == '\0')
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		if (!may_call(d->config, fd) || !make_room(d) || conn_new(d, fd) != ERR_OK) {
			adviser_metrics(d->adviser)->refused_calls++;
			close(fd);
		}
	}
}

enum err
door_new(struct loop *loop, const struct config *config, struct adviser *adviser, int fd,
    struct door **out)
{
	struct door *d;
	enum err err;

	if ((d = calloc(1, sizeof(*d))) == NULL) {
		close(fd);
		return ERR_NOMEM;
	}
	d->loop = loop;
	d->config = config;
	d->adviser = adviser;
	d->fd = fd;
	d->deadline_ms = UINT64_MAX;
	if ((err = loop_timer_new(loop, close_idle, d, &d->deadlines)) != ERR_OK ||
	    (err = loop_timer_new(loop, accept_again, d, &d->retry)) != ERR_OK ||
	    (err = loop_timer_new(loop, bury, d, &d->burial)) != ERR_OK ||
	    (err = loop_add(loop, fd, LOOP_READ, accept_some, d, &d->watch)) != ERR_OK) {
		door_free(d);
		return err;
	}
	*out = d;
	return ERR_OK;
}

void
door_free(struct door *d)
{
	if (d == NULL)
		return;
	while (d->first != NULL)
		conn_close(d->first);
	if (d->burial != NULL)
		bury(d);
	loop_remove(d->watch);
	loop_timer_free(d->deadlines);
	loop_timer_free(d->retry);
	loop_timer_free(d->burial);
	close(d->fd);
	free(d);
}
