#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "cli/ca_store.h"
#include "cli/command.h"
#include "cli/usage.h"
#include "sys/wholefile.h"
#include "sys/identity.h"

#define DEFAULT_CA_DAYS 3650
#define MESH_NAME_BYTES 64 /* an X.509 common name holds no more */

static int
init(const char *directory, const char *mesh_name, unsigned days)
{
	char key[CA_PATH_BYTES], certificate[CA_PATH_BYTES], enrolments[CA_PATH_BYTES];
	char hex[HEX_ROOM(sizeof(struct public_key))];
	struct x509_authority *authority = NULL;
	const struct public_key *public;
	enum err err;

	ca_store_path(directory, "ca.key", key);
	ca_store_path(directory, "ca.pem", certificate);
	ca_store_path(directory, "enrolments", enrolments);
	if (wholefile_make_directory(directory, 0700) != ERR_OK ||
	    wholefile_make_directory(enrolments, 0755) != ERR_OK) {
		ca_complain("%s: %s", directory, strerror(errno));
		return EXIT_FAILED;
	}
	if ((err = x509_authority_new(mesh_name, days, &authority)) != ERR_OK) {
		ca_complain("%s %s", err_text(err), x509_reason());
		return EXIT_FAILED;
	}
	if ((err = x509_authority_save(authority, key, certificate)) != ERR_OK) {
		ca_complain("%s: %s", directory,
		    err == ERR_LOCKED ? "there is a CA in it; it is never overwritten"
		                      : err_text(err));
		x509_authority_free(authority);
		return EXIT_FAILED;
	}
	public = x509_authority_key(authority);
	printf("%s\n", hex_format(public->bytes, sizeof(public->bytes), hex));
	x509_authority_free(authority);
	return EXIT_OK;
}

static int
ca_init(int argc, char **argv)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "mesh", required_argument, NULL, 'm' }, { "days", required_argument, NULL, 'n' },
		{ 0 } };
	const char *directory = NULL, *mesh_name = NULL;
	unsigned long days = DEFAULT_CA_DAYS;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			directory = optarg;
		else if (c == 'm')
			mesh_name = optarg;
		else if (c != 'n' || !ca_number("--days", optarg, 1, 36500, &days))
			return EXIT_USAGE;
	}
	if (directory == NULL || mesh_name == NULL || optind != argc)
		return usage_error("ca init");
	if (!ca_name_is_valid(mesh_name) || strlen(mesh_name) > MESH_NAME_BYTES) {
		ca_complain("--mesh %s: letters, digits, - and _ only, at most %d", mesh_name,
		    MESH_NAME_BYTES);
		return EXIT_USAGE;
	}
	return init(directory, mesh_name, (unsigned)days);
}

static json_t *
hex_of(const void *data, size_t size_bytes)
{
	char hex[HEX_ROOM(64)];

	return json_string(hex_format(data, size_bytes, hex));
}

static json_t *
record_json(const struct ca_record *record)
{
	static const char *const roles[] = { "unknown", "node", "operator", "coordinator" };
	const Protos__Enrolment *e = record->enrolment;
	json_t *addresses = json_array();

	for (size_t i = 0; i < e->n_addresses; i++) {
		struct address address = { .family = e->addresses[i].len == 4 ? 4 : 6 };
		char text[46];

		memcpy(address.bytes, e->addresses[i].data,
		    e->addresses[i].len == 4 ? 4 : sizeof(address.bytes));
		address_format(&address, text);
		json_array_append_new(addresses, json_string(text));
	}
	return json_pack("{s:s,s:o,s:o,s:o,s:s,s:o,s:i,s:I}", "name", e->name, "id",
	    hex_of(e->id.data, e->id.len), "key", hex_of(e->key.data, e->key.len), "group",
	    hex_of(e->group.data, e->group.len), "role", roles[(unsigned)e->role & 3], "addresses",
	    addresses, "port", (int)e->p2p_port, "not_after_ms", (json_int_t)e->not_after_ms);
}

static json_t *
store_json(const struct ca_store *store)
{
	const struct public_key *key = x509_authority_key(store->authority);
	json_t *records = json_array();
	char roster[CA_PATH_BYTES];
	struct mesh_id mesh;
	struct stat st;

	identity_mesh_id(key, &mesh);
	ca_store_path(store->directory, "roster", roster);
	for (size_t i = 0; i < store->count; i++)
		json_array_append_new(records, record_json(&store->records[i]));
	return json_pack("{s:s,s:o,s:o,s:b,s:o}", "mesh", x509_authority_mesh(store->authority),
	    "mesh_id", hex_of(mesh.bytes, sizeof(mesh.bytes)), "ca_key",
	    hex_of(key->bytes, sizeof(key->bytes)), "epoch_signed", stat(roster, &st) == 0,
	    "enrolments", records);
}

static void
print_store(json_t *all)
{
	size_t i, j;
	json_t *record, *address;

	printf("mesh    %s (%s)\nCA key  %s\nepoch   %s\n",
	    json_string_value(json_object_get(all, "mesh")),
	    json_string_value(json_object_get(all, "mesh_id")),
	    json_string_value(json_object_get(all, "ca_key")),
	    json_is_true(json_object_get(all, "epoch_signed")) ? "1" : "none signed yet");
	json_array_foreach(json_object_get(all, "enrolments"), i, record)
	{
		printf("%-11s %s  %s  port %d ", json_string_value(json_object_get(record, "role")),
		    json_string_value(json_object_get(record, "id")),
		    json_string_value(json_object_get(record, "name")),
		    (int)json_integer_value(json_object_get(record, "port")));
		json_array_foreach(json_object_get(record, "addresses"), j, address)
		    printf(" %s", json_string_value(address));
		putchar('\n');
	}
}

int
ca_show(bool json, int argc, char **argv)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' }, { 0 } };
	const char *directory = NULL;
	struct ca_store store;
	json_t *all;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			directory = optarg;
		else if (c == 'j')
			json = true;
		else
			return EXIT_USAGE;
	}
	if (directory == NULL || optind != argc)
		return usage_error("ca show");
	if (!ca_store_open(directory, &store))
		return EXIT_FAILED;
	all = store_json(&store);
	ca_store_close(&store);
	if (all == NULL) {
		ca_complain("%s", err_text(ERR_NOMEM));
		return EXIT_FAILED;
	}
	if (json && json_dumpf(all, stdout, JSON_INDENT(1)) == 0)
		putchar('\n');
	else if (!json)
		print_store(all);
	json_decref(all);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int
cmd_ca(const struct cli *cli, int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (sodium_init() == -1)
		return EXIT_FAILED;
	if (strcmp(verb, "init") == 0)
		return ca_init(argc - 1, argv + 1);
	if (strcmp(verb, "request") == 0)
		return ca_request(argc - 1, argv + 1);
	if (strcmp(verb, "enrol") == 0)
		return ca_enrol(argc - 1, argv + 1);
	if (strcmp(verb, "renew") == 0)
		return ca_renew(argc - 1, argv + 1);
	if (strcmp(verb, "epoch") == 0)
		return ca_epoch(argc - 1, argv + 1);
	if (strcmp(verb, "bundle") == 0)
		return ca_bundle(argc - 1, argv + 1);
	if (strcmp(verb, "show") == 0)
		return ca_show(cli->json, argc - 1, argv + 1);
	return usage_error("ca");
}
