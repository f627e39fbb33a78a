/*
 * sim: one run of phalanx-sim: N real cores with the real codec on a virtual
 * clock, each on a host with a disk, a wall clock and a kernel of its own.
 *
 * Everything follows from the options; nothing depends on addresses, on the
 * machine or on the build.  Each kind of fault and each adversary draws from
 * a generator of its own, so that leaving one out changes no other's choices.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H
#include "core/core.h"
#include "sim/authority.h"
#include "sim/disk.h"
#include "sim/fabric.h"
#include "sim/ledger.h"
#include "sim/options.h"
#include "sim/queue.h"
#include "sim/trace.h"

#define OBSERVED_MAX 64 /* hosts whose every step is judged */

/* Where a host may die. */
enum point {
	POINT_ACTION,  /* between two actions of one step */
	POINT_WRITE,   /* before a line is written */
	POINT_WRITTEN, /* before it is durable */
	POINT_DURABLE, /* before it is handed out */
	POINT_KEEP,    /* before a received entry is written */
	POINT_COUNT
};

struct doom {
	bool set, power;
	enum point point;
	uint32_t countdown;
};

struct host {
	member_index member;
	struct core *core; /* NULL: down */
	uint32_t life;
	int observed;      /* its bit in struct record; -1: not */
	bool liar;
	bool drops;           /* answers pings, passes no entry on */
	uint64_t deadline_ms; /* the core's, or when it may run again */
	size_t timer;         /* place in the sim's heap */
	uint64_t stalled_until_ms;
	bool restored;        /* its disk went back in time once */
	bool starting;        /* restored lines are being read */
	const struct roster *roster; /* what its disk holds of the log; shared */
	const struct roster *known;  /* and its core */
	struct disk disk;
	size_t snapshot;      /* how many lines the disk had when it was copied */
	int64_t clock_offset_ms;
	int32_t clock_ppm;
	uint8_t *kernel;      /* enum strength by member */
	enum strength lock;
	struct doom doom;
	bool waits_to_boot;
	/* what the invariants remember of it; sim/invariants.h */
	struct witnessed *witnessed;
	bool dirty;
	uint64_t sent_messages, sent_bytes;
};

struct counts {
	uint64_t messages, delivered, faults[FAULT_COUNT], attacks[ADVERSARY_COUNT];
	uint64_t entries[SHELF_COUNT]; /* that left a host, by what they are */
	uint64_t touches, convicted, released;
};

struct sim {
	struct options options;
	struct keys keys;
	struct authority *authority;
	struct ledger *ledger;
	struct fabric fabric;
	struct queue queue;
	struct host *hosts; /* by member; in the operator's place a clone may run (clone.h) */
	size_t count;       /* of nodes from the beginning */
	size_t host_count;  /* with the clone, and room for who is enrolled on the way */
	size_t came;        /* of these */
	uint32_t *timers;   /* hosts, the clone among them: a heap by deadline */
	uint64_t now_ms;
	uint64_t steps;
	struct prng prng; /* workload, boots */
	struct prng fault_prng[FAULT_COUNT];
	struct prng adversary_prng[ADVERSARY_COUNT];
	struct schedule *schedule;
	struct adversaries *adversaries;
	struct truth *truth; /* sim/invariants.h */
	bool healed;
	enum policy policy;
	struct trace trace;
	struct counts counts;
	struct core_actions actions;
	/* Told of each message before its receiver is; NULL: nobody. */
	void (*heard)(struct sim *, size_t to, size_t from, const struct payload *);
	void *context; /* for heard */
};

struct sim *sim_new(const struct options *, FILE *trace);
void sim_free(struct sim *); /* accepts NULL */
/* The whole run: faults, then healing, then what has to work again. */
void sim_run(struct sim *);
/* Until then; stops when the options' steps are done: false. */
bool sim_run_until(struct sim *, uint64_t until_ms);

/* ---- hosts ---------------------------------------------------------------------- */

/* Of a member, which has the same index but for a clone's. */
void host_init(struct sim *, size_t index, member_index);
void host_free(struct host *);
uint64_t host_unix_ms(const struct sim *, const struct host *);
void host_boot(struct sim *, size_t index);
/* Of a member that was enrolled just now: its links, and soon its first boot, with an empty disk. */
void host_join(struct sim *, size_t index);
void host_crash(struct sim *, size_t index, bool power);
void host_step(struct sim *, size_t index, struct core_event *);
/* The operator's records, as if its own core had asked for them: what it lacks of the log. */
void host_hand_roster(struct sim *, size_t index);
/* A process that stands still hears nothing until then. */
void host_stall(struct sim *, size_t index, uint64_t until_ms);
void host_happen(struct sim *, struct happening *);
/* To a member on its link, or to all but one; as a message of this host. */
void host_send(struct sim *, size_t index, struct span bytes, member_index to, member_index except);
/* A message, its feed entries entered in the ledger. */
struct payload *sim_payload(struct sim *, struct span bytes);

/* ---- touches ---------------------------------------------------------------------- */

/* A TCP connection to a decoy of the host is completed from that address. */
void touch_decoy_of(struct sim *, size_t index, const struct address *source);
/* The same from another member's host, if the kernels between them let it pass. */
void touch_from(struct sim *, size_t index, size_t source);
void workload_tick(struct sim *);
/* Operators act, at moments that do not suit. */
void operators_tick(struct sim *);
/* One of them, at that host's console.  False: nothing stands against the subject there. */
bool operators_release(struct sim *, size_t index, member_index subject);
/* The CA changes something; one host is told. */
void rosters_change(struct sim *, struct prng *);
void rosters_hand_out(struct sim *);
/* What it changed is in force from now on; one host is told. */
void rosters_begin_epoch(struct sim *, struct prng *);
size_t rosters_count_listed(const struct sim *); /* of those there from the beginning */
/* A member is enrolled for seconds; the CA sees to those whose enrolments ended or soon will. */
void expiries_shorten(struct sim *, struct prng *);
void expiries_settle(struct sim *, struct prng *);

/* ---- faults, adversaries ------------------------------------------------------------- */

void faults_init(struct sim *);
void faults_free(struct sim *);
void faults_happen(struct sim *, uint32_t number);
void faults_heal(struct sim *);

/* Choice of one host, of those that are up if asked. */
size_t sim_any_host(struct sim *, struct prng *);
bool sim_chance(struct prng *, uint32_t per_1000);
uint64_t sim_between(struct prng *, uint64_t least, uint64_t most);

#endif
