#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proc/net_conn.h"
#include "sys/log.h"

/* One TLS record: more is never worth a second copy. */
#define BUFFER_BYTES (16 * 1024)

enum conn_state { CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPEN, CONN_CLOSED };

struct conn {
	struct conn *previous, *next;
	struct conn *next_dead;
	struct conns *conns;
	struct loop_watch *watch;
	struct tls *tls; /* NULL: LOCAL_MODE */
	struct h2 *h2;
	int fd;
	int32_t link;
	enum conn_state state;
	enum conn_origin origin;
	struct endpoint far;
	member_index expected, peer;
	uint64_t heard_ms; /* or begun, before it is open */
	uint8_t *rest;     /* output that the socket did not take */
	size_t rest_start, rest_bytes;
	bool marked;    /* has output */
	bool unread;    /* reading stopped before the socket was empty */
	bool undrained; /* tell when it is */
};

struct conns {
	struct net *net;
	struct conn_events events;
	struct conn *first;
	struct conn *dead; /* freed when nothing on the stack can name them */
	size_t count, handshakes;
	struct loop_timer *deadlines, *again;
	uint64_t deadline_ms; /* when deadlines fires */
	bool paused;
	bool any_marked;
	uint8_t in[BUFFER_BYTES], out[BUFFER_BYTES];
};

/* ---- life ---------------------------------------------------------------------- */

static uint64_t
deadline_of(const struct conn *c)
{
	return c->heard_ms + (c->state == CONN_OPEN ? LIMIT_IDLE_MS : LIMIT_HANDSHAKE_MS);
}

static void
enter(struct conn *c, enum conn_state state)
{
	if (c->origin == CONN_ACCEPTED)
		c->conns->handshakes +=
		    (size_t)(state < CONN_OPEN) - (size_t)(c->state < CONN_OPEN);
	c->state = state;
}

static void
conn_free(struct conn *c)
{
	tls_free(c->tls);
	h2_free(c->h2);
	if (c->fd != -1)
		close(c->fd);
	free(c->rest);
	free(c);
}

void
conn_close(struct conn *c, enum err why, const char *reason)
{
	struct conns *all = c->conns;

	if (c->state == CONN_CLOSED)
		return;
	enter(c, CONN_CLOSED);
	loop_remove(c->watch);
	c->watch = NULL;
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		all->first = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	all->count--;
	all->events.gone(all->net, c, why, reason);
	all->events.drained(all->net);
	c->next_dead = all->dead;
	all->dead = c;
	loop_timer_set(all->again, loop_now_ms());
}

/* Wait for what this connection needs next. */
static void
await(struct conn *c)
{
	unsigned ready = 0;

	if (c->state == CONN_CLOSED)
		return;
	if (!c->conns->paused || c->state != CONN_OPEN)
		ready |= LOOP_READ;
	if (c->state == CONN_CONNECTING)
		ready = LOOP_WRITE;
	if (c->rest_bytes > 0 || (c->tls != NULL && tls_wants_write(c->tls)))
		ready |= LOOP_WRITE;
	if (loop_change(c->watch, ready) != ERR_OK)
		conn_close(c, ERR_IO, "cannot watch the socket");
}

/* ---- bytes --------------------------------------------------------------------- */

static enum err
wire_read(struct conn *c, uint8_t *out, size_t room, size_t *size_bytes)
{
	ssize_t n;

	if (c->tls != NULL)
		return tls_read(c->tls, out, room, size_bytes);
	n = recv(c->fd, out, room, 0);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
	*size_bytes = (size_t)n;
	return n == 0 ? ERR_CLOSED : ERR_OK;
}

static enum err
wire_write(struct conn *c, const uint8_t *data, size_t size_bytes, size_t *written_bytes)
{
	ssize_t n;

	if (c->tls != NULL)
		return tls_write(c->tls, data, size_bytes, written_bytes);
	n = send(c->fd, data, size_bytes, MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
	*written_bytes = (size_t)n;
	return ERR_OK;
}

/* *data and *size_bytes: what is left, unless an error but AGAIN is returned. */
static enum err
write_all(struct conn *c, const uint8_t **data, size_t *size_bytes)
{
	size_t written;
	enum err err;

	while (*size_bytes > 0) {
		if ((err = wire_write(c, *data, *size_bytes, &written)) != ERR_OK)
			return err;
		*data += written;
		*size_bytes -= written;
	}
	return ERR_OK;
}

static enum err
keep_rest(struct conn *c, const uint8_t *data, size_t size_bytes)
{
	if ((c->rest = malloc(size_bytes)) == NULL)
		return ERR_NOMEM;
	memcpy(c->rest, data, size_bytes);
	c->rest_start = 0;
	c->rest_bytes = size_bytes;
	return ERR_AGAIN;
}

/* Older bytes first: TLS insists on the very same bytes after AGAIN. */
static enum err
write_rest(struct conn *c)
{
	const uint8_t *data = c->rest + c->rest_start;
	size_t size = c->rest_bytes;
	enum err err;

	if (size == 0)
		return ERR_OK;
	err = write_all(c, &data, &size);
	c->rest_start += c->rest_bytes - size;
	c->rest_bytes = size;
	if (size == 0) {
		free(c->rest);
		c->rest = NULL;
	}
	return err;
}

/* AGAIN: the rest waits for the socket. */
static enum err
write_output(struct conn *c)
{
	uint8_t *out = c->conns->out;
	const uint8_t *data;
	size_t size;
	enum err err;

	c->marked = false;
	if ((err = write_rest(c)) != ERR_OK)
		return err;
	for (;;) {
		if ((err = h2_output(c->h2, out, BUFFER_BYTES, &size)) != ERR_OK)
			return err;
		if (size == 0 || c->state == CONN_CLOSED)
			return ERR_OK;
		data = out;
		if ((err = write_all(c, &data, &size)) == ERR_AGAIN)
			return keep_rest(c, data, size);
		if (err != ERR_OK)
			return err;
	}
}

static void
flush(struct conn *c)
{
	enum err err;

	if (c->state != CONN_OPEN)
		return;
	err = write_output(c);
	if (c->state == CONN_CLOSED)
		return;
	if (err != ERR_OK && err != ERR_AGAIN) {
		conn_close(c, err, "the far end hung up");
	} else if (h2_is_over(c->h2)) {
		conn_close(c, ERR_CLOSED, "the connection is over");
	} else if (conn_is_drained(c)) {
		if (c->undrained)
			c->conns->events.drained(c->conns->net);
		c->undrained = false;
	} else {
		c->undrained = true;
	}
}

static enum err
read_input(struct conn *c)
{
	struct conns *all = c->conns;
	size_t size;
	enum err err;
	int i;

	c->unread = false;
	for (i = 0; i < LIMIT_READS; i++) {
		if (all->paused) {
			c->unread = true;
			return ERR_OK;
		}
		if ((err = wire_read(c, all->in, sizeof(all->in), &size)) != ERR_OK)
			return err == ERR_AGAIN ? ERR_OK : err;
		c->heard_ms = loop_now_ms();
		if ((err = h2_receive(c->h2, all->in, size)) != ERR_OK)
			return err;
		if (c->state == CONN_CLOSED)
			return ERR_OK;
		if (size < sizeof(all->in) && (c->tls == NULL || !tls_has_pending(c->tls)))
			return ERR_OK;
	}
	/* The others get their turn; what TLS holds would not wake us again. */
	c->unread = true;
	loop_timer_set(all->again, loop_now_ms());
	return ERR_OK;
}

static void
talk(struct conn *c)
{
	enum err err = read_input(c);

	if (c->state == CONN_CLOSED)
		return;
	if (err == ERR_OK)
		flush(c);
	else if (err == ERR_CLOSED)
		conn_close(c, err, "the far end hung up");
	else
		conn_close(c, err,
		    c->tls != NULL && tls_refusal(c->tls)[0] != '\0' ? tls_refusal(c->tls)
		                                                     : "HTTP/2 was broken");
}

/* ---- becoming open ---------------------------------------------------------------- */

static void
open_up(struct conn *c)
{
	struct conns *all = c->conns;
	struct h2_handler handler = all->events.h2;

	enter(c, CONN_OPEN);
	c->heard_ms = loop_now_ms();
	handler.context = c;
	if (h2_new(c->origin == CONN_DIALLED ? H2_CLIENT : H2_SERVER, &handler, &c->h2) != ERR_OK) {
		conn_close(c, ERR_NOMEM, "out of memory");
		return;
	}
	if (!all->events.opened(all->net, c)) {
		conn_close(c, ERR_AUTHOR, "the far end is not welcome");
		return;
	}
	talk(c);
}

static void
shake_hands(struct conn *c)
{
	enum err err;

	if (c->tls != NULL) {
		if ((err = tls_handshake(c->tls, &c->peer)) == ERR_AGAIN)
			return;
		if (err != ERR_OK) {
			conn_close(c, err, tls_refusal(c->tls));
			return;
		}
		if (c->expected != MEMBER_NONE && c->peer != c->expected) {
			conn_close(c, ERR_AUTHOR, "another member answered at this address");
			return;
		}
	}
	open_up(c);
}

static bool
socket_failed(struct conn *c)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		error = errno;
	if (error != 0)
		conn_close(c, ERR_CLOSED, strerror(error));
	return error != 0;
}

static void
conn_ready(void *context, unsigned ready)
{
	struct conn *c = context;

	(void)ready;
	switch (c->state) {
	case CONN_CONNECTING:
		if (socket_failed(c))
			break;
		enter(c, CONN_HANDSHAKE);
		shake_hands(c);
		break;
	case CONN_HANDSHAKE:
		shake_hands(c);
		break;
	case CONN_OPEN:
		/* While paused, reading cannot find the error that would wake us for ever. */
		if (!c->conns->paused || !socket_failed(c))
			talk(c);
		break;
	case CONN_CLOSED:
		break;
	}
	await(c);
}

enum err
conn_new(struct conns *all, int fd, enum conn_origin origin, const struct endpoint *far,
    member_index expected)
{
	struct conn *c;
	enum err err = ERR_NOMEM;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return err;
	}
	c->conns = all;
	c->fd = fd;
	c->origin = origin;
	c->far = *far;
	c->expected = expected;
	c->peer = MEMBER_NONE;
	c->state = CONN_CLOSED;
	c->heard_ms = loop_now_ms();
	if (all->net->tls != NULL &&
	    (err = tls_new(all->net->tls, origin == CONN_DIALLED ? TLS_CLIENT : TLS_SERVER, fd,
	         &far->address, &c->tls)) != ERR_OK)
		goto fail;
	/* An accepted client speaks first: wait for it. */
	if ((err = loop_add(all->net->loop, fd, origin == CONN_DIALLED ? LOOP_WRITE : LOOP_READ,
	         conn_ready, c, &c->watch)) != ERR_OK)
		goto fail;
	enter(c, origin == CONN_DIALLED ? CONN_CONNECTING : CONN_HANDSHAKE);
	c->next = all->first;
	if (c->next != NULL)
		c->next->previous = c;
	all->first = c;
	all->count++;
	if (deadline_of(c) < all->deadline_ms) {
		all->deadline_ms = deadline_of(c);
		loop_timer_set(all->deadlines, all->deadline_ms);
	}
	return ERR_OK;

fail:
	conn_free(c);
	return err;
}

/* ---- all of them -------------------------------------------------------------------- */

static void
close_late(void *context)
{
	struct conns *all = context;
	struct conn *c;
	uint64_t now_ms = loop_now_ms();

	for (c = all->first; c != NULL; c = c->next) {
		/* Silence that we asked for is no fault of theirs. */
		if (all->paused && c->state == CONN_OPEN)
			c->heard_ms = now_ms;
		if (deadline_of(c) <= now_ms)
			conn_close(c, ERR_CLOSED,
			    c->state == CONN_OPEN ? "nothing was heard for too long"
			                          : "the handshake took too long");
	}
	all->deadline_ms = UINT64_MAX;
	for (c = all->first; c != NULL; c = c->next)
		if (deadline_of(c) < all->deadline_ms)
			all->deadline_ms = deadline_of(c);
	loop_timer_set(all->deadlines, all->deadline_ms);
}

/* A connection that closes keeps its next until it is freed here. */
static void
read_again(void *context)
{
	struct conns *all = context;
	struct conn *c;

	for (c = all->first; c != NULL; c = c->next)
		if (c->unread && c->state == CONN_OPEN && !all->paused)
			conn_ready(c, LOOP_READ);
	while ((c = all->dead) != NULL) {
		all->dead = c->next_dead;
		conn_free(c);
	}
}

enum err
conns_new(struct net *net, const struct conn_events *events, struct conns **out)
{
	struct conns *all;
	enum err err;

	if ((all = calloc(1, sizeof(*all))) == NULL)
		return ERR_NOMEM;
	all->net = net;
	all->events = *events;
	all->deadline_ms = UINT64_MAX;
	if ((err = loop_timer_new(net->loop, close_late, all, &all->deadlines)) != ERR_OK ||
	    (err = loop_timer_new(net->loop, read_again, all, &all->again)) != ERR_OK) {
		loop_timer_free(all->deadlines);
		free(all);
		return err;
	}
	*out = all;
	return ERR_OK;
}

size_t
conns_handshakes(const struct conns *all, const struct address *or_null)
{
	const struct conn *c;
	size_t n = 0;

	if (or_null == NULL)
		return all->handshakes;
	for (c = all->first; c != NULL; c = c->next)
		if (c->state < CONN_OPEN && c->origin == CONN_ACCEPTED &&
		    address_equal(&c->far.address, or_null))
			n++;
	return n;
}

size_t
conns_count(const struct conns *all)
{
	return all->count;
}

size_t
conns_of(const struct conns *all, member_index peer)
{
	const struct conn *c;
	size_t n = 0;

	for (c = all->first; c != NULL; c = c->next)
		n += c->state == CONN_OPEN && c->peer == peer;
	return n;
}

void
conns_pause(struct conns *all, bool paused)
{
	struct conn *c;

	if (all->paused == paused)
		return;
	all->paused = paused;
	for (c = all->first; c != NULL; c = c->next)
		await(c);
	if (!paused)
		loop_timer_set(all->again, loop_now_ms());
}

void
conns_flush(struct conns *all)
{
	struct conn *c;

	if (!all->any_marked)
		return;
	all->any_marked = false;
	for (c = all->first; c != NULL; c = c->next) {
		if (!c->marked)
			continue;
		flush(c);
		await(c);
	}
}

/* ---- one of them -------------------------------------------------------------------- */

void
conn_mark(struct conn *c)
{
	c->marked = true;
	c->conns->any_marked = true;
}

bool
conn_is_drained(const struct conn *c)
{
	return c->rest_bytes == 0 && (c->h2 == NULL || h2_queued_bytes(c->h2) == 0);
}

struct net *
conn_net(const struct conn *c)
{
	return c->conns->net;
}

struct h2 *
conn_h2(const struct conn *c)
{
	return c->h2;
}

enum conn_origin
conn_origin(const struct conn *c)
{
	return c->origin;
}

const struct endpoint *
conn_far(const struct conn *c)
{
	return &c->far;
}

member_index
conn_expected(const struct conn *c)
{
	return c->expected;
}

member_index
conn_peer(const struct conn *c)
{
	return c->peer;
}

void
conn_set_peer(struct conn *c, member_index peer)
{
	c->peer = peer;
}

int32_t
conn_link(const struct conn *c)
{
	return c->link;
}

void
conn_set_link(struct conn *c, int32_t stream)
{
	c->link = stream;
}
