/*
 * enforcer: the one process that tells the kernel.
 *
 * enforcer.c holds the process and its messages; enforcer_apply.c what is done
 * to the kernel: one change, its sockets, and the comparison of the two.
 *
 * Spec: docs/enforcement.md; docs/privsep.md, "Enforcer".
 */
#ifndef PROC_ENFORCER_H
#define PROC_ENFORCER_H
#include "proc/child.h"
#include "proc/enforcer_state.h"
#include "sys/nft.h"
#include "sys/sockdestroy.h"

#define ENFORCER_PENDING 16

/* Sockets to close once every waiting request has its drop. */
struct enforcer_pending {
	uint32_t request;
	uint32_t subject;
	struct incident_id incident;
	enum strength strength;
	bool is_member, is_lock;
	struct address addresses[LIMIT_ADDRESSES];
	size_t address_count;
};

struct enforcer {
	const struct config *config;
	struct loop *loop;
	struct ipc *engine;            /* NULL: none */
	struct nft *nft;               /* NULL: nothing is applied */
	struct sockdestroy *sockets;   /* NULL: sockets are left to time out */
	struct enforcer_state *state;
	struct loop_timer *timer;
	struct loop_timer *destroy_timer; /* for pending[] */
	enum effective_mode mode;      /* ENFORCE, or why nft is NULL */
	enum nft_unlocked unlocked, unlocked_file;
	enum strength lock;            /* wanted */
	bool lock_known;               /* the engine said so, or has said everything */
	bool synced;                   /* it has said everything: what else stands is surplus */
	bool dirty;                    /* the kernel may not hold what it should */
	struct msg_effective said;
	struct enforcer_pending pending[ENFORCER_PENDING];
	size_t pending_count;
};

/* What the file in the state directory says; before the sandbox. */
enum nft_unlocked enforcer_unlocked_by_file(const struct config *);
/* Open the kernel as the configuration says; *mode says what came of it.  LOCKED, IO, NOMEM. */
MUST_USE enum err enforcer_open(struct enforcer *);
void enforcer_shut(struct enforcer *);
/* One request that is checked; mac_set as enforcer_state_set(). */
MUST_USE enum err enforcer_apply(struct enforcer *, const struct msg_enforce *,
    enum nft_set mac_set);
MUST_USE enum err enforcer_lock(struct enforcer *, enum strength);
/* The engine has said everything: drop the rest, and the sockets of all who are shut out. */
void enforcer_settle(struct enforcer *);
/* Close what waits. */
void enforcer_destroy_pending(struct enforcer *,
    void (*done)(struct enforcer *, const struct enforcer_pending *, uint32_t sockets));
/* Compare with the kernel and repair.  True: *drift has something to tell. */
bool enforcer_reconcile(struct enforcer *, struct msg_drift *drift);
/* May this address be blocked at all?  Not this host's own, nor what is no host's. */
bool enforcer_protected(struct enforcer *, const struct address *);
bool enforcer_protected_mac(struct enforcer *, const struct mac *);

#endif
