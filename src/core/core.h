/*
 * core: the protocol of one node.  core_step(event) -> actions, and
 * core_deadline() for when to step with CORE_TIMEOUT.
 *
 * Pure and deterministic: time, randomness (a seed) and signatures are
 * inputs; no clock, no file, no socket.  The same events in the same order
 * give the same actions in the same order, on any machine.
 *
 * Spec: docs/protocol.md.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H
#include "base/err.h"
#include "base/limits.h"
#include "core/crypto.h"
#include "core/message.h"
#include "core/roster.h"
#include "core/types.h"

struct core; /* opaque */

enum policy { POLICY_ATTRIBUTE, POLICY_ASSUME_BREACH };

struct core_config {
	const struct roster *roster; /* outlives the core */
	const struct crypto *crypto; /* outlives the core */
	member_index self;
	enum policy policy;
	uint32_t threshold;     /* a local setting may only lower isolation: max(local, epoch) */
	uint32_t corroboration; /* may only raise k; 0: none */
	uint64_t seed;
	struct address ignored[LIMIT_IGNORED];
	size_t ignored_count;
	struct address own[LIMIT_ADDRESSES * 2]; /* this host's, besides the enrolled ones */
	size_t own_count;
};

/* ---- what happens ------------------------------------------------------- */

enum core_input {
	CORE_TIMEOUT,
	CORE_TOUCH,      /* a decoy was touched here */
	CORE_MESSAGE,    /* a serialised Envelope from an authenticated link */
	CORE_LINK_UP,
	CORE_LINK_DOWN,
	CORE_APPENDED,   /* the notary wrote and signed what CORE_DO_APPEND asked for */
	CORE_APPEND_FAILED,
	CORE_RESTORED,   /* at boot, before CORE_START: an Envelope from disk, own or received */
	CORE_START,      /* restoring is over, the network may open */
	CORE_FLUSHED,    /* the send queues of CORE_DO_FLUSH's token are empty */
	CORE_NEIGHBOUR,  /* the kernel's neighbour table: address now has this mac */
	CORE_CONFESS,    /* tamper with Phalanx, or the operator's command */
	CORE_SUBMITTED,  /* an Envelope from this host's console or the coordinator: as if relayed */
	CORE_ROSTER,     /* the CA's records grew: what CORE_DO_ROSTER asked for, or from disk */
	CORE_ENFORCED    /* the kernel holds what CORE_DO_ENFORCE asked against a member for */
};

struct core_touch {
	struct endpoint source;
	struct endpoint destination;
	uint32_t decoy;       /* index in the node's list */
	uint64_t seen_ms;     /* Unix milliseconds */
	bool data_seen;
	struct span evidence; /* what was captured by now; may be empty */
};

struct core_event {
	enum core_input input;
	uint64_t now_ms;  /* monotonic, never decreases */
	uint64_t unix_ms; /* wall clock, may jump */
	union {
		struct core_touch touch;
		struct {
			member_index from;
			struct span bytes;
		} message;
		struct {
			member_index peer;
			struct address address; /* the far end's */
		} link;
		struct {
			uint32_t request;
			struct span bytes; /* the Envelope; none when it failed */
		} appended;
		struct {
			struct span bytes;
			bool own;
		} restored;
		struct {
			bool lost_state; /* the notary's feed was cut, set aside or is not ours */
			uint64_t sequence; /* own feed's newest; 0: none */
			struct hash hash;
		} start;
		struct {
			uint32_t token;
		} flushed;
		struct {
			struct address address;
			struct mac mac;
		} neighbour;
		struct {
			enum event_class reason;
			struct hash evidence_digest;
		} confess;
		struct {
			struct span bytes;
		} submitted;
		struct {
			/* Extends the one before, member by member; outlives the core.  The
			 * one before is not looked at again after this step.  NULL: what CORE_DO_ROSTER
			 * brought proves nothing, for this reason. */
			const struct roster *next;
			enum err error;
		} roster;
		struct {
			member_index subject;
			uint64_t held_us; /* from the step that asked to the kernel's word */
		} enforced;
	};
};

/* ---- what to do about it -------------------------------------------------- */

enum core_do {
	CORE_DO_ENFORCE = 1, /* a member or an address: hold it at this strength */
	CORE_DO_LOCK,        /* this host itself */
	CORE_DO_APPEND,      /* have the notary write, sign and return this */
	CORE_DO_SEND,        /* an Envelope to one link or to all */
	CORE_DO_KEEP,        /* a received Envelope: persist it */
	CORE_DO_FLUSH,       /* tell CORE_FLUSHED when what was sent so far has left */
	CORE_DO_CLOSE,       /* close a peer's link */
	CORE_DO_ROSTER,      /* records that follow ours: prove and keep them, then CORE_ROSTER */
	CORE_DO_PUBLISH,     /* an own private entry, for the coordinator alone */
	CORE_DO_NOTICE       /* for the log, the coordinator and people */
};

enum notice {
	NOTICE_TOUCH = 1,       /* scored; cause says what follows from 5.3 */
	NOTICE_SELF_REPORT,     /* one was signed here, or accepted from a peer */
	NOTICE_STATEMENT,
	NOTICE_VERDICT,
	NOTICE_CERTIFICATE,     /* assembled or accepted */
	NOTICE_STAND_DOWN,      /* a precaution no longer stands, or never did */
	NOTICE_REFUSED,         /* a message: error says why */
	NOTICE_PEER_ALIVE,
	NOTICE_PEER_SUSPECT,
	NOTICE_PEER_DEAD,
	NOTICE_FIRST_SYNC,      /* done; error AGAIN: by timeout, alarmed */
	NOTICE_LOST_STATE,      /* peers hold a later head of our own feed: sign nothing */
	NOTICE_CLOCK,           /* more than LIMIT_CLOCK_SKEW_MS off the peers' median */
	NOTICE_EQUIVOCATION,    /* subject signed two bodies for one sequence */
	NOTICE_BLAST_RADIUS,    /* a vote withheld: the budget is exhausted */
	NOTICE_RESTRICTED,      /* L1 against subject began; error AGAIN: the cap forbade it */
	NOTICE_PROOF,           /* of an equivocation, accepted or written */
	NOTICE_RELEASE,         /* an operator's request was accepted */
	NOTICE_RELEASED,        /* RELEASE certificate: the round is over */
	NOTICE_INDICATOR,       /* accepted; standing: enough groups, it is blocked */
	NOTICE_EPOCH,           /* a new roster is in force */
	NOTICE_ROSTER_FORK      /* a peer's records contradict ours: the CA signed two histories */
};

enum cause { /* why, for NOTICE_TOUCH */
	CAUSE_NONE,
	CAUSE_MEMBER,    /* exactly one member's address: statement against it */
	CAUSE_AMBIGUOUS, /* a member's address, but shared, or another link-layer source */
	CAUSE_OUTSIDE,   /* public address outside the mesh */
	CAUSE_INSIDE,    /* private address outside the mesh, or this host: assume-breach applies */
	CAUSE_IGNORED,
	CAUSE_REPEATED   /* within LIMIT_TOUCH_REPEAT_MS: counted, nothing else */
};

struct core_action {
	enum core_do what;
	struct incident_id incident; /* zeros: none */
	union {
		struct {
			member_index subject; /* MEMBER_NONE: address */
			struct address address;
			struct mac mac;       /* as last seen; zeros: unknown */
			enum strength strength;
			uint64_t expires_ms;  /* from now; 0: standing */
		} enforce;
		struct {
			enum strength strength; /* NONE, CUT or SEVER */
		} lock;
		struct {
			uint32_t request;
			/* canonical Entry whose header holds mesh, epoch and time_ms only; the
			 * notary fills the rest, and a Verdict's ballot signature */
			struct span body;
		} append;
		struct {
			member_index to;     /* MEMBER_NONE: every link but except */
			member_index except; /* MEMBER_NONE: none */
			struct span bytes;
		} send;
		struct {
			struct span bytes;
			member_index author;
			bool standing; /* never evicted */
		} keep;
		struct {
			uint32_t token;
		} flush;
		struct {
			member_index peer;
			enum err error;
		} close;
		struct {
			member_index from;
			uint64_t offset; /* bytes of the roster that we hold: these follow */
			struct span records;
		} roster;
		struct {
			struct span bytes;
		} publish;
		struct {
			enum notice notice;
			enum cause cause;
			enum event_class class;
			enum level level;     /* of a verdict or a certificate */
			member_index subject; /* or MEMBER_NONE */
			member_index peer;    /* who said or sent it; self, or MEMBER_NONE */
			struct endpoint source;
			uint32_t decoy;
			uint32_t score;
			uint32_t votes;       /* counted so far */
			uint32_t needed;      /* heads needed for a quorum */
			bool standing;        /* the object holds its subject quarantined */
			enum err error;
			struct span object;   /* the Envelope that proves it; may be empty */
		} notice;
	};
};

/* Spans point into the core and are valid until its next step. */
struct core_actions {
	size_t count;
	struct core_action list[LIMIT_CORE_ACTIONS];
};

/* ---- calls ---------------------------------------------------------------- */

/* Copies the config.  Only ERR_NOMEM and ERR_RANGE (self) can fail. */
MUST_USE enum err core_new(const struct core_config *, uint64_t now_ms, uint64_t unix_ms,
    struct core **out);
void core_free(struct core *); /* accepts NULL */

/*
 * Apply one event; out is overwritten.  Order matters and is kept: cut first,
 * forward second, persist third, report last.  Never fails: what cannot be
 * done (memory, a full table) is refused with a NOTICE_REFUSED and state
 * stays as it was.
 */
void core_step(struct core *, const struct core_event *, struct core_actions *out);
/* When to deliver CORE_TIMEOUT, monotonic; UINT64_MAX: never. */
uint64_t core_deadline(const struct core *);

/* ---- looking in (status, tests, the simulator's checker) ------------------- */

struct core_member_view {
	enum node_status status;  /* as this node sees it */
	enum strength strength;   /* what it holds in force against it */
	bool linked;
	bool alive;
	bool precaution_stands;
	bool precaution_stood_down;
	bool certified;
	bool confessed;
	bool proven;              /* it equivocated */
	bool restricted;          /* L1 */
	bool release_asked;       /* an operator's Release for this round is held */
	uint32_t votes;           /* QUARANTINE ballots counted, best tally */
	uint32_t statements;      /* witnesses held for the current round */
	uint32_t round;
	uint64_t since_ms;        /* Unix ms of the standing object; 0: none */
	struct incident_id incident;
	uint64_t feed_sequence;   /* newest of its feed that we hold */
	/* What a Release has to name. */
	bool has_certificate;
	struct hash certificate;  /* certificate_ballot_hash() */
	uint64_t report_incarnation, report_sequence; /* newest precaution of the round; 0: none */
};
void core_view_member(const struct core *, member_index, struct core_member_view *out);

struct core_view {
	bool synced;
	bool lost_state;
	bool clock_off;
	enum strength locked;
	uint64_t root;
	uint64_t sequence;
	size_t objects;      /* held */
	size_t indicators;   /* addresses blocked by them */
	uint64_t epoch;
	size_t local_cuts;   /* L0 on addresses outside the mesh */
	uint64_t touches, refused, checks;
};
void core_view(const struct core *, struct core_view *out);
const char *notice_text(enum notice);
const char *cause_text(enum cause);

#endif
