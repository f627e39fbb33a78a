/*
 * bench_engine: how fast the engine's path for votes is, against the bare
 * verifier in the same run.
 *
 * A vote: parse the envelope, verify the entry's signature by the roster's
 * key, decode, hash, verify the ballot's signature, tally; at a quorum, make
 * the certificate.  That is two signatures checked a vote, and both count.
 * The bare verifier checks the same signatures over the same bytes, already
 * joined with their domains.  Rounds of both alternate, so that a change of
 * the machine's speed meets both; the median of their ratios is the figure.
 *
 * usage: bench_engine [HEADS [ROUNDS]]
 */
#include <stdio.h>
#include <time.h>
#include "core/certificate.h"
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

/* Everybody votes against the first member. */
static void
make_votes(size_t heads)
{
	mesh_make(&mesh, heads);
	vote_count = heads - 1;
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
	assert_ok(tally_add(tally, author, &entry.verdict.ballot_signature));
}

static void
run_engine(void)
{
	struct ballot ballot = mesh_ballot(&mesh, &mesh.members[0]);
	struct certificate certificate;
	struct tally *tally;

	assert_ok(tally_new(mesh.roster, &ballot, &tally));
	for (size_t i = 0; i < vote_count; i++)
		count_vote(crypto_sodium(), &votes[i], tally);
	assert_ok(tally_certificate(tally, &certificate));
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
	static double bare[MOST_ROUNDS], engine[MOST_ROUNDS], ratios[MOST_ROUNDS];
	size_t heads = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 30;

	if (heads < 3 || heads > LIMIT_CERTIFICATE_SIGNERS || rounds == 0 || rounds > MOST_ROUNDS) {
		fprintf(stderr, "usage: bench_engine [HEADS 3..%d [ROUNDS 1..%d]]\n",
		    LIMIT_CERTIFICATE_SIGNERS, MOST_ROUNDS);
		return 2;
	}
	make_votes(heads);
	run_bare();
	run_engine();
	for (size_t i = 0; i < rounds; i++) {
		bare[i] = checks_per_s(run_bare);
		engine[i] = checks_per_s(run_engine);
		ratios[i] = engine[i] / bare[i];
	}
	printf("%zu heads, %zu rounds of %zu votes, 2 signatures a vote, median\n", heads, rounds,
	    vote_count);
	printf("bare verifier  %8.0f signatures/s\n", median(bare, rounds));
	printf("engine         %8.0f signatures/s\n", median(engine, rounds));
	printf("ratio          %8.3f\n", median(ratios, rounds));
	free(votes);
	mesh_free(&mesh);
	return 0;
}
