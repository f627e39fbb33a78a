/*
 * touch GAP_MS ADDRESS PORT [ADDRESS PORT]...: an intruder with a stopwatch.
 *
 * Connects to one after the other, sends SCAN and waits GAP_MS after each.  A
 * line each: nanoseconds (CLOCK_MONOTONIC) just before connect(), ADDRESS.
 * A plain TCP client: no code of Phalanx in it.
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
#include <string.h>
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

static uint64_t
touch(const char *address, const char *port)
{
	static const char scan[] = "SCAN\r\n";
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct pollfd p = { .events = POLLOUT };
	uint64_t began_ns;

	to.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		errx(2, "%s is no IPv4 address", address);
	if ((p.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		err(2, "socket");
	began_ns = now_ns();
	if (connect(p.fd, (struct sockaddr *)&to, sizeof(to)) == -1 && errno != EINPROGRESS)
		err(1, "%s:%s", address, port);
	/* Cut off in the middle of it is what is being measured: no error. */
	if (poll(&p, 1, CONNECT_MS) == 1)
		(void)send(p.fd, scan, sizeof(scan) - 1, MSG_NOSIGNAL);
	return began_ns;
}

int
main(int argc, char **argv)
{
	if (argc < 4 || argc % 2 != 0)
		errx(2, "usage: touch GAP_MS ADDRESS PORT [ADDRESS PORT]...");
	for (int i = 2; i < argc; i += 2) {
		printf("%" PRIu64 "\t%s\n", touch(argv[i], argv[i + 1]), argv[i]);
		/* After the last one too: to exit would take the processor from what is measured. */
		poll(NULL, 0, atoi(argv[1]));
	}
	return 0;
}
