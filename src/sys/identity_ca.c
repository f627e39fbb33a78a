/*
 * The CA's key out of its certificate, without a TLS library: the processes
 * that need no more of X.509 than these 32 bytes (notary, engine) stay small.
 * What is read here was checked in full by `phalanx ca`; the certificate's own
 * signature is verified once more all the same.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "core/message.h"
#include "sys/wholefile.h"
#include "sys/identity.h"

#define CA_PEM_BYTES 8192
#define BEGIN        "-----BEGIN CERTIFICATE-----"
#define END          "-----END CERTIFICATE-----"

enum { DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_SEQUENCE = 0x30, DER_VERSION = 0xa0 };

/* SubjectPublicKeyInfo of an Ed25519 key up to the key (RFC 8410, section 4). */
static const uint8_t ed25519_algorithm[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };

/* Takes the next element of in.  *content: its bytes; *whole: with tag and length. */
static enum err
der_take(struct span *in, uint8_t tag, struct span *content, struct span *whole)
{
	size_t header = 2, size, digits;

	if (in->size_bytes < 2)
		return ERR_TRUNCATED;
	if (in->data[0] != tag)
		return ERR_MALFORMED;
	size = in->data[1];
	if (size >= 0x80) {
		digits = size & 0x7f;
		if (digits == 0 || digits > 2)
			return ERR_MALFORMED;
		if (in->size_bytes < 2 + digits)
			return ERR_TRUNCATED;
		header += digits;
		size = 0;
		for (size_t i = 0; i < digits; i++)
			size = size << 8 | in->data[2 + i];
	}
	if (in->size_bytes - header < size)
		return ERR_TRUNCATED;
	*content = (struct span){ in->data + header, size };
	*whole = (struct span){ in->data, header + size };
	in->data += header + size;
	in->size_bytes -= header + size;
	return ERR_OK;
}

/* A BIT STRING of whole bytes. */
static enum err
der_take_bits(struct span *in, size_t size_bytes, const uint8_t **bits)
{
	struct span content, whole;
	enum err err;

	if ((err = der_take(in, DER_BIT_STRING, &content, &whole)) != ERR_OK)
		return err;
	if (content.size_bytes != size_bytes + 1 || content.data[0] != 0)
		return ERR_MALFORMED;
	*bits = content.data + 1;
	return ERR_OK;
}

/* Certificate ::= SEQUENCE { tbs, algorithm, signature }; RFC 5280, section 4.1. */
static enum err
certificate_key(struct span der, struct public_key *out)
{
	static const uint8_t before_key[] = { DER_VERSION, DER_INTEGER, DER_SEQUENCE, DER_SEQUENCE,
		DER_SEQUENCE, DER_SEQUENCE };
	struct span certificate, tbs, signed_part, whole, part, info;
	const uint8_t *key, *signature;
	enum err err;

	if ((err = der_take(&der, DER_SEQUENCE, &certificate, &whole)) != ERR_OK ||
	    (err = der_take(&certificate, DER_SEQUENCE, &tbs, &signed_part)) != ERR_OK)
		return err;
	for (size_t i = 0; i < sizeof(before_key); i++)
		if ((err = der_take(&tbs, before_key[i], &part, &whole)) != ERR_OK)
			return err;
	if ((err = der_take(&tbs, DER_SEQUENCE, &info, &whole)) != ERR_OK)
		return err;
	if (info.size_bytes < sizeof(ed25519_algorithm) ||
	    memcmp(info.data, ed25519_algorithm, sizeof(ed25519_algorithm)) != 0)
		return ERR_UNSUPPORTED;
	info.data += sizeof(ed25519_algorithm);
	info.size_bytes -= sizeof(ed25519_algorithm);
	if ((err = der_take_bits(&info, sizeof(out->bytes), &key)) != ERR_OK)
		return err;

	if ((err = der_take(&certificate, DER_SEQUENCE, &part, &whole)) != ERR_OK ||
	    (err = der_take_bits(&certificate, crypto_sign_BYTES, &signature)) != ERR_OK)
		return err;
	if (crypto_sign_verify_detached(signature, signed_part.data, signed_part.size_bytes, key) !=
	    0)
		return ERR_SIGNATURE;
	memcpy(out->bytes, key, sizeof(out->bytes));
	return ERR_OK;
}

enum err
identity_ca_key(const char *ca_pem_path, struct public_key *out)
{
	uint8_t *pem = NULL, der[CA_PEM_BYTES];
	char *text, *end;
	size_t size_bytes, chars = 0, used = sizeof(der);
	enum err err;

	if (sodium_init() == -1)
		return ERR_NOMEM;
	if ((err = wholefile_read(ca_pem_path, CA_PEM_BYTES, &pem, &size_bytes)) != ERR_OK)
		return err;
	text = strstr((char *)pem, BEGIN);
	end = text == NULL ? NULL : strstr(text, END);
	if (end == NULL) {
		free(pem);
		return ERR_MALFORMED;
	}
	text += strlen(BEGIN);
	/* Close up the lines in place. */
	for (char *c = text; c < end; c++)
		if (*c != '\n' && *c != '\r')
			text[chars++] = *c;
	err = base64_decode(text, chars, der, &used);
	free(pem);
	if (err != ERR_OK)
		return err;
	return certificate_key((struct span){ der, used }, out);
}
