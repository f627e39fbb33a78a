/*
 * engine: what the files of the engine process share.  The engine feeds the
 * pure core with what its siblings say and carries out what the core decides;
 * it opens no socket and no file once sandboxed.
 *
 * engine.c          start, channels, the core's clock
 * engine_hear.c     what the siblings say
 * engine_tell.c     what is signed waits for the cut
 * engine_act.c      carrying out the core's actions
 * engine_enforce.c  of these, what concerns the firewall
 * engine_roster.c   the roster grows
 * engine_report.c   log lines, and what the coordinator is told
 * engine_post.c     how it is told
 * engine_standing.c what is kept to be told again
 * engine_pin.c      by which key it is known
 * engine_advice.c   what the analyser is asked, and what becomes of its opinion
 * engine_hooks.c    what the operator's command is told
 * engine_control.c  answers to the phalanx program
 */
#ifndef PROC_ENGINE_H
#define PROC_ENGINE_H
#include "base/map.h"
#include "core/core.h"
#include "proc/child.h"
#include "sys/roster_parts.h"

/* An entry that the notary has not returned yet; a new notary is asked again. */
struct engine_append {
	uint32_t request;
	bool waits; /* not sent: for a roster with a new incarnation of ours */
	size_t size_bytes;
	uint8_t *body;
};

/* An entry that the notary returned and that nobody was told yet. */
struct engine_answer {
	uint32_t request;
	enum core_input input; /* CORE_APPENDED or CORE_APPEND_FAILED */
	size_t size_bytes;
	uint8_t *bytes;
};

/* What a peer said, on its way to the notary. */
struct engine_kept {
	struct msg_keep about;
	size_t size_bytes;
	uint8_t *bytes;
};

/* What is in force against a member. */
struct engine_member {
	struct msg_enforce request; /* the last */
	uint64_t until_ms;          /* UINT64_MAX: no end */
	uint64_t asked_ns;          /* a stronger hold was asked for then; 0: the kernel has it */
	uint32_t release_votes;     /* heads known to have signed its release */
	uint64_t held_us;           /* it took so long, and the core does not know; 0: it does */
};

/* What is in force against an address outside the mesh: there may be many. */
struct engine_outsider {
	struct address address;
	struct mac mac;
	struct incident_id incident;
	enum strength strength;
	uint32_t request; /* the last */
	uint64_t until_ms;
};

/* A body on its way to the coordinator, waiting for the notary's signature. */
struct engine_post {
	uint32_t request; /* 0: free */
	bool asked;       /* the notary, for the signature */
	enum http_path path;
	uint64_t created_s;
	uint8_t nonce[16];
	size_t size_bytes;
	uint8_t *body;
};

/* A standing object that a coordinator or hooks which come back must hear again. */
struct engine_object {
	struct node_id author;
	size_t size_bytes;
	uint8_t *bytes;
};

/* What the coordinator is told of one event; later again, with an opinion. */
struct engine_report {
	struct incident_id incident;
	enum event_class class;
	struct address source;
	uint32_t floor; /* the rules' score */
	const char *decision;
};

enum question_state {
	QUESTION_FREE,
	QUESTION_GATHERING, /* what the client says may still come */
	QUESTION_ASKED,
	QUESTION_QUIET /* answered or given up; repeats are counted */
};

/* An event that the analyser is asked about, with its repeats: one a source. */
struct engine_question {
	enum question_state state;
	uint32_t request;
	uint64_t touch;   /* whose MSG_CAPTURE it waits for */
	uint64_t due_ms;  /* GATHERING: ask then.  ASKED: give up.  QUIET: a new question may be asked */
	uint64_t last_ms; /* of this source's events */
	uint64_t report_ms; /* ai-first: nobody was told yet, and is at this time; UINT64_MAX: told */
	uint32_t repeats; /* since it was asked */
	struct engine_report report;
	struct engine_ask *ask; /* while GATHERING */
};

#define ENGINE_KEPT     64
#define ENGINE_POSTS    32
#define ENGINE_OBJECTS  256
#define ENGINE_CONTROLS 8
#define ENGINE_BATCH_BYTES LIMIT_HTTP_BODY_BYTES

/* Records that are on their way into the roster. */
struct engine_growth {
	struct roster_parts parts; /* not proven yet */
	member_index from;   /* who brought the last, or MEMBER_NONE */
	enum err refused;    /* the last part */
	struct loop_timer *timer;
	struct roster *next; /* proven; the notary is writing it.  NULL: none */
	uint64_t held[ROLE_ID_COUNT]; /* bytes, of notary and net */
	uint64_t asked;      /* the coordinator, for what follows so many bytes */
	uint64_t told;       /* it has been given so many */
};

struct engine {
	struct loop *loop;
	const struct config *config;
	struct public_key ca;
	struct roster *roster;
	struct engine_growth growth;
	member_index self;
	struct core *core;
	struct ipc *siblings[ROLE_ID_COUNT];
	struct loop_timer *timer;
	uint64_t started_ms;
	uint32_t next_request;

	/* boot: replay, then cuts acknowledged, then the network opens */
	bool replayed;
	bool enforcer_told;
	bool opened;
	uint32_t barrier; /* the last MSG_ENFORCE that must be acknowledged before MSG_OPEN */

	struct engine_append appends[LIMIT_PENDING_APPENDS];
	size_t append_count;
	struct engine_kept kept[ENGINE_KEPT];
	size_t kept_count;
	struct loop_timer *later_timer; /* keeps and log lines: after the cuts */
	bool later_due;

	/* what this host signed on a touch waits until its own kernel has cut */
	uint32_t awaited_cut; /* request; 0: none */
	struct engine_answer answers[LIMIT_PENDING_APPENDS];
	size_t answer_count;
	struct loop_timer *cut_timer;

	struct engine_member **members; /* desired state, one a member; NULL: never held */
	size_t member_room;
	struct map *outsiders; /* struct engine_outsider by its address; NULL: none yet */
	size_t sweep_at;       /* so many: look for those that ran out */
	bool receipts_due;     /* some member's held_us is not 0 */
	struct msg_lock lock;
	struct msg_effective effective;
	struct msg_drift drift;
	uint32_t drift_told; /* of it, in telemetry so far */

	/* the coordinator */
	struct engine_post posts[ENGINE_POSTS];
	struct engine_object objects[ENGINE_OBJECTS];
	size_t object_count;
	uint8_t *batch; /* entries not yet posted, as a SyncItems message */
	size_t batch_bytes;
	struct loop_timer *post_timer;
	bool post_due;
	uint64_t told_all_ms; /* all objects were posted to the coordinator */
	bool coordinator_up;
	struct msg_pin pin; /* as the notary holds it, once pin_known */
	bool pin_known;
	struct msg_coordinator trusted; /* as net judged it last */
	uint64_t heartbeat_ms; /* next */
	uint64_t register_ms;  /* not with a heartbeat before this */
	uint64_t register_retry_ms; /* the next time that it is refused */
	uint64_t nonce;

	struct msg_telemetry telemetry;

	/* the analyser */
	struct engine_question questions[LIMIT_ADVICE_SOURCES];
	struct loop_timer *advice_timer;
	uint64_t next_question_ms;
	struct msg_judged *opinions; /* LIMIT_OPINIONS_KEPT of them, the oldest is overwritten */
	uint64_t opinion_count, unanswered_count;

	uint64_t reloads; /* of the configuration */
	struct ipc *controls[ENGINE_CONTROLS];
	struct core_actions actions;
};

/* engine.c */
/* Step the core and carry out what it says; inputs other than input and the
 * union are filled in here. */
void engine_feed(struct engine *, struct core_event *);
void engine_open_when_ready(struct engine *);
/* Carry out soon what may wait. */
void engine_later(struct engine *);
uint32_t engine_request(struct engine *);

/* engine_hear.c */
void engine_hear_notary(struct engine *, const struct ipc_message *);
void engine_hear_enforcer(struct engine *, const struct ipc_message *);
void engine_hear_net(struct engine *, const struct ipc_message *);
void engine_hear_decoy(struct engine *, const struct ipc_message *);
void engine_hear_watch(struct engine *, const struct ipc_message *);

/* engine_tell.c: cut first, then tell */
MUST_USE enum err engine_tell_start(struct engine *);
/* The last cut of a touch was asked for: answers wait until it is in force. */
void engine_await_cut(struct engine *, uint32_t request);
/* The kernel's word on this request. */
void engine_cut_done(struct engine *, uint32_t request);
/* The notary's answer: to the core at once, or when the cut is in force. */
void engine_answered(struct engine *, uint32_t request, enum core_input, struct span envelope);

/* engine_act.c */
/* To a sibling; lost, and logged, if it is not there or its queue is full. */
void engine_tell(struct engine *, enum role_id to, uint32_t type, const void *fixed,
    size_t fixed_bytes, struct span tail);
void engine_carry_out(struct engine *, const struct core_action *);
void engine_keep_now(struct engine *);
/* A new notary has replayed: what it did not write is asked for again. */
void engine_append_again(struct engine *);
/* What waited for a roster with a new incarnation. */
void engine_append_waiting(struct engine *);
/* Own entry seen in a replay: the append that asked for it is done. */
void engine_append_matched(struct engine *, struct span envelope);
/* Forget the append; false if no such request is pending. */
bool engine_append_done(struct engine *, uint32_t request);

/* engine_enforce.c */
void engine_enforce(struct engine *, const struct core_action *);
void engine_lock(struct engine *, const struct core_action *);
/* What was asked of the firewall, in words: after everything has been sent. */
void engine_log_enforce(const struct engine *, const struct core_action *);
/* The request that carried out a CORE_DO_ENFORCE; 0: none. */
uint32_t engine_enforce_request(const struct engine *, const struct core_action *);
/* What was asked for last against a member. */
enum strength engine_strength(const struct engine *, member_index);
void engine_release_votes(struct engine *, member_index, uint32_t votes);
/* The kernel's word on a member, and passing it on when there is time. */
void engine_enforced(struct engine *, const struct msg_enforced *);
void engine_enforced_later(struct engine *);
/* A new enforcer knows nothing: tell it all, then MSG_ENFORCE_ALL. */
void engine_enforce_again(struct engine *);
/* Room for so many members. */
MUST_USE enum err engine_enforce_grow(struct engine *, size_t members);
/* The roster grew: whom is held may have other addresses now. */
void engine_enforce_roster(struct engine *);

/* engine_roster.c */
MUST_USE enum err engine_roster_start(struct engine *);
/* A part, to be proven in a moment.  AGAIN: others are under way; errors of roster_parts_put(). */
MUST_USE enum err engine_roster_offer(struct engine *, member_index from_or_none,
    uint64_t offset, struct span part);
/* Now, for somebody who waits for the answer.  AGAIN; errors of roster_parts_prove(). */
MUST_USE enum err engine_roster_prove(struct engine *);
void engine_roster_held(struct engine *, enum role_id from, const struct msg_roster_held *);
/* What waited for the replay. */
void engine_roster_again(struct engine *);
/* A new own incarnation is being written: drafts wait for it. */
bool engine_roster_is_waiting(const struct engine *);

/* engine_report.c */
void engine_notice(struct engine *, const struct core_action *);
void engine_heartbeat(struct engine *); /* if one is due */
/* To the coordinator: by the rules, or (opinion not NULL) with what the model made of it. */
void engine_report(struct engine *, const struct engine_report *, const struct msg_opinion *);

/* engine_advice.c */
MUST_USE enum err engine_advice_start(struct engine *);
/* After a touch was carried out: ask about it, later. */
void engine_advise(struct engine *, const struct msg_touch *, struct span evidence);
/* The rest of what came. */
void engine_advise_more(struct engine *, const struct msg_capture *, struct span rest);
/* Does nobody hear of this touch before the analyser was asked? */
bool engine_advice_first(const struct engine *, const struct core_action *);
void engine_hear_advice(struct engine *, const struct ipc_message *);
/* A new advice process was asked for nothing yet. */
void engine_advice_again(struct engine *);

/* engine_pin.c */
/* From the notary: what is known. */
void engine_pin(struct engine *, const struct msg_pin *);
/* From net: what the last answer was worth. */
void engine_trust(struct engine *, const struct msg_coordinator *);
/* A new net process knows no key yet. */
void engine_pin_again(struct engine *);

/* engine_hooks.c */
/* Is there a command to run at a quarantine? */
bool engine_hooks_wanted(const struct engine *);
/* A standing object was accepted: is it a quarantine's evidence? */
void engine_hooks_object(struct engine *, struct span object);
/* All that stands: for a new hooks process, or after the replay.  Who acted already knows. */
void engine_hooks_again(struct engine *);

/* engine_post.c */
MUST_USE enum err engine_post_start(struct engine *);
/* A body for the coordinator; copied, signed and sent in a moment. */
void engine_post(struct engine *, enum http_path, const void *body, size_t size_bytes);
void engine_post_registration(struct engine *);
/* An entry for /api/v1/entries. */
void engine_post_entry(struct engine *, struct span object);
/* A new notary was asked for nothing yet. */
void engine_post_again(struct engine *);
void engine_signed(struct engine *, const struct msg_signed *);
void engine_posted(struct engine *, const struct msg_posted *, struct span body);
/* A host that all have severed asks the coordinator whether it was released. */
void engine_ask_release(struct engine *);

/* engine_standing.c */
/* An accepted or restored entry; one that stands is kept, to be told again.  Copied. */
void engine_standing_add(struct engine *, struct span envelope);

const char *engine_member_name(const struct engine *, member_index);
/* "quarantine" or "monitor": what the rules made of a touch. */
const char *engine_decision(const struct engine *, const struct core_action *);

/* engine_control.c */
void engine_control(struct engine *, int fd);

#endif
