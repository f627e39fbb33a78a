/*
 * gossip: how Serf spreads an event, to compare with: every 200 ms a member
 * sends what it has queued to three others, chosen at random, and what it
 * hears for the first time it queues itself, for so many times four as the
 * number of members has digits (memberlist's LAN defaults).  Messages take as
 * long as in the simulated network and none is lost.  Without push-pull, which
 * runs every 30 s, and without the rest of a UDP packet.
 */
#ifndef BENCH_GOSSIP_H
#define BENCH_GOSSIP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/prng.h"

struct gossip {
	size_t count;
	size_t origin;
	const bool *drops; /* by member: hears, sends nothing on */
	uint32_t delay_min_ms, delay_max_ms;
};

struct gossip_result {
	size_t reached;   /* members that drop nothing, the origin not among them */
	uint64_t last_ms; /* when the last of those heard it */
	uint32_t hops;    /* the longest way to one of them */
	uint64_t sent;    /* messages */
};

void gossip_run(const struct gossip *, struct prng *, struct gossip_result *out);

#endif
