/*
 * Which two entries convict their author, and which Proofs are none.
 */
#include "core/proof.h"
#include "tests/entries.h"

static struct mesh mesh;

struct signed_entry {
	uint8_t bytes[2048];
	struct span span;
	struct entry_header header;
	struct hash hash;
};

/* A precaution by this member; score tells bodies apart. */
static void
make(struct signed_entry *s, size_t author, uint64_t sequence, uint32_t score,
    const struct hash *previous)
{
	struct entry e = { .kind = ENTRY_SELF_REPORT,
		.header = mesh_header(&mesh, &mesh.members[author]) };
	struct envelope envelope;

	e.header.sequence = sequence;
	if (previous != NULL)
		e.header.previous = *previous;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	e.self_report.score = score;
	s->header = e.header;
	s->span = (struct span){ s->bytes,
		mesh_envelope(&mesh.members[author], &e, s->bytes, sizeof(s->bytes)) };
	assert_ok(envelope_parse(s->span.data, s->span.size_bytes, &envelope));
	entry_hash(crypto_sodium(), envelope.body, &s->hash);
}

static bool
contradict(const struct signed_entry *a, const struct signed_entry *b)
{
	struct proof_place x = { &a->header, &a->hash }, y = { &b->header, &b->hash };
	bool either = proof_contradict(&x, &y);

	assert_int_equal(either, proof_contradict(&y, &x));
	return either;
}

static enum err
check(const struct proof *proof)
{
	member_index culprit = MEMBER_NONE;
	size_t checked;
	enum err err = proof_check(crypto_sodium(), mesh.roster, proof, &checked, &culprit);

	if (err == ERR_OK) {
		assert_int_equal(culprit, mesh.members[1].index);
		assert_int_equal(checked, 2);
	} else {
		assert_int_equal(culprit, MEMBER_NONE);
	}
	return err;
}

static const struct hash elsewhere = { { 7 } };

/* One place has one body, and the next names its hash; all else is lawful. */
static void
a_feed_is_a_chain(void **unused)
{
	struct signed_entry first, twin, next, broken, later, stranger, last, wrapped;

	(void)unused;
	make(&first, 1, 5, 1, NULL);
	make(&twin, 1, 5, 2, NULL);
	make(&next, 1, 6, 1, &first.hash);
	make(&broken, 1, 6, 1, &elsewhere);
	make(&later, 1, 7, 1, &elsewhere);
	make(&stranger, 2, 5, 2, NULL);
	make(&last, 1, UINT64_MAX, 1, NULL);
	make(&wrapped, 1, 1, 1, NULL);
	assert_true(contradict(&first, &twin));
	assert_true(contradict(&first, &broken));
	assert_true(contradict(&twin, &next));
	assert_false(contradict(&first, &first));
	assert_false(contradict(&first, &next));
	assert_false(contradict(&first, &later)); /* a gap between them */
	assert_false(contradict(&first, &stranger));
	assert_false(contradict(&last, &wrapped));
	twin.header.incarnation++;
	assert_false(contradict(&first, &twin));
}

/* Whoever makes it, in whatever order the two came, it is the same Proof, and convicts. */
static void
both_orders_make_one_proof(void **unused)
{
	struct signed_entry first, twin, broken;
	struct proof one, other;
	struct node_id accused;

	(void)unused;
	make(&first, 1, 5, 1, NULL);
	make(&twin, 1, 5, 2, NULL);
	make(&broken, 1, 6, 1, &elsewhere);
	assert_ok(proof_make(crypto_sodium(), first.span, twin.span, &one));
	assert_ok(proof_make(crypto_sodium(), twin.span, first.span, &other));
	assert_memory_equal(&one, &other, sizeof(one));
	assert_ok(check(&one));
	assert_ok(proof_make(crypto_sodium(), broken.span, first.span, &one));
	assert_ptr_equal(one.first.data, first.bytes);
	assert_ok(check(&one));
	assert_true(proof_accused(&one, &accused));
	assert_true(node_id_equal(&accused, &mesh.members[1].id));
}

static void
what_does_not_convict_is_refused(void **unused)
{
	struct signed_entry first, twin, next, stranger;
	struct proof proof, swapped;
	struct mesh other;

	(void)unused;
	make(&first, 1, 5, 1, NULL);
	make(&twin, 1, 5, 2, NULL);
	make(&next, 1, 6, 1, &first.hash);
	make(&stranger, 2, 5, 2, NULL);
	assert_int_equal(proof_make(crypto_sodium(), first.span, next.span, &proof), ERR_MALFORMED);
	assert_int_equal(
	    proof_make(crypto_sodium(), first.span, stranger.span, &proof), ERR_MALFORMED);
	assert_int_equal(
	    proof_make(crypto_sodium(), first.span, first.span, &proof), ERR_MALFORMED);
	assert_int_equal(check(&(struct proof){ first.span, next.span }), ERR_MALFORMED);

	/* Of two encodings of one fact only one is canonical. */
	assert_ok(proof_make(crypto_sodium(), first.span, twin.span, &proof));
	swapped = (struct proof){ proof.second, proof.first };
	assert_int_equal(check(&swapped), ERR_MALFORMED);

	/* Either signature. */
	for (unsigned i = 0; i < 2; i++) {
		struct signed_entry *s = i == 0 ? &first : &twin;

		s->bytes[s->span.size_bytes - 1] ^= 1;
		assert_int_equal(check(&proof), ERR_SIGNATURE);
		s->bytes[s->span.size_bytes - 1] ^= 1;
	}
	assert_ok(check(&proof));

	/* Of a member that this roster does not know. */
	mesh_make(&other, 1);
	memcpy(other.id.bytes, mesh.id.bytes, sizeof(other.id.bytes));
	{
		member_index culprit;
		size_t checked;

		assert_int_equal(
		    proof_check(crypto_sodium(), other.roster, &proof, &checked, &culprit),
		    ERR_SUBJECT);
		assert_int_equal(checked, 0);
	}
	mesh_free(&other);
}

/* Signed by an incarnation that the CA has not made yet. */
static void
an_incarnation_to_come_is_refused(void **unused)
{
	struct signed_entry s[2];
	struct proof proof;

	(void)unused;
	for (uint32_t i = 0; i < 2; i++) {
		struct entry e = { .kind = ENTRY_SELF_REPORT,
			.header = mesh_header(&mesh, &mesh.members[1]) };

		e.header.incarnation = 2;
		e.self_report.kind = SELF_REPORT_PRECAUTION;
		e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
		e.self_report.score = i;
		s[i].span = (struct span){ s[i].bytes,
			mesh_envelope(&mesh.members[1], &e, s[i].bytes, sizeof(s[i].bytes)) };
	}
	assert_ok(proof_make(crypto_sodium(), s[0].span, s[1].span, &proof));
	assert_int_equal(check(&proof), ERR_AUTHOR);
}

static int
set_up(void **unused)
{
	(void)unused;
	mesh_make(&mesh, 5);
	return 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	mesh_free(&mesh);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_feed_is_a_chain),
		cmocka_unit_test(both_orders_make_one_proof),
		cmocka_unit_test(what_does_not_convict_is_refused),
		cmocka_unit_test(an_incarnation_to_come_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
