#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "sys/x509_internal.h"

#define URI_BYTES 256

enum err
x509_key_new(struct x509_text *out)
{
	EVP_PKEY *key;
	enum err err;

	ERR_clear_error();
	if ((key = EVP_EC_gen("P-256")) == NULL)
		return ERR_NOMEM;
	err = x509_pem(x509_write_key, key, out);
	EVP_PKEY_free(key);
	return err;
}

static EVP_PKEY *
read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key;

	if (bio == NULL)
		return NULL;
	key = PEM_read_bio_PrivateKey(bio, NULL, x509_no_passphrase, NULL);
	BIO_free(bio);
	return key;
}

static int
write_request(BIO *bio, const void *request)
{
	return PEM_write_bio_X509_REQ(bio, request);
}

enum err
x509_request_new(const char *key_pem, struct x509_text *out)
{
	EVP_PKEY *key;
	X509_REQ *request = NULL;
	enum err err = ERR_NOMEM;

	ERR_clear_error();
	if ((key = read_key(key_pem)) == NULL)
		return ERR_MALFORMED;
	/* No subject: the authority takes nothing but the key from it. */
	if ((request = X509_REQ_new()) == NULL || X509_REQ_set_version(request, 0) != 1 ||
	    X509_REQ_set_pubkey(request, key) != 1 ||
	    X509_REQ_sign(request, key, EVP_sha256()) <= 0)
		goto done;
	err = x509_pem(write_request, request, out);

done:
	X509_REQ_free(request);
	EVP_PKEY_free(key);
	return err;
}

static enum err
digest_key(EVP_PKEY *key, struct hash *out)
{
	uint8_t *der = NULL;
	unsigned size;
	int bytes = i2d_PUBKEY(key, &der);
	int done;

	if (bytes <= 0)
		return ERR_NOMEM;
	done = EVP_Digest(der, (size_t)bytes, out->bytes, &size, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return done == 1 && size == sizeof(out->bytes) ? ERR_OK : ERR_NOMEM;
}

static bool
is_p256(EVP_PKEY *key)
{
	char group[64];
	size_t size;

	return EVP_PKEY_get_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

/* *out is the request; its key lives as long as it does. */
static enum err
read_request(const char *pem, X509_REQ **out)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509_REQ *request;
	EVP_PKEY *key;
	enum err err = ERR_OK;

	if (bio == NULL)
		return ERR_NOMEM;
	request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (request == NULL || (key = X509_REQ_get0_pubkey(request)) == NULL)
		err = ERR_MALFORMED;
	else if (!is_p256(key))
		err = ERR_UNSUPPORTED;
	else if (X509_REQ_verify(request, key) != 1)
		err = ERR_SIGNATURE;
	if (err != ERR_OK) {
		X509_REQ_free(request);
		return err;
	}
	*out = request;
	return ERR_OK;
}

enum err
x509_request_check(const char *request_pem, struct hash *out)
{
	X509_REQ *request;
	enum err err;

	ERR_clear_error();
	if ((err = read_request(request_pem, &request)) != ERR_OK)
		return err;
	err = digest_key(X509_REQ_get0_pubkey(request), out);
	X509_REQ_free(request);
	return err;
}

static bool
add_name(GENERAL_NAMES *names, int type, const void *data, size_t size_bytes)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *text = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (name == NULL || text == NULL || ASN1_STRING_set(text, data, (int)size_bytes) != 1) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(text);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, text);
	if (sk_GENERAL_NAME_push(names, name) <= 0) {
		GENERAL_NAME_free(name);
		return false;
	}
	return true;
}

static enum err
add_names(X509 *certificate, const char *mesh_name, const struct x509_leaf *leaf)
{
	static const char digits[] = "0123456789abcdef";
	char id[2 * sizeof(leaf->id->bytes) + 1] = "", uri[URI_BYTES];
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	int uri_bytes;
	bool good;

	for (size_t i = 0; i < sizeof(leaf->id->bytes); i++) {
		id[2 * i] = digits[leaf->id->bytes[i] >> 4];
		id[2 * i + 1] = digits[leaf->id->bytes[i] & 15];
	}
	uri_bytes = snprintf(uri, sizeof(uri), "phalanx://%s/%s", mesh_name, id);
	good = names != NULL && uri_bytes < (int)sizeof(uri) &&
	       X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
	           (const uint8_t *)id, -1, -1, 0) == 1 &&
	       add_name(names, GEN_DNS, leaf->name, strlen(leaf->name));
	for (size_t i = 0; good && i < leaf->dns_count; i++)
		good = add_name(names, GEN_DNS, leaf->dns_names[i], strlen(leaf->dns_names[i]));
	for (size_t i = 0; good && i < leaf->address_count; i++)
		good = add_name(names, GEN_IPADD, leaf->addresses[i].bytes,
		    leaf->addresses[i].family == 4 ? 4 : 16);
	good =
	    good && add_name(names, GEN_URI, uri, (size_t)uri_bytes) &&
	    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return good ? ERR_OK : ERR_NOMEM;
}

enum err
x509_issue(const struct x509_authority *a, const char *request_pem, const struct x509_leaf *leaf,
    struct x509_text *out)
{
	X509_REQ *request;
	X509 *c = NULL;
	enum err err;

	ERR_clear_error();
	if ((err = read_request(request_pem, &request)) != ERR_OK)
		return err;
	if ((err = x509_begin(leaf->not_before_ms, leaf->not_after_ms, &c)) != ERR_OK)
		goto done;
	if (X509_set_pubkey(c, X509_REQ_get0_pubkey(request)) != 1 ||
	    X509_set_issuer_name(c, X509_get_subject_name(a->certificate)) != 1) {
		err = ERR_NOMEM;
		goto done;
	}
	if ((err = add_names(c, a->mesh_name, leaf)) != ERR_OK ||
	    (err = x509_extend(c, a->certificate, NID_basic_constraints, "critical,CA:FALSE")) !=
	        ERR_OK ||
	    (err = x509_extend(c, a->certificate, NID_key_usage, "critical,digitalSignature")) !=
	        ERR_OK ||
	    (err = x509_extend(c, a->certificate, NID_ext_key_usage, "serverAuth,clientAuth")) !=
	        ERR_OK ||
	    (err = x509_extend(c, a->certificate, NID_subject_key_identifier, "hash")) != ERR_OK ||
	    (err = x509_extend(c, a->certificate, NID_authority_key_identifier, "keyid:always")) !=
	        ERR_OK)
		goto done;
	if (X509_sign(c, a->key, NULL) <= 0) {
		err = ERR_NOMEM;
		goto done;
	}
	err = x509_pem(x509_write_certificate, c, out);

done:
	X509_free(c);
	X509_REQ_free(request);
	return err;
}

static enum err
read_certificate(const char *pem, X509 **out)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);

	if (bio == NULL)
		return ERR_NOMEM;
	*out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return *out == NULL ? ERR_MALFORMED : ERR_OK;
}

enum err
x509_renew(const struct x509_authority *a, const char *certificate_pem, uint64_t not_before_ms,
    uint64_t not_after_ms, struct x509_text *out)
{
	X509 *c, *fresh = NULL;
	enum err err;

	ERR_clear_error();
	if ((err = read_certificate(certificate_pem, &c)) != ERR_OK)
		return err;
	if (X509_verify(c, X509_get0_pubkey(a->certificate)) != 1) {
		err = ERR_SIGNATURE;
		goto done;
	}
	/* Serial number and validity are made as for a new one. */
	if ((err = x509_begin(not_before_ms, not_after_ms, &fresh)) != ERR_OK)
		goto done;
	if (X509_set_serialNumber(c, X509_get_serialNumber(fresh)) != 1 ||
	    X509_set1_notBefore(c, X509_get0_notBefore(fresh)) != 1 ||
	    X509_set1_notAfter(c, X509_get0_notAfter(fresh)) != 1 ||
	    X509_sign(c, a->key, NULL) <= 0) {
		err = ERR_NOMEM;
		goto done;
	}
	err = x509_pem(x509_write_certificate, c, out);

done:
	X509_free(fresh);
	X509_free(c);
	return err;
}

enum err
x509_certificate_key(const char *certificate_pem, struct hash *out)
{
	X509 *certificate;
	enum err err;

	ERR_clear_error();
	if ((err = read_certificate(certificate_pem, &certificate)) != ERR_OK)
		return err;
	err = digest_key(X509_get0_pubkey(certificate), out);
	X509_free(certificate);
	return err;
}

enum err
x509_private_key(const char *key_pem, struct hash *out)
{
	EVP_PKEY *key;
	enum err err;

	ERR_clear_error();
	if ((key = read_key(key_pem)) == NULL)
		return ERR_MALFORMED;
	err = digest_key(key, out);
	EVP_PKEY_free(key);
	return err;
}
