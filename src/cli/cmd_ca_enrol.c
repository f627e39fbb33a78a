#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "cli/ca_log.h"
#include "cli/ca_request_text.h"
#include "cli/ca_store.h"
#include "cli/command.h"
#include "cli/usage.h"
#include "core/crypto.h"
#include "core/roster.h"
#include "sys/wholefile.h"

#define DAY_MS       86400000ULL
#define BACKDATE_MS  300000ULL /* the node's clock may run behind the CA's */
#define DEFAULT_DAYS 365

struct enrol_options {
	const char *directory;
	const char *group; /* NULL: a group of its own */
	unsigned long days;
	enum role role;
};

/* A key, name or id may be enrolled once; says which was. */
static bool
is_taken(
    const struct ca_store *store, const struct ca_request_text *request, const struct node_id *id)
{
	const struct public_key *ca = x509_authority_key(store->authority);

	if (memcmp(ca->bytes, request->key.bytes, sizeof(ca->bytes)) == 0) {
		ca_complain("the identity key is the CA's own");
		return true;
	}
	for (size_t i = 0; i < store->count; i++) {
		const struct ca_record *r = &store->records[i];
		const char *what = NULL;

		if (strcmp(r->enrolment->name, request->name) == 0)
			what = "name";
		else if (memcmp(r->enrolment->key.data, request->key.bytes,
		             sizeof(request->key.bytes)) == 0)
			what = "identity key";
		else if (memcmp(r->enrolment->id.data, id->bytes, sizeof(id->bytes)) == 0)
			what = "id";
		else if (hash_equal(&r->tls_key, &request->tls_key))
			what = "TLS key";
		if (what != NULL) {
			ca_complain("refused: the %s of %s is enrolled already, as %s", what,
			    request->name, r->enrolment->name);
			return true;
		}
	}
	return false;
}

static void
choose_group(const char *token, uint8_t out[16])
{
	uint8_t hash[crypto_hash_sha256_BYTES];

	if (token == NULL) {
		randombytes_buf(out, 16);
		return;
	}
	crypto_hash_sha256(hash, (const uint8_t *)token, strlen(token));
	memcpy(out, hash, 16);
}

/* The serialised Enrolment, malloc'ed. */
static uint8_t *
compose(const struct ca_store *store, const struct enrol_options *options,
    const struct ca_request_text *request, const struct x509_leaf *leaf, uint8_t nonce[16],
    size_t *size_bytes)
{
	Protos__Enrolment e = PROTOS__ENROLMENT__INIT;
	ProtobufCBinaryData addresses[LIMIT_ADDRESSES];
	struct mesh_id mesh;
	uint8_t group[16], *out;

	identity_mesh_id(x509_authority_key(store->authority), &mesh);
	choose_group(options->group, group);
	for (size_t i = 0; i < request->address_count; i++)
		addresses[i] = (ProtobufCBinaryData){ request->addresses[i].family == 4 ? 4 : 16,
			(uint8_t *)request->addresses[i].bytes };
	e.mesh = (ProtobufCBinaryData){ sizeof(mesh.bytes), mesh.bytes };
	e.mesh_name = (char *)x509_authority_mesh(store->authority);
	e.name = (char *)request->name;
	e.id = (ProtobufCBinaryData){ sizeof(leaf->id->bytes), (uint8_t *)leaf->id->bytes };
	e.key = (ProtobufCBinaryData){ sizeof(request->key.bytes), (uint8_t *)request->key.bytes };
	e.nonce = (ProtobufCBinaryData){ 16, nonce };
	e.group = (ProtobufCBinaryData){ sizeof(group), group };
	e.n_addresses = request->address_count;
	e.addresses = addresses;
	e.p2p_port = request->port;
	e.incarnation = 1;
	e.not_before_ms = leaf->not_before_ms;
	e.not_after_ms = leaf->not_after_ms;
	e.role = (Protos__Role)options->role;
	if ((out = malloc(protos__enrolment__get_packed_size(&e))) == NULL)
		ca_complain("%s", err_text(ERR_NOMEM));
	else
		*size_bytes = protos__enrolment__pack(&e, out);
	return out;
}

/* The certificate first: only the enrolment file makes a node enrolled. */
static bool
store_both(const struct ca_store *store, const char *name, const struct x509_text *certificate,
    const uint8_t *envelope, size_t envelope_bytes)
{
	char path[CA_PATH_BYTES];
	enum err err;

	ca_store_record_path(store, name, ".pem", path);
	err = wholefile_replace(path, 0644, certificate->text, certificate->size_bytes);
	if (err == ERR_OK) {
		ca_store_record_path(store, name, ".enrolment", path);
		err = wholefile_create(path, 0644, envelope, envelope_bytes);
	}
	if (err != ERR_OK)
		ca_complain("%s: %s", path, err_text(err));
	return err == ERR_OK;
}

/* Once there is a log, a new member is in it at once, and in the next epoch. */
static bool
append(struct ca_log *log, const uint8_t *envelope, size_t envelope_bytes)
{
	return log->roster == NULL ||
	       (ca_log_add(log, CA_ENROLMENT, envelope, envelope_bytes) && ca_log_commit(log));
}

static bool
enrol(const struct ca_store *store, const struct enrol_options *options,
    const struct ca_request_text *request, struct ca_log *log)
{
	uint64_t now_ms = (uint64_t)time(NULL) * 1000;
	uint8_t nonce[16], *body = NULL, *envelope = NULL;
	size_t body_bytes, envelope_bytes;
	struct x509_text certificate = { 0 };
	struct node_id id;
	struct x509_leaf leaf = { .id = &id,
		.name = request->name,
		.dns_names = request->dns_names,
		.dns_count = request->dns_count,
		.addresses = request->addresses,
		.address_count = request->address_count,
		.not_before_ms = now_ms - BACKDATE_MS,
		.not_after_ms = now_ms + options->days * DAY_MS };
	char hex[HEX_ROOM(sizeof(id.bytes))];
	bool done = false;
	enum err err;

	if (options->role == ROLE_NODE && request->address_count == 0) {
		ca_complain(
		    "the request of %s names no address, and a node has one", request->name);
		return false;
	}
	randombytes_buf(nonce, sizeof(nonce));
	identity_node_id(&request->key, nonce, &id);
	if (is_taken(store, request, &id))
		return false;
	if (leaf.not_after_ms > x509_authority_not_after_ms(store->authority)) {
		ca_complain("--days %lu: that is longer than the CA's own certificate lasts",
		    options->days);
		return false;
	}
	if ((body = compose(store, options, request, &leaf, nonce, &body_bytes)) == NULL ||
	    (envelope = ca_seal(store, DOMAIN_ENROLMENT, body, body_bytes, &envelope_bytes)) ==
	        NULL)
		goto done;
	if ((err = x509_issue(store->authority, request->csr, &leaf, &certificate)) != ERR_OK) {
		ca_complain(
		    "certificate for %s: %s %s", request->name, err_text(err), x509_reason());
		goto done;
	}
	if (!store_both(store, request->name, &certificate, envelope, envelope_bytes) ||
	    !append(log, envelope, envelope_bytes))
		goto done;
	hex_format(id.bytes, sizeof(id.bytes), hex);
	printf("enrolled %s as %s\n", request->name, hex);
	if (log->roster != NULL && options->role == ROLE_NODE)
		printf("the next phalanx ca epoch lists it\n");
	done = true;

done:
	free(body);
	free(envelope);
	x509_text_free(&certificate);
	return done;
}

static bool
parse_role(const char *text, enum role *out)
{
	if (strcmp(text, "node") == 0)
		*out = ROLE_NODE;
	else if (strcmp(text, "operator") == 0)
		*out = ROLE_OPERATOR;
	else if (strcmp(text, "coordinator") == 0)
		*out = ROLE_COORDINATOR;
	else {
		ca_complain("--role %s: node, operator or coordinator", text);
		return false;
	}
	return true;
}

/* Each on a store read anew: it is judged by those before it, too. */
static bool
enrol_file(const struct enrol_options *options, const char *path)
{
	struct ca_request_text request = { 0 };
	struct ca_log log = { 0 };
	struct ca_store store;
	bool good;

	if (!ca_store_open(options->directory, &store))
		return false;
	good = ca_request_read(path, &request) && ca_log_open(&store, &log) &&
	       (log.roster == NULL || ca_log_catch_up(&log)) &&
	       enrol(&store, options, &request, &log);
	ca_log_close(&log);
	ca_store_close(&store);
	return good;
}

int
ca_enrol(int argc, char **argv)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "group", required_argument, NULL, 'g' }, { "role", required_argument, NULL, 'r' },
		{ "days", required_argument, NULL, 'n' }, { 0 } };
	struct enrol_options chosen = { .days = DEFAULT_DAYS, .role = ROLE_NODE };
	bool good = true;
	int c;

	optind = 0;
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			chosen.directory = optarg;
		else if (c == 'g')
			chosen.group = optarg;
		else if (c == 'r')
			good = parse_role(optarg, &chosen.role);
		else if (c == 'n')
			good = ca_number("--days", optarg, 1, 36500, &chosen.days);
		else
			good = false;
	}
	if (!good)
		return EXIT_USAGE;
	if (chosen.directory == NULL || optind == argc)
		return usage_error("ca enrol");
	for (; good && optind < argc; optind++)
		good = enrol_file(&chosen, argv[optind]);
	return good ? EXIT_OK : EXIT_FAILED;
}
