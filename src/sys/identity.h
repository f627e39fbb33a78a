/*
 * identity: the files of a mesh and of a node, and the keys in them.
 *
 * identity.key   Ed25519 secret key, 64 bytes in hex, mode 0600; notary only
 * certs/peer.key P-256 key, PEM; certs/peer.pem: leaf by the CA; certs/ca.pem
 * roster         serialised proto Roster
 *
 * Spec: docs/protocol.md, "Identity"; docs/operations.md, "Enrolment".
 */
#ifndef SYS_IDENTITY_H
#define SYS_IDENTITY_H
#include "base/err.h"
#include "core/roster.h"
#include "core/types.h"

struct secret_key; /* opaque: sodium_malloc'ed, mlocked, never in a core dump */

MUST_USE enum err identity_generate(struct secret_key **out);
/* Refuses a file that others may read.  IO, DENIED, MALFORMED. */
MUST_USE enum err identity_load(const char *path, struct secret_key **out);
/* Creates with 0600, O_EXCL.  IO, LOCKED (exists). */
MUST_USE enum err identity_save(const struct secret_key *, const char *path);
void identity_free(struct secret_key *); /* wipes; accepts NULL */
void identity_public(const struct secret_key *, struct public_key *out);
/* Ed25519 over domain followed by data, at most LIMIT_ENVELOPE_BYTES of it. */
void identity_sign(const struct secret_key *, const char *domain, const uint8_t *data,
    size_t size_bytes, struct signature *out);

/* First 16 bytes of SHA-256(DOMAIN_ID || key || nonce). */
void identity_node_id(const struct public_key *, const uint8_t nonce[16], struct node_id *out);
/* First 16 bytes of SHA-256(DOMAIN_MESH || the CA's key). */
void identity_mesh_id(const struct public_key *ca, struct mesh_id *out);
/* The CA's Ed25519 public key out of its X.509 certificate, whose self-signature is checked. */
MUST_USE enum err identity_ca_key(const char *ca_pem_path, struct public_key *out);
/* Read and prove the roster file against the CA certificate. */
MUST_USE enum err identity_load_roster(const char *roster_path, const char *ca_pem_path,
    const struct crypto *, struct roster **out);

#endif
