/*
 * ledger_internal: what a ledger consists of, for its own files.
 */
#ifndef COORDINATOR_LEDGER_INTERNAL_H
#define COORDINATOR_LEDGER_INTERNAL_H
#include "base/map.h"
#include "coordinator/ledger.h"
#include "core/precaution.h"

struct member_word {
	int64_t released;     /* highest round of a RELEASE; -1: none */
	uint64_t touched_ms;  /* newest statement by it: its decoy was touched */
	member_index accused; /* by it, first, of those whom it accused within LIMIT_RELAYED_MS */
	uint64_t accused_ms;  /* 0: nobody */
	size_t held;
	size_t loose;         /* of them, what does not stand */
	uint64_t released_ms;
	uint8_t *release; /* the RELEASE certificate of that round, as an Envelope */
	size_t release_bytes;
	/* derived */
	bool quarantined;
	const struct incident *open; /* neither released nor a quarantine; NULL: none */
	uint64_t attacked_ms;        /* newest precaution that stood down; 0: none */
};

struct ledger {
	const struct crypto *crypto;
	const struct roster *roster;
	struct member_word *members;
	size_t held;
	struct map *by_address;
	struct blocked **blocked;
	size_t blocked_count, blocked_room;
	struct map *by_incident;
	struct incident **incidents;
	size_t incident_count, incident_room;
	struct precautions precautions;
	struct map *of_precaution; /* its hash to its incident */
	uint32_t *counts;          /* scratch of precaution_judge() */
	bool stale;                /* precaution_stands and released must be derived anew */
};

/* Of an entry of which check_payload() found the subject.  A proof is of no
 * round: it is shown with the one that is open. */
uint32_t ledger_round_of(const struct ledger *, const struct ledger_entry *);
/* Room for one more in a list that may move; NULL: no memory, and the list is as it was. */
void *ledger_grown(void *list, size_t count, size_t *room, size_t item_bytes);
/* A member speaks once; a good word replaces a bad one.  NOMEM. */
MUST_USE enum err ledger_add_voice(struct voice **list, size_t *count, const struct voice *said);
struct voice ledger_voice_of(const struct ledger_entry *);

/* ledger_blocked.c */
MUST_USE enum err ledger_apply_indicator(struct ledger *, const struct ledger_entry *);
void ledger_free_blocked(struct ledger *);

#endif
