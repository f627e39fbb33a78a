/*
 * Inside a sandbox only what its profile names is possible, and a profile
 * that cannot be put in force is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sys/log.h"
#include "sys/sandbox.h"
#include "tests/check.h"

#define NOT_ENTERED 99

/* Runs try() in a sandbox: its exit status, or minus the signal that ended it. */
static int
inside(const struct sandbox_profile *profile, int (*try)(const char *), const char *argument)
{
	int status;
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) == 0) {
		if (sandbox_enter(profile, NULL) != ERR_OK)
			_exit(NOT_ENTERED);
		_exit(try(argument));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static const int no_calls[] = { -1 };
static const int file_calls[] = { SCMP_SYS(openat), SCMP_SYS(unlinkat), SCMP_SYS(unlink), -1 };
static const int all_calls[] = { SCMP_SYS(openat), SCMP_SYS(connect), SCMP_SYS(bind),
	SCMP_SYS(prctl), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64), SCMP_SYS(capget), -1 };

static int
nothing(const char *unused)
{
	(void)unused;
	return 0;
}

static int
read_file(const char *path)
{
	return open(path, O_RDONLY) == -1 ? errno : 0;
}

static int
write_file(const char *path)
{
	return open(path, O_WRONLY) == -1 ? errno : 0;
}

static int
make_file(const char *path)
{
	return open(path, O_CREAT | O_EXCL | O_RDWR, 0600) == -1 || unlink(path) == -1 ? errno : 0;
}

static int
call_getppid(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_getppid) == 0;
}

static int
make_code(const char *unused)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	return page == MAP_FAILED ? 1 : mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 ? 2 : 0;
}

static int
signal_parent(const char *parent)
{
	return syscall(SYS_tgkill, atoi(parent), atoi(parent), 0) == -1 ? errno : 0;
}

static int
make_socket(const char *spec)
{
	int family, type, protocol;

	if (sscanf(spec, "%d %d %d", &family, &type, &protocol) != 3)
		return 77;
	return socket(family, type, protocol) == -1 ? errno : 0;
}

static int
dial(const char *port)
{
	struct sockaddr_in where = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

	if (fd == -1)
		return 77;
	return connect(fd, (struct sockaddr *)&where, sizeof(where)) == -1 ? errno : 0;
}

static int
given_up(const char *unused)
{
	struct rlimit core, processes;

	(void)unused;
	if (prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 1;
	if (getrlimit(RLIMIT_CORE, &core) == -1 || core.rlim_max != 0)
		return 2;
	if (getrlimit(RLIMIT_NPROC, &processes) == -1 || processes.rlim_max != 0)
		return 3;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 12, 0, 0) == 0 ? 0 : 4;
}

/* A call that no profile names kills the process, before the kernel runs it. */
static void
unnamed_calls_kill(void **unused)
{
	const struct sandbox_profile bare = { .name = "test", .syscalls = no_calls };
	char pid[16];

	(void)unused;
	assert_int_equal(inside(&bare, nothing, NULL), 0);
	assert_int_equal(inside(&bare, call_getppid, NULL), -SIGSYS);
	assert_int_equal(inside(&bare, read_file, "/etc/passwd"), -SIGSYS);
	assert_int_equal(inside(&bare, make_code, NULL), -SIGSYS);
	snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(inside(&bare, signal_parent, pid), -SIGSYS);
}

/* Of the files only those of the profile, read or written as it says. */
static void
files(void **unused)
{
	char dir[] = "/tmp/phalanx-test-sandbox-XXXXXX", file[64], new[64];
	struct sandbox_profile profile = { .name = "test", .syscalls = file_calls };
	int fd;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/a", dir);
	snprintf(new, sizeof(new), "%s/b", dir);
	fd = open(file, O_CREAT | O_RDWR, 0600);
	assert_true(fd != -1);
	close(fd);

	assert_int_equal(inside(&profile, read_file, file), EACCES);
	profile.paths[0] = (struct sandbox_path){ dir, SANDBOX_READ, false };
	assert_int_equal(inside(&profile, read_file, file), 0);
	assert_int_equal(inside(&profile, write_file, file), EACCES);
	assert_int_equal(inside(&profile, make_file, new), EACCES);
	profile.paths[0] = (struct sandbox_path){ dir, SANDBOX_READ | SANDBOX_WRITE, false };
	assert_int_equal(inside(&profile, write_file, file), 0);
	assert_int_equal(inside(&profile, make_file, new), 0);
	assert_int_equal(inside(&profile, read_file, "/etc/passwd"), EACCES);
	/* A rule for one file does not open its neighbour. */
	profile.paths[0] = (struct sandbox_path){ file, SANDBOX_READ | SANDBOX_WRITE, false };
	assert_int_equal(inside(&profile, write_file, file), 0);
	assert_int_equal(inside(&profile, make_file, new), EACCES);
	unlink(file);
	rmdir(dir);
}

/* A path that must be there and is not: nothing is entered, unless it is optional. */
static void
fails_closed(void **unused)
{
	struct sandbox_profile profile = { .name = "test",
		.syscalls = no_calls,
		.paths = { { "/nonexistent", SANDBOX_READ, false } } };

	(void)unused;
	assert_int_equal(inside(&profile, nothing, NULL), NOT_ENTERED);
	profile.paths[0].optional = true;
	assert_int_equal(inside(&profile, nothing, NULL), 0);
}

/* socket() makes what the profile names, and an argument off is death. */
static void
sockets(void **unused)
{
	struct sandbox_profile tcp = {
		.name = "test", .syscalls = no_calls, .sockets = SANDBOX_TCP
	};
	struct sandbox_profile netlink = {
		.name = "test", .syscalls = no_calls, .sockets = SANDBOX_NETLINK
	};
	char spec[64];

	(void)unused;
	snprintf(
	    spec, sizeof(spec), "%d %d 0", AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_int_equal(inside(&tcp, make_socket, spec), 0);
	assert_int_equal(inside(&netlink, make_socket, spec), -SIGSYS);
	snprintf(spec, sizeof(spec), "%d %d %d", AF_INET, SOCK_STREAM, IPPROTO_TCP);
	assert_int_equal(inside(&tcp, make_socket, spec), 0);
	snprintf(spec, sizeof(spec), "%d %d %d", AF_INET, SOCK_STREAM, 262 /* MPTCP */);
	assert_int_equal(inside(&tcp, make_socket, spec), -SIGSYS);
	snprintf(spec, sizeof(spec), "%d %d 0", AF_INET, SOCK_DGRAM);
	assert_int_equal(inside(&tcp, make_socket, spec), -SIGSYS);
	snprintf(spec, sizeof(spec), "%d %d 0", AF_UNIX, SOCK_STREAM);
	assert_int_equal(inside(&tcp, make_socket, spec), -SIGSYS);
	snprintf(spec, sizeof(spec), "%d %d 12", AF_NETLINK, SOCK_RAW); /* NETFILTER */
	assert_int_equal(inside(&netlink, make_socket, spec), 0);
	snprintf(spec, sizeof(spec), "%d %d 9", AF_NETLINK, SOCK_RAW); /* AUDIT */
	assert_int_equal(inside(&netlink, make_socket, spec), -SIGSYS);
}

/* Where the kernel can, connect() reaches the named ports only. */
static void
ports(void **unused)
{
	struct sandbox_profile profile = { .name = "test",
		.syscalls = all_calls,
		.sockets = SANDBOX_TCP,
		.connect_ports = { 1 } };
	struct sandbox_report report;

	(void)unused;
	sandbox_probe(&report);
	assert_true(report.landlock_abi >= 2);
	if (!report.tcp_scope) {
		print_message("skipped: Landlock ABI %d has no ports\n", report.landlock_abi);
		skip();
	}
	assert_int_equal(inside(&profile, dial, "1"), ECONNREFUSED);
	assert_int_equal(inside(&profile, dial, "2"), EACCES);
	profile.connect_any = true;
	assert_int_equal(inside(&profile, dial, "2"), ECONNREFUSED);
}

/* Dumpability, core files, new processes, new privileges and capabilities are gone. */
static void
privileges(void **unused)
{
	const struct sandbox_profile profile = { .name = "test", .syscalls = all_calls };

	(void)unused;
	assert_int_equal(inside(&profile, given_up, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unnamed_calls_kill),
		cmocka_unit_test(files),
		cmocka_unit_test(fails_closed),
		cmocka_unit_test(sockets),
		cmocka_unit_test(ports),
		cmocka_unit_test(privileges),
	};

	log_init("", "test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
