/* Ballots are the same bytes for every voter, and a signature fits one ballot only. */
#include "tests/mesh.h"

static void
fixed_layout(void **state)
{
	struct ballot ballot = { .level = LEVEL_RELEASE,
		.epoch = 0x0102030405060708,
		.round = 0x090a0b0c,
		.window = 0x0d0e0f1011121314 };
	uint8_t bytes[BALLOT_BYTES];

	(void)state;
	memset(ballot.mesh.bytes, 0xaa, 16);
	memset(ballot.subject.bytes, 0xbb, 16);
	ballot_write(&ballot, bytes);
	assert_int_equal(BALLOT_BYTES, 53);
	assert_int_equal(bytes[0], 2);
	assert_memory_equal(bytes + 1, ballot.mesh.bytes, 16);
	assert_memory_equal(bytes + 17, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_memory_equal(bytes + 25, ballot.subject.bytes, 16);
	assert_memory_equal(bytes + 41, "\x09\x0a\x0b\x0c", 4);
	assert_memory_equal(bytes + 45, "\x0d\x0e\x0f\x10\x11\x12\x13\x14", 8);
}

/* No field can change under a signature. */
static void
every_field_is_signed(void **state)
{
	const struct crypto *crypto = crypto_sodium();
	const struct mesh_member *voter;
	struct ballot ballot, changed;
	struct signature signature;
	struct mesh mesh;

	(void)state;
	mesh_make(&mesh, 5);
	voter = &mesh.members[0];
	ballot = mesh_ballot(&mesh, &mesh.members[1]);
	signature = mesh_vote(voter, &ballot);
	assert_true(ballot_verify(crypto, &voter->key.public_key, &ballot, &signature));
	assert_false(ballot_verify(crypto, &mesh.members[2].key.public_key, &ballot, &signature));
	for (int field = 0; field < 6; field++) {
		changed = ballot;
		if (field == 0)
			changed.level = LEVEL_RELEASE;
		changed.mesh.bytes[15] ^= field == 1;
		changed.epoch += field == 2;
		changed.subject.bytes[0] ^= field == 3;
		changed.round += field == 4;
		changed.window += field == 5;
		if (ballot_verify(crypto, &voter->key.public_key, &changed, &signature))
			fail_msg("field %d is not signed", field);
	}
	mesh_free(&mesh);
}

static void
windows(void **state)
{
	(void)state;
	assert_int_equal(ballot_window(0), 0);
	assert_int_equal(ballot_window(599999), 0);
	assert_int_equal(ballot_window(600000), 1);
	assert_int_equal(ballot_window(MESH_TIME_MS), 2983333);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_layout),
		cmocka_unit_test(every_field_is_signed),
		cmocka_unit_test(windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
