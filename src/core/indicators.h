/*
 * indicators: addresses outside the mesh that members report.  One is blocked
 * everywhere while reports of f + 1 enrolment groups stand: until the
 * (f + 1)-th latest of them expires.  So f liars block nothing, and what
 * everybody sees everybody blocks.
 *
 * What stands is a function of the reports held.  Of one author and hour those
 * of the LIMIT_INDICATORS_PER_H lowest sequences count, in whatever order they
 * arrive, so that all nodes hold the same.
 *
 * Pure.  Spec: docs/protocol.md, "Entries" (Indicator).
 */
#ifndef CORE_INDICATORS_H
#define CORE_INDICATORS_H
#include "base/map.h"
#include "core/core.h"
#include "core/wake.h"

struct arrival;
struct object;

/* An address that somebody reports. */
struct suspect {
	struct wake wake; /* the next report expires */
	struct address address;
	struct reported {
		member_index author;
		uint64_t sequence;
		uint64_t until_ms; /* monotonic */
	} *list; /* latest expiry first */
	size_t count;
	size_t room;
	uint64_t blocked_until_ms; /* 0: too few report it, or it may not be blocked here */
	bool overdue;              /* no room in the step that found out */
};

/* What one member reported; made with its first. */
struct reporter {
	size_t standing; /* in the table */
	struct reporter_hour {
		uint64_t number; /* Unix hours */
		struct told {
			uint64_t sequence;
			struct address address;
		} *list; /* ascending sequence */
		size_t count;
		size_t room;
	} hours[2]; /* an hour and the next, by its lowest bit */
};

struct indicators {
	struct map *by_address; /* struct suspect */
	size_t reports;
	size_t blocked;
	bool overdue; /* some suspect.overdue */
	/* What this node saw, and has not said yet. */
	struct wanted_indicator {
		struct address address;
		enum event_class reason;
		uint64_t until_ms; /* grounds */
	} wanted[LIMIT_WANTED_INDICATORS];
	size_t wanted_count;
};

void indicators_free(struct core *);
void indicators_free_reporter(struct reporter *); /* accepts NULL */
/* 5.3: seen from outside the mesh: report it, unless it was lately. */
void indicators_want(struct core *, const struct address *, enum event_class);
/* Ask the notary for what is due, if this node may sign. */
void indicators_pursue(struct core *);

/* Beyond the envelope; changes no state.  VOTER, SUBJECT, RANGE, STALE, FULL. */
MUST_USE enum err indicators_check(const struct core *, const struct arrival *);
/* It is held now.  NOMEM: nothing was done. */
MUST_USE enum err indicators_accept(struct core *, struct object *, const struct arrival *);
/* From disk, too old to be an object, but it stands until its time is over. */
void indicators_restore(struct core *, const struct arrival *);
/* A convicted author's: all of its reports. */
void indicators_silence(struct core *, member_index author);
/* The address that members hold now is no suspect, and f may have changed. */
void indicators_roster_changed(struct core *);

/* Monotonic; 0: not blocked by reports. */
uint64_t indicators_blocked_until(const struct core *, const struct address *);
/* What found no room in an earlier step; at CORE_START all of it. */
void indicators_enforce(struct core *, bool all);
void indicators_expired(struct core *, struct suspect *);
struct incident_id indicators_incident(const struct core *, const struct address *);

#endif
