/*
 * links: the neighbour links: hello, ping, the peers' clocks and whether they
 * are alive.  All pings of a period leave on one tick, and the ticks of all
 * nodes fall on the same instants of the wall clock, so that a quiet node
 * wakes as seldom as can be.
 *
 * Pure.  Spec: docs/protocol.md, "Spreading".
 */
#ifndef CORE_LINKS_H
#define CORE_LINKS_H
#include "base/map.h"
#include "core/budget.h"
#include "core/core.h"

struct link {
	bool up;
	struct address address;
	bool root_known;
	uint64_t root;            /* as the peer last said */
	bool claims_later;        /* it says it holds a later entry of ours; unproven */
	uint32_t nonce; /* of its last ping: what the answer repeats */
	bool clock_known;
	int64_t clock_offset_ms;  /* its clock minus ours */
	struct budget checks;
	struct budget refusals;   /* told to people */
	unsigned bad_signatures;
	uint64_t exchange_ms;     /* when we last asked for an exchange; 0: never */
	uint64_t served_ms;       /* when we last sent it its own newest entry */
	uint64_t records_after_ms; /* it did not deliver records: not asked again before */
	size_t next_bucket;       /* where the next answer begins, ... */
	size_t next_item;         /* ... and behind how many of its objects */
};

/* The kernel's neighbour table. */
struct neighbour {
	struct address address;
	struct mac mac;
};
struct neighbours {
	struct map *by_address;
};

void links_free(struct core *);
void links_up(struct core *, member_index peer, const struct address *);
/* At CORE_START: links that outlived a restart of this process, too, begin with a hello. */
void links_greet_all(struct core *);
/* It is no node of the current epoch. */
void links_refuse(struct core *, member_index peer);
void links_down(struct core *, member_index peer);
/* Something arrived on it. */
void links_heard(struct core *, member_index peer);
void links_hello(struct core *, member_index from, const struct hello *);
void links_ping(struct core *, member_index from, const struct ping *);
/* Tell a peer our root and heads, unasked. */
void links_announce(struct core *, member_index to);
void links_tick(struct core *);
void links_set_tick(struct core *);
uint32_t links_period_ms(const struct core *);

void links_neighbour(struct core *, const struct address *, const struct mac *);
/* Zeros: unknown. */
struct mac links_mac_of(const struct core *, const struct address *);

#endif
