/*
 * The enforcer's bookkeeping, and the shipped process with a test as its
 * parent and engine, in its own sandbox, against real traffic.
 */
#include "tests/unit/netns.h"
#include <sys/stat.h>
#include <sys/wait.h>
#include "proc/enforcer_state.h"
#include "proc/messages.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/nft.h"
#include "sys/spawn.h"

#define MESH    9000
#define DIAL    9001
#define SUBJECT 7u

/* ---- bookkeeping -------------------------------------------------------------- */

static struct enforcer_state *state;
static char transcript[2048];

static int
new_state(void **unused)
{
	(void)unused;
	transcript[0] = '\0';
	assert_ok(enforcer_state_new(1, &state));
	return 0;
}

static int
free_state(void **unused)
{
	(void)unused;
	enforcer_state_free(state);
	return 0;
}

static void
note(const char *verb, const struct nft_element *e)
{
	size_t used = strlen(transcript);
	char text[46] = "mac";

	if (!e->is_mac)
		address_format(&e->address, text);
	(void)snprintf(transcript + used, sizeof(transcript) - used, "%s %s %s %llu\n", verb,
	    e->set == NFT_CUT ? "cut" : "sever", text, (unsigned long long)e->timeout_ms);
}

static void
note_all(const struct enforcer_change *c)
{
	size_t i;

	for (i = 0; i < c->remove_count; i++)
		note("-", &c->remove[i]);
	for (i = 0; i < c->add_count; i++)
		note("+", &c->add[i]);
	(void)strncat(transcript, ".\n", sizeof(transcript) - strlen(transcript) - 1);
}

static struct msg_enforce
want(uint32_t subject, enum strength strength, uint64_t expires_ms, const char *first,
    const char *second)
{
	struct msg_enforce m = { .subject = subject,
		.strength = (uint32_t)strength,
		.expires_ms = expires_ms,
		.is_member = (subject >> 31) == 0 };

	m.addresses[m.address_count++] = address(first);
	if (second != NULL)
		m.addresses[m.address_count++] = address(second);
	return m;
}

static void
set(uint64_t now_ms, const struct msg_enforce *m)
{
	struct enforcer_change change;

	assert_ok(enforcer_state_set(state, m, NFT_SEVER, now_ms, &change));
	note_all(&change);
}

/* A change of strength moves every element in one change; repeating it says nothing. */
static void
strength_moves_elements(void **unused)
{
	struct msg_enforce m = want(1, STRENGTH_CUT, 0, "10.0.0.1", "fd00::1");

	(void)unused;
	set(0, &m);
	set(5, &m);
	m.strength = STRENGTH_SEVER;
	set(10, &m);
	m.strength = STRENGTH_NONE;
	set(15, &m);
	assert_string_equal(transcript,
	    "+ cut 10.0.0.1 0\n+ cut fd00::1 0\n.\n"
	    ".\n"
	    "- cut 10.0.0.1 0\n- cut fd00::1 0\n+ sever 10.0.0.1 0\n+ sever fd00::1 0\n.\n"
	    "- sever 10.0.0.1 0\n- sever fd00::1 0\n.\n");
	assert_int_equal(enforcer_state_count(state), 0);
}

/* An address of two subjects stays while either is shut out, and as long as the longer. */
static void
shared_address(void **unused)
{
	struct msg_enforce a = want(1, STRENGTH_CUT, 1000, "10.0.0.1", NULL);
	struct msg_enforce b = want(2, STRENGTH_CUT, 0, "10.0.0.1", NULL);
	struct msg_enforce c = want(3, STRENGTH_SEVER, 500, "10.0.0.1", NULL);

	(void)unused;
	set(0, &a);
	set(0, &b);
	set(0, &c);
	a.strength = STRENGTH_NONE;
	set(100, &a);
	/* The sever runs out in the kernel, and the cut stands below it. */
	enforcer_state_expire(state, 600);
	assert_int_equal(enforcer_state_strength(state, &b.addresses[0]), STRENGTH_CUT);
	b.strength = STRENGTH_NONE;
	set(700, &b);
	assert_string_equal(transcript, "+ cut 10.0.0.1 1000\n.\n"
	                                "+ cut 10.0.0.1 0\n.\n"
	                                "+ sever 10.0.0.1 500\n.\n"
	                                ".\n"
	                                "- cut 10.0.0.1 0\n.\n");
}

/* Who is no member loses the mesh port too, and is named by its address, not by a hash. */
static void
outsiders(void **unused)
{
	struct msg_enforce a = want(UINT32_MAX, STRENGTH_CUT, 1000, "192.0.2.1", NULL);
	struct msg_enforce b = want(UINT32_MAX, STRENGTH_CUT, 2000, "192.0.2.2", NULL);

	(void)unused;
	set(0, &a);
	set(0, &b);
	set(100, &a);
	assert_int_equal(enforcer_state_count(state), 2);
	assert_int_equal(enforcer_state_strength(state, &a.addresses[0]), STRENGTH_SEVER);
	enforcer_state_expire(state, 1500);
	assert_int_equal(enforcer_state_count(state), 1);
	assert_string_equal(transcript, "+ sever 192.0.2.1 1000\n.\n"
	                                "+ sever 192.0.2.2 2000\n.\n"
	                                "+ sever 192.0.2.1 1000\n.\n");
}

/* What a new engine does not name again is forgotten, and nothing else. */
static void
stale_subjects(void **unused)
{
	struct msg_enforce a = want(1, STRENGTH_CUT, 0, "10.0.0.1", NULL);
	struct msg_enforce b = want(2, STRENGTH_CUT, 0, "10.0.0.2", NULL);
	struct enforcer_change change;
	size_t cursor = 0;

	(void)unused;
	set(0, &a);
	set(0, &b);
	enforcer_state_begin(state);
	set(0, &b);
	assert_true(enforcer_state_stale(state, &cursor, 0, &change));
	note_all(&change);
	assert_false(enforcer_state_stale(state, &cursor, 0, &change));
	assert_string_equal(
	    transcript, "+ cut 10.0.0.1 0\n.\n+ cut 10.0.0.2 0\n.\n.\n- cut 10.0.0.1 0\n.\n");
}

/* Compared with the kernel: what lacks is missing, what nobody wants is surplus, a wrong timeout stale. */
static void
comparison(void **unused)
{
	struct msg_enforce a = want(1, STRENGTH_CUT, 0, "10.0.0.1", "10.0.0.2");
	struct msg_enforce b = want(2, STRENGTH_CUT, 9000, "10.0.0.3", NULL);
	struct nft_element found = { .set = NFT_CUT }, wanted;
	size_t cursor = 0;

	(void)unused;
	set(0, &a);
	set(0, &b);
	transcript[0] = '\0';
	enforcer_state_compare_begin(state);
	found.address = address("10.0.0.1");
	assert_int_equal(enforcer_state_compare_seen(state, &found, 1000, &wanted), SEEN_WANTED);
	found.timeout_ms = 5000;
	assert_int_equal(enforcer_state_compare_seen(state, &found, 1000, &wanted), SEEN_STALE);
	note("again", &wanted);
	found.address = address("10.0.0.3");
	found.timeout_ms = 8400;
	assert_int_equal(enforcer_state_compare_seen(state, &found, 1000, &wanted), SEEN_WANTED);
	found.timeout_ms = 0;
	assert_int_equal(enforcer_state_compare_seen(state, &found, 1000, &wanted), SEEN_STALE);
	note("again", &wanted);
	found.address = address("10.0.0.9");
	assert_int_equal(enforcer_state_compare_seen(state, &found, 1000, &wanted), SEEN_SURPLUS);
	while (enforcer_state_compare_missing(state, &cursor, 1000, &wanted))
		note("missing", &wanted);
	assert_string_equal(
	    transcript, "again cut 10.0.0.1 0\nagain cut 10.0.0.3 8000\nmissing cut 10.0.0.2 0\n");
}

/* ---- the process, and the test as its parent and its engine ---------------------------- */

static bool usable;
static struct msg_config config;
static pid_t process;
static int parent_fd = -1, engine_fd = -1;
static struct msg_effective effective;
static uint32_t last_request;
static char directory[] = "/tmp/phalanx-enforcer-XXXXXX";

static void
receive(int fd, uint32_t type, void *out, size_t size_bytes)
{
	uint64_t buffer[64];
	uint32_t got_type;
	size_t got_bytes;
	int passed;

	for (;;) {
		assert_ok(ipc_read_blocking(
		    fd, &got_type, buffer, sizeof(buffer), &got_bytes, &passed, 8000));
		if (got_type != type)
			continue; /* a drift, say, when an answer is awaited */
		assert_int_equal(got_bytes, size_bytes);
		memcpy(out, buffer, size_bytes);
		return;
	}
}

static void
new_engine(void)
{
	struct msg_channel about = { .role = ROLE_ENGINE };
	int pair[2];

	if (engine_fd != -1)
		(void)close(engine_fd);
	assert_ok(ipc_pair(pair));
	assert_ok(
	    ipc_write_blocking(parent_fd, MSG_CHANNEL, &about, sizeof(about), NULL, 0, pair[1]));
	(void)close(pair[1]);
	engine_fd = pair[0];
	receive(engine_fd, MSG_EFFECTIVE, &effective, sizeof(effective));
}

static void
path_of(const char *program, char *out, size_t room)
{
	char self[200];
	ssize_t got = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(got > 0);
	self[got] = '\0';
	*strrchr(self, '/') = '\0';
	(void)snprintf(out, room, "%s/../bin/%s", self, program);
}

/* False: it left before it was ready. */
static bool
launch(void)
{
	struct msg_ready ready_message;
	uint32_t type;
	size_t size_bytes;
	char path[256];
	int pair[2], passed;

	path_of("phalanx-enforcer", path, sizeof(path));
	assert_ok(ipc_pair(pair));
	assert_ok(spawn_process(path, "phalanx-enforcer", pair[1], &process));
	(void)close(pair[1]);
	parent_fd = pair[0];
	assert_ok(ipc_write_blocking(parent_fd, MSG_CONFIG, &config, sizeof(config), NULL, 0, -1));
	assert_ok(ipc_write_blocking(parent_fd, MSG_GO, NULL, 0, NULL, 0, -1));
	if (ipc_read_blocking(parent_fd, &type, &ready_message, sizeof(ready_message), &size_bytes,
	        &passed, 8000) != ERR_OK)
		return false;
	assert_int_equal(type, MSG_READY);
	new_engine();
	return true;
}

static void
stop(int signal_number)
{
	if (process > 0) {
		(void)kill(process, signal_number);
		(void)waitpid(process, NULL, 0);
	}
	process = 0;
	(void)close(parent_fd);
	(void)close(engine_fd);
	parent_fd = engine_fd = -1;
}

static void
unlocked_path(char *out, size_t room)
{
	(void)snprintf(out, room, "%s/" NFT_UNLOCKED_FILE, directory);
}

static int
set_up(void **unused)
{
	(void)unused;
	log_init("", "test", LOG_LEVEL_ERROR);
	usable = hosts_make();
	assert_non_null(mkdtemp(directory));
	return 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	return rmdir(directory);
}

static int
start_it(void **unused)
{
	struct config *c = &config.config;

	(void)unused;
	if (!usable)
		return 0;
	memset(&config, 0, sizeof(config));
	config.version = MESSAGES_VERSION;
	config.role = ROLE_ENFORCER;
	(void)strcpy(c->name, "test");
	(void)strcpy(c->log_level, getenv("VERBOSE") != NULL ? "debug" : "error");
	(void)snprintf(c->state_dir, sizeof(c->state_dir), "%s", directory);
	c->mode = CONFIG_ENFORCE;
	c->p2p_port = MESH;
	c->coordinator = (struct endpoint){ address(OTHER4), 8090 };
	assert_true(launch());
	return 0;
}

static int
stop_it(void **unused)
{
	struct nft *console;
	char path[128];

	(void)unused;
	if (!usable)
		return 0;
	stop(SIGKILL);
	unlocked_path(path, sizeof(path));
	(void)unlink(path);
	assert_ok(nft_attach(&console));
	assert_ok(nft_unlocked_set(console, NFT_UNLOCKED_NOTHING));
	nft_close(console);
	assert_ok(nft_unload());
	return 0;
}

#define SKIP_UNLESS_USABLE()    \
	do {                    \
		if (!usable)    \
			skip(); \
	} while (0)

static void
ask(uint32_t type, const void *message, size_t size_bytes)
{
	assert_ok(ipc_write_blocking(engine_fd, type, message, size_bytes, NULL, 0, -1));
}

static struct msg_enforced
answer(void)
{
	struct msg_enforced done;

	receive(engine_fd, MSG_ENFORCED, &done, sizeof(done));
	assert_int_equal(done.request, last_request);
	return done;
}

static enum err
enforce(struct msg_enforce m)
{
	struct msg_enforced done;

	m.request = ++last_request;
	ask(MSG_ENFORCE, &m, sizeof(m));
	done = answer();
	return (enum err)done.error;
}

static enum err
lock(enum strength strength)
{
	struct msg_lock m = { .request = ++last_request, .strength = (uint32_t)strength };

	ask(MSG_LOCK, &m, sizeof(m));
	return (enum err)answer().error;
}

/* How many sockets died; after an answer of ERR_OK to a cut or lock. */
static uint32_t
destroyed(void)
{
	struct msg_enforced done = answer();

	assert_int_equal(done.kernel_ns, 0);
	return done.sockets;
}

static void
all_said(void)
{
	ask(MSG_ENFORCE_ALL, NULL, 0);
}

static struct msg_enforce
cut_subject(enum strength strength)
{
	struct msg_enforce m = want(SUBJECT, strength, 0, SUBJECT4, SUBJECT6);

	m.mac = mac_of_there();
	return m;
}

/* Nothing more is in the queue: what was sent has been handled. */
static void
settled(void)
{
	assert_ok(enforce(want(99, STRENGTH_NONE, 0, "10.9.0.99", NULL)));
}

/* A cut: acknowledged by the kernel, the connection aborted, nothing new; the mesh port lives. */
static void
cut_then_sever_then_release(void **unused)
{
	struct connection c, mesh;
	char byte;

	(void)unused;
	SKIP_UNLESS_USABLE();
	assert_int_equal(effective.mode, EFFECTIVE_ENFORCE);
	assert_true(effective.destroy_sockets && effective.netdev_ingress);
	all_said();
	c = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	mesh = tcp(HERE, HERE4, DIAL, SUBJECT4, MESH);
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	assert_int_equal(destroyed(), 1);
	assert_int_equal(recv(c.server, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNABORTED);
	assert_true(says(mesh.client, mesh.server));
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_false(tcp_passes(THERE, THERE_LINK, 0, HERE_LINK, 80));
	assert_false(udp_passes(HERE, HERE6, 0, OTHER6, 80)); /* the same MAC */
	assert_ok(enforce(cut_subject(STRENGTH_SEVER)));
	assert_int_equal(destroyed(), 1);
	assert_false(says(mesh.server, mesh.client));
	assert_ok(enforce(cut_subject(STRENGTH_NONE)));
	assert_true(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_true(tcp_passes(THERE, THERE_LINK, 0, HERE_LINK, 80));
	hang_up(&c);
	hang_up(&mesh);
}

/* HOLD drops and leaves sockets to retry; lifted, the connection goes on. */
static void
hold_keeps_sockets(void **unused)
{
	struct connection c;

	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	c = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	assert_ok(enforce(cut_subject(STRENGTH_HOLD)));
	assert_false(says(c.client, c.server));
	assert_ok(enforce(cut_subject(STRENGTH_NONE)));
	assert_true(ready(c.server, POLLIN, 3000)); /* TCP sends it again */
	hang_up(&c);
}

/* Its own, loopback's and nobody's addresses are refused; the rest of the same request holds. */
static void
protected_refused(void **unused)
{
	static const char *const never[] = { HERE4, HERE6, HERE_LINK, "127.0.0.1", "::1", "0.0.0.0",
		"::", "224.0.0.1", "255.255.255.255", "ff02::1" };
	struct msg_enforce m;
	size_t i;

	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_err(
		    ERR_PROTECTED, enforce(want(SUBJECT, STRENGTH_SEVER, 0, never[i], NULL)));
		(void)destroyed();
	}
	assert_err(ERR_PROTECTED, enforce(want(SUBJECT, STRENGTH_CUT, 0, HERE4, SUBJECT4)));
	(void)destroyed();
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_true(tcp_passes(THERE, OTHER4, 0, HERE4, 80));
	/* A new address of this host is known at once. */
	shell("ip addr add 10.9.0.77/24 dev v0");
	assert_err(ERR_PROTECTED, enforce(want(8, STRENGTH_CUT, 0, "10.9.0.77", NULL)));
	(void)destroyed();
	shell("ip addr del 10.9.0.77/24 dev v0");
	m = want(9, STRENGTH_CUT, 0, "10.9.0.78", NULL);
	m.mac = (struct mac){ { 2, 0, 0, 0, 9, 1 } };
	assert_err(ERR_PROTECTED, enforce(m)); /* our own MAC */
	(void)destroyed();
	m.mac = (struct mac){ { 1, 0, 0x5e, 0, 0, 1 } };
	assert_err(ERR_PROTECTED, enforce(m));
}

/* Nonsense is refused and changes nothing. */
static void
nonsense_refused(void **unused)
{
	struct msg_enforce m = cut_subject(STRENGTH_CUT);

	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	m.strength = 4;
	assert_err(ERR_RANGE, enforce(m));
	m = cut_subject(STRENGTH_CUT);
	m.address_count = LIMIT_ADDRESSES + 1;
	assert_err(ERR_RANGE, enforce(m));
	m.address_count = 0;
	assert_err(ERR_RANGE, enforce(m));
	m = cut_subject(STRENGTH_CUT);
	m.addresses[1].family = 5;
	assert_err(ERR_RANGE, enforce(m));
	m = cut_subject(STRENGTH_CUT);
	m.expires_ms = UINT64_MAX;
	assert_err(ERR_RANGE, enforce(m));
	assert_err(ERR_RANGE, lock(STRENGTH_HOLD));
	assert_err(ERR_RANGE, lock((enum strength)9));
	ask(MSG_ENFORCE, &m, sizeof(m) - 1);
	ask(MSG_LOCK, &m, sizeof(m));
	ask(MSG_TOUCH, NULL, 0);
	settled();
	assert_true(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
}

/* Killed, it leaves the cuts; started again, what the engine still wants stays and the rest goes. */
static void
kill_keeps_rules(void **unused)
{
	struct msg_drift drift;

	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	(void)destroyed();
	assert_ok(enforce(want(8, STRENGTH_CUT, 0, OTHER4, NULL)));
	(void)destroyed();
	assert_ok(lock(STRENGTH_SEVER));
	(void)destroyed();
	stop(SIGKILL);
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_false(tcp_passes(THERE, OTHER6, 0, HERE6, 80));
	assert_true(launch());
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	all_said();
	receive(engine_fd, MSG_DRIFT, &drift, sizeof(drift));
	assert_int_equal(drift.missing, 0);
	assert_int_equal(drift.surplus, 2); /* the neighbour, and the lock-down */
	assert_int_equal(drift.repaired, 2);
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	shell("nft flush set netdev phalanx cut");
	assert_true(tcp_passes(THERE, OTHER4, 0, HERE4, 80));
}

/* A new engine that names nobody lifts all, but only once it has said so. */
static void
new_engine_starts_over(void **unused)
{
	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	(void)destroyed();
	new_engine();
	settled();
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	all_said();
	settled();
	assert_true(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
}

/* Elements, rules and tables that others removed are back within a period, and reported. */
static void
drift_repaired(void **unused)
{
	struct msg_drift drift;

	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	(void)destroyed();
	shell("nft flush set inet phalanx cut4; nft add element inet phalanx cut4 { 10.9.0.50 }");
	receive(engine_fd, MSG_DRIFT, &drift, sizeof(drift));
	assert_int_equal(drift.missing, 1);
	assert_int_equal(drift.surplus, 1);
	assert_int_equal(drift.repaired, 2);
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	/* In its sandbox it loads the rules anew. */
	shell("nft flush ruleset");
	assert_true(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	receive(engine_fd, MSG_DRIFT, &drift, sizeof(drift));
	assert_int_equal(drift.missing, 3);
	assert_int_equal(drift.repaired, 4);
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_false(udp_passes(THERE, THERE_LINK, 0, HERE_LINK, 80));
}

/* Own lock-down holds everything but exempt flows, and ends what it does not exempt. */
static void
own_lock_down(void **unused)
{
	struct connection c, coordinator;

	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	c = tcp(THERE, SUBJECT6, 0, HERE6, 80);
	coordinator = tcp(HERE, HERE4, 0, OTHER4, 8090);
	assert_ok(lock(STRENGTH_SEVER));
	assert_int_equal(destroyed(), 1);
	assert_true(says(coordinator.client, coordinator.server));
	assert_true(says(coordinator.server, coordinator.client));
	assert_false(tcp_passes(HERE, HERE4, 0, OTHER4, 80));
	assert_false(tcp_passes(THERE, SUBJECT4, DIAL, HERE4, MESH));
	assert_ok(lock(STRENGTH_CUT));
	(void)destroyed();
	assert_true(tcp_passes(THERE, SUBJECT4, DIAL, HERE4, MESH));
	assert_ok(lock(STRENGTH_NONE));
	assert_true(tcp_passes(HERE, HERE4, 0, OTHER4, 80));
	hang_up(&c);
	hang_up(&coordinator);
}

/* phalanx unlock holds: over a live process, a new lock, a restart; undone, all is enforced again. */
static void
unlock_holds(void **unused)
{
	struct nft *console;
	char path[128];
	int fd;

	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	assert_ok(lock(STRENGTH_SEVER));
	(void)destroyed();
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	(void)destroyed();
	assert_ok(nft_attach(&console));
	assert_ok(nft_unlocked_set(console, NFT_UNLOCKED_LOCK));
	receive(engine_fd, MSG_EFFECTIVE, &effective, sizeof(effective));
	assert_int_equal(effective.mode, EFFECTIVE_UNLOCKED);
	assert_err(ERR_DENIED, lock(STRENGTH_CUT));
	assert_ok(nft_unlocked_set(console, NFT_UNLOCKED_NOTHING));
	receive(engine_fd, MSG_EFFECTIVE, &effective, sizeof(effective));
	assert_int_equal(effective.mode, EFFECTIVE_ENFORCE);
	assert_true(tcp_passes(THERE, SUBJECT4, DIAL, HERE4, MESH)); /* locked at CUT by now */
	assert_false(tcp_passes(HERE, HERE4, 0, OTHER4, 80));

	/* After a reboot only the file says so. */
	stop(SIGKILL);
	shell("nft flush ruleset");
	unlocked_path(path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "all\n", 4), 4);
	(void)close(fd);
	assert_true(launch());
	assert_int_equal(effective.mode, EFFECTIVE_UNLOCKED);
	assert_err(ERR_DENIED, enforce(cut_subject(STRENGTH_CUT)));
	assert_true(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	nft_close(console);
}

/* The command on the console does all of that, with the daemon dead too, and asks first. */
static void
unlock_command(void **unused)
{
	char program[256], command[1024], file[128], line[64];
	FILE *conf;

	(void)unused;
	SKIP_UNLESS_USABLE();
	path_of("phalanx", program, sizeof(program));
	unlocked_path(file, sizeof(file));
	(void)snprintf(command, sizeof(command), "%s/phalanx.conf", directory);
	assert_non_null(conf = fopen(command, "w"));
	(void)fprintf(conf, "[node]\nname = test\nstate_dir = %s\n", directory);
	(void)fclose(conf);
	all_said();
	assert_ok(enforce(want(SUBJECT, STRENGTH_SEVER, 0, SUBJECT4, NULL)));
	(void)destroyed();
	assert_ok(lock(STRENGTH_SEVER));
	(void)destroyed();
	stop(SIGKILL);
#define UNLOCK(arguments)                                                                      \
	((void)snprintf(command, sizeof(command),                                              \
	     "%s -c %s/phalanx.conf unlock " arguments " </dev/null >/dev/null 2>&1", program, \
	     directory),                                                                       \
	    system(command))
	assert_int_not_equal(UNLOCK(""), 0); /* no terminal, no --yes */
	assert_int_not_equal(UNLOCK("--all --undo"), 0);
	assert_int_not_equal(UNLOCK("--everything"), 0);
	assert_false(tcp_passes(HERE, HERE4, 0, OTHER4, 8091));
	assert_int_equal(UNLOCK("--yes"), 0);
	assert_true(udp_passes(HERE, HERE6, 0, OTHER6, 80));
	assert_false(udp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_int_equal(UNLOCK("--all --yes"), 0);
	assert_true(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_non_null(conf = fopen(file, "r"));
	assert_non_null(fgets(line, sizeof(line), conf));
	(void)fclose(conf);
	assert_string_equal(line, "all\n");
	assert_true(launch());
	assert_int_equal(effective.mode, EFFECTIVE_UNLOCKED);
	assert_int_equal(UNLOCK("--undo"), 0);
	assert_int_equal(access(file, F_OK), -1);
	receive(engine_fd, MSG_EFFECTIVE, &effective, sizeof(effective));
	assert_int_equal(effective.mode, EFFECTIVE_ENFORCE);
	assert_ok(enforce(cut_subject(STRENGTH_SEVER)));
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	(void)snprintf(command, sizeof(command), "%s/phalanx.conf", directory);
	(void)unlink(command);
}

/* Observe mode applies nothing, lifts what stands, and says so. */
static void
observing(void **unused)
{
	(void)unused;
	SKIP_UNLESS_USABLE();
	all_said();
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	(void)destroyed();
	config.config.mode = CONFIG_OBSERVE;
	assert_ok(ipc_write_blocking(parent_fd, MSG_RELOAD, &config, sizeof(config), NULL, 0, -1));
	receive(engine_fd, MSG_EFFECTIVE, &effective, sizeof(effective));
	assert_int_equal(effective.mode, EFFECTIVE_OBSERVE);
	assert_true(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
	assert_ok(enforce(want(8, STRENGTH_CUT, 0, OTHER4, NULL)));
	assert_true(tcp_passes(THERE, OTHER4, 0, HERE4, 80));
	/* Back in enforce mode, what it was told meanwhile holds; the rules are loaded in the sandbox. */
	config.config.mode = CONFIG_ENFORCE;
	assert_ok(ipc_write_blocking(parent_fd, MSG_RELOAD, &config, sizeof(config), NULL, 0, -1));
	receive(engine_fd, MSG_EFFECTIVE, &effective, sizeof(effective));
	assert_int_equal(effective.mode, EFFECTIVE_ENFORCE);
	assert_false(tcp_passes(THERE, OTHER4, 0, HERE4, 80));
	assert_false(tcp_passes(THERE, SUBJECT4, 0, HERE4, 80));
}

/* Two in one network namespace: the second refuses. */
static void
second_refused(void **unused)
{
	pid_t first = process;
	int first_parent = parent_fd, first_engine = engine_fd;

	(void)unused;
	SKIP_UNLESS_USABLE();
	engine_fd = -1;
	assert_false(launch());
	stop(SIGKILL);
	process = first;
	parent_fd = first_parent;
	engine_fd = first_engine;
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
}

/* With f = 1,000 subjects sent at once every one is answered, and a socket of one of them is closed. */
static void
a_thousand_at_once(void **unused)
{
	struct connection c;
	unsigned i;

	(void)unused;
	SKIP_UNLESS_USABLE();
	c = tcp(THERE, SUBJECT4, 0, HERE4, 80);
	for (i = 0; i < 1000; i++) {
		char text[46];

		(void)snprintf(text, sizeof(text), "172.16.%u.%u", i / 250, i % 250 + 1);
		assert_ok(enforce(want(100 + i, STRENGTH_CUT, 0, text, NULL)));
	}
	assert_ok(enforce(cut_subject(STRENGTH_CUT)));
	all_said();
	settled();
	assert_int_equal(recv(c.server, (char[1]){ 0 }, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNABORTED);
	hang_up(&c);
}

#define STATE_TEST(test)   cmocka_unit_test_setup_teardown(test, new_state, free_state)
#define PROCESS_TEST(test) cmocka_unit_test_setup_teardown(test, start_it, stop_it)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(strength_moves_elements),
		STATE_TEST(shared_address),
		STATE_TEST(outsiders),
		STATE_TEST(stale_subjects),
		STATE_TEST(comparison),
		PROCESS_TEST(cut_then_sever_then_release),
		PROCESS_TEST(hold_keeps_sockets),
		PROCESS_TEST(protected_refused),
		PROCESS_TEST(nonsense_refused),
		PROCESS_TEST(kill_keeps_rules),
		PROCESS_TEST(new_engine_starts_over),
		PROCESS_TEST(drift_repaired),
		PROCESS_TEST(own_lock_down),
		PROCESS_TEST(unlock_holds),
		PROCESS_TEST(unlock_command),
		PROCESS_TEST(observing),
		PROCESS_TEST(second_refused),
		PROCESS_TEST(a_thousand_at_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
