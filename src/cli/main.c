/*
 * phalanx: the operator's program.  A table of verbs; see cli/command.h.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "sys/log.h"

static const struct command commands[] = {
	{ "status", "status", "this node, its mesh and what is cut", cmd_status },
	{ "peers", "peers", "every member as this node sees it", cmd_peers },
	{ "incidents", "incidents", "what stands against whom, on what grounds", cmd_incidents },
	{ "audit", "audit verify|show|bundle|export …",
	    "check, read and prove from the signed logs", cmd_audit },
	{ "ca", "ca init|request|enrol|epoch|bundle|show …",
	    "make a mesh, enrol nodes, sign its epoch", cmd_ca },
	{ "release", "release NAME --reason TEXT --key K [--overturned]",
	    "readmit a host, with an operator's key", cmd_release },
	{ "dashboard", "dashboard --key K [--url U] [--viewer]",
	    "a link that signs in at the page; releases asked there are confirmed here",
	    cmd_dashboard },
	{ "submit", "submit FILE", "hand in a signed entry or a roster on this node's console",
	    cmd_submit },
	{ "reload", "reload", "have phalanxd read its configuration and roster again", cmd_reload },
	{ "coordinator", "coordinator [trust KEY | forget]",
	    "the coordinator's key as this node knows it; take another", cmd_coordinator },
	{ "unlock", "unlock [--all | --undo] [--yes]",
	    "on this host's console: lift its own lock-down, or every cut", cmd_unlock },
	{ "doctor", "doctor", "can this host do what its configuration asks?", cmd_doctor },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_usage(FILE *out)
{
	fputs("usage: phalanx [-c FILE] [--json] VERB …, or phalanx --version\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-52s %s\n", commands[i].usage, commands[i].summary);
}

int
main(int argc, char **argv)
{
	struct cli cli = { 0 };
	int at = 1;

	log_init("", "phalanx", LOG_LEVEL_WARN);
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (strcmp(argv[at], "--json") == 0) {
			cli.json = true;
		} else if (strcmp(argv[at], "-c") == 0 && at + 1 < argc) {
			cli.config_path = argv[++at];
		} else if (strcmp(argv[at], "--version") == 0) {
			puts("phalanx " PHALANX_VERSION);
			return EXIT_OK;
		} else {
			bool help = strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0;

			print_usage(help ? stdout : stderr);
			return help ? EXIT_OK : EXIT_USAGE;
		}
	}
	for (size_t i = 0; at < argc && i < COMMANDS; i++)
		if (strcmp(argv[at], commands[i].name) == 0)
			return commands[i].run(&cli, argc - at, argv + at);
	if (at < argc && strcmp(argv[at], "help") == 0) {
		print_usage(stdout);
		return EXIT_OK;
	}
	if (at < argc)
		fprintf(stderr, "phalanx: no such verb: %s\n\n", argv[at]);
	print_usage(stderr);
	return EXIT_USAGE;
}
