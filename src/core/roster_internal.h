/*
 * roster_internal: what a roster is made of, for roster.c and roster_parse.c.
 */
#ifndef CORE_ROSTER_INTERNAL_H
#define CORE_ROSTER_INTERNAL_H
#include "core/roster.h"
#include "core/wire.h"

#define NO_ORDINAL 0xffff

/* Open addressing over things that are numbered elsewhere; built once. */
struct lookup {
	struct lookup_slot {
		uint32_t item;  /* + 1; 0: free */
		uint32_t count; /* items with this key; item is the first */
	} *slots;
	size_t mask;
};

struct roster {
	struct mesh_id mesh;
	char mesh_name[LIMIT_NAME_BYTES + 1];
	uint64_t epoch;
	struct epoch_parameters parameters;
	struct member *records; /* nodes by ascending id, then officials likewise */
	size_t record_count;
	size_t node_count;
	char *names;            /* what the records' names point into */
	struct lookup by_name;  /* item: record */
	struct lookup by_key;   /* item: record */
	struct lookup by_address; /* item: node * LIMIT_ADDRESSES + position */
	uint16_t *ordinals;     /* of each node; NO_ORDINAL */
	member_index *heads;    /* nodes, ascending */
	size_t head_count;
	uint64_t weight;
};

/* Room for items, at most half full.  ERR_NOMEM. */
MUST_USE enum err lookup_init(struct lookup *, size_t items);

/* Fill the tables; RANGE when a name, key or id is there twice.  ERR_NOMEM. */
MUST_USE enum err roster_index(struct roster *);

#endif
