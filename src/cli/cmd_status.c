/*
 * cmd_status: this node, in one look.  Exit 0 when it protects, 1 when it
 * cannot be asked or something needs a person.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "base/hex.h"
#include "cli/control.h"

static const char *
policy_text(const struct msg_status *s)
{
	return s->policy == CONFIG_ASSUME_BREACH ? "assume-breach" : "attribute";
}

static const char *
analysis_text(const struct msg_status *s)
{
	return s->analysis == CONFIG_AI_FIRST ? "ai-first" : "rules-first";
}

static bool
needs_a_person(const struct msg_status *s)
{
	return s->lost_state || s->clock_off || s->locked != STRENGTH_NONE ||
	       (s->mode == CONFIG_ENFORCE && s->effective != EFFECTIVE_ENFORCE) ||
	       s->trust == TRUST_OTHER_KEY || s->trust == TRUST_BAD_SIGNATURE;
}

static int
print_json(const struct msg_status *s)
{
	char id[33];

	hex_format(s->id.bytes, sizeof(s->id.bytes), id);
	return cli_print_json(json_pack("{ss ss ss sI ss ss ss ss sb sb sb sb sI sI sI sI sI sI sI "
	                                "sI sf sf sI sI ss sI sI sI sI ss}",
	    "name", s->name, "id", id, "mesh", s->mesh, "epoch", (json_int_t)s->epoch, "status",
	    control_status_text(s->status), "policy", policy_text(s), "mode",
	    control_effective_text(s->effective), "locked", control_strength_text(s->locked),
	    "synced", s->synced, "lost_state", s->lost_state, "clock_off", s->clock_off,
	    "coordinator", s->coordinator_up, "members", (json_int_t)s->members, "heads",
	    (json_int_t)s->heads, "links", (json_int_t)s->links, "quorum", (json_int_t)s->quorum,
	    "corroboration", (json_int_t)s->k, "feed_sequence", (json_int_t)s->sequence, "objects",
	    (json_int_t)s->objects, "touches", (json_int_t)s->touches, "cpu_pct",
	    (double)s->cpu_percent, "ram_pct", (double)s->memory_percent, "refused",
	    (json_int_t)s->refused, "blocked_addresses", (json_int_t)s->local_cuts, "analysis",
	    analysis_text(s), "opinions", (json_int_t)s->opinions, "unanswered",
	    (json_int_t)s->unanswered, "incarnation", (json_int_t)s->incarnation, "indicators",
	    (json_int_t)s->indicators, "coordinator_trust", control_trust_text(s->trust)));
}

static void
print_text(const struct msg_status *s)
{
	char id[33];

	hex_format(s->id.bytes, sizeof(s->id.bytes), id);
	printf("node       %s (%s)\n", s->name, id);
	printf("mesh       %s, epoch %" PRIu64 ", %u members, %u heads, %u links up\n", s->mesh,
	    s->epoch, s->members, s->heads, s->links);
	printf("status     %s\n", control_status_text(s->status));
	printf("policy     %s, mode %s; quorum %u votes, k %u\n", policy_text(s),
	    control_effective_text(s->effective), s->quorum, s->k);
	printf("this host  %s\n",
	    s->locked == STRENGTH_NONE ? "open"
	    : s->locked == STRENGTH_CUT
	        ? "LOCKED DOWN: exempt flows and the mesh port only (phalanx unlock lifts it)"
	        : "LOCKED DOWN: exempt flows only (phalanx unlock lifts it)");
	printf("feed       %" PRIu64 " own entries, %" PRIu64 " objects held, root %016" PRIx64
	       "\n",
	    s->sequence, s->objects, s->root);
	printf("seen       %" PRIu64 " touches, %" PRIu64 " addresses blocked, %" PRIu64
	       " by the mesh, %" PRIu64 " messages refused\n",
	    s->touches, s->local_cuts, s->indicators, s->refused);
	printf("load       cpu %.1f %%, memory %.1f %%, up %" PRIu64 " s\n", (double)s->cpu_percent,
	    (double)s->memory_percent, s->uptime_ms / 1000);
	printf("analysis   %s, %" PRIu64 " opinions, %" PRIu64 " questions unanswered\n",
	    analysis_text(s), s->opinions, s->unanswered);
	printf("coordinator %s, %s\n",
	    s->coordinator_up ? "reached" : "not reached (nothing depends on it)",
	    control_trust_text(s->trust));
	if (!s->synced)
		printf("! waiting for first sync: no votes yet\n");
	if (s->lost_state)
		printf("! peers hold a later feed of this node: it signs nothing; renew it: "
		       "phalanx ca renew\n");
	if (s->clock_off)
		printf("! the clock is off by more than %d s: no votes; check time sync\n",
		    LIMIT_CLOCK_SKEW_MS / 1000);
	if (s->mode == CONFIG_ENFORCE && s->effective == EFFECTIVE_LINKS_ONLY)
		printf("! no CAP_NET_ADMIN: only mesh links are severed\n");
	if (s->trust == TRUST_OTHER_KEY)
		printf("! the coordinator's key changed: its word is refused; compare it, then: "
		       "phalanx coordinator\n");
	if (s->trust == TRUST_BAD_SIGNATURE)
		printf("! the coordinator's answers carry no good signature: somebody stands in "
		       "its place, or in between\n");
	if (s->drift.repaired > 0)
		printf(
		    "! somebody changed the firewall: %u elements repaired\n", s->drift.repaired);
}

int
cmd_status(const struct cli *cli, int argc, char **argv)
{
	struct control_answer answer;
	int status;

	(void)argv;
	if ((status = control_verb(cli, argc, "status", ASK_STATUS, &answer)) != EXIT_OK)
		return status;
	if (cli->json)
		status = print_json(&answer.status);
	else
		print_text(&answer.status);
	return status == EXIT_OK && needs_a_person(&answer.status) ? EXIT_FAILED : status;
}
