/*
 * crypto_fake: crypto that a fuzzer can satisfy.  A signature is good when its
 * first byte is not 0xff, and a hash is the first bytes of its data.
 */
#ifndef FUZZ_CRYPTO_FAKE_H
#define FUZZ_CRYPTO_FAKE_H
#include <stdlib.h>
#include <string.h>
#include "core/crypto.h"

/* NDEBUG or not, a broken promise ends the run. */
#define PROMISE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static inline void
fake_sha256(void *context, const char *domain, const uint8_t *data, size_t size_bytes,
    struct hash *out)
{
	(void)context;
	(void)domain;
	memset(out, 0, sizeof(*out));
	if (size_bytes > 0)
		memcpy(out, data, size_bytes < sizeof(*out) ? size_bytes : sizeof(*out));
}

static inline bool
fake_verify(void *context, const struct public_key *key, const char *domain, const uint8_t *data,
    size_t size_bytes, const struct signature *signature)
{
	(void)context;
	(void)key;
	(void)domain;
	(void)data;
	(void)size_bytes;
	return signature->bytes[0] != 0xff;
}

static const struct crypto crypto_fake = { .sha256 = fake_sha256, .verify = fake_verify };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#endif
