/*
 * signature: the bytes that an HTTP Message Signature (RFC 9421) covers, and
 * the three header fields that carry it.  One composition for who signs and
 * who verifies: the notary and the coordinator, each the other's answer.
 *
 * Requests, label "phalanx": "@method" "@authority" "@path" "content-digest";
 * parameters created, nonce, keyid, alg="ed25519", in any order.
 * Responses, label "coordinator": "@status" "content-digest", and of a request
 * that brought a nonce "@method";req "@path";req; parameters created, that
 * nonce, keyid (the whole public key), alg, in this order.
 * Pure; the caller brings SHA-256 and Ed25519.  Spec: docs/protocol.md, "HTTP
 * signatures".
 */
#ifndef HTTP_SIGNATURE_H
#define HTTP_SIGNATURE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#define HTTP_SIGNATURE_BASE_BYTES   1024
#define HTTP_SIGNATURE_HEADER_BYTES 512
#define HTTP_SIGNATURE_PARAMETERS   4

/* What is covered, as the base names it: "\"@method\";req", and its value. */
struct http_component {
	const char *name, *value;
};

/*
 * RFC 9421, 2.5: a line a component and one of the parameters (";created=...").
 * OVERSIZE, MALFORMED (an empty value, or one with control characters).
 */
MUST_USE enum err http_signature_compose(const struct http_component *, size_t count,
    const char *parameters, char out[HTTP_SIGNATURE_BASE_BYTES], size_t *size_bytes);

struct http_signature_input {
	const char *method;    /* "POST" */
	const char *authority; /* "localhost:8090", lower case */
	const char *path;      /* "/api/telemetry" */
	uint8_t content_sha256[32];
	uint64_t created_s; /* Unix */
	uint8_t nonce[16];
	uint8_t key_id[16]; /* the signer's node id */
	/* The parameters' order as it was read, which is signed; zeros: as above. */
	uint8_t order[HTTP_SIGNATURE_PARAMETERS];
};

/* The signature base; the authority is lowered.  OVERSIZE, MALFORMED (control characters), RANGE. */
MUST_USE enum err http_signature_base(const struct http_signature_input *,
    char out[HTTP_SIGNATURE_BASE_BYTES], size_t *size_bytes);
/* Values of Content-Digest, Signature-Input and Signature. */
MUST_USE enum err http_signature_headers(const struct http_signature_input *,
    const uint8_t signature[64], char digest[HTTP_SIGNATURE_HEADER_BYTES],
    char input[HTTP_SIGNATURE_HEADER_BYTES], char value[HTTP_SIGNATURE_HEADER_BYTES]);
/*
 * Read the three values back (exactly the components and parameters above, in
 * any parameter order); fills content_sha256, created_s, nonce, key_id, order and
 * the signature; method, authority and path stay the caller's.
 * MALFORMED, UNKNOWN_FIELD.
 */
MUST_USE enum err http_signature_parse(const char *digest, const char *input, const char *value,
    struct http_signature_input *out, uint8_t signature[64]);

/* ---- responses -------------------------------------------------------------- */

struct http_response_signature {
	unsigned status;
	/* Of the request, if it brought a nonce: else NULL and without. */
	const char *method, *path;
	uint8_t nonce[16];
	uint8_t content_sha256[32];
	uint64_t created_s; /* Unix */
	uint8_t key[32];    /* the signer's */
};

MUST_USE enum err http_response_base(const struct http_response_signature *,
    char out[HTTP_SIGNATURE_BASE_BYTES], size_t *size_bytes);
/* Values of Content-Digest, Signature-Input and Signature. */
MUST_USE enum err http_response_headers(const struct http_response_signature *,
    const uint8_t signature[64], char digest[HTTP_SIGNATURE_HEADER_BYTES],
    char input[HTTP_SIGNATURE_HEADER_BYTES], char value[HTTP_SIGNATURE_HEADER_BYTES]);
/*
 * Read them back; has_nonce says which of the two forms is to stand there, as
 * the reader knows from its own request.  Status, method and path stay the
 * caller's.  MALFORMED, UNKNOWN_FIELD.
 */
MUST_USE enum err http_response_parse(const char *digest, const char *input, const char *value,
    bool has_nonce, struct http_response_signature *out, uint8_t signature[64]);
/* Accept-Signature of a request that is not signed itself but wants a signed answer. */
void http_accept_signature(const uint8_t nonce[16], char out[HTTP_SIGNATURE_HEADER_BYTES]);
/* The nonce of a request's Accept-Signature, or of its Signature-Input; both may be NULL. */
bool http_request_nonce(const char *accept, const char *input, uint8_t out[16]);

#endif
