#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lab/map.h"

#define RANGE_WANTED 4096 /* ids that are worth a range: five nodes use far fewer */

extern char **environ;

struct range {
	unsigned long first, count;
};

static bool
proc_write(pid_t pid, const char *name, const char *text)
{
	char path[64];
	bool written;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return false;
	written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return written;
}

/* The range of this user's in /etc/subuid or /etc/subgid: "user:first:count". */
static bool
range_find(const char *path, struct range *out)
{
	const struct passwd *user = getpwuid(getuid());
	char line[256], name[128], id[16];
	bool found = false;
	FILE *file;

	if ((file = fopen(path, "re")) == NULL)
		return false;
	snprintf(id, sizeof(id), "%u", getuid());
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		struct range r;

		if (sscanf(line, "%127[^:]:%lu:%lu", name, &r.first, &r.count) != 3 ||
		    r.count < RANGE_WANTED)
			continue;
		found = strcmp(name, id) == 0 || (user != NULL && strcmp(name, user->pw_name) == 0);
		if (found)
			*out = r;
	}
	fclose(file);
	return found;
}

/* newuidmap PID 0 OURS 1 1 FIRST COUNT */
static bool
range_map(const char *program, pid_t process, unsigned ours, const struct range *range)
{
	char text[4][24];
	char *argv[] = { (char *)(uintptr_t)program, text[0], "0", text[1], "1", "1", text[2],
		text[3], NULL };
	int status;
	pid_t pid;

	snprintf(text[0], sizeof(text[0]), "%d", process);
	snprintf(text[1], sizeof(text[1]), "%u", ours);
	snprintf(text[2], sizeof(text[2]), "%lu", range->first);
	snprintf(text[3], sizeof(text[3]), "%lu", range->count);
	if (posix_spawnp(&pid, program, NULL, NULL, argv, environ) != 0)
		return false;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
as_root(pid_t pid)
{
	static const char *const maps[] = {
		"0 0 1\n1 1879048192 65535\n", /* ids that nobody else on this machine has */
		"0 0 65536\n",                 /* a container has no others */
	};

	if (geteuid() != 0)
		return false;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (proc_write(pid, "gid_map", maps[i]) && proc_write(pid, "uid_map", maps[i]))
			return true;
	return false;
}

static bool
as_user_with_range(pid_t pid)
{
	struct range uids, gids;

	return geteuid() != 0 && range_find("/etc/subuid", &uids) &&
	       range_find("/etc/subgid", &gids) && range_map("newgidmap", pid, getgid(), &gids) &&
	       range_map("newuidmap", pid, getuid(), &uids);
}

static bool
as_anybody(pid_t pid)
{
	char uid[32], gid[32];

	snprintf(uid, sizeof(uid), "0 %u 1\n", geteuid());
	snprintf(gid, sizeof(gid), "0 %u 1\n", getegid());
	return proc_write(pid, "setgroups", "deny") && proc_write(pid, "gid_map", gid) &&
	       proc_write(pid, "uid_map", uid);
}

bool
map_write(pid_t pid)
{
	if (as_root(pid) || as_user_with_range(pid) || as_anybody(pid))
		return true;
	warn("the kernel refused every map of user ids");
	return false;
}

/* The value of a sysctl; -1: there is none of that name. */
static long
sysctl(const char *path)
{
	long value = -1;
	FILE *file;

	if ((file = fopen(path, "re")) == NULL)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

_Noreturn void
map_refused(const char *what)
{
	static const struct {
		const char *path;
		long refusing;
		const char *remedy;
	} switches[] = {
		{ "/proc/sys/kernel/unprivileged_userns_clone", 0,
		    "sudo sysctl kernel.unprivileged_userns_clone=1" },
		{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
		    "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0" },
		{ "/proc/sys/user/max_user_namespaces", 0,
		    "sudo sysctl user.max_user_namespaces=16384" },
		{ "/proc/sys/user/max_net_namespaces", 0,
		    "sudo sysctl user.max_net_namespaces=16384" },
	};
	bool known = false;

	warn("the kernel refuses the lab its namespaces: %s", what);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (sysctl(switches[i].path) != switches[i].refusing)
			continue;
		fprintf(stderr, "  Enable them with:  %s\n", switches[i].remedy);
		known = true;
	}
	if (!known)
		fputs(
		    "  The lab needs unprivileged user namespaces and a /proc that it may mount:\n"
		    "  inside a container, start that with --privileged, or with\n"
		    "  --security-opt seccomp=unconfined --security-opt systempaths=unconfined\n",
		    stderr);
	exit(1);
}
