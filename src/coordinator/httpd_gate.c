/*
 * httpd_gate: who may come in, and for how long.  A connection has
 * LIMIT_HTTP_REQUEST_MS for a request; an address has so many connections and
 * so many requests a second; when all places are taken, the connection that
 * has been silent for longest gives way to the one that comes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/limits.h"
#include "base/map.h"
#include "coordinator/httpd_internal.h"
#include "sys/log.h"

#define ACCEPTS_A_ROUND 64

/* What an address has open. */
struct source {
	struct address key;
	size_t connections, most;
};

void
gate_address(const struct sockaddr *from, struct address *out)
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

/* Of IPv6 the network, since a stranger owns 2^64 addresses in it. */
static struct address
key_of(const struct address *address)
{
	struct address key = *address;

	if (key.family == 6 && !address_is_loopback(address))
		memset(key.bytes + 8, 0, 8);
	return key;
}

static struct source *
find_source(struct httpd *h, const struct address *peer)
{
	struct address key = key_of(peer);
	struct source *source = map_get(h->sources, &key);

	if (source != NULL)
		return source;
	if ((source = calloc(1, sizeof(*source))) == NULL)
		return NULL;
	source->key = key;
	/* Behind a proxy on this host all the world comes from loopback. */
	source->most = address_is_loopback(peer) ? LIMIT_HTTP_PER_LOOPBACK : LIMIT_HTTP_PER_ADDRESS;
	if (map_put(h->sources, &key, source) == ERR_OK)
		return source;
	free(source);
	return NULL;
}

static void
leave_source(struct httpd *h, struct source *source)
{
	if (source == NULL || --source->connections > 0)
		return;
	(void)map_remove(h->sources, &source->key);
	free(source);
}

bool
gate_charge(struct connection *c)
{
	struct address key = key_of(&c->peer);

	if (address_is_loopback(&c->peer) ||
	    tokenbucket_take(c->httpd->buckets, &key, loop_now_ms()))
		return true;
	c->httpd->counters.too_fast++;
	return false;
}

/* ---- a connection's time --------------------------------------------------------- */

static void
shut(struct connection *c)
{
	shutdown(c->fd, SHUT_RDWR);
	if (c->shut)
		return;
	c->shut = true;
	c->httpd->leaving++;
	if (c->is_idle)
		TAILQ_REMOVE(&c->httpd->idle, c, idle_link);
	c->is_idle = false;
}

void
gate_postpone(struct connection *c)
{
	struct httpd *h = c->httpd;

	TAILQ_REMOVE(&h->connections, c, link);
	c->deadline_ms = loop_now_ms() + LIMIT_HTTP_REQUEST_MS;
	TAILQ_INSERT_TAIL(&h->connections, c, link);
}

void
gate_expire(struct httpd *h)
{
	struct connection *c;
	uint64_t now_ms = loop_now_ms();

	while ((c = TAILQ_FIRST(&h->connections)) != NULL && c->deadline_ms <= now_ms) {
		if (!c->shut)
			h->counters.timed_out++;
		/* Twice shut is a second chance for none. */
		shut(c);
		gate_postpone(c);
	}
}

void
gate_set_busy(struct connection *c, bool busy)
{
	if (c->shut || c->is_idle != busy)
		return;
	c->is_idle = !busy;
	if (busy)
		TAILQ_REMOVE(&c->httpd->idle, c, idle_link);
	else
		TAILQ_INSERT_TAIL(&c->httpd->idle, c, idle_link);
}

static bool
came(struct httpd *h, struct connection *c, int fd, const struct sockaddr *far)
{
	if (far != NULL)
		gate_address(far, &c->peer);
	if ((c->source = find_source(h, &c->peer)) == NULL)
		return false;
	c->source->connections++;
	c->httpd = h;
	c->fd = fd;
	c->is_idle = true;
	c->deadline_ms = loop_now_ms() + LIMIT_HTTP_REQUEST_MS;
	TAILQ_INSERT_TAIL(&h->connections, c, link);
	TAILQ_INSERT_TAIL(&h->idle, c, idle_link);
	h->counters.connections++;
	return true;
}

static void
went(struct httpd *h, struct connection *c)
{
	TAILQ_REMOVE(&h->connections, c, link);
	if (c->is_idle)
		TAILQ_REMOVE(&h->idle, c, idle_link);
	if (c->shut)
		h->leaving--;
	leave_source(h, c->source);
	h->counters.connections--;
	free(c);
}

void
gate_notified(void *context, struct MHD_Connection *connection, void **ours,
    enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *fd, *far;
	struct httpd *h = context;
	struct connection *c = *ours;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (c != NULL)
			went(h, c);
		*ours = NULL;
		return;
	}
	fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	far = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (fd == NULL)
		return;
	c = calloc(1, sizeof(*c));
	if (c == NULL || !came(h, c, fd->connect_fd, far != NULL ? far->client_addr : NULL)) {
		shutdown(fd->connect_fd, SHUT_RDWR); /* no deadline, no connection */
		free(c);
		return;
	}
	*ours = c;
}

/* ---- coming in -------------------------------------------------------------------- */

/* False: nobody can give way, or its address has as many as it may. */
static bool
has_place(struct httpd *h, const struct sockaddr *far)
{
	const struct source *source;
	struct connection *oldest;
	struct address peer, key;

	gate_address(far, &peer);
	key = key_of(&peer);
	if ((source = map_get(h->sources, &key)) != NULL && source->connections >= source->most)
		return false;
	if (h->counters.connections - h->leaving < h->most)
		return true;
	if ((oldest = TAILQ_FIRST(&h->idle)) == NULL)
		return false;
	h->counters.gave_way++;
	shut(oldest);
	return true;
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
		if (!has_place(h, (struct sockaddr *)&far)) {
			h->counters.turned_away++;
			close(fd);
			continue;
		}
		/* What it does not take it closes. */
		(void)MHD_add_connection(h->daemon, fd, (struct sockaddr *)&far, size);
	}
	httpd_drive(h);
}

enum err
httpd_listen(struct httpd *h, int fd)
{
	struct listener *listener = &h->listeners[h->listener_count];
	enum err err;

	if (h->listener_count == HTTPD_LISTENERS)
		return ERR_FULL;
	listener->httpd = h;
	listener->fd = fd;
	if ((err = loop_add(
	         h->config.loop, fd, LOOP_READ, on_accept, listener, &listener->watch)) != ERR_OK)
		return err;
	h->listener_count++;
	return ERR_OK;
}

enum err
gate_open(struct httpd *h)
{
	struct tokenbucket_config buckets = { .addresses = LIMIT_BUCKETS,
		.per_second = LIMIT_HTTP_PER_S,
		.burst = LIMIT_HTTP_BURST,
		.repeat_ms = LIMIT_ALARM_MS };
	size_t room = h->config.descriptors;
	enum err err;

	TAILQ_INIT(&h->connections);
	TAILQ_INIT(&h->idle);
	h->most = LIMIT_HTTP_CONNECTIONS;
	if (room < LIMIT_HTTP_CONNECTIONS + LIMIT_HTTP_RESERVE)
		h->most = room > 2 * LIMIT_HTTP_RESERVE ? room - LIMIT_HTTP_RESERVE : room / 2;
	if (getrandom(&buckets.seed, sizeof(buckets.seed), 0) != sizeof(buckets.seed))
		return ERR_IO;
	if ((err = map_new(sizeof(struct address), buckets.seed, &h->sources)) != ERR_OK ||
	    (err = tokenbucket_new(&buckets, &h->buckets)) != ERR_OK)
		return err;
	return loop_timer_new(h->config.loop, on_resume, h, &h->resume);
}

/* After the last connection is gone. */
void
gate_close(struct httpd *h)
{
	for (size_t i = 0; i < h->listener_count; i++) {
		loop_remove(h->listeners[i].watch);
		close(h->listeners[i].fd);
	}
	h->listener_count = 0;
	loop_timer_free(h->resume);
	map_free(h->sources);
	tokenbucket_free(h->buckets);
}
