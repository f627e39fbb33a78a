#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "base/hex.h"
#include "cli/ca_store.h"
#include "cli/command.h"
#include "cli/usage.h"
#include "sys/wholefile.h"
#include "sys/identity.h"

/* A state directory that holds keys must hold this node's. */
static bool
keys_fit(const struct ca_record *record, const char *state)
{
	char path[CA_PATH_BYTES];
	struct secret_key *identity;
	struct public_key public;
	struct hash tls_key;
	uint8_t *pem;
	size_t size_bytes;
	bool fits;
	enum err err;

	ca_store_path(state, "identity.key", path);
	err = identity_load(path, &identity);
	if (err == ERR_OK) {
		identity_public(identity, &public);
		identity_free(identity);
		fits = memcmp(public.bytes, record->enrolment->key.data, sizeof(public.bytes)) == 0;
		if (!fits)
			ca_complain("%s is not the key that was enrolled", path);
	} else {
		fits = err == ERR_NOT_FOUND;
		if (!fits)
			ca_complain("%s: %s", path, err_text(err));
	}
	ca_store_path(state, "certs/peer.key", path);
	if (!fits ||
	    (err = wholefile_read(path, CA_RECORD_BYTES, &pem, &size_bytes)) == ERR_NOT_FOUND)
		return fits;
	if (err == ERR_OK) {
		err = x509_private_key((char *)pem, &tls_key);
		memset(pem, 0, size_bytes);
		free(pem);
	}
	if (err != ERR_OK || !hash_equal(&tls_key, &record->tls_key)) {
		ca_complain("%s is not the key that was certified", path);
		return false;
	}
	return true;
}

static bool
copy(const char *from, const char *to)
{
	uint8_t *data;
	size_t size_bytes;
	enum err err;

	if ((err = wholefile_read(from, LIMIT_ROSTER_BYTES, &data, &size_bytes)) != ERR_OK) {
		ca_complain("%s: %s", from, err_text(err));
		return false;
	}
	if ((err = wholefile_replace(to, 0644, data, size_bytes)) != ERR_OK)
		ca_complain("%s: %s", to, err_text(err));
	free(data);
	return err == ERR_OK;
}

/* The coordinator's key, if somebody brought it here: then the node need not trust the first it meets. */
static bool
place_coordinator_key(const struct ca_store *store, const char *state)
{
	char from[CA_PATH_BYTES], to[CA_PATH_BYTES];
	struct public_key key;
	uint8_t *text;
	size_t size_bytes;
	bool good;
	enum err err;

	ca_store_path(store->directory, "coordinator.key", from);
	ca_store_path(state, "coordinator.key", to);
	err = wholefile_read(from, HEX_ROOM(sizeof(key.bytes)), &text, &size_bytes);
	if (err == ERR_NOT_FOUND)
		return true;
	good = err == ERR_OK && size_bytes >= 2 * sizeof(key.bytes) &&
	       hex_parse((char *)text, 2 * sizeof(key.bytes), key.bytes, sizeof(key.bytes));
	if (err == ERR_OK)
		free(text);
	if (!good) {
		ca_complain(
		    "%s: no key; copy coordinator.key from the coordinator's state_dir", from);
		return false;
	}
	return copy(from, to);
}

/* The roster last: with it the node can start. */
static bool
place(const struct ca_store *store, const char *name, const char *state)
{
	char from[CA_PATH_BYTES], to[CA_PATH_BYTES];

	ca_store_path(state, "certs", to);
	if (wholefile_make_directory(state, 0700) != ERR_OK ||
	    wholefile_make_directory(to, 0700) != ERR_OK) {
		ca_complain("%s: %s", to, strerror(errno));
		return false;
	}
	ca_store_record_path(store, name, ".pem", from);
	ca_store_path(state, "certs/peer.pem", to);
	if (!copy(from, to))
		return false;
	ca_store_path(store->directory, "ca.pem", from);
	ca_store_path(state, "certs/ca.pem", to);
	if (!copy(from, to))
		return false;
	if (!place_coordinator_key(store, state))
		return false;
	ca_store_path(store->directory, "roster", from);
	ca_store_path(state, "roster", to);
	return copy(from, to);
}

int
ca_bundle(int argc, char **argv)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "out", required_argument, NULL, 'o' }, { 0 } };
	const char *directory = NULL, *state = NULL;
	const struct ca_record *record;
	struct ca_store store;
	bool good = true;
	int c;

	optind = 0;
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			directory = optarg;
		else if (c == 'o')
			state = optarg;
		else
			good = false;
	}
	if (!good)
		return EXIT_USAGE;
	if (directory == NULL || state == NULL || optind != argc - 1)
		return usage_error("ca bundle");
	if (!ca_store_open(directory, &store))
		return EXIT_FAILED;
	if ((record = ca_store_find(&store, argv[optind])) == NULL)
		ca_complain("%s is not enrolled in %s", argv[optind], directory);
	good = record != NULL && keys_fit(record, state) && place(&store, argv[optind], state);
	ca_store_close(&store);
	return good ? EXIT_OK : EXIT_FAILED;
}
