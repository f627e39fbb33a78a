/*
 * ballots: what is said against one member: statements, verdicts, tallies and
 * windows.
 *
 * Pure.  Spec: docs/protocol.md, "Ballot", "Isolation".
 */
#ifndef CORE_BALLOTS_H
#define CORE_BALLOTS_H
#include "core/certificate.h"
#include "core/core.h"

/* Tallies of one incident: five windows that fresh verdicts reach, two epochs, two levels. */
#define BALLOT_TALLIES 20

struct object;

/* What this node saw with its own eyes. */
struct witness {
	uint64_t until_ms; /* monotonic: grounds until then */
	struct statement statement;
};

struct incident {
	uint32_t round;             /* what it names is of this round, but where it says otherwise */
	struct incident_id id;      /* if id_known: ballots_incident_id() */
	bool id_known;
	struct witness *witness;    /* NULL: nothing seen */
	struct object *statements;  /* fresh ones by time, list by object->next */
	size_t statement_count;
	struct object *said;        /* fresh ones that this member made, oldest first, by ->next_said */
	struct counted {
		struct tally *tally;
		enum level level;
		uint64_t epoch;
		uint64_t window;
		uint64_t until_ms;  /* monotonic: no ballot in it is fresh after */
	} *tallies;
	size_t tally_count;
	size_t tally_room;
	bool quorum;                /* to quarantine it: reached here */
	struct object *certificate; /* QUARANTINE, held; or NULL */
	struct hash certificate_ballot; /* its certificate_ballot_hash() */
	struct request *requests;   /* operators', to release it */
	struct object *release;     /* RELEASE of the highest round, which is over; or NULL */
	struct object *confession;  /* of any round, held; or NULL */
	struct object *proof;       /* of its equivocation, held; or NULL */
	uint64_t voted_rounds;      /* our latest ballot against it is of this round - 1; 0: none */
	uint64_t open_until_ms;     /* that ballot counts as open */
	uint64_t certified_until_ms; /* and, certified, in the budget */
	bool withheld;              /* a vote, for want of budget; reported */
	uint64_t touched_until_ms;  /* shown as attacked: its decoy was touched */
	uint32_t most_votes;        /* to quarantine it */
	struct object **reports;    /* self-reports of all rounds held, in the order of its feed; or NULL */
	size_t report_count;
	size_t report_room;
	bool precaution_stands;
	bool precaution_down;       /* it has one, and none stands */
};

void ballots_free(struct incident *);
/* Of the subject's current round. */
struct incident_id ballots_incident_id(const struct core *, member_index subject);

/* A member, and its current round.  SUBJECT, ROUND. */
MUST_USE enum err ballots_check_subject(const struct core *, const struct node_id *,
    uint32_t round, member_index *out);
/* Checks beyond the envelope; none of them changes state.  SUBJECT, VOTER, ROUND, STALE, RANGE, WINDOW, SIGNATURE, UNSUPPORTED. */
MUST_USE enum err ballots_check_statement(const struct core *, const struct entry *,
    member_index author);
MUST_USE enum err ballots_check_verdict(struct core *, const struct entry *, member_index author,
    bool own);

/* Its source is the subject's address and nobody else's, its destination the witness's own. */
bool ballots_is_between(const struct core *, const struct statement *, member_index subject,
    member_index author);

/* They are held now.  NOMEM, FULL: nothing was done. */
void ballots_accept_statement(struct core *, struct object *);
MUST_USE enum err ballots_accept_verdict(struct core *, struct object *, const struct verdict *);
/* A statement is no longer fresh. */
void ballots_forget_statement(struct core *, struct object *);
/* Witnesses of different heads and enrolment groups, fresh, by our own rules. */
size_t ballots_witnesses(const struct core *, member_index subject);
/* Of the best tally. */
uint32_t ballots_votes(const struct core *, member_index subject, enum level);

void ballots_drop_tallies(struct incident *, enum level);
/* Nothing that was said in the round that ends counts any more. */
void ballots_end_round(struct core *, member_index subject);
/* May it still become a certificate?  Of the current epoch, or of the one before for a while. */
bool ballots_is_counted(const struct core *, const struct counted *);
/* The roster has a new current epoch: what is too old leaves, what is open is signed anew. */
void ballots_epoch_changed(struct core *);
/* Does this node have a ballot against it in its current round? */
bool ballots_has_voted(const struct incident *);
/* The same window or an adjacent one. */
bool ballots_are_near(uint64_t window, uint64_t other);
bool ballots_same_group(const struct core *, member_index, member_index);
/* Only what a decoy shows accuses somebody else. */
bool ballots_accuse(enum event_class);
bool ballots_has_address(const struct member *, const struct address *);

#endif
