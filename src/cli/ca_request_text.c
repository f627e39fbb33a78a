#include "cli/ca_request_text.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/ca_store.h"
#include "sys/wholefile.h"
#include "sys/x509.h"

#define DOMAIN_REQUEST "phalanx/request/1"

bool
ca_dns_is_valid(const char *name)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                             "0123456789_.-");

	return length >= 1 && length <= CA_DNS_BYTES && name[length] == '\0';
}

/* What the proof covers; the caller frees it. */
static char *
covered(const json_t *request)
{
	json_t *rest = json_copy((json_t *)request);
	char *text;

	if (rest == NULL)
		return NULL;
	json_object_del(rest, "proof");
	text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	json_decref(rest);
	return text;
}

bool
ca_request_prove(json_t *request, const struct secret_key *key)
{
	struct signature signature;
	char hex[HEX_ROOM(sizeof(signature.bytes))];
	char *text = covered(request);

	if (text == NULL)
		return false;
	identity_sign(key, DOMAIN_REQUEST, (uint8_t *)text, strlen(text), &signature);
	free(text);
	hex_format(signature.bytes, sizeof(signature.bytes), hex);
	return json_object_set_new(request, "proof", json_string(hex)) == 0;
}

static bool
read_hex(const json_t *text, uint8_t *out, size_t size_bytes)
{
	const char *hex = json_string_value(text);

	return hex != NULL && hex_parse(hex, strlen(hex), out, size_bytes);
}

static const char *
read_lists(json_t *addresses, json_t *dns, struct ca_request_text *out)
{
	size_t i;
	json_t *item;

	if (!json_is_array(addresses) || json_array_size(addresses) > LIMIT_ADDRESSES)
		return "may have at most 8 addresses";
	json_array_foreach(addresses, i, item)
	{
		const char *text = json_string_value(item);

		if (text == NULL || !address_parse(text, &out->addresses[i]))
			return "has an address that is none";
		for (size_t j = 0; j < i; j++)
			if (address_equal(&out->addresses[i], &out->addresses[j]))
				return "names an address twice";
	}
	out->address_count = json_array_size(addresses);
	if (!json_is_array(dns) || json_array_size(dns) > CA_DNS_NAMES)
		return "may have at most 8 DNS names";
	json_array_foreach(dns, i, item)
	{
		const char *text = json_string_value(item);

		if (text == NULL || !ca_dns_is_valid(text))
			return "has a DNS name that is none";
		strcpy(out->dns[i], text);
		out->dns_names[i] = out->dns[i];
	}
	out->dns_count = json_array_size(dns);
	return NULL;
}

static const char *
check_proof(
    const json_t *request, const uint8_t proof[crypto_sign_BYTES], const struct public_key *key)
{
	char message[sizeof(DOMAIN_REQUEST) + CA_REQUEST_BYTES];
	char *text = covered(request);
	int length;

	if (text == NULL)
		return err_text(ERR_NOMEM);
	length = snprintf(message, sizeof(message), "%s%s", DOMAIN_REQUEST, text);
	free(text);
	if (length >= (int)sizeof(message) || crypto_sign_verify_detached(proof, (uint8_t *)message,
	                                          (unsigned long long)length, key->bytes) != 0)
		return "does not prove that its sender holds the identity key";
	return NULL;
}

static const char *
read_fields(json_t *request, struct ca_request_text *out)
{
	json_t *key, *addresses, *dns, *proof;
	uint8_t signature[crypto_sign_BYTES];
	const char *name, *csr, *fault;
	json_error_t why;
	int version, port;

	if (json_unpack_ex(request, &why, JSON_STRICT, "{s:i,s:s,s:o,s:o,s:i,s:o,s:s,s:o}",
	        "phalanx_request", &version, "name", &name, "key", &key, "addresses", &addresses,
	        "port", &port, "dns", &dns, "csr", &csr, "proof", &proof) == -1)
		return "lacks a field, or has one too many";
	if (version != 1)
		return "has an unknown version";
	if (!ca_name_is_valid(name))
		return "has a bad name: letters, digits, - and _, at most 128";
	if (port < 1 || port > 65535)
		return "has a bad port";
	if (strlen(csr) >= sizeof(out->csr))
		return "has too long a certificate request";
	if (!read_hex(key, out->key.bytes, sizeof(out->key.bytes)) ||
	    !read_hex(proof, signature, sizeof(signature)))
		return "has a bad key or proof";
	strcpy(out->name, name);
	strcpy(out->csr, csr);
	out->port = (uint16_t)port;
	if ((fault = read_lists(addresses, dns, out)) != NULL)
		return fault;
	return check_proof(request, signature, &out->key);
}

bool
ca_request_read(const char *path, struct ca_request_text *out)
{
	uint8_t *text = NULL;
	size_t size_bytes;
	json_t *request;
	json_error_t why;
	const char *fault;
	enum err err;

	if ((err = wholefile_read(path, CA_REQUEST_BYTES, &text, &size_bytes)) != ERR_OK) {
		ca_complain("%s: %s", path, err_text(err));
		return false;
	}
	request = json_loadb((char *)text, size_bytes, JSON_REJECT_DUPLICATES, &why);
	free(text);
	if (request == NULL) {
		ca_complain("%s: line %d: %s", path, why.line, why.text);
		return false;
	}
	fault = read_fields(request, out);
	json_decref(request);
	if (fault != NULL) {
		ca_complain("%s %s", path, fault);
		return false;
	}
	if ((err = x509_request_check(out->csr, &out->tls_key)) != ERR_OK) {
		ca_complain("%s: its certificate request: %s", path,
		    err == ERR_UNSUPPORTED ? "the key is not P-256" : err_text(err));
		return false;
	}
	return true;
}
