#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ca_store.h"
#include "cli/command.h"
#include "core/roster.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/wholefile.h"

#define FOUNDER_WEIGHT 32
#define MOST_WEIGHT    64

struct epoch_options {
	const char *directory;
	struct epoch_parameters parameters;
};

static bool
is_node(const struct ca_record *record)
{
	return record->enrolment->role == PROTOS__ROLE__ROLE_NODE;
}

static int
by_id(const void *left, const void *right)
{
	const Protos__EpochMember *const *a = left, *const *b = right;

	return memcmp((*a)->id.data, (*b)->id.data, sizeof(struct node_id));
}

/* NAME=W for the member of that name. */
static bool
set_weight(const struct ca_store *store, Protos__EpochMember *members, const char *text)
{
	const char *equals = strchr(text, '=');
	const struct ca_record *record;
	char name[LIMIT_NAME_BYTES + 1];
	unsigned long weight;

	if (equals == NULL || (size_t)(equals - text) >= sizeof(name)) {
		ca_complain("--weight %s: NAME=W is needed", text);
		return false;
	}
	memcpy(name, text, (size_t)(equals - text));
	name[equals - text] = '\0';
	if (!ca_number("--weight", equals + 1, 0, MOST_WEIGHT, &weight))
		return false;
	record = ca_store_find(store, name);
	if (record == NULL || !is_node(record)) {
		ca_complain("--weight %s: no node of that name is enrolled", text);
		return false;
	}
	members[record - store->records].weight = (uint32_t)weight;
	return true;
}

/* Epoch 1's record, sealed; members[i] goes with store->records[i]. */
static uint8_t *
seal_epoch(const struct ca_store *store, const struct epoch_options *options,
    Protos__EpochMember *members, size_t *envelope_bytes)
{
	static uint8_t no_previous[sizeof(struct hash)];
	Protos__Epoch epoch = PROTOS__EPOCH__INIT;
	Protos__EpochParameters parameters = PROTOS__EPOCH_PARAMETERS__INIT;
	Protos__EpochMember **sorted = calloc(store->count + 1, sizeof(*sorted));
	uint8_t *body = NULL, *envelope = NULL;
	struct mesh_id mesh;
	size_t body_bytes;

	if (sorted == NULL)
		goto done;
	for (size_t i = 0; i < store->count; i++)
		if (is_node(&store->records[i]))
			sorted[epoch.n_members++] = &members[i];
	qsort(sorted, epoch.n_members, sizeof(*sorted), by_id);
	identity_mesh_id(x509_authority_key(store->authority), &mesh);
	parameters.threshold = options->parameters.threshold;
	parameters.corroboration = options->parameters.corroboration;
	parameters.precautions = options->parameters.precautions;
	parameters.vote_budget = options->parameters.vote_budget;
	epoch.mesh = (ProtobufCBinaryData){ sizeof(mesh.bytes), mesh.bytes };
	epoch.number = 1;
	epoch.previous = (ProtobufCBinaryData){ sizeof(no_previous), no_previous };
	epoch.time_ms = (uint64_t)time(NULL) * 1000;
	epoch.members = sorted;
	epoch.parameters = &parameters;
	if ((body = malloc(protos__epoch__get_packed_size(&epoch))) == NULL)
		goto done;
	body_bytes = protos__epoch__pack(&epoch, body);
	envelope = ca_seal(store, DOMAIN_EPOCH, body, body_bytes, envelope_bytes);

done:
	if (body == NULL)
		ca_complain("%s", err_text(ERR_NOMEM));
	free(body);
	free(sorted);
	return envelope;
}

/* Every enrolment and the epoch, serialised. */
static uint8_t *
join_roster(
    const struct ca_store *store, const uint8_t *epoch, size_t epoch_bytes, size_t *roster_bytes)
{
	Protos__Roster roster = PROTOS__ROSTER__INIT;
	Protos__Envelope **list = calloc(store->count + 1, sizeof(*list));
	Protos__Envelope *sealed = protos__envelope__unpack(NULL, epoch_bytes, epoch);
	uint8_t *out = NULL;
	bool good = list != NULL && sealed != NULL;

	for (size_t i = 0; good && i < store->count; i++) {
		list[i] = protos__envelope__unpack(
		    NULL, store->records[i].envelope_bytes, store->records[i].envelope);
		good = list[i] != NULL;
		roster.n_enrolments += good;
	}
	if (good) {
		roster.enrolments = list;
		roster.n_epochs = 1;
		roster.epochs = &sealed;
		if ((out = malloc(protos__roster__get_packed_size(&roster))) != NULL)
			*roster_bytes = protos__roster__pack(&roster, out);
	}
	if (out == NULL)
		ca_complain("%s", err_text(ERR_NOMEM));
	for (size_t i = 0; i < roster.n_enrolments; i++)
		protos__envelope__free_unpacked(list[i], NULL);
	protos__envelope__free_unpacked(sealed, NULL);
	free(list);
	return out;
}

/* What every node will do with the file, before any node gets it. */
static struct roster *
prove(const struct ca_store *store, const uint8_t *bytes, size_t size_bytes)
{
	struct roster *roster = NULL;
	enum err err = roster_parse(
	    crypto_sodium(), x509_authority_key(store->authority), bytes, size_bytes, &roster);

	if (err != ERR_OK)
		ca_complain("the roster does not hold: %s", err_text(err));
	return roster;
}

static void
report(const struct roster *roster)
{
	const struct epoch *epoch = roster_current(roster);
	size_t nodes = 0;

	for (size_t i = 0; i < roster_count(roster); i++)
		nodes += epoch_has(epoch, (member_index)i);
	printf("epoch 1: %zu nodes, %zu of them heads, weight %llu\n", nodes, epoch_heads(epoch),
	    (unsigned long long)epoch_weight(epoch));
}

static bool
write_epoch(
    const struct ca_store *store, const struct epoch_options *options, Protos__EpochMember *members)
{
	char path[CA_PATH_BYTES];
	uint8_t *epoch, *bytes = NULL;
	size_t epoch_bytes, size_bytes;
	struct roster *roster = NULL;
	bool done = false;
	enum err err;

	if ((epoch = seal_epoch(store, options, members, &epoch_bytes)) == NULL ||
	    (bytes = join_roster(store, epoch, epoch_bytes, &size_bytes)) == NULL ||
	    (roster = prove(store, bytes, size_bytes)) == NULL)
		goto done;
	ca_store_path(store->directory, "roster", path);
	/* A second epoch 1 would split the mesh: never over one that is there. */
	err = wholefile_create(path, 0644, bytes, size_bytes);
	if (err == ERR_LOCKED)
		ca_complain("%s: epoch 1 is signed already; if no node has that roster yet, remove "
		            "the file and sign again",
		    path);
	else if (err != ERR_OK)
		ca_complain("%s: %s", path, err_text(err));
	else
		report(roster);
	done = err == ERR_OK;

done:
	roster_free(roster);
	free(epoch);
	free(bytes);
	return done;
}

static bool
sign_epoch(const struct epoch_options *options, char **weights, size_t weight_count)
{
	struct ca_store store;
	Protos__EpochMember *members;
	bool good;

	if (!ca_store_open(options->directory, &store))
		return false;
	members = calloc(store.count + 1, sizeof(*members));
	good = members != NULL;
	for (size_t i = 0; good && i < store.count; i++) {
		protos__epoch_member__init(&members[i]);
		members[i].id = store.records[i].enrolment->id;
		members[i].weight = FOUNDER_WEIGHT;
	}
	for (size_t i = 0; good && i < weight_count; i++)
		good = set_weight(&store, members, weights[i]);
	good = good && write_epoch(&store, options, members);
	free(members);
	ca_store_close(&store);
	return good;
}

int
ca_epoch(int argc, char **argv)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "threshold", required_argument, NULL, 't' },
		{ "corroboration", required_argument, NULL, 'c' },
		{ "precautions", required_argument, NULL, 'p' },
		{ "vote-budget", required_argument, NULL, 'v' },
		{ "weight", required_argument, NULL, 'w' }, { 0 } };
	struct epoch_options chosen = { 0 };
	struct epoch_parameters *p = &chosen.parameters;
	char **weights = calloc((size_t)argc + 1, sizeof(*weights));
	size_t weight_count = 0;
	unsigned long number = 0;
	bool good = weights != NULL;
	int status = EXIT_USAGE, c;

	optind = 0;
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			chosen.directory = optarg;
		else if (c == 't' && (good = ca_number("--threshold", optarg, 1, 10, &number)))
			p->threshold = (uint32_t)number;
		else if (c == 'c' &&
		         (good = ca_number("--corroboration", optarg, 0, LIMIT_MEMBERS, &number)))
			p->corroboration = (uint32_t)number;
		else if (c == 'p' &&
		         (good = ca_number("--precautions", optarg, 0, LIMIT_MEMBERS, &number)))
			p->precautions = (uint32_t)number;
		else if (c == 'v' && (good = ca_number("--vote-budget", optarg, 0, 1000, &number)))
			p->vote_budget = (uint32_t)number;
		else if (c == 'w')
			weights[weight_count++] = optarg;
		else
			good = false;
	}
	if (good && chosen.directory != NULL && optind == argc)
		status = sign_epoch(&chosen, weights, weight_count) ? EXIT_OK : EXIT_FAILED;
	else if (good)
		ca_complain("epoch --dir DIR [--threshold N] [--corroboration N] [--precautions N] "
		            "[--vote-budget N] [--weight NAME=W …]");
	free(weights);
	return status;
}
