/* Whatever bytes a value has, one call writes one line, in printable ASCII. */
#include <sys/types.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "sys/log.h"
#include "tests/check.h"

static int out[2], saved = -1;

static void
capture(void)
{
	assert_int_equal(pipe(out), 0);
	saved = dup(STDERR_FILENO);
	dup2(out[1], STDERR_FILENO);
}

static size_t
captured(char *text, size_t room)
{
	ssize_t size;

	dup2(saved, STDERR_FILENO);
	close(saved);
	close(out[1]);
	size = read(out[0], text, room - 1);
	close(out[0]);
	assert_true(size >= 0);
	text[size] = '\0';
	return (size_t)size;
}

/* A line feed, an escape sequence or UTF-8 in a value cannot forge or colour a line. */
static void
hostile_value(void **unused)
{
	char text[8192];
	size_t size, i;

	(void)unused;
	log_init("node-a", "decoy", LOG_LEVEL_INFO);
	capture();
	log_info("name=%s", "a\nerror forged\x1b[31m\xc3\xa9\x7f");
	size = captured(text, sizeof(text));
	assert_non_null(
	    strstr(text, "Z node-a decoy info  name=a\\x0aerror forged\\x1b[31m\\xc3\\xa9\\x7f\n"));
	for (i = 0; i + 1 < size; i++)
		assert_true(text[i] >= 0x20 && text[i] < 0x7f);
}

/* A value of any length gives one line of at most 4,000 bytes that ends. */
static void
long_value(void **unused)
{
	static char value[100000];
	char text[8192];
	size_t size;

	(void)unused;
	log_init("node-a", "decoy", LOG_LEVEL_INFO);
	memset(value, 1, sizeof(value) - 1);
	capture();
	log_warn("%s", value);
	size = captured(text, sizeof(text));
	assert_true(size <= 4000);
	assert_int_equal(text[size - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
}

/* The stamp is the present second in UTC, as the C library formats it. */
static void
stamp(void **unused)
{
	char text[256], expected[2][32];
	struct tm tm;
	time_t now = time(NULL);
	int i;

	(void)unused;
	log_init("", "test", LOG_LEVEL_INFO);
	capture();
	errno = ENOENT;
	log_errno("open");
	captured(text, sizeof(text));
	for (i = 0; i < 2; i++, now++) {
		gmtime_r(&now, &tm);
		strftime(expected[i], sizeof(expected[i]), "%Y-%m-%dT%H:%M:%S.", &tm);
	}
	if (strncmp(text, expected[0], 20) != 0)
		assert_memory_equal(text, expected[1], 20);
	assert_non_null(strstr(text, "Z test warn  open: No such file or directory\n"));
}

/* Below the floor nothing is written. */
static void
floor_holds(void **unused)
{
	char text[64];

	(void)unused;
	log_init("", "test", LOG_LEVEL_ERROR);
	capture();
	log_info("no");
	log_warn("no");
	log_error("yes");
	captured(text, sizeof(text));
	assert_null(strstr(text, "no"));
	assert_non_null(strstr(text, "error yes\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_value),
		cmocka_unit_test(long_value),
		cmocka_unit_test(stamp),
		cmocka_unit_test(floor_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
