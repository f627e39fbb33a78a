/*
 * feed: this node's own log and what it keeps of its peers', on disk.
 *
 * audit.log     own entries, append-only, hash-chained, one JSON line each
 * received.log  peers' entries, same lines; standing ones are never evicted
 *
 * feed_append(): the line is written and fsync'ed before the signature is
 * made; nothing leaves before that.  One process may hold a directory.
 *
 * Spec: docs/protocol.md, "The feed on disk".
 */
#ifndef SYS_FEED_H
#define SYS_FEED_H
#include "base/err.h"
#include "core/message.h"
#include "core/roster.h"
#include "sys/identity.h"

struct feed; /* opaque */

struct feed_config {
	const char *directory;
	const struct crypto *crypto;
	const struct roster *roster;
	member_index self;
	const struct secret_key *key; /* outlives the feed */
	uint64_t received_limit_bytes; /* 0: LIMIT_RECEIVED_BYTES */
};

/*
 * Opens, checks the chain, cuts off a torn tail (kept aside as
 * audit.log.torn.N and reported), completes blank signatures.
 * *lost_state: entries in the middle are missing or do not verify.
 * Errors: IO, LOCKED, VERSION, NOMEM.
 */
MUST_USE enum err feed_open(const struct feed_config *, struct feed **out);
void feed_close(struct feed *); /* accepts NULL */
/*
 * Another roster, which extends the one before and outlives the feed.  With a
 * new incarnation of this node a new feed begins, at sequence 1 and in the
 * same file, and lost state ends.  Nothing may be staged.  NOMEM.
 */
MUST_USE enum err feed_set_roster(struct feed *, const struct roster *);
bool feed_lost_state(const struct feed *);
/* Of the newest entry of this incarnation; 0: none yet. */
uint64_t feed_sequence(const struct feed *);
const struct hash *feed_head_hash(const struct feed *);

/*
 * Stage one entry from a draft (canonical Entry: kind, payload, epoch, time);
 * it gets the next sequence.  Nothing is durable or signed before
 * feed_commit().  Refuses link messages, CA records, another mesh.
 * *ticket names it in feed_commit's callback.  RANGE, MALFORMED, FULL.
 */
MUST_USE enum err feed_stage(struct feed *, struct span draft, uint32_t *ticket);
/* write, fdatasync once, sign, complete the lines; then done() for each.  IO: nothing staged remains. */
MUST_USE enum err feed_commit(struct feed *,
    void (*done)(void *context, uint32_t ticket, struct span envelope), void *context);
/* Batched by the caller: feed_keep any number, then feed_keep_sync once. */
MUST_USE enum err feed_keep(struct feed *, member_index author, bool standing,
    struct span envelope);
MUST_USE enum err feed_keep_sync(struct feed *);
/* Every own entry of the last LIMIT_PRECAUTION_MS and every standing one, then received ones likewise, oldest first. */
MUST_USE enum err feed_replay(struct feed *,
    void (*each)(void *context, bool own, struct span envelope), void *context);

#endif
