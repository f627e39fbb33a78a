/*
 * A certificate is valid with a quorum of good ballot signatures of distinct
 * heads other than the subject, for one epoch and window, and with nothing
 * else about it; every other one is refused with the reason.
 */
#include "core/certificate.h"
#include "tests/mesh.h"

#define HEADS 6

static struct mesh mesh;
static const struct mesh_member *subject;
static struct ballot ballot;

/* A certificate in memory of its own, to be damaged at will. */
static struct certificate certificate;
static uint8_t voters[8];
static uint8_t signatures[HEADS * 64];

static int
setup(void **state)
{
	(void)state;
	mesh_make(&mesh, HEADS);
	subject = mesh_at(&mesh, 2);
	ballot = mesh_ballot(&mesh, subject);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	mesh_free(&mesh);
	return 0;
}

/* Ballots of the heads in this bitmap, each for this window. */
static void
make(uint8_t bitmap)
{
	size_t count = 0;

	for (size_t bit = 0; bit < 8; bit++) {
		struct signature signature;

		if (!(bitmap >> bit & 1) || bit >= HEADS)
			continue;
		signature = mesh_vote(
		    mesh_at(&mesh, epoch_head_at(roster_current(mesh.roster), bit)), &ballot);
		memcpy(signatures + 64 * count++, signature.bytes, 64);
	}
	voters[0] = bitmap;
	certificate = (struct certificate){ .level = ballot.level,
		.subject = ballot.subject,
		.round = ballot.round,
		.epoch = ballot.epoch,
		.window = ballot.window,
		.voters = { voters, 1 },
		.signatures = { signatures, count * 64 } };
}

static void
assert_verdict(enum err expected, size_t checks)
{
	size_t checked = 99;

	assert_err(
	    expected, certificate_verify(crypto_sodium(), mesh.roster, &certificate, &checked));
	assert_int_equal(checked, checks);
}

/* Three of five others suffice, all five do, a release needs the same. */
static void
quorums(void **state)
{
	(void)state;
	make(0x0b);
	assert_verdict(ERR_OK, 3);
	make(0x38);
	assert_verdict(ERR_OK, 3);
	make(0x3b);
	assert_verdict(ERR_OK, 5);
	ballot.level = LEVEL_RELEASE;
	make(0x0b);
	assert_verdict(ERR_OK, 3);
	certificate.level = LEVEL_QUARANTINE;
	assert_verdict(ERR_SIGNATURE, 1);
	ballot.level = LEVEL_QUARANTINE;
}

/* Too few heads, or none, before any signature is looked at. */
static void
too_few(void **state)
{
	(void)state;
	make(0x03);
	assert_verdict(ERR_QUORUM, 0);
	make(0x00);
	assert_verdict(ERR_QUORUM, 0);
}

/* The subject, a bit past the heads, a bitmap of another length. */
static void
voters_that_are_none(void **state)
{
	(void)state;
	make(0x0f); /* bit 2 is the subject */
	assert_verdict(ERR_VOTER, 0);
	make(0x4b);
	assert_verdict(ERR_VOTER, 0);
	make(0x8b);
	assert_verdict(ERR_VOTER, 0);
	make(0x0b);
	certificate.voters.size_bytes = 2;
	assert_verdict(ERR_MALFORMED, 0);
	certificate.voters.size_bytes = 0;
	assert_verdict(ERR_MALFORMED, 0);
}

/* One signature more or less than bits, or a torn one. */
static void
surplus_and_missing_signatures(void **state)
{
	(void)state;
	make(0x3b);
	certificate.voters.data = (const uint8_t[]){ 0x1b };
	assert_verdict(ERR_MALFORMED, 0);
	make(0x0b);
	certificate.signatures.size_bytes -= 64;
	assert_verdict(ERR_MALFORMED, 0);
	make(0x0b);
	certificate.signatures.size_bytes -= 1;
	assert_verdict(ERR_MALFORMED, 0);
}

/* One head's ballot in two places: a bitmap cannot say it, and a copy does not verify as another's. */
static void
a_signer_twice(void **state)
{
	(void)state;
	make(0x0b);
	memcpy(signatures + 64, signatures, 64);
	assert_verdict(ERR_SIGNATURE, 2);
}

/* A stranger's ballot in a head's place; the right ballots in the wrong order. */
static void
a_stranger(void **state)
{
	struct mesh_member stranger = *subject;
	struct signature signature;
	uint8_t seed[32];

	(void)state;
	make(0x0b);
	mesh_repeat(99, seed, sizeof(seed));
	mesh_key_make(seed, &stranger.key);
	signature = mesh_vote(&stranger, &ballot);
	memcpy(signatures + 128, signature.bytes, 64);
	assert_verdict(ERR_SIGNATURE, 3);

	make(0x0b);
	memcpy(signature.bytes, signatures, 64);
	memmove(signatures, signatures + 64, 64);
	memcpy(signatures + 64, signature.bytes, 64);
	assert_verdict(ERR_SIGNATURE, 1);
}

/* A ballot of the next window, or of another epoch or round, among those of this one. */
static void
mixed_ballots(void **state)
{
	struct ballot other;
	struct signature signature;

	(void)state;
	for (int field = 0; field < 4; field++) {
		make(0x0b);
		other = ballot;
		other.window += field == 0;
		other.epoch += field == 1;
		other.round += field == 2;
		other.mesh.bytes[0] ^= field == 3;
		signature = mesh_vote(mesh_at(&mesh, 1), &other);
		memcpy(signatures + 64, signature.bytes, 64);
		assert_verdict(ERR_SIGNATURE, 2);
	}
}

static void
another_epoch_or_subject(void **state)
{
	(void)state;
	make(0x0b);
	certificate.epoch = 2;
	assert_verdict(ERR_EPOCH, 0);
	make(0x0b);
	certificate.subject.bytes[0] ^= 1;
	assert_verdict(ERR_SUBJECT, 0);
}

/* No bit of a certificate in its entry can change without it being refused by its own signatures. */
static void
every_bit_flip_is_refused(void **state)
{
	static uint8_t body[1024];
	struct entry entry = { .kind = ENTRY_CERTIFICATE };
	size_t size = sizeof(body), checked, kept = 0;

	(void)state;
	make(0x0b);
	entry.header = mesh_header(&mesh, &mesh.members[0]);
	entry.certificate = certificate;
	assert_ok(entry_encode(&entry, body, &size));
	for (size_t bit = 0; bit < size * 8; bit++) {
		struct entry damaged;

		body[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (entry_decode((struct span){ body, size }, &damaged) == ERR_OK &&
		    damaged.kind == ENTRY_CERTIFICATE &&
		    certificate_verify(
		        crypto_sodium(), mesh.roster, &damaged.certificate, &checked) == ERR_OK) {
			/* Only the header's, which the entry's own signature covers. */
			if (memcmp(&damaged.header, &entry.header, sizeof(entry.header)) == 0)
				fail_msg("bit %zu flipped and accepted", bit);
			kept++;
		}
		body[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(kept > 0);
}

/* ---- electorates ------------------------------------------------------------ */

/* Is a certificate by the first count others of a mesh of so many heads valid? */
static enum err
certify(size_t heads, size_t count, const uint32_t *weights)
{
	static uint8_t signed_by[256 * 64], bits[32];
	struct certificate c;
	struct mesh m;
	struct ballot b;
	size_t made = 0, checked;
	enum err err;

	mesh_init(&m, heads);
	for (size_t i = 0; weights != NULL && i < heads; i++)
		m.members[i].weight = weights[i];
	mesh_pack(&m);
	assert_ok(mesh_parse(&m));
	/* The subject is the first member by seed, the voters those that follow it. */
	b = mesh_ballot(&m, &m.members[0]);
	memset(bits, 0, sizeof(bits));
	for (size_t i = 1; i <= count; i++) {
		int ordinal = epoch_ordinal(roster_current(m.roster), m.members[i].index);

		assert_true(ordinal >= 0);
		bits[ordinal / 8] |= (uint8_t)(1 << ordinal % 8);
	}
	for (size_t bit = 0; bit < epoch_heads(roster_current(m.roster)); bit++) {
		if (bits[bit / 8] >> bit % 8 & 1) {
			struct signature s = mesh_vote(
			    mesh_at(&m, epoch_head_at(roster_current(m.roster), bit)), &b);

			memcpy(signed_by + 64 * made++, s.bytes, 64);
		}
	}
	c = (struct certificate){ .level = b.level,
		.subject = b.subject,
		.epoch = 1,
		.window = b.window,
		.voters = { bits, (epoch_heads(roster_current(m.roster)) + 7) / 8 },
		.signatures = { signed_by, made * 64 } };
	err = certificate_verify(crypto_sodium(), m.roster, &c, &checked);
	mesh_free(&m);
	return err;
}

/* Exactly half is no majority; at most four heads need all others; two are the least. */
static void
exactly_half(void **state)
{
	(void)state;
	assert_err(ERR_QUORUM, certify(2, 1, NULL));
	assert_err(ERR_QUORUM, certify(3, 1, NULL));
	assert_ok(certify(3, 2, NULL));
	assert_err(ERR_QUORUM, certify(4, 2, NULL));
	assert_ok(certify(4, 3, NULL));
	assert_err(ERR_QUORUM, certify(5, 2, NULL)); /* 2 of 4 */
	assert_ok(certify(5, 3, NULL));
	assert_err(ERR_QUORUM, certify(31, 15, NULL)); /* 15 of 30 */
	assert_ok(certify(31, 16, NULL));
}

/* Number without weight is no quorum, nor is weight without number. */
static void
number_and_weight(void **state)
{
	static const uint32_t heavy_last[] = { 32, 8, 8, 8, 24, 0 };
	static const uint32_t heavy_first[] = { 32, 64, 64, 8, 8, 8 };
	static const uint32_t heavy_half[] = { 32, 64, 64, 8, 8 };

	(void)state;
	assert_err(
	    ERR_QUORUM, certify(6, 3, heavy_last)); /* 24 of 48 in weight, 3 of 4 in number */
	assert_ok(certify(6, 4, heavy_last));
	assert_err(ERR_QUORUM, certify(6, 2, heavy_first)); /* 128 of 152 in weight, 2 of 5 */
	assert_ok(certify(6, 3, heavy_first));
	assert_err(ERR_QUORUM, certify(5, 2, heavy_half)); /* 128 of 144 in weight, 2 of 4 */
}

/* ---- tally -------------------------------------------------------------------- */

/* Ballots in any order tally to the same certificate, and it verifies. */
static void
tally_makes_a_certificate(void **state)
{
	static const member_index orders[][4] = { { 0, 1, 3, 5 }, { 5, 3, 1, 0 }, { 3, 0, 5, 1 } };
	uint8_t first[4 * 64];

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct certificate made;
		struct tally *tally;

		assert_ok(tally_new(mesh.roster, &ballot, &tally));
		for (size_t v = 0; v < 4; v++) {
			struct signature s = mesh_vote(mesh_at(&mesh, orders[i][v]), &ballot);

			assert_true(tally_is_quorum(tally, mesh.roster) == (v >= 3));
			if (v < 3)
				assert_err(
				    ERR_QUORUM, tally_certificate(tally, mesh.roster, &made));
			assert_false(tally_has(tally, mesh.roster, orders[i][v]));
			assert_ok(tally_add(tally, mesh.roster, orders[i][v], &s));
			assert_true(tally_has(tally, mesh.roster, orders[i][v]));
			assert_err(ERR_VOTER, tally_add(tally, mesh.roster, orders[i][v], &s));
			assert_int_equal(tally_voters(tally), v + 1);
		}
		assert_ok(tally_certificate(tally, mesh.roster, &made));
		certificate = made;
		assert_verdict(ERR_OK, 4);
		assert_int_equal(made.voters.data[0], 0x2b);
		if (i == 0)
			memcpy(first, made.signatures.data, sizeof(first));
		assert_memory_equal(first, made.signatures.data, sizeof(first));
		tally_free(tally);
	}
	tally_free(NULL);
}

static void
tally_refuses(void **state)
{
	struct signature s = { { 0 } };
	struct tally *tally;

	(void)state;
	assert_ok(tally_new(mesh.roster, &ballot, &tally));
	assert_err(ERR_VOTER, tally_add(tally, mesh.roster, subject->index, &s));
	assert_err(ERR_VOTER, tally_add(tally, mesh.roster, HEADS, &s));
	assert_err(ERR_VOTER, tally_add(tally, mesh.roster, MEMBER_NONE, &s));
	assert_int_equal(tally_voters(tally), 0);
	tally_free(tally);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quorums),
		cmocka_unit_test(too_few),
		cmocka_unit_test(voters_that_are_none),
		cmocka_unit_test(surplus_and_missing_signatures),
		cmocka_unit_test(a_signer_twice),
		cmocka_unit_test(a_stranger),
		cmocka_unit_test(mixed_ballots),
		cmocka_unit_test(another_epoch_or_subject),
		cmocka_unit_test(every_bit_flip_is_refused),
		cmocka_unit_test(exactly_half),
		cmocka_unit_test(number_and_weight),
		cmocka_unit_test(tally_makes_a_certificate),
		cmocka_unit_test(tally_refuses),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
