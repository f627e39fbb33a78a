/*
 * truth: what really happened in the simulated world, and what each observed
 * host was given.  Only the invariants look at it.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H
#include "sim/sim.h"

/* A TCP handshake with a witness's decoy, completed from a member's address. */
struct touched {
	member_index witness, source;
	uint64_t at_ms;
};

/* What an observed host was given against a subject. */
enum reason {
	REASON_PRECAUTION = 1,
	REASON_CONFESSION = 2,
	REASON_CERTIFICATE = 4,
	REASON_BALLOTS = 8, /* a quorum of them, no certificate yet */
	REASON_PROOF = 16   /* one, or two entries that make one */
};
#define REASONS_FINAL   (REASON_CONFESSION | REASON_PROOF)
#define REASONS_CONDEMN (REASON_CONFESSION | REASON_CERTIFICATE | REASON_BALLOTS | REASON_PROOF)

struct heard {
	member_index witness;
	uint64_t born_ms; /* of its latest statement */
};

struct given {
	struct heard *heard; /* one a witness */
	size_t heard_count;
	uint32_t round;   /* the lowest that no RELEASE certificate that it has has ended */
	uint8_t reasons;  /* enum reason, ever in that round or a later one */
	uint8_t held;     /* it holds the subject quarantined for these, since it booted */
	uint64_t due_ms;  /* it has to have cut it by then; UINT64_MAX: nothing is due */
	uint64_t cut_ms;  /* its own eyes allow a cut until then */
	/* Since it booted, as its disk and its actions show (invariant_admission.c). */
	uint32_t over;       /* rounds below are over */
	bool restricted;     /* L1, by the host's own account */
	uint64_t restrict_ms; /* it began then, and rightly; 0: not yet */
	bool final;          /* no RELEASE can follow: so it knows, or its disk says */
	uint64_t sever_ms;   /* it has to be severed by then; UINT64_MAX: nothing is due */
	uint64_t condemned_ms; /* it took the first that condemns it then; UINT64_MAX: none */
	uint32_t condemned_round; /* the latest certificate's */
	uint64_t proof_ms;   /* there has to be a Proof by then (invariant_fork.c); likewise */
	uint64_t incarnation, newest; /* of its feed, what was taken from it */
	uint64_t taken, filled_ms;    /* a bucket, in thousandths */
	uint64_t grounds_ms; /* something about it came then: what a step makes of several entries is not judged */
	size_t least_k;      /* of the epochs that the host knew since it might restrict it; 0: it may not */
	uint64_t expires_ms; /* of its cut, as the kernel was told; 0: none */
	uint64_t told_root;  /* by it on its link; 0: nothing yet */
	uint64_t told_later; /* by it: our feed of that incarnation went further than we know; 0: it did not */
	uint32_t bad_signatures;
};

/* Above so many members a step judges those that it concerns, a sweep all. */
#define SUSPECTS_MAX 16
#define SWEEP_MS     1000

/* Of an observed host. */
struct witnessed {
	struct given *given; /* by subject */
	uint64_t due_ms;     /* the earliest of given's */
	uint64_t swept_ms;   /* all members were judged then */
	member_index suspects[SUSPECTS_MAX]; /* what happened since concerns these */
	size_t suspect_count;
	bool synced;
	bool ever_alarmed;   /* a first sync was over by its time-out */
	bool ever_misled;    /* or when nobody within reach knew how far its feed had gone */
	bool forked;         /* it used a sequence twice, as nobody could tell it not to */
	bool jumped;         /* its wall clock was wrong once */
	uint64_t boots;
	uint64_t booted_ms, checks_at_boot;
	uint64_t stepped_ms; /* its last step */
	member_index hears;  /* whose message this step is about */
	uint64_t many_ms;    /* a message with several entries came then */
	bool hears_directly; /* one entry, not an answer of anti-entropy */
	size_t local_cap;    /* members that its own eyes may cut: the most since it booted */
};

struct truth {
	struct touched *touched;
	size_t touched_count, touched_room;
	bool *has_touched;   /* by member: a decoy of anybody, ever */
	struct witnessed observed[OBSERVED_MAX];
	uint64_t *convicted_epoch; /* by member: that certificate's */
	uint64_t *convicted_ms; /* by member: its first valid certificate; 0: none */
};

static inline struct witnessed *
truth_of(const struct sim *s, size_t host)
{
	return &s->truth->observed[host];
}

/* Neither lies nor shares its key with anybody. */
static inline bool
truth_is_safe(const struct sim *s, member_index m)
{
	return !s->authority->members[m].liar && !s->authority->members[m].key_stolen;
}

/* The epoch that the host knows. */
static inline uint64_t
truth_epoch(const struct sim *s, size_t host)
{
	return epoch_number(roster_current(s->hosts[host].known));
}

/* Listed neither in the host's epoch nor in the one before: what was said of it is forgotten. */
bool truth_is_gone(const struct sim *, size_t host, member_index);
/* Its records let the host judge this entry: epochs, author and subject are known to it. */
bool truth_understands(const struct sim *, size_t host, const struct record *);
bool truth_has_adversary(const struct sim *, enum adversary);
bool truth_has_fault(const struct sim *, enum fault);
/* Two entries of its that contradict have reached the observed host. */
bool truth_contradicted(const struct sim *, int observed, member_index);
/* A touch of the witness's decoy from there within so long. */
bool truth_touched(const struct sim *, member_index witness, member_index source, uint64_t within_ms);

/* An observed host has this entry now, from whomever. */
void truth_reached(struct sim *, size_t host, struct record *);
/* Nothing that its author signed stands against its being taken there. */
bool truth_may_take(const struct sim *, size_t host, const struct record *);
/* The host has this certificate: a RELEASE ends what held the subject in that round. */
void truth_released(struct given *, const struct record *);
/* Independent witnesses whose statements reached an observed host in time. */
size_t truth_witnesses(const struct sim *, size_t host, member_index subject);

/* Something happened at an observed host that concerns a member. */
void truth_suspect(struct sim *, size_t host, member_index);

/* The parts of invariants.c, in files of their own. */
void isolation_delivered(struct sim *, size_t host, const struct payload *);
void isolation_step(struct sim *, size_t host);
void isolation_booted(struct sim *, size_t host);
void feed_left(struct sim *, const struct record *);
void feed_synced(struct sim *, size_t host);
void feed_draft(struct sim *, size_t host, const struct entry *);
void votes_draft(struct sim *, size_t host, const struct entry *);
void votes_left(struct sim *, const struct record *);
void bounds_step(struct sim *, size_t host);
/* It keeps what it received; it signed; it tells; ... */
void admission_kept(struct sim *, size_t host, struct span bytes, bool standing);
void admission_own(struct sim *, size_t host, struct record *);
void admission_notice(struct sim *, size_t host, const struct core_action *);
void admission_delivered(struct sim *, size_t host, size_t from, const struct payload *);
void admission_draft(struct sim *, size_t host, const struct entry *);
void admission_enforced(struct sim *, size_t host, const struct core_action *);
void admission_step(struct sim *, size_t host);
void admission_booted(struct sim *, size_t host);
/* It tells that it restricts a member from now on. */
void restrict_begins(struct sim *, size_t host, member_index);
/* A host was brought an entry that contradicts one that it holds: the Proof follows. */
void fork_delivered(struct sim *, size_t host, const struct payload *);
void fork_step(struct sim *, size_t host);
void fork_booted(struct sim *, size_t host);
void healing_check(struct sim *);
/* Once all is well: somebody comes back with an old disk. */
void snapshot_check(struct sim *);

#endif
