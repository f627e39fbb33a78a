/*
 * x509_internal: what x509_authority.c and x509_leaf.c share.
 */
#ifndef SYS_X509_INTERNAL_H
#define SYS_X509_INTERNAL_H
#include <openssl/evp.h>
#include <openssl/x509.h>
#include "core/types.h"
#include "sys/x509.h"

struct x509_authority {
	EVP_PKEY *key;
	X509 *certificate;
	struct public_key public;
	char *mesh_name;
};

/* Version 3, random serial, validity.  The rest is the caller's. */
MUST_USE enum err x509_begin(uint64_t not_before_ms, uint64_t not_after_ms, X509 **out);
/* One extension in OpenSSL's configuration syntax; only from constant or checked text. */
MUST_USE enum err x509_extend(X509 *certificate, X509 *issuer, int nid, const char *value);
/* The PEM that write() produces. */
MUST_USE enum err x509_pem(int (*write)(BIO *, const void *), const void *object,
    struct x509_text *out);
int x509_write_certificate(BIO *, const void *);
int x509_write_key(BIO *, const void *);
/* For reading keys: never ask a person for a passphrase. */
int x509_no_passphrase(char *, int, int, void *);

#endif
