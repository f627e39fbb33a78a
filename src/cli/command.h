/*
 * command: one verb of the phalanx program.  main.c holds the table; each verb
 * lives in cmd_<verb>.c.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include "sys/config.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct cli {
	const char *config_path; /* -c FILE; NULL: the default */
	bool json;               /* --json, anywhere before the verb's own arguments */
};

struct command {
	const char *name;    /* "audit" */
	const char *usage;   /* "audit verify|show [--file F]" */
	const char *summary; /* one line for phalanx help */
	/* argv[0] is the verb.  Returns an exit status. */
	int (*run)(const struct cli *, int argc, char **argv);
};

int cmd_ca(const struct cli *, int argc, char **argv);        /* ca init|request|enrol|epoch|show */
int cmd_audit(const struct cli *, int argc, char **argv);     /* audit verify|show|bundle|export */
int cmd_status(const struct cli *, int argc, char **argv);
int cmd_peers(const struct cli *, int argc, char **argv);
int cmd_incidents(const struct cli *, int argc, char **argv);
int cmd_release(const struct cli *, int argc, char **argv);
int cmd_submit(const struct cli *, int argc, char **argv);
int cmd_reload(const struct cli *, int argc, char **argv);
int cmd_coordinator(const struct cli *, int argc, char **argv);
int cmd_dashboard(const struct cli *, int argc, char **argv);
int cmd_unlock(const struct cli *, int argc, char **argv);
int cmd_doctor(const struct cli *, int argc, char **argv);

/* config_load() with cli's path; prints its own errors. */
int cli_config(const struct cli *, struct config *out);
/* To standard output in ASCII, with a line feed; takes the reference.  NULL: EXIT_FAILED. */
int cli_print_json(json_t *);
/* Text of strangers: what is not printable ASCII as \xHH, so that no terminal obeys it. */
void cli_print_escaped(const char *);
void cli_escape(FILE *, const char *);

#endif
