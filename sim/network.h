/*
 * network: what is under way in the simulated world, in the order in which it
 * arrives; with loss, duplication and, when delays differ, reordering.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/prng.h"

enum arrival_kind {
	ARRIVAL_MESSAGE,  /* from one node to another */
	ARRIVAL_LINK_UP,
	ARRIVAL_LINK_DOWN,
	ARRIVAL_WRITE,    /* a draft reaches the notary */
	ARRIVAL_APPENDED, /* what it signed comes back */
	ARRIVAL_KEEP,     /* a received entry reaches the disk */
	ARRIVAL_FLUSHED
};

struct arrival_event {
	uint64_t at_ms;
	uint64_t order;
	enum arrival_kind kind;
	size_t to;
	size_t from;
	uint32_t number;  /* a request or a token */
	uint64_t life;    /* of the node, or of the link: what died meanwhile hears nothing */
	size_t size_bytes;
	uint8_t bytes[];
};

struct network {
	struct arrival_event **heap;
	size_t count;
	size_t room;
	uint64_t order;
	struct prng prng;
	uint32_t delay_min_ms;
	uint32_t delay_max_ms;
	uint32_t lost_per_1000;
	uint32_t doubled_per_1000;
};

void network_free(struct network *);
void network_clear(struct network *);
/* A copy of the bytes arrives at at_ms; e's other fields are copied. */
void network_add(struct network *, const struct arrival_event *e, const uint8_t *bytes);
/* Likewise, subject to the network's faults. */
void network_send(struct network *, const struct arrival_event *e, const uint8_t *bytes);
/* When the next one arrives; UINT64_MAX: nothing is under way. */
uint64_t network_next(const struct network *);
/* Take it.  The caller frees it. */
struct arrival_event *network_take(struct network *);

#endif
