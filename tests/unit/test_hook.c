/*
 * hooks: what a command may look like, what is remembered of its runs, and
 * that no command gets at the one who runs it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sys/hook.h"
#include "sys/hook_record.h"
#include "sys/log.h"
#include "tests/check.h"

static char folder[64];

static char *
in_folder(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *out = path[turn++ % 4];

	snprintf(out, sizeof(path[0]), "%s/%s", folder, name);
	return out;
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static char *
read_file(const char *path)
{
	static char text[8192];
	FILE *file = fopen(path, "re");
	size_t n;

	if (file == NULL)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static int
make_folder(void **unused)
{
	(void)unused;
	strcpy(folder, "/tmp/phalanx-hook.XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
drop_folder(void **unused)
{
	char command[128];

	(void)unused;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* ---- the command ----------------------------------------------------------------- */

/* A command is split at spaces, quotes keep them, and no shell has a part in it. */
static void
commands_are_split(void **unused)
{
	struct hook_arguments a;

	(void)unused;
	assert_ok(hook_split("  /bin/sh -c 'echo $HOME; a \"b\"'  \"x y\"z '' ", &a));
	assert_string_equal(a.list[0], "/bin/sh");
	assert_string_equal(a.list[1], "-c");
	assert_string_equal(a.list[2], "echo $HOME; a \"b\"");
	assert_string_equal(a.list[3], "x yz");
	assert_string_equal(a.list[4], "");
	assert_null(a.list[5]);
}

/* What cannot be meant is refused. */
static void
commands_are_refused(void **unused)
{
	char many[3 * LIMIT_HOOK_ARGUMENTS + 8] = "/a", long_one[LIMIT_HOOK_COMMAND_BYTES + 1];
	struct hook_arguments a;

	(void)unused;
	assert_int_equal(hook_split("", &a), ERR_MALFORMED);
	assert_int_equal(hook_split("  ", &a), ERR_MALFORMED);
	assert_int_equal(hook_split("reboot", &a), ERR_MALFORMED);
	assert_int_equal(hook_split("./reboot", &a), ERR_MALFORMED);
	assert_int_equal(hook_split("/bin/sh -c 'open", &a), ERR_MALFORMED);
	for (int i = 1; i < LIMIT_HOOK_ARGUMENTS; i++)
		strcat(many, " b");
	assert_ok(hook_split(many, &a));
	assert_int_equal(hook_split(strcat(many, " b"), &a), ERR_OVERSIZE);
	memset(long_one, 'a', sizeof(long_one) - 1);
	long_one[0] = '/';
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(hook_split(long_one, &a), ERR_OVERSIZE);
}

/* A program that is not there, is none, or that anybody may change is not run, and it is said why. */
static void
programs_are_looked_at(void **unused)
{
	char fault[HOOK_FAULT_BYTES], *path = in_folder("program");

	(void)unused;
	assert_false(hook_is_usable(path, fault));
	assert_non_null(strstr(fault, "no such file"));
	assert_false(hook_is_usable(folder, fault));
	assert_non_null(strstr(fault, "is no file"));
	write_file(path, "#!/bin/sh\n", 0644);
	assert_false(hook_is_usable(path, fault));
	assert_non_null(strstr(fault, "chmod +x"));
	assert_int_equal(chmod(path, 0777), 0);
	assert_false(hook_is_usable(path, fault));
	assert_non_null(strstr(fault, "anybody may change it"));
	assert_int_equal(chmod(path, 0755), 0);
	assert_true(hook_is_usable(path, fault));
	/* Its folder too: another file could be put in its place. */
	assert_int_equal(chmod(folder, 0777), 0);
	assert_false(hook_is_usable(path, fault));
	assert_int_equal(chmod(folder, 01777), 0);
	assert_true(hook_is_usable(path, fault));
	assert_int_equal(chmod(folder, 0700), 0);
}

/* ---- the record --------------------------------------------------------------------- */

static const struct incident_id one = { { 1 } }, two = { { 2 } };

/* What was begun is remembered by the next process; what was not ended is told apart. */
static void
record_is_kept(void **unused)
{
	struct hook_record *r, *other;
	struct incident_id open;

	(void)unused;
	assert_ok(hook_record_open(in_folder("record"), &r));
	assert_false(hook_record_has(r, &one));
	assert_ok(hook_record_begin(r, &one));
	assert_ok(hook_record_begin(r, &two));
	hook_record_end(r, &one, "exit:0");
	/* Two processes would each run it. */
	assert_int_equal(hook_record_open(in_folder("record"), &other), ERR_LOCKED);
	hook_record_free(r);

	assert_ok(hook_record_open(in_folder("record"), &r));
	assert_true(hook_record_has(r, &one));
	assert_true(hook_record_has(r, &two));
	assert_true(hook_record_open_ended(r, &open));
	assert_memory_equal(&open, &two, sizeof(two));
	hook_record_end(r, &two, "unknown");
	assert_false(hook_record_open_ended(r, &open));
	hook_record_free(r);
	assert_ok(hook_record_open(in_folder("record"), &r));
	assert_false(hook_record_open_ended(r, &open));
	hook_record_free(r);
}

/* A torn last line was never synced: the command had not begun, so it is as if it were not there. */
static void
torn_line_is_cut(void **unused)
{
	struct hook_record *r;

	(void)unused;
	write_file(in_folder("record"), "begun 0100000000000000 5\nbegun 02000000000000", 0600);
	assert_ok(hook_record_open(in_folder("record"), &r));
	assert_true(hook_record_has(r, &one));
	assert_false(hook_record_has(r, &two));
	assert_ok(hook_record_begin(r, &two));
	hook_record_free(r);
	assert_ok(hook_record_open(in_folder("record"), &r));
	assert_true(hook_record_has(r, &two));
	hook_record_free(r);
}

/* A line that nobody wrote: nobody knows what ran, so nothing is run. */
static void
record_is_refused(void **unused)
{
	static const char *const texts[] = { "begun\n", "begun 01 5\n",
		"begun 0100000000000000zz 5\n", "hello 0100000000000000 5\n",
		"ended 0100000000000000 exit:0 5\n", "\n" };
	struct hook_record *r;

	(void)unused;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(in_folder("record"), texts[i], 0600);
		assert_int_equal(hook_record_open(in_folder("record"), &r), ERR_MALFORMED);
	}
	assert_int_equal(unlink(in_folder("record")), 0);
	assert_int_equal(symlink("/etc/passwd", in_folder("record")), 0);
	assert_int_equal(hook_record_open(in_folder("record"), &r), ERR_IO);
}

/* ---- runs ------------------------------------------------------------------------------ */

struct bench {
	struct loop *loop;
	struct hooks *hooks;
	struct loop_timer *timer;
	const char *until; /* in the record */
	uint64_t give_up_ms;
};

static void
look(void *context)
{
	struct bench *b = context;
	const char *record = read_file(in_folder("record"));

	if (record != NULL && strstr(record, b->until) != NULL)
		loop_stop(b->loop, 0);
	else if (loop_now_ms() > b->give_up_ms)
		loop_stop(b->loop, 1);
	else
		loop_timer_set(b->timer, loop_now_ms() + 5);
}

static void
bench_open(struct bench *b, const char *script, uint32_t timeout_ms)
{
	struct hook_settings settings = { .timeout_ms = timeout_ms };

	write_file(in_folder("script"), script, 0700);
	strcpy(settings.command, in_folder("script"));
	assert_ok(loop_new(&b->loop));
	assert_ok(loop_timer_new(b->loop, look, b, &b->timer));
	assert_ok(hooks_new(b->loop, &settings, in_folder("record"), "here", &b->hooks));
}

/* Until the record says so, five seconds at most. */
static void
bench_wait(struct bench *b, const char *until)
{
	b->until = until;
	b->give_up_ms = loop_now_ms() + 5000;
	loop_timer_set(b->timer, loop_now_ms());
	if (loop_run(b->loop) != 0)
		fail_msg("not in the record: %s", until);
}

static void
bench_close(struct bench *b)
{
	hooks_free(b->hooks);
	loop_timer_free(b->timer);
	loop_free(b->loop);
}

static struct hook_event
event_of(uint8_t number)
{
	struct hook_event event = { .evidence = HOOK_CERTIFICATE, .incident = { { number } } };

	strcpy(event.mesh, "lab");
	strcpy(event.name, "node-x");
	return event;
}

/* Each incident is acted upon once, in order, however often it is told. */
static void
runs_once(void **unused)
{
	const uint8_t evidence[] = { 1, 2, 3 };
	const struct span proof = { evidence, sizeof(evidence) };
	struct bench b = { 0 };
	struct hook_event first = event_of(1), second = event_of(2), third = event_of(3);
	char script[256];
	const char *events;
	char *before;

	(void)unused;
	snprintf(script, sizeof(script), "#!/bin/sh\ncat >>%s/events\n", folder);
	third.evidence = HOOK_PRECAUTION; /* not asked for */
	bench_open(&b, script, 5000);
	for (int i = 0; i < 2; i++) {
		assert_ok(hooks_take(b.hooks, &first, proof));
		assert_ok(hooks_take(b.hooks, &third, proof));
		assert_ok(hooks_take(b.hooks, &second, (struct span){ 0 }));
	}
	bench_wait(&b, "ended 0200000000000000 exit:0");
	assert_ok(hooks_take(b.hooks, &first, proof));
	bench_close(&b);
	events = read_file(in_folder("events"));
	assert_non_null(strstr(events, "\"incident\":\"0100000000000000\""));
	assert_non_null(strstr(events, "\"certificate\":\"AQID\""));
	assert_non_null(strstr(events, "\"seen_by\":\"here\""));
	events = strchr(events, '\n') + 1;
	assert_non_null(strstr(events, "\"incident\":\"0200000000000000\""));
	assert_non_null(strstr(events, "\"certificate\":null}"));
	assert_string_equal(strchr(events, '\n'), "\n");

	/* Another process knows. */
	before = strdup(read_file(in_folder("record")));
	bench_open(&b, script, 5000);
	assert_ok(hooks_take(b.hooks, &first, proof));
	bench_close(&b);
	assert_string_equal(read_file(in_folder("record")), before);
	free(before);
}

/* A command that hangs is killed with all of its group, and the next has its turn. */
static void
hanging_is_ended(void **unused)
{
	struct bench b = { 0 };
	struct hook_event first = event_of(1), second = event_of(2);

	(void)unused;
	bench_open(&b,
	    "#!/bin/sh\ntrap '' TERM\nread line\ncase $line in *0100000000000000*) sleep 60;; "
	    "esac\n",
	    200);
	assert_ok(hooks_take(b.hooks, &first, (struct span){ 0 }));
	assert_ok(hooks_take(b.hooks, &second, (struct span){ 0 }));
	bench_wait(&b, "ended 0200000000000000 exit:0");
	assert_non_null(strstr(read_file(in_folder("record")), "ended 0100000000000000 timeout"));
	bench_close(&b);
}

/* Garbage without end, a closed input, a daemon left behind, a signal: each has its end. */
static void
misbehaviour_is_ended(void **unused)
{
	static const struct {
		const char *script, *how;
	} cases[] = {
		{ "#!/bin/sh\nexec cat /dev/zero\n", "ended 0100000000000000 flood" },
		{ "#!/bin/sh\nexec <&-\nexit 3\n", "ended 0100000000000000 exit:3" },
		{ "#!/bin/sh\nsetsid sleep 2 &\nexit 0\n", "ended 0100000000000000 exit:0" },
		{ "#!/bin/sh\nkill -SEGV $$\n", "ended 0100000000000000 signal:11" },
		{ "#!/nowhere/sh\n", "ended 0100000000000000 exit:127" },
	};
	struct hook_event event = event_of(1);

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b = { 0 };

		bench_open(&b, cases[i].script, 3000);
		assert_ok(hooks_take(b.hooks, &event, (struct span){ 0 }));
		bench_wait(&b, cases[i].how);
		bench_close(&b);
		assert_int_equal(unlink(in_folder("record")), 0);
	}
}

/* So many wait, and no more; the one who is told hears of it. */
static void
queue_is_bounded(void **unused)
{
	struct bench b = { 0 };
	struct hook_event event;

	(void)unused;
	bench_open(&b, "#!/bin/sh\nsleep 60\n", 60000);
	for (uint8_t i = 1; i <= LIMIT_HOOK_QUEUE; i++) {
		event = event_of(i);
		assert_ok(hooks_take(b.hooks, &event, (struct span){ 0 }));
	}
	event = event_of(LIMIT_HOOK_QUEUE + 1);
	assert_int_equal(hooks_take(b.hooks, &event, (struct span){ 0 }), ERR_FULL);
	bench_close(&b);
	/* Of those only one had begun. */
	assert_non_null(strstr(read_file(in_folder("record")), "ended 0100000000000000 stopped"));
	assert_null(strstr(read_file(in_folder("record")), "begun 02"));
}

/* An event from a process that was taken over cannot break out of its strings. */
static void
events_are_checked(void **unused)
{
	struct hook_event event = event_of(1);

	(void)unused;
	assert_ok(hook_event_check(&event));
	strcpy(event.name, "a\",\"b\":\"");
	assert_int_equal(hook_event_check(&event), ERR_RANGE);
	event = event_of(1);
	memset(event.name, 'a', sizeof(event.name));
	assert_int_equal(hook_event_check(&event), ERR_RANGE);
	event = event_of(1);
	event.evidence = 0;
	assert_int_equal(hook_event_check(&event), ERR_RANGE);
	event.evidence = HOOK_PRECAUTION + 1;
	assert_int_equal(hook_event_check(&event), ERR_RANGE);
	event = event_of(1);
	event.address_count = LIMIT_ADDRESSES + 1;
	assert_int_equal(hook_event_check(&event), ERR_RANGE);
	event.address_count = 1; /* of family 0 */
	assert_int_equal(hook_event_check(&event), ERR_RANGE);
	event = event_of(1);
	event.source.address.family = 5;
	assert_int_equal(hook_event_check(&event), ERR_RANGE);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)
	const struct CMUnitTest tests[] = { TEST(commands_are_split), TEST(commands_are_refused),
		TEST(programs_are_looked_at), TEST(record_is_kept), TEST(torn_line_is_cut),
		TEST(record_is_refused), TEST(runs_once), TEST(hanging_is_ended),
		TEST(misbehaviour_is_ended), TEST(queue_is_bounded), TEST(events_are_checked) };

	(void)signal(SIGPIPE, SIG_IGN);
	log_init("", "test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
