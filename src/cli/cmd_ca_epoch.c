#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ca_evidence.h"
#include "cli/ca_log.h"
#include "cli/ca_weights.h"
#include "cli/command.h"
#include "cli/usage.h"
#include "sys/identity.h"

enum parameter { THRESHOLD, CORROBORATION, PRECAUTIONS, VOTE_BUDGET, PARAMETERS };

struct epoch_options {
	const char *directory;
	bool given[PARAMETERS];
	uint32_t parameters[PARAMETERS];
	char **weights, **removed, **evidence; /* of argv, NULL behind the last */
	size_t weight_count, removed_count, evidence_count;
};

/* Those not given stay as they were. */
static void
choose_parameters(
    const struct epoch_options *options, const struct epoch *last, Protos__EpochParameters *out)
{
	uint32_t p[PARAMETERS] = { 0 };

	if (last != NULL) {
		const struct epoch_parameters *old = epoch_parameters(last);

		p[THRESHOLD] = old->threshold;
		p[CORROBORATION] = old->corroboration;
		p[PRECAUTIONS] = old->precautions;
		p[VOTE_BUDGET] = old->vote_budget;
	}
	for (size_t i = 0; i < PARAMETERS; i++)
		if (options->given[i])
			p[i] = options->parameters[i];
	out->threshold = p[THRESHOLD];
	out->corroboration = p[CORROBORATION];
	out->precautions = p[PRECAUTIONS];
	out->vote_budget = p[VOTE_BUDGET];
}

static int
by_id(const void *left, const void *right)
{
	const struct ca_weight *const *a = left, *const *b = right;

	return memcmp((*a)->id.bytes, (*b)->id.bytes, sizeof(struct node_id));
}

/* members, pointers: room for all of the weights. */
static size_t
list_members(
    const struct ca_weights *weights, Protos__EpochMember *members, Protos__EpochMember **pointers)
{
	struct ca_weight **sorted = calloc(weights->count + 1, sizeof(struct ca_weight *));
	size_t count = 0;

	for (size_t i = 0; sorted != NULL && i < weights->count; i++)
		if (weights->list[i].listed)
			sorted[count++] = &weights->list[i];
	if (sorted != NULL)
		qsort(sorted, count, sizeof(struct ca_weight *), by_id);
	for (size_t i = 0; i < count; i++) {
		protos__epoch_member__init(&members[i]);
		members[i].id =
		    (ProtobufCBinaryData){ sizeof(struct node_id), sorted[i]->id.bytes };
		members[i].weight = sorted[i]->weight;
		pointers[i] = &members[i];
	}
	free(sorted);
	return count;
}

/* The record of the epoch behind last (NULL: the first), sealed. */
static uint8_t *
seal_epoch(const struct ca_store *store, const struct epoch_options *options,
    const struct epoch *last, const struct ca_weights *weights, size_t *envelope_bytes)
{
	Protos__Epoch epoch = PROTOS__EPOCH__INIT;
	Protos__EpochParameters parameters = PROTOS__EPOCH_PARAMETERS__INIT;
	Protos__EpochMember *members = calloc(weights->count + 1, sizeof(*members));
	Protos__EpochMember **pointers = calloc(weights->count + 1, sizeof(*pointers));
	struct hash previous = { { 0 } };
	uint8_t *body = NULL, *envelope = NULL;
	struct mesh_id mesh;
	size_t body_bytes;

	if (members == NULL || pointers == NULL)
		goto done;
	if (last != NULL)
		previous = *epoch_hash(last);
	identity_mesh_id(x509_authority_key(store->authority), &mesh);
	choose_parameters(options, last, &parameters);
	epoch.mesh = (ProtobufCBinaryData){ sizeof(mesh.bytes), mesh.bytes };
	epoch.number = last == NULL ? 1 : epoch_number(last) + 1;
	epoch.previous = (ProtobufCBinaryData){ sizeof(previous.bytes), previous.bytes };
	epoch.time_ms = weights->now_ms;
	epoch.n_members = list_members(weights, members, pointers);
	epoch.members = pointers;
	epoch.parameters = &parameters;
	if ((body = malloc(protos__epoch__get_packed_size(&epoch))) == NULL)
		goto done;
	body_bytes = protos__epoch__pack(&epoch, body);
	envelope = ca_seal(store, DOMAIN_EPOCH, body, body_bytes, envelope_bytes);

done:
	if (body == NULL)
		ca_complain("%s", err_text(ERR_NOMEM));
	free(body);
	free(members);
	free(pointers);
	return envelope;
}

static void
report(const struct roster *roster, const struct ca_weights *weights)
{
	const struct epoch *epoch = roster_current(roster);
	size_t nodes = 0;

	ca_weights_print(weights);
	for (size_t i = 0; i < roster_count(roster); i++)
		nodes += epoch_has(epoch, (member_index)i);
	printf("epoch %llu: %zu nodes, %zu of them heads, weight %llu\n",
	    (unsigned long long)epoch_number(epoch), nodes, epoch_heads(epoch),
	    (unsigned long long)epoch_weight(epoch));
}

/* Without a roster there is no past that could be proven. */
static bool
read_evidence(
    const struct epoch_options *options, const struct ca_log *log, struct ca_evidence **out)
{
	if (options->evidence_count == 0)
		return true;
	if (log->roster == NULL) {
		ca_complain("--evidence: before epoch 1 there is none");
		return false;
	}
	if ((*out = ca_evidence_new(log->roster)) == NULL) {
		ca_complain("%s", err_text(ERR_NOMEM));
		return false;
	}
	for (size_t i = 0; i < options->evidence_count; i++)
		if (!ca_evidence_read(*out, options->evidence[i]))
			return false;
	return true;
}

static bool
weigh(const struct epoch_options *options, struct ca_weights *weights)
{
	for (size_t i = 0; i < options->removed_count; i++)
		if (!ca_weights_remove(weights, options->removed[i]))
			return false;
	for (size_t i = 0; i < options->weight_count; i++)
		if (!ca_weights_set(weights, options->weights[i]))
			return false;
	if (ca_weights_total(weights) > 0)
		return true;
	ca_complain("nobody would have a vote; give some node one with --weight NAME=W");
	return false;
}

static bool
sign_epoch(const struct epoch_options *options)
{
	struct ca_evidence *evidence = NULL;
	struct ca_weights weights = { 0 };
	const struct epoch *last;
	struct ca_log log = { 0 };
	struct ca_store store;
	uint8_t *epoch = NULL;
	size_t epoch_bytes;
	bool good;

	if (!ca_store_open(options->directory, &store))
		return false;
	/* Who was enrolled since stands in the log before the epoch that lists it. */
	good = ca_log_open(&store, &log) && ca_log_catch_up(&log) &&
	       (log.roster == NULL || ca_log_commit(&log)) &&
	       read_evidence(options, &log, &evidence) &&
	       ca_weights_make(&store, log.roster, evidence, &weights) && weigh(options, &weights);
	last = log.roster == NULL ? NULL : roster_current(log.roster);
	good = good &&
	       (epoch = seal_epoch(&store, options, last, &weights, &epoch_bytes)) != NULL &&
	       ca_log_add(&log, CA_EPOCH, epoch, epoch_bytes) && ca_log_commit(&log);
	if (good)
		report(log.roster, &weights);
	free(epoch);
	ca_weights_free(&weights);
	ca_evidence_free(evidence);
	ca_log_close(&log);
	ca_store_close(&store);
	return good;
}

static bool
take_parameter(struct epoch_options *chosen, enum parameter which, const char *text)
{
	static const struct {
		const char *option;
		unsigned long least, most;
	} known[PARAMETERS] = {
		[THRESHOLD] = { "--threshold", 1, 10 },
		[CORROBORATION] = { "--corroboration", 0, LIMIT_MEMBERS },
		[PRECAUTIONS] = { "--precautions", 0, LIMIT_MEMBERS },
		[VOTE_BUDGET] = { "--vote-budget", 0, 1000 },
	};
	unsigned long number;

	if (!ca_number(known[which].option, text, known[which].least, known[which].most, &number))
		return false;
	chosen->parameters[which] = (uint32_t)number;
	chosen->given[which] = true;
	return true;
}

static bool
take_option(struct epoch_options *chosen, int c, char *text)
{
	switch (c) {
	case 'd':
		chosen->directory = text;
		return true;
	case 't':
		return take_parameter(chosen, THRESHOLD, text);
	case 'c':
		return take_parameter(chosen, CORROBORATION, text);
	case 'p':
		return take_parameter(chosen, PRECAUTIONS, text);
	case 'v':
		return take_parameter(chosen, VOTE_BUDGET, text);
	case 'w':
		chosen->weights[chosen->weight_count++] = text;
		return true;
	case 'r':
		chosen->removed[chosen->removed_count++] = text;
		return true;
	case 'e':
		chosen->evidence[chosen->evidence_count++] = text;
		return true;
	default:
		return false;
	}
}

int
ca_epoch(int argc, char **argv)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "threshold", required_argument, NULL, 't' },
		{ "corroboration", required_argument, NULL, 'c' },
		{ "precautions", required_argument, NULL, 'p' },
		{ "vote-budget", required_argument, NULL, 'v' },
		{ "weight", required_argument, NULL, 'w' },
		{ "remove", required_argument, NULL, 'r' },
		{ "evidence", required_argument, NULL, 'e' }, { 0 } };
	struct epoch_options chosen = { .weights = calloc((size_t)argc, sizeof(char *)),
		.removed = calloc((size_t)argc, sizeof(char *)),
		.evidence = calloc((size_t)argc * 2, sizeof(char *)) };
	bool good = chosen.weights != NULL && chosen.removed != NULL && chosen.evidence != NULL;
	int status = EXIT_USAGE, c;

	optind = 0;
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		good = take_option(&chosen, c, optarg);
	/* --evidence FILE FILE: a shell's pattern becomes several. */
	while (good && chosen.evidence_count > 0 && optind < argc)
		chosen.evidence[chosen.evidence_count++] = argv[optind++];
	if (good && chosen.directory != NULL && optind == argc)
		status = sign_epoch(&chosen) ? EXIT_OK : EXIT_FAILED;
	else if (good)
		status = usage_error("ca epoch");
	free(chosen.weights);
	free(chosen.removed);
	free(chosen.evidence);
	return status;
}
