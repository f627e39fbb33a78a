#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/ca_request_text.h"
#include "cli/ca_store.h"
#include "cli/command.h"
#include "cli/usage.h"
#include "sys/wholefile.h"

#define PEM_BYTES    8192
#define DEFAULT_PORT 9000

/* The key that is there, else a new one: a second request keeps the identity. */
static enum err
take_identity(const char *state, struct secret_key **out)
{
	char path[CA_PATH_BYTES];
	struct secret_key *key = NULL;
	enum err err;

	ca_store_path(state, "identity.key", path);
	if ((err = identity_load(path, out)) != ERR_NOT_FOUND)
		goto done;
	if ((err = identity_generate(&key)) != ERR_OK)
		goto done;
	if ((err = identity_save(key, path)) != ERR_OK) {
		identity_free(key);
		goto done;
	}
	*out = key;

done:
	if (err != ERR_OK)
		ca_complain("%s: %s%s", path, err_text(err),
		    err == ERR_DENIED ? "; it must be readable by its owner alone (chmod 600)"
		                      : "");
	return err;
}

static enum err
take_tls_key(const char *state, struct x509_text *out)
{
	char path[CA_PATH_BYTES];
	struct x509_text text = { 0 };
	uint8_t *pem;
	size_t size_bytes;
	enum err err;

	ca_store_path(state, "certs/peer.key", path);
	err = wholefile_read(path, PEM_BYTES, &pem, &size_bytes);
	if (err == ERR_OK) {
		text = (struct x509_text){ (char *)pem, size_bytes };
	} else if (err == ERR_NOT_FOUND && (err = x509_key_new(&text)) == ERR_OK) {
		err = wholefile_create(path, 0600, text.text, text.size_bytes);
	}
	if (err != ERR_OK) {
		ca_complain("%s: %s", path, err_text(err));
		x509_text_free(&text);
		return err;
	}
	*out = text;
	return ERR_OK;
}

static enum err
make_directories(const char *state)
{
	char path[CA_PATH_BYTES];
	enum err err;

	ca_store_path(state, "certs", path);
	if ((err = wholefile_make_directory(state, 0700)) != ERR_OK ||
	    (err = wholefile_make_directory(path, 0700)) != ERR_OK)
		ca_complain("%s: %s", state, strerror(errno));
	return err;
}

static int
print_request(const char *state, json_t *request)
{
	char hex[HEX_ROOM(sizeof(struct public_key))];
	struct secret_key *identity = NULL;
	struct x509_text tls_key = { 0 }, csr = { 0 };
	struct public_key public;
	int status = EXIT_FAILED;
	enum err err;

	if (make_directories(state) != ERR_OK || take_identity(state, &identity) != ERR_OK ||
	    take_tls_key(state, &tls_key) != ERR_OK)
		goto done;
	if ((err = x509_request_new(tls_key.text, &csr)) != ERR_OK) {
		ca_complain("%s/certs/peer.key: %s %s", state, err_text(err), x509_reason());
		goto done;
	}
	identity_public(identity, &public);
	hex_format(public.bytes, sizeof(public.bytes), hex);
	if (json_object_set_new(request, "key", json_string(hex)) == -1 ||
	    json_object_set_new(request, "csr", json_string(csr.text)) == -1 ||
	    !ca_request_prove(request, identity)) {
		ca_complain("%s", err_text(ERR_NOMEM));
		goto done;
	}
	if (json_dumpf(request, stdout, JSON_INDENT(1)) == -1 || putchar('\n') == EOF ||
	    fflush(stdout) == EOF) {
		ca_complain("standard output: %s", strerror(errno));
		goto done;
	}
	status = EXIT_OK;

done:
	identity_free(identity);
	x509_text_free(&tls_key);
	x509_text_free(&csr);
	return status;
}

/* --address takes any text form and is passed on in the canonical one. */
static bool
add_address(json_t *list, const char *text)
{
	struct address address;
	char canonical[46];

	if (!address_parse(text, &address)) {
		ca_complain("--address %s: not an IPv4 or IPv6 address", text);
		return false;
	}
	address_format(&address, canonical);
	return json_array_append_new(list, json_string(canonical)) == 0;
}

static bool
add_dns(json_t *list, const char *text)
{
	if (!ca_dns_is_valid(text)) {
		ca_complain("--dns %s: not a DNS name", text);
		return false;
	}
	return json_array_append_new(list, json_string(text)) == 0;
}

static bool
is_role(const char *text)
{
	if (strcmp(text, "node") == 0 || strcmp(text, "operator") == 0 ||
	    strcmp(text, "coordinator") == 0)
		return true;
	ca_complain("--role %s: node, operator or coordinator", text);
	return false;
}

int
ca_request(int argc, char **argv)
{
	static const struct option options[] = { { "state", required_argument, NULL, 's' },
		{ "name", required_argument, NULL, 'n' },
		{ "address", required_argument, NULL, 'a' },
		{ "port", required_argument, NULL, 'p' }, { "dns", required_argument, NULL, 'd' },
		{ "role", required_argument, NULL, 'r' }, { 0 } };
	const char *state = NULL, *name = NULL, *role = "node";
	json_t *addresses = json_array(), *dns = json_array(), *request = NULL;
	unsigned long port = DEFAULT_PORT;
	int status = EXIT_USAGE, c;
	bool good = addresses != NULL && dns != NULL;

	optind = 0;
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			state = optarg;
		else if (c == 'n')
			name = optarg;
		else if (c == 'a')
			good = add_address(addresses, optarg);
		else if (c == 'p')
			good = ca_number("--port", optarg, 1, 65535, &port);
		else if (c == 'd')
			good = add_dns(dns, optarg);
		else if (c == 'r')
			good = is_role(role = optarg);
		else
			good = false;
	}
	if (!good)
		goto done;
	/* Who is no node has no link, and needs no address. */
	if (state == NULL || name == NULL || optind != argc ||
	    (strcmp(role, "node") == 0) != (json_array_size(addresses) > 0) ||
	    json_array_size(addresses) > LIMIT_ADDRESSES || json_array_size(dns) > CA_DNS_NAMES) {
		status = usage_error("ca request");
		goto done;
	}
	if (!ca_name_is_valid(name)) {
		ca_complain("--name %s: letters, digits, - and _ only, at most 128", name);
		goto done;
	}
	request = json_pack("{s:i,s:s,s:O,s:i,s:O}", "phalanx_request", 1, "name", name,
	    "addresses", addresses, "port", (int)port, "dns", dns);
	status = request == NULL ? EXIT_FAILED : print_request(state, request);

done:
	json_decref(request);
	json_decref(addresses);
	json_decref(dns);
	return status;
}
