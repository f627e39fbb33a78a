/*
 * ca_request_text: a node's request for enrolment, as JSON.
 *
 * {"phalanx_request":1,"name":…,"key":hex,"addresses":[…],"port":9000,
 *  "dns":[…],"csr":PEM,"proof":hex}
 *
 * proof: Ed25519 by key over "phalanx/request/1" followed by the same object
 * without proof, keys sorted, no white space, ASCII: whoever sends it holds the
 * identity key, and the certificate request inside proves the TLS key.
 * Spec: docs/operations.md, "Enrolment".
 */
#ifndef CLI_CA_REQUEST_TEXT_H
#define CLI_CA_REQUEST_TEXT_H
#include <jansson.h>
#include <stdbool.h>
#include "base/limits.h"
#include "core/types.h"
#include "sys/identity.h"

#define CA_REQUEST_BYTES (64 * 1024)
#define CA_DNS_NAMES     8
#define CA_DNS_BYTES     253

struct ca_request_text {
	char name[LIMIT_NAME_BYTES + 1];
	struct public_key key;
	struct address addresses[LIMIT_ADDRESSES];
	size_t address_count;
	uint16_t port;
	char dns[CA_DNS_NAMES][CA_DNS_BYTES + 1];
	const char *dns_names[CA_DNS_NAMES]; /* into dns */
	size_t dns_count;
	char csr[8192];
	struct hash tls_key;
};

/* Letters, digits, dots, hyphens and underscores. */
bool ca_dns_is_valid(const char *);
/* Adds "proof".  False when memory is out. */
bool ca_request_prove(json_t *request, const struct secret_key *);
/* Reads, checks every field, both proofs; complains and returns false otherwise. */
bool ca_request_read(const char *path, struct ca_request_text *out);

#endif
