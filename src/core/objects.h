/*
 * objects: the entries that this node holds, by hash, by place in their
 * author's feed and by decision key; and the tree over the decision keys that
 * anti-entropy compares.
 *
 * An object lives while it has a reason: it stands, it is fresh, it is in the
 * tree, or it is the newest of its author.  What is dropped is freed at the
 * next step, because actions may still point to its bytes.
 *
 * Pure.  Spec: docs/protocol.md, "Spreading" (decision keys, root).
 */
#ifndef CORE_OBJECTS_H
#define CORE_OBJECTS_H
#include "base/map.h"
#include "core/core.h"
#include "core/members.h"
#include "core/wake.h"

struct object {
	struct wake expiry; /* of transient ones */
	struct hash hash;   /* of the body */
	struct hash key;    /* decision key */
	struct entry_header header;
	enum entry_kind kind;
	member_index author;
	member_index subject;
	uint32_t round;
	enum level level;              /* verdict, certificate; else 0 */
	uint64_t epoch;                /* of its ballots: verdict, certificate */
	uint64_t window;               /* likewise */
	enum event_class class;        /* statement, self-report */
	enum self_report_kind report;  /* self-report */
	uint32_t score;                /* by our own rules */
	uint64_t tree_until_ms;        /* monotonic; UINT64_MAX: it stands */
	uint64_t fresh_until_ms;       /* monotonic; UINT64_MAX: it stands */
	bool indexed;                  /* found by hash and place */
	bool in_tree;
	bool newest;
	bool receipted;                /* how soon it was enforced is written down */
	bool loose;                    /* its author is convicted: it has no place in a feed */
	bool proven;                   /* its signature was checked */
	struct object *next;           /* a list: statements of one incident; or the dropped */
	struct object *next_said;      /* a list: fresh statements of one author */
	size_t size_bytes;
	uint8_t bytes[];
};

struct bucket {
	struct object **list; /* ascending key */
	size_t count;
	size_t room;
	uint64_t digest;
	bool stale; /* the digest */
};

struct objects {
	const struct crypto *crypto;
	struct map *by_hash;
	struct map *by_place;
	struct map *by_key;
	struct bucket *buckets; /* LIMIT_SYNC_BUCKETS */
	uint64_t root;
	bool root_stale;
	struct object **newest; /* by author */
	struct members authors; /* of whom a newest is there */
	uint32_t *held;         /* by author: indexed objects */
	size_t member_count;
	struct object *dropped;
};

MUST_USE enum err objects_new(struct objects *, const struct crypto *,
    uint64_t seed);
/* Authors by member, at least as many as now.  NOMEM: as it was. */
MUST_USE enum err objects_grow(struct objects *, size_t members);
void objects_free(struct objects *);
/* Free what was dropped in the step before. */
void objects_sweep(struct objects *);

/* The decision key of an entry by author. */
void objects_key(const struct objects *, const struct entry *, struct hash *out);

struct object *objects_by_hash(const struct objects *, const struct hash *);
struct object *objects_by_place(const struct objects *, member_index author,
    uint64_t incarnation, uint64_t sequence);
struct object *objects_by_key(const struct objects *, const struct hash *);

/* a is later in its author's feed than b. */
bool objects_is_later(const struct entry_header *a, const struct entry_header *b);

/* A copy of the envelope, not yet held.  NULL: no memory. */
struct object *objects_make(struct span envelope, const struct entry *, const struct hash *,
    member_index author);
/* Hold it: indexed, and in the tree if asked.  FULL, NOMEM: nothing was done. */
MUST_USE enum err objects_hold(struct objects *, struct object *, bool in_tree);
/*
 * The newest of its author, if it is later than the one there, which is
 * released.  It need not be held (nor proven: its author will prove it).
 * False: it is not later.
 */
bool objects_set_newest(struct objects *, struct object *, uint64_t now_ms);
const struct object *objects_newest(const struct objects *, member_index author);
/* objects_newest() of this author will be asked for soon. */
void objects_expect(const struct objects *, member_index author);
/* No entry of this author is its newest any more. */
void objects_forget_newest(struct objects *, member_index author, uint64_t now_ms);
/* It is held, but no longer found by its place. */
void objects_unplace(struct objects *, struct object *);

void objects_leave_tree(struct objects *, struct object *);
/* It has no place here any more: out of tree and index, but remembered as the newest. */
void objects_forget(struct objects *, struct object *);
/* Drop it unless it has a reason left at now_ms. */
void objects_release(struct objects *, struct object *, uint64_t now_ms);
/* Free at the next step what objects_make() made and nothing holds. */
void objects_discard(struct objects *, struct object *);

uint64_t objects_root(struct objects *);
void objects_digests(struct objects *, uint64_t out[LIMIT_SYNC_BUCKETS]);
/* The root that these digests make. */
uint64_t objects_root_of(const struct objects *, const uint64_t digests[LIMIT_SYNC_BUCKETS]);
size_t objects_count(const struct objects *);

#endif
