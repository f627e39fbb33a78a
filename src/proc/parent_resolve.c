/*
 * parent_resolve: see parent.h.  The parent parses nothing remote, and a name
 * server's answer is remote; so a child without capabilities reads it, and
 * seventeen bytes come back.
 */
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proc/parent.h"
#include "sys/log.h"

struct resolver {
	pid_t pid;
	int fd;
};

static bool
look_up(const char *host, struct address *out)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG
	};
	struct addrinfo *found;
	bool known = true;

	memset(out, 0, sizeof(*out));
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	if (found->ai_family == AF_INET) {
		out->family = 4;
		memcpy(out->bytes, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4);
	} else if (found->ai_family == AF_INET6) {
		out->family = 6;
		memcpy(out->bytes, &((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr, 16);
	} else {
		known = false;
	}
	freeaddrinfo(found);
	return known;
}

static _Noreturn void
run(const char *host, int fd, pid_t parent)
{
	struct address address;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		_exit(1);
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		_exit(1);
	if (!look_up(host, &address))
		_exit(1);
	_exit(write(fd, &address, sizeof(address)) == sizeof(address) ? 0 : 1);
}

enum err
resolver_start(const char *host, struct resolver **out)
{
	struct resolver *resolver;
	pid_t self = getpid();
	int ends[2];

	if ((resolver = calloc(1, sizeof(*resolver))) == NULL)
		return ERR_NOMEM;
	if (pipe2(ends, O_CLOEXEC) == -1) {
		free(resolver);
		return ERR_IO;
	}
	if ((resolver->pid = fork()) == -1) {
		log_errno("resolver: fork");
		close(ends[0]);
		close(ends[1]);
		free(resolver);
		return ERR_IO;
	}
	if (resolver->pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) == -1 || close_range(3, ~0u, 0) == -1)
			_exit(1);
		run(host, STDOUT_FILENO, self);
	}
	close(ends[1]);
	resolver->fd = ends[0];
	*out = resolver;
	return ERR_OK;
}

int
resolver_fd(const struct resolver *resolver)
{
	return resolver->fd;
}

enum err
resolver_take(struct resolver *resolver, int timeout_ms, struct address *out)
{
	struct pollfd wait = { .fd = resolver->fd, .events = POLLIN };
	struct address address;
	int count;

	do
		count = poll(&wait, 1, timeout_ms);
	while (count == -1 && errno == EINTR);
	if (count <= 0)
		return ERR_AGAIN;
	if (read(resolver->fd, &address, sizeof(address)) != sizeof(address) ||
	    (address.family != 4 && address.family != 6))
		return ERR_NOT_FOUND;
	*out = address;
	return ERR_OK;
}

void
resolver_free(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	close(resolver->fd);
	(void)kill(resolver->pid, SIGKILL);
	(void)waitpid(resolver->pid, NULL, 0);
	free(resolver);
}
