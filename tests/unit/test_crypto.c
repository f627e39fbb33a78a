/* Only a canonical signature of a proper key over exactly domain and data verifies. */
#include "tests/mesh.h"

static struct mesh_key key;
static struct signature good;
static const uint8_t data[] = "what was signed";
#define DOMAIN "phalanx/test/1"

static int
setup(void **state)
{
	uint8_t seed[32] = { 1 };

	(void)state;
	mesh_key_make(seed, &key);
	mesh_sign(&key, DOMAIN, (struct span){ data, sizeof(data) }, &good);
	return 0;
}

static bool
verify(const struct public_key *by, const char *domain, const uint8_t *bytes, size_t size,
    const struct signature *signature)
{
	const struct crypto *crypto = crypto_sodium();

	return crypto->verify(crypto->context, by, domain, bytes, size, signature);
}

static void
verifies_and_refuses(void **state)
{
	struct signature bad = good;

	(void)state;
	assert_true(verify(&key.public_key, DOMAIN, data, sizeof(data), &good));
	assert_false(verify(&key.public_key, "phalanx/test/2", data, sizeof(data), &good));
	assert_false(verify(&key.public_key, DOMAIN, data, sizeof(data) - 1, &good));
	for (size_t bit = 0; bit < 512; bit++) {
		bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verify(&key.public_key, DOMAIN, data, sizeof(data), &bad));
		bad.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* S + L signs the same under a lax verifier: a second signature for one vote. */
static void
malleable_s_is_refused(void **state)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6,
		0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	struct signature bad = good;
	unsigned carry = 0;

	(void)state;
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)bad.bytes[32 + i] + order[i];
		bad.bytes[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_false(verify(&key.public_key, DOMAIN, data, sizeof(data), &bad));
}

/* With a key of small order one signature would fit many messages. */
static void
small_order_keys_are_refused(void **state)
{
	struct public_key identity = { .bytes = { 1 } };
	struct signature zero = { .bytes = { 1 } };

	(void)state;
	assert_false(verify(&identity, DOMAIN, data, sizeof(data), &zero));
	memset(identity.bytes, 0, sizeof(identity.bytes));
	assert_false(verify(&identity, DOMAIN, data, sizeof(data), &zero));
	memset(identity.bytes, 0xff, sizeof(identity.bytes)); /* not canonical */
	assert_false(verify(&identity, DOMAIN, data, sizeof(data), &zero));
}

/* Short and long data, across the size at which memory is taken. */
static void
any_length(void **state)
{
	static uint8_t large[70000];
	static const size_t sizes[] = { 0, 1, 4081, 4082, 4083, 4096, sizeof(large) };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct signature s;

		mesh_sign(&key, DOMAIN, (struct span){ large, sizes[i] }, &s);
		assert_true(verify(&key.public_key, DOMAIN, large, sizes[i], &s));
		s.bytes[63] ^= 1;
		assert_false(verify(&key.public_key, DOMAIN, large, sizes[i], &s));
	}
}

/* FIPS 180-4: "abc", wherever domain ends and data begins. */
static void
sha256_of_domain_and_data(void **state)
{
	static const uint8_t expected[4] = { 0xba, 0x78, 0x16, 0xbf };
	const struct crypto *crypto = crypto_sodium();
	struct hash hash;

	(void)state;
	crypto->sha256(crypto->context, "", (const uint8_t *)"abc", 3, &hash);
	assert_memory_equal(hash.bytes, expected, sizeof(expected));
	crypto->sha256(crypto->context, "ab", (const uint8_t *)"c", 1, &hash);
	assert_memory_equal(hash.bytes, expected, sizeof(expected));
	crypto->sha256(crypto->context, "abc", NULL, 0, &hash);
	assert_memory_equal(hash.bytes, expected, sizeof(expected));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_and_refuses),
		cmocka_unit_test(malleable_s_is_refused),
		cmocka_unit_test(small_order_keys_are_refused),
		cmocka_unit_test(any_length),
		cmocka_unit_test(sha256_of_domain_and_data),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
