/*
 * pty: a program at a terminal of its own, for tests.  usage: pty FIFO COMMAND...
 * What is written to FIFO is typed; what the program shows goes to standard
 * output.  Ends with the program, and with its status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* false: the source has ended. */
static int
carry(int from, int to)
{
	char bytes[4096];
	ssize_t n = read(from, bytes, sizeof(bytes));

	if (n == -1 && errno == EAGAIN)
		return 1;
	return n > 0 && write(to, bytes, (size_t)n) == n;
}

int
main(int argc, char **argv)
{
	int terminal, typed, status;
	pid_t child;

	if (argc < 3 || (typed = open(argv[1], O_RDWR | O_CLOEXEC | O_NONBLOCK)) == -1) {
		fprintf(stderr, "usage: pty FIFO COMMAND...\n");
		return 2;
	}
	if ((child = forkpty(&terminal, NULL, NULL, NULL)) == -1) {
		perror("pty: forkpty");
		return 2;
	}
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGHUP);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	for (;;) {
		struct pollfd ends[] = { { .fd = terminal, .events = POLLIN },
			{ .fd = typed, .events = POLLIN } };

		if (poll(ends, 2, -1) == -1 && errno != EINTR)
			break;
		if (ends[0].revents != 0 && !carry(terminal, STDOUT_FILENO))
			break;
		if (ends[1].revents != 0 && !carry(typed, terminal))
			break;
	}
	close(terminal);
	if (waitpid(child, &status, 0) == -1)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
