#include <sys/socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyser/exchange.h"
#include "base/limits.h"
#include "http/h1.h"

enum exchange_state { EXCHANGE_CLOSED, EXCHANGE_CONNECTING, EXCHANGE_ASKING, EXCHANGE_KEPT };

struct exchange {
	struct loop *loop;
	struct exchange_config config;
	char authority[300];
	char *authorization; /* "Bearer ..."; NULL: none */
	enum exchange_state state;
	int fd;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct h1 *h1;
	bool reused; /* its connection had served before */
	const char *path;
	char *body;       /* NULL: GET */
	uint8_t *request; /* both as they are sent */
	size_t request_bytes, sent_bytes;
	enum rejection failed; /* found in exchange_start(): told by the timer */
};

/* ---- ends ------------------------------------------------------------------------ */

static void
hang_up(struct exchange *x)
{
	loop_remove(x->watch);
	x->watch = NULL;
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	h1_free(x->h1);
	x->h1 = NULL;
	x->state = EXCHANGE_CLOSED;
}

/* It holds the bearer token. */
static void
drop_request(struct exchange *x)
{
	if (x->request != NULL)
		sodium_memzero(x->request, x->request_bytes);
	free(x->request);
	x->request = NULL;
	x->request_bytes = x->sent_bytes = 0;
}

static void
tell(struct exchange *x, enum rejection why, int status, const uint8_t *body, size_t size_bytes)
{
	drop_request(x);
	free(x->body);
	x->body = NULL;
	loop_timer_set(x->timer, UINT64_MAX);
	x->config.done(x->config.context, why, status, body, size_bytes);
}

static void
give_up(struct exchange *x, enum rejection why)
{
	hang_up(x);
	tell(x, why, 0, NULL, 0);
}

/* The body outlives its connection: whoever is told may begin the next exchange. */
static void
succeed(struct exchange *x)
{
	const int status = h1_status(x->h1);
	const uint8_t *body;
	uint8_t *copy = NULL;
	size_t size;

	body = h1_body(x->h1, &size);
	if (size > 0 && (copy = malloc(size)) == NULL) {
		give_up(x, REJECT_OVERSIZE);
		return;
	}
	if (size > 0)
		memcpy(copy, body, size);
	if (h1_keeps_alive(x->h1))
		x->state = EXCHANGE_KEPT;
	else
		hang_up(x);
	tell(x, REJECT_NONE, status, copy, size);
	free(copy);
}

/* ---- the connection --------------------------------------------------------------- */

static void exchange_ready(void *context, unsigned ready);

static socklen_t
to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;

	memset(out, 0, sizeof(*out));
	if (e->address.family == 4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(e->port);
		memcpy(&four->sin_addr, e->address.bytes, 4);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(e->port);
	memcpy(&six->sin6_addr, e->address.bytes, 16);
	return sizeof(*six);
}

/* The request as bytes, for this connection's parser to expect the answer to. */
static bool
compose(struct exchange *x)
{
	const struct h1_header authorization = { "Authorization", x->authorization };
	const struct h1_request request = { .method = x->body == NULL ? "GET" : "POST",
		.path = x->path,
		.authority = x->authority,
		.content_type = "application/json",
		.headers = &authorization,
		.header_count = x->authorization != NULL ? 1 : 0,
		.body = (const uint8_t *)x->body,
		.body_bytes = x->body != NULL ? strlen(x->body) : 0 };

	drop_request(x);
	return h1_post(x->h1, &request, &x->request, &x->request_bytes) == ERR_OK;
}

static bool
dial(struct exchange *x)
{
	struct sockaddr_storage address;
	socklen_t length;
	const int yes = 1;

	x->reused = false;
	if (x->config.server.address.family == 0)
		return false;
	if (h1_new(LIMIT_MODEL_REPLY_BYTES, &x->h1) != ERR_OK || !compose(x))
		return false;
	length = to_sockaddr(&x->config.server, &address);
	x->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (x->fd == -1)
		return false;
	(void)setsockopt(x->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(x->fd, (struct sockaddr *)&address, length) == -1 && errno != EINPROGRESS)
		return false;
	if (loop_add(x->loop, x->fd, LOOP_WRITE, exchange_ready, x, &x->watch) != ERR_OK)
		return false;
	x->state = EXCHANGE_CONNECTING;
	return true;
}

/* A kept connection may have timed out at the far end just now: once more, anew. */
static void
lost(struct exchange *x, enum rejection why)
{
	if (!x->reused || h1_has_begun(x->h1)) {
		give_up(x, why);
		return;
	}
	hang_up(x);
	if (!dial(x))
		give_up(x, REJECT_UNREACHABLE);
}

/* ---- an exchange --------------------------------------------------------------------- */

static bool
send_request(struct exchange *x)
{
	ssize_t n;

	while (x->sent_bytes < x->request_bytes) {
		n = send(x->fd, x->request + x->sent_bytes, x->request_bytes - x->sent_bytes,
		    MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n == -1)
			return false;
		x->sent_bytes += (size_t)n;
	}
	return loop_change(x->watch,
	           x->sent_bytes < x->request_bytes ? LOOP_READ | LOOP_WRITE : LOOP_READ) == ERR_OK;
}

static enum rejection
refusal(enum err err)
{
	if (err == ERR_OVERSIZE)
		return REJECT_OVERSIZE;
	return err == ERR_TRUNCATED ? REJECT_TORN : REJECT_HTTP;
}

static void
receive_answer(struct exchange *x)
{
	uint8_t bytes[8192];
	bool done = false;
	enum err err;
	ssize_t n;

	n = recv(x->fd, bytes, sizeof(bytes), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1 || (n == 0 && !h1_has_begun(x->h1))) {
		lost(x, REJECT_TORN);
		return;
	}
	err = n == 0 ? h1_eof(x->h1, &done) : h1_receive(x->h1, bytes, (size_t)n, &done);
	if (err != ERR_OK)
		give_up(x, refusal(err));
	else if (done)
		succeed(x);
}

static void
finish_connect(struct exchange *x)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1 || error != 0) {
		give_up(x, REJECT_UNREACHABLE);
		return;
	}
	x->state = EXCHANGE_ASKING;
	if (!send_request(x))
		give_up(x, REJECT_TORN);
}

static void
exchange_ready(void *context, unsigned ready)
{
	struct exchange *x = context;

	switch (x->state) {
	case EXCHANGE_CONNECTING:
		finish_connect(x);
		break;
	case EXCHANGE_ASKING:
		if ((ready & LOOP_WRITE) && !send_request(x))
			lost(x, REJECT_TORN);
		else if (ready & LOOP_READ)
			receive_answer(x);
		break;
	case EXCHANGE_KEPT: /* closed, or speaking out of turn */
		hang_up(x);
		break;
	case EXCHANGE_CLOSED:
		break;
	}
}

static void
time_is_up(void *context)
{
	struct exchange *x = context;

	give_up(x, x->failed != REJECT_NONE ? x->failed : REJECT_DEADLINE);
}

/* ---- from outside ------------------------------------------------------------------- */

void
exchange_start(struct exchange *x, const char *path, const char *body, uint64_t deadline_ms)
{
	bool begun;

	x->path = path;
	x->failed = REJECT_NONE;
	x->body = body != NULL ? strdup(body) : NULL;
	loop_timer_set(x->timer, deadline_ms);
	begun = body == NULL || x->body != NULL;
	if (begun && x->state == EXCHANGE_KEPT) {
		x->reused = true;
		x->state = EXCHANGE_ASKING;
		begun = compose(x) && loop_change(x->watch, LOOP_READ | LOOP_WRITE) == ERR_OK;
	} else if (begun) {
		begun = dial(x);
	}
	if (!begun) {
		hang_up(x);
		x->failed = REJECT_UNREACHABLE;
		loop_timer_set(x->timer, loop_now_ms());
	}
}

enum err
exchange_new(struct loop *loop, const struct exchange_config *config, struct exchange **out)
{
	struct exchange *x;
	size_t room;
	enum err err = ERR_NOMEM;

	if ((x = calloc(1, sizeof(*x))) == NULL)
		return err;
	x->loop = loop;
	x->config = *config;
	x->fd = -1;
	(void)snprintf(x->authority, sizeof(x->authority),
	    strchr(config->host, ':') != NULL ? "[%s]:%u" : "%s:%u", config->host,
	    config->server.port);
	if (config->token[0] != '\0') {
		room = sizeof("Bearer ") + strlen(config->token);
		if ((x->authorization = malloc(room)) == NULL)
			goto fail;
		(void)snprintf(x->authorization, room, "Bearer %s", config->token);
	}
	if ((err = loop_timer_new(loop, time_is_up, x, &x->timer)) != ERR_OK)
		goto fail;
	*out = x;
	return ERR_OK;

fail:
	exchange_free(x);
	return err;
}

void
exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	hang_up(x);
	drop_request(x);
	free(x->body);
	if (x->authorization != NULL)
		sodium_memzero(x->authorization, strlen(x->authorization));
	free(x->authorization);
	loop_timer_free(x->timer);
	free(x);
}
