/*
 * authority: the mesh's CA and what is true about its members, kept apart
 * from the cores so that the invariants can be judged without them: keys,
 * groups, weights, electorates and the numbers that follow.
 */
#ifndef SIM_AUTHORITY_H
#define SIM_AUTHORITY_H
#include "core/roster.h"
#include "sim/keys.h"
#include "sim/options.h"

#define AUTHORITY_NEWCOMERS 16 /* during a run */
#define AUTHORITY_TIME_MS 1790000000000ULL /* Unix time when a run begins */

struct identity {
	struct key key;
	struct node_id id;
	uint8_t nonce[16];
	uint8_t group[16];
	struct address address;
	struct mac mac;
	enum role role;
	uint64_t incarnation;
	uint64_t not_after_ms; /* its enrolment's, Unix */
	uint32_t weight;  /* in the next epoch */
	bool left;        /* in no epoch any more */
	bool liar;      /* its host does what the adversary wants */
	bool key_stolen; /* somebody else signs with its key, too */
	char name[24];
};

struct electorate {
	uint64_t number;
	size_t count;      /* of identities then; weights[] is as long */
	uint32_t *weights; /* by member; 0: no head */
	member_index *heads; /* ascending id */
	size_t head_count;
	uint64_t weight;
};

struct authority {
	const struct keys *keys;
	struct key ca;
	struct mesh_id mesh;
	struct identity *members; /* by member_index */
	size_t count, room;
	size_t nodes;        /* members[0] to there; behind them one operator, if there is room */
	struct electorate *epochs; /* [0] is number 1 */
	size_t epoch_count;
	uint8_t *log; /* the CA's records */
	size_t log_bytes, log_room;
	struct hash last_epoch;
	const struct roster *roster; /* what the log makes, proven by the core's own parser */
	struct roster **rosters;     /* every length of the log that a host ever held: shared, immutable */
	size_t roster_count;
};

struct authority *authority_new(const struct keys *, const struct options *, struct prng *);
void authority_free(struct authority *); /* accepts NULL */

/* The first so many bytes of the log, shared by all that ask; NULL: no record ends there. */
const struct roster *authority_roster(struct authority *, size_t log_bytes);
/* A node more, listed without a weight from the next epoch on.  False: those were all. */
bool authority_enrol(struct authority *, struct prng *);
/* The same identity with the next incarnation, enrolled until then (Unix). */
void authority_renew(struct authority *, member_index, uint64_t not_after_ms);
/* Its enrolment is over at that time of the run, by a clock that is right. */
bool authority_has_ended(const struct authority *, member_index, uint64_t now_ms);
/* Of who did not leave, with the members' weights. */
void authority_next_epoch(struct authority *);

const struct electorate *authority_epoch(const struct authority *, uint64_t number); /* or NULL */
const struct electorate *authority_current(const struct authority *);
uint32_t electorate_weight_of(const struct electorate *, member_index);
/* The numbers of docs/protocol.md, "Electorate", counted here once more. */
size_t electorate_f(const struct electorate *);
size_t electorate_k(const struct electorate *);
bool electorate_is_quorum(const struct electorate *, member_index subject, size_t voters,
    uint64_t weight);
member_index authority_find(const struct authority *, const struct node_id *); /* or MEMBER_NONE */
/* Likewise, nodes only. */
member_index authority_find_node(const struct authority *, const struct node_id *);
static inline member_index
authority_operator(const struct authority *a)
{
	return (member_index)a->nodes;
}
member_index authority_at(const struct authority *, const struct address *);   /* or MEMBER_NONE */

#endif
