#include <inttypes.h>
#include "core/certificate.h"
#include "sim/checker.h"

/* What an author put under one sequence, when it was first sent. */
struct seen_entry {
	struct node_id author;
	uint64_t incarnation;
	uint64_t sequence;
	struct hash hash;
};

void
checker_free(struct world *w)
{
	free(w->seen);
}

#define check(condition, ...)                                                            \
	do {                                                                             \
		if (!(condition)) {                                                      \
			print_message("seed %" PRIu64 " at %" PRIu64 " ms, node %c\n%s", \
			    w->config.seed, w->now_ms, (char)('a' + node), w->trace);    \
			fail_msg(__VA_ARGS__);                                           \
		}                                                                        \
	} while (0)

/* 1, 5, 6: what is held as quarantined has its reason, is cut, and stays so. */
static void
check_subject(struct world *w, size_t node, size_t subject)
{
	struct world_node *n = &w->nodes[node];
	struct core_member_view v = world_view(w, node, subject);
	struct core_view view = world_core_view(w, node);
	bool quorum = v.votes >= (w->config.count - 1) / 2 + 1 && v.votes >= 2;
	bool condemned = v.certified || v.confessed || v.proven;

	check(v.status != STATUS_QUARANTINED || v.precaution_stands || condemned || quorum,
	    "invariant 1: %c is quarantined without a reason", (char)('a' + subject));
	check(n->held[subject] != STRENGTH_SEVER || condemned,
	    "invariant 1: %c is severed without a certificate", (char)('a' + subject));
	check(v.status != STATUS_QUARANTINED || n->held[subject] >= STRENGTH_CUT,
	    "invariant 6: %c is quarantined but not cut", (char)('a' + subject));
	check(
	    !(v.precaution_stands && v.precaution_stood_down), "a precaution both stands and not");
	/* 2: only who touched a decoy was ever convicted. */
	check(!v.certified || w->touched_others[subject], "invariant 2: %c is framed",
	    (char)('a' + subject));
	/* 10: who signs honestly is never proven to equivocate. */
	check(!v.proven || w->nodes[subject].liar, "invariant 10: %c is proven to equivocate",
	    (char)('a' + subject));
	if (condemned) {
		n->was_condemned[subject] = true;
		n->condemned_round[subject] = v.round;
	}
	/* A later round begins with a RELEASE, and that does not end what is final. */
	check(!n->was_condemned[subject] || condemned || !view.synced ||
	          v.round > n->condemned_round[subject],
	    "invariant 5: %c was let go", (char)('a' + subject));
	check(view.synced || n->held[subject] >= STRENGTH_HOLD,
	    "invariant 8: traffic with %c before first sync", (char)('a' + subject));
}

void
checker_step(struct world *w, size_t node)
{
	if (w->nodes[node].core == NULL || w->nodes[node].liar)
		return;
	for (size_t i = 0; i < w->config.count; i++)
		if (i != node)
			check_subject(w, node, i);
}

/* 10: no sequence of an honest author ever has two hashes. */
static void
check_sent(struct world *w, size_t node, struct span bytes)
{
	const struct crypto *crypto = crypto_sodium();
	struct entry_header header;
	struct envelope envelope;
	enum entry_kind kind;
	struct hash hash;

	check(envelope_parse(bytes.data, bytes.size_bytes, &envelope) == ERR_OK,
	    "what it sends is no envelope");
	check(entry_peek(envelope.body, &header, &kind) == ERR_OK, "what it sends is no entry");
	if (entry_is_link_message(kind) ||
	    w->nodes[roster_find_id(w->mesh.roster, &header.author)].liar)
		return;
	entry_hash(crypto, envelope.body, &hash);
	for (size_t i = 0; i < w->seen_count; i++) {
		if (w->seen[i].sequence != header.sequence ||
		    w->seen[i].incarnation != header.incarnation ||
		    !node_id_equal(&w->seen[i].author, &header.author))
			continue;
		check(hash_equal(&hash, &w->seen[i].hash),
		    "invariant 10: two entries with sequence %" PRIu64, header.sequence);
		return;
	}
	w->seen = reallocarray(w->seen, w->seen_count + 1, sizeof(*w->seen));
	w->seen[w->seen_count++] = (struct seen_entry){ .author = header.author,
		.incarnation = header.incarnation,
		.sequence = header.sequence,
		.hash = hash };
}

static void
check_draft(struct world *w, size_t node, struct span body)
{
	const struct crypto *crypto = crypto_sodium();
	struct entry e;
	size_t checked;

	check(entry_decode(body, &e) == ERR_OK, "its draft is no entry");
	check(e.kind == ENTRY_SELF_REPORT || world_core_view(w, node).synced,
	    "invariant 8: a vote before first sync");
	check(!world_core_view(w, node).lost_state, "it signs although it lost its state");
	check(e.kind == ENTRY_SELF_REPORT || w->nodes[node].lock == STRENGTH_NONE,
	    "a locked node originates more than self-reports");
	/* 13: only members that touched a decoy are ever accused. */
	if (e.kind == ENTRY_STATEMENT)
		check(w->touched_others[roster_find_id(w->mesh.roster, &e.statement.subject)],
		    "invariant 13: a statement against who touched nothing");
	/* 3, 4. */
	if (e.kind == ENTRY_CERTIFICATE)
		check(
		    certificate_verify(crypto, w->mesh.roster, &e.certificate, &checked) == ERR_OK,
		    "invariant 4: its certificate does not verify");
}

void
checker_action(struct world *w, size_t node, const struct core_action *a)
{
	if (w->nodes[node].liar)
		return;
	if (a->what == CORE_DO_SEND)
		check_sent(w, node, a->send.bytes);
	if (a->what == CORE_DO_APPEND)
		check_draft(w, node, a->append.body);
}

/* Who is severed by any of them hears nothing more. */
static bool
is_severed(const struct world *w, size_t node)
{
	for (size_t i = 0; i < w->config.count; i++)
		if (w->nodes[i].core != NULL && !w->nodes[i].liar &&
		    w->nodes[i].held[node] == STRENGTH_SEVER)
			return true;
	return w->nodes[node].lock == STRENGTH_SEVER;
}

/* 7. */
void
checker_agree(const struct world *w)
{
	size_t first = SIZE_MAX;

	for (size_t node = 0; node < w->config.count; node++) {
		const struct world_node *n = &w->nodes[node];

		if (n->core == NULL || n->liar || is_severed(w, node))
			continue;
		if (first == SIZE_MAX)
			first = node;
		check(world_core_view(w, node).root == world_core_view(w, first).root,
		    "invariant 7: %c and %c hold different objects", (char)('a' + first),
		    (char)('a' + node));
		for (size_t i = 0; i < w->config.count; i++)
			check(world_view(w, node, i).precaution_stands ==
			          world_view(w, first, i).precaution_stands,
			    "%c and %c disagree on the precaution of %c", (char)('a' + first),
			    (char)('a' + node), (char)('a' + i));
	}
}
