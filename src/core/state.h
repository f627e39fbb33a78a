/*
 * state: everything that one node knows, and the functions by which the parts
 * of the core call each other.  Internal to the core.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H
#include "base/map.h"
#include "base/prng.h"
#include "core/actions.h"
#include "core/admit.h"
#include "core/ballots.h"
#include "core/blame.h"
#include "core/budget.h"
#include "core/conviction.h"
#include "core/drafts.h"
#include "core/epochs.h"
#include "core/indicators.h"
#include "core/isolation.h"
#include "core/links.h"
#include "core/liveness.h"
#include "core/members.h"
#include "core/objects.h"
#include "core/precaution.h"
#include "core/prune.h"
#include "core/receipts.h"
#include "core/receive.h"
#include "core/records.h"
#include "core/release.h"
#include "core/restrict.h"
#include "core/rounds.h"
#include "core/selfreport.h"
#include "core/spread.h"
#include "core/sync.h"
#include "core/touch.h"
#include "core/vote.h"

/* What this node knows of one member.  Zeros: nothing. */
struct peer {
	struct link link;
	struct liveness liveness;
	struct author author;
	struct incident incident;
	struct isolation isolation;
	struct reporter *reporter; /* of addresses outside; NULL: of none */
};

struct core {
	struct core_config config;
	const struct roster *roster;
	const struct crypto *crypto;
	member_index self;
	size_t member_count;      /* of every role: arrays by member_index */
	size_t nodes;             /* in the current epoch */
	uint32_t threshold;
	uint32_t needed; /* voters for a quorum against a head; for others one more never matters */

	uint64_t now_ms;
	uint64_t unix_ms;
	struct prng prng;
	struct timerq *timers;
	struct outbox outbox;

	bool started;
	bool synced;
	bool lost_state;
	bool clock_off;
	uint64_t started_ms;
	uint64_t unequal_ms;      /* when a linked peer's root last differed */
	uint64_t own_sequence;    /* of our own feed's newest entry */
	struct hash own_hash;
	bool unpublished;         /* our newest entry was not sent to the peers */

	struct wake tick;
	uint64_t tick_due_ms;
	uint64_t ticks;
	uint64_t next_exchange_ms;
	unsigned health;
	uint64_t last_window;     /* the voting window of the last tick */
	uint64_t crossing_until_ms; /* tallies of the epoch before go on until then */

	/* One a member, in pages that never move: timers live in them.  Zeroed pages
	 * that nobody touches cost nothing, so most of a large mesh is free. */
	struct peer **pages;
	size_t page_count;
	struct peer **page_blocks; /* what they were taken in */
	size_t page_block_count;
	struct members near;      /* linked, or heard of lately: all that the tick looks at */
	struct members incidents; /* subjects of statements, ballots or our own eyes */
	struct mac *link_macs;    /* likewise: of the far end of each mesh link */
	uint32_t *scratch;        /* likewise, zeros between uses */
	struct objects objects;
	struct precautions precautions;
	struct drafts drafts;
	struct convictions convictions;
	struct indicators indicators;
	struct receipts receipts;
	struct self_reports self_reports;
	struct relays relays;
	struct records records;
	struct everybody everybody;
	struct waiting waiting;
	struct local_cuts local_cuts;
	struct restrictions restrictions;
	struct lock lock;
	struct touches touches;
	struct neighbours neighbours;
	uint64_t refused;
	uint64_t checks;
};

#define PEERS_A_PAGE 64

static inline struct peer *
peer_of(const struct core *c, size_t member)
{
	return &c->pages[member / PEERS_A_PAGE][member % PEERS_A_PAGE];
}

static inline const struct member *
member_of(const struct core *c, member_index m)
{
	return roster_member(c->roster, m);
}

/* Everybody links to everybody; else a member links to its neighbours on the rings. */
static inline bool
is_full_mesh(const struct core *c)
{
	return c->nodes <= LIMIT_FULL_MESH;
}

static inline const struct epoch *
current_epoch(const struct core *c)
{
	return roster_current(c->roster);
}

/* Another node, at the far end of a link. */
static inline bool
is_other_node(const struct core *c, member_index m)
{
	return m != c->self && roster_is_node(c->roster, m);
}

/* May this node sign anything but self-reports now? */
static inline bool
may_sign(const struct core *c)
{
	return c->started && c->synced && !c->lost_state && !c->clock_off &&
	    c->lock.in_force == STRENGTH_NONE && c->lock.target == STRENGTH_NONE;
}

#endif
