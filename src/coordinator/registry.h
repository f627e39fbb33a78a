/*
 * registry: who has introduced itself, with which key, and what it last told
 * about itself.  In memory; names and keys are restored from the store.
 *
 * A name belongs to the first key that proved itself, an enrolled name to its
 * enrolled key alone.
 */
#ifndef COORDINATOR_REGISTRY_H
#define COORDINATOR_REGISTRY_H
#include <stdbool.h>
#include "base/err.h"
#include "base/limits.h"
#include "coordinator/series.h"
#include "core/roster.h"
#include "core/types.h"

#define REGISTRY_ADDRESS_BYTES 300
#define REGISTRY_STATUS_BYTES  32
#define REGISTRY_ZONE_BYTES    32

struct registry; /* opaque */

/* How a node says that it enforces. */
enum node_mode { MODE_ENFORCE, MODE_OBSERVE, MODE_UNKNOWN };

struct nonce_seen {
	uint8_t nonce[16];
	uint64_t created_s;
};

struct registry_node {
	char name[LIMIT_NAME_BYTES + 1];
	uint64_t serial;     /* never used again, while a place in the list may be */
	member_index member; /* MEMBER_NONE: not enrolled */
	uint16_t zone;       /* index of registry_zone() */
	bool proven;         /* key is known to be this name's */
	struct public_key key;
	uint8_t key_id[16];  /* node id; not enrolled: first 16 bytes of SHA-256(key) */

	struct address from; /* a stranger's first word came from there; family 0: not known */
	char address[REGISTRY_ADDRESS_BYTES + 1]; /* as registered; "": never */
	uint64_t timestamp_s;
	struct signature signature; /* of the registration */
	bool is_signed;
	uint64_t seen_ms; /* Unix; any word from it; 0: never */

	bool told; /* telemetry has come */
	char status[REGISTRY_STATUS_BYTES + 1];
	double cpu, ram;
	char *peers; /* JSON array, owned */
	uint64_t told_ms;
	uint64_t touched_ms; /* a signed report of a touch */
	uint64_t retell_until_ms; /* it is asked for all entries that it holds; 0: it was not yet */
	bool retold;         /* it has sent entries */
	double score;        /* of its newest report */
	uint64_t score_ms;
	enum node_mode mode;
	bool drift;          /* its kernel lacks cuts, or has too many */
	unsigned decoys;     /* active */

	struct series *series; /* from its first telemetry on; owned */
	struct nonce_seen *nonces; /* of its signed requests, lately; owned */
	size_t nonce_count, nonce_room;
};

/*
 * Every member of the roster (may be NULL) is in it from the start; those that
 * are no nodes are found by name and key, but neither counted nor listed.
 */
MUST_USE enum err registry_new(const struct roster *, struct registry **out);
void registry_free(struct registry *); /* accepts NULL */
/* What nodes said, and which nonces were seen, of all who have the same key in both. */
void registry_carry(struct registry *from, struct registry *to);

size_t registry_count(const struct registry *);
/* Members first, then in order of arrival, but that a dropped one's place is the newcomer's. */
struct registry_node *registry_at(const struct registry *, size_t index);
struct registry_node *registry_find(const struct registry *, const char *name);
struct registry_node *registry_find_key_id(const struct registry *, const uint8_t key_id[16]);

/* Enrolment groups of two and more by name, then all other members, then strangers. */
size_t registry_zone_count(const struct registry *);
void registry_zone_name(const struct registry *, size_t zone, char out[REGISTRY_ZONE_BYTES]);

/* A word that came in: which name speaks, from where (NULL: not known), and when. */
struct registry_call {
	const char *name;
	const struct address *from;
	uint64_t now_ms;
};

/*
 * Finds or makes the node of that name.  FULL: LIMIT_STRANGERS_PER_ADDRESS of
 * its address, or LIMIT_MEMBERS strangers, are there and all of them were seen within
 * LIMIT_STRANGER_MS; else the longest unseen one of them gives way, and its name is
 * written to dropped ("": none).
 */
MUST_USE enum err registry_take(struct registry *, const struct registry_call *,
    struct registry_node **out, char dropped[LIMIT_NAME_BYTES + 1]);
/*
 * A key has proven itself as this name's.  ERR_AUTHOR: the name belongs to another key, or the
 * key to an enrolled name.
 */
MUST_USE enum err registry_prove(struct registry *, struct registry_node *,
    const struct public_key *);

/* REPLAY: this nonce was seen; FULL: too many signed requests in the window. */
MUST_USE enum err registry_note_nonce(struct registry_node *, const uint8_t nonce[16],
    uint64_t created_s, uint64_t now_s);

/* ^[A-Za-z0-9_-]{1,128}$ */
bool registry_is_name(const char *);

#endif
