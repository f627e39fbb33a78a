/*
 * watch_sets NAME=NETNS...: what the kernels of several network namespaces add
 * to their nftables sets, and when.
 *
 * A line an element: nanoseconds (CLOCK_MONOTONIC, read right after the
 * netlink event was), NAME, the set, the key in hex.  It shares nothing with
 * what it measures but the machine.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOSTS        64
#define BUFFER_BYTES (1 << 20)

struct host {
	const char *name;
	struct mnl_socket *socket;
};

struct arrival {
	const char *name;
	uint64_t ns;
	const char *set;
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* A netlink socket belongs to the namespace that it was made in. */
static void
join(struct host *host, char *argument)
{
	char *path = strchr(argument, '=');
	int fd, size = BUFFER_BYTES;

	if (path == NULL)
		errx(2, "%s: not NAME=NETNS", argument);
	*path++ = '\0';
	host->name = argument;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1 || setns(fd, CLONE_NEWNET) == -1)
		err(2, "%s", path);
	close(fd);
	if ((host->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)) == NULL ||
	    mnl_socket_bind(host->socket, 1U << (NFNLGRP_NFTABLES - 1), MNL_SOCKET_AUTOPID) == -1)
		err(2, "netlink in %s", path);
	(void)setsockopt(
	    mnl_socket_get_fd(host->socket), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* Attributes as the kernel nests them: list, elements, element, key, value. */

static int
each_value(const struct nlattr *attribute, void *context)
{
	const struct arrival *arrival = context;
	const uint8_t *bytes = mnl_attr_get_payload(attribute);

	if (mnl_attr_get_type(attribute) != NFTA_DATA_VALUE)
		return MNL_CB_OK;
	printf("%" PRIu64 "\t%s\t%s\t", arrival->ns, arrival->name, arrival->set);
	for (uint16_t i = 0; i < mnl_attr_get_payload_len(attribute); i++)
		printf("%02x", bytes[i]);
	putchar('\n');
	return MNL_CB_OK;
}

static int
each_part(const struct nlattr *attribute, void *context)
{
	if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_KEY)
		return MNL_CB_OK;
	return mnl_attr_parse_nested(attribute, each_value, context);
}

static int
each_element(const struct nlattr *attribute, void *context)
{
	return mnl_attr_parse_nested(attribute, each_part, context);
}

/* The set's name comes before its elements. */
static int
each_attribute(const struct nlattr *attribute, void *context)
{
	struct arrival *arrival = context;

	if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_SET)
		arrival->set = mnl_attr_get_str(attribute);
	if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_LIST_ELEMENTS)
		return MNL_CB_OK;
	return mnl_attr_parse_nested(attribute, each_element, context);
}

static int
each_message(const struct nlmsghdr *message, void *context)
{
	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return MNL_CB_OK;
	return mnl_attr_parse(message, sizeof(struct nfgenmsg), each_attribute, context);
}

static void
arrived(const struct host *host)
{
	static char bytes[BUFFER_BYTES / 8];
	struct arrival arrival = { .name = host->name, .set = "?" };
	ssize_t n = mnl_socket_recvfrom(host->socket, bytes, sizeof(bytes));

	arrival.ns = now_ns();
	if (n == -1)
		err(1, "%s: events were lost", host->name);
	if (mnl_cb_run(bytes, (size_t)n, 0, 0, each_message, &arrival) == MNL_CB_ERROR)
		err(1, "%s: netlink", host->name);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct host hosts[HOSTS];
	struct pollfd polls[HOSTS];
	nfds_t count = (nfds_t)argc - 1, i;

	if (argc < 2 || count > HOSTS)
		errx(2, "usage: watch_sets NAME=NETNS...");
	for (i = 0; i < count; i++) {
		join(&hosts[i], argv[i + 1]);
		polls[i] =
		    (struct pollfd){ .fd = mnl_socket_get_fd(hosts[i].socket), .events = POLLIN };
	}
	for (;;) {
		if (poll(polls, count, -1) == -1)
			err(1, "poll");
		for (i = 0; i < count; i++)
			if (polls[i].revents != 0)
				arrived(&hosts[i]);
	}
}
