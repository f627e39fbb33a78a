#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/limits.h"
#include "proc/net_socket.h"

enum err
socket_endpoint(const struct sockaddr_storage *from, struct endpoint *out)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	memset(out, 0, sizeof(*out));
	if (from->ss_family == AF_INET) {
		out->address.family = 4;
		memcpy(out->address.bytes, &v4->sin_addr, 4);
		out->port = ntohs(v4->sin_port);
	} else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		out->address.family = 4;
		memcpy(out->address.bytes, v6->sin6_addr.s6_addr + 12, 4);
		out->port = ntohs(v6->sin6_port);
	} else if (from->ss_family == AF_INET6) {
		out->address.family = 6;
		memcpy(out->address.bytes, &v6->sin6_addr, 16);
		out->port = ntohs(v6->sin6_port);
	} else {
		return ERR_RANGE;
	}
	return ERR_OK;
}

socklen_t
socket_address(const struct endpoint *from, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (from->address.family == 4) {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, from->address.bytes, 4);
		v4->sin_port = htons(from->port);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	memcpy(&v6->sin6_addr, from->address.bytes, 16);
	v6->sin6_port = htons(from->port);
	return sizeof(*v6);
}

/* Each is a matter of speed or of noticing sooner: a kernel without it still works. */
void
socket_tune(int fd)
{
	const int on = 1, unacked_ms = LIMIT_UNACKED_MS;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static enum err
bind_near(int fd, const struct endpoint *near, uint8_t family)
{
	struct endpoint any = { .address = { .family = family }, .port = near->port };
	struct sockaddr_storage address;
	const int on = 1;
	socklen_t size;

	if (near->address.family == 0 && near->port == 0)
		return ERR_OK;
	size = socket_address(near->address.family == 0 ? &any : near, &address);
	/* Ports serve several far ends, and again right after a link ended. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return ERR_IO;
	if (bind(fd, (const struct sockaddr *)&address, size) == 0)
		return ERR_OK;
	return errno == EADDRINUSE ? ERR_AGAIN : errno == EADDRNOTAVAIL ? ERR_NOT_FOUND : ERR_IO;
}

enum err
socket_dial(const struct endpoint *far, const struct endpoint *near, int *out)
{
	struct sockaddr_storage address;
	socklen_t size = socket_address(far, &address);
	enum err err;
	int fd;

	fd = socket(far->address.family == 4 ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return ERR_IO;
	socket_tune(fd);
	if ((err = bind_near(fd, near, far->address.family)) != ERR_OK)
		goto fail;
	if (connect(fd, (const struct sockaddr *)&address, size) == -1 && errno != EINPROGRESS) {
		err = errno == EADDRNOTAVAIL || errno == EADDRINUSE ? ERR_AGAIN : ERR_IO;
		goto fail;
	}
	*out = fd;
	return ERR_OK;

fail:
	close(fd);
	return err;
}
