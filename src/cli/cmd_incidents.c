/*
 * cmd_incidents: who is accused, held or cut off, why, and since when.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "cli/control.h"
#include "core/roster.h"

/* Display beside the members' state, which alone counts. */
static struct control_answer judged;

static bool
is_incident(const struct msg_member *m)
{
	if (m->role != ROLE_NODE)
		return false;
	return m->proven || m->restricted || m->release_asked || m->statements > 0 ||
	       m->votes > 0 || m->certified || m->confessed || m->precaution_stands ||
	       m->precaution_stood_down || (m->strength > STRENGTH_HOLD && !m->is_self);
}

/* What the analyser made of it, the latest; NULL: nothing. */
static const struct msg_judged *
opinion_of(const struct msg_member *m)
{
	for (size_t i = judged.opinion_count; i-- > 0;)
		if (memcmp(&judged.opinions[i].incident, &m->incident, sizeof(m->incident)) == 0)
			return &judged.opinions[i];
	return NULL;
}

/* Words of a model: a document that is not UTF-8 is none. */
static json_t *
words(const char *text)
{
	json_t *j = json_string(text);

	return j != NULL ? j : json_string("?");
}

static json_t *
opinion_to_json(const struct msg_judged *j)
{
	return j == NULL ? json_null()
	                 : json_pack("{sI sI sI so so}", "score", (json_int_t)j->score, "floor",
	                       (json_int_t)j->floor, "opinion", (json_int_t)j->opinion, "model",
	                       words(j->model), "reason", words(j->reason));
}

static json_t *
to_json(const struct msg_member *m)
{
	char incident[17], id[33], since[24];

	if (!is_incident(m))
		return NULL;
	hex_format(m->incident.bytes, sizeof(m->incident.bytes), incident);
	hex_format(m->id.bytes, sizeof(m->id.bytes), id);
	control_time(m->since_ms, since);
	return json_pack("{ss ss ss ss ss ss sI sI sI ss sb sI sI so}", "incident", incident,
	    "subject", m->name, "id", id, "status", control_status_text(m->status), "ground",
	    control_ground_text(m), "held", control_strength_text(m->strength), "round",
	    (json_int_t)m->round, "witnesses", (json_int_t)m->statements, "votes",
	    (json_int_t)m->votes, "since", since, "release_asked", m->release_asked,
	    "release_votes", (json_int_t)m->release_votes, "needed", (json_int_t)m->needed,
	    "opinion", opinion_to_json(opinion_of(m)));
}

static void
print_opinion(const struct msg_judged *j)
{
	if (j == NULL)
		return;
	printf(
	    "  opinion   %u, so score %u (rules alone: %u), of ", j->opinion, j->score, j->floor);
	cli_print_escaped(j->model);
	printf(": ");
	cli_print_escaped(j->reason);
	printf("\n");
}

static void
print_text(const struct control_answer *answer)
{
	size_t count = 0;

	for (size_t i = 0; i < answer->member_count; i++) {
		const struct msg_member *m = &answer->members[i];
		char incident[17], since[24];

		if (!is_incident(m))
			continue;
		count++;
		hex_format(m->incident.bytes, sizeof(m->incident.bytes), incident);
		control_time(m->since_ms, since);
		printf("%s  %s  %s\n", incident, m->name, control_status_text(m->status));
		printf("  ground    %s\n  held      %s\n", control_ground_text(m),
		    control_strength_text(m->strength));
		printf("  witnesses %u, votes %u, round %u, since %s\n", m->statements, m->votes,
		    m->round, since);
		if (m->release_asked)
			printf("  release   asked, %u of %u heads have signed\n", m->release_votes,
			    m->needed);
		print_opinion(opinion_of(m));
	}
	if (count == 0)
		printf("no incidents\n");
}

int
cmd_incidents(const struct cli *cli, int argc, char **argv)
{
	struct control_answer answer;
	int status;

	(void)argv;
	if ((status = control_verb(cli, argc, "incidents", ASK_MEMBERS, &answer)) != EXIT_OK)
		return status;
	if ((status = control_verb(cli, argc, "incidents", ASK_OPINIONS, &judged)) != EXIT_OK) {
		free(answer.members);
		return status;
	}
	if (cli->json)
		status = control_print_members(&answer, to_json);
	else
		print_text(&answer);
	free(answer.members);
	return status;
}
