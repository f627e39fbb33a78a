/*
 * load_nodes: simulated nodes.  Each keeps a connection of its own, from an
 * address of its own, and posts as a node does: telemetry every
 * LIMIT_HEARTBEAT_MS, now and then its registration, and reports; all of it
 * signed by its own key when it is due, one request at a time.
 */
#ifndef TESTS_BENCH_LOAD_NODES_H
#define TESTS_BENCH_LOAD_NODES_H
#include "sys/loop.h"
#include "tests/mesh.h"

#define LOAD_CODES 600

struct load_nodes; /* opaque */

struct load_nodes_config {
	struct loop *loop;
	const struct mesh *mesh;
	uint16_t port;
	unsigned reports_per_s; /* all nodes together */
};

struct load_figures {
	size_t heartbeats;  /* answered */
	size_t late;        /* not sent: the one before was not answered yet */
	size_t connections; /* made anew */
	size_t codes[LOAD_CODES];
	float *ms; /* of a request, until its whole answer */
	size_t count, room;
};

struct load_nodes *load_nodes_new(const struct load_nodes_config *);
/* How many have been answered at least once. */
size_t load_nodes_known(const struct load_nodes *);
/* Begin to count anew. */
void load_nodes_reset(struct load_nodes *);
struct load_figures *load_nodes_figures(struct load_nodes *);

#endif
