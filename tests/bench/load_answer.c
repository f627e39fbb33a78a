#include "tests/bench/load_answer.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void
load_answer_start(struct load_answer *a)
{
	a->head_bytes = a->body_bytes = a->left_bytes = 0;
	a->status = 0;
}

static void
read_head(struct load_answer *a, const char *end)
{
	const char *length;

	*(char *)(uintptr_t)end = '\0';
	a->status = atoi(a->head + sizeof("HTTP/1.1"));
	length = strcasestr(a->head, "\r\nContent-Length:");
	a->left_bytes =
	    length == NULL ? 0 : strtoul(length + sizeof("\r\nContent-Length:") - 1, NULL, 10);
}

bool
load_answer_take(struct load_answer *a, const char *data, size_t size_bytes)
{
	size_t room, taken, before = a->head_bytes;
	const char *end;

	if (a->status == 0) {
		room = sizeof(a->head) - 1 - a->head_bytes;
		taken = size_bytes < room ? size_bytes : room;
		memcpy(a->head + a->head_bytes, data, taken);
		a->head_bytes += taken;
		if ((end = memmem(a->head, a->head_bytes, "\r\n\r\n", 4)) == NULL)
			return false;
		read_head(a, end);
		taken = (size_t)(end - a->head) + 4 - before;
		size_bytes -= taken;
	}
	taken = size_bytes < a->left_bytes ? size_bytes : a->left_bytes;
	a->left_bytes -= taken;
	a->body_bytes += taken;
	return a->left_bytes == 0;
}

int
load_connect(uint16_t port, unsigned network, size_t number)
{
	struct sockaddr_in near = { .sin_family = AF_INET,
		.sin_addr.s_addr =
		    htonl(127u << 24 | network << 16 | (unsigned)(1 + number / 250) << 8 |
		          (unsigned)(1 + number % 250)) };
	struct sockaddr_in far = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&near, sizeof(near)) == 0 &&
	    connect(fd, (struct sockaddr *)&far, sizeof(far)) == 0 &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	close(fd);
	return -1;
}

uint64_t
load_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

double
load_quantile(float *values, size_t count, double q)
{
	size_t at = (size_t)((double)count * q);

	if (count == 0)
		return (double)NAN;
	qsort(values, count, sizeof(*values), compare);
	return (double)values[at < count ? at : count - 1];
}
