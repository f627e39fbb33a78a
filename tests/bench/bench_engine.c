/*
 * bench_engine: how fast votes are handled, against the bare verifier in the
 * same run.
 *
 * codec: parse the envelope, verify the entry's signature by the roster's key,
 * decode, hash, verify the ballot's signature, tally; at the end make the
 * certificate.  core: core_step() with the same envelopes as they come from
 * their authors' links, with everything that a node does about them.  Two
 * signatures are checked a vote, and both count; the core counts its own.
 *
 * The bare verifier checks the same signatures over the same bytes, already
 * joined with their domains.  Rounds alternate, so that a change of the
 * machine's speed meets all; the median of the rounds' ratios is the figure.
 *
 * usage: bench_engine [HEADS [ROUNDS]]
 */
#include <stdio.h>
#include <time.h>
#include "core/certificate.h"
#include "core/core.h"
#include "tests/entries.h"

#define DOMAIN_ROOM 32
#define VOTE_ROOM   512
#define MOST_ROUNDS 1000

/* What a verifier is given for one signature. */
struct bare {
	uint8_t bytes[DOMAIN_ROOM + VOTE_ROOM];
	size_t size_bytes;
	struct signature signature;
	struct public_key key;
};

struct vote {
	uint8_t envelope[VOTE_ROOM];
	size_t size_bytes;
	struct bare entry, ballot;
};

static struct mesh mesh;
static struct vote *votes;
static size_t vote_count;

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
make_bare(struct bare *b, const char *domain, struct span data, const struct signature *signature,
    const struct public_key *key)
{
	size_t domain_bytes = strlen(domain);

	memcpy(b->bytes, domain, domain_bytes);
	memcpy(b->bytes + domain_bytes, data.data, data.size_bytes);
	b->size_bytes = domain_bytes + data.size_bytes;
	b->signature = *signature;
	b->key = *key;
}

/* All votes against the first member but the last member's, which hears them. */
static void
make_votes(size_t heads)
{
	mesh_make(&mesh, heads);
	vote_count = heads - 2;
	votes = calloc(vote_count, sizeof(*votes));
	for (size_t i = 0; i < vote_count; i++) {
		const struct mesh_member *voter = &mesh.members[i + 1];
		struct ballot ballot = mesh_ballot(&mesh, &mesh.members[0]);
		struct entry entry = { .kind = ENTRY_VERDICT, .header = mesh_header(&mesh, voter) };
		uint8_t bytes[BALLOT_BYTES];
		struct envelope envelope;
		struct vote *v = &votes[i];

		entry.verdict = (struct verdict){ .level = ballot.level,
			.subject = ballot.subject,
			.window = ballot.window,
			.ballot_signature = mesh_vote(voter, &ballot) };
		v->size_bytes = mesh_envelope(voter, &entry, v->envelope, sizeof(v->envelope));
		assert_ok(envelope_parse(v->envelope, v->size_bytes, &envelope));
		make_bare(&v->entry, DOMAIN_ENTRY, envelope.body, &envelope.signature,
		    &voter->key.public_key);
		ballot_write(&ballot, bytes);
		make_bare(&v->ballot, DOMAIN_BALLOT, (struct span){ bytes, sizeof(bytes) },
		    &entry.verdict.ballot_signature, &voter->key.public_key);
	}
}

static void
check_bare(const struct bare *b)
{
	if (crypto_sign_verify_detached(
	        b->signature.bytes, b->bytes, b->size_bytes, b->key.bytes) != 0)
		abort();
}

static void
run_bare(void)
{
	for (size_t i = 0; i < vote_count; i++) {
		check_bare(&votes[i].entry);
		check_bare(&votes[i].ballot);
	}
}

static void
count_vote(const struct crypto *crypto, const struct vote *v, struct tally *tally)
{
	struct envelope envelope;
	struct ballot ballot;
	member_index author;
	struct entry entry;
	struct hash hash;

	assert_ok(envelope_parse(v->envelope, v->size_bytes, &envelope));
	assert_ok(entry_verify(crypto, mesh.roster, &envelope, &entry, &author));
	entry_hash(crypto, envelope.body, &hash);
	ballot = (struct ballot){ .level = entry.verdict.level,
		.mesh = entry.header.mesh,
		.epoch = entry.header.epoch,
		.subject = entry.verdict.subject,
		.round = entry.verdict.round,
		.window = entry.verdict.window };
	if (!ballot_verify(crypto, &roster_member(mesh.roster, author)->key, &ballot,
	        &entry.verdict.ballot_signature))
		abort();
	assert_ok(tally_add(tally, mesh.roster, author, &entry.verdict.ballot_signature));
}

static void
run_codec(void)
{
	struct ballot ballot = mesh_ballot(&mesh, &mesh.members[0]);
	struct certificate certificate;
	struct tally *tally;

	assert_ok(tally_new(mesh.roster, &ballot, &tally));
	for (size_t i = 0; i < vote_count; i++)
		count_vote(crypto_sodium(), &votes[i], tally);
	assert_ok(tally_certificate(tally, mesh.roster, &certificate));
	tally_free(tally);
}

static int
compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double
median(double *list, size_t count)
{
	qsort(list, count, sizeof(*list), compare_doubles);
	return list[count / 2];
}

/* ---- the core: the last member hears everybody else's votes ------------------- */

static struct core *core;
static struct core_actions actions;

static void
step(struct core_event *event)
{
	event->now_ms = 1000;
	event->unix_ms = MESH_TIME_MS;
	core_step(core, event, &actions);
}

static void
prepare_core(void)
{
	const struct core_config config = {
		.roster = mesh.roster,
		.crypto = crypto_sodium(),
		.self = mesh.members[mesh.count - 1].index,
	};

	core_free(core);
	assert_ok(core_new(&config, 1000, MESH_TIME_MS, &core));
	step(&(struct core_event){ .input = CORE_START });
	for (size_t i = 0; i + 1 < mesh.count; i++)
		step(&(struct core_event){
		    .input = CORE_LINK_UP, .link = { .peer = mesh.members[i].index } });
}

static void
run_core(void)
{
	for (size_t i = 0; i < vote_count; i++)
		step(&(struct core_event){ .input = CORE_MESSAGE,
		    .message = { .from = mesh.members[i + 1].index,
		        .bytes = { votes[i].envelope, votes[i].size_bytes } } });
}

/* Did it check what we count, and tally every vote? */
static void
check_core(void)
{
	struct core_member_view member;
	struct core_view view;

	core_view(core, &view);
	core_view_member(core, mesh.members[0].index, &member);
	if (view.checks != 2 * vote_count || member.votes != vote_count || view.refused != 0) {
		fprintf(stderr, "core: %llu checks, %u votes, %llu refused for %zu votes\n",
		    (unsigned long long)view.checks, member.votes, (unsigned long long)view.refused,
		    vote_count);
		exit(1);
	}
}

static double
checks_per_s(void (*run)(void))
{
	double start_s = now_s();

	run();
	return 2.0 * (double)vote_count / (now_s() - start_s);
}

int
main(int argc, char **argv)
{
	static double bare[MOST_ROUNDS], codec[MOST_ROUNDS], whole[MOST_ROUNDS];
	static double codec_ratio[MOST_ROUNDS], core_ratio[MOST_ROUNDS];
	size_t heads = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 30;

	if (heads < 4 || heads > LIMIT_CERTIFICATE_SIGNERS || rounds == 0 || rounds > MOST_ROUNDS) {
		fprintf(stderr, "usage: bench_engine [HEADS 4..%d [ROUNDS 1..%d]]\n",
		    LIMIT_CERTIFICATE_SIGNERS, MOST_ROUNDS);
		return 2;
	}
	make_votes(heads);
	run_bare();
	for (size_t i = 0; i < rounds; i++) {
		prepare_core();
		bare[i] = checks_per_s(run_bare);
		codec[i] = checks_per_s(run_codec);
		whole[i] = checks_per_s(run_core);
		check_core();
		codec_ratio[i] = codec[i] / bare[i];
		core_ratio[i] = whole[i] / bare[i];
	}
	printf("%zu heads, %zu rounds of %zu votes, 2 signatures a vote, median\n", heads, rounds,
	    vote_count);
	printf("bare verifier  %8.0f signatures/s\n", median(bare, rounds));
	printf("codec, tally   %8.0f signatures/s, ratio %.3f\n", median(codec, rounds),
	    median(codec_ratio, rounds));
	printf("whole core     %8.0f signatures/s, ratio %.3f\n", median(whole, rounds),
	    median(core_ratio, rounds));
	core_free(core);
	free(votes);
	mesh_free(&mesh);
	return 0;
}
