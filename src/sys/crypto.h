/*
 * crypto: libsodium behind core/crypto.h's two functions; the only verifier
 * of votes, because verifiers disagree on edge cases.
 */
#ifndef SYS_CRYPTO_H
#define SYS_CRYPTO_H
#include "core/crypto.h"

/* Initialises libsodium once; aborts the process if that fails.  Static. */
const struct crypto *crypto_sodium(void);

#endif
