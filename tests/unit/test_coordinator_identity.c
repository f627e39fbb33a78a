/* The coordinator's own key on disk. */
#include <sys/stat.h>
#include <unistd.h>
#include "coordinator/identity.h"
#include "sys/log.h"
#include "sys/wholefile.h"
#include "tests/unit/feed_fixture.h"

static char directory[64], path[128];

static int
make_directory(void **unused)
{
	(void)unused;
	strcpy(directory, "/tmp/phalanx-test.XXXXXX");
	if (sodium_init() == -1 || mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/identity.key", directory);
	log_init("", "test", LOG_LEVEL_ERROR);
	return 0;
}

static int
drop_directory(void **unused)
{
	(void)unused;
	return nftw(directory, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* The first start makes the key, private; the next one has the same, and what it seals verifies. */
static void
made_once(void **unused)
{
	struct identity *first = NULL, *again = NULL;
	struct signature signature;
	struct stat st;

	(void)unused;
	assert_ok(identity_open(directory, &first));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(identity_open(directory, &again));
	assert_memory_equal(identity_key(first), identity_key(again), sizeof(struct public_key));
	assert_int_equal(identity_since_ms(first), identity_since_ms(again));
	assert_true(identity_since_ms(first) > 1600000000000);
	identity_seal(again, "text", 4, &signature);
	assert_int_equal(crypto_sign_verify_detached(signature.bytes, (const uint8_t *)"text", 4,
	                     identity_key(first)->bytes),
	    0);
	identity_close(first);
	identity_close(again);
}

/* A key that others may read, and a torn one, end the start; neither file is touched. */
static void
bad_files_stay_and_are_refused(void **unused)
{
	struct identity *identity = NULL;
	uint8_t *text = NULL, *after = NULL;
	size_t size_bytes = 0, after_bytes = 0;

	(void)unused;
	assert_int_equal(chmod(path, 0640), 0);
	assert_err(ERR_DENIED, identity_open(directory, &identity));
	assert_int_equal(chmod(path, 0600), 0);
	assert_ok(wholefile_read(path, 1000, &text, &size_bytes));
	for (size_t kept = 0; kept < size_bytes - 1; kept += 31) {
		assert_ok(wholefile_replace(path, 0600, text, kept));
		assert_err(ERR_MALFORMED, identity_open(directory, &identity));
		assert_ok(wholefile_read(path, 1000, &after, &after_bytes));
		assert_int_equal(after_bytes, kept);
		assert_memory_equal(after, text, kept);
		free(after);
	}
	assert_null(identity);
	assert_ok(wholefile_replace(path, 0600, text, size_bytes));
	assert_ok(identity_open(directory, &identity));
	identity_close(identity);
	free(text);
}

/* What a crash left beside the file while it was made is no key. */
static void
half_made_is_not_there(void **unused)
{
	struct identity *identity = NULL;
	char beside[160];

	(void)unused;
	assert_int_equal(unlink(path), 0);
	snprintf(beside, sizeof(beside), "%s.a1B2c3", path);
	assert_ok(wholefile_replace(beside, 0600, "0123", 4));
	assert_ok(identity_open(directory, &identity));
	identity_close(identity);
}

/* A directory that cannot be written to is an error, not a key that is gone tomorrow. */
static void
nowhere_to_keep_it(void **unused)
{
	struct identity *identity = NULL;

	(void)unused;
	assert_err(ERR_NOT_FOUND, identity_open("/tmp/phalanx-test-no-such-directory", &identity));
	assert_null(identity);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_once),
		cmocka_unit_test(bad_files_stay_and_are_refused),
		cmocka_unit_test(half_made_is_not_there),
		cmocka_unit_test(nowhere_to_keep_it),
	};

	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
