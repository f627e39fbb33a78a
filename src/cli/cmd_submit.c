/*
 * cmd_submit: hand in what others have signed, on a node's console: a signed
 * entry (a Release, a Certificate), or the CA's records (a roster file).  The
 * node proves it as if a peer had sent it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/control.h"
#include "cli/usage.h"
#include "core/message.h"
#include "sys/wholefile.h"

#define TRIES    250 /* of one part: the node writes the one before */
#define RETRY_MS 20

static int
submit_entry(int fd, struct span bytes, enum entry_kind kind)
{
	enum err err = control_submit(fd, MSG_SUBMIT, NULL, 0, bytes.data, bytes.size_bytes);

	if (err == ERR_REPLAY) {
		printf("the %s is known here already\n", entry_kind_text(kind));
		return EXIT_OK;
	}
	if (err != ERR_OK) {
		fprintf(stderr, "phalanx submit: the node refuses the %s: %s\n",
		    entry_kind_text(kind), err_text(err));
		return EXIT_FAILED;
	}
	printf("the %s is taken\n", entry_kind_text(kind));
	return EXIT_OK;
}

static enum err
submit_part(int fd, uint64_t offset, struct span part)
{
	const struct timespec pause = { 0, RETRY_MS * 1000000L };
	struct msg_roster message = { .offset = offset };
	enum err err = ERR_AGAIN;

	for (int i = 0; i < TRIES && err == ERR_AGAIN; i++) {
		err = control_submit(
		    fd, MSG_SUBMIT_ROSTER, &message, sizeof(message), part.data, part.size_bytes);
		if (err == ERR_AGAIN)
			(void)nanosleep(&pause, NULL);
	}
	return err;
}

static int
submit_roster(int fd, struct span bytes)
{
	uint64_t offset;
	enum err err;

	for (offset = 0; offset < bytes.size_bytes; offset += LIMIT_ROSTER_PART_BYTES) {
		struct span part = { bytes.data + offset, bytes.size_bytes - (size_t)offset };

		if (part.size_bytes > LIMIT_ROSTER_PART_BYTES)
			part.size_bytes = LIMIT_ROSTER_PART_BYTES;
		if ((err = submit_part(fd, offset, part)) != ERR_OK) {
			fprintf(stderr, "phalanx submit: the node refuses the roster%s: %s\n",
			    err == ERR_EQUIVOCATION ? ", which contradicts what it holds" : "",
			    err_text(err));
			return EXIT_FAILED;
		}
	}
	printf("the roster is taken: %zu bytes of the CA's records\n", bytes.size_bytes);
	return EXIT_OK;
}

static int
submit(const char *socket_path, struct span bytes)
{
	struct entry_header header;
	struct envelope envelope;
	enum entry_kind kind;
	int fd, status;

	if ((fd = control_dial(socket_path)) == -1)
		return EXIT_FAILED;
	/* A roster's first record is an Envelope inside a field, and does not pass for one. */
	if (envelope_parse(bytes.data, bytes.size_bytes, &envelope) == ERR_OK &&
	    entry_peek(envelope.body, &header, &kind) == ERR_OK)
		status = submit_entry(fd, bytes, kind);
	else
		status = submit_roster(fd, bytes);
	close(fd);
	return status;
}

int
cmd_submit(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
		{ 0 } };
	const char *socket_path = NULL;
	struct config config;
	uint8_t *bytes;
	size_t size_bytes;
	int c, status;
	enum err err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) == 's')
		socket_path = optarg;
	if (c != -1 || optind != argc - 1)
		return usage_error("submit");
	if ((status = control_config(cli, socket_path, &config)) != EXIT_OK)
		return status;
	if ((err = wholefile_read(argv[optind], LIMIT_ROSTER_BYTES, &bytes, &size_bytes)) !=
	    ERR_OK) {
		fprintf(stderr, "phalanx submit: %s: %s\n", argv[optind], err_text(err));
		return EXIT_FAILED;
	}
	status = submit(config.control_socket, (struct span){ bytes, size_bytes });
	free(bytes);
	return status;
}
