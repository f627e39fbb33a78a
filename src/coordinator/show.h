/*
 * show: what people are shown, as JSON: the shapes of docs/api.md that more
 * than one answer or event is made of.  Nothing is decided here.
 */
#ifndef COORDINATOR_SHOW_H
#define COORDINATOR_SHOW_H
#include <jansson.h>
#include "coordinator/coordinator.h"
#include "coordinator/json_text.h"

/* What a node's row says, in the units of the page. */
struct node_row {
	bool listed; /* members always, strangers while they were seen of late */
	uint8_t status;
	uint8_t mode;
	bool drift;
	uint8_t decoys;
	uint8_t score; /* tenths, as the next two */
	uint16_t cpu, ram;
};

struct node_row show_node(struct coordinator *, const struct registry_node *, uint64_t now_ms);
/* [idx, st, score, cpu, ram], and with all: mode, drift and decoys behind. */
void show_row(struct json_text *, size_t index, const struct node_row *, bool all);
/* Object of `join`. */
json_t *show_join(size_t index, const struct registry_node *, const struct node_row *);
/* Columns, an empty name where nobody is listed; ids only for up to LIMIT_IDS_SHOWN nodes. */
void show_nodes(struct coordinator *, uint64_t now_ms, struct json_text *);
void show_zones(const struct coordinator *, struct json_text *);

/* The incident of these 16 hex digits; NULL: none. */
const struct incident *show_find(struct coordinator *, const char *id);
json_t *show_incident(const struct coordinator *, const struct incident *);
/* LIMIT_INCIDENTS_SHOWN of them: those that hold first, then the newest. */
json_t *show_incidents(struct coordinator *);
/* How many of the others must sign. */
size_t show_votes_needed(const struct coordinator *);
json_t *show_vote(const struct coordinator *, const struct incident *, const struct voice *);
json_t *show_cut(const struct coordinator *, const struct incident *, size_t index);
json_t *show_release(const struct coordinator *, const struct incident *, const char *phase);

json_t *show_threat(const struct store_report *);
/* The newest first; NULL: no memory, or the store does not answer. */
json_t *show_threats(struct coordinator *, size_t most);

json_t *show_blocked(const struct blocked *);
/* An address of a member that all keep out. */
json_t *show_blocked_member(const struct incident *, const struct address *);
/* LIMIT_BLOCKED_SHOWN of them: members first, then the newest. */
json_t *show_blocked_list(struct coordinator *, uint64_t now_ms);

#endif
