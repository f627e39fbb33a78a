#include <sodium.h>
#include "check.h"
#include "http/signature.h"

/*
 * Made by an independent composition of RFC 9421 in another language, signed
 * with the key of RFC 8032's first test vector.  The digest is that of
 * {"hello": "world"}, the example of RFC 9530.
 */
static const char digest_value[] = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
#define COMPONENTS "(\"@method\" \"@authority\" \"@path\" \"content-digest\")"
#define NONCE      ";nonce=\"000102030405060708090a0b0c0d0e0f\""
#define KEY_ID     ";keyid=\"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\""
#define CREATED    ";created=1790000000"
#define ALGORITHM  ";alg=\"ed25519\""

static const struct {
	const char *parameters, *signature;
} vectors[] = {
	{ CREATED NONCE KEY_ID ALGORITHM, "AJ9IJ17WpwQPIEhseUR+wZGWW8ASSpMwTjwLKU5/"
	                                  "7JLWtRxTyvPCTpnHqsMoBWNwXBwuGTgRk7y9y9zsBZJSCw==" },
	{ KEY_ID ALGORITHM CREATED NONCE,
	    "sBR0jcs93hvYI/I/"
	    "ppKJPv1vqVXeCnl1nUuJZbzdubPUyWKg6tXWfqPivzXWp0M6jda51Voz4xrjHzL+qz6dCg==" },
};

static struct http_signature_input
example(void)
{
	struct http_signature_input in = { .method = "POST",
		.authority = "LocalHost:8090",
		.path = "/api/telemetry",
		.created_s = 1790000000 };

	crypto_hash_sha256(in.content_sha256, (const uint8_t *)"{\"hello\": \"world\"}", 18);
	for (uint8_t i = 0; i < 16; i++) {
		in.nonce[i] = i;
		in.key_id[i] = (uint8_t)(0xf0 + i);
	}
	return in;
}

static void
rfc8032_key(uint8_t public[32], uint8_t secret[64])
{
	uint8_t seed[32];

	sodium_hex2bin(seed, sizeof(seed),
	    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", 64, NULL, NULL,
	    NULL);
	crypto_sign_seed_keypair(public, secret, seed);
}

/* We sign the bytes that another implementation signs, and send the same fields. */
static void
signs_as_others_do(void **unused)
{
	struct http_signature_input in = example();
	char base[HTTP_SIGNATURE_BASE_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES];
	char input[HTTP_SIGNATURE_HEADER_BYTES], value[HTTP_SIGNATURE_HEADER_BYTES];
	char expected[256];
	uint8_t public[32], secret[64], signature[64];
	size_t size;

	(void)unused;
	rfc8032_key(public, secret);
	assert_ok(http_signature_base(&in, base, &size));
	crypto_sign_detached(signature, NULL, (uint8_t *)base, size, secret);
	assert_ok(http_signature_headers(&in, signature, digest, input, value));
	assert_string_equal(digest, digest_value);
	snprintf(expected, sizeof(expected), "phalanx=" COMPONENTS "%s", vectors[0].parameters);
	assert_string_equal(input, expected);
	snprintf(expected, sizeof(expected), "phalanx=:%s:", vectors[0].signature);
	assert_string_equal(value, expected);
}

/* What others sign we verify, in whichever order their parameters stand. */
static void
verifies_what_others_sign(void **unused)
{
	uint8_t public[32], secret[64], signature[64];
	char base[HTTP_SIGNATURE_BASE_BYTES], input[512], value[512];
	size_t size;

	(void)unused;
	rfc8032_key(public, secret);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct http_signature_input in = {
			.method = "POST", .authority = "localhost:8090", .path = "/api/telemetry"
		};

		snprintf(input, sizeof(input), "phalanx=" COMPONENTS "%s", vectors[i].parameters);
		snprintf(value, sizeof(value), "phalanx=:%s:", vectors[i].signature);
		assert_ok(http_signature_parse(digest_value, input, value, &in, signature));
		assert_int_equal(in.created_s, 1790000000);
		assert_int_equal(in.key_id[15], 0xff);
		assert_ok(http_signature_base(&in, base, &size));
		assert_int_equal(
		    crypto_sign_verify_detached(signature, (uint8_t *)base, size, public), 0);
		in.path = "/api/report/submit";
		assert_ok(http_signature_base(&in, base, &size));
		assert_int_not_equal(
		    crypto_sign_verify_detached(signature, (uint8_t *)base, size, public), 0);
	}
}

/* Anything but exactly our fields is refused, and nothing is filled in. */
static void
refuses_the_rest(void **unused)
{
	static const struct {
		enum err err;
		const char *input;
	} inputs[] = {
		{ ERR_MALFORMED, "" },
		{ ERR_MALFORMED, "sig=" COMPONENTS CREATED NONCE KEY_ID ALGORITHM },
		{ ERR_MALFORMED, "phalanx=(\"@method\")" CREATED NONCE KEY_ID ALGORITHM },
		{ ERR_MALFORMED, "phalanx=" COMPONENTS CREATED NONCE KEY_ID },
		{ ERR_UNKNOWN_FIELD, "phalanx=" COMPONENTS CREATED CREATED KEY_ID ALGORITHM },
		{ ERR_UNKNOWN_FIELD, "phalanx=" COMPONENTS CREATED NONCE KEY_ID ";alg=\"rsa\"" },
		{ ERR_UNKNOWN_FIELD, "phalanx=" COMPONENTS CREATED NONCE KEY_ID ALGORITHM ";x" },
		{ ERR_UNKNOWN_FIELD, "phalanx=" COMPONENTS ";created=-1" NONCE KEY_ID ALGORITHM },
		{ ERR_UNKNOWN_FIELD,
		    "phalanx=" COMPONENTS ";created=1234567890123456" NONCE KEY_ID ALGORITHM },
		{ ERR_UNKNOWN_FIELD,
		    "phalanx=" COMPONENTS CREATED ";nonce=\"00\"" KEY_ID ALGORITHM },
		{ ERR_UNKNOWN_FIELD, "phalanx=" COMPONENTS CREATED NONCE ";keyid=\"" },
	};
	static const char good_value[] =
	    "phalanx=:AJ9IJ17WpwQPIEhseUR+wZGWW8ASSpMwTjwLKU5/7JLWtRxTyvPCTpnHqsMoBWNwXBwuGTgRk7y9"
	    "y9zsBZJSCw==:";
	static const char good_input[] = "phalanx=" COMPONENTS CREATED NONCE KEY_ID ALGORITHM;
	struct http_signature_input in = { 0 }, none = { 0 };
	uint8_t signature[64] = { 0 };

	(void)unused;
	assert_ok(http_signature_parse(digest_value, good_input, good_value, &in, signature));
	in = none;
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		assert_err(inputs[i].err, http_signature_parse(digest_value, inputs[i].input,
		                              good_value, &in, signature));
	assert_err(ERR_MALFORMED,
	    http_signature_parse("sha-512=:AAAA:", good_input, good_value, &in, signature));
	assert_err(ERR_MALFORMED,
	    http_signature_parse("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
	        good_input, good_value, &in, signature));
	assert_err(ERR_MALFORMED,
	    http_signature_parse(digest_value, good_input, "phalanx=:AAAA:", &in, signature));
	assert_memory_equal(&in, &none, sizeof(in));
}

/* Nothing that is put into a line can begin another one. */
static void
no_line_is_injected(void **unused)
{
	struct http_signature_input in = example();
	char base[HTTP_SIGNATURE_BASE_BYTES];
	size_t size;

	(void)unused;
	in.authority = "a\n\"@path\": /";
	assert_err(ERR_MALFORMED, http_signature_base(&in, base, &size));
	in = example();
	in.path = "/a b";
	assert_err(ERR_MALFORMED, http_signature_base(&in, base, &size));
	in = example();
	in.order[0] = 9;
	assert_err(ERR_RANGE, http_signature_base(&in, base, &size));
}

/* RFC 9421, B.2.6: the base that the RFC prints, and the signature that it prints over it. */
static void
rfc9421_vector(void **unused)
{
	static const struct http_component components[] = {
		{ "\"date\"", "Tue, 20 Apr 2021 02:07:55 GMT" },
		{ "\"@method\"", "POST" },
		{ "\"@path\"", "/foo" },
		{ "\"@authority\"", "example.com" },
		{ "\"content-type\"", "application/json" },
		{ "\"content-length\"", "18" },
	};
	static const char printed[] =
	    "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
	    "\"@method\": POST\n"
	    "\"@path\": /foo\n"
	    "\"@authority\": example.com\n"
	    "\"content-type\": application/json\n"
	    "\"content-length\": 18\n"
	    "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" "
	    "\"content-type\" \"content-length\");created=1618884473"
	    ";keyid=\"test-key-ed25519\"";
	char base[HTTP_SIGNATURE_BASE_BYTES];
	uint8_t public[32], secret[64], seed[32], expected_public[32], signature[64], expected[64];
	size_t size = 0, used;

	(void)unused;
	assert_int_equal(sodium_base642bin(seed, 32, "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU",
	                     43, NULL, &used, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	assert_int_equal(
	    sodium_base642bin(expected_public, 32, "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs",
	        43, NULL, &used, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	assert_int_equal(sodium_base642bin(expected, 64,
	                     "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0"
	                     "w6vuQv5lIp5WPpBKRCw==",
	                     88, NULL, &used, NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	crypto_sign_seed_keypair(public, secret, seed);
	assert_memory_equal(public, expected_public, 32);
	assert_ok(http_signature_compose(
	    components, 6, ";created=1618884473;keyid=\"test-key-ed25519\"", base, &size));
	assert_int_equal(size, sizeof(printed) - 1);
	assert_memory_equal(base, printed, size);
	crypto_sign_detached(signature, NULL, (uint8_t *)base, size, secret);
	assert_memory_equal(signature, expected, 64);
	base[size - 20] ^= 1;
	assert_int_not_equal(
	    crypto_sign_verify_detached(expected, (uint8_t *)base, size, public), 0);
}

static struct http_response_signature
example_response(void)
{
	struct http_response_signature in = {
		.status = 401, .method = "POST", .path = "/register", .created_s = 1790000000
	};

	crypto_hash_sha256(in.content_sha256, (const uint8_t *)"{\"hello\": \"world\"}", 18);
	for (uint8_t i = 0; i < 16; i++)
		in.nonce[i] = i;
	memset(in.key, 0xab, sizeof(in.key));
	return in;
}

#define KEY8  "abababababababab"
#define KEY   ";keyid=\"" KEY8 KEY8 KEY8 KEY8 "\""
#define BOUND "(\"@status\" \"content-digest\" \"@method\";req \"@path\";req)"

/* A response covers its status and body, and the request whose nonce it repeats. */
static void
responses_are_bound(void **unused)
{
	struct http_response_signature in = example_response(), out = { .status = 401 };
	char base[HTTP_SIGNATURE_BASE_BYTES], digest[512], input[512], value[512];
	uint8_t signature[64], again[64];
	size_t size = 0;

	(void)unused;
	memset(signature, 7, sizeof(signature));
	assert_ok(http_response_base(&in, base, &size));
	assert_string_equal(base, "\"@status\": 401\n\"content-digest\": "
	                          "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\n"
	                          "\"@method\";req: POST\n\"@path\";req: /register\n"
	                          "\"@signature-params\": " BOUND CREATED NONCE KEY ALGORITHM);
	assert_ok(http_response_headers(&in, signature, digest, input, value));
	assert_string_equal(input, "coordinator=" BOUND CREATED NONCE KEY ALGORITHM);
	assert_ok(http_response_parse(digest, input, value, true, &out, again));
	assert_memory_equal(again, signature, 64);
	assert_memory_equal(out.key, in.key, 32);
	assert_memory_equal(out.nonce, in.nonce, 16);
	/* Who asked with a nonce does not take the form without one, nor the other way round. */
	assert_err(ERR_MALFORMED, http_response_parse(digest, input, value, false, &out, again));
	in.method = NULL;
	assert_ok(http_response_base(&in, base, &size));
	assert_null(strstr(base, "req"));
	assert_null(strstr(base, "nonce"));
	assert_ok(http_response_headers(&in, signature, digest, input, value));
	assert_ok(http_response_parse(digest, input, value, false, &out, again));
	assert_err(ERR_MALFORMED, http_response_parse(digest, input, value, true, &out, again));
}

/* A response with anything else in its fields is refused, and a path begins no line. */
static void
odd_responses_are_refused(void **unused)
{
	static const char *const inputs[] = { "", "phalanx=" BOUND CREATED NONCE KEY ALGORITHM,
		"coordinator=" BOUND NONCE CREATED KEY ALGORITHM,
		"coordinator=" BOUND CREATED KEY ALGORITHM,
		"coordinator=" BOUND CREATED NONCE ";keyid=\"abab\"" ALGORITHM,
		"coordinator=" BOUND CREATED NONCE KEY ";alg=\"hmac-sha256\"",
		"coordinator=" BOUND CREATED NONCE KEY ALGORITHM ";expires=1",
		"coordinator=(\"@status\" \"@method\";req)" CREATED NONCE KEY ALGORITHM };
	struct http_response_signature in = example_response(), out = { 0 }, none = { 0 };
	char digest[512], input[512], value[512], base[HTTP_SIGNATURE_BASE_BYTES];
	uint8_t signature[64] = { 0 };
	size_t size;

	(void)unused;
	assert_ok(http_response_headers(&in, signature, digest, input, value));
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		assert_int_not_equal(
		    http_response_parse(digest, inputs[i], value, true, &out, signature), ERR_OK);
	assert_int_not_equal(
	    http_response_parse(digest, input, "phalanx=:AA==:", true, &out, signature), ERR_OK);
	assert_memory_equal(&out, &none, sizeof(out));
	in.path = "/a\n\"@status\": 200";
	assert_err(ERR_MALFORMED, http_response_base(&in, base, &size));
}

/* The nonce of a request is found where the request is signed, else where it asks for a signature. */
static void
nonce_of_a_request(void **unused)
{
	static const char signed_input[] = "phalanx=" COMPONENTS CREATED NONCE KEY_ID ALGORITHM;
	char accept[HTTP_SIGNATURE_HEADER_BYTES];
	uint8_t asked[16], found[16] = { 0 };

	(void)unused;
	memset(asked, 0x5a, sizeof(asked));
	http_accept_signature(asked, accept);
	assert_true(http_request_nonce(accept, NULL, found));
	assert_memory_equal(found, asked, sizeof(found));
	assert_true(http_request_nonce(accept, signed_input, found));
	assert_int_equal(found[15], 15);
	assert_false(http_request_nonce(NULL, NULL, found));
	assert_false(http_request_nonce("other=();nonce=\"00\"", NULL, found));
	assert_false(http_request_nonce("coordinator=();nonce=\"5a5a\"", NULL, found));
	assert_false(http_request_nonce("coordinator=();nonce=", NULL, found));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_as_others_do),
		cmocka_unit_test(verifies_what_others_sign),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(no_line_is_injected),
		cmocka_unit_test(rfc9421_vector),
		cmocka_unit_test(responses_are_bound),
		cmocka_unit_test(odd_responses_are_refused),
		cmocka_unit_test(nonce_of_a_request),
	};

	return sodium_init() == -1 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
