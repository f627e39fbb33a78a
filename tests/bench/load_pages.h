/*
 * load_pages: who looks on, in a process of its own so that its processor
 * time is its own: pages that listen to the events, and one that asks for the
 * snapshot ten times a second.
 */
#ifndef TESTS_BENCH_LOAD_PAGES_H
#define TESTS_BENCH_LOAD_PAGES_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct load_pages_figures {
	size_t events, event_bytes; /* to all pages together */
	size_t open;                /* streams */
	size_t states, state_bytes; /* answers, and the size of the last one */
	double state_p50_ms, state_p99_ms;
	double event_p50_ms, event_p99_ms; /* from a report's time to the first page; NaN: none */
	double cpu_s;
};

struct load_pages; /* opaque */

/* Before the caller has a loop or a thread. */
struct load_pages *load_pages_start(uint16_t port, size_t pages);
/* Begin to listen; begin to count. */
void load_pages_open(struct load_pages *);
void load_pages_reset(struct load_pages *);
/* And end. */
void load_pages_end(struct load_pages *, struct load_pages_figures *out);

#endif
