#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "sim/digest.h"
#include "sim/keys.h"
#include "sys/crypto.h"

#define ANSWERS 8192

static void
fast_sha256(
    void *context, const char *domain, const uint8_t *data, size_t size_bytes, struct hash *out)
{
	uint64_t seed = digest_bytes(0, (const uint8_t *)domain, strlen(domain));

	(void)context;
	digest_wide(seed, data, size_bytes, out->bytes);
}

static struct signature
fast_sign(const struct public_key *key, const char *domain, const uint8_t *data, size_t size_bytes)
{
	uint64_t seed = digest_bytes(1, (const uint8_t *)domain, strlen(domain));
	struct signature signature;

	seed = digest_bytes(seed, key->bytes, sizeof(key->bytes));
	digest_wide(seed, data, size_bytes, signature.bytes);
	digest_wide(~seed, signature.bytes, 32, signature.bytes + 32);
	return signature;
}

static bool
fast_verify(void *context, const struct public_key *key, const char *domain, const uint8_t *data,
    size_t size_bytes, const struct signature *signature)
{
	struct signature right = fast_sign(key, domain, data, size_bytes);

	(void)context;
	return memcmp(right.bytes, signature->bytes, sizeof(right.bytes)) == 0;
}

/*
 * What libsodium said of a signature once it says again, at every other host:
 * asked for each once, by the digest of all that goes into it.
 */
static bool
sodium_verify_once(void *context, const struct public_key *key, const char *domain,
    const uint8_t *data, size_t size_bytes, const struct signature *signature)
{
	static struct answer {
		struct hash question;
		bool asked, right;
	} answers[ANSWERS];
	const struct crypto *sodium = crypto_sodium();
	uint64_t seed = digest_bytes(1, (const uint8_t *)domain, strlen(domain));
	struct hash question;
	struct answer *a;

	(void)context;
	seed = digest_bytes(seed, key->bytes, sizeof(key->bytes));
	seed = digest_bytes(seed, signature->bytes, sizeof(signature->bytes));
	digest_wide(seed, data, size_bytes, question.bytes);
	a = &answers[buf_load_u64(question.bytes) % ANSWERS];
	if (!a->asked || !hash_equal(&a->question, &question))
		*a = (struct answer){ question, true,
			sodium->verify(sodium->context, key, domain, data, size_bytes, signature) };
	return a->right;
}

static void
sodium_sha256(
    void *context, const char *domain, const uint8_t *data, size_t size_bytes, struct hash *out)
{
	const struct crypto *sodium = crypto_sodium();

	(void)context;
	sodium->sha256(sodium->context, domain, data, size_bytes, out);
}

struct keys
keys_new(bool sodium)
{
	static const struct crypto fast = { .sha256 = fast_sha256, .verify = fast_verify };
	static const struct crypto real = { .sha256 = sodium_sha256, .verify = sodium_verify_once };

	return (struct keys){ sodium, sodium ? &real : &fast };
}

void
keys_make(const struct keys *keys, struct prng *prng, struct key *out)
{
	uint8_t seed[32];

	for (size_t i = 0; i < sizeof(seed); i += 8)
		buf_store_u64(seed + i, prng_next(prng));
	if (!keys->sodium) {
		memcpy(out->public_key.bytes, seed, sizeof(seed));
		return;
	}
	if (crypto_sign_seed_keypair(out->public_key.bytes, out->secret, seed) != 0)
		abort();
}

void
keys_sign(const struct keys *keys, const struct key *key, const char *domain, struct span data,
    struct signature *out)
{
	size_t domain_bytes = strlen(domain);
	uint8_t *joined;

	if (!keys->sodium) {
		*out = fast_sign(&key->public_key, domain, data.data, data.size_bytes);
		return;
	}
	if ((joined = malloc(domain_bytes + data.size_bytes)) == NULL)
		abort();
	memcpy(joined, domain, domain_bytes);
	memcpy(joined + domain_bytes, data.data, data.size_bytes);
	if (crypto_sign_detached(
	        out->bytes, NULL, joined, domain_bytes + data.size_bytes, key->secret) != 0)
		abort();
	free(joined);
}
