/*
 * The settings come from file, environment and flags, in that rising order;
 * what cannot be meant is refused.
 */
#include <stdlib.h>
#include <unistd.h>
#include "coordinator/settings.h"
#include "tests/check.h"

static char path[] = "/tmp/settings-XXXXXX";

static void
write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static int
setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	unsetenv("COORDINATOR_PORT");
	return fd == -1 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void
a_flag_beats_the_environment_beats_the_file(void **state)
{
	const char *flags[] = { "port=3" };
	struct settings s;

	(void)state;
	write_file("; comment\n[coordinator]\nport = 1\nroster_file = roster\nca_file = /x/ca.pem\n"
	           "listen = 127.0.0.1, 10.77.0.2:9, [fd77::2]:8, fd77::3\nstate_dir = /s\n"
	           "allowed_origin = https://mesh.example\n");
	assert_ok(settings_load(path, NULL, 0, &s));
	assert_int_equal(s.port, 1);
	assert_string_equal(s.roster_file, "/s/roster");
	assert_string_equal(s.ca_file, "/x/ca.pem");
	assert_int_equal(s.listen_count, 4);
	assert_int_equal(s.listen[0].port, 1);
	assert_int_equal(s.listen[1].port, 9);
	assert_int_equal(s.listen[2].port, 8);
	assert_int_equal(s.listen[3].address.family, 6);
	assert_true(s.require_signed);
	setenv("COORDINATOR_PORT", "2", 1);
	assert_ok(settings_load(path, NULL, 0, &s));
	assert_int_equal(s.port, 2);
	assert_ok(settings_load(path, flags, 1, &s));
	assert_int_equal(s.port, 3);
	unsetenv("COORDINATOR_PORT");
}

static void
hooks_are_of_a_section_of_their_own(void **state)
{
	struct settings s;

	(void)state;
	write_file("[coordinator]\nport = 1\n");
	assert_ok(settings_load(path, NULL, 0, &s));
	assert_string_equal(s.hooks.command, "");
	assert_int_equal(s.hooks.timeout_ms, 60000);
	assert_false(s.hooks.on_precaution);
	write_file("[hooks]\non_quarantine = /x/y \"a b\"\nhook_timeout_s = 3600\n"
	           "on_precaution = true\n");
	assert_ok(settings_load(path, NULL, 0, &s));
	assert_string_equal(s.hooks.command, "/x/y \"a b\"");
	assert_int_equal(s.hooks.timeout_ms, 3600000);
	assert_true(s.hooks.on_precaution);
}

static void
what_cannot_be_meant_is_refused(void **state)
{
	static const char *const wrong[] = {
		"port = 1\n",
		"[hooks]\non_quarantine = reboot\n",
		"[hooks]\non_quarantine = /bin/sh -c 'x\n",
		"[hooks]\nhook_timeout_s = 0\n",
		"[hooks]\nhook_timeout_s = 3601\n",
		"[hooks]\nhook_timeout_s = ten\n",
		"[hooks]\non_precaution = perhaps\n",
		"[hooks]\nport = 1\n",
		"[node]\nport = 1\n",
		"[coordinator]\nprot = 1\n",
		"[coordinator]\nport = 65536\n",
		"[coordinator]\nport = -1\n",
		"[coordinator]\nlisten = localhost\n",
		"[coordinator]\nlisten = [::1\n",
		"[coordinator]\nlisten = 1.2.3.4:x\n",
		"[coordinator]\nlocal_mode = maybe\n",
		"[coordinator]\nviewers = nobody\n",
		"[coordinator]\nlocal_mode = true\nlisten = 0.0.0.0\n",
		"[coordinator]\nroster_file = roster\n",
		"[coordinator]\nstate_dir = here\n",
		"[coordinator]\nallowed_origin = *\n",
		"[coordinator]\nnonsense\n",
	};
	struct settings s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write_file(wrong[i]);
		if (settings_load(path, NULL, 0, &s) != ERR_CONFIG)
			fail_msg("accepted: %s", wrong[i]);
	}
	assert_err(ERR_IO, settings_load("/nonexistent/file", NULL, 0, &s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_beats_the_environment_beats_the_file),
		cmocka_unit_test(hooks_are_of_a_section_of_their_own),
		cmocka_unit_test(what_cannot_be_meant_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
