/*
 * What an honest host takes in, asks for and holds, judged from its actions:
 *
 *  1: what is cut for a while is let go by the kernel in time; caps hold.
 *  5: what is accepted is handed to the disk; a release names what stands.
 *  6: who is condemned is severed, and locks itself.
 *  8: no vote while locked or with a clock that is off; first sync is asked of enough.
 *  9: nothing is taken twice, too late, or in a round or window that is not its own.
 * 14: no author and no link is without bounds.
 */
#include <inttypes.h>
#include <string.h>
#include "core/ballot.h"
#include "sim/invariants.h"
#include "sim/truth.h"

#define SEVER_WITHIN_MS 1000
#define AWAKE_MS        300 /* a host that took no step for so long stood still */
#define BUCKET          (LIMIT_ENTRIES_BURST + 5) /* of an author, some slack */
#define DOMAIN_ROOT     "phalanx/root/1"          /* as docs/protocol.md has it */
#define GROUPS          64

static bool
is_standing(enum entry_kind kind)
{
	return kind == ENTRY_SELF_REPORT || kind == ENTRY_PROOF || kind == ENTRY_CERTIFICATE ||
	       kind == ENTRY_RELEASE;
}

static bool
condemns(const struct record *r)
{
	return r->kind == ENTRY_PROOF ||
	       (r->kind == ENTRY_CERTIFICATE && r->level == LEVEL_QUARANTINE) ||
	       (r->kind == ENTRY_SELF_REPORT && r->report == SELF_REPORT_CONFESSION);
}

/* ---- what follows from what it accepted -------------------------------------------------- */

/* It has this now and nothing to object: it must act. */
static void
accepted(struct sim *s, size_t host, const struct record *r)
{
	struct given *g;

	if (!r->valid || r->subject == MEMBER_NONE)
		return;
	g = &truth_of(s, host)->given[r->subject];
	if (r->kind == ENTRY_CERTIFICATE && r->level == LEVEL_RELEASE && r->round >= g->over) {
		truth_released(g, r);
		g->over = r->round + 1;
		g->cut_ms = 0;
		if (!g->final && r->round >= g->condemned_round)
			g->sever_ms = g->condemned_ms = UINT64_MAX;
	}
	/* Its own, under way when the round ended: written, and no reason any more. */
	if (!condemns(r) || (r->kind == ENTRY_CERTIFICATE && r->round < g->over))
		return;
	g->final = g->final || r->kind != ENTRY_CERTIFICATE;
	g->held |= r->kind == ENTRY_CERTIFICATE ? REASON_CERTIFICATE
	           : r->kind == ENTRY_PROOF     ? REASON_PROOF
	                                        : REASON_CONFESSION;
	if (g->sever_ms == UINT64_MAX)
		g->sever_ms = s->now_ms + SEVER_WITHIN_MS;
	if (g->condemned_ms == UINT64_MAX)
		g->condemned_ms = s->now_ms;
	if (r->kind == ENTRY_CERTIFICATE && r->round > g->condemned_round)
		g->condemned_round = r->round;
}

static void
check_severed(struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];
	struct witnessed *w = truth_of(s, host);
	bool slept = w->stepped_ms + AWAKE_MS < s->now_ms;

	w->stepped_ms = s->now_ms;
	for (size_t i = 0; i < s->count; i++) {
		struct given *g = &w->given[i];

		if (g->sever_ms == UINT64_MAX)
			continue;
		if (i != h->member && truth_is_gone(s, host, (member_index)i)) {
			g->sever_ms = UINT64_MAX;
			g->over = 0;
			continue;
		}
		if (slept)
			g->sever_ms = s->now_ms + SEVER_WITHIN_MS;
		if (g->sever_ms > s->now_ms)
			continue;
		if ((i == h->member ? h->lock : (enum strength)h->kernel[i]) != STRENGTH_SEVER)
			violated(s, 6,
			    "n%zu knows for a second that n%zu is condemned, and its "
			    "mesh port is open",
			    host, i);
	}
}

/* ---- taking in ---------------------------------------------------------------------------- */

static void
check_age(struct sim *s, size_t host, const struct record *r)
{
	const struct witnessed *w = truth_of(s, host);
	uint64_t now_ms = host_unix_ms(s, &s->hosts[host]), time_ms = r->header.time_ms;
	bool direct = w->hears_directly && w->hears == r->author;

	if (time_ms + (direct ? LIMIT_FRESH_MS : LIMIT_RELAYED_MS) < now_ms ||
	    time_ms > now_ms + LIMIT_FRESH_MS)
		violated(s, 9, "n%zu takes a %s of n%u that is %" PRId64 " ms old", host,
		    entry_kind_text(r->kind), r->author, (int64_t)(now_ms - time_ms));
}

static void
check_order(struct sim *s, size_t host, const struct record *r, struct given *author)
{
	uint64_t bit = 1ULL << s->hosts[host].observed;
	struct core_member_view v;

	if ((r->kept & bit) != 0)
		violated(s, 9, "n%zu takes a %s of n%u twice", host, entry_kind_text(r->kind),
		    r->author);
	if (r->header.incarnation != author->incarnation) {
		author->incarnation = r->header.incarnation;
		author->newest = 0;
	}
	if (r->header.sequence + LIMIT_REPLAY_WINDOW <= author->newest)
		violated(s, 9, "n%zu takes sequence %" PRIu64 " of n%u after %" PRIu64, host,
		    r->header.sequence, r->author, author->newest);
	if (r->header.sequence > author->newest)
		author->newest = r->header.sequence;
	if (truth_is_safe(s, r->author))
		return;
	core_view_member(s->hosts[host].core, r->author, &v);
	for (const struct record *o = ledger_by(s->ledger, r->author); o != NULL && !v.proven;
	     o = o->next_by_author)
		if ((o->kept & bit) != 0 && o->header.incarnation == r->header.incarnation &&
		    o->header.sequence == r->header.sequence && !hash_equal(&o->hash, &r->hash))
			violated(s, 10, "n%zu takes two bodies of sequence %" PRIu64 " of n%u",
			    host, r->header.sequence, r->author);
}

static void
check_bucket(struct sim *s, size_t host, const struct record *r, struct given *author)
{
	uint64_t refilled = (s->now_ms - author->filled_ms) * LIMIT_ENTRIES_PER_S;

	author->taken = author->taken > refilled ? author->taken - refilled : 0;
	author->filled_ms = s->now_ms;
	author->taken += 1000;
	if (author->taken > BUCKET * 1000)
		violated(s, 14, "n%zu takes whatever n%u says", host, r->author);
}

/* Of a place of its feed that it spoke for itself, in this life, it takes nobody else's word. */
static void
check_own_place(struct sim *s, size_t host, const struct record *r)
{
	const struct witnessed *w = truth_of(s, host);
	uint64_t bit = 1ULL << s->hosts[host].observed;
	struct core_member_view v;

	core_view_member(s->hosts[host].core, r->author, &v);
	/*
	 * Convicted, its feed has no order; in another epoch its words are gone; and
	 * what it wrote by a clock that is off it refuses itself.
	 */
	if (v.proven || s->authority->epoch_count > 1 || w->jumped)
		return;
	for (const struct record *own = ledger_by(s->ledger, r->author); own != NULL;
	     own = own->next_by_author)
		if (own->kind == ENTRY_STATEMENT && (own->kept & bit) != 0 &&
		    own->header.incarnation == r->header.incarnation &&
		    own->header.sequence == r->header.sequence &&
		    !hash_equal(&own->hash, &r->hash) &&
		    own->round >= w->given[own->subject].over &&
		    own->born_ms + LIMIT_RELAYED_MS / 2 > s->now_ms)
			violated(s, 10,
			    "n%zu takes another body for sequence %" PRIu64 " of its own", host,
			    r->header.sequence);
}

/* Its own feed went further once; what it wrote then it may take, or only remember as said. */
static void
own_came_back(struct sim *s, size_t host, const struct record *r)
{
	struct core_member_view v;

	if (!r->valid || r->subject == MEMBER_NONE)
		return;
	core_view_member(s->hosts[host].core, r->subject, &v);
	if (condemns(r) ? v.certified || v.confessed || v.proven : v.round > r->round)
		accepted(s, host, r);
}

void
admission_kept(struct sim *s, size_t host, struct span bytes, bool standing)
{
	struct record *r = ledger_enter(s->ledger, bytes, s->now_ms);
	struct witnessed *w = truth_of(s, host);
	uint64_t window;

	if (r != NULL && r->author == s->hosts[host].member) {
		check_own_place(s, host, r);
		own_came_back(s, host, r);
		return;
	}
	if (r == NULL || !r->signed_well)
		violated(s, 4, "n%zu takes an entry that its author did not sign", host);
	if (!r->valid)
		violated(s, 4, "n%zu takes a %s of n%u that proves nothing", host,
		    entry_kind_text(r->kind), r->author);
	if (standing != is_standing(r->kind))
		violated(s, 5, "n%zu keeps a %s as what it is not", host, entry_kind_text(r->kind));
	if (!is_standing(r->kind)) {
		check_bucket(s, host, r, &w->given[r->author]);
		check_age(s, host, r);
		check_order(s, host, r, &w->given[r->author]);
		if (r->kind != ENTRY_INDICATOR && r->round < w->given[r->subject].over)
			violated(s, 9, "n%zu takes a %s of round %" PRIu32 " of n%u, which is over",
			    host, entry_kind_text(r->kind), r->round, r->subject);
	}
	window = ballot_window(r->header.time_ms);
	if (r->kind == ENTRY_VERDICT && (r->window > window + 1 || r->window + 1 < window))
		violated(s, 9, "n%zu takes a ballot of window %" PRIu64 " in %" PRIu64, host,
		    r->window, window);
	r->kept |= 1ULL << s->hosts[host].observed;
	accepted(s, host, r);
}

void
admission_own(struct sim *s, size_t host, struct record *r)
{
	if (is_standing(r->kind) || r->kind == ENTRY_STATEMENT)
		r->kept |= 1ULL << s->hosts[host].observed;
	accepted(s, host, r);
}

/* ---- what it says of itself ------------------------------------------------------------- */

static void
check_first_sync(struct sim *s, size_t host)
{
	const struct fabric_host *net = &s->fabric.hosts[host];
	const struct witnessed *w = truth_of(s, host);
	const struct host *h = &s->hosts[host];
	uint64_t incarnation = roster_member(h->known, h->member)->incarnation;
	member_index found[GROUPS];
	size_t groups = 0, unequal = 0;
	struct core_view view;

	/* Between two entries of one message it may have held what they hold. */
	if (w->many_ms == s->now_ms)
		return;
	core_view(s->hosts[host].core, &view);
	for (size_t i = 0; i < net->link_count && groups < GROUPS; i++) {
		member_index peer = s->hosts[net->peers[i]].member;
		size_t g = 0;

		if (w->given[peer].told_root != view.root ||
		    (w->given[peer].told_later == incarnation && !view.lost_state)) {
			unequal +=
			    w->given[peer].told_root != 0 && s->fabric.links[net->links[i]].up;
			continue;
		}
		while (g < groups && memcmp(s->authority->members[found[g]].group,
		                         s->authority->members[peer].group, 16) != 0)
			g++;
		if (g == groups)
			found[groups++] = peer;
	}
	if (s->count <= LIMIT_FULL_MESH && unequal > 0 &&
	    groups <= electorate_f(authority_epoch(s->authority, truth_epoch(s, host))))
		violated(s, 8,
		    "n%zu ends its first sync with %zu groups that hold the same, and "
		    "%zu peers that do not",
		    host, groups, unequal);
}

void
admission_notice(struct sim *s, size_t host, const struct core_action *a)
{
	const struct host *h = &s->hosts[host];
	const struct record *r;

	if (a->notice.notice == NOTICE_FIRST_SYNC && a->notice.error == ERR_OK)
		check_first_sync(s, host);
	if (a->notice.notice == NOTICE_REFUSED && a->notice.error == ERR_SIGNATURE &&
	    a->notice.peer < s->count &&
	    ++truth_of(s, host)->given[a->notice.peer].bad_signatures > LIMIT_BAD_SIGNATURES)
		violated(s, 14, "n%zu hears n%u, who brings one bad signature after the other",
		    host, a->notice.peer);
	if (a->notice.notice == NOTICE_REFUSED || a->notice.object.size_bytes == 0 ||
	    a->notice.peer == h->member || h->starting ||
	    (r = ledger_enter(s->ledger, a->notice.object, s->now_ms)) == NULL ||
	    r->author == h->member)
		return;
	if ((r->kept >> h->observed & 1) == 0)
		violated(s, 5, "n%zu acts on a %s of n%u and does not keep it", host,
		    entry_kind_text(r->kind), r->author);
}

void
admission_link(struct sim *s, size_t host, member_index peer)
{
	if (s->hosts[host].observed < 0)
		return;
	truth_of(s, host)->given[peer].bad_signatures = 0;
	truth_of(s, host)->given[peer].told_root = 0;
	truth_of(s, host)->given[peer].told_later = 0;
}

/* A peer's word on how far the host's own feed goes. */
static void
hear_claim(struct sim *s, size_t host, size_t from, const struct feed_head *head)
{
	const struct disk *disk = &s->hosts[host].disk;

	truth_of(s, host)->given[s->hosts[from].member].told_later =
	    head->incarnation == disk->incarnation && head->sequence > disk->sequence
	        ? head->incarnation
	        : 0;
}

void
admission_delivered(struct sim *s, size_t host, size_t from, const struct payload *p)
{
	struct witnessed *w = truth_of(s, host);
	uint64_t *root = &w->given[s->hosts[from].member].told_root;
	uint8_t digests[LIMIT_SYNC_BUCKETS * 8];
	struct envelope envelope;
	struct hash hash;
	struct entry e;

	for (size_t i = 0; i < p->record_count; i++)
		if (p->records[i]->valid && p->records[i]->subject != MEMBER_NONE)
			w->given[p->records[i]->subject].grounds_ms = s->now_ms;
	w->hears = s->hosts[from].member;
	w->hears_directly = false;
	if (p->record_count > 1)
		w->many_ms = s->now_ms;
	if (envelope_parse(p->bytes, p->size_bytes, &envelope) != ERR_OK)
		return;
	w->hears_directly = envelope.is_signed;
	if (w->synced || envelope.is_signed || entry_decode(envelope.body, &e) != ERR_OK)
		return;
	if (e.kind == ENTRY_HELLO) {
		*root = e.hello.root;
		hear_claim(s, host, from, &e.hello.yours);
	} else if (e.kind == ENTRY_PING) {
		*root = e.ping.root;
		for (size_t i = 0; i < e.ping.head_count; i++)
			if (authority_find(s->authority, &e.ping.heads[i].author) ==
			    s->hosts[host].member)
				hear_claim(s, host, from, &e.ping.heads[i]);
	} else if (e.kind == ENTRY_SYNC_BUCKETS) {
		for (size_t i = 0; i < sizeof(digests); i++)
			digests[i] = (uint8_t)(e.sync_buckets.digests[i / 8] >> (56 - i % 8 * 8));
		s->keys.crypto->sha256(
		    s->keys.crypto->context, DOMAIN_ROOT, digests, sizeof(digests), &hash);
		*root = 0;
		for (size_t i = 0; i < 8; i++)
			*root = *root << 8 | hash.bytes[i];
	}
}

/* ---- what it wants to sign ----------------------------------------------------------------- */

/* Some request of an operator that reached it names just what stands here. */
static void
check_release(struct sim *s, size_t host, member_index subject)
{
	struct core_member_view v;

	if (truth_of(s, host)->given[subject].grounds_ms == s->now_ms &&
	    truth_of(s, host)->many_ms == s->now_ms)
		return;
	core_view_member(s->hosts[host].core, subject, &v);
	for (const struct record *r = ledger_about(s->ledger, subject, SHELF_RELEASE); r != NULL;
	     r = r->next) {
		struct envelope envelope;
		struct entry e;

		if ((r->reached >> s->hosts[host].observed & 1) == 0 || r->round != v.round ||
		    envelope_parse(r->bytes->bytes, r->bytes->size_bytes, &envelope) != ERR_OK ||
		    entry_decode(envelope.body, &e) != ERR_OK)
			continue;
		if (e.release.names_certificate == v.has_certificate &&
		    (!v.has_certificate || hash_equal(&e.release.certificate, &v.certificate)) &&
		    e.release.sequence == v.report_sequence &&
		    (v.report_sequence == 0 || e.release.incarnation == v.report_incarnation))
			return;
	}
	violated(s, 5, "n%zu votes to release n%u from what no operator named", host, subject);
}

void
admission_draft(struct sim *s, size_t host, const struct entry *e)
{
	const struct host *h = &s->hosts[host];
	struct core_member_view v;
	struct core_view view;
	member_index subject;

	core_view(h->core, &view);
	if (e->kind == ENTRY_SELF_REPORT) {
		core_view_member(h->core, h->member, &v);
		if (e->self_report.kind == SELF_REPORT_PRECAUTION && v.precaution_stands &&
		    v.round == e->self_report.round)
			violated(s, 10, "n%zu reports itself again", host);
		return;
	}
	if (view.clock_off)
		violated(s, 8, "n%zu asks for a %s with a clock that is off", host,
		    entry_kind_text(e->kind));
	if (e->kind == ENTRY_VERDICT && (h->lock != STRENGTH_NONE || view.locked != STRENGTH_NONE))
		violated(s, 8, "n%zu votes while it is locked", host);
	if (e->kind == ENTRY_VERDICT && e->verdict.level == LEVEL_RELEASE &&
	    (subject = authority_find_node(s->authority, &e->verdict.subject)) != MEMBER_NONE)
		check_release(s, host, subject);
}

/* ---- what is in force ------------------------------------------------------------------------ */

void
admission_enforced(struct sim *s, size_t host, const struct core_action *a)
{
	struct given *g = &truth_of(s, host)->given[a->enforce.subject];

	g->expires_ms = a->enforce.expires_ms;
	/* It has to hear why before its mesh port closes; what came back from an old disk aside. */
	if (a->enforce.strength == STRENGTH_SEVER && !s->hosts[host].starting &&
	    !s->hosts[host].restored &&
	    (g->condemned_ms == UINT64_MAX ||
	        (g->condemned_ms != 0 && g->condemned_ms + LIMIT_SEVER_DELAY_MS / 2 > s->now_ms)))
		violated(s, 6, "n%zu severs n%u before that can have heard why", host,
		    a->enforce.subject);
}

void
admission_step(struct sim *s, size_t host)
{
	struct witnessed *w = truth_of(s, host);
	const struct host *h = &s->hosts[host];
	const struct electorate *e;
	size_t precautions = 0, cuts = 0, restricted = 0, limit, cap;
	struct core_view view;

	if (h->core == NULL)
		return;
	check_severed(s, host);
	if (!h->dirty || s->count > SUSPECTS_MAX)
		return;
	core_view(h->core, &view);
	e = authority_epoch(s->authority, view.epoch);
	limit = e->head_count / 3 > 0 ? e->head_count / 3 : 1;
	cap = e->head_count / 20 > 0 ? e->head_count / 20 : 1;
	/* What was cut while there were more heads runs out by itself. */
	if (w->local_cap < (e->head_count - 1) / 2)
		w->local_cap = (e->head_count - 1) / 2;
	for (size_t i = 0; i < s->count; i++) {
		struct core_member_view v;

		core_view_member(h->core, (member_index)i, &v);
		precautions += v.precaution_stands;
		if (i == h->member || v.status == STATUS_QUARANTINED)
			continue;
		if (h->kernel[i] == STRENGTH_CUT &&
		    (w->given[i].expires_ms == 0 || w->given[i].expires_ms > LIMIT_LOCAL_CUT_MS))
			violated(s, 1, "n%zu cuts n%zu, who is not quarantined, without an end",
			    host, i);
		restricted += v.restricted;
		if (v.restricted && !w->given[i].restricted)
			restrict_begins(s, host, (member_index)i);
		w->given[i].restricted = v.restricted;
		cuts += h->kernel[i] >= STRENGTH_CUT && !v.restricted;
	}
	/* Those of other days stand beside them. */
	if (precautions > limit && s->now_ms < LIMIT_PRECAUTION_MS)
		violated(s, 1, "n%zu lets %zu precautions stand", host, precautions);
	if (restricted > cap)
		violated(s, 1, "n%zu restricts %zu members", host, restricted);
	if (cuts > w->local_cap)
		violated(s, 1, "n%zu leaves the mesh: its own eyes cut %zu members", host, cuts);
}

void
admission_booted(struct sim *s, size_t host)
{
	struct witnessed *w = truth_of(s, host);
	uint64_t bit = 1ULL << s->hosts[host].observed;

	for (size_t i = 0; i < s->ledger->count; i++)
		s->ledger->all[i]->kept &= ~bit;
	for (size_t i = 0; i < s->hosts[host].disk.count; i++) {
		const struct payload *p = s->hosts[host].disk.lines[i].bytes;
		struct record *r =
		    ledger_enter(s->ledger, (struct span){ p->bytes, p->size_bytes }, s->now_ms);

		if (is_standing(r->kind))
			r->kept |= bit;
		if (r->valid && r->kind == ENTRY_CERTIFICATE && r->level == LEVEL_QUARANTINE &&
		    r->round > w->given[r->subject].condemned_round)
			w->given[r->subject].condemned_round = r->round;
	}
	for (size_t i = 0; i < s->authority->count; i++) {
		struct given *g = &w->given[i];

		g->sever_ms = UINT64_MAX;
		g->final = (g->held & REASONS_FINAL) != 0;
		/* What is on the disk is in force at full strength at once. */
		g->condemned_ms = (g->held & REASONS_CONDEMN) != 0 ? 0 : UINT64_MAX;
		g->incarnation = g->newest = g->taken = g->filled_ms = g->told_root = 0;
		g->bad_signatures = 0;
		g->restricted = false;
		g->restrict_ms = 0;
	}
	w->local_cap = 0;
	w->stepped_ms = s->now_ms;
}
