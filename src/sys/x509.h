/*
 * x509: the certificates of a mesh, by OpenSSL.  An Ed25519 authority signs
 * P-256 leaves, which OpenSSL- and BoringSSL-based TLS stacks alike accept.
 * Used by `phalanx ca` only; a running node needs sys/tls.h.
 *
 * Spec: docs/protocol.md, "Identity"; docs/operations.md, "Enrolment".
 */
#ifndef SYS_X509_H
#define SYS_X509_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "core/types.h"

struct x509_authority; /* opaque: the CA's key and certificate */

/* A PEM text that the caller frees with x509_text_free(), which wipes it. */
struct x509_text {
	char *text;
	size_t size_bytes;
};
void x509_text_free(struct x509_text *); /* accepts an empty one */

/* Why the last call here failed, in OpenSSL's words; "" if it has none. */
const char *x509_reason(void);

/* ---- the authority ---- */

/* A new key and its self-signed certificate.  The caller owns *out.  NOMEM, RANGE. */
MUST_USE enum err x509_authority_new(const char *mesh_name, unsigned days,
    struct x509_authority **out);
/* From its two files: key (PKCS#8 PEM) and certificate, which must belong
 * together.  NOT_FOUND, IO, DENIED (key readable by others), MALFORMED. */
MUST_USE enum err x509_authority_load(const char *key_path, const char *certificate_path,
    struct x509_authority **out);
void x509_authority_free(struct x509_authority *); /* accepts NULL */
/* Writes both, key first and with mode 0600; neither may exist (LOCKED). */
MUST_USE enum err x509_authority_save(const struct x509_authority *, const char *key_path,
    const char *certificate_path);
const char *x509_authority_mesh(const struct x509_authority *);
const struct public_key *x509_authority_key(const struct x509_authority *);
uint64_t x509_authority_not_after_ms(const struct x509_authority *);
/* Ed25519 over domain followed by data of any size.  NOMEM. */
MUST_USE enum err x509_authority_sign(const struct x509_authority *, const char *domain,
    const uint8_t *data, size_t size_bytes, struct signature *out);

/* ---- leaves ---- */

struct x509_leaf {
	const struct node_id *id;
	const char *name; /* friendly; the first DNS name */
	const char *const *dns_names;
	size_t dns_count;
	const struct address *addresses;
	size_t address_count;
	uint64_t not_before_ms, not_after_ms; /* Unix */
};

/* A P-256 key, PKCS#8 PEM. */
MUST_USE enum err x509_key_new(struct x509_text *out);
/* A certificate request over that key. */
MUST_USE enum err x509_request_new(const char *key_pem, struct x509_text *out);
/*
 * The public key (SubjectPublicKeyInfo's SHA-256) of a request: whose own
 * signature verifies (SIGNATURE) and whose key is P-256 (UNSUPPORTED).
 * Everything else in the request is ignored.  MALFORMED.
 */
MUST_USE enum err x509_request_check(const char *request_pem, struct hash *out);
/* Sign the leaf for the key of a request; checks the request again. */
MUST_USE enum err x509_issue(const struct x509_authority *, const char *request_pem,
    const struct x509_leaf *, struct x509_text *out);
/* The same certificate, of this authority, with another serial number and validity.  MALFORMED, SIGNATURE. */
MUST_USE enum err x509_renew(const struct x509_authority *, const char *certificate_pem,
    uint64_t not_before_ms, uint64_t not_after_ms, struct x509_text *out);
/* The same digest from a certificate, or from a private key. */
MUST_USE enum err x509_certificate_key(const char *certificate_pem, struct hash *out);
MUST_USE enum err x509_private_key(const char *key_pem, struct hash *out);

#endif
