/*
 * Phalanx takes the uids that the host keeps for it, and no others: the range
 * has to be whole, its own, and the same for users and groups.
 */
#include "sys/uids.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/check.h"

static char folder[] = "/tmp/phalanx-uids-XXXXXX";
static char users[64], groups[64];

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static uint32_t
reserved(const char *subuid, const char *subgid)
{
	write_file(users, subuid);
	write_file(groups, subgid);
	return uids_reserved(users, groups);
}

static void
the_range_is_found(void **unused)
{
	static const char others[] = "alice:100000:65536\n# a remark\nphalanx:165536:16\n";

	(void)unused;
	assert_int_equal(reserved("phalanx:165536:16\n", others), 165536);
	assert_int_equal(reserved("phalanx:100000:9\n", "phalanx:100000:9\n"), 100000);
	/* One that is too short before one that is not. */
	assert_int_equal(reserved("phalanx:5:8\nphalanx:300:9\n", "phalanx:300:65536\n"), 300);
}

static void
nothing_else_is_taken(void **unused)
{
	static const char good[] = "phalanx:165536:16\n";
	static const char *const bad[] = { "", "alice:165536:16\n", "phalanx2:165536:16\n",
		"phalanx:165536:8\n", "phalanx:165552:16\n", "phalanx:165536\n", "phalanx::16\n",
		"phalanx:-1:16\n", "phalanx:0x10:16\n", "phalanx:165536:16",
		"phalanx:165536:16 x\n", "phalanx:2147483647:16\n",
		"phalanx:99999999999999999999:16\n", " phalanx:165536:16\n", "phalanx:0:16\n" };

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(reserved(bad[i], good), 0);
		assert_int_equal(reserved(good, bad[i]), 0);
	}
	assert_int_equal(unlink(groups), 0);
	assert_int_equal(uids_reserved(users, groups), 0);
}

static int
make_folder(void **unused)
{
	(void)unused;
	assert_non_null(mkdtemp(folder));
	snprintf(users, sizeof(users), "%s/subuid", folder);
	snprintf(groups, sizeof(groups), "%s/subgid", folder);
	return 0;
}

static int
remove_folder(void **unused)
{
	(void)unused;
	(void)unlink(users);
	(void)unlink(groups);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_range_is_found),
		cmocka_unit_test(nothing_else_is_taken),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
