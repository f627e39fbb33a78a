/*
 * fabric: the network between the hosts: links as mutual TLS makes them, with
 * what may go wrong on the way.
 *
 * A link is a connection: it comes up for both ends, breaks for both, and
 * what was under way is lost with it.  Up to LIMIT_FULL_MESH members everybody
 * links to everybody, above that to the neighbours on ten rings.
 */
#ifndef SIM_FABRIC_H
#define SIM_FABRIC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/prng.h"
#include "sim/queue.h"

struct sim;

struct link_ends {
	uint16_t host[2];
	bool up;
	bool retrying;
	uint32_t life;
	uint64_t latest_ms[2];   /* what was sent last arrives then, by sender */
	uint64_t blocked_ms;     /* nothing passes since; 0: it does */
	uint32_t retry_ms;
};

struct fabric_host {
	uint32_t *links;  /* by the far end's member, ascending */
	uint16_t *peers;
	size_t link_count;
	uint8_t side;     /* of a partition: only the same side is heard */
	bool mute;        /* nobody hears it, yet it hears */
	uint32_t lost_per_1000;
	uint32_t slow_ms;
};

struct fabric {
	struct link_ends *links;
	size_t link_count;
	struct fabric_host *hosts;
	size_t host_count;
	struct prng prng;
	uint32_t delay_min_ms, delay_max_ms;
	uint32_t tail_per_1000, tail_ms;
	uint32_t lost_per_1000, doubled_per_1000, reordered_per_1000;
	bool impaired;    /* some path may be blocked */
};

void fabric_init(struct sim *);
void fabric_free(struct fabric *);
/* One host more, linked to all that were there before it. */
void fabric_join(struct sim *, size_t host);
/* To the far end's host on this host's link, if it is up; shares the payload. */
void fabric_send(struct sim *, size_t from, size_t link, struct payload *);
/* Which of a host's links leads to that member's host, or its clone; SIZE_MAX: none. */
size_t fabric_find(const struct sim *, size_t host, size_t member);
/* From now on it ends at another host of the same member: it breaks, and is tried anew. */
void fabric_move(struct sim *, size_t link, size_t from, size_t to);
/* Break it; the ends are told after so long. */
void fabric_break(struct sim *, size_t link, uint64_t told_ms);
/* A host's links that may not be break; what changed on it may forbid them. */
void fabric_update(struct sim *, size_t host, uint64_t told_ms);
/* Likewise the one between two hosts, told at once. */
void fabric_update_pair(struct sim *, size_t host, size_t peer);
void fabric_retry(struct sim *, const struct happening *);
/* Connections over blocked paths time out. */
void fabric_tick(struct sim *);
/* When all that a host sent in order so far has arrived. */
uint64_t fabric_arrived_ms(const struct sim *, size_t host);
bool fabric_passes(const struct sim *, size_t from, size_t to);

#endif
