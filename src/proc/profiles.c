/*
 * profiles: see profiles.h.  Every system call here is one that the role was
 * seen to need; docs/privsep.md says why.  The common set is in sandbox.c.
 */
#include <seccomp.h>
#include "proc/profiles.h"

/* Append, fsync, rename and cut off within the state directory. */
static const int notary_calls[] = { SCMP_SYS(openat), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(lseek),
	SCMP_SYS(fdatasync), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat), SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(fstatfs), SCMP_SYS(getdents64), SCMP_SYS(mlock), SCMP_SYS(munlock),
	SCMP_SYS(fchmod), -1 };

/* Netlink, and a forked child that loads the table with libnftables. */
static const int enforcer_calls[] = { SCMP_SYS(bind), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(pipe2),
	SCMP_SYS(openat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(pread64),
	SCMP_SYS(alarm), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(getuid), SCMP_SYS(geteuid),
#ifdef __SANITIZE_ADDRESS__
	SCMP_SYS(sigaltstack), /* the sanitizer's, when the loader exits */
#endif
	-1 };

static const int net_calls[] = { SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
	SCMP_SYS(accept4), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(shutdown), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
	SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(mlock), SCMP_SYS(munlock), -1 };

static const int decoy_calls[] = { SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(getsockname),
	-1 };

static const int watch_calls[] = { SCMP_SYS(openat), SCMP_SYS(pread64), SCMP_SYS(lseek),
	SCMP_SYS(newfstatat), SCMP_SYS(getdents64), SCMP_SYS(sendto), SCMP_SYS(recvfrom), -1 };

/* getsockopt: SO_PEERCRED of a control client. */
static const int engine_calls[] = { SCMP_SYS(getsockopt), -1 };

/* A connection to the analyser; connect() goes where the profile's port and paths let it. */
static const int advice_calls[] = { SCMP_SYS(connect), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(sendto), SCMP_SYS(recvfrom), -1 };

/* Its door's connections, and the model's server. */
static const int analyser_calls[] = { SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(geteuid), -1 };

/*
 * The filter stays on in every child, and each child's own narrows it: so it
 * holds what starting a process takes, and what any role may need.
 */
static const int parent_calls[] = {
	/* start a process, up to its own sandbox */
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
	SCMP_SYS(pipe2), SCMP_SYS(close_range), SCMP_SYS(arch_prctl), SCMP_SYS(set_tid_address),
	SCMP_SYS(rseq), SCMP_SYS(prctl), SCMP_SYS(setpriority), SCMP_SYS(prlimit64),
	SCMP_SYS(setrlimit), SCMP_SYS(getrlimit), SCMP_SYS(capget), SCMP_SYS(capset),
	SCMP_SYS(setgroups), SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(getuid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getppid), SCMP_SYS(umask),
	SCMP_SYS(seccomp), SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
	SCMP_SYS(landlock_restrict_self), SCMP_SYS(epoll_create1), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(uname), SCMP_SYS(getcwd), SCMP_SYS(ioctl), SCMP_SYS(stat), SCMP_SYS(fstat),
	SCMP_SYS(lstat), SCMP_SYS(statfs), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(membarrier), SCMP_SYS(getpgrp),
	/* channels, the control socket, the resolver's child */
	SCMP_SYS(socketpair), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(chown),
	SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(fchmod), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	/* notary */
	SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(pwritev),
	SCMP_SYS(lseek), SCMP_SYS(fdatasync), SCMP_SYS(fsync), SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(flock), SCMP_SYS(newfstatat),
	SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(getdents64), SCMP_SYS(mlock),
	SCMP_SYS(munlock),
	/* net, decoy, enforcer, watch, analyser */
	SCMP_SYS(signalfd4), SCMP_SYS(alarm), SCMP_SYS(select), SCMP_SYS(pselect6),
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept4),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(shutdown), SCMP_SYS(sendto), SCMP_SYS(recvfrom), -1
};

void
profile_notary(const struct child *child, struct sandbox_profile *out)
{
	*out = (struct sandbox_profile){ .name = "notary",
		.syscalls = notary_calls,
		.paths = { { child->config.state_dir, SANDBOX_READ | SANDBOX_WRITE, false } } };
}

void
profile_enforcer(const struct child *child, struct sandbox_profile *out)
{
	(void)child;
	*out = (struct sandbox_profile){ .name = "enforcer",
		.syscalls = enforcer_calls,
		.paths = { { "/usr/lib", SANDBOX_READ, true }, { "/usr/lib64", SANDBOX_READ, true },
		    { "/etc/ld.so.cache", SANDBOX_READ, true },
		    { "/etc/iproute2", SANDBOX_READ, true } },
		.sockets = SANDBOX_NETLINK,
		.keep_net_admin = true,
		.allow_fork = true,
		.load_libraries = true };
}

/* Members listen where their enrolment says, so no list of ports would be true. */
void
profile_net(const struct child *child, struct sandbox_profile *out)
{
	(void)child;
	*out = (struct sandbox_profile){ .name = "net",
		.syscalls = net_calls,
		.sockets = SANDBOX_TCP,
		.connect_any = true,
		.bind_any = true };
}

void
profile_decoy(const struct child *child, struct sandbox_profile *out)
{
	(void)child;
	*out = (struct sandbox_profile){ .name = "decoy", .syscalls = decoy_calls };
}

void
profile_watch(const struct child *child, struct sandbox_profile *out)
{
	(void)child;
	*out = (struct sandbox_profile){ .name = "watch",
		.syscalls = watch_calls,
		.paths = {
		    { "/proc", SANDBOX_READ, false }, { "/sys/fs/cgroup", SANDBOX_READ, true } } };
}

void
profile_engine(const struct child *child, struct sandbox_profile *out)
{
	(void)child;
	*out = (struct sandbox_profile){ .name = "engine", .syscalls = engine_calls };
}

void
profile_advice(const struct child *child, struct sandbox_profile *out)
{
	const struct config *config = &child->config;

	*out = (struct sandbox_profile){ .name = "advice",
		.syscalls = advice_calls,
		.sockets = config->sidecar_port != 0 ? SANDBOX_TCP : SANDBOX_UNIX,
		.connect_ports = { config->sidecar_port } };
}

void
profile_analyser(const struct child *child, struct sandbox_profile *out)
{
	*out = (struct sandbox_profile){ .name = "analyser",
		.syscalls = analyser_calls,
		.sockets = SANDBOX_TCP,
		.connect_ports = { child->config.model_port } };
}

void
profile_parent(const struct config *config, struct sandbox_profile *out)
{
	const unsigned run = SANDBOX_READ | SANDBOX_EXECUTE;

	*out = (struct sandbox_profile){ .name = "parent",
		.syscalls = parent_calls,
		.paths = { { "/usr", run, true }, { "/lib", run, true }, { "/lib64", run, true },
		    { config->libexec_dir, run, false }, { "/etc", SANDBOX_READ, true },
		    { "/run", SANDBOX_READ, true }, { "/proc", SANDBOX_READ, false },
		    { "/sys/fs/cgroup", SANDBOX_READ, true },
		    { "/dev/null", SANDBOX_READ | SANDBOX_WRITE, false },
		    { config->state_dir, SANDBOX_READ | SANDBOX_WRITE, false },
		    { config->cert_file, SANDBOX_READ, true },
		    { config->key_file, SANDBOX_READ, true },
		    { config->ca_file, SANDBOX_READ, true },
		    { config->identity_file, SANDBOX_READ, true },
		    { config->roster_file, SANDBOX_READ, true },
		    { config->token_file, SANDBOX_READ, true } },
		.sockets = SANDBOX_ANY,
		.connect_any = true,
		.bind_any = true,
		.keep_net_admin = true,
		.keep_setuid = true,
		.allow_fork = true,
		.allow_exec = true,
		.allow_signals = true };
}
