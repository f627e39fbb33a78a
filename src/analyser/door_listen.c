/*
 * door_listen: where the door is, before anything is read.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "analyser/door.h"
#include "sys/log.h"

#define BACKLOG 64

static enum err
refuse(const char *what, const char *remedy)
{
	const int reason = errno;

	log_error("the door %s: %s; %s", what, strerrordesc_np(reason), remedy);
	if (reason == EADDRINUSE)
		return ERR_LOCKED;
	return reason == EACCES || reason == EPERM ? ERR_DENIED : ERR_IO;
}

/* Nobody's any more: a socket on which nobody listens.  Anything else stays. */
static bool
is_left_behind(const struct sockaddr_un *where)
{
	struct stat status;
	bool left = false;
	int fd;

	if (lstat(where->sun_path, &status) == -1 || !S_ISSOCK(status.st_mode))
		return false;
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return false;
	left = connect(fd, (const struct sockaddr *)where, sizeof(*where)) == -1 &&
	       errno == ECONNREFUSED;
	close(fd);
	return left;
}

static enum err
listen_unix(const char *path, bool shared, int *out)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, bound;

	if (strlen(path) >= sizeof(where.sun_path))
		return ERR_OVERSIZE;
	memcpy(where.sun_path, path, strlen(path) + 1);
	if (is_left_behind(&where) && unlink(path) == -1)
		return refuse(path, "remove it, or set [analyser] sidecar_addr");
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return refuse(path, "");
	/* Others are let in by who they are, which the kernel says of every caller. */
	mask = umask(shared ? 0111 : 0177);
	bound = bind(fd, (const struct sockaddr *)&where, sizeof(where));
	(void)umask(mask);
	if (bound == -1 || listen(fd, BACKLOG) == -1) {
		enum err err = refuse(path, "set [analyser] sidecar_addr");

		close(fd);
		return err;
	}
	*out = fd;
	return ERR_OK;
}

static enum err
listen_tcp(const struct config *c, int *out)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} where;
	const bool named = strcmp(c->sidecar_host, "localhost") == 0;
	const int yes = 1;
	struct address address;
	socklen_t size;
	int fd;

	memset(&where, 0, sizeof(where));
	if (!address_parse(named ? "127.0.0.1" : c->sidecar_host, &address)) {
		log_error(
		    "the door %s: no address of this host; set [analyser] sidecar_addr to one, "
		    "or to localhost",
		    c->sidecar_host);
		return ERR_CONFIG;
	}
	if (address.family == 4) {
		where.four.sin_family = AF_INET;
		where.four.sin_port = htons(c->sidecar_port);
		memcpy(&where.four.sin_addr, address.bytes, 4);
		size = sizeof(where.four);
	} else {
		where.six.sin6_family = AF_INET6;
		where.six.sin6_port = htons(c->sidecar_port);
		memcpy(&where.six.sin6_addr, address.bytes, 16);
		size = sizeof(where.six);
	}
	if ((fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return refuse(c->sidecar_host, "");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, &where.any, size) == -1 || listen(fd, BACKLOG) == -1) {
		enum err err = refuse(c->sidecar_host, "set [analyser] sidecar_port");

		close(fd);
		return err;
	}
	*out = fd;
	return ERR_OK;
}

enum err
door_listen(const struct config *config, int *out)
{
	return config->sidecar_path[0] != '\0'
	           ? listen_unix(config->sidecar_path, config->sidecar_uid_first != 0, out)
	           : listen_tcp(config, out);
}
