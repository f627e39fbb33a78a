#include "cli/control.h"
#include "cli/usage.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "sys/ipc.h"

#define CONTROL_TIMEOUT_MS 5000

/* -1 with errno. */
static int
dial(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd, failed;

	if (strlen(path) >= sizeof(where.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(where.sun_path, path, strlen(path) + 1);
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&where, sizeof(where)) == -1) {
		failed = errno;
		close(fd);
		errno = failed;
		return -1;
	}
	return fd;
}

static enum err
add_member(struct control_answer *out, const struct msg_member *member)
{
	struct msg_member *grown;

	if (out->member_count == LIMIT_MEMBERS)
		return ERR_FULL;
	grown = realloc(out->members, (out->member_count + 1) * sizeof(*grown));
	if (grown == NULL)
		return ERR_NOMEM;
	out->members = grown;
	out->members[out->member_count] = *member;
	/* The daemon is trusted with much, but not with our terminators. */
	out->members[out->member_count].name[LIMIT_NAME_BYTES] = '\0';
	out->member_count++;
	return ERR_OK;
}

static enum err
add_opinion(struct control_answer *out, const struct msg_judged *judged)
{
	struct msg_judged *place;

	if (out->opinion_count == LIMIT_OPINIONS_KEPT)
		return ERR_FULL;
	place = &out->opinions[out->opinion_count++];
	*place = *judged;
	place->model[sizeof(place->model) - 1] = '\0';
	place->reason[sizeof(place->reason) - 1] = '\0';
	return ERR_OK;
}

/* One packet into the answer; *done with the last.  NOTHING else is accepted. */
static enum err
take(uint32_t type, const void *buffer, size_t size_bytes, struct control_answer *out, bool *done)
{
	struct msg_answered end;

	if (type == MSG_STATUS && size_bytes == sizeof(out->status)) {
		memcpy(&out->status, buffer, size_bytes);
		out->status.name[LIMIT_NAME_BYTES] = '\0';
		out->status.mesh[LIMIT_NAME_BYTES] = '\0';
		return ERR_OK;
	}
	if (type == MSG_MEMBER && size_bytes == sizeof(struct msg_member))
		return add_member(out, buffer);
	if (type == MSG_JUDGED && size_bytes == sizeof(struct msg_judged))
		return add_opinion(out, buffer);
	if (type == MSG_ANSWERED && size_bytes == sizeof(end)) {
		memcpy(&end, buffer, sizeof(end));
		*done = true;
		return end.error < ERR_COUNT ? (enum err)end.error : ERR_MALFORMED;
	}
	return ERR_MALFORMED;
}

/* Closes fd.  On failure nothing is left for the caller to free. */
static enum err
ask_on(int fd, enum ask what, struct control_answer *out)
{
	struct msg_ask ask = { .version = MESSAGES_VERSION, .ask = (uint32_t)what };
	static uint64_t buffer[(sizeof(struct msg_status) + sizeof(struct msg_member) +
	                           sizeof(struct msg_judged)) /
	                           8 +
	                       1];
	bool done = false;
	enum err err;

	memset(out, 0, sizeof(*out));
	err = ipc_write_blocking(fd, MSG_ASK, &ask, sizeof(ask), NULL, 0, -1);
	while (err == ERR_OK && !done) {
		uint32_t type;
		size_t size_bytes;
		int passed = -1;

		err = ipc_read_blocking(
		    fd, &type, buffer, sizeof(buffer), &size_bytes, &passed, CONTROL_TIMEOUT_MS);
		if (passed != -1)
			close(passed);
		if (err == ERR_OK)
			err = take(type, buffer, size_bytes, out, &done);
	}
	close(fd);
	if (err != ERR_OK) {
		free(out->members);
		out->members = NULL;
		out->member_count = 0;
	}
	return err;
}

int
control_dial(const char *path)
{
	int fd = dial(path);

	if (fd == -1)
		fprintf(stderr, "phalanx: %s: %s\n%s\n", path, strerror(errno),
		    errno == EACCES ? "Ask as root, or as the user that runs phalanxd."
		                    : "Is phalanxd running?  systemctl status phalanxd");
	return fd;
}

int
control_ask(const struct config *config, enum ask what, struct control_answer *out)
{
	const char *path = config->control_socket;
	int fd = control_dial(path);
	enum err err;

	if (fd == -1)
		return EXIT_FAILED;
	if ((err = ask_on(fd, what, out)) == ERR_OK)
		return EXIT_OK;
	fprintf(stderr, "phalanx: %s: %s%s\n", path, err_text(err),
	    err == ERR_VERSION ? "; phalanx and phalanxd are of different versions" : "");
	return EXIT_FAILED;
}

enum err
control_submit(int fd, uint32_t type, const void *fixed, size_t fixed_bytes, const void *tail,
    size_t tail_bytes)
{
	struct msg_answered answer;
	size_t size_bytes;
	int passed = -1;
	enum err err;

	if ((err = ipc_write_blocking(fd, type, fixed, fixed_bytes, tail, tail_bytes, -1)) !=
	        ERR_OK ||
	    (err = ipc_read_blocking(fd, &type, &answer, sizeof(answer), &size_bytes, &passed,
	         CONTROL_TIMEOUT_MS)) != ERR_OK)
		return err;
	if (passed != -1)
		close(passed);
	if (type != MSG_ANSWERED || size_bytes != sizeof(answer) || answer.error >= ERR_COUNT)
		return ERR_MALFORMED;
	return (enum err)answer.error;
}

bool
control_try(const char *path, enum ask what, struct control_answer *out)
{
	int fd = dial(path);

	return fd != -1 && ask_on(fd, what, out) == ERR_OK;
}

int
control_config(const struct cli *cli, const char *socket_path, struct config *out)
{
	int status;

	if (socket_path == NULL)
		return cli_config(cli, out);
	memset(out, 0, sizeof(*out));
	if (cli->config_path != NULL && (status = cli_config(cli, out)) != EXIT_OK)
		return status;
	if (strlen(socket_path) >= sizeof(out->control_socket)) {
		fprintf(stderr, "phalanx: %s: too long a name\n", socket_path);
		return EXIT_USAGE;
	}
	strcpy(out->control_socket, socket_path);
	return EXIT_OK;
}

int
control_verb(
    const struct cli *cli, int argc, const char *verb, enum ask ask, struct control_answer *out)
{
	struct config config;
	int status;

	if (argc != 1)
		return usage_error(verb);
	if ((status = cli_config(cli, &config)) != EXIT_OK)
		return status;
	return control_ask(&config, ask, out);
}

int
control_print_members(const struct control_answer *answer, json_t *(*fn)(const struct msg_member *))
{
	json_t *list = json_array();
	bool failed = list == NULL;

	for (size_t i = 0; i < answer->member_count && !failed; i++) {
		json_t *member = fn(&answer->members[i]);

		if (member != NULL)
			failed = json_array_append_new(list, member) != 0;
	}
	if (!failed)
		return cli_print_json(list);
	json_decref(list);
	return EXIT_FAILED;
}

const char *
control_strength_text(uint32_t strength)
{
	return strength <= STRENGTH_SEVER ? strength_text((enum strength)strength) : "?";
}

const char *
control_status_text(uint32_t status)
{
	return status <= STATUS_UNREACHABLE ? node_status_text((enum node_status)status) : "?";
}

const char *
control_ground_text(const struct msg_member *m)
{
	if (m->proven)
		return "proof: it signed two histories";
	if (m->confessed)
		return "confession";
	if (m->certified)
		return "quorum certificate";
	if (m->precaution_stands)
		return "precaution";
	if (m->restricted)
		return "restricted: witnesses agree (10 min)";
	if (m->precaution_stood_down)
		return "precaution, stood down: too many stand";
	if (m->strength > STRENGTH_HOLD)
		return "touched a decoy here (local, 15 min)";
	return "accused, no quorum yet";
}

const char *
control_trust_text(uint32_t trust)
{
	switch (trust) {
	case TRUST_UNHEARD:
		return "not heard yet";
	case TRUST_GOOD:
		return "signed by the known key";
	case TRUST_FIRST_USE:
		return "signed by the first key seen";
	case TRUST_UNSIGNED:
		return "not signed: not used";
	case TRUST_OTHER_KEY:
		return "KEY CHANGED: refused";
	case TRUST_BAD_SIGNATURE:
		return "BAD SIGNATURE: refused";
	default:
		return "unknown";
	}
}

const char *
control_effective_text(uint32_t mode)
{
	switch (mode) {
	case EFFECTIVE_ENFORCE:
		return "enforce";
	case EFFECTIVE_OBSERVE:
		return "observe";
	case EFFECTIVE_LINKS_ONLY:
		return "links-only";
	case EFFECTIVE_UNLOCKED:
		return "unlocked";
	default:
		return "unknown";
	}
}

void
control_time(uint64_t unix_ms, char out[24])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts;

	if (unix_ms == 0 || gmtime_r(&seconds, &parts) == NULL ||
	    strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		memcpy(out, "-", 2);
}
