/*
 * answer: is an HTTP answer signed, whole, and to the very question that was
 * asked?  For every program that asks a coordinator.
 *
 * Pure; the caller brings SHA-256 and Ed25519.  Spec: docs/protocol.md, "HTTP
 * signatures".
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H
#include "http/h1.h"
#include "http/signature.h"

struct http_question {
	const char *method, *path; /* without a query */
	const uint8_t *nonce;      /* 16 bytes: of its own signature, or of its Accept-Signature */
};

struct http_verifier {
	void (*sha256)(const uint8_t *data, size_t size_bytes, uint8_t out[32]);
	bool (*verify)(const uint8_t key[32], const uint8_t *data, size_t size_bytes,
	    const uint8_t signature[64]);
};

/* By the key that it names itself, into key: whether that is the right one is another question. */
bool http_answer_is_sealed(const struct h1 *, const struct http_question *,
    const struct http_verifier *, uint8_t key[32]);

#endif
