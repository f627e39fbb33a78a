/*
 * parent_listen: see parent.h.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "proc/parent.h"
#include "sys/log.h"

#define MESH_BACKLOG     512
#define DECOY_BACKLOG    LIMIT_DECOY_CONNECTIONS
#define CONTROL_BACKLOG  16
#define ANALYSER_BACKLOG 16

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

/* For us alone, 0600.  LOCKED: somebody answers there.  IO, and errno says why. */
static enum err
bind_path(const char *path, int type, int backlog, int *out)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, bound, saved;

	if (strlen(path) >= sizeof(where.sun_path))
		return ERR_OVERSIZE;
	memcpy(where.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return ERR_IO;
	if (connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0) {
		close(fd);
		return ERR_LOCKED;
	}
	if (unlink(path) == -1 && errno != ENOENT)
		goto fail;
	mask = umask(0177);
	bound = bind(fd, (struct sockaddr *)&where, sizeof(where));
	(void)umask(mask);
	if (bound == -1 || listen(fd, backlog) == -1)
		goto fail;
	*out = fd;
	return ERR_OK;

fail:
	saved = errno;
	close(fd);
	errno = saved;
	return ERR_IO;
}

static enum err
listen_control(const char *path, int *out)
{
	enum err err = bind_path(path, SOCK_SEQPACKET, CONTROL_BACKLOG, out);

	if (err == ERR_LOCKED)
		log_error("another phalanxd answers on %s: stop it first, or set state_dir", path);
	else if (err == ERR_IO)
		log_errno("control socket %s", path);
	return err;
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

/*
 * Another's analyser may answer there already: then it is asked, and none is
 * started.  Only root and the one process that asks reach the socket.
 */
static void
listen_analyser(const struct config *config, struct parent_listeners *out)
{
	struct parent_listener *listener = &out->each[out->count];
	char program[LIMIT_PATH_BYTES + 32];
	const uid_t caller =
	    config->uid_base == 0 ? getuid() : config->uid_base + (uint32_t)ROLE_ADVICE;
	enum err err;

	if (!config->run_analyser || config->sidecar_port != 0)
		return;
	snprintf(program, sizeof(program), "%s/phalanx-analyser", config->libexec_dir);
	if (access(program, X_OK) == -1) {
		log_info("no analyser: %s is not there; the rules answer alone", program);
		return;
	}
	err = bind_path(config->sidecar_path, SOCK_STREAM, ANALYSER_BACKLOG, &listener->fd);
	if (err == ERR_LOCKED) {
		log_info("an analyser answers on %s: none is started", config->sidecar_path);
		return;
	}
	if (err == ERR_OK && caller != getuid() &&
	    chown(config->sidecar_path, caller, caller) == -1) {
		close(listener->fd);
		err = ERR_DENIED;
	}
	if (err != ERR_OK) {
		log_errno(
		    "no analyser, the rules answer alone: its socket %s", config->sidecar_path);
		return;
	}
	listener->about = (struct msg_listener){ .kind = LISTENER_ANALYSER };
	out->count++;
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
	if ((err = listen_control(config->control_socket, &out->control_fd)) == ERR_OK)
		listen_analyser(config, out);
	return err;
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
