/*
 * The end of a log can be cut off without a trace in what is left of it: only
 * who holds a copy can tell.  Peers hold one, and the daemon compares with them
 * whenever a link comes up (docs/protocol.md, "Freshness, order, replay").
 */
#include <stdlib.h>
#include <string.h>
#include "cli/audit.h"
#include "cli/control.h"

void
audit_peers_ask(const struct audit *a, struct audit_peers *out)
{
	struct control_answer answer;

	*out = (struct audit_peers){ 0 };
	if (!control_try(a->control_socket, ASK_STATUS, &answer))
		return;
	*out = (struct audit_peers){ .answered = true,
		.id = answer.status.id,
		.later = answer.status.lost_state != 0,
		.sequence = answer.status.sequence,
		.links = answer.status.links };
	free(answer.members);
}

enum audit_peers_say
audit_peers_compare(
    const struct audit_peers *p, const struct node_id *author, uint64_t sequence, const char **text)
{
	if (!p->answered) {
		*text = "not asked: the daemon does not answer";
		return AUDIT_PEERS_NOT_ASKED;
	}
	if (!node_id_equal(&p->id, author)) {
		*text = "not asked: the daemon is another node's";
		return AUDIT_PEERS_NOT_ASKED;
	}
	if (p->later || p->sequence > sequence) {
		*text = "hold a later feed: entries are missing from the end";
		return AUDIT_PEERS_LATER;
	}
	if (p->links == 0) {
		*text = "not asked: no link is up";
		return AUDIT_PEERS_NOT_ASKED;
	}
	*text = "agree";
	return AUDIT_PEERS_AGREE;
}

const char *
audit_peers_word(enum audit_peers_say say)
{
	switch (say) {
	case AUDIT_PEERS_AGREE:
		return "agree";
	case AUDIT_PEERS_LATER:
		return "later";
	case AUDIT_PEERS_NOT_ASKED:
		break;
	}
	return "not-asked";
}
