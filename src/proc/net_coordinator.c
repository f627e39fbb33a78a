/*
 * net_coordinator: posts to the coordinator over one kept HTTP/1.1 connection,
 * one at a time.  A coordinator that is down costs a bounded queue and a
 * connect(2) now and then; telemetry and registrations, which the engine makes
 * anew every few seconds, are not kept for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "http/h1.h"
#include "http/signature.h"
#include "proc/net.h"
#include "proc/net_socket.h"
#include "proc/net_trust.h"
#include "sys/crypto.h"
#include "sys/log.h"

#define QUESTION_BYTES 128

enum state {
	STATE_CLOSED, /* until retry_ms, if anything waits */
	STATE_CONNECTING,
	STATE_WAITING, /* the first post is out */
	STATE_KEPT     /* connected, nothing to say */
};

struct post {
	struct post *next;
	struct msg_post about;
	uint64_t since_ms;
	size_t size_bytes;
	uint8_t body[];
};

struct coordinator {
	struct net *net;
	bool configured;
	char authority[CONFIG_AUTHORITY_BYTES];
	struct h1 *h1;
	struct trust *trust;
	enum state state;
	int fd;
	struct loop_watch *watch;
	struct loop_timer *timer; /* deadline of an exchange, or the next try */
	uint64_t retry_ms;
	uint32_t delay_ms;
	struct post *first, **last;
	size_t count, bytes;
	uint8_t *out; /* the request */
	size_t out_start, out_bytes;
	bool reused;           /* the connection has carried an exchange */
	bool was_up, was_down; /* what the log said last */
};

static void advance(struct coordinator *);

/* ---- the queue --------------------------------------------------------------- */

/* GET: the body is the query. */
static bool
is_question(const struct post *p)
{
	return p->about.path == HTTP_RELEASES || p->about.path == HTTP_ROSTER;
}

static bool
is_transient(const struct post *p)
{
	return p->about.path == HTTP_TELEMETRY || p->about.path == HTTP_REGISTER || is_question(p);
}

static void
tell_posted(struct coordinator *c, const struct msg_post *post, uint32_t status,
    const uint8_t *body, size_t size_bytes)
{
	struct msg_posted message = {
		.request = post->request, .path = post->path, .status = status
	};

	if (net_tell(c->net, MSG_POSTED, &message, sizeof(message), body, size_bytes) != ERR_OK)
		log_debug("coordinator: the engine cannot be told of request %u", post->request);
}

static void
drop(struct coordinator *c, struct post **at, uint32_t status, const uint8_t *body,
    size_t size_bytes)
{
	struct post *p = *at;

	if ((*at = p->next) == NULL)
		c->last = at;
	c->count--;
	c->bytes -= p->size_bytes;
	tell_posted(c, &p->about, status, body, size_bytes);
	free(p);
}

/* The first post that may go: never the one that is out. */
static struct post **
droppable(struct coordinator *c)
{
	return c->state == STATE_WAITING ? &c->first->next : &c->first;
}

static void
drop_late(struct coordinator *c, bool transient_too)
{
	struct post **at = droppable(c);
	uint64_t now_ms = loop_now_ms();

	while (*at != NULL) {
		if ((transient_too && is_transient(*at)) ||
		    now_ms - (*at)->since_ms >= LIMIT_COORDINATOR_WAIT_MS)
			drop(c, at, 0, NULL, 0);
		else
			at = &(*at)->next;
	}
}

/* Oldest telemetry first, then the oldest of the rest. */
static bool
make_room(struct coordinator *c, size_t size_bytes)
{
	struct post **at;

	while (c->count >= LIMIT_COORDINATOR_QUEUE ||
	       c->bytes + size_bytes > LIMIT_COORDINATOR_QUEUE_BYTES) {
		for (at = droppable(c); *at != NULL; at = &(*at)->next)
			if ((*at)->about.path == HTTP_TELEMETRY)
				break;
		if (*at == NULL)
			at = droppable(c);
		if (*at == NULL)
			return false;
		drop(c, at, 0, NULL, 0);
	}
	return true;
}

void
coordinator_post(
    struct coordinator *c, const struct msg_post *about, const uint8_t *body, size_t size_bytes)
{
	struct post *p = NULL;

	if (!c->configured || !trust_takes(c->trust, (enum http_path)about->path) ||
	    !make_room(c, size_bytes) || (p = malloc(sizeof(*p) + size_bytes)) == NULL) {
		tell_posted(c, about, 0, NULL, 0);
		return;
	}
	p->next = NULL;
	p->about = *about;
	/* What is not signed itself brings a nonce all the same: the answer repeats it. */
	if (about->created_s == 0 &&
	    getrandom(p->about.nonce, sizeof(p->about.nonce), 0) != sizeof(p->about.nonce)) {
		free(p);
		tell_posted(c, about, 0, NULL, 0);
		return;
	}
	p->since_ms = loop_now_ms();
	p->size_bytes = size_bytes;
	if (size_bytes > 0)
		memcpy(p->body, body, size_bytes);
	*c->last = p;
	c->last = &p->next;
	c->count++;
	c->bytes += size_bytes;
	advance(c);
}

/* ---- the request ---------------------------------------------------------------- */

static const char *
path_text(uint32_t path)
{
	switch ((enum http_path)path) {
	case HTTP_REGISTER:
		return "/register";
	case HTTP_TELEMETRY:
		return "/api/telemetry";
	case HTTP_REPORT:
		return "/api/report/submit";
	case HTTP_ENTRIES:
		return "/api/v1/entries";
	case HTTP_RELEASES:
		return "/api/v1/releases";
	case HTTP_ROSTER:
	case HTTP_RECORDS:
		return "/api/v1/roster";
	}
	return NULL;
}

struct signed_fields {
	char digest[HTTP_SIGNATURE_HEADER_BYTES], input[HTTP_SIGNATURE_HEADER_BYTES],
	    value[HTTP_SIGNATURE_HEADER_BYTES];
	char accept[HTTP_SIGNATURE_HEADER_BYTES];
	struct h1_header headers[3];
};

static enum err
sign_fields(const struct coordinator *c, const struct post *p, struct signed_fields *out)
{
	const struct crypto *crypto = crypto_sodium();
	struct http_signature_input input = { .method = "POST",
		.authority = c->authority,
		.path = path_text(p->about.path),
		.created_s = p->about.created_s };
	struct hash hash;
	enum err err;

	crypto->sha256(crypto->context, "", p->body, p->size_bytes, &hash);
	memcpy(input.content_sha256, hash.bytes, sizeof(input.content_sha256));
	memcpy(input.nonce, p->about.nonce, sizeof(input.nonce));
	memcpy(input.key_id, roster_member(c->net->roster, c->net->self)->id.bytes,
	    sizeof(input.key_id));
	if ((err = http_signature_headers(
	         &input, p->about.signature.bytes, out->digest, out->input, out->value)) != ERR_OK)
		return err;
	out->headers[0] = (struct h1_header){ "Content-Digest", out->digest };
	out->headers[1] = (struct h1_header){ "Signature-Input", out->input };
	out->headers[2] = (struct h1_header){ "Signature", out->value };
	return ERR_OK;
}

static enum err
compose(struct coordinator *c)
{
	const struct post *p = c->first;
	struct signed_fields fields;
	struct h1_request request = { .path = path_text(p->about.path),
		.authority = c->authority,
		.content_type = p->about.path == HTTP_ENTRIES || p->about.path == HTTP_RECORDS
		                    ? "application/x-protobuf"
		                    : "application/json",
		.body = p->body,
		.body_bytes = p->size_bytes };
	char question[QUESTION_BYTES];
	enum err err;

	if (request.path == NULL)
		return ERR_RANGE;
	if (is_question(p)) {
		if (snprintf(question, sizeof(question), "%s?%.*s", request.path,
		        (int)p->size_bytes, (const char *)p->body) >= (int)sizeof(question))
			return ERR_OVERSIZE;
		request.method = "GET";
		request.path = question;
		request.body_bytes = 0;
	}
	if (p->about.created_s != 0) {
		if ((err = sign_fields(c, p, &fields)) != ERR_OK)
			return err;
		request.header_count = 3;
	} else {
		http_accept_signature(p->about.nonce, fields.accept);
		fields.headers[0] = (struct h1_header){ "Accept-Signature", fields.accept };
		request.header_count = 1;
	}
	request.headers = fields.headers;
	return h1_post(c->h1, &request, &c->out, &c->out_bytes);
}

/* ---- the connection --------------------------------------------------------------- */

static void
hang_up(struct coordinator *c)
{
	loop_remove(c->watch);
	c->watch = NULL;
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	h1_free(c->h1);
	c->h1 = NULL;
	free(c->out);
	c->out = NULL;
	c->out_start = c->out_bytes = 0;
	c->state = STATE_CLOSED;
}

static void
failed(struct coordinator *c, const char *reason)
{
	bool was_out = c->state == STATE_WAITING;
	/* A kept connection may end just as we speak (RFC 9112, 9.3.1): once more. */
	bool again = was_out && c->reused && !h1_has_begun(c->h1);

	hang_up(c);
	c->reused = false;
	if (again) {
		advance(c);
		return;
	}
	if (!c->was_down)
		log_warn("coordinator %s: %s", c->authority, reason);
	c->was_down = true;
	c->was_up = false;
	if (was_out)
		drop(c, &c->first, 0, NULL, 0);
	drop_late(c, true);
	c->retry_ms = loop_now_ms() + c->delay_ms;
	c->delay_ms *= 2;
	if (c->delay_ms > LIMIT_DIAL_MAX_MS)
		c->delay_ms = LIMIT_DIAL_MAX_MS;
	advance(c);
}

/* Nothing of an answer is looked at before its signature. */
static bool
is_trusted(struct coordinator *c, size_t *size_bytes)
{
	const struct post *p = c->first;
	const struct http_question question = { .method = is_question(p) ? "GET" : "POST",
		.path = path_text(p->about.path),
		.nonce = p->about.nonce };

	switch (trust_judge(c->trust, c->h1, &question)) {
	case TRUST_GOOD:
	case TRUST_FIRST_USE:
		return true;
	case TRUST_UNSIGNED:
		*size_bytes = 0;
		return true;
	case TRUST_UNHEARD:
		failed(c, "somebody in between answers for it");
		return false;
	case TRUST_OTHER_KEY:
	case TRUST_BAD_SIGNATURE:
		break;
	}
	c->delay_ms = LIMIT_DIAL_MAX_MS;
	failed(c, "its answer is refused");
	return false;
}

static void
answered(struct coordinator *c)
{
	size_t size_bytes;
	const uint8_t *body = h1_body(c->h1, &size_bytes);

	if (!is_trusted(c, &size_bytes))
		return;
	if (!c->was_up)
		log_info("coordinator %s: it answers", c->authority);
	c->was_up = true;
	c->was_down = false;
	c->delay_ms = LIMIT_DIAL_MIN_MS;
	c->retry_ms = 0;
	c->reused = true;
	c->state = STATE_KEPT;
	drop(c, &c->first, (uint32_t)h1_status(c->h1), body, size_bytes);
	if (!h1_keeps_alive(c->h1))
		hang_up(c);
	advance(c);
}

static void
write_some(struct coordinator *c)
{
	ssize_t n;

	while (c->out_start < c->out_bytes) {
		n = send(c->fd, c->out + c->out_start, c->out_bytes - c->out_start, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN) {
			if (loop_change(c->watch, LOOP_READ | LOOP_WRITE) != ERR_OK)
				failed(c, "cannot watch the socket");
			return;
		}
		if (n == -1) {
			failed(c, strerror(errno));
			return;
		}
		c->out_start += (size_t)n;
	}
	free(c->out);
	c->out = NULL;
	c->out_start = c->out_bytes = 0;
	if (loop_change(c->watch, LOOP_READ) != ERR_OK)
		failed(c, "cannot watch the socket");
}

static void
read_some(struct coordinator *c)
{
	uint8_t data[4096];
	bool done = false;
	enum err err;
	ssize_t n;

	n = recv(c->fd, data, sizeof(data), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (c->state == STATE_KEPT) {
		/* Closed while idle, or said something unasked. */
		hang_up(c);
		c->reused = false;
		return;
	}
	if (n == -1) {
		failed(c, strerror(errno));
		return;
	}
	err = n == 0 ? h1_eof(c->h1, &done) : h1_receive(c->h1, data, (size_t)n, &done);
	if (err != ERR_OK)
		failed(c, n == 0 ? "it hung up" : "its answer is not HTTP, or too large");
	else if (done)
		answered(c);
}

static void
send_first(struct coordinator *c)
{
	enum err err = compose(c);

	if (err != ERR_OK) {
		log_error("coordinator: a request cannot be made: %s", err_text(err));
		drop(c, &c->first, 0, NULL, 0);
		advance(c);
		return;
	}
	c->state = STATE_WAITING;
	loop_timer_set(c->timer, loop_now_ms() + LIMIT_COORDINATOR_MS);
	write_some(c);
}

static void
socket_ready(void *context, unsigned ready)
{
	struct coordinator *c = context;
	socklen_t size = sizeof(int);
	int error = 0;

	if (c->state == STATE_CONNECTING) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
			error = errno;
		if (error != 0) {
			failed(c, strerror(error));
			return;
		}
		c->state = STATE_KEPT;
		advance(c);
		return;
	}
	if ((ready & LOOP_WRITE) != 0 && c->out != NULL)
		write_some(c);
	if ((ready & LOOP_READ) != 0 && c->watch != NULL)
		read_some(c);
}

static void
connect_out(struct coordinator *c)
{
	const struct endpoint any = { .port = 0 };
	enum err err;

	c->state = STATE_CONNECTING;
	loop_timer_set(c->timer, loop_now_ms() + LIMIT_COORDINATOR_MS);
	if ((err = socket_dial(&c->net->config->coordinator, &any, &c->fd)) != ERR_OK ||
	    (err = h1_new(LIMIT_COORDINATOR_REPLY_BYTES, &c->h1)) != ERR_OK ||
	    (err = loop_add(c->net->loop, c->fd, LOOP_WRITE, socket_ready, c, &c->watch)) != ERR_OK)
		failed(c, err_text(err));
}

static void
advance(struct coordinator *c)
{
	switch (c->state) {
	case STATE_CONNECTING:
	case STATE_WAITING:
		return;
	case STATE_KEPT:
		if (c->first != NULL) {
			send_first(c);
			return;
		}
		if (loop_change(c->watch, LOOP_READ) != ERR_OK)
			hang_up(c);
		break;
	case STATE_CLOSED:
		if (c->first != NULL && loop_now_ms() >= c->retry_ms) {
			connect_out(c);
			return;
		}
		break;
	}
	loop_timer_set(c->timer, c->first != NULL ? c->retry_ms : UINT64_MAX);
}

static void
time_out(void *context)
{
	struct coordinator *c = context;

	if (c->state == STATE_CONNECTING || c->state == STATE_WAITING) {
		failed(c, "no answer in time");
	} else {
		drop_late(c, false);
		advance(c);
	}
}

void
coordinator_pin(struct coordinator *c, const struct msg_pin *pin)
{
	trust_pin(c->trust, pin);
	c->delay_ms = LIMIT_DIAL_MIN_MS;
	c->retry_ms = 0;
}

void
coordinator_announce(struct coordinator *c)
{
	trust_tell(c->trust);
}

enum err
coordinator_new(struct net *net, struct coordinator **out)
{
	const struct config *config = net->config;
	struct coordinator *c;
	enum err err;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return ERR_NOMEM;
	c->net = net;
	c->fd = -1;
	c->last = &c->first;
	c->delay_ms = LIMIT_DIAL_MIN_MS;
	c->configured = config->coordinator.address.family != 0;
	if (strncmp(config->coordinator_url, "https:", 6) == 0) {
		log_error(
		    "coordinator: https is not supported; what is posted is signed: use http");
		c->configured = false;
	}
	config_authority(config, c->authority);
	if ((err = trust_new(net, &c->trust)) != ERR_OK ||
	    (err = loop_timer_new(net->loop, time_out, c, &c->timer)) != ERR_OK) {
		free(c->trust);
		free(c);
		return err;
	}
	*out = c;
	return ERR_OK;
}
