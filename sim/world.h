/*
 * world: N real cores with the real codec and real keys on a virtual clock,
 * each with a notary and a disk in memory that honour "write, then sign".
 *
 * Nodes are numbered by ascending id, as in the roster, and called a, b, c …
 * in transcripts.  The same seed gives the same transcript.  After every step
 * of a node the invariants of checker.h are checked.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "core/core.h"
#include "sim/network.h"
#include "tests/mesh.h"

#define WORLD_NODES_MAX 32
#define WORLD_START_MS  1000
#define WORLD_BRIEF_MS  60000

struct world_config {
	size_t count;
	uint64_t seed;
	enum policy policy;
	uint32_t delay_min_ms, delay_max_ms;
	uint32_t lost_per_1000, doubled_per_1000;
	uint32_t disk_ms;      /* a write takes up to so long */
	uint32_t precautions, corroboration, vote_budget; /* the epoch's */
	size_t weightless;     /* members that are no heads, some of all */
	bool with_operator;         /* enrol one: its index is count */
	bool brief_operator;        /* until WORLD_BRIEF_MS after MESH_TIME_MS */
};

struct disk_entry {
	bool own;
	size_t size_bytes;
	uint8_t *bytes;
};

struct world_node {
	struct core *core; /* NULL: down */
	uint64_t life;
	int64_t clock_skew_ms;
	struct disk_entry *disk;
	size_t disk_count;
	uint64_t sequence;
	struct hash head;
	bool append_fails;
	bool liar;         /* its actions are the test's business: no invariant binds it */
	enum strength held[WORLD_NODES_MAX]; /* what its kernel enforces */
	enum strength lock;
	uint64_t steps;
	uint64_t crash_after_steps; /* 0: never */
	size_t crash_after_actions; /* of that step */
	bool was_condemned[WORLD_NODES_MAX]; /* for the checker */
	uint32_t condemned_round[WORLD_NODES_MAX];
	bool signed_vote_early;
};

struct world {
	struct world_config config;
	struct mesh mesh;
	struct network network;
	struct world_node nodes[WORLD_NODES_MAX];
	uint64_t now_ms;
	uint32_t partition;  /* nodes with their bit set hear only each other */
	uint32_t strangers[WORLD_NODES_MAX]; /* bits of those that a node finds no way to */
	bool linked[WORLD_NODES_MAX][WORLD_NODES_MAX];
	uint64_t link_life[WORLD_NODES_MAX][WORLD_NODES_MAX];
	bool touched_others[WORLD_NODES_MAX]; /* so it may be accused */
	struct core_actions actions;
	char *trace;
	size_t trace_bytes;
	bool trace_links;    /* liveness and first sync, too */
	struct seen_entry *seen; /* for the checker */
	size_t seen_count;
	/* Every message as it was delivered, if the test wants them. */
	struct recorded {
		size_t to, from;
		size_t size_bytes;
		uint8_t *bytes;
	} *recorded;
	size_t recorded_count;
	struct forged { /* by world_forge() */
		size_t author;
		uint64_t sequence;
		struct hash hash;
	} *forged;
	size_t forged_count;
	bool record;
};

struct world *world_new(const struct world_config *);
void world_free(struct world *);

/* Boot a node from its disk; its links come up by themselves. */
void world_start(struct world *, size_t node);
void world_start_all(struct world *);
void world_crash(struct world *, size_t node);
/* Take away the newest of its own entries: a snapshot is restored. */
void world_truncate(struct world *, size_t node, size_t entries);
void world_partition(struct world *, uint32_t nodes);
/* No way between these two. */
void world_estrange(struct world *, size_t a, size_t b);

void world_touch(struct world *, size_t node, const char *source);
/* From the address of another node. */
void world_touch_from(struct world *, size_t node, size_t from);
/*
 * The CA's log grew by what was appended to w->mesh: every node that is up
 * takes it now, the others when they start.  Renewed nodes have a new feed;
 * members that came stand behind the others, not started.
 */
void world_extend(struct world *);
/* Deliver bytes as if they came on a link, now. */
void world_deliver(struct world *, size_t to, size_t from, struct span bytes);
/* Hand it an Envelope on its console. */
void world_submit(struct world *, size_t node, struct span bytes);
void world_event(struct world *, size_t node, struct core_event *);
void world_run(struct world *, uint64_t duration_ms);
/* Run until all honest nodes that are up are through first sync; a failure after a minute. */
void world_settle(struct world *);

struct core_member_view world_view(const struct world *, size_t node, size_t of);
struct core_view world_core_view(const struct world *, size_t node);
const struct mesh_member *world_member(const struct world *, size_t node);
/* An entry of a node's making: header filled with this sequence and our time, signed; to free. */
struct span world_forge(struct world *, size_t author, struct entry *, uint64_t sequence);
/* The transcript since the last call; valid until the next. */
const char *world_trace(struct world *);

#endif
