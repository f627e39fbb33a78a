/*
 * The notary's real binary, in its real sandbox, spoken to as the engine does,
 * and killed at every single system call of an append.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "core/ballot.h"
#include "core/roster.h"
#include "http/signature.h"
#include "proc/messages.h"
#include "sys/crypto.h"
#include "sys/feed.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/loop.h"

#define CONTROL_FD   3
#define ENTRIES_MOST 1024
#define BATCH        3
#define STEPS_MOST   2000
#define ANSWER_MS    5000

struct mesh {
	char directory[64];
	char binaries[PATH_MAX]; /* where phalanx and phalanx-notary are */
	struct roster *roster;
	member_index self, other;
};

struct notary {
	pid_t pid;
	int control, engine;
	bool traced;
};

static struct mesh mesh;

/* ---- a mesh, made by the program that makes real ones ---------------------------- */

static void
run(const char *format, ...)
{
	char arguments[512], command[PATH_MAX + 1024];
	va_list list;

	va_start(list, format);
	vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "cd %s && %s/phalanx %s", mesh.directory, mesh.binaries,
	    arguments);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static int
make_mesh(void **unused)
{
	char roster[128], ca[128], *end;
	ssize_t n;

	(void)unused;
	log_init("", "test", LOG_LEVEL_ERROR);
	n = readlink("/proc/self/exe", mesh.binaries, sizeof(mesh.binaries) - 1);
	assert_true(n > 0);
	mesh.binaries[n] = '\0';
	/* build/tests/test_notary -> build/bin */
	for (int i = 0; i < 2; i++) {
		assert_non_null(end = strrchr(mesh.binaries, '/'));
		*end = '\0';
	}
	strcat(mesh.binaries, "/bin");
	strcpy(mesh.directory, "/tmp/phalanx-notary.XXXXXX");
	assert_non_null(mkdtemp(mesh.directory));
	run("ca init --dir ca --mesh test >ca.key.hex");
	for (char c = 'a'; c <= 'e'; c++) {
		run("ca request --state %c --name node-%c --address 10.77.0.%d >%c.json", c, c,
		    c - 'a' + 11, c);
		run("ca enrol --dir ca %c.json >%c.out", c, c);
	}
	run("ca epoch --dir ca >epoch.out");
	run("ca bundle --dir ca node-a --out a");
	snprintf(roster, sizeof(roster), "%s/a/roster", mesh.directory);
	snprintf(ca, sizeof(ca), "%s/a/certs/ca.pem", mesh.directory);
	assert_ok(identity_load_roster(roster, ca, crypto_sodium(), &mesh.roster));
	mesh.self = roster_find_name(mesh.roster, "node-a");
	mesh.other = roster_find_name(mesh.roster, "node-e");
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int
drop_mesh(void **unused)
{
	(void)unused;
	roster_free(mesh.roster);
	return nftw(mesh.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- a notary ----------------------------------------------------------------------- */

static void
start_binary(struct notary *n, int control)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/phalanx-notary", mesh.binaries);
	n->pid = fork();
	assert_int_not_equal(n->pid, -1);
	if (n->pid != 0)
		return;
	if (control != CONTROL_FD)
		dup2(control, CONTROL_FD);
	else
		fcntl(CONTROL_FD, F_SETFD, 0);
	if (n->traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(126);
	execl(path, "phalanx-notary", (char *)NULL);
	_exit(127);
}

/* A traced notary runs on, its signals given to it, until it says a type. */
static void
wait_for_ready(struct notary *n)
{
	union {
		struct msg_ready ready;
		uint8_t bytes[256];
	} message;
	uint32_t type = 0;
	size_t size;
	int status, fd;
	enum err err = ERR_AGAIN;

	for (int i = 0; i < 2 * ANSWER_MS && err == ERR_AGAIN; i++) {
		if (n->traced && waitpid(n->pid, &status, WNOHANG) == n->pid) {
			if (!WIFSTOPPED(status))
				fail_msg("the notary left: %x", status);
			ptrace(PTRACE_CONT, n->pid, NULL,
			    (long)(WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status)));
		}
		err =
		    ipc_read_blocking(n->control, &type, &message, sizeof(message), &size, &fd, 1);
	}
	assert_ok(err);
	assert_int_equal(type, MSG_READY);
}

static void
notary_start(struct notary *n, bool traced)
{
	static struct msg_config config;
	struct msg_channel channel = { .role = ROLE_ENGINE };
	int pair[2];

	*n = (struct notary){ .traced = traced };
	memset(&config, 0, sizeof(config));
	config.version = MESSAGES_VERSION;
	config.role = ROLE_NOTARY;
	strcpy(config.config.name, "node-a");
	strcpy(config.config.log_level, "error");
	snprintf(config.config.state_dir, LIMIT_PATH_BYTES, "%s/a", mesh.directory);
	snprintf(
	    config.config.identity_file, LIMIT_PATH_BYTES, "%s/a/identity.key", mesh.directory);
	snprintf(config.config.ca_file, LIMIT_PATH_BYTES, "%s/a/certs/ca.pem", mesh.directory);
	snprintf(config.config.roster_file, LIMIT_PATH_BYTES, "%s/a/roster", mesh.directory);
	assert_ok(ipc_pair(pair));
	start_binary(n, pair[1]);
	close(pair[1]);
	n->control = pair[0];
	assert_ok(ipc_write_blocking(n->control, MSG_CONFIG, &config, sizeof(config), NULL, 0, -1));
	assert_ok(ipc_write_blocking(n->control, MSG_GO, NULL, 0, NULL, 0, -1));
	wait_for_ready(n);
	assert_ok(ipc_pair(pair));
	assert_ok(ipc_write_blocking(
	    n->control, MSG_CHANNEL, &channel, sizeof(channel), NULL, 0, pair[1]));
	close(pair[1]);
	n->engine = pair[0];
}

static void
notary_end(struct notary *n)
{
	int status;

	kill(n->pid, SIGKILL);
	while (waitpid(n->pid, &status, 0) == n->pid && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, n->pid, NULL, NULL);
	close(n->control);
	close(n->engine);
}

static union answer {
	struct msg_appended appended;
	struct msg_restored restored;
	struct msg_replayed replayed;
	struct msg_signed made;
	uint8_t bytes[LIMIT_IPC_BYTES];
} answer;

static enum err
hear(struct notary *n, int timeout_ms, uint32_t *type, size_t *size)
{
	enum err err;
	int fd;

	/* It says first which coordinator it knows and how much of the roster it holds; who tests
	 * that listens for itself. */
	do
		err = ipc_read_blocking(
		    n->engine, type, &answer, sizeof(answer), size, &fd, timeout_ms);
	while (err == ERR_OK && (*type == MSG_ROSTER_HELD || *type == MSG_PIN));
	return err;
}

static void
expect(struct notary *n, uint32_t expected, size_t *size)
{
	uint32_t type;

	assert_ok(hear(n, ANSWER_MS, &type, size));
	assert_int_equal(type, expected);
}

static void
ask_append(struct notary *n, uint32_t request, const struct entry *draft)
{
	struct msg_append message = { .request = request };
	uint8_t bytes[1024];
	size_t size = sizeof(bytes);

	assert_ok(entry_encode(draft, bytes, &size));
	assert_ok(
	    ipc_write_blocking(n->engine, MSG_APPEND, &message, sizeof(message), bytes, size, -1));
}

static struct entry
draft_of(uint32_t number)
{
	struct entry e = { .kind = ENTRY_STATEMENT };

	e.header.mesh = *roster_mesh(mesh.roster);
	e.header.epoch = 1;
	e.header.time_ms = loop_unix_ms();
	e.statement.subject = roster_member(mesh.roster, mesh.other)->id;
	e.statement.class = CLASS_HONEYPOT_TRIPPED;
	e.statement.source = (struct endpoint){ { 4, { 10, 77, 0, 15 } }, 4000 };
	e.statement.destination = (struct endpoint){ { 4, { 10, 77, 0, 11 } }, 2222 };
	e.statement.score = 9;
	memcpy(e.statement.evidence, &number, sizeof(number));
	e.statement.evidence_bytes = sizeof(number);
	return e;
}

/* ---- what it signs, and what not ------------------------------------------------------ */

/* Requests that wait together come back signed, in order, each exactly once. */
static void
appends_are_answered(void **unused)
{
	struct envelope envelope;
	struct notary n;
	struct entry e;
	member_index author;
	size_t size;

	(void)unused;
	notary_start(&n, false);
	for (uint32_t i = 0; i < 10; i++) {
		e = draft_of(i);
		ask_append(&n, 100 + i, &e);
	}
	for (uint32_t i = 0; i < 10; i++) {
		expect(&n, MSG_APPENDED, &size);
		assert_int_equal(answer.appended.error, ERR_OK);
		assert_int_equal(answer.appended.request, 100 + i);
		assert_ok(envelope_parse(answer.bytes + sizeof(answer.appended),
		    size - sizeof(answer.appended), &envelope));
		assert_ok(entry_verify(crypto_sodium(), mesh.roster, &envelope, &e, &author));
		assert_int_equal(author, mesh.self);
		assert_int_equal(e.header.sequence, i + 1);
	}
	notary_end(&n);
}

/* A link message, another epoch and plain noise are refused, each with its reason. */
static void
bad_drafts_are_refused(void **unused)
{
	struct msg_append message = { .request = 3 };
	struct entry e = { .kind = ENTRY_PING };
	struct notary n;
	size_t size;

	(void)unused;
	notary_start(&n, false);
	e.header.mesh = *roster_mesh(mesh.roster);
	ask_append(&n, 1, &e);
	e = draft_of(1);
	e.header.epoch = 7;
	ask_append(&n, 2, &e);
	assert_ok(ipc_write_blocking(
	    n.engine, MSG_APPEND, &message, sizeof(message), "phalanx/entry/1 please", 22, -1));
	expect(&n, MSG_APPENDED, &size);
	assert_int_equal(answer.appended.error, ERR_MALFORMED);
	expect(&n, MSG_APPENDED, &size);
	assert_int_equal(answer.appended.error, ERR_EPOCH);
	expect(&n, MSG_APPENDED, &size);
	assert_int_not_equal(answer.appended.error, ERR_OK);
	assert_int_equal(answer.appended.request, 3);
	notary_end(&n);
}

static bool
is_signed(const char *text, size_t chars)
{
	const struct crypto *crypto = crypto_sodium();

	return crypto->verify(crypto->context, &roster_member(mesh.roster, mesh.self)->key, "",
	    (const uint8_t *)text, chars, &answer.made.signature);
}

/* Session signatures are over what the notary composed, under its own name. */
static void
sessions_are_signed(void **unused)
{
	struct msg_sign_registration registration = { .request = 1, .timestamp_s = 1790000000 };
	struct msg_sign_http http = { .request = 2, .path = HTTP_TELEMETRY, .created_s = 5 };
	struct http_signature_input input = { .method = "POST",
		.authority = "localhost:8090",
		.path = "/api/telemetry",
		.created_s = 5 };
	static const char text[] = "node-a|10.77.0.11:9000|1790000000";
	char base[HTTP_SIGNATURE_BASE_BYTES];
	struct notary n;
	size_t size, chars;

	(void)unused;
	notary_start(&n, false);
	strcpy(registration.address, "10.77.0.11:9000");
	assert_ok(ipc_write_blocking(
	    n.engine, MSG_SIGN_REGISTRATION, &registration, sizeof(registration), NULL, 0, -1));
	expect(&n, MSG_SIGNED, &size);
	assert_int_equal(answer.made.error, ERR_OK);
	assert_true(is_signed(text, strlen(text)));

	strcpy(http.authority, "localhost:8090");
	assert_ok(ipc_write_blocking(n.engine, MSG_SIGN_HTTP, &http, sizeof(http), NULL, 0, -1));
	expect(&n, MSG_SIGNED, &size);
	assert_int_equal(answer.made.error, ERR_OK);
	memcpy(input.key_id, roster_member(mesh.roster, mesh.self)->id.bytes, 16);
	assert_ok(http_signature_base(&input, base, &chars));
	assert_true(is_signed(base, chars));

	http.path = HTTP_REGISTER; /* carries its own */
	assert_ok(ipc_write_blocking(n.engine, MSG_SIGN_HTTP, &http, sizeof(http), NULL, 0, -1));
	expect(&n, MSG_SIGNED, &size);
	assert_int_not_equal(answer.made.error, ERR_OK);
	memset(registration.address, 'x', sizeof(registration.address));
	assert_ok(ipc_write_blocking(
	    n.engine, MSG_SIGN_REGISTRATION, &registration, sizeof(registration), NULL, 0, -1));
	expect(&n, MSG_SIGNED, &size);
	assert_int_not_equal(answer.made.error, ERR_OK);
	notary_end(&n);
}

/* ---- killed at every system call ------------------------------------------------------- */

struct seen {
	struct hash hash;
	bool handed_out, on_disk;
};

static struct seen history[ENTRIES_MOST];

static void
see(struct span bytes, bool handed_out)
{
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;
	struct seen *s;
	struct hash hash;

	assert_ok(envelope_parse(bytes.data, bytes.size_bytes, &envelope));
	assert_ok(entry_peek(envelope.body, &header, &kind));
	assert_true(header.sequence < ENTRIES_MOST);
	entry_hash(crypto_sodium(), envelope.body, &hash);
	s = &history[header.sequence];
	/* What was never handed out may be torn off the disk and written anew. */
	if ((s->handed_out || s->on_disk) && !hash_equal(&s->hash, &hash))
		fail_msg("sequence %u has two hashes", (unsigned)header.sequence);
	s->hash = hash;
	s->handed_out |= handed_out;
	s->on_disk |= !handed_out;
}

static unsigned
take_answers(struct notary *n, int timeout_ms)
{
	unsigned count = 0;
	uint32_t type;
	size_t size;

	while (hear(n, timeout_ms, &type, &size) == ERR_OK) {
		assert_int_equal(type, MSG_APPENDED);
		assert_int_equal(answer.appended.error, ERR_OK);
		see((struct span){ answer.bytes + sizeof(answer.appended),
		        size - sizeof(answer.appended) },
		    true);
		count++;
	}
	return count;
}

/* What the disk holds now; all that was handed out must be there. */
static uint64_t
check_disk(struct notary *n)
{
	uint64_t sequence = 0, restored = 0;
	uint32_t type;
	size_t size;

	for (size_t i = 0; i < ENTRIES_MOST; i++)
		history[i].on_disk = false;
	assert_ok(ipc_write_blocking(n->engine, MSG_REPLAY, NULL, 0, NULL, 0, -1));
	for (;;) {
		assert_ok(hear(n, ANSWER_MS, &type, &size));
		if (type == MSG_REPLAYED)
			break;
		assert_int_equal(type, MSG_RESTORED);
		see((struct span){ answer.bytes + sizeof(answer.restored),
		        size - sizeof(answer.restored) },
		    false);
		restored++;
	}
	assert_false(answer.replayed.lost_state);
	assert_true(answer.replayed.writable);
	sequence = answer.replayed.sequence;
	assert_int_equal(restored, sequence);
	for (size_t i = 1; i < ENTRIES_MOST; i++) {
		if (history[i].handed_out && !history[i].on_disk)
			fail_msg("sequence %zu was handed out and is not on disk", i);
		assert_int_equal(history[i].on_disk, i <= sequence);
	}
	return sequence;
}

/* From a stop at a signal on, so many stops at system calls; true: all was answered first. */
static bool
step_and_kill(struct notary *n, unsigned stops)
{
	unsigned answered = 0;
	int status;

	for (unsigned i = 0; i < stops; i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, n->pid, NULL, NULL), 0);
		assert_int_equal(waitpid(n->pid, &status, 0), n->pid);
		assert_true(WIFSTOPPED(status));
		if ((answered += take_answers(n, 0)) == BATCH)
			return true;
	}
	kill(n->pid, SIGKILL);
	assert_int_equal(waitpid(n->pid, &status, 0), n->pid);
	take_answers(n, 0);
	return false;
}

/*
 * Wherever an append is cut short, before or after any of its system calls:
 * nothing that was handed out is missing from the disk, and no sequence ever
 * gets a second hash.
 */
static void
killed_at_every_call(void **unused)
{
	struct notary n;
	unsigned stops;
	bool done = false;
	int status;

	(void)unused;
	for (stops = 1; !done && stops < STEPS_MOST; stops++) {
		notary_start(&n, true);
		/* The tracer lets it run through the replay, then takes it by the hand. */
		kill(n.pid, SIGSTOP);
		assert_int_equal(waitpid(n.pid, &status, 0), n.pid);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
			fail_msg("stop: %x", status);
		for (uint32_t i = 0; i < BATCH; i++) {
			struct entry e = draft_of(1000 * stops + i);

			ask_append(&n, i, &e);
		}
		done = step_and_kill(&n, stops);
		notary_end(&n);

		notary_start(&n, false);
		check_disk(&n);
		notary_end(&n);
	}
	assert_true(done);
	print_message("killed at %u stops of one append of %d entries\n", stops - 2, BATCH);
	assert_true(stops > 2 * 8);
}

/* A tail that a crash tore off is mended, and the feed goes on behind it. */
static void
torn_tail_is_mended(void **unused)
{
	char path[128];
	struct notary n;
	struct entry e = draft_of(7);
	uint64_t before, after;
	FILE *file;

	(void)unused;
	notary_start(&n, false);
	before = check_disk(&n);
	notary_end(&n);
	snprintf(path, sizeof(path), "%s/a/audit.log", mesh.directory);
	assert_non_null(file = fopen(path, "a"));
	fputs("{\"seq\":", file);
	fclose(file);
	log_init("", "test", LOG_LEVEL_ERROR);
	notary_start(&n, false);
	assert_int_equal(check_disk(&n), before);
	ask_append(&n, 1, &e);
	assert_int_equal(take_answers(&n, 200), 1);
	after = check_disk(&n);
	assert_int_equal(after, before + 1);
	notary_end(&n);
}

/* ---- the coordinator's key ---------------------------------------------------------- */

static void
expect_pin(struct notary *n, enum pin_source source, uint8_t first)
{
	struct msg_pin pin = { 0 };
	uint32_t type = 0;
	size_t size = 0;
	int fd;

	while (type != MSG_PIN)
		assert_ok(ipc_read_blocking(
		    n->engine, &type, &answer, sizeof(answer), &size, &fd, ANSWER_MS));
	assert_int_equal(size, sizeof(pin));
	memcpy(&pin, &answer, sizeof(pin));
	assert_int_equal(pin.source, source);
	assert_int_equal(pin.key.bytes[0], first);
}

static void
keep_pin(struct notary *n, uint8_t first)
{
	struct msg_pin pin = { .source = PIN_KEPT, .key = { .bytes = { first, 1 } } };

	assert_ok(ipc_write_blocking(n->engine, MSG_PIN, &pin, sizeof(pin), NULL, 0, -1));
}

static void
reload(struct notary *n, uint8_t configured)
{
	static struct msg_config config;

	memset(&config, 0, sizeof(config));
	config.version = MESSAGES_VERSION;
	config.role = ROLE_NOTARY;
	strcpy(config.config.name, "node-a");
	snprintf(config.config.state_dir, LIMIT_PATH_BYTES, "%s/a", mesh.directory);
	config.config.coordinator_key.bytes[0] = configured;
	assert_ok(ipc_write_blocking(n->control, MSG_RELOAD, &config, sizeof(config), NULL, 0, -1));
}

/*
 * The coordinator's first key outlives a restart, and no later one takes its
 * place but a person's: by removing the file, or in the configuration.  A file
 * that is torn stands for no key at all, not for none.
 */
static void
coordinator_key_is_kept(void **unused)
{
	char path[128];
	struct notary n;

	(void)unused;
	snprintf(path, sizeof(path), "%s/a/coordinator.key", mesh.directory);
	notary_start(&n, false);
	expect_pin(&n, PIN_NONE, 0);
	keep_pin(&n, 7);
	expect_pin(&n, PIN_KEPT, 7);
	keep_pin(&n, 8);
	expect_pin(&n, PIN_KEPT, 7);
	notary_end(&n);

	notary_start(&n, false);
	expect_pin(&n, PIN_KEPT, 7);
	reload(&n, 9);
	expect_pin(&n, PIN_CONFIGURED, 9);
	keep_pin(&n, 8);
	expect_pin(&n, PIN_CONFIGURED, 9);
	reload(&n, 0);
	expect_pin(&n, PIN_KEPT, 7);
	assert_int_equal(truncate(path, 40), 0);
	reload(&n, 0);
	expect_pin(&n, PIN_KEPT, 0);
	keep_pin(&n, 8);
	expect_pin(&n, PIN_KEPT, 0);
	assert_int_equal(unlink(path), 0);
	reload(&n, 0);
	expect_pin(&n, PIN_NONE, 0);
	keep_pin(&n, 8);
	expect_pin(&n, PIN_KEPT, 8);
	notary_end(&n);
	assert_int_equal(unlink(path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_are_answered),
		cmocka_unit_test(bad_drafts_are_refused),
		cmocka_unit_test(sessions_are_signed),
		cmocka_unit_test(killed_at_every_call),
		cmocka_unit_test(torn_tail_is_mended),
		cmocka_unit_test(coordinator_key_is_kept),
	};

	return cmocka_run_group_tests(tests, make_mesh, drop_mesh);
}
