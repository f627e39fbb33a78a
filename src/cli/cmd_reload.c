/*
 * cmd_reload: have the daemon read its configuration, its roster file and its
 * certificate again.  What is wrong with them is said here, with file and
 * line, before anything is asked of the daemon.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/control.h"
#include "cli/usage.h"
#include "sys/crypto.h"
#include "sys/identity.h"

#define WAIT_MS 5000
#define POLL_MS 50

/* How many bytes of records the file holds; 0 and a complaint: it is no good. */
static uint64_t
check_roster(const struct config *config)
{
	struct roster *roster = NULL;
	uint64_t bytes = 0;
	enum err err;

	err = identity_load_roster(config->roster_file, config->ca_file, crypto_sodium(), &roster);
	if (err != ERR_OK)
		fprintf(stderr,
		    "phalanx reload: %s, judged by %s: %s\nCopy it from the CA again: "
		    "phalanx ca bundle\n",
		    config->roster_file, config->ca_file, err_text(err));
	else
		bytes = roster_records(roster).size_bytes;
	roster_free(roster);
	return bytes;
}

/* Who listens there is the daemon's parent process. */
static bool
signal_daemon(const struct config *config)
{
	struct ucred far;
	socklen_t size = sizeof(far);
	int fd = control_dial(config->control_socket);
	bool done = false;

	if (fd == -1)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &far, &size) == -1 || far.pid <= 1)
		fputs("phalanx reload: who listens there has no process id here\n", stderr);
	else if (kill(far.pid, SIGHUP) == -1)
		perror("phalanx reload");
	else
		done = true;
	close(fd);
	return done;
}

static bool
await(const struct config *config, uint64_t reloads, uint64_t roster_bytes,
    struct control_answer *seen)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };

	for (int i = 0; i < WAIT_MS / POLL_MS; i++) {
		(void)nanosleep(&pause, NULL);
		if (control_try(config->control_socket, ASK_STATUS, seen) &&
		    seen->status.reloads != reloads && seen->status.roster_bytes >= roster_bytes)
			return true;
	}
	return false;
}

int
cmd_reload(const struct cli *cli, int argc, char **argv)
{
	struct control_answer before, after = { 0 };
	struct config config;
	uint64_t bytes;
	int status;

	(void)argv;
	if (argc != 1)
		return usage_error("reload");
	if ((status = cli_config(cli, &config)) != EXIT_OK)
		return status;
	if ((bytes = check_roster(&config)) == 0 ||
	    (status = control_ask(&config, ASK_STATUS, &before)) != EXIT_OK ||
	    !signal_daemon(&config))
		return EXIT_FAILED;
	if (!await(&config, before.status.reloads, bytes, &after)) {
		fprintf(stderr,
		    after.status.reloads == before.status.reloads
		        ? "phalanx reload: nothing is changed; the log of phalanxd says why\n"
		        : "phalanx reload: the configuration is in force, the roster file is not; "
		          "the log of phalanxd says why\n");
		return EXIT_FAILED;
	}
	printf("reloaded: epoch %llu, %u nodes, %u heads\n", (unsigned long long)after.status.epoch,
	    after.status.members, after.status.heads);
	return EXIT_OK;
}
