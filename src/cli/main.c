/*
 * phalanx: the operator's program.  A table of verbs; see cli/command.h.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/usage.h"
#include "sys/log.h"

static const struct command commands[] = {
	{ "status", "status", "this node, its mesh and what is cut", cmd_status },
	{ "peers", "peers", "every member as this node sees it", cmd_peers },
	{ "incidents", "incidents", "what stands against whom, on what grounds", cmd_incidents },
	{ "audit", "audit verify|show|bundle|export ...",
	    "check, read and prove from the signed logs", cmd_audit },
	{ "ca", "ca init|request|enrol|renew|epoch|bundle|show ...",
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
print_verbs(FILE *out)
{
	fputs("usage: phalanx [-c FILE] [--json] VERB ..., or phalanx --version\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-52s %s\n", commands[i].usage, commands[i].summary);
	fputs("\nphalanx help VERB says more.\n", out);
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Of a verb, or of one of its own verbs: help ca enrol. */
static int
help(const char *verb, const char *own)
{
	char topic[64];

	if (verb == NULL || is_help(verb)) {
		print_verbs(stdout);
		return EXIT_OK;
	}
	if (strcmp(verb, "--topics") == 0) {
		usage_print_topics(stdout);
		return EXIT_OK;
	}
	if (own != NULL) {
		snprintf(topic, sizeof(topic), "%s %s", verb, own);
		if (usage_print(stdout, topic))
			return EXIT_OK;
	}
	if (usage_print(stdout, verb))
		return EXIT_OK;
	fprintf(stderr, "phalanx: no such verb: %s\n\n", verb);
	print_verbs(stderr);
	return EXIT_USAGE;
}

static bool
asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (is_help(argv[i]))
			return true;
	return false;
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
		} else if (is_help(argv[at])) {
			return help(NULL, NULL);
		} else {
			print_verbs(stderr);
			return EXIT_USAGE;
		}
	}
	argc -= at;
	argv += at;
	if (argc == 0) {
		print_verbs(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[0], "help") == 0)
		return help(argv[1], argc > 2 ? argv[2] : NULL);
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return asks_for_help(argc, argv) ? help(argv[0], argv[1])
			                                 : commands[i].run(&cli, argc, argv);
	return help(argv[0], NULL);
}
