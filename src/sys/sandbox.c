/*
 * sandbox: see sandbox.h.  In order: capabilities, limits, no_new_privs,
 * Landlock, and seccomp last, because each needs calls that the next takes.
 */
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <unistd.h>
#include "sys/log.h"
#include "sys/sandbox.h"

#define LANDLOCK_FLOOR 2

/* What Debian 12's kernel headers (Landlock ABI 2) do not name yet. */
#define FS_TRUNCATE     (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEVICE (1ULL << 15) /* ABI 5 */
#define NET_BIND_TCP    (1ULL << 0)  /* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT  (1ULL << 0) /* ABI 6 */
#define SCOPE_SIGNAL    (1ULL << 1)
#define RULE_NET_PORT   2

struct ruleset_attributes {
	uint64_t fs, net, scoped;
};

struct port_attributes {
	uint64_t access, port;
};

/* ---- capabilities and limits ------------------------------------------------- */

static enum err
drop_capabilities(const struct sandbox_profile *profile)
{
	static const unsigned of_parent[] = { CAP_SETUID, CAP_SETGID, CAP_KILL };
	bool net_admin, can_bound, parents[3];
	size_t i;

	if (capng_get_caps_process() != 0)
		return ERR_IO;
	net_admin =
	    profile->keep_net_admin && capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
	can_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (i = 0; i < 3; i++)
		parents[i] =
		    profile->keep_setuid && capng_have_capability(CAPNG_PERMITTED, of_parent[i]);

	capng_clear(CAPNG_SELECT_ALL);
	/* Through the parent's exec they reach a child of a user that is not root. */
	const capng_type_t kept = profile->allow_exec
	                              ? CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
	                                    CAPNG_AMBIENT | CAPNG_BOUNDING_SET
	                              : CAPNG_EFFECTIVE | CAPNG_PERMITTED;
	if (net_admin && capng_update(CAPNG_ADD, kept, CAP_NET_ADMIN) != 0)
		return ERR_IO;
	for (i = 0; i < 3; i++)
		if (parents[i] && capng_update(CAPNG_ADD, kept, of_parent[i]) != 0)
			return ERR_IO;
	/* Bounds first: dropping them takes SETPCAP. */
	if (can_bound && capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		return ERR_IO;
	if (capng_apply(CAPNG_SELECT_CAPS) != 0 || capng_apply(CAPNG_SELECT_AMBIENT) != 0)
		return ERR_IO;
	return ERR_OK;
}

static enum err
limit_process(const struct sandbox_profile *profile)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || setrlimit(RLIMIT_CORE, &none) == -1)
		return ERR_IO;
	if (!profile->allow_fork && setrlimit(RLIMIT_NPROC, &none) == -1)
		return ERR_IO;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return ERR_IO;
	return ERR_OK;
}

/* ---- Landlock ------------------------------------------------------------------ */

static int
landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t
files_handled(int abi)
{
	uint64_t all = LANDLOCK_ACCESS_FS_REFER | (LANDLOCK_ACCESS_FS_REFER - 1);

	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEVICE;
	return all;
}

static uint64_t
rights(unsigned access, bool directory, int abi)
{
	uint64_t granted = 0;

	if (access & SANDBOX_READ)
		granted |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	if (access & SANDBOX_EXECUTE)
		granted |= LANDLOCK_ACCESS_FS_EXECUTE;
	if (access & SANDBOX_WRITE)
		granted |= LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		           LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE;
	if (!directory)
		granted &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		           LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE;
	return granted & files_handled(abi);
}

static enum err
allow_path(int ruleset, const struct sandbox_path *path, int abi)
{
	struct landlock_path_beneath_attr rule;
	struct stat status;
	enum err err = ERR_OK;
	int fd;

	if ((fd = open(path->path, O_PATH | O_CLOEXEC)) == -1) {
		if (path->optional && (errno == ENOENT || errno == EACCES))
			return ERR_OK;
		log_errno("sandbox: %s", path->path);
		return ERR_IO;
	}
	if (fstat(fd, &status) == -1)
		err = ERR_IO;
	else {
		rule = (struct landlock_path_beneath_attr){ .allowed_access = rights(path->access,
			                                        S_ISDIR(status.st_mode), abi),
			.parent_fd = fd };
		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ==
		    -1)
			err = ERR_IO;
	}
	if (err != ERR_OK)
		log_errno("sandbox: Landlock rule for %s", path->path);
	close(fd);
	return err;
}

static enum err
allow_ports(int ruleset, const struct sandbox_profile *profile)
{
	size_t i;

	if (profile->connect_any)
		return ERR_OK;
	for (i = 0; i < SANDBOX_PORTS && profile->connect_ports[i] != 0; i++) {
		const struct port_attributes rule = { NET_CONNECT_TCP, profile->connect_ports[i] };

		if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) == -1) {
			log_errno("sandbox: Landlock rule for port %u", profile->connect_ports[i]);
			return ERR_IO;
		}
	}
	return ERR_OK;
}

static enum err
enter_landlock(const struct sandbox_profile *profile, int abi)
{
	struct ruleset_attributes attributes = { .fs = files_handled(abi) };
	enum err err = ERR_OK;
	size_t i;
	int ruleset;

	if (abi >= 4 && !profile->connect_any)
		attributes.net |= NET_CONNECT_TCP;
	if (abi >= 4 && !profile->bind_any)
		attributes.net |= NET_BIND_TCP;
	if (abi >= 6 && !profile->allow_signals)
		attributes.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	if (ruleset == -1) {
		log_errno("sandbox: Landlock ruleset");
		return ERR_IO;
	}
	for (i = 0; i < SANDBOX_PATHS && err == ERR_OK; i++)
		if (profile->paths[i].path != NULL)
			err = allow_path(ruleset, &profile->paths[i], abi);
	if (err == ERR_OK && abi >= 4)
		err = allow_ports(ruleset, profile);
	if (err == ERR_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) == -1) {
		log_errno("sandbox: Landlock");
		err = ERR_IO;
	}
	close(ruleset);
	return err;
}

/* ---- seccomp --------------------------------------------------------------------- */

/* What the loop, ipc, log, malloc and the C library need in every process. */
static const int common[] = { SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(fcntl), SCMP_SYS(brk), SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(sysinfo), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
#ifdef __SANITIZE_ADDRESS__
	/* The sanitizer's own start and end; never in what ships. */
	SCMP_SYS(sigaltstack), SCMP_SYS(personality), SCMP_SYS(rt_sigaction),
	SCMP_SYS(sched_getaffinity),
#endif
	-1 };

/* What a library may try in passing and lives without. */
static const int refused[] = { SCMP_SYS(ioctl), SCMP_SYS(prlimit64), SCMP_SYS(getrlimit),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(uname), SCMP_SYS(getcwd), -1 };

static bool
contains(const int *calls, int call)
{
	for (; *calls != -1; calls++)
		if (*calls == call)
			return true;
	return false;
}

/* Numbers below -1 stand for calls that this architecture does not have. */
static int
add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, const int *but)
{
	int error;

	for (; *calls != -1; calls++) {
		if (*calls < 0 || (but != NULL && contains(but, *calls)))
			continue;
		if ((error = seccomp_rule_add(filter, action, *calls, 0)) != 0)
			return error;
	}
	return 0;
}

/* Code is neither made nor changed; a loader maps it read-only, from files that Landlock shows. */
static int
add_memory(scmp_filter_ctx filter, const struct sandbox_profile *profile)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	size_t i;
	int error = 0;

	for (i = 0; i < 2 && error == 0; i++)
		error = profile->allow_exec ? seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0)
		                            : seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
		                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (error == 0 && profile->load_libraries && !profile->allow_exec)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
		    SCMP_A2(SCMP_CMP_EQ, PROT_READ | PROT_EXEC),
		    SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	return error;
}

static int
add_sockets(scmp_filter_ctx filter, unsigned sockets)
{
	static const unsigned families[] = { AF_INET, AF_INET6 },
	                      protocols[] = { NETLINK_NETFILTER, NETLINK_SOCK_DIAG, NETLINK_ROUTE };
	size_t i;
	int error = 0;

	if (sockets & SANDBOX_ANY)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 0);
	for (i = 0; error == 0 && (sockets & SANDBOX_TCP) && i < 2; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
		    SCMP_A0(SCMP_CMP_EQ, families[i]),
		    SCMP_A1(SCMP_CMP_MASKED_EQ, (scmp_datum_t) ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
		        SOCK_STREAM),
		    SCMP_A2(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)IPPROTO_TCP, 0));
	if (error == 0 && (sockets & SANDBOX_UNIX))
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
		    SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
		    SCMP_A1(SCMP_CMP_MASKED_EQ, (scmp_datum_t) ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
		        SOCK_STREAM),
		    SCMP_A2(SCMP_CMP_EQ, 0));
	for (i = 0; error == 0 && (sockets & SANDBOX_NETLINK) && i < 3; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
		    SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, protocols[i]));
	return error;
}

/* abort() signals its own process; nobody else's. */
static int
add_signals(scmp_filter_ctx filter, const struct sandbox_profile *profile)
{
	if (profile->allow_signals)
		return add_all(filter, SCMP_ACT_ALLOW,
		    (const int[]){ SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction), -1 },
		    NULL);
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
	    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

static int
add_fork(scmp_filter_ctx filter, const struct sandbox_profile *profile)
{
	static const int fork_calls[] = { SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(wait4),
		SCMP_SYS(waitid), SCMP_SYS(set_robust_list), SCMP_SYS(rt_sigaction), -1 };
	int error;

	if (!profile->allow_fork)
		return 0;
	if ((error = add_all(filter, SCMP_ACT_ALLOW, fork_calls, NULL)) != 0)
		return error;
	/* A process, never a namespace; clone3 hides its flags, so the C library falls back. */
	error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ,
	        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS |
	            CLONE_NEWIPC | CLONE_NEWCGROUP,
	        0));
	if (error != 0)
		return error;
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static enum err
enter_seccomp(const struct sandbox_profile *profile)
{
	scmp_filter_ctx filter;
	int error;

	if ((filter = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		return ERR_NOMEM;
	/* Two levels of comparison instead of sixty in a row. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	error = add_all(filter, SCMP_ACT_ALLOW, common, NULL);
	if (error == 0)
		error = add_all(filter, SCMP_ACT_ALLOW, profile->syscalls, common);
	if (error == 0)
		error = add_all(filter, SCMP_ACT_ERRNO(EPERM), refused, profile->syscalls);
	if (error == 0)
		error = add_memory(filter, profile);
	if (error == 0)
		error = add_sockets(filter, profile->sockets);
	if (error == 0)
		error = add_signals(filter, profile);
	if (error == 0)
		error = add_fork(filter, profile);
	if (error == 0 && profile->allow_exec)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execve), 0);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	if (error != 0) {
		errno = -error;
		log_errno("sandbox: seccomp");
		return ERR_IO;
	}
	return ERR_OK;
}

#ifdef __SANITIZE_ADDRESS__
/* The leak checker stops its own process with ptrace: no sandbox here allows that. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* ---- the whole ----------------------------------------------------------------------- */

void
sandbox_probe(struct sandbox_report *out)
{
	int abi = landlock_abi();

	*out = (struct sandbox_report){
		.landlock_abi = abi < 0 ? 0 : abi, .tcp_scope = abi >= 4, .signal_scope = abi >= 6
	};
}

enum err
sandbox_enter(const struct sandbox_profile *profile, struct sandbox_report *or_null)
{
	struct sandbox_report report;
	enum err err;

	sandbox_probe(&report);
	if (report.landlock_abi < LANDLOCK_FLOOR) {
		log_error("sandbox: Landlock ABI %d here, %d needed: Linux 6.1 or later with "
		          "landlock in the lsm= list of its command line",
		    report.landlock_abi, LANDLOCK_FLOOR);
		return ERR_UNSUPPORTED;
	}
	if ((err = drop_capabilities(profile)) != ERR_OK) {
		log_error("sandbox: cannot drop capabilities");
		return err;
	}
	if ((err = limit_process(profile)) != ERR_OK) {
		log_errno("sandbox: limits");
		return err;
	}
	if ((err = enter_landlock(profile, report.landlock_abi)) != ERR_OK)
		return err;
	if ((err = enter_seccomp(profile)) != ERR_OK)
		return err;
	(void)malloc_trim(0); /* what the libraries above left behind */
	if (or_null != NULL)
		*or_null = report;
	return ERR_OK;
}
