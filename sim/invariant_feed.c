/*
 * 10: nobody honest contradicts itself, whatever crashes.
 * 13: only who touched a decoy is ever accused by anybody honest.
 *  8: no vote before first sync.
 */
#include <inttypes.h>
#include <string.h>
#include "sim/invariants.h"
#include "sim/truth.h"

/* Grounds last ten minutes, and writing may take its time. */
#define ACCUSED_WITHIN_MS (LIMIT_GROUNDS_MS + 60 * 1000)

/*
 * A snapshot was put back.  First sync asks f + 1 groups how far the feed went;
 * where nobody honest within reach held what was lost then or holds it now, or
 * nobody agreed for 30 s (which alarms), the host cannot know.  docs/safety.md, "Found on the way".
 */
static bool
still_holds(const struct sim *s, size_t host, const struct record *lost)
{
	const struct host *h = &s->hosts[host];
	size_t link = fabric_find(s, host, lost->author);
	struct core_member_view view;

	if (h->core == NULL || link == SIZE_MAX || !s->fabric.links[link].up ||
	    !truth_is_safe(s, h->member) || h->observed < 0 ||
	    (lost->understood >> h->observed & 1) == 0)
		return false;
	/* What was said last is kept in memory; with the power it may go, whatever its kind. */
	core_view_member(h->core, lost->author, &view);
	if (view.feed_sequence >= lost->header.sequence)
		return true;
	/* What certifies or proves once more is not looked at, unless its author brings it. */
	return truth_of(s, host)->booted_ms <= lost->born_ms && lost->kind != ENTRY_CERTIFICATE &&
	       lost->kind != ENTRY_PROOF;
}

static bool
may_repeat(const struct sim *s, const struct record *lost)
{
	const struct host *h = &s->hosts[lost->author];

	/* An operator has no host, and no disk to restore. */
	if (lost->author >= s->count || !h->restored)
		return false;
	if (h->observed < 0 || truth_of(s, lost->author)->ever_alarmed ||
	    truth_of(s, lost->author)->ever_misled)
		return true;
	for (size_t host = 0; host < s->count; host++)
		if (host != lost->author && still_holds(s, host, lost))
			return false;
	return true;
}

/* Has this peer something of the host's feed that the host's own disk lacks? */
static bool
knows_better(const struct sim *s, size_t host, size_t peer)
{
	const struct disk *disk = &s->hosts[host].disk;

	for (const struct record *r = ledger_by(s->ledger, s->hosts[host].member); r != NULL;
	     r = r->next_by_author)
		if (r->left && r->header.incarnation == disk->incarnation &&
		    r->header.sequence > disk->sequence && still_holds(s, peer, r))
			return true;
	return false;
}

/*
 * First sync is over.  f + 1 groups among the peers that it heard, or all of
 * them, knew nothing of what its disk lost: then neither can it.
 */
void
feed_synced(struct sim *s, size_t host)
{
	const struct fabric_host *net = &s->fabric.hosts[host];
	struct witnessed *w = truth_of(s, host);
	member_index ignorant[LIMIT_FULL_MESH];
	size_t groups = 0;
	bool known = false;

	if (!s->hosts[host].restored)
		return;
	for (size_t i = 0; i < net->link_count && groups < LIMIT_FULL_MESH; i++) {
		member_index peer = s->hosts[net->peers[i]].member;
		size_t g = 0;

		if (!s->fabric.links[net->links[i]].up || w->given[peer].told_root == 0)
			continue;
		if (knows_better(s, host, net->peers[i])) {
			known = true;
			continue;
		}
		while (g < groups && memcmp(s->authority->members[ignorant[g]].group,
		                         s->authority->members[peer].group, 16) != 0)
			g++;
		if (g == groups)
			ignorant[groups++] = peer;
	}
	if (!known || groups > electorate_f(authority_current(s->authority)))
		w->ever_misled = true;
}

static bool
has_forked(const struct sim *s, member_index m)
{
	const struct host *h = &s->hosts[m];

	return h->restored && (h->observed < 0 || truth_of(s, m)->forked);
}

void
feed_left(struct sim *s, const struct record *r)
{
	const struct entry_header *h = &r->header;
	bool excused;

	if (r->kind == ENTRY_PROOF && r->valid && truth_is_safe(s, r->subject) &&
	    !has_forked(s, r->subject))
		violated(s, 10, "n%u proves that n%u, who is honest, contradicted itself",
		    r->author, r->subject);
	if (!truth_is_safe(s, r->author))
		return;
	if (!r->valid)
		violated(s, 10, "n%u, who is honest, signed a %s that proves nothing", r->author,
		    entry_kind_text(r->kind));
	excused = may_repeat(s, ledger_at(s->ledger, r->author, h->incarnation, h->sequence));
	/* At its own sequence, and by the hashes that chain it to its neighbours. */
	for (uint64_t at = h->sequence - 1; at <= h->sequence + 1; at++) {
		const struct record *other = ledger_at(s->ledger, r->author, h->incarnation, at);

		if (other == NULL || !ledger_contradict(other, r))
			continue;
		if (!excused)
			violated(s, 10, "n%u, who is honest, signed a %s %" PRIu64 " and a %s %" PRIu64
			    " that contradict each other", r->author, entry_kind_text(other->kind), at,
			    entry_kind_text(r->kind), h->sequence);
		else if (r->author < s->count && s->hosts[r->author].observed >= 0)
			truth_of(s, r->author)->forked = true;
	}
}

void
feed_draft(struct sim *s, size_t host, const struct entry *e)
{
	const struct host *h = &s->hosts[host];
	struct core_view view;
	member_index subject;

	core_view(h->core, &view);
	if (e->kind != ENTRY_SELF_REPORT && !truth_of(s, host)->synced && !view.synced)
		violated(s, 8, "n%zu asks for a %s before its first sync", host,
		    entry_kind_text(e->kind));
	if (view.lost_state)
		violated(s, 10, "n%zu signs although it knows that it lost its state", host);
	if (e->kind != ENTRY_STATEMENT)
		return;
	subject = authority_find(s->authority, &e->statement.subject);
	if (subject == MEMBER_NONE || !truth_touched(s, h->member, subject, ACCUSED_WITHIN_MS))
		violated(s, 13, "n%zu accuses n%u, from whose address nobody touched its decoys",
		    host, subject);
}
