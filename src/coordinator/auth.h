/*
 * auth: who says so?  HTTP Message Signatures of nodes, and the registration's
 * own signature.
 *
 * keyid is the node id of an enrolled node; of any other, the first 16 bytes
 * of SHA-256(public key), known once it has registered.
 */
#ifndef COORDINATOR_AUTH_H
#define COORDINATOR_AUTH_H
#include "coordinator/coordinator.h"

struct signer {
	bool is_signed;        /* false: unsigned, and allowed to be */
	struct public_key key;
	struct registry_node *node; /* whose key it is */
	uint8_t nonce[16];
	uint64_t created_s;
};

/* False: reply says 401 (or 429) and why. */
bool auth_request(struct coordinator *, const struct http_request *, struct signer *out,
    struct http_reply *);
/* May the signer speak for this name?  False: reply says 403 and why. */
bool auth_speaks_for(struct coordinator *, const struct signer *, const char *name,
    struct http_reply *);
/* Unsigned words are taken: local mode and a loopback peer, or required by nobody. */
bool auth_takes_unsigned(const struct coordinator *, const struct http_request *);
/* Over id|address|timestamp. */
bool auth_registration_is_good(const char *id, const char *address, uint64_t timestamp_s,
    const struct public_key *, const struct signature *);

#endif
