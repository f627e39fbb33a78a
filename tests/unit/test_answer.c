/*
 * An answer counts when its signer vouches for this status and body, to this
 * very question; the slightest change and it does not.
 */
#include <sodium.h>
#include <stdlib.h>
#include "check.h"
#include "http/answer.h"
#include "sys/crypto.h"

static const uint8_t nonce[16] = { 9, 8, 7 };
static const struct http_verifier verifier = { crypto_sha256, crypto_verify };

struct said {
	unsigned status, signed_status;
	const char *method, *path; /* as the signer took the question */
	const char *body, *signed_body;
	uint8_t nonce[16];
	const char *left_out; /* a field */
};

static const struct said good = { .status = 200,
	.signed_status = 200,
	.method = "GET",
	.path = "/api/v1/releases",
	.body = "[]",
	.signed_body = "[]",
	.nonce = { 9, 8, 7 } };

static void
put_field(char *text, const struct said *said, const char *name, const char *value)
{
	if (said->left_out == NULL || strcmp(said->left_out, name) != 0)
		sprintf(text + strlen(text), "%s: %s\r\n", name, value);
}

static struct h1 *
answer(const struct said *said, uint8_t key[32])
{
	const struct h1_request request = { .path = "/", .authority = "h", .content_type = "t" };
	struct http_response_signature about = { .status = said->signed_status,
		.method = said->method,
		.path = said->path,
		.created_s = 1790000000 };
	char base[HTTP_SIGNATURE_BASE_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES],
	    input[HTTP_SIGNATURE_HEADER_BYTES], value[HTTP_SIGNATURE_HEADER_BYTES], text[4096];
	uint8_t secret[crypto_sign_SECRETKEYBYTES], signature[64], *bytes;
	static const uint8_t seed[32] = { 1 };
	size_t size_bytes;
	bool done = false;
	struct h1 *h;

	crypto_sign_seed_keypair(key, secret, seed);
	memcpy(about.nonce, said->nonce, sizeof(about.nonce));
	memcpy(about.key, key, sizeof(about.key));
	crypto_hash_sha256(
	    about.content_sha256, (const uint8_t *)said->signed_body, strlen(said->signed_body));
	assert_ok(http_response_base(&about, base, &size_bytes));
	crypto_sign_detached(signature, NULL, (const uint8_t *)base, size_bytes, secret);
	assert_ok(http_response_headers(&about, signature, digest, input, value));
	sprintf(text, "HTTP/1.1 %u x\r\nContent-Length: %zu\r\n", said->status, strlen(said->body));
	put_field(text, said, "Content-Digest", digest);
	put_field(text, said, "Signature-Input", input);
	put_field(text, said, "Signature", value);
	sprintf(text + strlen(text), "\r\n%s", said->body);
	assert_ok(h1_new(1000, &h));
	assert_ok(h1_post(h, &request, &bytes, &size_bytes));
	free(bytes);
	assert_ok(h1_receive(h, (const uint8_t *)text, strlen(text), &done));
	assert_true(done);
	return h;
}

static bool
counts(const struct said *said)
{
	const struct http_question question = { "GET", "/api/v1/releases", nonce };
	uint8_t key[32], seen[32] = { 0 };
	static const uint8_t none[32];
	struct h1 *h = answer(said, key);
	bool is_sealed = http_answer_is_sealed(h, &question, &verifier, seen);

	assert_memory_equal(seen, is_sealed ? key : none, sizeof(seen));
	h1_free(h);
	return is_sealed;
}

static void
only_as_it_was_signed(void **unused)
{
	struct said said = good;

	(void)unused;
	assert_true(counts(&said));
	said.status = 202;
	assert_false(counts(&said));
	said = good;
	said.body = "{}";
	assert_false(counts(&said));
	said = good;
	said.nonce[15] = 1;
	assert_false(counts(&said));
	said = good;
	said.method = "POST";
	assert_false(counts(&said));
	said = good;
	said.path = "/api/v1/roster";
	assert_false(counts(&said));
}

static void
only_with_all_its_fields(void **unused)
{
	static const char *const fields[] = { "Content-Digest", "Signature-Input", "Signature" };
	struct said said = good;

	(void)unused;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		said.left_out = fields[i];
		assert_false(counts(&said));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_as_it_was_signed),
		cmocka_unit_test(only_with_all_its_fields),
	};

	return sodium_init() == -1 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
