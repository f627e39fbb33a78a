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

#define BALLOT_WINDOWS 8 /* tallies of one incident at a time */

struct object;

/* What this node saw with its own eyes. */
struct witness {
	uint64_t until_ms; /* monotonic: grounds until then */
	struct statement statement;
};

struct incident {
	uint32_t round;
	struct incident_id id;      /* if id_known: ballots_incident_id() */
	bool id_known;
	struct witness *witness;    /* NULL: nothing seen */
	struct object *statements;  /* fresh ones, list by object->next */
	size_t statement_count;
	struct window_tally {
		struct tally *tally;
		uint64_t window;
		uint64_t until_ms;  /* monotonic: no ballot in it is fresh after */
	} tallies[BALLOT_WINDOWS];
	size_t tally_count;
	bool quorum;                /* one was reached here */
	struct object *certificate; /* held; or NULL */
	struct object *confession;  /* held; or NULL */
	struct object *proof;       /* of its equivocation, held; or NULL */
	bool voted;                 /* we have a ballot against it */
	uint64_t open_until_ms;     /* that ballot counts as open */
	uint64_t certified_until_ms; /* and, certified, in the budget */
	bool withheld;              /* a vote, for want of budget; reported */
	uint64_t touched_until_ms;  /* shown as attacked: its decoy was touched */
	uint32_t most_votes;
	struct object **reports;    /* self-reports held, ascending sequence; or NULL */
	size_t report_count;
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

/* They are held now.  NOMEM, FULL: nothing was done. */
void ballots_accept_statement(struct core *, struct object *);
MUST_USE enum err ballots_accept_verdict(struct core *, struct object *, const struct verdict *);
/* A statement is no longer fresh. */
void ballots_forget_statement(struct core *, struct object *);
/* Witnesses of different heads and enrolment groups, fresh, by our own rules. */
size_t ballots_witnesses(const struct core *, member_index subject);
uint32_t ballots_votes(const struct core *, member_index subject);

/* The QUARANTINE ballot on subject's current round in this window. */
struct ballot ballots_on(const struct core *, member_index subject, uint64_t window);
/* The same window or an adjacent one. */
bool ballots_are_near(uint64_t window, uint64_t other);
bool ballots_has_address(const struct member *, const struct address *);

#endif
