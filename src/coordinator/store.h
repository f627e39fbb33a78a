/*
 * store: what the coordinator must still know after a crash: who owns which
 * name, the reports, and the proven entries of the mesh.  What was
 * acknowledged is on disk.
 *
 * One implementation now (store_*.c, on SQLite); another goes behind these calls.
 */
#ifndef COORDINATOR_STORE_H
#define COORDINATOR_STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/limits.h"
#include "core/message.h"
#include "core/types.h"

struct store; /* opaque */

/* Strings are the caller's on the way in, the store's during a callback. */
struct store_node {
	const char *name;
	const char *address;
	struct public_key key;
	uint64_t timestamp_s; /* of the registration */
	struct signature signature;
	uint64_t seen_ms;
	bool is_soft; /* in: a power loss may take it, for it comes again; a kill does not */
};

struct store_report {
	uint64_t number;      /* from 1, ascending; the store's */
	uint64_t reported_ms; /* Unix */
	const char *node;
	double score;
	const char *event_type;
	const char *source_ip;
	const char *decision;
	const char *method;
	const char *incident; /* 16 hex digits or "" */
	const char *reason;   /* a model's, or "" */
	const char *model;    /* its name, or "" */
	int opinion;          /* its score before any bound; -1: none */
	const uint8_t *nonce; /* 16 bytes of its HTTP signature, or NULL */
};

struct store_entry {
	struct hash hash; /* of the body */
	struct node_id author;
	uint64_t time_ms;
	bool standing;         /* never evicted */
	struct incident_id incident; /* zero: of none */
	uint64_t incident_number;    /* the store's; 0: of none */
	struct span envelope;
};

/* One line of the coordinator's own log; docs/api.md, "The feed". */
struct store_line {
	uint64_t number; /* from 1, without a gap */
	uint64_t time_ms;
	const char *kind;
	const char *node;     /* or "" */
	const char *incident; /* 16 hex digits or "" */
	struct hash hash, previous;
	const char *body;
};

/*
 * Opens or creates directory/coordinator.db.  A file that is not a sound
 * database is set aside as coordinator.db.corrupt.DATE, which is logged, and a
 * new one begun.  LOCKED: another coordinator has it.  VERSION: a newer one
 * wrote it.
 */
MUST_USE enum err store_open(const char *directory, struct store **out);
void store_close(struct store *); /* accepts NULL */
/* This start made the file: whatever was known before is not in it. */
bool store_is_new(const struct store *);
/* A fault that only a new start mends was seen. */
bool store_is_broken(const struct store *);

/* Writes between these two become durable together, or not at all. */
MUST_USE enum err store_begin(struct store *);
MUST_USE enum err store_commit(struct store *);
void store_rollback(struct store *);

MUST_USE enum err store_put_node(struct store *, const struct store_node *);
MUST_USE enum err store_drop_node(struct store *, const char *name);
MUST_USE enum err store_each_node(struct store *,
    void (*fn)(void *context, const struct store_node *), void *context);

/* Sets its number.  ERR_REPLAY: a report with this nonce is there. */
MUST_USE enum err store_add_report(struct store *, struct store_report *);
/* The newest `limit` of those after since_ms, oldest first. */
MUST_USE enum err store_each_report(struct store *, uint64_t since_ms, size_t limit,
    void (*fn)(void *context, const struct store_report *), void *context);
MUST_USE enum err store_count_reports(struct store *, uint64_t *out);

bool store_has_entry(struct store *, const struct hash *);
/* Sets the number of its incident, if it is of one: the next, or the one that the incident has. */
MUST_USE enum err store_add_entry(struct store *, struct store_entry *);
/* An entry that an older version wrote: it gets its incident, and the number. */
MUST_USE enum err store_place_entry(struct store *, struct store_entry *);
/* Up to `most` of one incident, in the order in which they came. */
MUST_USE enum err store_each_of_incident(struct store *, const struct incident_id *, size_t most,
    void (*fn)(void *context, const struct store_entry *), void *context);
/* All of them that stand, in that order. */
MUST_USE enum err store_each_standing(struct store *, const struct incident_id *,
    void (*fn)(void *context, const struct store_entry *), void *context);
/* Up to `most` of the oldest of one author that do not stand; fn hears of each. */
MUST_USE enum err store_evict_entries(struct store *, const struct node_id *author, size_t most,
    void (*fn)(void *context, const struct node_id *author, const struct incident_id *),
    void *context);
MUST_USE enum err store_drop_entry(struct store *, const struct hash *);
/* In the order in which they came. */
MUST_USE enum err store_each_entry(struct store *,
    void (*fn)(void *context, const struct store_entry *), void *context);

/* ERR_REPLAY: the number is taken. */
MUST_USE enum err store_add_line(struct store *, const struct store_line *);
/* Up to `most` from that number on. */
MUST_USE enum err store_each_line(struct store *, uint64_t from, size_t most,
    void (*fn)(void *context, const struct store_line *), void *context);
/* The newest alone. */
MUST_USE enum err store_last_line(struct store *,
    void (*fn)(void *context, const struct store_line *), void *context);

/*
 * Forget reports and lines beyond their limits, and reports, lines and entries
 * that do not stand from before cutoff_ms; at most LIMIT_PURGED of each, so
 * that nobody waits: call it again while *purged is not 0.  fn hears of each entry.
 */
MUST_USE enum err store_purge(struct store *, uint64_t cutoff_ms, size_t *purged,
    void (*fn)(void *context, const struct node_id *author, const struct incident_id *),
    void *context);
MUST_USE enum err store_size(struct store *, uint64_t *size_bytes);

#endif
