/*
 * roster_internal: what a roster is made of, for roster.c and roster_parse.c.
 */
#ifndef CORE_ROSTER_INTERNAL_H
#define CORE_ROSTER_INTERNAL_H
#include "core/epoch_internal.h"
#include "core/roster.h"

/* Open addressing over things that are numbered elsewhere. */
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
	uint8_t *bytes; /* the log */
	size_t size_bytes;
	struct member *records; /* in the order of their first enrolment */
	size_t count;
	char *names; /* what the records' names point into */
	size_t names_used;
	struct epoch **epochs; /* all there were: [0] is number 1; the last is the current one */
	size_t epoch_count;
	size_t epoch_room;
	struct lookup by_id;      /* item: member */
	struct lookup by_name;    /* item: member */
	struct lookup by_key;     /* item: member */
	struct lookup by_address; /* item: node * LIMIT_ADDRESSES + position */
};

/* Tables by id, name and key with room for so many members, holding those that are there.  ERR_NOMEM. */
MUST_USE enum err roster_index(struct roster *, size_t members);
/* The newest member into the tables; RANGE when its name or key is there already. */
MUST_USE enum err roster_index_member(struct roster *);
/* Once all records are read.  ERR_NOMEM. */
MUST_USE enum err roster_index_addresses(struct roster *);

#endif
