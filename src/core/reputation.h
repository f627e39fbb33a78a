/*
 * reputation: a node's weight in the next epoch.
 *
 * w = 0 if age < probation or a proof of misbehaviour stands or it is
 * quarantined, else min(32 + 2 x good days, 64) >> overturned accusations of
 * the last 30 days.  Founders (epoch 1) have no probation.  Accusing earns
 * nothing; uptime cannot buy back a penalty.
 *
 * Pure.  Spec: docs/protocol.md, "Weight".
 */
#ifndef CORE_REPUTATION_H
#define CORE_REPUTATION_H
#include <stdbool.h>
#include <stdint.h>

struct reputation {
	uint64_t age_ms;       /* since its first enrolment */
	uint64_t probation_ms;
	uint32_t good_days;    /* whole days since then, or since its last penalty */
	uint32_t overturned;   /* accusations of the last 30 days */
	bool founder;
	bool misbehaved;       /* a Proof or a confession stands */
	bool quarantined;
};

uint32_t reputation_weight(const struct reputation *);

#endif
