/* What one end sends arrives whole, in order and once, and hostile packets close the channel. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "sys/ipc.h"
#include "sys/log.h"
#include "tests/check.h"

struct end {
	struct loop *loop;
	struct ipc *ipc;
	size_t count, last_size;
	uint32_t last_type;
	int fd;
	unsigned idles, stop_at;
	bool in_order, free_in_message, free_in_closed, closed;
	enum err why;
};

static void
take(void *context, struct ipc *ipc, const struct ipc_message *message)
{
	struct end *end = context;

	assert_int_equal((uintptr_t)message->data % 8, 0);
	end->in_order = end->in_order && message->type == end->count;
	end->count++;
	end->last_type = message->type;
	end->last_size = message->size_bytes;
	if (message->fd != -1)
		end->fd = message->fd;
	if (end->free_in_message) {
		ipc_free(ipc);
		end->ipc = NULL;
		loop_stop(end->loop, 0);
	}
	if (end->stop_at != 0 && end->count == end->stop_at)
		loop_stop(end->loop, 0);
}

static void
idled(void *context, struct ipc *ipc)
{
	(void)ipc;
	((struct end *)context)->idles++;
}

static void
closed(void *context, struct ipc *ipc, enum err why)
{
	struct end *end = context;

	end->closed = true;
	end->why = why;
	if (end->free_in_closed) {
		ipc_free(ipc);
		end->ipc = NULL;
	}
	loop_stop(end->loop, 0);
}

static void
pair_up(struct loop *loop, struct end *end, int *bare, bool descriptors)
{
	struct ipc_handler handler = { take, idled, closed, end, descriptors };
	int fds[2];

	assert_ok(ipc_pair(fds));
	*end = (struct end){ .loop = loop, .fd = -1, .in_order = true };
	assert_ok(ipc_new(loop, fds[0], &handler, &end->ipc));
	*bare = fds[1];
}

/* Far more than the socket holds waits in the queue and arrives in order; one more is refused. */
static void
queue_keeps_order(void **unused)
{
	static uint8_t block[32 * 1024];
	struct loop *loop;
	struct end end, far;
	struct ipc_handler handler = { take, idled, closed, &far, false };
	int bare;
	uint32_t i, sent = 0;
	enum err err = ERR_OK;

	(void)unused;
	assert_ok(loop_new(&loop));
	pair_up(loop, &end, &bare, false);
	far = (struct end){ .loop = loop, .fd = -1, .in_order = true };
	for (i = 0; i < 4 * LIMIT_IPC_QUEUE; i++) {
		if ((err = ipc_send(end.ipc, i, &i, sizeof(i), block, sizeof(block))) != ERR_OK)
			break;
		sent++;
	}
	assert_err(ERR_FULL, err);
	assert_int_equal(ipc_queued(end.ipc), LIMIT_IPC_QUEUE);
	far.stop_at = sent;
	assert_ok(ipc_new(loop, bare, &handler, &far.ipc));
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(far.count, sent);
	assert_true(far.in_order);
	assert_int_equal(far.last_size, sizeof(block) + sizeof(i));
	assert_true(far.idles < sent);
	assert_int_equal(ipc_queued(end.ipc), 0);
	ipc_free(end.ipc);
	ipc_free(far.ipc);
	loop_free(loop);
}

static void
stops(void *context)
{
	loop_stop(context, 0);
}

static void
gathers(void *context)
{
	struct ipc *ipc = context;
	static const uint8_t block[2000];
	uint32_t i;

	for (i = 0; i < 100; i++)
		assert_ok(ipc_send(ipc, i, block, i % 9, block, i * i % 2000));
}

/* What one round sends arrives in order, each as it was sent, and in few packets. */
static void
gathered(void **unused)
{
	struct loop *loop;
	struct loop_timer *timer;
	struct end end, far;
	struct ipc_handler handler = { take, idled, closed, &far, false };
	uint8_t packet[64];
	int bare;

	(void)unused;
	assert_ok(loop_new(&loop));
	pair_up(loop, &end, &bare, false);
	ipc_gather(end.ipc);
	assert_ok(loop_timer_new(loop, gathers, end.ipc, &timer));
	loop_timer_set(timer, 0);
	far = (struct end){ .loop = loop, .fd = -1, .in_order = true, .stop_at = 100 };
	assert_ok(ipc_new(loop, bare, &handler, &far.ipc));
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(far.count, 100);
	assert_true(far.in_order);
	assert_int_equal(far.last_size, 99 % 9 + 99 * 99 % 2000);
	loop_timer_free(timer);
	ipc_free(far.ipc);
	ipc_free(end.ipc);

	/* Three small ones are one packet. */
	pair_up(loop, &end, &bare, false);
	ipc_gather(end.ipc);
	for (uint32_t i = 0; i < 3; i++)
		assert_ok(ipc_send(end.ipc, i, &i, sizeof(i), NULL, 0));
	assert_ok(loop_timer_new(loop, stops, loop, &timer));
	loop_timer_set(timer, loop_now_ms() + 1);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(recv(bare, packet, sizeof(packet), MSG_DONTWAIT), 16 + 16 + 12);
	loop_timer_free(timer);
	ipc_free(end.ipc);
	close(bare);
	loop_free(loop);
}

/* A message of exactly the limit passes, one byte more is refused before it is sent. */
static void
size_limit(void **unused)
{
	uint8_t *big = calloc(1, LIMIT_IPC_BYTES + 1);
	struct loop *loop;
	struct end end;
	int bare;

	(void)unused;
	assert_ok(loop_new(&loop));
	pair_up(loop, &end, &bare, false);
	end.stop_at = 1;
	assert_ok(ipc_write_blocking(bare, 0, big, 8, big, LIMIT_IPC_BYTES - 8, -1));
	loop_run(loop);
	assert_int_equal(end.last_size, LIMIT_IPC_BYTES);
	assert_err(ERR_OVERSIZE, ipc_send(end.ipc, 0, big, 8, big, LIMIT_IPC_BYTES - 7));
	assert_err(ERR_OVERSIZE, ipc_write_blocking(bare, 0, big, 0, big, LIMIT_IPC_BYTES + 1, -1));
	ipc_free(end.ipc);
	close(bare);
	loop_free(loop);
	free(big);
}

static void
raw(int fd, uint32_t type, uint32_t claimed, size_t actual)
{
	struct ipc_header header = { type, claimed };
	uint8_t *payload = calloc(1, actual + 1);
	struct iovec parts[2] = { { &header, sizeof(header) }, { payload, actual } };

	assert_true(writev(fd, parts, 2) > 0);
	free(payload);
}

/* A packet that is torn, longer or shorter than it claims, or too long closes the channel. */
static void
hostile_framing(void **unused)
{
	static const struct {
		uint32_t claimed;
		size_t actual;
		enum err expected;
	} cases[] = { { 5, 4, ERR_MALFORMED }, { 3, 4, ERR_MALFORMED },
		{ UINT32_MAX, 0, ERR_MALFORMED },
		/* Behind the first message: less than a header, and one that claims too much. */
		{ 1, 15, ERR_MALFORMED }, { 1, 17, ERR_MALFORMED },
		{ LIMIT_IPC_BYTES + 1, LIMIT_IPC_BYTES + 1, ERR_OVERSIZE } };
	struct loop *loop;
	struct end end;
	size_t i;
	int bare;

	(void)unused;
	assert_ok(loop_new(&loop));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pair_up(loop, &end, &bare, false);
		raw(bare, 1, cases[i].claimed, cases[i].actual);
		loop_run(loop);
		assert_true(end.closed);
		assert_int_equal(end.why, cases[i].expected);
		assert_int_equal(end.count, 0);
		assert_err(ERR_CLOSED, ipc_send(end.ipc, 1, NULL, 0, NULL, 0));
		ipc_free(end.ipc);
		close(bare);
	}
	pair_up(loop, &end, &bare, false);
	assert_int_equal(send(bare, "abc", 3, 0), 3);
	loop_run(loop);
	assert_int_equal(end.why, ERR_TRUNCATED);
	ipc_free(end.ipc);
	close(bare);
	loop_free(loop);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static int
lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A descriptor arrives where one is expected; elsewhere it leaves nothing behind. */
static void
descriptors(void **unused)
{
	struct loop *loop;
	struct end end;
	int bare, before;

	(void)unused;
	assert_ok(loop_new(&loop));
	pair_up(loop, &end, &bare, true);
	end.stop_at = 1;
	assert_ok(ipc_write_blocking(bare, 7, NULL, 0, NULL, 0, 0));
	loop_run(loop);
	assert_int_not_equal(end.fd, -1);
	assert_true(is_open(end.fd));
	assert_int_equal(fcntl(end.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(end.fd);
	ipc_free(end.ipc);
	close(bare);

	pair_up(loop, &end, &bare, false);
	before = lowest_free();
	end.stop_at = 1;
	assert_ok(ipc_write_blocking(bare, 7, NULL, 0, NULL, 0, 0));
	loop_run(loop);
	assert_int_equal(end.count, 1);
	assert_int_equal(end.fd, -1);
	assert_int_equal(lowest_free(), before);
	ipc_free(end.ipc);
	close(bare);
	loop_free(loop);
}

/* A handler may free its channel inside message() and closed(). */
static void
free_inside(void **unused)
{
	struct loop *loop;
	struct end end;
	int bare;

	(void)unused;
	assert_ok(loop_new(&loop));
	pair_up(loop, &end, &bare, false);
	end.free_in_message = true;
	assert_ok(ipc_write_blocking(bare, 0, NULL, 0, NULL, 0, -1));
	assert_ok(ipc_write_blocking(bare, 1, NULL, 0, NULL, 0, -1));
	loop_run(loop);
	assert_int_equal(end.count, 1);
	assert_false(end.closed);
	close(bare);

	pair_up(loop, &end, &bare, false);
	end.free_in_closed = true;
	assert_ok(ipc_write_blocking(bare, 0, NULL, 0, NULL, 0, -1));
	close(bare);
	loop_run(loop);
	assert_int_equal(end.count, 1); /* what was sent before the end still came */
	assert_int_equal(end.why, ERR_CLOSED);
	loop_free(loop);
}

/* ipc_expect() gives the fixed part only to a message that is long enough. */
static void
expect(void **unused)
{
	uint8_t data[16];
	struct ipc_message message = { 1, 12, data, -1 };
	const uint8_t *tail;
	size_t tail_bytes;

	(void)unused;
	assert_null(ipc_expect(&message, 13, &tail, &tail_bytes));
	assert_ptr_equal(ipc_expect(&message, 8, &tail, &tail_bytes), data);
	assert_ptr_equal(tail, data + 8);
	assert_int_equal(tail_bytes, 4);
	assert_null(ipc_expect(&message, 8, NULL, NULL));
	assert_ptr_equal(ipc_expect(&message, 12, NULL, NULL), data);
}

/* The blocking reader times out, takes one message, and sees the end. */
static void
blocking(void **unused)
{
	uint8_t buffer[16];
	uint32_t type;
	size_t size_bytes;
	int fds[2], fd;

	(void)unused;
	assert_ok(ipc_pair(fds));
	assert_err(ERR_AGAIN, ipc_read_blocking(fds[0], &type, buffer, 16, &size_bytes, &fd, 5));
	assert_ok(ipc_write_blocking(fds[1], 9, "ab", 2, "cd", 2, 0));
	assert_ok(ipc_read_blocking(fds[0], &type, buffer, 16, &size_bytes, &fd, 1000));
	assert_int_equal(type, 9);
	assert_int_equal(size_bytes, 4);
	assert_memory_equal(buffer, "abcd", 4);
	assert_true(is_open(fd));
	close(fd);
	assert_ok(ipc_write_blocking(fds[1], 9, buffer, 16, "x", 1, -1));
	assert_err(
	    ERR_OVERSIZE, ipc_read_blocking(fds[0], &type, buffer, 16, &size_bytes, &fd, 1000));
	close(fds[1]);
	assert_err(
	    ERR_CLOSED, ipc_read_blocking(fds[0], &type, buffer, 16, &size_bytes, &fd, 1000));
	close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_keeps_order),
		cmocka_unit_test(gathered),
		cmocka_unit_test(size_limit),
		cmocka_unit_test(hostile_framing),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(free_inside),
		cmocka_unit_test(expect),
		cmocka_unit_test(blocking),
	};

	log_init("", "test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
