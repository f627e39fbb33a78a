/*
 * signature: the bytes that an HTTP Message Signature (RFC 9421) covers, and
 * the three header fields that carry it.  One composition for the notary who
 * signs and the coordinator who verifies.
 *
 * Covered, in this order: "@method" "@authority" "@path" "content-digest";
 * parameters created, nonce, keyid, alg="ed25519"; label "phalanx".
 * Pure; the caller brings SHA-256 and Ed25519.
 */
#ifndef HTTP_SIGNATURE_H
#define HTTP_SIGNATURE_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#define HTTP_SIGNATURE_BASE_BYTES   1024
#define HTTP_SIGNATURE_HEADER_BYTES 512
#define HTTP_SIGNATURE_PARAMETERS   4

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

#endif
