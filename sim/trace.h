/*
 * trace: everything that happened, as one hash and, if wanted, as lines.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

struct trace {
	uint64_t hash;
	FILE *file; /* NULL: none */
};

void trace_add(struct trace *, uint64_t value);
/* A line for people; it does not count in the hash. */
void trace_line(struct trace *, uint64_t now_ms, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
