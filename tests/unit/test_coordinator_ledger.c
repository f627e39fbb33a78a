/*
 * The ledger says of a member what its proven entries say, whatever order
 * they came in, and nothing that was not proven.
 */
#include "coordinator/ledger.h"
#include "core/proof.h"
#include "tests/mesh.h"

#define HEADS  6
#define NOW_MS (MESH_TIME_MS + 1000)

static struct mesh mesh;
static uint8_t bytes[4][4096];

static int
setup(void **state)
{
	(void)state;
	mesh_make(&mesh, HEADS);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	mesh_free(&mesh);
	return 0;
}

static struct span
self_report(
    const struct mesh_member *author, enum self_report_kind kind, uint64_t time_ms, uint8_t *out)
{
	struct entry e = { .kind = ENTRY_SELF_REPORT, .header = mesh_header(&mesh, author) };

	e.header.time_ms = time_ms;
	e.self_report = (struct self_report){ .kind = kind, .reason = CLASS_HONEYPOT_TRIPPED };
	return (struct span){ out, mesh_envelope(author, &e, out, sizeof(bytes[0])) };
}

static enum err
give(struct ledger *l, struct span envelope)
{
	static struct ledger_entry entry;
	enum err err = ledger_check(l, envelope, &entry);

	return err == ERR_OK ? ledger_apply(l, &entry) : err;
}

static void
statuses(struct ledger *l, char out[HEADS + 1])
{
	static const char letters[] = { [STATUS_HEALTHY] = '.',
		[STATUS_ATTACKED] = 'a',
		[STATUS_RESTRICTED] = 'r',
		[STATUS_QUARANTINED] = 'Q',
		[STATUS_UNREACHABLE] = 'u' };

	for (size_t i = 0; i < HEADS; i++)
		out[i] = letters[ledger_status(l, mesh.members[i].index, NOW_MS)];
	out[HEADS] = '\0';
}

/* Of six heads two precautions stand; the third by (second, hash) stood down, in every order. */
static void
order_of_arrival_does_not_matter(void **state)
{
	static const size_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
		{ 2, 0, 1 }, { 2, 1, 0 } };
	struct span reports[3];
	struct ledger *l;
	char seen[HEADS + 1];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		reports[i] = self_report(&mesh.members[i], SELF_REPORT_PRECAUTION,
		    MESH_TIME_MS - 30000 + 1000 * i, bytes[i]);
	for (size_t o = 0; o < 6; o++) {
		assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
		for (size_t i = 0; i < 3; i++)
			assert_ok(give(l, reports[orders[o][i]]));
		statuses(l, seen);
		assert_string_equal(seen, "QQa...");
		assert_int_equal(ledger_incident_count(l), 3);
		ledger_free(l);
	}
}

static struct span
certificate(enum level level, uint8_t skip, uint8_t *out)
{
	static uint8_t voters[1], signatures[HEADS * 64];
	const struct mesh_member *subject = mesh_at(&mesh, 0);
	struct entry e = { .kind = ENTRY_CERTIFICATE,
		.header = mesh_header(&mesh, &mesh.members[0]) };
	struct ballot ballot = mesh_ballot(&mesh, subject);
	size_t n = 0;

	ballot.level = level;
	voters[0] = 0;
	for (uint8_t i = 1 + skip; i < HEADS; i++) {
		struct signature signature = mesh_vote(mesh_at(&mesh, i), &ballot);

		voters[0] |= (uint8_t)(1 << i);
		memcpy(signatures + 64 * n++, signature.bytes, 64);
	}
	e.certificate = (struct certificate){ .level = level,
		.subject = subject->id,
		.epoch = 1,
		.window = ballot.window,
		.voters = { voters, 1 },
		.signatures = { signatures, 64 * n } };
	return (struct span){ out, mesh_envelope(&mesh.members[0], &e, out, sizeof(bytes[0])) };
}

/* A quorum certificate holds its subject until a RELEASE of that round; three of five others are needed. */
static void
a_certificate_holds_until_release(void **state)
{
	struct ledger *l;
	member_index subject = 0;

	(void)state;
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_err(ERR_QUORUM, give(l, certificate(LEVEL_QUARANTINE, 3, bytes[0])));
	assert_int_equal(ledger_status(l, subject, NOW_MS), STATUS_HEALTHY);
	assert_ok(give(l, certificate(LEVEL_QUARANTINE, 2, bytes[0])));
	assert_int_equal(ledger_status(l, subject, NOW_MS), STATUS_QUARANTINED);
	assert_int_equal(ledger_incident(l, 0)->voter_count, 3);
	assert_string_equal(incident_evidence_text(ledger_incident(l, 0)), "certificate");
	assert_ok(give(l, certificate(LEVEL_RELEASE, 2, bytes[1])));
	assert_int_equal(ledger_status(l, subject, NOW_MS), STATUS_HEALTHY);
	assert_int_equal(incident_level(ledger_incident(l, 0)), INCIDENT_RELEASED);
	ledger_free(l);
}

static struct span
receipt(const struct mesh_member *author, uint64_t held_us, uint64_t sequence, uint8_t *out)
{
	struct entry e = { .kind = ENTRY_RECEIPT, .header = mesh_header(&mesh, author) };

	e.header.sequence = sequence;
	e.receipt = (struct receipt){ .subject = mesh_at(&mesh, 0)->id, .held_us = held_us };
	return (struct span){ out, mesh_envelope(author, &e, out, sizeof(bytes[0])) };
}

/* Receipts tell how soon kernels held a subject: each host's first word, the middle and the last. */
static void
receipts_are_counted_once_a_host(void **state)
{
	static const uint64_t held[] = { 900, 300, 700 };
	uint64_t median, last;
	struct ledger *l;

	(void)state;
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_ok(give(l, certificate(LEVEL_QUARANTINE, 2, bytes[0])));
	assert_false(incident_held_us(ledger_incident(l, 0), &median, &last));
	for (member_index i = 0; i < 3; i++)
		assert_ok(give(l, receipt(mesh_at(&mesh, i + 1), held[i], 1, bytes[1])));
	assert_ok(give(l, receipt(mesh_at(&mesh, 1), 5, 2, bytes[1])));
	assert_int_equal(ledger_incident_count(l), 1);
	assert_int_equal(ledger_incident(l, 0)->cut_count, 3);
	assert_true(incident_held_us(ledger_incident(l, 0), &median, &last));
	assert_int_equal(median, 700);
	assert_int_equal(last, 900);
	ledger_free(l);
}

/* What a severed host may ask for is its newest RELEASE certificate, byte by byte as signed. */
static void
a_release_is_kept_for_its_subject(void **state)
{
	struct span given = certificate(LEVEL_RELEASE, 2, bytes[0]), kept;
	struct ledger *l;

	(void)state;
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_int_equal(ledger_release(l, 0).size_bytes, 0);
	assert_int_equal(ledger_released_ms(l, 0), 0);
	assert_ok(give(l, given));
	kept = ledger_release(l, 0);
	assert_int_equal(kept.size_bytes, given.size_bytes);
	assert_memory_equal(kept.data, given.data, kept.size_bytes);
	assert_int_equal(ledger_released_ms(l, 0), MESH_TIME_MS);
	assert_int_equal(ledger_release(l, 1).size_bytes, 0);
	ledger_free(l);
}

/* An address outside the mesh is nobody's incident. */
static void
an_indicator_accuses_nobody(void **state)
{
	struct entry e = { .kind = ENTRY_INDICATOR,
		.header = mesh_header(&mesh, &mesh.members[0]),
		.indicator = { .address = { 4, { 203, 0, 113, 7 } },
		    .ttl_s = 60,
		    .reason = CLASS_HONEYPOT_TRIPPED,
		    .score = 9 } };
	char seen[HEADS + 1];
	struct ledger *l;

	(void)state;
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_ok(give(l, (struct span){ bytes[0],
	                      mesh_envelope(&mesh.members[0], &e, bytes[0], sizeof(bytes[0])) }));
	assert_int_equal(ledger_incident_count(l), 0);
	assert_int_equal(ledger_blocked_count(l), 1);
	assert_int_equal(ledger_held_total(l), 1);
	statuses(l, seen);
	assert_string_equal(seen, "......");
	ledger_free(l);
}

/* Two bodies under one sequence hold their author quarantined, and no RELEASE ends that. */
static void
a_proof_holds_for_good(void **state)
{
	struct span first, second;
	struct entry e = { .kind = ENTRY_PROOF, .header = mesh_header(&mesh, mesh_at(&mesh, 1)) };
	struct ledger *l;

	(void)state;
	first = self_report(mesh_at(&mesh, 0), SELF_REPORT_PRECAUTION, MESH_TIME_MS, bytes[0]);
	second = self_report(mesh_at(&mesh, 0), SELF_REPORT_PRECAUTION, MESH_TIME_MS + 1, bytes[1]);
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_ok(proof_make(crypto_sodium(), first, second, &e.proof));
	assert_ok(give(l, (struct span){ bytes[2],
	                      mesh_envelope(mesh_at(&mesh, 1), &e, bytes[2], sizeof(bytes[2])) }));
	assert_int_equal(ledger_status(l, 0, NOW_MS), STATUS_QUARANTINED);
	assert_string_equal(incident_evidence_text(ledger_incident(l, 0)), "proof");
	assert_ok(give(l, certificate(LEVEL_RELEASE, 2, bytes[3])));
	assert_int_equal(ledger_status(l, 0, NOW_MS), STATUS_QUARANTINED);
	ledger_free(l);
}

/* A touched witness is attacked for as long as its grounds last; its subject stands accused only. */
static void
a_statement_marks_its_witness_for_a_while(void **state)
{
	struct entry e = { .kind = ENTRY_STATEMENT,
		.header = mesh_header(&mesh, &mesh.members[0]) };
	struct ledger *l;
	size_t size;

	(void)state;
	e.statement = (struct statement){ .subject = mesh.members[1].id,
		.class = CLASS_HONEYPOT_TRIPPED,
		.source = { { 4, { 10, 77, 0, 2 } }, 4000 },
		.destination = { { 4, { 10, 77, 0, 1 } }, 2222 },
		.score = 9,
		.seen_ms = MESH_TIME_MS };
	size = mesh_envelope(&mesh.members[0], &e, bytes[0], sizeof(bytes[0]));
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_ok(give(l, (struct span){ bytes[0], size }));
	assert_int_equal(ledger_status(l, mesh.members[0].index, NOW_MS), STATUS_ATTACKED);
	assert_int_equal(ledger_status(l, mesh.members[0].index, MESH_TIME_MS + LIMIT_GROUNDS_MS),
	    STATUS_HEALTHY);
	assert_int_equal(ledger_status(l, mesh.members[1].index, NOW_MS), STATUS_HEALTHY);
	assert_int_equal(incident_level(ledger_incident(l, 0)), INCIDENT_ACCUSED);
	ledger_free(l);
}

static struct span
accuse(size_t witness, size_t subject, uint64_t time_ms, uint8_t *out)
{
	struct entry e = { .kind = ENTRY_STATEMENT,
		.header = mesh_header(&mesh, &mesh.members[witness]) };

	e.header.time_ms = time_ms;
	e.header.sequence = 1 + subject;
	e.statement = (struct statement){ .subject = mesh.members[subject].id,
		.class = CLASS_HONEYPOT_TRIPPED,
		.source = { { 4, { 10, 77, 0, 2 } }, 4000 },
		.destination = { { 4, { 10, 77, 0, 1 } }, 2222 },
		.score = 9,
		.seen_ms = time_ms };
	return (
	    struct span){ out, mesh_envelope(&mesh.members[witness], &e, out, sizeof(bytes[0])) };
}

/* k witnesses within a minute restrict, for ten minutes; apart, or of many accused the later, they do not. */
static void
witnesses_that_agree_restrict(void **state)
{
	const uint64_t t = MESH_TIME_MS;
	struct ledger *l;
	member_index subject = mesh.members[5].index;

	(void)state;
	assert_int_equal(epoch_k(roster_current(mesh.roster), 0), 2);
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_ok(give(l, accuse(0, 5, t, bytes[0])));
	assert_int_equal(ledger_status(l, subject, NOW_MS), STATUS_HEALTHY);
	/* It has accused another before, and that is what counts of it. */
	assert_ok(give(l, accuse(1, 4, t - 1000, bytes[0])));
	assert_ok(give(l, accuse(1, 5, t, bytes[0])));
	assert_int_equal(ledger_status(l, subject, NOW_MS), STATUS_HEALTHY);
	/* Not at that time. */
	assert_ok(give(l, accuse(2, 5, t + LIMIT_RESTRICT_SPAN_MS + 1, bytes[0])));
	assert_int_equal(ledger_status(l, subject, NOW_MS), STATUS_HEALTHY);
	assert_ok(give(l, accuse(3, 5, t + 500, bytes[0])));
	assert_int_equal(ledger_status(l, subject, NOW_MS), STATUS_RESTRICTED);
	assert_int_equal(incident_restricted_until_ms(ledger_incident(l, 0), mesh.roster),
	    t + LIMIT_RESTRICT_SPAN_MS + 1 + LIMIT_RESTRICT_MS);
	assert_int_equal(
	    ledger_status(l, subject, t + LIMIT_RESTRICT_SPAN_MS + 1 + LIMIT_RESTRICT_MS),
	    STATUS_HEALTHY);
	ledger_free(l);
}

/* Every single flipped bit of an entry is refused and changes nothing. */
static void
a_damaged_entry_changes_nothing(void **state)
{
	struct span report =
	    self_report(&mesh.members[0], SELF_REPORT_CONFESSION, MESH_TIME_MS, bytes[0]);
	struct ledger *l;

	(void)state;
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	for (size_t bit = 0; bit < 8 * report.size_bytes; bit++) {
		bytes[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (give(l, report) == ERR_OK)
			fail_msg("accepted with bit %zu flipped", bit);
		bytes[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(ledger_incident_count(l), 0);
	assert_ok(give(l, report));
	assert_int_equal(ledger_status(l, mesh.members[0].index, NOW_MS), STATUS_QUARANTINED);
	ledger_free(l);
}

/* count receipts of one author, of one incident. */
static void
fill(struct ledger *l, member_index author, size_t count)
{
	static struct ledger_entry entry;

	assert_ok(ledger_check(l, receipt(mesh_at(&mesh, author), 5, 1, bytes[0]), &entry));
	for (size_t i = 0; i < count; i++)
		assert_ok(ledger_apply(l, &entry));
}

/* When there is no more room, who took more than its share makes it, and who floods makes its own. */
static void
a_flood_pushes_out_its_own(void **state)
{
	const size_t share = LIMIT_HELD_OBJECTS / HEADS;
	struct ledger *l;

	(void)state;
	assert_ok(ledger_new(crypto_sodium(), mesh.roster, &l));
	assert_int_equal(ledger_gives_way(l, mesh_at(&mesh, 1)->index), MEMBER_NONE);
	/* What stands never goes. */
	assert_ok(
	    give(l, self_report(mesh_at(&mesh, 1), SELF_REPORT_CONFESSION, NOW_MS, bytes[0])));
	assert_int_equal(ledger_gives_way(l, mesh_at(&mesh, 1)->index), MEMBER_NONE);
	fill(l, 2, share + 2);
	fill(l, 3, share + 1);
	fill(l, 4, 10);
	assert_int_equal(ledger_gives_way(l, mesh_at(&mesh, 3)->index), mesh_at(&mesh, 3)->index);
	assert_int_equal(ledger_gives_way(l, mesh_at(&mesh, 4)->index), mesh_at(&mesh, 2)->index);
	assert_int_equal(ledger_gives_way(l, mesh_at(&mesh, 5)->index), mesh_at(&mesh, 2)->index);
	ledger_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_arrival_does_not_matter),
		cmocka_unit_test(a_certificate_holds_until_release),
		cmocka_unit_test(receipts_are_counted_once_a_host),
		cmocka_unit_test(a_release_is_kept_for_its_subject),
		cmocka_unit_test(an_indicator_accuses_nobody),
		cmocka_unit_test(a_proof_holds_for_good),
		cmocka_unit_test(a_statement_marks_its_witness_for_a_while),
		cmocka_unit_test(witnesses_that_agree_restrict),
		cmocka_unit_test(a_damaged_entry_changes_nothing),
		cmocka_unit_test(a_flood_pushes_out_its_own),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
