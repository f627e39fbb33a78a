/*
 * net_accept: who may begin a handshake.  All that a stranger costs us before
 * this is one accept(2): the address must be a member's, the source within its
 * budget, and a place free, before TLS sees a byte.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "proc/net_conn.h"
#include "proc/net_socket.h"
#include "sys/log.h"

#define RETRY_MS 100 /* after running out of descriptors */

struct acceptor {
	struct net *net;
	struct loop_timer *retry;
	bool open;
	size_t count;
	struct listener {
		struct acceptor *acceptor;
		struct loop_watch *watch;
		int fd;
	} listeners[2]; /* IPv4 and IPv6, or both in one */
};

static bool
is_expected(struct net *net, const struct endpoint *far)
{
	size_t holders = 0;

	if (net->tls == NULL)
		return address_is_loopback(&far->address);
	(void)roster_find_address(net->roster, &far->address, &holders);
	return holders > 0;
}

static bool
may_begin(struct net *net, const struct endpoint *far)
{
	if (!is_expected(net, far)) {
		net_alarm(net, ALARM_STRANGER, far, "this address is no member's");
		return false;
	}
	if (!net_charge(net, far))
		return false;
	if (conns_handshakes(net->conns, NULL) >= LIMIT_HANDSHAKES ||
	    conns_handshakes(net->conns, &far->address) >= LIMIT_HANDSHAKES_PER_ADDRESS ||
	    conns_count(net->conns) >= LIMIT_LINKS) {
		net_alarm(net, ALARM_FLOOD, far, "too many handshakes or links at once");
		return false;
	}
	return true;
}

static void
set_ready(struct acceptor *a, unsigned ready)
{
	size_t i;

	for (i = 0; i < a->count; i++)
		if (loop_change(a->listeners[i].watch, ready) != ERR_OK)
			log_errno("accept: cannot watch a listener");
}

static void
retry(void *context)
{
	struct acceptor *a = context;

	if (a->open)
		set_ready(a, LOOP_READ);
}

static void
accept_some(void *context, unsigned ready)
{
	struct listener *listener = context;
	struct acceptor *a = listener->acceptor;
	struct sockaddr_storage address;
	struct endpoint far;
	socklen_t size;
	int i, fd;

	(void)ready;
	for (i = 0; i < LIMIT_ACCEPTS; i++) {
		size = sizeof(address);
		fd = accept4(
		    listener->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			/* The caller waits in the backlog; asking again at once would spin. */
			set_ready(a, 0);
			loop_timer_set(a->retry, loop_now_ms() + RETRY_MS);
			return;
		}
		if (fd == -1 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd == -1)
			return;
		if (socket_endpoint(&address, &far) != ERR_OK || !may_begin(a->net, &far)) {
			close(fd);
			continue;
		}
		socket_tune(fd);
		if (conn_new(a->net->conns, fd, CONN_ACCEPTED, &far, MEMBER_NONE) != ERR_OK)
			log_warn("accept: out of memory");
	}
}

void
acceptor_set_open(struct acceptor *a, bool open)
{
	a->open = open;
	set_ready(a, open ? LOOP_READ : 0);
}

enum err
acceptor_new(struct net *net, const int *fds, size_t count, struct acceptor **out)
{
	struct acceptor *a;
	struct listener *listener;
	enum err err;
	size_t i;

	if (count > sizeof(a->listeners) / sizeof(a->listeners[0]))
		return ERR_FULL;
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return ERR_NOMEM;
	a->net = net;
	if ((err = loop_timer_new(net->loop, retry, a, &a->retry)) != ERR_OK)
		goto fail;
	for (i = 0; i < count; i++) {
		listener = &a->listeners[i];
		listener->acceptor = a;
		listener->fd = fds[i];
		if ((err = loop_add(
		         net->loop, fds[i], 0, accept_some, listener, &listener->watch)) != ERR_OK)
			goto fail;
		a->count++;
	}
	*out = a;
	return ERR_OK;

fail:
	for (i = 0; i < a->count; i++)
		loop_remove(a->listeners[i].watch);
	loop_timer_free(a->retry);
	free(a);
	return err;
}
