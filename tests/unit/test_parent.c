/*
 * The real phalanxd starts, wires, restarts and stops its processes, and each
 * role's real sandbox refuses what that role has no business with.
 *
 * This program also plays the roles: under the name phalanx-ROLE it is built
 * from the same child.c and profiles.c as what ships, and on a reload it tries
 * what the test asks for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "proc/child.h"
#include "proc/profiles.h"
#include "sys/log.h"
#include "tests/check.h"

#define ROLES 8
static const char *const role_names[ROLES] = { "notary", "enforcer", "engine", "watch", "decoy",
	"net", "advice", "analyser" };

/* ---- the roles that this program plays ---------------------------------------------- */

static const struct child_role *playing;

static enum err
prepare(struct child *child)
{
	char wanted[300];

	snprintf(wanted, sizeof(wanted), "fail-%s", playing->name);
	return strcmp(child->config.hostname, wanted) == 0 ? ERR_CONFIG : ERR_OK;
}

static enum err
start(struct child *child)
{
	log_info("probe listeners=%zu", child->listener_count);
	return ERR_OK;
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	(void)child;
	(void)fd; /* stays open as long as we live */
	log_info("probe channel to %d", (int)far);
}

static void
control(struct child *child, int fd)
{
	(void)child;
	(void)!write(fd, "hello", 5);
	close(fd);
}

static void
stop(struct child *child)
{
	(void)child;
	log_info("probe stops");
}

/* Returns what the kernel said: 0, or errno. */
static int
attempt(const char *what, const struct config *config, pid_t sibling)
{
	char path[LIMIT_PATH_BYTES + 16], byte = 0;
	struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)&role_names, 1 };
	static char *const no_words[] = { NULL };
	pid_t pid;

	errno = 0;
	if (strcmp(what, "open-key") == 0)
		return open(config->identity_file, O_RDONLY) == -1 ? errno : 0;
	if (strcmp(what, "open-passwd") == 0)
		return open("/etc/passwd", O_RDONLY) == -1 ? errno : 0;
	if (strcmp(what, "create-file") == 0) {
		snprintf(path, sizeof(path), "%s/made", config->state_dir);
		return open(path, O_CREAT | O_RDWR, 0600) == -1 ? errno : 0;
	}
	if (strcmp(what, "socket-tcp") == 0)
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) == -1 ? errno : 0;
	if (strcmp(what, "socket-udp") == 0)
		return socket(AF_INET6, SOCK_DGRAM, 0) == -1 ? errno : 0;
	if (strcmp(what, "socket-unix") == 0)
		return socket(AF_UNIX, SOCK_STREAM, 0) == -1 ? errno : 0;
	if (strcmp(what, "socket-netlink") == 0)
		return socket(AF_NETLINK, SOCK_RAW, 0) == -1 ? errno : 0;
	if (strcmp(what, "ptrace") == 0)
		return ptrace(PTRACE_SEIZE, sibling, NULL, NULL) == -1 ? errno : 0;
	if (strcmp(what, "kill") == 0)
		return kill(sibling, SIGKILL) == -1 ? errno : 0;
	if (strcmp(what, "read-memory") == 0)
		return process_vm_readv(sibling, &here, 1, &there, 1, 0) == -1 ? errno : 0;
	if (strcmp(what, "open-memory") == 0) {
		snprintf(path, sizeof(path), "/proc/%d/mem", sibling);
		return open(path, O_RDONLY) == -1 ? errno : 0;
	}
	if (strcmp(what, "execve") == 0)
		return execve("/bin/true", no_words, no_words) == -1 ? errno : 0;
	if (strcmp(what, "map-code") == 0)
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		           ? errno
		           : 0;
	if (strcmp(what, "fork") == 0) {
		if ((pid = fork()) == 0)
			_exit(0);
		return pid == -1 ? errno : 0;
	}
	return EDOM;
}

static void
accuse(void *context)
{
	const struct child *child = context;

	(void)!ipc_send(child->parent, MSG_FAULTY, NULL, 0, NULL, 0);
}

/* When the analyser is up again: a reload starts it anew. */
static void
accuse_soon(struct child *child)
{
	struct loop_timer *timer;

	if ((playing->id != ROLE_ADVICE && playing->id != ROLE_NET) ||
	    loop_timer_new(child->loop, accuse, child, &timer) != ERR_OK)
		return;
	loop_timer_set(timer, loop_now_ms() + 500);
}

/* hostname = ATTEMPT.NOTARY-PID.WATCH-PID: of these the sibling is the one that we are not. */
static void
reload(struct child *child, const struct config *config)
{
	char what[32];
	int notary, watch, got;

	if (strcmp(config->hostname, "accuse") == 0)
		accuse_soon(child);
	if (sscanf(config->hostname, "%31[a-z-].%d.%d", what, &notary, &watch) != 3)
		return;
	got = attempt(what, config, playing->id == ROLE_NOTARY ? watch : notary);
	log_info("probe %s got %s", what, got == 0 ? "ALLOWED" : strerrorname_np(got));
}

static int
play(int argc, char **argv, const char *name)
{
	static const struct {
		enum role_id id;
		void (*profile)(const struct child *, struct sandbox_profile *);
	} of[ROLES] = { { ROLE_NOTARY, profile_notary }, { ROLE_ENFORCER, profile_enforcer },
		{ ROLE_ENGINE, profile_engine }, { ROLE_WATCH, profile_watch },
		{ ROLE_DECOY, profile_decoy }, { ROLE_NET, profile_net },
		{ ROLE_ADVICE, profile_advice }, { ROLE_ANALYSER, profile_analyser } };
	static struct child_role role;
	size_t i;

	for (i = 0; i < ROLES && strcmp(name, role_names[i]) != 0; i++)
		;
	if (i == ROLES)
		return 1;
	role = (struct child_role){ .id = of[i].id,
		.name = role_names[i],
		.prepare = prepare,
		.profile = of[i].profile,
		.start = start,
		.channel = channel,
		.control = control,
		.reload = reload,
		.stop = stop };
	playing = &role;
	return child_main(argc, argv, &role);
}

/* ---- the daemon under test -------------------------------------------------------------- */

struct daemon {
	char dir[64];
	char state[96], libexec[96], config[96];
	pid_t pid;
	int out;
	char log[256 * 1024];
	size_t log_bytes;
	uint16_t mesh_port, decoy_port;
};

static char self_path[512], daemon_path[1024];
static pid_t running; /* for the teardown of a test that failed */

static uint16_t
free_port(void)
{
	struct sockaddr_in6 where = { .sin6_family = AF_INET6 };
	socklen_t size_bytes = sizeof(where);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&where, &size_bytes), 0);
	close(fd);
	return ntohs(where.sin6_port);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
write_config(const struct daemon *d, const char *hostname, const char *more)
{
	char text[2048];

	snprintf(text, sizeof(text),
	    "[node]\nname = node-a\nhostname = %s\np2p_port = %u\nstate_dir = %s\n"
	    "libexec_dir = %s\nlog_level = debug\n%s"
	    "[decoys]\nssh_port = 0\nhttp_port = 0\nextra = tcp:%u\n[coordinator]\nurl = none\n",
	    hostname, d->mesh_port, d->state, d->libexec, more, d->decoy_port);
	write_file(d->config, text);
}

static void
install_probe_as(const struct daemon *d, const char *role)
{
	char first[160], name[160];

	snprintf(first, sizeof(first), "%s/phalanx-%s", d->libexec, role_names[0]);
	snprintf(name, sizeof(name), "%s/phalanx-%s", d->libexec, role);
	assert_int_equal(link(first, name), 0);
}

/* One copy of this program, and a second name for it a role. */
static void
install_probe(const struct daemon *d)
{
	char command[2048], first[160];
	size_t i;

	snprintf(first, sizeof(first), "%s/phalanx-%s", d->libexec, role_names[0]);
	snprintf(command, sizeof(command), "cp '%s' '%s'", self_path, first);
	assert_int_equal(system(command), 0);
	for (i = 1; i < ROLES; i++)
		install_probe_as(d, role_names[i]);
}

static void
make_daemon(struct daemon *d)
{
	char path[160];

	memset(d, 0, sizeof(*d));
	strcpy(d->dir, "/tmp/phalanx-test-parent-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_int_equal(chmod(d->dir, 0711), 0);
	snprintf(d->state, sizeof(d->state), "%s/state", d->dir);
	snprintf(d->libexec, sizeof(d->libexec), "%s/libexec", d->dir);
	snprintf(d->config, sizeof(d->config), "%s/phalanx.conf", d->dir);
	assert_int_equal(mkdir(d->state, 0700), 0);
	assert_int_equal(mkdir(d->libexec, 0755), 0);
	snprintf(path, sizeof(path), "%s/identity.key", d->state);
	write_file(path, "not a key\n");
	install_probe(d);
	d->mesh_port = free_port();
	d->decoy_port = free_port();
	write_config(d, "localhost", "");
}

static void
launch(struct daemon *d)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	d->log_bytes = 0;
	d->log[0] = '\0';
	if ((d->pid = fork()) == 0) {
		dup2(ends[1], STDERR_FILENO);
		execl(daemon_path, "phalanxd", "-c", d->config, NULL);
		_exit(127);
	}
	close(ends[1]);
	d->out = ends[0];
	running = d->pid;
}

static uint64_t
deadline(uint64_t in_ms)
{
	return loop_now_ms() + in_ms;
}

/* Reads until text stands in the log behind from; false when time is up or the daemon is gone. */
static bool
await(struct daemon *d, size_t from, const char *text, uint64_t timeout_ms)
{
	const uint64_t until_ms = deadline(timeout_ms);
	struct pollfd wait = { .fd = d->out, .events = POLLIN };
	uint64_t now_ms;
	ssize_t size;

	for (;;) {
		if (strstr(d->log + from, text) != NULL)
			return true;
		if ((now_ms = loop_now_ms()) >= until_ms)
			break;
		if (poll(&wait, 1, (int)(until_ms - now_ms)) <= 0)
			continue;
		size = read(d->out, d->log + d->log_bytes, sizeof(d->log) - d->log_bytes - 1);
		if (size <= 0)
			break;
		d->log_bytes += (size_t)size;
		d->log[d->log_bytes] = '\0';
	}
	return strstr(d->log + from, text) != NULL;
}

static void
expect(struct daemon *d, size_t from, const char *text)
{
	if (!await(d, from, text, 10000))
		fail_msg("never said: %s\nbut:\n%s", text, d->log + from);
}

/* The analyser, which the node does without, is not waited for by it. */
static void
expect_up(struct daemon *d)
{
	expect(d, 0, "all processes are up");
	expect(d, 0, "analyser is sandboxed");
}

static int
await_exit(struct daemon *d)
{
	const uint64_t until_ms = deadline(10000);
	int status = 0;

	(void)await(d, 0, "\xff", 10000); /* until the pipe closes */
	while (waitpid(d->pid, &status, WNOHANG) == 0) {
		assert_true(loop_now_ms() < until_ms);
		usleep(1000);
	}
	close(d->out);
	running = 0;
	return status;
}

static void
discard(struct daemon *d)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", d->dir);
	assert_int_equal(system(command), 0);
}

static void
finish(struct daemon *d)
{
	int status;

	assert_int_equal(kill(d->pid, SIGTERM), 0);
	status = await_exit(d);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The pid of each role, 0 where it does not run. */
static void
children_of(pid_t parent, pid_t out[ROLES])
{
	char path[64], comm[32];
	FILE *list, *file;
	size_t i;
	int pid;

	memset(out, 0, ROLES * sizeof(*out));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	if ((list = fopen(path, "r")) == NULL)
		return;
	while (fscanf(list, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if ((file = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(file, "phalanx-%15s", comm) == 1)
			for (i = 0; i < ROLES; i++)
				/* The kernel keeps 15 bytes of a name. */
				if (strncmp(comm, role_names[i], 15 - strlen("phalanx-")) == 0)
					out[i] = pid;
		fclose(file);
	}
	fclose(list);
}

static int
leave_nothing(void **unused)
{
	(void)unused;
	if (running > 0) {
		kill(running, SIGKILL);
		waitpid(running, NULL, 0);
	}
	running = 0;
	return 0;
}

/* ---- the tests --------------------------------------------------------------------------------- */

/* All come up, each with its listeners and a channel to the engine, and leave in order. */
static void
starts_and_stops_in_order(void **unused)
{
	static const char *const order[ROLES] = { "analyser", "advice", "net", "decoy", "watch",
		"engine", "enforcer", "notary" };
	struct daemon *d = malloc(sizeof(*d));
	char line[64];
	const char *at, *next;
	size_t i;

	(void)unused;
	make_daemon(d);
	launch(d);
	expect_up(d);
	for (i = 0; i < ROLES; i++) {
		snprintf(line, sizeof(line), "%s info  probe listeners=%d", role_names[i],
		    strcmp(role_names[i], "net") == 0 || strcmp(role_names[i], "decoy") == 0 ||
		        strcmp(role_names[i], "analyser") == 0);
		expect(d, 0, line);
		/* Nobody inside talks to the analyser but through its door. */
		if (strcmp(role_names[i], "engine") == 0 || strcmp(role_names[i], "analyser") == 0)
			continue;
		snprintf(
		    line, sizeof(line), "%s info  probe channel to %d", role_names[i], ROLE_ENGINE);
		expect(d, 0, line);
	}
	for (i = ROLE_NOTARY; i < ROLE_ENGINE; i++) {
		snprintf(line, sizeof(line), "engine info  probe channel to %zu", i);
		expect(d, 0, line);
	}
	finish(d);
	for (at = d->log, i = 0; i < ROLES; i++, at = next) {
		snprintf(line, sizeof(line), "%s info  probe stops", order[i]);
		if ((next = strstr(at, line)) == NULL)
			fail_msg("%s did not stop in its turn:\n%s", order[i], d->log);
	}
	discard(d);
	free(d);
}

/* kill -9 of any process: it comes again, and the engine has a new way to it. */
static void
restarts_what_is_killed(void **unused)
{
	static const int ids[ROLES] = { ROLE_NOTARY, ROLE_ENFORCER, ROLE_ENGINE, ROLE_WATCH,
		ROLE_DECOY, ROLE_NET, ROLE_ADVICE, ROLE_ANALYSER };
	struct daemon *d = malloc(sizeof(*d));
	pid_t before[ROLES], after[ROLES];
	char line[64];
	size_t i, j, from;

	(void)unused;
	make_daemon(d);
	launch(d);
	expect_up(d);
	for (i = 0; i < ROLES; i++) {
		children_of(d->pid, before);
		from = d->log_bytes;
		assert_true(before[i] > 0);
		assert_int_equal(kill(before[i], SIGKILL), 0);
		snprintf(
		    line, sizeof(line), "%s (pid %d) ended by signal 9", role_names[i], before[i]);
		expect(d, from, line);
		for (j = 0; j < ROLES; j++) {
			if (ids[j] == ROLE_ENGINE || ids[j] == ROLE_ANALYSER ||
			    (j != i && ids[i] != ROLE_ENGINE))
				continue;
			snprintf(line, sizeof(line), "engine info  probe channel to %d", ids[j]);
			expect(d, from, line);
			snprintf(line, sizeof(line), "%s info  probe channel to %d", role_names[j],
			    ROLE_ENGINE);
			expect(d, from, line);
		}
		snprintf(line, sizeof(line), "%s info  probe listeners", role_names[i]);
		expect(d, from, line);
		children_of(d->pid, after);
		for (j = 0; j < ROLES; j++)
			assert_true(j == i ? after[j] != before[j] : after[j] == before[j]);
	}
	finish(d);
	discard(d);
	free(d);
}

/* kill -9 of the parent: no child outlives it. */
static void
nobody_outlives_the_parent(void **unused)
{
	struct daemon *d = malloc(sizeof(*d));
	const uint64_t until_ms = deadline(10000);
	pid_t pids[ROLES];
	size_t i;

	(void)unused;
	make_daemon(d);
	launch(d);
	expect_up(d);
	children_of(d->pid, pids);
	assert_int_equal(kill(d->pid, SIGKILL), 0);
	assert_true(WIFSIGNALED(await_exit(d)));
	for (i = 0; i < ROLES; i++)
		while (kill(pids[i], 0) == 0) {
			if (loop_now_ms() > until_ms)
				fail_msg("%s outlives its parent", role_names[i]);
			usleep(1000);
		}
	discard(d);
	free(d);
}

/* A process that says it cannot start ends the daemon, which says who. */
static void
failing_start_is_an_error(void **unused)
{
	struct daemon *d = malloc(sizeof(*d));
	int status;

	(void)unused;
	make_daemon(d);
	write_config(d, "fail-notary", "");
	launch(d);
	expect(d, 0, "notary cannot start; see its lines above");
	status = await_exit(d);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	discard(d);
	free(d);
}

/* A taken port is an error that names the port, whose it is and the key to change. */
static void
taken_port_is_named(void **unused)
{
	struct sockaddr_in6 where = { .sin6_family = AF_INET6 };
	struct daemon *d = malloc(sizeof(*d));
	char line[128];
	int fd;

	(void)unused;
	make_daemon(d);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	where.sin6_port = htons(d->decoy_port);
	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(fd, 1), 0);
	launch(d);
	snprintf(line, sizeof(line), "port %u (decoy) is taken", d->decoy_port);
	expect(d, 0, line);
	expect(d, 0, "[decoys] extra");
	assert_int_equal(WEXITSTATUS(await_exit(d)), 1);
	close(fd);
	discard(d);
	free(d);
}

/* A key that is a symbolic link, or has a second name, is given to nobody. */
static void
links_are_refused(void **unused)
{
	struct daemon *d = malloc(sizeof(*d));
	char path[160], other[160];

	(void)unused;
	make_daemon(d);
	snprintf(path, sizeof(path), "%s/identity.key", d->state);
	snprintf(other, sizeof(other), "%s/elsewhere", d->dir);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	launch(d);
	expect(d, 0, "identity.key: Too many levels of symbolic links");
	assert_int_equal(WEXITSTATUS(await_exit(d)), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(link(other, path), 0);
	launch(d);
	expect(d, 0, "not a plain file with a single name");
	assert_int_equal(WEXITSTATUS(await_exit(d)), 1);
	discard(d);
	free(d);
}

/* A reload takes the whole new file or none of it. */
static void
reload_is_all_or_nothing(void **unused)
{
	struct daemon *d = malloc(sizeof(*d));
	size_t from;

	(void)unused;
	make_daemon(d);
	launch(d);
	expect_up(d);
	write_config(d, "localhost", "nonsense = 1\n");
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	expect(d, 0, "[node] nonsense: no such key");
	expect(d, 0, "reload: nothing is changed; the reason stands above");
	from = d->log_bytes;
	d->mesh_port++;
	write_config(d, "localhost", "");
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	expect(d, from, "nothing is changed, for [node] p2p_port");
	from = d->log_bytes;
	d->mesh_port--;
	write_config(d, "elsewhere", "");
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	expect(d, from, "configuration reloaded");
	finish(d);
	discard(d);
	free(d);
}

/* A client of the control socket reaches the engine; a second daemon does not take it over. */
static void
control_reaches_the_engine(void **unused)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	struct daemon *d = malloc(sizeof(*d)), *second = malloc(sizeof(*second));
	struct stat status;
	char word[8] = "";
	int fd;

	(void)unused;
	make_daemon(d);
	launch(d);
	expect_up(d);
	snprintf(where.sun_path, sizeof(where.sun_path), "%.80s/control.sock", d->state);
	assert_int_equal(stat(where.sun_path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(read(fd, word, sizeof(word)), 5);
	assert_string_equal(word, "hello");
	close(fd);

	*second = *d;
	second->mesh_port = free_port();
	second->decoy_port = free_port();
	snprintf(second->config, sizeof(second->config), "%s/second.conf", d->dir);
	write_config(second, "localhost", "");
	launch(second);
	expect(second, 0, "another phalanxd answers on");
	assert_int_equal(WEXITSTATUS(await_exit(second)), 1);
	running = d->pid;
	finish(d);
	discard(d);
	free(second);
	free(d);
}

/* The analyser's socket, and who owns it. */
static void
door_of(const struct daemon *d, struct sockaddr_un *where, struct stat *status)
{
	*where = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(where->sun_path, sizeof(where->sun_path), "%.80s/analyser.sock", d->state);
	assert_int_equal(stat(where->sun_path, status), 0);
}

/* Without the analyser's program, or where one answers already, the node runs and says so. */
static void
does_without_an_analyser(void **unused)
{
	struct daemon *d = malloc(sizeof(*d));
	struct sockaddr_un where;
	struct stat status;
	char path[160];
	pid_t pids[ROLES];
	int fd;

	(void)unused;
	make_daemon(d);
	snprintf(path, sizeof(path), "%s/phalanx-analyser", d->libexec);
	assert_int_equal(unlink(path), 0);
	launch(d);
	expect(d, 0, "phalanx-analyser is not there; the rules answer alone");
	expect(d, 0, "all processes are up");
	finish(d);

	install_probe_as(d, "analyser");
	launch(d);
	expect(d, 0, "all processes are up");
	expect(d, 0, "analyser info  probe listeners=1");
	door_of(d, &where, &status);
	assert_int_equal(status.st_mode & 0777, 0600);
	finish(d);

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(unlink(where.sun_path), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(fd, 1), 0);
	launch(d);
	expect(d, 0, "none is started");
	expect(d, 0, "all processes are up");
	children_of(d->pid, pids);
	assert_int_equal(pids[7], 0);
	finish(d);
	close(fd);
	discard(d);
	free(d);
}

/* An analyser that cannot start ends nothing; a reload tries again. */
static void
analyser_may_fail(void **unused)
{
	struct daemon *d = malloc(sizeof(*d));
	size_t from;

	(void)unused;
	make_daemon(d);
	write_config(d, "fail-analyser", "");
	launch(d);
	expect(d, 0, "analyser cannot start; see its lines above. Going on without");
	expect(d, 0, "all processes are up");
	from = d->log_bytes;
	write_config(d, "localhost", "");
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	expect(d, from, "analyser info  probe listeners=1");
	finish(d);
	discard(d);
	free(d);
}

/* What hangs is killed when advice says so, and nobody else may say it. */
static void
faulty_analyser_is_replaced(void **unused)
{
	struct daemon *d = malloc(sizeof(*d));
	pid_t before[ROLES], after[ROLES];
	size_t from;

	(void)unused;
	make_daemon(d);
	launch(d);
	expect_up(d);
	expect(d, 0, "analyser info  probe listeners=1");
	children_of(d->pid, before);
	from = d->log_bytes;
	write_config(d, "accuse", "");
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	expect(d, from, "hangs or answers garbage: killed");
	expect(d, from, "net: message 17 is refused");
	expect(d, from, "analyser info  probe listeners=1");
	children_of(d->pid, after);
	assert_int_not_equal(before[7], after[7]);
	assert_int_equal(before[0], after[0]);
	finish(d);
	discard(d);
	free(d);
}

/* ---- the sandbox probe ----------------------------------------------------------------------------- */

#define NOTARY   (1u << 0)
#define ENFORCER (1u << 1)
#define ENGINE   (1u << 2)
#define WATCH    (1u << 3)
#define DECOY    (1u << 4)
#define NET      (1u << 5)
#define ADVICE   (1u << 6)
#define ANALYSER (1u << 7)

/* Refused: the kernel said no, or killed the process for asking. */
static bool
refused(const char *log, const char *role, const char *what, pid_t pid)
{
	char line[128];
	static const char *const no[] = { "EACCES", "EPERM" };
	size_t i;

	snprintf(line, sizeof(line), "%s (pid %d) ended by signal %d", role, pid, SIGSYS);
	if (strstr(log, line) != NULL)
		return true;
	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "%s info  probe %s got %s\n", role, what, no[i]);
		if (strstr(log, line) != NULL)
			return true;
	}
	return false;
}

static void
probe(struct daemon *d, const char *what, unsigned allowed, const char *uid_line)
{
	char hostname[128], line[128];
	pid_t pids[ROLES];
	const uint64_t until_ms = deadline(10000);
	size_t i;

	write_config(d, "localhost", uid_line);
	launch(d);
	expect_up(d);
	children_of(d->pid, pids);
	snprintf(hostname, sizeof(hostname), "%s.%d.%d", what, pids[0], pids[3]);
	write_config(d, hostname, uid_line);
	assert_int_equal(kill(d->pid, SIGHUP), 0);
	for (i = 0; i < ROLES; i++) {
		snprintf(line, sizeof(line), "%s info  probe %s got ALLOWED", role_names[i], what);
		if (allowed & (1u << i)) {
			expect(d, 0, line);
			continue;
		}
		while (!refused(d->log, role_names[i], what, pids[i])) {
			if (strstr(d->log, line) != NULL || loop_now_ms() > until_ms)
				fail_msg(
				    "%s by %s is not refused:\n%s", what, role_names[i], d->log);
			(void)await(d, d->log_bytes, "\n", 200);
		}
	}
	finish(d);
}

static void
probe_all(const char *uid_line)
{
	static const struct {
		const char *what;
		unsigned allowed;
	} attempts[] = {
		{ "open-key", NOTARY },
		{ "open-passwd", 0 },
		{ "create-file", NOTARY },
		{ "socket-tcp", NET | ANALYSER },
		{ "socket-udp", 0 },
		{ "socket-unix", ADVICE },
		{ "socket-netlink", ENFORCER },
		{ "ptrace", 0 },
		{ "kill", 0 },
		{ "read-memory", 0 },
		{ "open-memory", 0 },
		{ "execve", 0 },
		{ "map-code", 0 },
		{ "fork", ENFORCER },
	};
	struct daemon *d = malloc(sizeof(*d));
	size_t i;

	make_daemon(d);
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		probe(d, attempts[i].what, attempts[i].allowed, uid_line);
	discard(d);
	free(d);
}

/* With one uid for all, Landlock and seccomp alone refuse key, files, sockets and siblings. */
static void
sandbox_holds_with_one_uid(void **unused)
{
	(void)unused;
	probe_all("");
}

/* The same with a uid a role, which the kernel confirms. */
static void
sandbox_holds_with_own_uids(void **unused)
{
	struct daemon *d;
	struct sockaddr_un where;
	struct stat status;
	char path[160];

	(void)unused;
	if (getuid() != 0) {
		print_message("skipped: only root may give each role a uid of its own\n");
		skip();
	}
	d = malloc(sizeof(*d));
	make_daemon(d);
	write_config(d, "localhost", "uid_base = 61000\n[analyser]\ntoken_file = token\n");
	snprintf(path, sizeof(path), "%s/token", d->state);
	write_file(path, "secret\n");
	launch(d);
	expect_up(d);
	if (strstr(d->log, "uid_base 61000 is not used") != NULL) {
		finish(d);
		discard(d);
		free(d);
		print_message("skipped: this user namespace maps too few uids\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/identity.key", d->state);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, 61000 + ROLE_NOTARY);
	assert_int_equal(status.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/token", d->state);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, 61000 + ROLE_ANALYSER);
	assert_int_equal(status.st_mode & 0777, 0600);
	door_of(d, &where, &status);
	assert_int_equal(status.st_uid, 61000 + ROLE_ADVICE);
	assert_int_equal(status.st_mode & 0777, 0600);
	finish(d);
	discard(d);
	free(d);
	probe_all("uid_base = 61000\n");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(starts_and_stops_in_order, leave_nothing),
		cmocka_unit_test_teardown(restarts_what_is_killed, leave_nothing),
		cmocka_unit_test_teardown(nobody_outlives_the_parent, leave_nothing),
		cmocka_unit_test_teardown(failing_start_is_an_error, leave_nothing),
		cmocka_unit_test_teardown(taken_port_is_named, leave_nothing),
		cmocka_unit_test_teardown(links_are_refused, leave_nothing),
		cmocka_unit_test_teardown(reload_is_all_or_nothing, leave_nothing),
		cmocka_unit_test_teardown(control_reaches_the_engine, leave_nothing),
		cmocka_unit_test_teardown(does_without_an_analyser, leave_nothing),
		cmocka_unit_test_teardown(analyser_may_fail, leave_nothing),
		cmocka_unit_test_teardown(faulty_analyser_is_replaced, leave_nothing),
		cmocka_unit_test_teardown(sandbox_holds_with_one_uid, leave_nothing),
		cmocka_unit_test_teardown(sandbox_holds_with_own_uids, leave_nothing),
	};
	ssize_t length;
	char *slash;

	if (strncmp(argv[0], "phalanx-", 8) == 0)
		return play(argc, argv, argv[0] + 8);
	length = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	assert_true(length > 0);
	slash = strrchr(self_path, '/');
	snprintf(daemon_path, sizeof(daemon_path), "%.*s/../bin/phalanxd", (int)(slash - self_path),
	    self_path);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
