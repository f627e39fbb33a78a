/*
 * invariants: is everything as docs/protocol.md promises?  Judged from what
 * is true in the simulated world and from the bytes that left hosts and
 * disks, with as little as can be of what a core says about itself.
 *
 *  1  who is held quarantined, is so for a reason         invariant_isolation.c
 *     and L1 on the word of k within a minute            invariant_restrict.c
 *  2  nobody honest is convicted by a tolerable minority  invariant_votes.c
 *  3  one ballot an identity in a certificate             ledger.c
 *  4  one epoch, one window in a certificate              ledger.c
 *  5  a quarantine lasts                                  invariant_isolation.c
 *  6  who accepted it, cuts                               invariant_isolation.c
 *  7  honest hosts agree once everything is healed        invariant_healing.c
 *  8  nothing before first sync                           invariant_isolation.c
 *     nor with an old disk                                invariant_snapshot.c
 *  9  order and repetition do not matter                  invariant_order.c
 * 10  nobody honest contradicts itself                    invariant_feed.c
 *     who does, is convicted                              invariant_fork.c
 * 11  votes cannot dissolve the mesh                      invariant_votes.c
 * 12  evidence leads to a certificate                     invariant_healing.c
 * 13  outsiders' touches accuse no member                 invariant_feed.c
 * 14  everything is bounded                               invariant_bounds.c
 * 15  the same seed makes the same trace                  main.c
 */
#ifndef SIM_INVARIANTS_H
#define SIM_INVARIANTS_H
#include "sim/sim.h"

void invariants_init(struct sim *);
void invariants_free(struct sim *);
/* Ends the run: prints what was violated, where, and the command that replays it; exit 1. */
void violated(const struct sim *, unsigned invariant, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* What a run came to, for who runs many: zeros, all is well. */
struct verdict_of_run {
	unsigned invariant;
	uint64_t steps;
};
/* Written there too, from now on, when something is violated. */
void invariants_report_to(struct verdict_of_run *);

/* ---- what the world tells ---------------------------------------------------------- */

/* A host asks its notary for this. */
void invariants_draft(struct sim *, size_t host, struct span body);
/* A notary handed this out. */
void invariants_signed(struct sim *, size_t host, struct span envelope);
/* An entry reaches another host for the first time. */
void invariants_left(struct sim *, const struct record *);
/* Brought to a host by people. */
void invariants_submitted(struct sim *, size_t host, struct span envelope);
void invariants_delivered(struct sim *, size_t host, size_t from, const struct payload *);
/* A host's kernel now holds a member differently. */
void invariants_enforced(struct sim *, size_t host, const struct core_action *);
/* It writes down what it received. */
void invariants_kept(struct sim *, size_t host, const struct core_action *);
/* Its link to a peer comes or goes. */
void admission_link(struct sim *, size_t host, member_index peer);
void invariants_notice(struct sim *, size_t host, const struct core_action *);
void invariants_step(struct sim *, size_t host);
void invariants_booted(struct sim *, size_t host);
void invariants_crashed(struct sim *, size_t host, bool power);
/* A TCP handshake with a decoy was completed from a member's address. */
void invariants_touched(struct sim *, size_t host, member_index source);
/* Once everything is healed, for so long. */
void invariants_healed(struct sim *);

#endif
