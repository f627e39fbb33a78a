/*
 * cmd_peers: the members of the mesh as this node sees them.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hex.h"
#include "cli/control.h"
#include "core/roster.h"

static json_t *
to_json(const struct msg_member *m)
{
	char id[33], address[46];

	if (m->role != ROLE_NODE)
		return NULL;
	hex_format(m->id.bytes, sizeof(m->id.bytes), id);
	address_format(&m->address, address);
	return json_pack("{ss ss ss ss ss sb sb sb sb sI sI sI sI sb sb sb}", "name", m->name, "id",
	    id, "address", address, "status", control_status_text(m->status), "held",
	    control_strength_text(m->strength), "self", m->is_self, "head", m->is_head, "linked",
	    m->linked, "alive", m->alive, "feed_sequence", (json_int_t)m->feed_sequence, "round",
	    (json_int_t)m->round, "weight", (json_int_t)m->weight, "incarnation",
	    (json_int_t)m->incarnation, "restricted", m->restricted, "proven", m->proven,
	    "released", m->round > 0);
}

static void
print_text(const struct control_answer *answer)
{
	printf("%-20s %-12s %-7s %-6s %-5s %-5s %-16s %s\n", "NAME", "STATUS", "HELD", "LINK",
	    "VOTES", "ROUND", "FEED", "ADDRESS");
	for (size_t i = 0; i < answer->member_count; i++) {
		const struct msg_member *m = &answer->members[i];
		char address[46];

		if (m->role != ROLE_NODE)
			continue;
		address_format(&m->address, address);
		printf("%-20s %-12s %-7s %-6s %-5s %-5u %-16llu %s\n", m->name,
		    control_status_text(m->status), control_strength_text(m->strength),
		    m->is_self  ? "self"
		    : m->linked ? "up"
		                : "down",
		    m->is_head ? "yes" : "no", m->round, (unsigned long long)m->feed_sequence,
		    address);
	}
}

int
cmd_peers(const struct cli *cli, int argc, char **argv)
{
	struct control_answer answer;
	int status;

	(void)argv;
	status = control_verb(cli, argc, "peers", ASK_MEMBERS, &answer);
	if (status != EXIT_OK)
		return status;
	if (cli->json)
		status = control_print_members(&answer, to_json);
	else
		print_text(&answer);
	free(answer.members);
	return status;
}
