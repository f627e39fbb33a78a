/*
 * parent_listen: see parent.h.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "proc/parent.h"
#include "sys/log.h"

#define MESH_BACKLOG    512
#define DECOY_BACKLOG   LIMIT_DECOY_CONNECTIONS
#define CONTROL_BACKLOG 16

union any_address {
	struct sockaddr base;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int
bind_to(const union any_address *where, socklen_t size_bytes, int backlog)
{
	int on = 1, off = 0, fd, saved;

	fd = socket(where->base.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (where->base.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &where->base, size_bytes) == -1 || listen(fd, backlog) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* One socket for both families where IPv6 is there. */
static int
bind_port(uint16_t port, bool loopback, int backlog, uint8_t *family)
{
	const union any_address v6 = { .v6 = { .sin6_family = AF_INET6,
		                           .sin6_port = htons(port) } },
	                        v4 = { .v4 = { .sin_family = AF_INET,
		                           .sin_port = htons(port),
		                           .sin_addr = {
		                               htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY) } } };
	int fd = -1;

	*family = 6;
	if (!loopback)
		fd = bind_to(&v6, sizeof(v6.v6), backlog);
	if (fd == -1 && (loopback || errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		*family = 4;
		fd = bind_to(&v4, sizeof(v4.v4), backlog);
	}
	return fd;
}

static enum err
refuse(uint16_t port, const char *whose, const char *key)
{
	int reason = errno;

	if (reason == EADDRINUSE) {
		log_error(
		    "port %u (%s) is taken: stop what listens there (ss -ltnp 'sport = :%u'), "
		    "or set %s in phalanx.conf",
		    port, whose, port, key);
		return ERR_LOCKED;
	}
	if (reason == EACCES || reason == EPERM) {
		log_error("port %u (%s) may not be bound by this user: set %s to 1024 or above in "
		          "phalanx.conf, or start phalanxd as root",
		    port, whose, key);
		return ERR_DENIED;
	}
	log_error(
	    "port %u (%s): %s; set %s in phalanx.conf", port, whose, strerrordesc_np(reason), key);
	return ERR_IO;
}

static enum err
listen_control(const char *path, int *out)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, bound;

	if (strlen(path) >= sizeof(where.sun_path))
		return ERR_OVERSIZE;
	memcpy(where.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		goto fail;
	if (connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0) {
		log_error("another phalanxd answers on %s: stop it first, or set state_dir", path);
		close(fd);
		return ERR_LOCKED;
	}
	if (unlink(path) == -1 && errno != ENOENT)
		goto fail;
	mask = umask(0177);
	bound = bind(fd, (struct sockaddr *)&where, sizeof(where));
	(void)umask(mask);
	if (bound == -1 || listen(fd, CONTROL_BACKLOG) == -1)
		goto fail;
	*out = fd;
	return ERR_OK;

fail:
	log_errno("control socket %s", path);
	if (fd != -1)
		close(fd);
	return ERR_IO;
}

static enum err
listen_decoy(const struct config *config, uint32_t index, struct parent_listeners *out)
{
	static const char *const keys[] = { [DECOY_TCP] = "[decoys] extra",
		[DECOY_SSH] = "[decoys] ssh_port (0: none)",
		[DECOY_HTTP] = "[decoys] http_port (0: none)" };
	const struct config_decoy *decoy = &config->decoys[index];
	struct parent_listener *listener = &out->each[out->count];

	listener->about = (struct msg_listener){
		.kind = LISTENER_DECOY, .index = index, .bound = { .port = decoy->port }
	};
	listener->fd =
	    bind_port(decoy->port, false, DECOY_BACKLOG, &listener->about.bound.address.family);
	if (listener->fd == -1)
		return refuse(decoy->port, "decoy", keys[decoy->kind]);
	out->count++;
	return ERR_OK;
}

enum err
listen_all(const struct config *config, struct parent_listeners *out)
{
	struct parent_listener *mesh = &out->each[0];
	uint32_t i;
	enum err err;

	mesh->about =
	    (struct msg_listener){ .kind = LISTENER_P2P, .bound = { .port = config->p2p_port } };
	mesh->fd = bind_port(
	    config->p2p_port, config->local_mode, MESH_BACKLOG, &mesh->about.bound.address.family);
	if (mesh->fd == -1)
		return refuse(config->p2p_port, "mesh", "[node] p2p_port");
	out->count = 1;
	for (i = 0; i < config->decoy_count; i++)
		if ((err = listen_decoy(config, i, out)) != ERR_OK)
			return err;
	return listen_control(config->control_socket, &out->control_fd);
}

enum err
listen_accept(int control_fd, int *out)
{
	struct ucred peer;
	socklen_t size_bytes = sizeof(peer);
	int fd;

	if ((fd = accept4(control_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) == -1)
		return ERR_AGAIN;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size_bytes) == -1 ||
	    (peer.uid != 0 && peer.uid != getuid())) {
		close(fd);
		return ERR_DENIED;
	}
	*out = fd;
	return ERR_OK;
}
