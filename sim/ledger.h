/*
 * ledger: every feed entry that ever left a host or a notary, decoded and
 * proven once, apart from the cores; and which of the observed hosts it
 * reached.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H
#include "base/map.h"
#include "sim/authority.h"
#include "sim/queue.h"

struct record {
	struct hash name;  /* of the whole envelope */
	struct hash hash;  /* of the body */
	struct entry_header header;
	enum entry_kind kind;
	member_index author, subject; /* or MEMBER_NONE */
	uint32_t round;
	enum level level;             /* verdict, certificate */
	uint64_t epoch, window;       /* likewise */
	enum self_report_kind report;
	struct address destination;   /* statement */
	bool signed_well;             /* by its author */
	bool valid;                   /* and its content proves what it says */
	size_t epochs;                /* so many there were when that was found out */
	uint64_t born_ms;
	bool left;                    /* somebody received it; else only its author's host has it */
	uint64_t reached;             /* bits of the observed hosts */
	uint64_t understood;          /* likewise: of an epoch and incarnation that it knew then */
	uint64_t kept;                /* likewise: accepted since it booted */
	struct record *next;          /* of the same subject and kind */
	struct record *next_by_author; /* signed well */
	struct payload *bytes;
};

enum shelf {
	SHELF_STATEMENT,
	SHELF_VERDICT,
	SHELF_SELF_REPORT,
	SHELF_PROOF,
	SHELF_CERTIFICATE,
	SHELF_RELEASE,
	SHELF_OTHER,
	SHELF_COUNT
};

struct ledger {
	const struct authority *authority;
	struct map *by_name;
	struct map *by_place;          /* author, incarnation, sequence: the first that left, signed well */
	struct record **all;           /* in order of birth */
	size_t count, room;
	struct record *(*subjects)[SHELF_COUNT]; /* by member: lists, latest first; valid ones only */
	struct record **authors;       /* likewise, signed well */
};

enum shelf ledger_shelf(enum entry_kind);
struct ledger *ledger_new(const struct authority *);
void ledger_free(struct ledger *); /* accepts NULL */
/* Look it up, or enter it.  NULL: no feed entry. */
struct record *ledger_enter(struct ledger *, struct span envelope, uint64_t now_ms);
/* It reached another host.  True: for the first time. */
bool ledger_left(struct ledger *, struct record *);
/* What left first of its author's for this place; or NULL. */
const struct record *ledger_at(const struct ledger *, member_index author, uint64_t incarnation,
    uint64_t sequence);
const struct record *ledger_by(const struct ledger *, member_index author);
/* Do two entries of one author convict it? */
bool ledger_contradict(const struct record *, const struct record *);
const struct record *ledger_about(const struct ledger *, member_index subject, enum shelf);

#endif
