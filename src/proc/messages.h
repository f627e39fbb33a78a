/*
 * messages: every struct that crosses from one process to another.
 *
 * Purpose-built and of fixed size, some with a tail of bytes behind them;
 * native byte order and alignment (both ends are this build, which
 * MESSAGES_VERSION in the first message checks).  Whoever receives one checks
 * its size, every enum, every index and every count before use.
 *
 * Who talks to whom: docs/privsep.md.
 */
#ifndef PROC_MESSAGES_H
#define PROC_MESSAGES_H
#include <stdint.h>
#include "core/types.h"
#include "sys/config.h"

#define MESSAGES_VERSION 1

/* Positions are those of uid_base + role. */
enum role_id {
	ROLE_PARENT = 0,
	ROLE_NOTARY = 1,
	ROLE_ENFORCER = 2,
	ROLE_NET = 3,
	ROLE_DECOY = 4,
	ROLE_WATCH = 5,
	ROLE_ENGINE = 6,
	ROLE_ADVICE = 7,
	ROLE_ANALYSER = 8,
	ROLE_HOOKS = 9, /* the last, and none of its own: it stays what phalanxd was started as */
	ROLE_ID_COUNT
};

enum message_type {
	/* parent -> child, over descriptor 3 */
	MSG_CONFIG = 1,    /* struct msg_config */
	MSG_LISTENER,      /* struct msg_listener, with the descriptor */
	MSG_GO,            /* nothing more comes before the sandbox */
	MSG_CHANNEL,       /* struct msg_channel, with the descriptor: a (new) way to a sibling */
	MSG_CONTROL,       /* nothing, with a connected control client; to the engine */
	MSG_STOP,          /* leave in good order */
	MSG_RELOAD,        /* struct msg_config: what may change at run time */
	/* child -> parent */
	MSG_READY = 16,    /* struct msg_ready: sandboxed */
	MSG_FAULTY,        /* nothing; from advice: the analyser hangs or answers garbage */

	/* decoy -> engine */
	MSG_TOUCH = 32,    /* struct msg_touch + captured bytes */
	MSG_CAPTURE,       /* struct msg_capture + captured bytes: the rest of what came */

	/* watch -> engine */
	MSG_TELEMETRY = 48,/* struct msg_telemetry */
	MSG_NEIGHBOUR,     /* struct msg_neighbour */

	/* engine -> enforcer */
	MSG_ENFORCE = 64,  /* struct msg_enforce */
	MSG_LOCK,          /* struct msg_lock */
	MSG_ENFORCE_ALL,   /* nothing: all desired state has been sent; reconcile, drop the rest */
	/* enforcer -> engine */
	MSG_ENFORCED = 72, /* struct msg_enforced */
	MSG_EFFECTIVE,     /* struct msg_effective: once ready and on change */
	MSG_DRIFT,         /* struct msg_drift */

	/* engine -> notary */
	MSG_APPEND = 80,   /* struct msg_append + canonical Entry */
	MSG_KEEP,          /* struct msg_keep + Envelope */
	MSG_SIGN_HTTP,     /* struct msg_sign_http */
	MSG_SIGN_REGISTRATION, /* struct msg_sign_registration */
	MSG_REPLAY,        /* nothing: send all of MSG_RESTORED, then MSG_REPLAYED */
	/* notary -> engine */
	MSG_APPENDED = 88, /* struct msg_appended + Envelope */
	MSG_RESTORED,      /* struct msg_restored + Envelope */
	MSG_REPLAYED,      /* struct msg_replayed */
	MSG_SIGNED,        /* struct msg_signed */

	/* engine -> net */
	MSG_OPEN = 96,     /* nothing: saved cuts hold, open the network */
	MSG_SEND,          /* struct msg_send + Envelope */
	MSG_CLOSE_LINK,    /* struct msg_close_link */
	MSG_FLUSH,         /* struct msg_flush */
	MSG_POST,          /* struct msg_post + body */
	MSG_VOTE_ACK,      /* struct msg_vote_ack */
	/* net -> engine */
	MSG_LINK = 104,    /* struct msg_link */
	MSG_ENVELOPE,      /* struct msg_envelope + Envelope */
	MSG_VOTE,          /* struct msg_vote + Envelope */
	MSG_FLUSHED,       /* struct msg_flush */
	MSG_POSTED,        /* struct msg_posted + body */
	MSG_ALARM,         /* struct msg_alarm */
	MSG_COORDINATOR,   /* struct msg_coordinator: on change */

	/* engine -> advice */
	MSG_ADVISE = 112,  /* struct msg_advise + the first captured bytes */
	/* advice -> engine */
	MSG_OPINION,       /* struct msg_opinion */

	/* engine, or coordinator -> hooks */
	MSG_HOOK_EVENT = 114, /* struct hook_event (sys/hook_event.h) + the Envelope that proves it, or nothing */

	/* the roster as it grows; each holds a copy of its own, and proves what it adds */
	MSG_ROSTER = 116,  /* engine -> notary, net, and back when asked: struct msg_roster + records */
	MSG_ROSTER_HELD,   /* notary, net -> engine, at first and after each: struct msg_roster_held */
	MSG_ROSTER_ASK,    /* engine -> notary, whose file held more: struct msg_roster_ask */

	/* the coordinator's key: struct msg_pin; notary -> engine at first and on change, engine -> net
	 * before the first MSG_POST; engine -> notary: keep this one, there was none */
	MSG_PIN,

	/* a control client (phalanx) <-> engine, over a unix SOCK_SEQPACKET */
	MSG_ASK = 120,     /* struct msg_ask */
	MSG_STATUS,        /* struct msg_status */
	MSG_MEMBER,        /* struct msg_member, one a member */
	MSG_ANSWERED,      /* struct msg_answered: the end of an answer */
	MSG_JUDGED,        /* struct msg_judged, one an opinion that is remembered */
	MSG_SUBMIT,        /* nothing + Envelope: as if a peer had relayed it */
	MSG_SUBMIT_ROSTER  /* struct msg_roster + records */
};

/* ---- parent ---------------------------------------------------------------- */

struct msg_config {
	uint32_t version;  /* MESSAGES_VERSION */
	uint32_t role;     /* enum role_id */
	struct config config;
};

enum listener_kind { LISTENER_P2P = 1, LISTENER_DECOY = 2, LISTENER_ANALYSER = 3 };

struct msg_listener {
	uint32_t kind;  /* enum listener_kind */
	uint32_t index; /* which decoy of config.decoys */
	struct endpoint bound;
};

struct msg_channel {
	uint32_t role; /* enum role_id of the far end */
};

struct msg_ready {
	int32_t landlock_abi;
	uint32_t uid;
	uint8_t tcp_scope, signal_scope;
};

/* ---- decoy, watch ----------------------------------------------------------- */

struct msg_touch {
	uint64_t touch; /* counts up; names it in MSG_CAPTURE */
	uint64_t seen_ms; /* Unix */
	struct endpoint source, destination;
	uint32_t decoy; /* index in config.decoys */
	uint32_t suppressed; /* touches dropped before this one, flood */
	uint8_t more;        /* a MSG_CAPTURE follows, or may: as soon as anything came */
};

/* A client's own words: bytes as they came, nothing is at their end. */
struct msg_text {
	uint16_t size_bytes;
	uint8_t bytes[LIMIT_HINT_BYTES];
};

/* What a client said of itself, as far as the protocol was recognised. */
struct msg_hints {
	struct msg_text banner, username, user_agent, path;
};

struct msg_capture {
	uint64_t touch;
	uint32_t total_bytes; /* seen in all, may exceed what is copied */
	struct msg_hints hints;
};

struct msg_telemetry {
	float cpu_percent; /* of the machine, 0..100 */
	float memory_percent;
};

struct msg_neighbour {
	struct address address;
	struct mac mac; /* zeros: entry gone */
	uint8_t is_gateway;
};

/* ---- enforcer --------------------------------------------------------------- */

struct msg_enforce {
	uint32_t request;
	uint32_t strength;     /* enum strength */
	uint64_t expires_ms;   /* from now; 0: standing */
	struct incident_id incident;
	uint32_t subject;      /* names this subject in a later change: member index, or hash of the address | 1 << 31 */
	uint32_t address_count;
	struct address addresses[LIMIT_ADDRESSES];
	struct mac mac;        /* zeros: none */
	uint8_t is_member;     /* the mesh port stays open at CUT */
};

struct msg_lock {
	uint32_t request;
	uint32_t strength; /* NONE, CUT, SEVER */
	struct incident_id incident;
};

/*
 * error: ERR_OK with kernel_ns 0 in the first answer: observe mode, nothing
 * applied.  ERR_PROTECTED: an address may not be blocked, the rest is.
 * ERR_DENIED: no CAP_NET_ADMIN, or phalanx unlock holds it off.
 */
struct msg_enforced {
	uint32_t request;
	uint32_t error;      /* enum err */
	uint32_t subject;    /* as in the request; of a lock: UINT32_MAX */
	uint64_t kernel_ns;  /* from the request's arrival to the kernel's ACK */
	uint32_t sockets;    /* destroyed; final in a second MSG_ENFORCED with kernel_ns 0 */
	struct incident_id incident;
};

enum effective_mode {
	EFFECTIVE_ENFORCE = 1,
	EFFECTIVE_OBSERVE = 2,     /* configured so */
	EFFECTIVE_LINKS_ONLY = 3,  /* no CAP_NET_ADMIN: severs its own mesh links */
	EFFECTIVE_UNLOCKED = 4     /* people ran phalanx unlock: own lock-down, or all, held off */
};

struct msg_effective {
	uint32_t mode;         /* enum effective_mode */
	uint8_t netdev_ingress, netdev_egress, destroy_sockets, destroy_element;
};

struct msg_drift {
	uint32_t missing, surplus, repaired;
};

/* ---- advice ------------------------------------------------------------------ */

/* One event to score, its repeats counted.  One question at a time. */
struct msg_advise {
	uint32_t request;
	uint32_t class;           /* enum event_class */
	struct endpoint source;
	uint16_t port;            /* of the decoy */
	uint32_t count;           /* from 1 */
	uint64_t seen_ms;         /* Unix */
	uint64_t since_last_ms;   /* since this source's last event; 0: none known */
	uint64_t captured_bytes;  /* seen in all */
	float cpu_percent, memory_percent;
	struct msg_hints hints;
};

/*
 * Advice, never more: the engine bounds the score with its own floor and
 * ceiling.  Text ends with a zero byte, is UTF-8 and holds no control
 * character.
 */
struct msg_opinion {
	uint32_t request;
	uint32_t error;           /* enum err; OK: the analyser answered */
	uint32_t latency_ms;
	uint8_t has_opinion;
	uint8_t opinion;          /* 0..10 */
	char model[LIMIT_MODEL_NAME_BYTES + 1];
	char digest[LIMIT_MODEL_DIGEST_BYTES + 1];
	char rejected[LIMIT_REJECTION_BYTES + 1];
	char reason[LIMIT_REASON_BYTES + 1];
};

/* ---- notary ------------------------------------------------------------------ */

struct msg_append {
	uint32_t request;
};

struct msg_keep {
	uint32_t author; /* member index */
	uint8_t standing;
};

enum http_path { /* the coordinator's, as in docs/protocol.md */
	HTTP_REGISTER = 1,  /* POST /register */
	HTTP_TELEMETRY = 2, /* POST /api/telemetry */
	HTTP_REPORT = 3,    /* POST /api/report/submit */
	HTTP_ENTRIES = 4,   /* POST /api/v1/entries */
	HTTP_RECORDS = 7,   /* POST /api/v1/roster */
	/* GET, unsigned; what is posted is the query */
	HTTP_RELEASES = 5,  /* /api/v1/releases?node=ID */
	HTTP_ROSTER = 6     /* /api/v1/roster?offset=N */
};

/* RFC 9421; the notary composes the signature base from these alone. */
struct msg_sign_http {
	uint32_t request;
	uint32_t path;         /* enum http_path */
	uint64_t created_s;    /* Unix */
	uint8_t nonce[16];
	struct hash body;      /* SHA-256: Content-Digest */
	char authority[256];   /* host:port */
};

/* id|address|timestamp, with the node's own name as id. */
struct msg_sign_registration {
	uint32_t request;
	uint64_t timestamp_s;
	char address[300];
};

struct msg_appended {
	uint32_t request;
	uint32_t error; /* enum err */
};

struct msg_restored {
	uint8_t own;
};

struct msg_replayed {
	uint64_t sequence;
	struct hash hash;
	uint8_t lost_state; /* own feed was cut inside, set aside, or of another identity */
	uint8_t writable;
};

struct msg_signed {
	uint32_t request;
	uint32_t error;
	struct signature signature;
};

/* ---- net ---------------------------------------------------------------------- */

#define MSG_ALL 0xffffffffu

struct msg_send {
	uint32_t to;     /* member index or MSG_ALL */
	uint32_t except; /* member index or MSG_ALL: none */
};

struct msg_close_link {
	uint32_t peer;
	uint32_t error; /* enum err */
};

struct msg_flush {
	uint32_t token;
};

struct msg_post {
	uint32_t request;
	uint32_t path;       /* enum http_path */
	uint64_t created_s;  /* 0: no HTTP signature (registration carries its own) */
	uint8_t nonce[16];
	struct signature signature;
};

struct msg_vote_ack {
	uint32_t call;
	uint8_t received;
	char reason[128];
};

enum link_change { LINK_UP = 1, LINK_DOWN = 2 };

struct msg_link {
	uint32_t change; /* enum link_change */
	uint32_t peer;   /* member index */
	uint32_t error;  /* enum err, for LINK_DOWN */
	struct endpoint far;
};

struct msg_envelope {
	uint32_t peer;
};

struct msg_vote {
	uint32_t call;
	uint32_t peer;
};

struct msg_posted {
	uint32_t request;
	uint32_t path;   /* enum http_path, as posted */
	uint32_t status; /* HTTP; 0: unreachable */
};

enum alarm { ALARM_FLOOD = 1, ALARM_STRANGER = 2, ALARM_BAD_CERTIFICATE = 3 };

struct msg_alarm {
	uint32_t alarm; /* enum alarm */
	struct endpoint source;
	char detail[128];
};

/* ---- the coordinator's key ------------------------------------------------------- */

enum pin_source { PIN_NONE = 0, PIN_CONFIGURED = 1, PIN_KEPT = 2 };

struct msg_pin {
	uint32_t source; /* enum pin_source */
	struct public_key key;
};

/* What its last answer was worth. */
enum coordinator_trust {
	TRUST_UNHEARD = 0,
	TRUST_GOOD = 1,          /* signed by the key that this node knows */
	TRUST_FIRST_USE = 2,     /* signed, and no key was known: this one is from now on */
	TRUST_UNSIGNED = 3,      /* and no key is known: posted to, its answers are not used */
	TRUST_OTHER_KEY = 4,     /* refused */
	TRUST_BAD_SIGNATURE = 5  /* refused: none, or none that verifies */
};

struct msg_coordinator {
	uint32_t trust;        /* enum coordinator_trust */
	struct public_key seen; /* with FIRST_USE and OTHER_KEY */
};

/* ---- the roster ------------------------------------------------------------------ */

struct msg_roster {
	uint64_t offset; /* in the CA's records, of which 1 to LIMIT_ROSTER_PART_BYTES follow */
};

struct msg_roster_held {
	uint64_t bytes;  /* of the CA's records; whole ones are proven, and the notary's on disk */
	uint32_t error;  /* enum err: why the last part is not among them */
};

struct msg_roster_ask {
	uint64_t offset;
};

/* ---- control --------------------------------------------------------------------- */

enum ask { ASK_STATUS = 1, ASK_MEMBERS = 2, ASK_OPINIONS = 3 };

struct msg_ask {
	uint32_t version;
	uint32_t ask; /* enum ask */
};

struct msg_status {
	char name[LIMIT_NAME_BYTES + 1];
	char mesh[LIMIT_NAME_BYTES + 1];
	struct node_id id;
	struct mesh_id mesh_id;
	uint64_t epoch, root, sequence, objects, local_cuts, touches, refused, checks;
	uint64_t incarnation, indicators;
	uint64_t roster_bytes; /* of the CA's records */
	uint64_t reloads;      /* of the configuration, since the start */
	uint64_t uptime_ms;
	uint32_t members, heads, k, quorum, links;
	uint32_t policy, mode;  /* enum config_policy, config_mode */
	uint32_t effective;     /* enum effective_mode; 0: enforcer not up */
	uint32_t locked;        /* enum strength */
	uint32_t status;        /* enum node_status */
	float cpu_percent, memory_percent;
	uint32_t analysis;      /* enum config_analysis */
	uint64_t opinions, unanswered;
	uint8_t synced, lost_state, clock_off, coordinator_up;
	uint32_t trust;         /* enum coordinator_trust */
	struct msg_pin pin;     /* the coordinator's key as this node knows it */
	struct public_key seen; /* with TRUST_OTHER_KEY: what it shows */
	struct msg_effective features;
	struct msg_drift drift;
};

struct msg_member {
	char name[LIMIT_NAME_BYTES + 1];
	struct node_id id;
	uint32_t status;   /* enum node_status */
	uint32_t strength; /* enum strength in force here */
	uint32_t role;     /* enum role */
	uint32_t votes, statements, round;
	uint32_t needed;   /* votes for a quorum against it, or for it */
	uint32_t release_votes;
	uint32_t weight;   /* in the current epoch */
	uint64_t since_ms, feed_sequence, incarnation, not_after_ms;
	struct public_key key;
	struct hash certificate; /* certificate_ballot_hash(), if has_certificate */
	uint64_t report_incarnation, report_sequence; /* newest self-report of the round; 0: none */
	struct incident_id incident;
	struct address address;
	uint8_t is_self, is_head, linked, alive, certified, confessed, precaution_stands,
	    precaution_stood_down, proven, restricted, release_asked, has_certificate;
};

struct msg_judged {
	uint64_t time_ms; /* Unix */
	struct incident_id incident;
	struct address source;
	uint32_t class;   /* enum event_class */
	uint32_t floor, opinion, score, count;
	char model[LIMIT_MODEL_NAME_BYTES + 1];
	char reason[LIMIT_REASON_BYTES + 1];
};

struct msg_answered {
	uint32_t error;
};

#endif
