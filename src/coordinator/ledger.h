/*
 * ledger: what the mesh itself has said about its members, as far as every
 * word was proven against the roster, and what follows from it for people.
 * It decides nothing: nodes act on the same entries without asking.
 *
 * No syscalls; the caller keeps the entries (store.h) and feeds them back at
 * the next start.  Spec: docs/protocol.md, "Isolation".
 */
#ifndef COORDINATOR_LEDGER_H
#define COORDINATOR_LEDGER_H
#include <stdbool.h>
#include "base/err.h"
#include "core/crypto.h"
#include "core/message.h"
#include "core/roster.h"

struct ledger; /* opaque */

enum incident_level {
	INCIDENT_ACCUSED,    /* statements or votes, no quorum yet */
	INCIDENT_ATTACKED,   /* a precaution that stood down */
	INCIDENT_QUARANTINE, /* holds */
	INCIDENT_RELEASED
};

struct voice {
	member_index member;
	uint64_t time_ms; /* by its own clock */
	bool good;        /* its ballot signature verifies */
	bool live;        /* a witness that accused nobody else shortly before */
	uint8_t mark[4];  /* of its signature: of the ballot, else of the entry */
};

struct incident {
	struct incident_id id;
	uint64_t number;            /* by which people know it: the store's */
	size_t entries;             /* held */
	bool told_holds;            /* the caller's: ledger_told() */
	member_index subject;
	uint32_t round;
	uint64_t first_ms, last_ms; /* of its entries, by their authors' clocks */
	bool confessed, certified, precaution, precaution_stands, proven, released;
	bool release_asked;         /* an operator's request is held: */
	member_index release_by;
	enum release_kind release_kind;
	uint64_t release_asked_ms;
	char *release_reason;
	uint64_t released_ms;       /* of the RELEASE certificate; 0: none */
	uint32_t score;             /* the highest said */
	enum event_class class;     /* of the first statement or self-report */
	struct endpoint source;     /* touched from */
	struct voice *witnesses;    /* statements */
	size_t witness_count;
	struct voice *voters;       /* QUARANTINE ballots */
	size_t voter_count;
	struct voice *cuts;         /* whose kernel held it */
	uint64_t *held_us;          /* how soon, beside cuts */
	size_t cut_count;
};

/* An address outside the mesh that members asked to block. */
struct blocked {
	struct address address;
	enum event_class class;
	uint64_t time_ms; /* of the newest word */
	uint32_t ttl_s;   /* from then on */
	struct voice *reporters;
	size_t reporter_count;
};

/* One proven entry; its spans point into the envelope given to ledger_check(). */
struct ledger_entry {
	struct hash hash;
	struct span envelope;
	struct entry entry;
	member_index author;
	member_index subject; /* of whom it speaks; MEMBER_NONE: of no member */
	struct incident_id incident;
	bool standing;
	bool good; /* a verdict's ballot signature verifies */
	uint8_t mark[4];
	uint64_t number; /* of the incident; the caller's, before ledger_apply() */
};

MUST_USE enum err ledger_new(const struct crypto *, const struct roster *, struct ledger **out);
void ledger_free(struct ledger *); /* accepts NULL */

/* Hash of an envelope's body, so that known ones cost no signature check.  Errors of envelope_parse. */
MUST_USE enum err ledger_hash(const struct ledger *, struct span envelope, struct hash *out);
/* Verify, changing nothing.  Errors of entry_verify, certificate_verify; RANGE: not for keeping. */
MUST_USE enum err ledger_check(const struct ledger *, struct span envelope,
    struct ledger_entry *out);
/* Take in what was checked (and is on disk).  NOMEM. */
MUST_USE enum err ledger_apply(struct ledger *, const struct ledger_entry *);

/* Entries held of an author, and of all; the caller says what it evicted from the store.  An
 * incident goes with its last entry. */
size_t ledger_held(const struct ledger *, member_index author);
size_t ledger_held_total(const struct ledger *);
/*
 * Whose entries make room for one more of this author when there is no more in
 * all: its own once they take its share (all members have the same), else
 * those of who holds the most, and so more than its share.  Only what does not stand
 * counts.  MEMBER_NONE: there is nothing to evict.
 */
member_index ledger_gives_way(const struct ledger *, member_index author);
void ledger_evicted(struct ledger *, const struct node_id *author, const struct incident_id *);

/*
 * The verified word about a member: QUARANTINED, RESTRICTED (witnesses agree,
 * no vote yet; the epoch's cap is in /metrics alone), ATTACKED (a precaution that
 * stood down, or its own decoy was touched of late), or HEALTHY when nothing
 * is said.
 */
enum node_status ledger_status(struct ledger *, member_index, uint64_t now_ms);

/* The RELEASE certificate of the highest round, as an Envelope; empty: none. */
struct span ledger_release(const struct ledger *, member_index);
uint64_t ledger_released_ms(const struct ledger *, member_index); /* 0: never */
/* At most LIMIT_INDICATORS, in no order; those whose time is over may be among them. */
size_t ledger_blocked_count(const struct ledger *);
const struct blocked *ledger_blocked(const struct ledger *, size_t index);
const struct blocked *ledger_find_blocked(const struct ledger *, const struct address *); /* or NULL */

size_t ledger_incident_count(const struct ledger *);
/* In order of arrival.  Valid until the next ledger_apply(). */
const struct incident *ledger_incident(struct ledger *, size_t index);
const struct incident *ledger_find(struct ledger *, const struct incident_id *); /* or NULL */
/* People heard that it holds, or that it does not. */
void ledger_told(struct ledger *, const struct incident_id *, bool that_it_holds);
enum incident_level incident_level(const struct incident *);
const char *incident_level_text(enum incident_level);    /* "accused" ... */
const char *incident_evidence_text(const struct incident *); /* "certificate" ... */
/* Until when its witnesses restrict the subject (L1); 0: they do not. */
uint64_t incident_restricted_until_ms(const struct incident *, const struct roster *);
/* How soon kernels held it, as far as their hosts said so: in the middle, and the last; false: nobody did. */
bool incident_held_us(const struct incident *, uint64_t *median, uint64_t *last);

#endif
