/*
 * epoch: one electorate: who votes, with what weight, under which signed
 * parameters, and the numbers that follow.  Part of a roster, immutable.
 *
 * Pure.  Spec: docs/protocol.md, "Roster", "Electorate".
 */
#ifndef CORE_EPOCH_H
#define CORE_EPOCH_H
#include <stdbool.h>
#include "core/types.h"

struct epoch; /* opaque */

/* As signed, but the threshold with its default in place; else 0: by the formula. */
struct epoch_parameters {
	uint32_t threshold;
	uint32_t corroboration;
	uint32_t precautions;
	uint32_t vote_budget;
};

uint64_t epoch_number(const struct epoch *);
uint64_t epoch_time_ms(const struct epoch *);
/* Of the record's body: the next epoch names it. */
const struct hash *epoch_hash(const struct epoch *);
const struct epoch_parameters *epoch_parameters(const struct epoch *);
/* Listed, with whatever weight? */
bool epoch_has(const struct epoch *, member_index);
uint32_t epoch_weight_of(const struct epoch *, member_index); /* 0: no head */

/* Heads: weight > 0; their ordinal is their bit in a certificate, by ascending id. */
size_t epoch_heads(const struct epoch *);
int epoch_ordinal(const struct epoch *, member_index); /* -1: no head */
member_index epoch_head_at(const struct epoch *, size_t ordinal);
uint64_t epoch_weight(const struct epoch *); /* of all heads */

size_t epoch_f(const struct epoch *);
size_t epoch_k(const struct epoch *, uint32_t local_corroboration);
size_t epoch_local_cuts(const struct epoch *);   /* L0: members at a time */
size_t epoch_restrictions(const struct epoch *); /* L1: max(1, 5 % of heads) */
size_t epoch_precautions(const struct epoch *);  /* how many may stand */
/* More than half of the others' weight and number, all of up to 4 heads, never under two. */
bool epoch_is_quorum(const struct epoch *, member_index subject, size_t voters, uint64_t weight);

#endif
