/*
 * enforcer_state: who is to be shut out, as elements of sets.
 *
 * Subjects claim elements; an element stands as long as any claim on it.
 * Several subjects may share an address, and one subject may be in the sever
 * set for a while and in the cut set for good: the sets are told apart, and
 * sever goes first in the rules.
 *
 * Pure: time arrives as an argument.  Spec: docs/enforcement.md.
 */
#ifndef PROC_ENFORCER_STATE_H
#define PROC_ENFORCER_STATE_H
#include "proc/messages.h"
#include "sys/nft.h"

#define ENFORCER_CLAIMS (LIMIT_ADDRESSES + 1) /* a subject: its addresses and a MAC */

struct enforcer_state; /* opaque */

/* What the kernel must be told, in one transaction. */
struct enforcer_change {
	struct nft_element remove[2 * ENFORCER_CLAIMS], add[2 * ENFORCER_CLAIMS];
	size_t remove_count, add_count;
};

/* seed: random, for strangers choose addresses. */
MUST_USE enum err enforcer_state_new(uint64_t seed, struct enforcer_state **out);
void enforcer_state_free(struct enforcer_state *); /* accepts NULL */
size_t enforcer_state_count(const struct enforcer_state *); /* subjects */

/*
 * A subject's new strength; NONE forgets it.  The message is checked already;
 * mac_set says where its MAC goes.  A subject from outside the mesh (bit 31)
 * is named by its first address, so that no two of them can be confused.
 * NOMEM, FULL.
 */
MUST_USE enum err enforcer_state_set(struct enforcer_state *, const struct msg_enforce *,
    enum nft_set mac_set, uint64_t now_ms, struct enforcer_change *out);
/* Forget what has run out: the kernel drops those elements by itself. */
void enforcer_state_expire(struct enforcer_state *, uint64_t now_ms);

/* The engine is about to say everything again. */
void enforcer_state_begin(struct enforcer_state *);
/* It has: forget each subject that it did not name, one at a time, until false.  *cursor begins at 0. */
bool enforcer_state_stale(struct enforcer_state *, size_t *cursor, uint64_t now_ms,
    struct enforcer_change *out);

/* How strongly an address is shut out; HOLD counts as such. */
enum strength enforcer_state_strength(const struct enforcer_state *, const struct address *);

/*
 * Compare with the kernel: compare_begin, compare_seen for each element that
 * it holds, then compare_missing until false.  SEEN_STALE: its timeout is not
 * ours, add it again.
 */
enum enforcer_seen { SEEN_WANTED, SEEN_STALE, SEEN_SURPLUS };
void enforcer_state_compare_begin(struct enforcer_state *);
enum enforcer_seen enforcer_state_compare_seen(struct enforcer_state *,
    const struct nft_element *, uint64_t now_ms, struct nft_element *wanted);
bool enforcer_state_compare_missing(struct enforcer_state *, size_t *cursor, uint64_t now_ms,
    struct nft_element *wanted);

#endif
