/*
 * ballot: the fixed-width bytes that every voter signs, identical for all.
 *
 * "phalanx/ballot/1" || level u8 || mesh 16 || epoch u64 || subject 16 ||
 * round u32 || window u64, integers big-endian.  The domain string is passed
 * to the signature functions apart, so BALLOT_BYTES counts what follows it.
 *
 * Pure.  Spec: docs/protocol.md, "Ballot".
 */
#ifndef CORE_BALLOT_H
#define CORE_BALLOT_H
#include "core/message.h"

#define BALLOT_BYTES (1 + 16 + 8 + 16 + 4 + 8)

struct ballot {
	enum level level;
	struct mesh_id mesh;
	uint64_t epoch;
	struct node_id subject;
	uint32_t round;
	uint64_t window;
};

void ballot_write(const struct ballot *, uint8_t out[BALLOT_BYTES]);
bool ballot_verify(const struct crypto *, const struct public_key *, const struct ballot *,
    const struct signature *);
/* Unix time / 600 s. */
uint64_t ballot_window(uint64_t unix_ms);

#endif
