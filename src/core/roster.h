/*
 * roster: the CA's append-only log of enrolments and epochs: who is a member,
 * and which electorates there were.  Immutable once loaded and shared by
 * everybody in a process; it grows by roster_extend(), which makes another.
 *
 * Pure.  Spec: docs/protocol.md, "Identity, roster, electorate".
 */
#ifndef CORE_ROSTER_H
#define CORE_ROSTER_H
#include "base/err.h"
#include "base/limits.h"
#include "core/crypto.h"
#include "core/epoch.h"
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
	enum role role;
	uint16_t p2p_port;
	uint8_t group[16];
	const char *name; /* the roster's */
	uint64_t enrolled_ms; /* not_before_ms of its first enrolment */
};

struct roster; /* opaque */

/*
 * Parse and prove a serialised Roster (proto), records in the order in which
 * they stand: every record's signature by ca, ids derived from keys and
 * nonces, no id, key or name twice but in a renewal (same id, key, nonce,
 * name, role and group, a higher incarnation, which takes the earlier one's
 * place), epochs numbered from 1 without a gap, each naming the hash of the
 * one before, its members all enrolled nodes.  At least one epoch; all are
 * kept, for what was decided in one may stand as long as the mesh.  An address
 * may be shared by members: then it identifies none of them.  Copies the bytes.
 * Errors: MALFORMED, UNKNOWN_FIELD, SIGNATURE, MESH, RANGE, OVERSIZE, NOMEM.
 * The caller owns *out.
 */
MUST_USE enum err roster_parse(const struct crypto *, const struct public_key *ca,
    const uint8_t *bytes, size_t size_bytes, struct roster **out);
/*
 * Another roster: this one with further records behind.  Every member keeps
 * its index; only the new records are checked.  Independent of the old one.
 */
MUST_USE enum err roster_extend(const struct roster *, const struct crypto *,
    const struct public_key *ca, struct span records, struct roster **out);
void roster_free(struct roster *); /* accepts NULL */

/* The log as parsed. */
struct span roster_records(const struct roster *);
const struct mesh_id *roster_mesh(const struct roster *);
const char *roster_mesh_name(const struct roster *);

/* The newest. */
const struct epoch *roster_current(const struct roster *);
/* NULL: not known (yet). */
const struct epoch *roster_epoch(const struct roster *, uint64_t number);

/*
 * Members of every role, in the order in which the CA first enrolled them: an
 * index never changes while the mesh lives.  Only nodes have links, addresses
 * that identify, and a part in any vote.
 */
size_t roster_count(const struct roster *);
const struct member *roster_member(const struct roster *, member_index);
bool roster_is_node(const struct roster *, member_index);
member_index roster_find_id(const struct roster *, const struct node_id *);   /* or MEMBER_NONE */
member_index roster_find_name(const struct roster *, const char *name);       /* or MEMBER_NONE */
member_index roster_find_key(const struct roster *, const struct public_key *); /* or MEMBER_NONE */
/* The one node that has this address; MEMBER_NONE with *holders 0 or > 1. */
member_index roster_find_address(const struct roster *, const struct address *, size_t *holders);
/* Some node has it, or had it when it left. */
bool roster_has_address(const struct roster *, const struct address *);
/*
 * Who else, from a member on, has an address that subject was enrolled with: a
 * node of the current epoch, enrolled after subject, or whenever it likes once
 * subject is listed no more.  MEMBER_NONE: nobody (else).
 */
member_index roster_successor(const struct roster *, member_index subject,
    const struct address *, member_index from);

struct incident_id incident_of(const struct crypto *, const struct node_id *subject,
    uint32_t round);

#endif
