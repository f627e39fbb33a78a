/*
 * crypto: libsodium behind core/crypto.h's two functions; the only verifier
 * of votes, because verifiers disagree on edge cases.
 */
#ifndef SYS_CRYPTO_H
#define SYS_CRYPTO_H
#include "core/crypto.h"

/* Initialises libsodium once; aborts the process if that fails.  Static. */
const struct crypto *crypto_sodium(void);

/* The same without domains or types of the core, as http/answer.h takes them. */
void crypto_sha256(const uint8_t *data, size_t size_bytes, uint8_t out[32]);
bool crypto_verify(const uint8_t key[32], const uint8_t *data, size_t size_bytes,
    const uint8_t signature[64]);

#endif
