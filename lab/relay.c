/*
 * phalanx-relay: bytes from one stream to another, for the lab alone.
 *
 * The lab's hosts reach nothing outside their switch.  A unix socket in a
 * folder that both sides see does cross: one relay outside takes what comes
 * to it to the model's server, one in each host's network namespace takes what
 * comes to a port of its loopback to that socket.
 *
 * usage: phalanx-relay [-w] LISTEN TARGET, each unix:PATH or HOST:PORT.
 * -w: ends when its standard input does.
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN   64
#define CHUNK      16384
#define IDLE_MS    (10 * 60 * 1000)
#define UNIX       "unix:"
#define UNIX_BYTES (sizeof(UNIX) - 1)

struct end {
	struct sockaddr_storage address;
	socklen_t size;
};

static bool
parse_unix(const char *text, struct end *out)
{
	struct sockaddr_un *where = (struct sockaddr_un *)&out->address;
	const char *path = text + UNIX_BYTES;

	if (strncmp(text, UNIX, UNIX_BYTES) != 0)
		return false;
	if (strlen(path) >= sizeof(where->sun_path))
		errx(1, "%s: longer than a socket's name may be", path);
	where->sun_family = AF_UNIX;
	memcpy(where->sun_path, path, strlen(path) + 1);
	out->size = sizeof(*where);
	return true;
}

/* A name is looked up anew for each connection. */
static bool
parse(const char *text, struct end *out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	const char *colon = strrchr(text, ':');
	char host[256];

	memset(out, 0, sizeof(*out));
	if (parse_unix(text, out))
		return true;
	if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof(host))
		errx(2, "%s: neither unix:PATH nor HOST:PORT", text);
	if (*text == '[' && colon[-1] == ']')
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text - 2), text + 1);
	else
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return false;
	memcpy(&out->address, found->ai_addr, found->ai_addrlen);
	out->size = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static int
listen_at(const char *text)
{
	struct sockaddr_un *path;
	const int on = 1;
	struct end end;
	int fd;

	if (!parse(text, &end))
		errx(1, "%s: no such host", text);
	path = (struct sockaddr_un *)&end.address;
	if (end.address.ss_family == AF_UNIX && unlink(path->sun_path) == -1 && errno != ENOENT)
		err(1, "%s", text);
	fd = socket(end.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&end.address, end.size) == -1 || listen(fd, CHILDREN) == -1)
		err(1, "%s", text);
	/* The lab's hosts have user ids of their own. */
	if (end.address.ss_family == AF_UNIX && chmod(path->sun_path, 0666) == -1)
		err(1, "%s", text);
	return fd;
}

/* false: that direction is over. */
static bool
pass(int from, int to)
{
	char bytes[CHUNK];
	ssize_t size = read(from, bytes, sizeof(bytes)), written, n;

	if (size <= 0) {
		(void)shutdown(to, SHUT_WR);
		return false;
	}
	for (written = 0; written < size; written += n)
		if ((n = write(to, bytes + written, (size_t)(size - written))) <= 0)
			return false;
	return true;
}

/* One connection, one process: until either side has nothing more to say. */
static _Noreturn void
relay(int near, const char *target)
{
	struct pollfd ends[2];
	struct end end;
	int far;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!parse(target, &end) ||
	    (far = socket(end.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(far, (struct sockaddr *)&end.address, end.size) == -1)
		_exit(1);
	ends[0] = (struct pollfd){ .fd = near, .events = POLLIN };
	ends[1] = (struct pollfd){ .fd = far, .events = POLLIN };
	while ((ends[0].fd != -1 || ends[1].fd != -1) && poll(ends, 2, IDLE_MS) > 0) {
		if (ends[0].revents != 0 && !pass(near, far))
			ends[0].fd = -1;
		/* A client that hangs up ends the call: that is what its model's server sees. */
		if (ends[1].revents != 0 && !pass(far, near))
			break;
		if (ends[0].fd == -1 && (ends[0].revents & (POLLHUP | POLLERR)) != 0)
			break;
	}
	_exit(0);
}

static void
accept_one(int door, const char *target, int *children)
{
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (fd == -1)
		return;
	if (*children < CHILDREN && (pid = fork()) != -1) {
		if (pid == 0)
			relay(fd, target);
		(*children)++;
	}
	close(fd);
}

/* Nothing but to interrupt poll(). */
static void
on_child(int signal_number)
{
	(void)signal_number;
}

int
main(int argc, char **argv)
{
	const struct sigaction child = { .sa_handler = on_child };
	struct pollfd wait[2] = { { .fd = -1, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	int children = 0, option;
	char byte;

	while ((option = getopt(argc, argv, "w")) != -1) {
		if (option != 'w')
			return 2;
		wait[1].fd = STDIN_FILENO;
	}
	if (argc - optind != 2) {
		fputs("usage: phalanx-relay [-w] LISTEN TARGET, each unix:PATH or HOST:PORT\n",
		    stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &child, NULL);
	wait[0].fd = listen_at(argv[optind]);
	for (;;) {
		const int ready = poll(wait, 2, -1), why = errno;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			children--;
		if (ready == -1 && why == EINTR)
			continue;
		if (ready == -1) {
			errno = why;
			err(1, "poll");
		}
		if (wait[1].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0)
			return 0;
		if (wait[0].revents != 0)
			accept_one(wait[0].fd, argv[optind + 1], &children);
	}
}
