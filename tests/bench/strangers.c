/*
 * strangers PER_SECOND COUNT FIRST ADDRESS PORT: each touch from an address of
 * its own, fd78::FIRST and up, which a route must make local.
 *
 * Connects, sends a banner that no two have alike, hangs up.  A line each:
 * nanoseconds (CLOCK_MONOTONIC) just before connect(), the source's address in
 * hex.  A plain TCP client: no code of Phalanx in it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 1000

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void
touch(const struct sockaddr_in6 *to, unsigned number)
{
	const int on = 1;
	struct sockaddr_in6 from = { .sin6_family = AF_INET6 };
	struct pollfd p = { .events = POLLOUT };
	char banner[64];
	uint64_t began_ns;
	int size;

	inet_pton(AF_INET6, "fd78::", &from.sin6_addr);
	from.sin6_addr.s6_addr32[3] = htonl(number);
	if ((p.fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1 ||
	    setsockopt(p.fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) == -1 ||
	    bind(p.fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "source %u", number);
	began_ns = now_ns();
	if (connect(p.fd, (const struct sockaddr *)to, sizeof(*to)) == -1 && errno != EINPROGRESS)
		err(1, "connect");
	/* Cut off in the middle of it is what is being measured: no error. */
	if (poll(&p, 1, CONNECT_MS) == 1) {
		size = snprintf(banner, sizeof(banner), "SSH-2.0-stranger_%u\r\n", number);
		(void)send(p.fd, banner, (size_t)size, MSG_NOSIGNAL);
	}
	close(p.fd);
	printf("%" PRIu64 "\tfd7800000000000000000000%08x\n", began_ns, number);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	unsigned per_second, count, first, i;
	uint64_t start_ns = now_ns();

	if (argc != 6 || (per_second = (unsigned)atoi(argv[1])) == 0 ||
	    inet_pton(AF_INET6, argv[4], &to.sin6_addr) != 1)
		errx(2, "usage: strangers PER_SECOND COUNT FIRST ADDRESS PORT");
	count = (unsigned)atoi(argv[2]);
	first = (unsigned)atoi(argv[3]);
	to.sin6_port = htons((uint16_t)atoi(argv[5]));
	for (i = 0; i < count; i++) {
		uint64_t at_ns = start_ns + (uint64_t)i * 1000000000U / per_second;
		struct timespec at = { .tv_sec = (time_t)(at_ns / 1000000000U),
			.tv_nsec = (long)(at_ns % 1000000000U) };

		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		touch(&to, first + i);
	}
	return 0;
}
