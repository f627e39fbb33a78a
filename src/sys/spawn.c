/*
 * spawn: see spawn.h.
 */
#include <sys/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "sys/log.h"
#include "sys/spawn.h"

/* Between fork and exec: system calls only. */
static _Noreturn void
become(const char *path, const char *name, int control_fd, pid_t parent)
{
	char *const arguments[] = { (char *)(uintptr_t)name, NULL };
	char *const environment[] = { NULL };
	sigset_t none;
	int null;

	/* Where the parent died between fork and prctl, nobody else would tell. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if ((null = open("/dev/null", O_RDONLY)) == -1 || dup2(null, STDIN_FILENO) == -1)
		_exit(127);
	if (control_fd == SPAWN_CONTROL_FD) {
		if (fcntl(control_fd, F_SETFD, 0) == -1)
			_exit(127);
	} else if (dup2(control_fd, SPAWN_CONTROL_FD) == -1) {
		_exit(127);
	}
	if (close_range(SPAWN_CONTROL_FD + 1, ~0u, 0) == -1)
		_exit(127);
	execve(path, arguments, environment);
	_exit(127);
}

enum err
spawn_process(const char *path, const char *name, int control_fd, pid_t *out)
{
	pid_t self = getpid(), pid;

	if (access(path, X_OK) == -1) {
		log_errno("spawn: %s", path);
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
	}
	if ((pid = fork()) == -1) {
		log_errno("spawn: fork for %s", name);
		return ERR_IO;
	}
	if (pid == 0)
		become(path, name, control_fd, self);
	*out = pid;
	return ERR_OK;
}
