/*
 * netns: two hosts of a test's own, on one link, in one process.
 *
 * "here" enforces, "there" is everybody else: it has the subject's addresses
 * and an innocent neighbour's, on one device.  A socket belongs to the
 * namespace it was made in, so host_enter() before making one.
 */
#ifndef TESTS_UNIT_NETNS_H
#define TESTS_UNIT_NETNS_H
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/types.h"
#include "tests/check.h"

enum host { HERE, THERE, HOSTS };

#define HERE4    "10.9.0.1"
#define HERE6    "fd09::1"
#define SUBJECT4 "10.9.0.2"
#define SUBJECT6 "fd09::2"
#define OTHER4   "10.9.0.3" /* the innocent neighbour, and the coordinator */
#define OTHER6   "fd09::3"
#define HERE_LINK  "fe80::9:1"
#define THERE_LINK "fe80::9:2"
#define HERE_MAC  "02:00:00:00:09:01"
#define THERE_MAC "02:00:00:00:09:02"

#define PATIENCE_MS 120 /* what has not come by then was dropped */

static int hosts[HOSTS];
static unsigned link_index[HOSTS];

static inline void
host_enter(enum host host)
{
	if (setns(hosts[host], CLONE_NEWNET) == -1)
		fail_msg("setns: %s", strerror(errno));
}

static inline void
shell(const char *command)
{
	int status = system(command);

	if (status != 0)
		fail_msg("%s: status %d", command, status);
}

static inline void
write_line(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd != -1) {
		if (write(fd, line, strlen(line)) == -1)
			print_message("%s: %s\n", path, strerror(errno));
		(void)close(fd);
	}
}

/* False: this kernel lets us have no namespaces, and why is printed. */
static inline bool
hosts_make(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	char line[256];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1) {
		print_message("skipped: no user and network namespaces here: %s\n", strerror(errno));
		return false;
	}
	write_line("/proc/self/setgroups", "deny");
	(void)snprintf(line, sizeof(line), "0 %u 1", uid);
	write_line("/proc/self/uid_map", line);
	(void)snprintf(line, sizeof(line), "0 %u 1", gid);
	write_line("/proc/self/gid_map", line);
	hosts[THERE] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) == -1)
		return false;
	hosts[HERE] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	(void)snprintf(line, sizeof(line),
	    "ip link add v0 address " HERE_MAC " type veth peer name v0 address " THERE_MAC
	    " netns /proc/%d/fd/%d", getpid(), hosts[THERE]);
	shell(line);
	shell("ip link set lo up; ip addr add " HERE4 "/24 dev v0; "
	      "ip addr add " HERE6 "/64 dev v0 nodad; ip link set v0 up; "
	      "ip addr add " HERE_LINK "/64 dev v0 nodad");
	link_index[HERE] = if_nametoindex("v0");
	host_enter(THERE);
	shell("ip link set lo up; ip addr add " SUBJECT4 "/24 dev v0; "
	      "ip addr add " OTHER4 "/24 dev v0; ip addr add " SUBJECT6 "/64 dev v0 nodad; "
	      "ip addr add " OTHER6 "/64 dev v0 nodad; ip link set v0 up; "
	      "ip addr add " THERE_LINK "/64 dev v0 nodad");
	link_index[THERE] = if_nametoindex("v0");
	host_enter(HERE);
	/* The carrier comes up in a moment, and IPv6 with it. */
	usleep(100 * 1000);
	return true;
}

static inline socklen_t
socket_address(enum host host, const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;

	memset(out, 0, sizeof(*out));
	if (strchr(text, ':') == NULL) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	if (strncmp(text, "fe80", 4) == 0)
		v6->sin6_scope_id = link_index[host];
	return sizeof(*v6);
}

static inline int
bound_socket(enum host host, int type, int protocol, const char *text, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t size = socket_address(host, text, port, &address);
	int fd, on = 1;

	host_enter(host);
	fd = socket(address.ss_family, type | SOCK_CLOEXEC, protocol);
	if (fd == -1)
		fail_msg("socket: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, size) == -1)
		fail_msg("bind %s port %u: %s", text, port, strerror(errno));
	host_enter(HERE);
	return fd;
}

static inline bool
ready(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) == 1;
}

struct connection {
	int client, server; /* -1: the connection did not come about */
};

static inline void
hang_up(struct connection *c)
{
	if (c->client != -1)
		(void)close(c->client);
	if (c->server != -1)
		(void)close(c->server);
	c->client = c->server = -1;
}

/* from_port 0: any. */
static inline struct connection
tcp(enum host from, const char *from_text, uint16_t from_port, const char *to_text,
    uint16_t to_port)
{
	enum host to = from == HERE ? THERE : HERE;
	struct connection c = { -1, -1 };
	struct sockaddr_storage address;
	socklen_t size;
	int listener, error = 0;
	socklen_t error_size = sizeof(error);

	listener = bound_socket(to, SOCK_STREAM, 0, to_text, to_port);
	if (listen(listener, 8) == -1)
		fail_msg("listen: %s", strerror(errno));
	c.client = bound_socket(from, SOCK_STREAM | SOCK_NONBLOCK, 0, from_text, from_port);
	size = socket_address(from, to_text, to_port, &address);
	/* A drop on the way out may be reported at once (EPERM). */
	if ((connect(c.client, (struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS) &&
	    ready(c.client, POLLOUT, PATIENCE_MS) &&
	    getsockopt(c.client, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0 && error == 0 &&
	    ready(listener, POLLIN, PATIENCE_MS))
		c.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	(void)close(listener);
	if (c.server == -1)
		hang_up(&c);
	return c;
}

static inline bool
tcp_passes(enum host from, const char *from_text, uint16_t from_port, const char *to_text,
    uint16_t to_port)
{
	struct connection c = tcp(from, from_text, from_port, to_text, to_port);
	bool passed = c.server != -1;

	/* No TIME_WAIT: the next try may want the same ports. */
	if (passed) {
		struct linger now = { 1, 0 };

		(void)setsockopt(c.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		(void)setsockopt(c.server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	hang_up(&c);
	return passed;
}

static inline bool
says(int from, int to)
{
	char byte = 'x';

	return send(from, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 &&
	       ready(to, POLLIN, PATIENCE_MS) && recv(to, &byte, 1, MSG_DONTWAIT) == 1;
}

static inline bool
udp_passes(enum host from, const char *from_text, uint16_t from_port, const char *to_text,
    uint16_t to_port)
{
	enum host to = from == HERE ? THERE : HERE;
	int receiver = bound_socket(to, SOCK_DGRAM, 0, to_text, to_port);
	int sender = bound_socket(from, SOCK_DGRAM, 0, from_text, from_port);
	struct sockaddr_storage address;
	socklen_t size = socket_address(from, to_text, to_port, &address);
	bool passed;

	passed = sendto(sender, "x", 1, 0, (struct sockaddr *)&address, size) == 1 &&
	         ready(receiver, POLLIN, PATIENCE_MS);
	(void)close(sender);
	(void)close(receiver);
	return passed;
}

/* An echo request arrives; whether an answer comes back is another question. */
static inline bool
icmp_passes(enum host from, const char *from_text, const char *to_text)
{
	bool v4 = strchr(to_text, ':') == NULL;
	uint8_t echo[8] = { v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, 0, 0, 0, 0x70, 0x68, 0, 1 };
	uint8_t packet[256];
	int protocol = v4 ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
	enum host to = from == HERE ? THERE : HERE;
	int receiver = bound_socket(to, SOCK_RAW, protocol, to_text, 0);
	int sender = bound_socket(from, SOCK_RAW, protocol, from_text, 0);
	struct sockaddr_storage address;
	socklen_t size = socket_address(from, to_text, 0, &address);
	bool passed = false;
	ssize_t got;

	if (v4) { /* one's complement of the sum; the kernel does ICMPv6's itself */
		uint32_t sum = (ICMP_ECHO << 8) + 0x7068 + 1;

		sum = ~(sum + (sum >> 16)) & 0xffff;
		echo[2] = (uint8_t)(sum >> 8);
		echo[3] = (uint8_t)sum;
	}
	if (sendto(sender, echo, sizeof(echo), 0, (struct sockaddr *)&address, size) != -1)
		while (!passed && ready(receiver, POLLIN, PATIENCE_MS)) {
			got = recv(receiver, packet, sizeof(packet), MSG_DONTWAIT);
			passed = got >= (v4 ? 28 : 8) && packet[v4 ? 20 : 0] == echo[0];
		}
	(void)close(sender);
	(void)close(receiver);
	return passed;
}

static inline struct address
address(const char *text)
{
	struct address out;

	if (!address_parse(text, &out))
		fail_msg("not an address: %s", text);
	return out;
}

static inline struct mac
mac_of_there(void)
{
	return (struct mac){ { 2, 0, 0, 0, 9, 2 } };
}

#endif
