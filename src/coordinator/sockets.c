#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "coordinator/sockets.h"
#include "sys/log.h"

#define FIRST_INHERITED 3
#define BACKLOG         512

static void
log_bound(int fd, const char *how)
{
	struct sockaddr_storage bound;
	const struct sockaddr_in *four = (const void *)&bound;
	const struct sockaddr_in6 *six = (const void *)&bound;
	struct address address = { .family = 0 };
	socklen_t size = sizeof(bound);
	char text[46];

	if (getsockname(fd, (struct sockaddr *)&bound, &size) == -1)
		return;
	if (bound.ss_family == AF_INET) {
		address.family = 4;
		memcpy(address.bytes, &four->sin_addr, 4);
		address_format(&address, text);
		log_info("listening on http://%s:%u (%s)", text, ntohs(four->sin_port), how);
	} else if (bound.ss_family == AF_INET6) {
		address.family = 6;
		memcpy(address.bytes, &six->sin6_addr, 16);
		address_format(&address, text);
		log_info("listening on http://[%s]:%u (%s)", text, ntohs(six->sin6_port), how);
	} else {
		log_info("listening (%s)", how);
	}
}

static enum err
inherit(struct sockets *s)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	long n = count != NULL ? strtol(count, NULL, 10) : 0;
	long owner = pid != NULL ? strtol(pid, NULL, 10) : 0;
	int accepting = 0, fd;
	socklen_t size;

	if (n <= 0 || (owner != 0 && owner != (long)getpid()))
		return ERR_OK;
	if (n > SOCKETS_MOST) {
		log_error("LISTEN_FDS=%ld: at most %d sockets", n, SOCKETS_MOST);
		return ERR_FULL;
	}
	for (int i = 0; i < (int)n; i++) {
		fd = FIRST_INHERITED + i;
		size = sizeof(accepting);
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &size) == -1 ||
		    accepting == 0) {
			log_error("LISTEN_FDS=%ld: descriptor %d is not a listening socket", n, fd);
			return ERR_CONFIG;
		}
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
		    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1) {
			log_errno("inherited descriptor %d", fd);
			return ERR_IO;
		}
		s->fds[s->count++] = fd;
		log_bound(fd, "inherited");
	}
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	return ERR_OK;
}

static socklen_t
to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (void *)out;
	struct sockaddr_in6 *six = (void *)out;

	memset(out, 0, sizeof(*out));
	if (endpoint->address.family == 4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(endpoint->port);
		memcpy(&four->sin_addr, endpoint->address.bytes, 4);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(endpoint->port);
	memcpy(&six->sin6_addr, endpoint->address.bytes, 16);
	return sizeof(*six);
}

static int
open_one(const struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t size = to_sockaddr(endpoint, &address);
	int fd, on = 1;

	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, size) == -1 || listen(fd, BACKLOG) == -1) {
		on = errno;
		close(fd);
		errno = on;
		return -1;
	}
	return fd;
}

enum err
sockets_open(const struct settings *settings, struct sockets *out)
{
	const struct endpoint *endpoint;
	char text[46];
	enum err err;
	int fd;

	out->count = 0;
	if ((err = inherit(out)) != ERR_OK)
		return err;
	if (out->count > 0 && !settings->listen_given)
		return ERR_OK;
	for (size_t i = 0; i < settings->listen_count; i++) {
		endpoint = &settings->listen[i];
		address_format(&endpoint->address, text);
		if ((fd = open_one(endpoint)) == -1) {
			log_errno("listen on %s port %u", text, endpoint->port);
			/* A machine without IPv6 still has its other loopback address. */
			if (!settings->listen_given && endpoint->address.family == 6)
				continue;
			if (errno == EADDRINUSE)
				log_error(
				    "port %u is taken: stop what holds it, or set COORDINATOR_PORT",
				    endpoint->port);
			return ERR_IO;
		}
		if (out->count == SOCKETS_MOST) {
			close(fd);
			return ERR_FULL;
		}
		out->fds[out->count++] = fd;
		log_bound(fd, "opened");
	}
	return ERR_OK;
}
