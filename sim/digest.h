/*
 * digest: a fast hash, the same on every machine, for the trace and for the
 * signatures of bulk runs.  Nothing outside a simulation may rely on it.
 */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H
#include <stddef.h>
#include <stdint.h>

uint64_t digest_mix(uint64_t a, uint64_t b);
uint64_t digest_bytes(uint64_t seed, const uint8_t *data, size_t size_bytes);
/* 256 bits of it. */
void digest_wide(uint64_t seed, const uint8_t *data, size_t size_bytes, uint8_t out[32]);

#endif
