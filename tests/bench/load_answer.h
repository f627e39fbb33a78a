/*
 * load_answer: of HTTP answers as the coordinator writes them (HTTP/1.1 with a
 * Content-Length, one at a time) no more than a load generator wants to know.
 */
#ifndef TESTS_BENCH_LOAD_ANSWER_H
#define TESTS_BENCH_LOAD_ANSWER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_HEAD_BYTES 4096

struct load_answer {
	size_t head_bytes; /* gathered; the head is whole when status is not 0 */
	size_t body_bytes, left_bytes;
	int status;
	char head[LOAD_HEAD_BYTES];
};

void load_answer_start(struct load_answer *);
/* True: it is whole. */
bool load_answer_take(struct load_answer *, const char *data, size_t size_bytes);
/* A connection to 127.0.0.1:port from another address of loopback, not blocking; -1: none. */
int load_connect(uint16_t port, unsigned network, size_t number);
uint64_t load_now_ns(void);
/* Of a list that is sorted by this; NaN of an empty one. */
double load_quantile(float *values, size_t count, double q);

#endif
