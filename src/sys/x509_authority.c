#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "sys/wholefile.h"
#include "sys/x509_internal.h"

#define PEM_BYTES    (64 * 1024)
#define SERIAL_BYTES 16
#define DAY_MS       86400000ULL
/* Clocks of the machines that will read it may run behind. */
#define BACKDATE_MS 300000ULL

const char *
x509_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text == NULL ? "" : text;
}

void
x509_text_free(struct x509_text *text)
{
	if (text->text != NULL)
		OPENSSL_cleanse(text->text, text->size_bytes);
	free(text->text);
	*text = (struct x509_text){ 0 };
}

int
x509_no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

int
x509_write_certificate(BIO *bio, const void *certificate)
{
	return PEM_write_bio_X509(bio, certificate);
}

int
x509_write_key(BIO *bio, const void *key)
{
	return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
}

enum err
x509_pem(int (*write)(BIO *, const void *), const void *object, struct x509_text *out)
{
	BIO *bio;
	char *data, *copy;
	long size;

	if ((bio = BIO_new(BIO_s_secmem())) == NULL)
		return ERR_NOMEM;
	if (write(bio, object) != 1 || (size = BIO_get_mem_data(bio, &data)) <= 0 ||
	    (copy = malloc((size_t)size + 1)) == NULL) {
		BIO_free(bio);
		return ERR_NOMEM;
	}
	memcpy(copy, data, (size_t)size);
	copy[size] = '\0';
	BIO_free(bio);
	*out = (struct x509_text){ copy, (size_t)size };
	return ERR_OK;
}

/* RFC 5280, 4.1.2.2: positive, at most 20 bytes, unpredictable. */
static bool
set_serial(X509 *certificate)
{
	uint8_t bytes[SERIAL_BYTES];
	BIGNUM *number;
	bool done;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	if ((number = BN_bin2bn(bytes, sizeof(bytes), NULL)) == NULL)
		return false;
	done = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	return done;
}

enum err
x509_begin(uint64_t not_before_ms, uint64_t not_after_ms, X509 **out)
{
	X509 *certificate;

	if (not_after_ms <= not_before_ms || not_after_ms / 1000 > INT64_MAX / 2)
		return ERR_RANGE;
	if ((certificate = X509_new()) == NULL)
		return ERR_NOMEM;
	if (X509_set_version(certificate, X509_VERSION_3) != 1 || !set_serial(certificate) ||
	    ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(not_before_ms / 1000)) ==
	        NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(not_after_ms / 1000)) == NULL) {
		X509_free(certificate);
		return ERR_RANGE;
	}
	*out = certificate;
	return ERR_OK;
}

enum err
x509_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	int added;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	if ((extension = X509V3_EXT_conf_nid(NULL, &context, nid, value)) == NULL)
		return ERR_MALFORMED;
	added = X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return added == 1 ? ERR_OK : ERR_NOMEM;
}

static enum err
self_sign(struct x509_authority *a, unsigned days)
{
	uint64_t now_ms = (uint64_t)time(NULL) * 1000;
	X509_NAME *name;
	X509 *c = NULL;
	enum err err;

	if ((err = x509_begin(now_ms - BACKDATE_MS, now_ms + days * DAY_MS, &c)) != ERR_OK)
		return err;
	a->certificate = c;
	name = X509_get_subject_name(c);
	if (X509_NAME_add_entry_by_txt(
	        name, "O", MBSTRING_UTF8, (const uint8_t *)"Phalanx", -1, -1, 0) != 1 ||
	    X509_NAME_add_entry_by_txt(
	        name, "CN", MBSTRING_UTF8, (const uint8_t *)a->mesh_name, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(c, name) != 1 || X509_set_pubkey(c, a->key) != 1)
		return ERR_RANGE;
	if ((err = x509_extend(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")) !=
	        ERR_OK ||
	    (err = x509_extend(c, c, NID_key_usage, "critical,keyCertSign,cRLSign")) != ERR_OK ||
	    (err = x509_extend(c, c, NID_subject_key_identifier, "hash")) != ERR_OK)
		return err;
	return X509_sign(c, a->key, NULL) > 0 ? ERR_OK : ERR_NOMEM;
}

static enum err
take_public(struct x509_authority *a)
{
	size_t size = sizeof(a->public.bytes);

	if (EVP_PKEY_get_id(a->key) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_public_key(a->key, a->public.bytes, &size) != 1 ||
	    size != sizeof(a->public.bytes))
		return ERR_UNSUPPORTED;
	return ERR_OK;
}

enum err
x509_authority_new(const char *mesh_name, unsigned days, struct x509_authority **out)
{
	struct x509_authority *a;
	enum err err = ERR_NOMEM;

	ERR_clear_error();
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return ERR_NOMEM;
	if ((a->mesh_name = strdup(mesh_name)) == NULL ||
	    (a->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")) == NULL)
		goto fail;
	if ((err = take_public(a)) != ERR_OK || (err = self_sign(a, days)) != ERR_OK)
		goto fail;
	*out = a;
	return ERR_OK;

fail:
	x509_authority_free(a);
	return err;
}

void
x509_authority_free(struct x509_authority *a)
{
	if (a == NULL)
		return;
	EVP_PKEY_free(a->key);
	X509_free(a->certificate);
	free(a->mesh_name);
	free(a);
}

enum err
x509_authority_save(
    const struct x509_authority *a, const char *key_path, const char *certificate_path)
{
	struct x509_text text;
	enum err err;

	if ((err = x509_pem(x509_write_key, a->key, &text)) != ERR_OK)
		return err;
	err = wholefile_create(key_path, 0600, text.text, text.size_bytes);
	x509_text_free(&text);
	if (err != ERR_OK ||
	    (err = x509_pem(x509_write_certificate, a->certificate, &text)) != ERR_OK)
		return err;
	err = wholefile_create(certificate_path, 0644, text.text, text.size_bytes);
	x509_text_free(&text);
	return err;
}

static enum err
load_key(const char *path, EVP_PKEY **out)
{
	struct stat st;
	uint8_t *pem;
	size_t size_bytes;
	enum err err;
	BIO *bio;

	if ((err = wholefile_read(path, PEM_BYTES, &pem, &size_bytes)) != ERR_OK)
		return err;
	if (stat(path, &st) == -1 || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		err = ERR_DENIED;
		errno = EACCES;
	} else if ((bio = BIO_new_mem_buf(pem, (int)size_bytes)) == NULL) {
		err = ERR_NOMEM;
	} else {
		*out = PEM_read_bio_PrivateKey(bio, NULL, x509_no_passphrase, NULL);
		err = *out == NULL ? ERR_MALFORMED : ERR_OK;
		BIO_free(bio);
	}
	OPENSSL_cleanse(pem, size_bytes);
	free(pem);
	return err;
}

static enum err
load_certificate(const char *path, X509 **out)
{
	uint8_t *pem;
	size_t size_bytes;
	enum err err;
	BIO *bio;

	if ((err = wholefile_read(path, PEM_BYTES, &pem, &size_bytes)) != ERR_OK)
		return err;
	if ((bio = BIO_new_mem_buf(pem, (int)size_bytes)) == NULL) {
		free(pem);
		return ERR_NOMEM;
	}
	*out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	free(pem);
	return *out == NULL ? ERR_MALFORMED : ERR_OK;
}

/* The mesh's name is the certificate's common name. */
static enum err
take_mesh_name(struct x509_authority *a)
{
	X509_NAME *subject = X509_get_subject_name(a->certificate);
	ASN1_STRING *text;
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at == -1)
		return ERR_MALFORMED;
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	a->mesh_name =
	    strndup((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
	if (a->mesh_name == NULL)
		return ERR_NOMEM;
	return strlen(a->mesh_name) == (size_t)ASN1_STRING_length(text) ? ERR_OK : ERR_MALFORMED;
}

enum err
x509_authority_load(const char *key_path, const char *certificate_path, struct x509_authority **out)
{
	struct x509_authority *a;
	enum err err;

	ERR_clear_error();
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return ERR_NOMEM;
	if ((err = load_key(key_path, &a->key)) != ERR_OK ||
	    (err = load_certificate(certificate_path, &a->certificate)) != ERR_OK ||
	    (err = take_public(a)) != ERR_OK || (err = take_mesh_name(a)) != ERR_OK)
		goto fail;
	if (X509_check_private_key(a->certificate, a->key) != 1 ||
	    X509_verify(a->certificate, a->key) != 1) {
		err = ERR_SIGNATURE;
		goto fail;
	}
	*out = a;
	return ERR_OK;

fail:
	x509_authority_free(a);
	return err;
}

const char *
x509_authority_mesh(const struct x509_authority *a)
{
	return a->mesh_name;
}

const struct public_key *
x509_authority_key(const struct x509_authority *a)
{
	return &a->public;
}

uint64_t
x509_authority_not_after_ms(const struct x509_authority *a)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(a->certificate), &tm) != 1)
		return 0;
	return (uint64_t)timegm(&tm) * 1000;
}

enum err
x509_authority_sign(const struct x509_authority *a, const char *domain, const uint8_t *data,
    size_t size_bytes, struct signature *out)
{
	size_t prefix = strlen(domain), signature_bytes = sizeof(out->bytes);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t *message = malloc(prefix + size_bytes);
	enum err err = ERR_NOMEM;

	if (context != NULL && message != NULL) {
		memcpy(message, domain, prefix);
		memcpy(message + prefix, data, size_bytes);
		if (EVP_DigestSignInit(context, NULL, NULL, NULL, a->key) == 1 &&
		    EVP_DigestSign(
		        context, out->bytes, &signature_bytes, message, prefix + size_bytes) == 1)
			err = ERR_OK;
	}
	free(message);
	EVP_MD_CTX_free(context);
	return err;
}
