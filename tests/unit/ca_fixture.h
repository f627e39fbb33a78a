/*
 * ca_fixture: phalanx as people run it, in a directory of the test's own.
 */
#ifndef TESTS_UNIT_CA_FIXTURE_H
#define TESTS_UNIT_CA_FIXTURE_H
#include <limits.h>
#include <sys/wait.h>
#include "tests/unit/feed_fixture.h"

static char directory[32], binary[PATH_MAX];

/* Runs phalanx there; its status and, in said, all it printed. */
static char said[65536];

static inline int
run(const char *format, ...)
{
	char arguments[1024], command[PATH_MAX + 2048];
	va_list list;
	size_t size;
	FILE *pipe;

	va_start(list, format);
	vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "cd %s && PHALANX=%s && { %s; } 2>&1", directory, binary,
	    arguments);
	assert_non_null(pipe = popen(command, "r"));
	size = fread(said, 1, sizeof(said) - 1, pipe);
	said[size] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

#define assert_run(status, words, ...)                                                            \
	do {                                                                                      \
		int status_ = run(__VA_ARGS__);                                                   \
		if (status_ != (status) || strstr(said, words) == NULL)                           \
			fail_msg("exit %d, expected %d with \"%s\":\n%s", status_, status, words, \
			    said);                                                                \
	} while (0)

static inline int
setup(void **unused)
{
	char *end;
	ssize_t n;

	(void)unused;
	assert_int_not_equal(sodium_init(), -1);
	n = readlink("/proc/self/exe", binary, sizeof(binary) - 32);
	assert_true(n > 0);
	binary[n] = '\0';
	for (int i = 0; i < 2; i++) {
		assert_non_null(end = strrchr(binary, '/'));
		*end = '\0';
	}
	strcat(binary, "/bin/phalanx");
	strcpy(directory, "/tmp/phalanx-ca.XXXXXX");
	assert_non_null(mkdtemp(directory));
	return 0;
}

static inline int
teardown(void **unused)
{
	(void)unused;
	return nftw(directory, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
