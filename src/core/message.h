/*
 * message: the codec.  An envelope from the network becomes a struct entry
 * only after every length, enum and unknown field was checked; a struct entry
 * becomes the bytes that are signed.  Verification comes first, over the
 * received bytes, by message_verify().
 *
 * Pure.  Spec: docs/protocol.md, "Entries".
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H
#include "base/err.h"
#include "base/limits.h"
#include "core/crypto.h"
#include "core/types.h"

#define MESSAGE_VERSION 1
#define SCORE_MAX       10

struct roster;

enum entry_kind { /* the field numbers of proto's Entry */
	ENTRY_STATEMENT = 2,
	ENTRY_VERDICT = 3,
	ENTRY_SELF_REPORT = 4,
	ENTRY_CERTIFICATE = 6,
	ENTRY_HELLO = 32,
	ENTRY_PING = 33,
	ENTRY_SYNC_BUCKETS = 34,
	ENTRY_SYNC_ITEMS = 35
};

enum level { LEVEL_QUARANTINE = 1, LEVEL_RELEASE = 2 };
enum self_report_kind { SELF_REPORT_CONFESSION = 1, SELF_REPORT_PRECAUTION = 2 };

/* Bytes that somebody else owns. */
struct span {
	const uint8_t *data;
	size_t size_bytes;
};

/*
 * With sequence 0 an entry is a draft, for the notary to complete: author,
 * incarnation, previous and a verdict's ballot signature are zero and absent
 * on the wire.  entry_encode and entry_decode take drafts, entry_verify does not.
 */
struct entry_header {
	struct mesh_id mesh;
	uint64_t epoch;
	struct node_id author;
	uint64_t incarnation;
	uint64_t sequence;
	uint64_t time_ms;
	struct hash previous;
};

struct statement {
	struct node_id subject;
	uint32_t round;
	enum event_class class;
	struct endpoint source;
	struct endpoint destination;
	uint32_t decoy;
	struct hash evidence_digest;
	uint8_t evidence[LIMIT_EVIDENCE_BYTES];
	size_t evidence_bytes;
	uint32_t score;
	uint64_t seen_ms;
};

struct verdict {
	enum level level;
	struct node_id subject;
	uint32_t round;
	uint64_t window;
	struct signature ballot_signature;
};

struct self_report {
	enum self_report_kind kind;
	uint32_t round;
	enum event_class reason;
	struct endpoint source;
	struct hash evidence_digest;
	uint32_t score;
};

struct feed_head {
	struct node_id author;
	uint64_t incarnation;
	uint64_t sequence; /* 0: none */
	struct hash hash;
};

struct hello {
	uint64_t incarnation;
	struct feed_head yours;
	struct feed_head mine;
	uint64_t root;
};

struct ping {
	uint32_t nonce;
	bool answer;
	uint64_t time_ms;
	uint64_t root;
	struct feed_head heads[LIMIT_PING_HEADS];
	size_t head_count;
};

struct sync_buckets {
	uint64_t digests[LIMIT_SYNC_BUCKETS];
	bool answer;
};

/* Envelopes inside, each still serialised; they point into the decoded bytes. */
struct sync_items {
	struct span items[LIMIT_SYNC_ITEMS];
	size_t count;
};

/* Points into the decoded bytes (or the caller's, when encoding). */
struct certificate {
	enum level level;
	struct node_id subject;
	uint32_t round;
	uint64_t epoch;
	uint64_t window;
	struct span voters;     /* bitmap */
	struct span signatures; /* 64 bytes a set bit */
};

struct entry {
	enum entry_kind kind;
	struct entry_header header; /* link messages: mesh only */
	union {
		struct statement statement;
		struct verdict verdict;
		struct self_report self_report;
		struct certificate certificate;
		struct hello hello;
		struct ping ping;
		struct sync_buckets sync_buckets;
		struct sync_items sync_items;
	};
};

/* An Envelope's parts; they point into the serialised bytes. */
struct envelope {
	struct span body;
	struct signature signature;
	bool is_signed;
};

/*
 * Take a serialised Envelope apart, with the bounded cursor, without
 * allocation.  Exactly fields 1 and 2, each once, in order; signature empty
 * or 64 bytes.  Errors: TRUNCATED, MALFORMED, OVERSIZE, UNKNOWN_FIELD.
 */
MUST_USE enum err envelope_parse(const uint8_t *bytes, size_t size_bytes, struct envelope *out);
/* Serialise; *size_bytes in: room, out: used.  ERR_OVERSIZE. */
MUST_USE enum err envelope_write(struct span body, const struct signature *or_null, uint8_t *out,
    size_t *size_bytes);

/*
 * Who claims to have written this body, without trusting it: enough to pick
 * the key.  Errors as entry_decode.
 */
MUST_USE enum err entry_peek(struct span body, struct entry_header *out, enum entry_kind *kind);

/*
 * Decode a body whose signature was checked (link messages: whose link is
 * authenticated).  The caller provides the entry; certificate and sync spans
 * point into body.  A body that this codec would not itself have written
 * (unknown or repeated fields, other order, over-long varints) is refused, so
 * that one meaning has one hash.  Errors: TRUNCATED, MALFORMED, VERSION,
 * UNKNOWN_FIELD, RANGE, OVERSIZE.
 */
MUST_USE enum err entry_decode(struct span body, struct entry *out);
/* Canonical bytes.  *size_bytes in: room, out: used.  ERR_OVERSIZE, ERR_RANGE. */
MUST_USE enum err entry_encode(const struct entry *, uint8_t *out, size_t *size_bytes);

/*
 * The whole check of a feed entry against the roster: mesh, author enrolled
 * with this incarnation, epoch accepted, signature over the received bytes.
 * *author is set as soon as the roster knows the author (for budgets), even on
 * failure.  Errors: those of decode, MESH, EPOCH, AUTHOR, SIGNATURE.
 */
MUST_USE enum err entry_verify(const struct crypto *, const struct roster *,
    const struct envelope *, struct entry *out, member_index *author);

void entry_hash(const struct crypto *, struct span body, struct hash *out);
bool entry_is_link_message(enum entry_kind);
/* SelfReport and Certificate (Proof, Release later): flooded, standing. */
bool entry_is_urgent(enum entry_kind);
const char *entry_kind_text(enum entry_kind); /* "statement" ... */

#endif
