#include <getopt.h>
#include <libgen.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/audit.h"
#include "cli/usage.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/wholefile.h"

void
audit_complain(const char *format, ...)
{
	va_list arguments;

	fputs("phalanx audit: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

bool
audit_open(const char *directory, struct audit *out)
{
	struct audit a = { 0 };
	char path[AUDIT_PATH_BYTES];
	enum err err;

	if (strlen(directory) >= sizeof(a.directory)) {
		audit_complain("%s: the path is too long", directory);
		return false;
	}
	strcpy(a.directory, directory);
	audit_path(&a, "control.sock", a.control_socket);
	audit_path(&a, "certs/ca.pem", path);
	if ((err = identity_ca_key(path, &a.ca)) != ERR_OK) {
		audit_complain("%s: %s; the CA's certificate is needed", path, err_text(err));
		return false;
	}
	audit_path(&a, "roster", path);
	err = wholefile_read(path, LIMIT_ROSTER_BYTES, &a.roster_bytes, &a.roster_size);
	if (err == ERR_OK)
		err =
		    roster_parse(crypto_sodium(), &a.ca, a.roster_bytes, a.roster_size, &a.roster);
	if (err != ERR_OK) {
		audit_complain("%s: %s; the mesh's roster is needed", path, err_text(err));
		audit_close(&a);
		return false;
	}
	*out = a;
	return true;
}

void
audit_close(struct audit *a)
{
	roster_free(a->roster);
	free(a->roster_bytes);
	*a = (struct audit){ 0 };
}

void
audit_path(const struct audit *a, const char *file, char out[AUDIT_PATH_BYTES])
{
	snprintf(out, AUDIT_PATH_BYTES, "%s/%s", a->directory, file);
}

const char *
audit_name(const struct audit *a, const struct node_id *id, char room[33])
{
	member_index member = roster_find_id(a->roster, id);

	if (member != MEMBER_NONE)
		return roster_member(a->roster, member)->name;
	return hex_format(id->bytes, sizeof(id->bytes), room);
}

void
audit_incident(const struct entry *e, char out[17])
{
	const struct node_id *subject = &e->header.author;
	struct incident_id incident;
	uint32_t round = 0;

	switch (e->kind) {
	case ENTRY_STATEMENT:
		subject = &e->statement.subject;
		round = e->statement.round;
		break;
	case ENTRY_VERDICT:
		subject = &e->verdict.subject;
		round = e->verdict.round;
		break;
	case ENTRY_SELF_REPORT:
		round = e->self_report.round;
		break;
	case ENTRY_CERTIFICATE:
		subject = &e->certificate.subject;
		round = e->certificate.round;
		break;
	case ENTRY_RELEASE:
		subject = &e->release.subject;
		round = e->release.round;
		break;
	case ENTRY_RECEIPT:
		subject = &e->receipt.subject;
		round = e->receipt.round;
		break;
	case ENTRY_PROOF:
	case ENTRY_INDICATOR:
		break; /* about no round: shown as one of the author's */
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break; /* never in a log */
	}
	incident = incident_of(crypto_sodium(), subject, round);
	hex_format(incident.bytes, sizeof(incident.bytes), out);
}

static bool
parse_options(int argc, char **argv, struct audit_options *out)
{
	static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
		{ "file", required_argument, NULL, 'f' },
		{ "bundle", required_argument, NULL, 'b' }, { "ca", required_argument, NULL, 'c' },
		{ "ca-key", required_argument, NULL, 'k' },
		{ "subject", required_argument, NULL, 's' },
		{ "incident", required_argument, NULL, 'i' },
		{ "out", required_argument, NULL, 'o' }, { "json", no_argument, NULL, 'j' },
		{ 0 } };
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			out->directory = optarg;
		else if (c == 'f')
			out->file = optarg;
		else if (c == 'b')
			out->bundle = optarg;
		else if (c == 'c')
			out->ca = optarg;
		else if (c == 'k')
			out->ca_key = optarg;
		else if (c == 's')
			out->subject = optarg;
		else if (c == 'i')
			out->incident = optarg;
		else if (c == 'o')
			out->out = optarg;
		else if (c == 'j')
			out->json = true;
		else
			return false;
	}
	return optind == argc;
}

/* --dir, else where the log lies, else what the configuration says. */
static bool
find_directory(const struct cli *cli, const struct audit_options *o, struct audit *out)
{
	static struct config config;
	char copy[AUDIT_PATH_BYTES];

	if (o->directory != NULL)
		return audit_open(o->directory, out);
	if (o->file != NULL) {
		snprintf(copy, sizeof(copy), "%s", o->file);
		return audit_open(dirname(copy), out);
	}
	if (cli_config(cli, &config) != EXIT_OK || !audit_open(config.state_dir, out))
		return false;
	strcpy(out->control_socket, config.control_socket);
	return true;
}

int
cmd_audit(const struct cli *cli, int argc, char **argv)
{
	int (*verb)(const struct audit *, const struct audit_options *) = NULL;
	const char *name = argc > 1 ? argv[1] : "";
	struct audit_options options = { .json = cli->json };
	struct audit audit;
	int status;

	if (strcmp(name, "verify") == 0)
		verb = audit_verify;
	else if (strcmp(name, "show") == 0)
		verb = audit_show;
	else if (strcmp(name, "bundle") == 0)
		verb = audit_bundle;
	else if (strcmp(name, "export") == 0)
		verb = audit_export;
	if (verb == NULL || !parse_options(argc - 1, argv + 1, &options) || sodium_init() == -1)
		return usage_error("audit");
	if (verb == audit_verify && options.bundle != NULL)
		return (options.ca != NULL) + (options.ca_key != NULL) == 1
		           ? audit_verify_bundle(&options)
		           : usage_error("audit");
	if (verb == audit_bundle &&
	    (options.out == NULL || (options.subject != NULL) + (options.incident != NULL) != 1))
		return usage_error("audit");
	if (verb == audit_export && (options.out == NULL || options.subject == NULL))
		return usage_error("audit");
	if (!find_directory(cli, &options, &audit))
		return EXIT_FAILED;
	status = verb(&audit, &options);
	audit_close(&audit);
	return status;
}
