/*
 * crypto: the two functions that the core takes from outside.  Production
 * passes libsodium's (sys/crypto.h), bulk simulations a fast keyed hash.
 * The core never signs: it asks for an entry and gets it back signed.
 */
#ifndef CORE_CRYPTO_H
#define CORE_CRYPTO_H
#include "core/types.h"

struct crypto {
	void *context;
	/* domain is a string without its terminator's byte; data follows it. */
	void (*sha256)(void *context, const char *domain, const uint8_t *data, size_t size_bytes,
	    struct hash *out);
	/* true iff signature is key's over domain followed by data.  Strict: RFC 8032, canonical S and A, no small order. */
	bool (*verify)(void *context, const struct public_key *key, const char *domain,
	    const uint8_t *data, size_t size_bytes, const struct signature *signature);
};

#define DOMAIN_ENTRY     "phalanx/entry/1"
#define DOMAIN_BALLOT    "phalanx/ballot/1"
#define DOMAIN_ENROLMENT "phalanx/enrolment/1"
#define DOMAIN_EPOCH     "phalanx/epoch/1"
#define DOMAIN_ID        "phalanx/id/1"
#define DOMAIN_MESH      "phalanx/mesh/1"
#define DOMAIN_INCIDENT  "phalanx/incident/1"
#define DOMAIN_RING      "phalanx/ring/1" /* places on the rings */
#define DOMAIN_KEY       "phalanx/key/1" /* decision keys of anti-entropy */

#endif
