/*
 * phalanx-lab: a machine of its own for the lab.
 *
 * start  binds the coordinator's port outside, makes user, pid, network, mount,
 *        ipc and uts namespaces and runs a command as their child of pid 1.
 *        When the command succeeds the lab goes on by itself, and start ends.
 * pid    prints the process id of a running lab's pid 1, or fails.
 * stop   ends a running lab, everything in it included.
 * map    runs a command under the lab's user ids, to remove files of theirs.
 *
 * The write lock on DIR/lock says whether a lab runs and which process holds
 * it: it dies with its owner, so there is nothing stale to clean up.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lab/map.h"

#define FIRST_SOCKET  3 /* as systemd passes them */
#define STOP_MS       5000
#define BINDS         4
#define PORT_ATTEMPTS 32

/* The lab's pid 1 tells the launcher how it went with one of these. */
enum { READY = 'r' };

struct bind_mount {
	char source[PATH_MAX];
	char target[PATH_MAX]; /* under /run */
	int fd;
};

struct options {
	char directory[PATH_MAX];
	uint16_t port;
	struct bind_mount binds[BINDS];
	size_t bind_count;
	char **command;
	int sockets[2]; /* IPv4, IPv6; -1: none */
};

static const int namespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;

/* ---- is one running? ------------------------------------------------------- */

static int
lock_open(const char *directory)
{
	char path[PATH_MAX + 8];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", directory);
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) == -1)
		err(1, "%s", path);
	return fd;
}

/* Process id of the running lab, as seen from here; 0: none. */
static pid_t
lab_pid(const char *directory)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = lock_open(directory);

	if (fcntl(fd, F_GETLK, &lock) == -1)
		err(1, "%s/lock", directory);
	close(fd);
	if (lock.l_type == F_UNLCK)
		return 0;
	if (lock.l_pid <= 0)
		errx(1, "%s: a lab runs there, started from another container", directory);
	return lock.l_pid;
}

/* ---- the way in for the browser --------------------------------------------- */

static int
listen_on(const struct sockaddr *address, socklen_t length)
{
	int fd, one = 1;

	if ((fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    (address->sa_family == AF_INET6 &&
	        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == -1) ||
	    bind(fd, address, length) == -1 || listen(fd, SOMAXCONN) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Port 0 takes any that is free on both. */
static bool
bind_both(struct options *options)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(options->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t length = sizeof(v4);

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((options->sockets[0] = listen_on((struct sockaddr *)&v4, sizeof(v4))) == -1)
		return false;
	if (getsockname(options->sockets[0], (struct sockaddr *)&v4, &length) == -1)
		err(1, "getsockname");
	v6.sin6_port = v4.sin_port;
	options->sockets[1] = listen_on((struct sockaddr *)&v6, sizeof(v6));
	/* A machine without IPv6 still has its lab. */
	if (options->sockets[1] == -1 && errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT) {
		close(options->sockets[0]);
		errno = EADDRINUSE;
		return false;
	}
	options->port = ntohs(v4.sin_port);
	return true;
}

static void
bind_outside(struct options *options)
{
	int attempts = options->port == 0 ? PORT_ATTEMPTS : 1;
	uint16_t wanted = options->port;

	while (attempts-- > 0) {
		if (bind_both(options))
			return;
		if (errno != EADDRINUSE)
			err(1, "bind 127.0.0.1:%u", wanted);
	}
	errx(1,
	    "port %u is taken by another program, perhaps another user's lab.\n"
	    "  Who it is:        ss -ltnp 'sport = :%u'\n"
	    "  Another port:     make up PORT=%u",
	    wanted, wanted, wanted + 1U);
}

/* ---- inside ------------------------------------------------------------------ */

/* Sources are opened before /run is covered: they may lie under it. */
static void
mounts_make(struct options *options)
{
	char source[64];
	size_t i;

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		map_refused("make mounts private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == -1)
		map_refused("mount /proc");
	for (i = 0; i < options->bind_count; i++) {
		struct bind_mount *b = &options->binds[i];

		if ((b->fd = open(b->source, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
			err(1, "%s", b->source);
	}
	if (mount("lab", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m") == -1)
		map_refused("mount /run");
	for (i = 0; i < options->bind_count; i++) {
		struct bind_mount *b = &options->binds[i];

		snprintf(source, sizeof(source), "/proc/self/fd/%d", b->fd);
		if (mkdir(b->target, 0755) == -1)
			err(1, "%s", b->target);
		if (mount(source, b->target, NULL, MS_BIND | MS_REC, NULL) == -1)
			err(1, "bind %s to %s", b->source, b->target);
		close(b->fd);
	}
	if (sethostname("lab", 3) == -1)
		err(1, "sethostname");
}

/* The command gets the sockets as systemd would pass them, but for LISTEN_PID. */
static pid_t
command_start(const struct options *options)
{
	char count[16];
	sigset_t none;
	pid_t pid;
	int fds = 0;

	if ((pid = fork()) != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < 2; i++) {
		int fd = options->sockets[i];

		/* Out of the way first: dup2() must not land on the other one. */
		if (fd == -1 || (fd = fcntl(fd, F_DUPFD_CLOEXEC, 64)) == -1)
			continue;
		if (dup2(fd, FIRST_SOCKET + fds++) == -1)
			err(1, "dup2");
	}
	snprintf(count, sizeof(count), "%d", fds);
	if (setenv("LISTEN_FDS", count, 1) == -1)
		err(1, "setenv");
	execvp(options->command[0], options->command);
	err(1, "%s", options->command[0]);
}

/* Daemons are our children by now: each is asked, and ends its own. */
static void
children_ask(void)
{
	FILE *file;
	int pid;

	if ((file = fopen("/proc/self/task/1/children", "re")) == NULL)
		return;
	while (fscanf(file, "%d", &pid) == 1) {
		kill(pid, SIGTERM);
		kill(pid, SIGCONT);
	}
	fclose(file);
}

/* What has not left by STOP_MS is killed, as is all else, when pid 1 ends. */
static _Noreturn void
lab_end(const sigset_t *signals)
{
	struct timespec left = { .tv_sec = STOP_MS / 1000 };

	children_ask();
	for (;;) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			continue;
		if (pid == -1 || sigtimedwait(signals, NULL, &left) == -1)
			_exit(0);
	}
}

/* Reaps orphans until it is told to end, or the command fails. */
static _Noreturn void
lab_main(const struct options *options, int launcher)
{
	sigset_t signals;
	pid_t command;
	char ready = READY;
	int log;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	if ((command = command_start(options)) == -1)
		err(1, "fork");
	for (;;) {
		int status;
		pid_t pid;

		if (sigwaitinfo(&signals, NULL) != SIGCHLD)
			lab_end(&signals);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid != command)
				continue;
			command = 0;
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				_exit(1);
			/* From here on the lab outlives the launcher and its terminal. */
			prctl(PR_SET_PDEATHSIG, 0);
			if ((log = open("/dev/null", O_RDWR)) == -1 || dup2(log, 0) == -1 ||
			    dup2(log, 1) == -1 || dup2(log, 2) == -1 ||
			    write(launcher, &ready, 1) != 1)
				_exit(1);
			close(launcher);
		}
	}
}

static _Noreturn void
lab_begin(struct options *options, int go, int launcher)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char byte;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go, &byte, 1) != 1)
		_exit(1); /* the launcher said why */
	close(go);
	/* Held until pid 1 ends; a second launcher, however close behind, fails here. */
	fd = lock_open(options->directory);
	if (fcntl(fd, F_SETLK, &lock) == -1)
		errx(1, "%s: another lab has just started there", options->directory);
	setsid();
	mounts_make(options);
	lab_main(options, launcher);
}

/* ---- the verbs ------------------------------------------------------------------ */

static void
write_number(const char *directory, const char *name, long number)
{
	char path[PATH_MAX + 8];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if ((file = fopen(path, "we")) == NULL || fprintf(file, "%ld\n", number) < 0 ||
	    fclose(file) != 0)
		err(1, "%s", path);
}

static int
verb_start(struct options *options)
{
	int go[2], told[2], status;
	char byte = 0;
	pid_t pid;

	if ((pid = lab_pid(options->directory)) != 0)
		errx(1, "%s: a lab runs there (pid %d)", options->directory, pid);
	bind_outside(options);
	write_number(options->directory, "port", options->port);
	if (pipe2(go, O_CLOEXEC) == -1 || pipe2(told, O_CLOEXEC) == -1)
		err(1, "pipe");
	if ((pid = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0)) == -1)
		map_refused("clone");
	if (pid == 0) {
		close(go[1]);
		close(told[0]);
		lab_begin(options, go[0], told[1]);
	}
	close(go[0]);
	close(told[1]);
	if (!map_write(pid) || write(go[1], &byte, 1) != 1) {
		kill(pid, SIGKILL);
		return 1;
	}
	if (read(told[0], &byte, 1) == 1 && byte == READY)
		return 0;
	waitpid(pid, &status, 0);
	return 1;
}

static int
verb_stop(const char *directory)
{
	struct timespec tick = { .tv_nsec = 20 * 1000 * 1000 };
	pid_t pid;
	int ticks;

	if ((pid = lab_pid(directory)) == 0)
		return 0;
	kill(pid, SIGTERM);
	for (ticks = 0; lab_pid(directory) == pid; ticks++) {
		if (ticks == STOP_MS * 2 / 20)
			kill(pid, SIGKILL);
		nanosleep(&tick, NULL);
	}
	return 0;
}

static int
verb_map(char **command)
{
	int go[2], status;
	char byte = 0;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) == -1)
		err(1, "pipe");
	if ((pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)) == -1)
		map_refused("clone");
	if (pid == 0) {
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		execvp(command[0], command);
		err(1, "%s", command[0]);
	}
	if (!map_write(pid) || write(go[1], &byte, 1) != 1) {
		kill(pid, SIGKILL);
		return 1;
	}
	if (waitpid(pid, &status, 0) == -1)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* ---- arguments -------------------------------------------------------------------- */

static _Noreturn void
usage(void)
{
	fputs("usage: phalanx-lab start -d DIR [-p PORT] [-b SOURCE:TARGET]... COMMAND "
	      "[ARGUMENT]...\n"
	      "       phalanx-lab pid -d DIR\n"
	      "       phalanx-lab stop -d DIR\n"
	      "       phalanx-lab map COMMAND [ARGUMENT]...\n",
	    stderr);
	exit(2);
}

static void
option_port(struct options *options, const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || port < 0 || port > UINT16_MAX)
		errx(2, "%s is not a port: 0 to 65535, 0 takes any that is free", text);
	options->port = (uint16_t)port;
}

static void
option_bind(struct options *options, const char *text)
{
	struct bind_mount *b = &options->binds[options->bind_count];
	const char *colon = strrchr(text, ':');

	if (options->bind_count == BINDS || colon == NULL || colon == text)
		usage();
	snprintf(b->source, sizeof(b->source), "%.*s", (int)(colon - text), text);
	snprintf(b->target, sizeof(b->target), "%s", colon + 1);
	if (strncmp(b->target, "/run/", 5) != 0)
		usage();
	options->bind_count++;
}

int
main(int argc, char **argv)
{
	static struct options options = { .port = 8090, .sockets = { -1, -1 } };
	const char *verb = argc > 1 ? argv[1] : "";
	pid_t pid;
	int c;

	if (strcmp(verb, "map") == 0 && argc > 2)
		return verb_map(argv + 2);
	while ((c = getopt(argc - 1, argv + 1, "+d:p:b:")) != -1) {
		switch (c) {
		case 'd':
			if (realpath(optarg, options.directory) == NULL)
				err(1, "%s", optarg);
			break;
		case 'p':
			option_port(&options, optarg);
			break;
		case 'b':
			option_bind(&options, optarg);
			break;
		default:
			usage();
		}
	}
	options.command = argv + 1 + optind;
	if (options.directory[0] == '\0')
		usage();
	if (strcmp(verb, "start") == 0 && *options.command != NULL)
		return verb_start(&options);
	if (*options.command != NULL)
		usage();
	if (strcmp(verb, "stop") == 0)
		return verb_stop(options.directory);
	if (strcmp(verb, "pid") != 0)
		usage();
	if ((pid = lab_pid(options.directory)) == 0)
		return 1;
	printf("%d\n", pid);
	return 0;
}
