/*
 * keys: signatures of the simulated world: libsodium's, or a keyed hash that
 * costs a hundredth.  Who holds a struct key can sign with it, nobody else.
 */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H
#include "base/prng.h"
#include "core/crypto.h"
#include "core/message.h"

struct key {
	struct public_key public_key;
	uint8_t secret[64];
};

struct keys {
	bool sodium;
	const struct crypto *crypto; /* what the cores are given */
};

struct keys keys_new(bool sodium);
void keys_make(const struct keys *, struct prng *, struct key *out);
void keys_sign(const struct keys *, const struct key *, const char *domain, struct span data,
    struct signature *out);

#endif
