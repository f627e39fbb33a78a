/*
 * phalanx-bank: the services of the showcase, and their customer.  Plain TCP;
 * no code of Phalanx in it.
 *
 * serve PORT [ADDRESS:PORT | ?ADDRESS:PORT]...
 *	Answers a line "pay N" with "done N" when each service behind it has; with
 *	"failed N" when one has not.  One with a ? is told and asked nothing: when it
 *	does not answer, "done N quietly".
 * pay ADDRESS PORT GAP_MS
 *	Pays on and on, a connection a payment, until SIGTERM; then a line of JSON:
 *	payments, done, lost, quiet (nobody was notified), longest_gap_ms between
 *	two that were done, median_ms and slowest_ms of one.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BEHIND     4
#define LINE_BYTES 64
#define BACKLOG    64
#define ANSWER_MS  1000 /* a customer's patience */
#define NEEDED_MS  500  /* a service's with the one behind it */
#define NOTICE_MS  100  /* and with one that it does not need */
#define SAMPLES    100000

struct service {
	struct sockaddr_in address;
	bool needed;
};

static volatile sig_atomic_t ended;

static void
on_term(int number)
{
	(void)number;
	ended = 1;
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct sockaddr_in
address_of(const char *host, const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	long number = strtol(port, NULL, 10);

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || number < 1 || number > UINT16_MAX)
		errx(2, "%s:%s: not an address and a port", host, port);
	address.sin_port = htons((uint16_t)number);
	return address;
}

static bool
is_ready(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) == 1;
}

/* One line, without its end.  A peer says no more than that in one go. */
static bool
read_line(int fd, char line[LINE_BYTES], int timeout_ms)
{
	size_t used = 0;
	ssize_t n;
	char *end;

	while (used < LINE_BYTES - 1 && is_ready(fd, POLLIN, timeout_ms)) {
		if ((n = recv(fd, line + used, LINE_BYTES - 1 - used, 0)) <= 0)
			return false;
		used += (size_t)n;
		line[used] = '\0';
		if ((end = strchr(line, '\n')) != NULL) {
			*end = '\0';
			return true;
		}
	}
	return false;
}

static bool
write_line(int fd, const char *line)
{
	char text[LINE_BYTES + 1];
	int length = snprintf(text, sizeof(text), "%s\n", line);

	return send(fd, text, (size_t)length, MSG_NOSIGNAL) == length;
}

/* Ask one service; false: no connection, or no answer in time. */
static bool
ask(const struct sockaddr_in *to, const char *line, char answer[LINE_BYTES], int timeout_ms)
{
	int fd, failed = 0;
	socklen_t size = sizeof(failed);
	bool done;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return false;
	done =
	    (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 || errno == EINPROGRESS) &&
	    is_ready(fd, POLLOUT, timeout_ms) &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0 &&
	    write_line(fd, line) && read_line(fd, answer, timeout_ms);
	close(fd);
	return done;
}

/* ---- a service ---------------------------------------------------------------------- */

static void
answer_one(int fd, const struct service *behind, size_t count)
{
	char line[LINE_BYTES], answer[LINE_BYTES], reply[LINE_BYTES];
	bool quietly = false;
	unsigned number;

	if (!read_line(fd, line, ANSWER_MS) || sscanf(line, "pay %u", &number) != 1)
		return;
	for (size_t i = 0; i < count; i++) {
		bool done = ask(&behind[i].address, line, answer,
		                behind[i].needed ? NEEDED_MS : NOTICE_MS) &&
		            strncmp(answer, "done", 4) == 0;

		if (!done && behind[i].needed) {
			snprintf(reply, sizeof(reply), "failed %u", number);
			(void)write_line(fd, reply);
			return;
		}
		quietly |= !done || strstr(answer, "quietly") != NULL;
	}
	snprintf(reply, sizeof(reply), "done %u%s", number, quietly ? " quietly" : "");
	(void)write_line(fd, reply);
}

static int
serve(int argc, char **argv)
{
	struct sockaddr_in here = address_of("0.0.0.0", argv[0]);
	struct service behind[BEHIND];
	size_t count = 0;
	int fd, client, on = 1;

	for (int i = 1; i < argc && count < BEHIND; i++) {
		char *host = argv[i], *colon = strrchr(host, ':');

		if (colon == NULL)
			errx(2, "%s: not an address and a port", host);
		*colon = '\0';
		behind[count].needed = host[0] != '?';
		behind[count++].address = address_of(host + (host[0] == '?'), colon + 1);
	}
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&here, sizeof(here)) == -1 || listen(fd, BACKLOG) == -1)
		err(1, "port %s", argv[0]);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if ((client = accept(fd, NULL, NULL)) == -1)
			continue;
		/* A process a payment: one that waits keeps no other waiting. */
		if (fork() == 0) {
			answer_one(client, behind, count);
			_exit(0);
		}
		close(client);
	}
}

/* ---- a customer --------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int
pay(char **argv)
{
	const struct sockaddr_in to = address_of(argv[0], argv[1]);
	const struct timespec gap = { .tv_nsec = strtol(argv[2], NULL, 10) * 1000000 };
	static uint64_t took_us[SAMPLES];
	uint64_t last_us = now_us(), gap_us = 0, began_us, all_us;
	unsigned payments = 0, done = 0, quiet = 0;
	char line[LINE_BYTES], answer[LINE_BYTES];

	signal(SIGTERM, on_term);
	for (; !ended && payments < SAMPLES; nanosleep(&gap, NULL)) {
		snprintf(line, sizeof(line), "pay %u", ++payments);
		began_us = now_us();
		if (!ask(&to, line, answer, ANSWER_MS) || strncmp(answer, "done", 4) != 0) {
			/* The signal cut it short: it was neither done nor lost. */
			payments -= ended ? 1 : 0;
			continue;
		}
		all_us = now_us();
		took_us[done++] = all_us - began_us;
		quiet += strstr(answer, "quietly") != NULL;
		gap_us = all_us - last_us > gap_us ? all_us - last_us : gap_us;
		last_us = all_us;
	}
	/* What is still missing at the end is a gap, too. */
	gap_us = now_us() - last_us > gap_us ? now_us() - last_us : gap_us;
	qsort(took_us, done, sizeof(took_us[0]), compare);
	printf("{\"payments\":%u,\"done\":%u,\"lost\":%u,\"quiet\":%u,\"longest_gap_ms\":%.1f,"
	       "\"median_ms\":%.2f,\"slowest_ms\":%.1f}\n",
	    payments, done, payments - done, quiet, (double)gap_us / 1000,
	    done == 0 ? 0 : (double)took_us[done / 2] / 1000,
	    done == 0 ? 0 : (double)took_us[done - 1] / 1000);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "serve") == 0)
		return serve(argc - 2, argv + 2);
	if (argc == 5 && strcmp(argv[1], "pay") == 0)
		return pay(argv + 2);
	fputs("usage: phalanx-bank serve PORT [[?]ADDRESS:PORT]... | pay ADDRESS PORT GAP_MS\n",
	    stderr);
	return 2;
}
