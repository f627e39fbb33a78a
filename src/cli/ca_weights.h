/*
 * ca_weights: what every node weighs in the epoch that is about to be signed,
 * what it weighed before, and why.
 *
 * Spec: docs/protocol.md, "Weight".
 */
#ifndef CLI_CA_WEIGHTS_H
#define CLI_CA_WEIGHTS_H
#include "cli/ca_evidence.h"
#include "cli/ca_store.h"

struct ca_weight {
	const char *name; /* the store's */
	struct node_id id;
	bool was_listed, listed;
	uint32_t old_weight, weight;
	char reason[128];
};

struct ca_weights {
	struct ca_weight *list; /* nodes, by name */
	size_t count;
	uint64_t now_ms; /* of the epoch: later than the one before */
};

/*
 * By the formula.  The roster and the evidence may be NULL: before epoch 1,
 * none.  Who was in an epoch and is no more stays out.  Complains.
 */
bool ca_weights_make(const struct ca_store *, const struct roster *, const struct ca_evidence *,
    struct ca_weights *out);
void ca_weights_free(struct ca_weights *);
/* NAME=W; brings back who was removed.  Complains. */
bool ca_weights_set(struct ca_weights *, const char *text);
bool ca_weights_remove(struct ca_weights *, const char *name);
uint64_t ca_weights_total(const struct ca_weights *);
void ca_weights_print(const struct ca_weights *);

#endif
