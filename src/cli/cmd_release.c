/*
 * cmd_release: an operator readmits a host.  What stands against it is asked
 * of the node on this machine; the request is signed here with the operator's
 * key; the heads of the mesh judge it, and their certificate ends the round.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/release_ask.h"
#include "cli/usage.h"
#include "core/roster.h"
#include "sys/wholefile.h"

#define WAIT_S     10
#define POLL_MS    100
#define EXIT_ASKED 3

struct release_options {
	const char *name, *reason, *key, *out;
	unsigned long wait_s;
	enum release_kind kind;
};

static int
refuse(const char *name, const char *why)
{
	fprintf(stderr, "phalanx release: %s: %s\n", name, why);
	return EXIT_FAILED;
}

/* ---- the daemon ------------------------------------------------------------------------ */

static void
pause_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&time, NULL);
}

/* Until the round is over; the last that was seen of it in *seen. */
static bool
await(const struct config *config, const struct release_options *o, uint32_t round,
    struct msg_member *seen)
{
	unsigned long tries = o->wait_s * 1000 / POLL_MS;

	for (unsigned long i = 0; i <= tries; i++) {
		struct control_answer answer = { 0 };
		const struct msg_member *m;

		if (release_look(config->control_socket, &answer) &&
		    (m = release_find(&answer, o->name)) != NULL)
			*seen = *m;
		free(answer.members);
		if (seen->round > round)
			return true;
		if (i < tries)
			pause_ms(POLL_MS);
	}
	return false;
}

static int
report(const struct cli *cli, const struct release_options *o, bool released,
    const struct msg_member *seen)
{
	if (cli->json) {
		int status = cli_print_json(json_pack("{ss ss sb sI sI sI}", "subject", o->name,
		    "kind", o->kind == RELEASE_CLEANED ? "cleaned" : "overturned", "released",
		    released, "round", (json_int_t)seen->round, "votes",
		    (json_int_t)seen->release_votes, "needed", (json_int_t)seen->needed));

		return status != EXIT_OK ? status : released ? EXIT_OK : EXIT_ASKED;
	}
	if (released)
		printf("%s is released: the certificate stands, round %" PRIu32 " begins\n",
		    o->name, seen->round);
	else
		printf("asked for the release of %s: %" PRIu32 " of %" PRIu32
		       " heads have signed so far; they go on, phalanx incidents shows it\n",
		    o->name, seen->release_votes, seen->needed);
	return released ? EXIT_OK : EXIT_ASKED;
}

static int
submit(const struct cli *cli, const struct config *config, const struct release_options *o,
    const struct msg_member *subject, struct span envelope)
{
	struct msg_member seen = *subject;

	if (!release_submit(config->control_socket, envelope))
		return EXIT_FAILED;
	return report(cli, o, await(config, o, subject->round, &seen), &seen);
}

static int
write_out(const char *path, struct span envelope)
{
	enum err err = wholefile_replace(path, 0644, envelope.data, envelope.size_bytes);

	if (err != ERR_OK)
		return refuse(path, strerror(errno));
	printf("%s: written; phalanx submit %s, on any node's console, hands it in\n", path, path);
	return EXIT_OK;
}

static int
release(const struct cli *cli, const struct config *config, const struct release_options *o,
    struct release_key *key)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	struct control_answer answer = { 0 };
	const struct msg_member *by, *subject;
	struct span envelope = { bytes, sizeof(bytes) };
	const char *fault;
	int fd, status = EXIT_FAILED;

	/* Once, for its complaint. */
	if ((fd = control_dial(config->control_socket)) == -1)
		return EXIT_FAILED;
	close(fd);
	if (!release_look(config->control_socket, &answer))
		return refuse(config->control_socket, "the daemon does not answer");
	by = release_find_operator(&answer, key);
	subject = release_find(&answer, o->name);
	if ((fault = release_operator_fault(by)) != NULL)
		status = refuse(o->key, fault);
	else if ((fault = release_hindrance(subject)) != NULL)
		status = refuse(o->name, fault);
	else if (release_entry_sign(key, &answer.status, by, subject, o->kind, o->reason, bytes,
	             &envelope.size_bytes))
		status = o->out != NULL ? write_out(o->out, envelope)
		                        : submit(cli, config, o, subject, envelope);
	free(answer.members);
	return status;
}

/* ---- arguments --------------------------------------------------------------------------- */

static bool
reason_is_good(const char *reason)
{
	const uint8_t *at = (const uint8_t *)reason;
	size_t left = strlen(reason), length;
	uint32_t code;

	if (left == 0 || left > LIMIT_REASON_BYTES)
		return false;
	for (; left > 0; at += length, left -= length)
		if ((length = utf8_decode(at, left, &code)) == 0 || code < 0x20 ||
		    (code >= 0x7f && code < 0xa0))
			return false;
	return true;
}

static bool
read_arguments(int argc, char **argv, struct release_options *o, const char **socket)
{
	static const struct option options[] = { { "reason", required_argument, NULL, 'r' },
		{ "key", required_argument, NULL, 'k' }, { "overturned", no_argument, NULL, 'o' },
		{ "socket", required_argument, NULL, 's' }, { "out", required_argument, NULL, 'f' },
		{ "wait", required_argument, NULL, 'w' }, { 0 } };
	char *end = NULL;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			o->reason = optarg;
		else if (c == 'k')
			o->key = optarg;
		else if (c == 'o')
			o->kind = RELEASE_OVERTURNED;
		else if (c == 's')
			*socket = optarg;
		else if (c == 'f')
			o->out = optarg;
		else if (c == 'w')
			o->wait_s = strtoul(optarg, &end, 10);
		else
			return false;
	}
	if (optind != argc - 1 || o->reason == NULL || o->key == NULL || o->wait_s > 3600 ||
	    (end != NULL && *end != '\0'))
		return false;
	o->name = argv[optind];
	return true;
}

int
cmd_release(const struct cli *cli, int argc, char **argv)
{
	struct release_options o = { .wait_s = WAIT_S, .kind = RELEASE_CLEANED };
	const char *socket = NULL;
	struct release_key *key;
	struct config config;
	int status;

	if (!read_arguments(argc, argv, &o, &socket))
		return usage_error("release");
	if (!reason_is_good(o.reason))
		return refuse("--reason", "1 to 512 bytes of UTF-8 without control characters");
	if ((status = control_config(cli, socket, &config)) != EXIT_OK)
		return status;
	if (!release_key_open(o.key, &key))
		return EXIT_FAILED;
	status = release(cli, &config, &o, key);
	release_key_close(key);
	return status;
}
