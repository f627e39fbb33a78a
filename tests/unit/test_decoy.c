/* The shipped decoy tells of every touch at once, serves no byte and cannot be filled. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include "sys/log.h"
#include "tests/unit/role.h"

static struct role decoy;
static struct heard heard;
static uint16_t port;
static int listener_fd;

static int
knock(int family)
{
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback
	};
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(family, SOCK_STREAM, 0);

	assert_int_equal(family == AF_INET6 ? connect(fd, (struct sockaddr *)&v6, sizeof(v6))
	                                    : connect(fd, (struct sockaddr *)&v4, sizeof(v4)),
	    0);
	return fd;
}

static const struct msg_touch *
hear_touch(size_t *tail_bytes)
{
	assert_true(role_hear(decoy.engine, &heard, 5000));
	assert_int_equal(heard.type, MSG_TOUCH);
	assert_true(heard.size_bytes >= sizeof(struct msg_touch));
	*tail_bytes = heard.size_bytes - sizeof(struct msg_touch);
	return (const struct msg_touch *)heard.bytes;
}

/* Everything that a touch and what follows it brought, in one buffer. */
static size_t
hear_all(char *out, uint64_t *touch)
{
	const struct msg_capture *capture = (const void *)heard.bytes;
	size_t tail_bytes, rest;

	*touch = hear_touch(&tail_bytes)->touch;
	memcpy(out, heard.bytes + sizeof(struct msg_touch), tail_bytes);
	if (!role_hear(decoy.engine, &heard, 3000))
		return tail_bytes;
	assert_int_equal(heard.type, MSG_CAPTURE);
	assert_int_equal(capture->touch, *touch);
	rest = heard.size_bytes - sizeof(*capture);
	assert_int_equal(capture->total_bytes, tail_bytes + rest);
	memcpy(out + tail_bytes, heard.bytes + sizeof(*capture), rest);
	return tail_bytes + rest;
}

/* The far end sees the connection close without a single byte. */
static void
assert_silence(int fd)
{
	char byte;
	ssize_t size = recv(fd, &byte, 1, 0);

	assert_true(size == 0 || (size == -1 && errno == ECONNRESET));
	close(fd);
}

static int
start_decoy(void **unused)
{
	static struct config config = { .name = "node-a", .log_level = "warn", .decoy_count = 1 };
	struct sockaddr_in6 where = { .sin6_family = AF_INET6 };
	struct msg_listener about = { .kind = LISTENER_DECOY };
	socklen_t size_bytes = sizeof(where);
	int off = 0;

	(void)unused;
	listener_fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener_fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(listener_fd, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(listener_fd, 512), 0);
	assert_int_equal(getsockname(listener_fd, (struct sockaddr *)&where, &size_bytes), 0);
	port = ntohs(where.sin6_port);
	role_start(&decoy, ROLE_DECOY, "phalanx-decoy", &config, &about, &listener_fd, 1);
	return 0;
}

static int
stop_decoy(void **unused)
{
	(void)unused;
	role_stop(&decoy);
	close(listener_fd);
	return 0;
}

/* A touch before there is an engine waits, and is told as soon as there is one. */
static void
waits_for_an_engine(void **unused)
{
	size_t tail_bytes;
	int fd = knock(AF_INET);

	(void)unused;
	usleep(50 * 1000);
	role_connect(&decoy);
	assert_int_equal(hear_touch(&tail_bytes)->touch, 1);
	close(fd);
	close(decoy.engine);
	usleep(50 * 1000); /* the engine is gone: the next touch waits again */
	fd = knock(AF_INET);
	usleep(50 * 1000);
	role_connect(&decoy);
	assert_int_equal(hear_touch(&tail_bytes)->touch, 2);
	close(fd);
}

/* Both ends stand in the touch, IPv4 as IPv4 though the listener is IPv6. */
static void
names_both_ends(void **unused)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct msg_touch *touch;
	struct address loopback;
	size_t i, tail_bytes;

	(void)unused;
	for (i = 0; i < 2; i++) {
		struct sockaddr_in6 near;
		socklen_t size_bytes = sizeof(near);
		int fd = knock(families[i]);

		assert_int_equal(getsockname(fd, (struct sockaddr *)&near, &size_bytes), 0);
		touch = hear_touch(&tail_bytes);
		assert_true(address_parse(i == 0 ? "127.0.0.1" : "::1", &loopback));
		assert_true(address_equal(&touch->source.address, &loopback));
		assert_true(address_equal(&touch->destination.address, &loopback));
		assert_int_equal(touch->source.port, ntohs(near.sin6_port));
		assert_int_equal(touch->destination.port, port);
		assert_int_equal(touch->decoy, 0);
		close(fd);
	}
}

/* What is sent is captured, whether it comes at once or in pieces; nothing comes back. */
static void
captures_and_is_silent(void **unused)
{
	char got[LIMIT_CAPTURE_BYTES];
	uint64_t touch;
	int fd = knock(AF_INET);

	(void)unused;
	assert_int_equal(send(fd, "SC", 2, 0), 2);
	usleep(20 * 1000);
	assert_int_equal(send(fd, "AN", 2, 0), 2);
	shutdown(fd, SHUT_WR);
	assert_int_equal(hear_all(got, &touch), 4);
	assert_memory_equal(got, "SCAN", 4);
	assert_silence(fd);
}

/* Of an endless sender exactly the limit is kept, and the connection ends. */
static void
keeps_no_more_than_the_limit(void **unused)
{
	static char block[64 * 1024], got[LIMIT_CAPTURE_BYTES];
	uint64_t touch;
	int fd = knock(AF_INET);

	(void)unused;
	memset(block, 'x', sizeof(block));
	(void)send(fd, block, sizeof(block), MSG_NOSIGNAL);
	assert_int_equal(hear_all(got, &touch), LIMIT_CAPTURE_BYTES);
	assert_silence(fd);
}

/* A visitor that says nothing is shown the door after the linger. */
static void
silent_visitor_leaves(void **unused)
{
	uint64_t start_ms = loop_now_ms(), took_ms;
	size_t tail_bytes;
	int fd = knock(AF_INET);

	(void)unused;
	(void)hear_touch(&tail_bytes);
	assert_silence(fd);
	took_ms = loop_now_ms() - start_ms;
	assert_true(took_ms >= LIMIT_DECOY_LINGER_MS - 50);
	assert_true(took_ms < LIMIT_DECOY_LINGER_MS + 2000);
}

/* A flood from one source is closed and counted; the count rides on a later touch. */
static void
flood_is_counted(void **unused)
{
	const struct msg_touch *touch;
	size_t tail_bytes, told = 0, suppressed = 0;
	int i, fd;

	(void)unused;
	usleep(1100 * 1000);
	for (i = 0; i < 500; i++) {
		fd = knock(AF_INET);
		close(fd);
	}
	usleep(1100 * 1000);
	fd = knock(AF_INET);
	while (told + suppressed < 501) {
		touch = hear_touch(&tail_bytes);
		told++;
		suppressed += touch->suppressed;
	}
	close(fd);
	assert_int_equal(told + suppressed, 501);
	print_message("500 knocks: %zu told, %zu suppressed\n", told, suppressed);
	assert_true(told <= 4 * LIMIT_DECOY_TOUCHES);
}

/* Far more idle visitors than the limit: the newest is heard, the oldest left. */
static void
oldest_makes_room(void **unused)
{
	struct pollfd first;
	size_t tail_bytes;
	int fds[LIMIT_DECOY_CONNECTIONS + 40], i;

	(void)unused;
	for (i = 0; i < LIMIT_DECOY_CONNECTIONS + 40; i++) {
		struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET,
			.sin_port = htons(port),
			.sin_addr = { htonl(INADDR_LOOPBACK) } };

		/* Each from an address of its own, so that no budget is touched. */
		from.sin_addr.s_addr = htonl(0x7f010000u + (unsigned)i);
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(fds[i], (struct sockaddr *)&from, sizeof(from)), 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof(to)), 0);
		(void)hear_touch(&tail_bytes);
	}
	first = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	assert_int_equal(poll(&first, 1, 500), 1);
	first.fd = fds[LIMIT_DECOY_CONNECTIONS + 39];
	assert_int_equal(poll(&first, 1, 0), 0);
	for (i = 0; i < LIMIT_DECOY_CONNECTIONS + 40; i++)
		close(fds[i]);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* From connect() to the engine's ears: within the budget of 0.3 ms in the median. */
static void
is_quick(void **unused)
{
	uint64_t took_ns[101];
	size_t i, tail_bytes;

	(void)unused;
	for (i = 0; i < 101; i++) {
		uint64_t start_ns;
		int fd;

		usleep(60 * 1000);
		start_ns = loop_now_ns();
		fd = knock(AF_INET);
		(void)hear_touch(&tail_bytes);
		took_ns[i] = loop_now_ns() - start_ns;
		close(fd);
	}
	qsort(took_ns, 101, sizeof(took_ns[0]), compare);
	print_message("touch to engine: median %llu us, 99th %llu us\n",
	    (unsigned long long)took_ns[50] / 1000, (unsigned long long)took_ns[99] / 1000);
	/* A loaded machine must not fail the test: ten times the aim. */
	assert_true(took_ns[50] < 3000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_an_engine),
		cmocka_unit_test(names_both_ends),
		cmocka_unit_test(captures_and_is_silent),
		cmocka_unit_test(keeps_no_more_than_the_limit),
		cmocka_unit_test(silent_visitor_leaves),
		cmocka_unit_test(flood_is_counted),
		cmocka_unit_test(oldest_makes_room),
		cmocka_unit_test(is_quick),
	};

	log_init("", "test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, start_decoy, stop_decoy);
}
