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
	ENTRY_PROOF = 5,
	ENTRY_CERTIFICATE = 6,
	ENTRY_RELEASE = 7,
	ENTRY_INDICATOR = 8,
	ENTRY_RECEIPT = 9,
	ENTRY_HELLO = 32,
	ENTRY_PING = 33,
	ENTRY_SYNC_BUCKETS = 34,
	ENTRY_SYNC_ITEMS = 35,
	ENTRY_ROSTER_ASK = 36,
	ENTRY_ROSTER_PART = 37
};

enum level { LEVEL_QUARANTINE = 1, LEVEL_RELEASE = 2 };
enum release_kind { RELEASE_CLEANED = 1, RELEASE_OVERTURNED = 2 };
enum self_report_kind { SELF_REPORT_CONFESSION = 1, SELF_REPORT_PRECAUTION = 2 };

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

/*
 * Serialised Envelopes; they point into the decoded bytes.  The codec has seen to
 * it that they are signed, of one author and incarnation, and of the same or
 * consecutive sequences; hashes and signatures are for others to compare.
 */
struct proof {
	struct span first;
	struct span second;
};

struct release {
	struct node_id subject;
	uint32_t round;
	enum release_kind kind;
	bool names_certificate;
	struct hash certificate;  /* certificate_ballot_hash() of the one lifted */
	uint64_t incarnation;     /* of the self-reports lifted */
	uint64_t sequence;        /* up to this one; 0: none */
	char reason[LIMIT_REASON_BYTES + 1]; /* UTF-8, no control characters */
};

struct indicator {
	struct address address;
	uint32_t ttl_s; /* from the header's time; 1 to LIMIT_INDICATOR_S */
	enum event_class reason;
	uint32_t score;
};

struct receipt {
	struct node_id subject;
	uint32_t round;
	struct hash object; /* of the entry obeyed */
	uint64_t held_us;
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
	uint64_t roster_bytes;
};

struct ping {
	uint32_t nonce;
	bool answer;
	uint64_t time_ms;
	uint64_t root;
	struct feed_head heads[LIMIT_PING_HEADS];
	size_t head_count;
	uint64_t roster_bytes;
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

struct roster_ask {
	uint64_t offset;
};

/* Points into the decoded bytes. */
struct roster_part {
	uint64_t offset;
	uint64_t total;
	struct span records;
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
		struct proof proof;
		struct release release;
		struct indicator indicator;
		struct receipt receipt;
		struct hello hello;
		struct ping ping;
		struct sync_buckets sync_buckets;
		struct sync_items sync_items;
		struct roster_ask roster_ask;
		struct roster_part roster_part;
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
/* The same of a body whose header and kind entry_peek() gave. */
MUST_USE enum err entry_decode_rest(struct span body, const struct entry_header *,
    enum entry_kind, struct entry *out);
/* Canonical bytes.  *size_bytes in: room, out: used.  ERR_OVERSIZE, ERR_RANGE. */
MUST_USE enum err entry_encode(const struct entry *, uint8_t *out, size_t *size_bytes);

/*
 * The whole check of a feed entry against the roster: mesh, author enrolled
 * with this incarnation or a later one, epoch known, signature over the received
 * bytes.  An operator writes Releases and nothing else, and nobody else writes
 * those.
 * *author is set as soon as the roster knows the author (for budgets), even on
 * failure.  Errors: those of decode, MESH, EPOCH, AUTHOR, SIGNATURE.
 */
MUST_USE enum err entry_verify(const struct crypto *, const struct roster *,
    const struct envelope *, struct entry *out, member_index *author);

void entry_hash(const struct crypto *, struct span body, struct hash *out);
bool entry_is_link_message(enum entry_kind);
/* SelfReport, Proof, Certificate, Release: flooded, standing. */
bool entry_is_urgent(enum entry_kind);
const char *entry_kind_text(enum entry_kind); /* "statement" ... */

#endif
