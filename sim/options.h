/*
 * options: what one run is made of.  What the command line leaves open follows
 * from the seed.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum fault {
	FAULT_DELAY,     /* delays of milliseconds to seconds, with a tail */
	FAULT_LOSS,      /* messages vanish */
	FAULT_DOUBLE,    /* messages arrive twice */
	FAULT_REORDER,   /* messages overtake each other */
	FAULT_PARTITION, /* two halves do not hear each other */
	FAULT_ONE_WAY,   /* one host is heard by nobody, yet hears */
	FAULT_FLAP,      /* a partition that comes and goes */
	FAULT_SLOW,      /* one host's messages take up to half a second */
	FAULT_DEAF,      /* one host loses 80 % of its messages */
	FAULT_STALL,     /* a process stands still for ten seconds */
	FAULT_RESET,     /* connections break */
	FAULT_KILL,      /* processes are killed, the kernel's sets and caches stay */
	FAULT_POWER,     /* hosts lose power: what was not synced is lost or torn */
	FAULT_FULL,      /* the disk is full for a while */
	FAULT_OLD_DISK,  /* a host comes back with an old snapshot */
	FAULT_CLONE,     /* two hosts run from one disk */
	FAULT_SKEW,      /* clocks are up to a minute off */
	FAULT_JUMP,      /* clocks jump both ways */
	FAULT_DRIFT,     /* clocks go too fast or too slow */
	FAULT_ROSTER,    /* the CA enrols, renews, begins epochs; one host is told */
	FAULT_EXPIRY,    /* enrolments end by their date; the CA renews some, and leaves some out */
	FAULT_COUNT
};

enum adversary {
	ADVERSARY_SILENCE,     /* sends nothing */
	ADVERSARY_SELECTIVE,   /* speaks to some only */
	ADVERSARY_WITHHOLD,    /* answers no anti-entropy */
	ADVERSARY_FRAME,       /* accuses and votes against one honest host, in collusion */
	ADVERSARY_ACCUSE,      /* accuses everybody */
	ADVERSARY_EQUIVOCATE,  /* signs two entries for one sequence */
	ADVERSARY_REPLAY,      /* sends old entries and certificates again */
	ADVERSARY_FLOOD,       /* sends as fast as it can */
	ADVERSARY_SPOOF,       /* touches decoys from another member's address, by another link layer */
	ADVERSARY_TOKEN,       /* enrolled several times with one stolen token */
	ADVERSARY_STOLEN_KEY,  /* signs with an honest host's key */
	ADVERSARY_REPORTS,     /* reports itself again and again, with its friends */
	ADVERSARY_STUFF,       /* fills tables: windows, rounds, subjects */
	ADVERSARY_MALFORMED,   /* well-signed nonsense, ill-signed sense */
	ADVERSARY_RECORDS,     /* forges the CA's records on their way */
	ADVERSARY_COUNT
};

#define OPTION_OPEN UINT32_MAX

struct options {
	uint64_t seed;
	uint32_t nodes;
	uint64_t duration_ms;  /* of the faults; what follows is healed */
	uint32_t byzantine;    /* members that lie */
	uint32_t faults;       /* bits of enum fault */
	uint32_t adversaries;  /* bits of enum adversary */
	uint64_t steps;        /* of the cores, at most; UINT64_MAX */
	bool sodium;
	bool unjudged;         /* no host is observed: for figures */
	/* as given, for the command that replays it */
	bool nodes_given, duration_given, byzantine_given, faults_given, adversaries_given;
	bool steps_given;
};

/* Fill in what is open. */
void options_choose(struct options *);
/* A list as of --faults: names by comma, "none" or "all".  False: a name is wrong. */
bool options_faults(const char *list, uint32_t *out);
bool options_adversaries(const char *list, uint32_t *out);
/* "0.5" hours and the like, no floats. */
bool options_hours(const char *text, uint64_t *ms);
const char *fault_text(enum fault);
const char *adversary_text(enum adversary);
void options_print_faults(uint32_t faults, FILE *);
void options_print_adversaries(uint32_t adversaries, FILE *);
/* The command that replays this run. */
void options_print_command(const struct options *, FILE *);

#endif
