/*
 * isolation: how strongly each subject is shut out, as one function of the
 * grounds against it; and this host's own lock.
 *
 * strength = max { HOLD before first sync, CUT by own eyes (15 min), CUT by
 * RESTRICT (10 min), CUT by a standing precaution, CUT then SEVER by a
 * certificate, a confession or a Proof }.
 *
 * Pure.  Spec: docs/protocol.md, "Isolation".
 */
#ifndef CORE_ISOLATION_H
#define CORE_ISOLATION_H
#include "base/map.h"
#include "core/core.h"
#include "core/wake.h"

/* Of a member. */
struct isolation {
	struct member_wake sever;  /* set: cut, and severed then */
	bool severed;
	struct member_wake local;  /* set: cut by own eyes until then */
	uint64_t local_since_ms;
	uint64_t local_until_ms;
	bool own;                  /* in_force is its own, not everybody's */
	enum strength in_force;
	uint64_t in_force_until_ms; /* 0: standing */
};

/*
 * What holds for members that nothing of their own is known about, so that ten
 * thousand of them cost no memory: those below reached are held at `now`, the
 * rest at `before`.  Zeroed: nobody is held.
 */
struct everybody {
	enum strength now, before;
	size_t reached;
};

/* Addresses outside the mesh. */
struct local_address {
	struct wake wake;
	uint64_t until_ms; /* monotonic */
	struct address address;
	struct incident_id incident;
};
struct local_cuts {
	struct map *by_address; /* struct local_address */
	size_t members;         /* L0 against members, now */
	bool overdue;           /* an action found no room in its step */
	member_index overdue_from; /* the first member for whom */
};

/* This host. */
struct lock {
	struct wake wake;
	enum strength in_force;
	enum strength target; /* above in_force: waits for the send queues */
	uint32_t token;
};

void isolation_free(struct core *);
/* Bring what is in force against this subject to what its grounds demand. */
void isolation_update(struct core *, member_index subject);
void isolation_update_all(struct core *);
/* With those for whom the step before had no room. */
void isolation_go_on(struct core *);
/* L0 by own eyes against a member.  False: as many as may be are cut already. */
bool isolation_cut_member(struct core *, member_index subject);
/* L0 against an address outside.  FULL, NOMEM. */
MUST_USE enum err isolation_cut_address(struct core *, const struct address *,
    const struct incident_id *);
/* What own eyes and the others' reports demand against it.  False: no room in this step. */
bool isolation_update_address(struct core *, const struct address *);
/* The object was sent to the subject: sever in LIMIT_SEVER_DELAY_MS. */
void isolation_sever_soon(struct core *, member_index subject);
/* What was last asked for. */
enum strength isolation_in_force(const struct core *, member_index subject);
/* A round of its is over: L0 and L1 against it end; nothing is enforced yet. */
void isolation_end_round(struct core *, member_index subject);
/* Likewise what severed it, unless something else condemns it; then enforce. */
void isolation_released(struct core *, member_index subject);
/* Condemned, or its precaution stands. */
bool isolation_is_quarantined(const struct core *, member_index subject);
/* A certificate, a confession or a Proof stands against it, or this node saw a quorum. */
bool isolation_is_condemned(const struct core *, member_index subject);

/* This host's own lock, after its send queues are empty or 50 ms. */
void isolation_update_lock(struct core *);
void isolation_flushed(struct core *, uint32_t token);

/* The mesh grew: what is a member's address now is cut for being outside no longer. */
void isolation_spare_members(struct core *);

/* Timers. */
void isolation_sever_now(struct core *, member_index subject);
void isolation_member_expired(struct core *, member_index subject);
void isolation_address_expired(struct core *, struct local_address *);
void isolation_lock_now(struct core *);

#endif
