#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "sys/crypto.h"

/* Domain and data of an ordinary entry; longer ones (CA records) take memory. */
#define JOINED_BYTES 4096

static void
sodium_hash(
    void *context, const char *domain, const uint8_t *data, size_t size_bytes, struct hash *out)
{
	crypto_hash_sha256_state state;

	(void)context;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)domain, strlen(domain));
	crypto_hash_sha256_update(&state, data, size_bytes);
	crypto_hash_sha256_final(&state, out->bytes);
}

/*
 * libsodium refuses a non-canonical S or A and an R or A of small order, and
 * verifies without the cofactor.
 */
static bool
sodium_verify(void *context, const struct public_key *key, const char *domain, const uint8_t *data,
    size_t size_bytes, const struct signature *signature)
{
	size_t domain_bytes = strlen(domain);
	uint8_t buffer[JOINED_BYTES];
	uint8_t *joined = buffer;
	bool good;

	(void)context;
	if (size_bytes > SIZE_MAX - domain_bytes)
		return false;
	if (domain_bytes + size_bytes > sizeof(buffer) &&
	    (joined = malloc(domain_bytes + size_bytes)) == NULL)
		return false;
	memcpy(joined, domain, domain_bytes);
	if (size_bytes > 0)
		memcpy(joined + domain_bytes, data, size_bytes);
	good = crypto_sign_verify_detached(
	           signature->bytes, joined, domain_bytes + size_bytes, key->bytes) == 0;
	if (joined != buffer)
		free(joined);
	return good;
}

const struct crypto *
crypto_sodium(void)
{
	static const struct crypto sodium = { .sha256 = sodium_hash, .verify = sodium_verify };

	/* Idempotent; it fails only when the machine has no randomness. */
	if (sodium_init() == -1)
		abort();
	return &sodium;
}

void
crypto_sha256(const uint8_t *data, size_t size_bytes, uint8_t out[32])
{
	crypto_hash_sha256(out, data, size_bytes);
}

bool
crypto_verify(
    const uint8_t key[32], const uint8_t *data, size_t size_bytes, const uint8_t signature[64])
{
	return crypto_sign_verify_detached(signature, data, size_bytes, key) == 0;
}
