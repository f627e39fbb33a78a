/*
 * talk: a plain client and server for the lab's tests, with no code of
 * Phalanx: what passes between two hosts, and what no longer does.
 *
 * talk serve PORT                     TCP and UDP echo on every address, until killed
 * talk try tcp|udp ADDRESS PORT MS    status 0: an echo came; 1: none did
 * talk hold ADDRESS PORT              a TCP connection that talks every 10 ms: prints
 *                                     "up", and later "dead: REASON" or "silent"
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS  64
#define HOLD_TICK_MS 10
#define SILENCE_MS   1500

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
say(const char *what, const char *reason)
{
	printf("%s%s%s\n", what, reason[0] == '\0' ? "" : ": ", reason);
	fflush(stdout);
}

static int
listening(int type, const char *port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int fd, one = 1, zero = 0;

	any.sin6_port = htons((uint16_t)atoi(port));
	if ((fd = socket(AF_INET6, type, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) == -1 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 16) == -1))
		err(2, "port %s", port);
	return fd;
}

static void
echo_datagram(int fd)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char bytes[256];
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);

	if (n > 0 && sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, length) == -1)
		warn("sendto");
}

/* false: the connection is over */
static bool
echo_stream(int fd)
{
	char bytes[256];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	return n > 0 && send(fd, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static int
serve(const char *port)
{
	struct pollfd polls[CONNECTIONS + 2];
	nfds_t count = 2, i;

	polls[0] = (struct pollfd){ .fd = listening(SOCK_STREAM, port), .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = listening(SOCK_DGRAM, port), .events = POLLIN };
	for (;;) {
		if (poll(polls, count, -1) == -1)
			err(2, "poll");
		for (i = count; i-- > 2;) {
			if (polls[i].revents == 0 || echo_stream(polls[i].fd))
				continue;
			close(polls[i].fd);
			polls[i] = polls[--count];
		}
		if (polls[1].revents != 0)
			echo_datagram(polls[1].fd);
		if (polls[0].revents != 0) {
			int fd = accept(polls[0].fd, NULL, NULL);

			if (fd != -1 && count < CONNECTIONS + 2)
				polls[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
			else if (fd != -1)
				close(fd);
		}
	}
}

static bool
ready(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) == 1;
}

/* -1 and errno: no connection within timeout_ms. */
static int
connected(int type, const char *address, const char *port, int timeout_ms)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICHOST }, *to;
	int fd, error = 0;
	socklen_t length = sizeof(error);

	if ((error = getaddrinfo(address, port, &hints, &to)) != 0)
		errx(2, "%s: %s", address, gai_strerror(error));
	if ((fd = socket(to->ai_family, type | SOCK_NONBLOCK, 0)) == -1)
		err(2, "socket");
	if (connect(fd, to->ai_addr, to->ai_addrlen) == -1) {
		if (errno != EINPROGRESS)
			error = errno;
		else if (!ready(fd, POLLOUT, timeout_ms))
			error = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
			error = errno;
	}
	freeaddrinfo(to);
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static int
try(const char *protocol, const char *address, const char *port, int timeout_ms)
{
	int type = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	char byte = 'x';
	int fd;

	if ((fd = connected(type, address, port, timeout_ms)) == -1)
		return 1;
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || !ready(fd, POLLIN, timeout_ms))
		return 1;
	return read(fd, &byte, 1) == 1 ? 0 : 1;
}

static int
hold(const char *address, const char *port)
{
	int64_t heard_ms;
	bool up = false;
	char byte = 'x';
	int fd;

	if ((fd = connected(SOCK_STREAM, address, port, SILENCE_MS)) == -1) {
		say("dead", strerror(errno));
		return 1;
	}
	for (heard_ms = now_ms(); now_ms() - heard_ms < SILENCE_MS;) {
		ssize_t n;

		if (send(fd, &byte, 1, MSG_NOSIGNAL) == -1 && errno != EAGAIN) {
			say("dead", strerror(errno));
			return 0;
		}
		if (!ready(fd, POLLIN, HOLD_TICK_MS))
			continue;
		if ((n = read(fd, &byte, 1)) != 1) {
			say("dead", n == 0 ? "closed by the far end" : strerror(errno));
			return 0;
		}
		heard_ms = now_ms();
		if (!up)
			say("up", "");
		up = true;
		poll(NULL, 0, HOLD_TICK_MS);
	}
	say("silent", "");
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 6 && strcmp(argv[1], "try") == 0)
		return try(argv[2], argv[3], argv[4], atoi(argv[5]));
	if (argc == 4 && strcmp(argv[1], "hold") == 0)
		return hold(argv[2], argv[3]);
	errx(2, "usage: talk serve PORT | try tcp|udp ADDRESS PORT MS | hold ADDRESS PORT");
}
