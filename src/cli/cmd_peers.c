/*
 * cmd_peers: the members of the mesh as this node sees them.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hex.h"
#include "cli/control.h"

static json_t *
to_json(const struct msg_member *m)
{
	char id[33], address[46];

	hex_format(m->id.bytes, sizeof(m->id.bytes), id);
	address_format(&m->address, address);
	return json_pack("{ss ss ss ss ss sb sb sb sb sI}", "name", m->name, "id", id, "address",
	    address, "status", control_status_text(m->status), "held",
	    control_strength_text(m->strength), "self", m->is_self, "head", m->is_head, "linked",
	    m->linked, "alive", m->alive, "feed_sequence", (json_int_t)m->feed_sequence);
}

static int
print_json(const struct control_answer *answer)
{
	json_t *list = json_array();
	int failed = list == NULL;

	for (size_t i = 0; i < answer->member_count && !failed; i++)
		failed = json_array_append_new(list, to_json(&answer->members[i]));
	if (!failed)
		failed = json_dumpf(list, stdout, JSON_INDENT(2));
	json_decref(list);
	putchar('\n');
	return failed ? EXIT_FAILED : EXIT_OK;
}

static void
print_text(const struct control_answer *answer)
{
	printf("%-20s %-12s %-7s %-6s %-5s %-16s %s\n", "NAME", "STATUS", "HELD", "LINK", "VOTES",
	    "FEED", "ADDRESS");
	for (size_t i = 0; i < answer->member_count; i++) {
		const struct msg_member *m = &answer->members[i];
		char address[46];

		address_format(&m->address, address);
		printf("%-20s %-12s %-7s %-6s %-5s %-16llu %s\n", m->name,
		    control_status_text(m->status), control_strength_text(m->strength),
		    m->is_self  ? "self"
		    : m->linked ? "up"
		                : "down",
		    m->is_head ? "yes" : "no", (unsigned long long)m->feed_sequence, address);
	}
}

int
cmd_peers(const struct cli *cli, int argc, char **argv)
{
	struct control_answer answer;
	struct config config;
	int status;

	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: phalanx peers\n");
		return EXIT_USAGE;
	}
	if ((status = cli_config(cli, &config)) != EXIT_OK ||
	    (status = control_ask(&config, ASK_MEMBERS, &answer)) != EXIT_OK)
		return status;
	if (cli->json)
		status = print_json(&answer);
	else
		print_text(&answer);
	free(answer.members);
	return status;
}
