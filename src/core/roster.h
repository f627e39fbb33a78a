/*
 * roster: who is a member, who votes, with what weight, under which signed
 * parameters.  Immutable once loaded and shared by everybody in a process.
 *
 * Pure.  Spec: docs/protocol.md, "Identity, roster, electorate".
 */
#ifndef CORE_ROSTER_H
#define CORE_ROSTER_H
#include "base/err.h"
#include "base/limits.h"
#include "core/crypto.h"
#include "core/types.h"

enum role { ROLE_NODE = 1, ROLE_OPERATOR = 2, ROLE_COORDINATOR = 3 };

struct member {
	struct node_id id;
	struct public_key key;
	struct address addresses[LIMIT_ADDRESSES];
	size_t address_count;
	uint64_t incarnation;
	uint64_t not_before_ms;
	uint64_t not_after_ms;
	uint32_t weight; /* in the epoch; 0: no head */
	enum role role;
	uint16_t p2p_port;
	uint8_t group[16];
	const char *name; /* the roster's */
};

/* As signed, but the threshold with its default in place; else 0: by the formula. */
struct epoch_parameters {
	uint32_t threshold;
	uint32_t corroboration;
	uint32_t precautions;
	uint32_t vote_budget;
};

struct roster; /* opaque */

/*
 * Parse and prove a serialised Roster (proto): every record's signature by
 * ca, ids derived from keys and nonces, no id, key or name twice, exactly one
 * epoch (number 1, in this version), its members all enrolled nodes.  An
 * address may be shared by members: then it identifies none of them.
 * Errors: MALFORMED, UNKNOWN_FIELD, SIGNATURE, MESH, RANGE, OVERSIZE, NOMEM.
 * The caller owns *out.
 */
MUST_USE enum err roster_parse(const struct crypto *, const struct public_key *ca,
    const uint8_t *bytes, size_t size_bytes, struct roster **out);
void roster_free(struct roster *); /* accepts NULL */

const struct mesh_id *roster_mesh(const struct roster *);
const char *roster_mesh_name(const struct roster *);
uint64_t roster_epoch(const struct roster *);
const struct epoch_parameters *roster_parameters(const struct roster *);

/* Members with role node, ascending id. */
size_t roster_count(const struct roster *);
const struct member *roster_member(const struct roster *, member_index);
member_index roster_find_id(const struct roster *, const struct node_id *);   /* or MEMBER_NONE */
member_index roster_find_name(const struct roster *, const char *name);       /* or MEMBER_NONE */
member_index roster_find_key(const struct roster *, const struct public_key *); /* or MEMBER_NONE */
/* The one member that has this address; MEMBER_NONE with *holders 0 or > 1. */
member_index roster_find_address(const struct roster *, const struct address *, size_t *holders);
/* A coordinator's or operator's enrolment by id; NULL if there is none. */
const struct member *roster_find_official(const struct roster *, const struct node_id *);

/* Heads: members of weight > 0; their ordinal is their bit in a certificate. */
size_t roster_heads(const struct roster *);
int roster_head_ordinal(const struct roster *, member_index); /* -1: no head */
member_index roster_head_at(const struct roster *, size_t ordinal);
uint64_t roster_weight(const struct roster *); /* of all heads */

/* The numbers of docs/protocol.md "Electorate" for this epoch. */
size_t roster_f(const struct roster *);
size_t roster_k(const struct roster *, uint32_t local_corroboration);
size_t roster_local_cuts(const struct roster *);  /* L0: members at a time */
size_t roster_precautions(const struct roster *); /* how many may stand */
/* More than half of the others' weight and number, all of up to 4 heads, never under two. */
bool roster_is_quorum(const struct roster *, member_index subject, size_t voters, uint64_t weight);

struct incident_id incident_of(const struct crypto *, const struct node_id *subject,
    uint32_t round);

#endif
