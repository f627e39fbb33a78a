#include <string.h>
#include "core/state.h"

#define EXCHANGE_COST 64 /* signature checks that answering one costs the link that asks */
#define GROUPS_MAX    33 /* f + 1 at most */

/* ---- exchange --------------------------------------------------------------------- */

static void
send_buckets(struct core *c, member_index to, bool answer)
{
	struct entry e = { .kind = ENTRY_SYNC_BUCKETS };

	e.header.mesh = *roster_mesh(c->roster);
	e.sync_buckets.answer = answer;
	objects_digests(&c->objects, e.sync_buckets.digests);
	peer_of(c, to)->link.exchange_ms = c->now_ms;
	(void)actions_send_link_message(&c->outbox, &e, to);
}

void
sync_exchange(struct core *c, member_index with)
{
	if (peer_of(c, with)->link.up)
		send_buckets(c, with, true);
}

/* At once on a mismatch, but not on every message that shows the same one. */
static void
exchange_soon(struct core *c, member_index with)
{
	const struct link *link = &peer_of(c, with)->link;

	if (link->exchange_ms == 0 || c->now_ms - link->exchange_ms >= LIMIT_SYNC_AGAIN_MS)
		sync_exchange(c, with);
}

void
sync_root(struct core *c, member_index from, uint64_t root)
{
	struct link *link = &peer_of(c, from)->link;

	link->root_known = true;
	link->root = root;
	if (root != objects_root(&c->objects))
		exchange_soon(c, from);
	sync_evaluate(c);
}

struct batch {
	struct entry entry;
	size_t size_bytes;
	size_t messages;
};

static void
flush(struct core *c, struct batch *b, member_index to)
{
	if (b->entry.sync_items.count == 0)
		return;
	(void)actions_send_link_message(&c->outbox, &b->entry, to);
	b->entry.sync_items.count = 0;
	b->size_bytes = 0;
	b->messages++;
}

/* False: it belongs into the next answer. */
static bool
add(struct core *c, struct batch *b, member_index to, const struct object *o)
{
	struct sync_items *items = &b->entry.sync_items;

	if (items->count == LIMIT_SYNC_ITEMS || b->size_bytes + o->size_bytes > LIMIT_SYNC_BYTES)
		flush(c, b, to);
	if (b->messages == LIMIT_SYNC_MESSAGES)
		return false;
	items->items[items->count++] = (struct span){ o->bytes, o->size_bytes };
	b->size_bytes += o->size_bytes;
	return true;
}

/* What the peer may lack, beginning where the last answer ended. */
static void
send_differing(struct core *c, member_index to, const uint64_t theirs[LIMIT_SYNC_BUCKETS],
    const uint64_t ours[LIMIT_SYNC_BUCKETS])
{
	struct link *link = &peer_of(c, to)->link;
	struct batch batch = { .entry = { .kind = ENTRY_SYNC_ITEMS } };

	batch.entry.header.mesh = *roster_mesh(c->roster);
	for (size_t i = 0; i < LIMIT_SYNC_BUCKETS; i++) {
		const struct bucket *bucket = &c->objects.buckets[link->next_bucket];
		size_t count =
		    theirs[link->next_bucket] == ours[link->next_bucket] ? 0 : bucket->count;

		for (; link->next_item < count; link->next_item++)
			if (!add(c, &batch, to, bucket->list[link->next_item]))
				return;
		link->next_bucket = (link->next_bucket + 1) % LIMIT_SYNC_BUCKETS;
		link->next_item = 0;
	}
	flush(c, &batch, to);
}

void
sync_buckets(struct core *c, member_index from, const struct sync_buckets *b)
{
	struct link *link = &peer_of(c, from)->link;
	uint64_t ours[LIMIT_SYNC_BUCKETS];

	if (!budget_take(
	        &link->checks, c->now_ms, EXCHANGE_COST, LIMIT_CHECKS_PER_S, LIMIT_CHECKS_BURST))
		return;
	link->root_known = true;
	link->root = objects_root_of(&c->objects, b->digests);
	objects_digests(&c->objects, ours);
	if (memcmp(ours, b->digests, sizeof(ours)) != 0) {
		send_differing(c, from, b->digests, ours);
		if (b->answer)
			send_buckets(c, from, false);
	}
	sync_evaluate(c);
}

void
sync_items(struct core *c, member_index from, const struct sync_items *items)
{
	const struct link *link = &peer_of(c, from)->link;
	uint64_t before = objects_root(&c->objects);

	/* What finds no room in this step is offered again. */
	for (size_t i = 0; i < items->count && actions_have_room(&c->outbox, 16); i++)
		receive_item(c, from, items->items[i]);
	if (objects_root(&c->objects) == before)
		return;
	/* Something was new: say where we stand now, and go on while it helps. */
	links_announce(c, from);
	if (link->root_known && link->root != objects_root(&c->objects))
		sync_exchange(c, from);
	sync_evaluate(c);
}

void
sync_tick(struct core *c)
{
	const struct object *own = objects_newest(&c->objects, c->self);
	member_index start = (member_index)prng_below(&c->prng, c->member_count);
	size_t first = members_from(&c->near, start);

	sync_evaluate(c);
	if (c->unpublished && own != NULL)
		actions_send(&c->outbox, (struct span){ own->bytes, own->size_bytes }, MEMBER_NONE,
		    MEMBER_NONE);
	c->unpublished = false;
	if (c->now_ms < c->next_exchange_ms)
		return;
	c->next_exchange_ms =
	    c->now_ms + LIMIT_SYNC_MS * 3 / 4 + prng_below(&c->prng, LIMIT_SYNC_MS / 2);
	for (size_t i = 0; i < c->near.count; i++) {
		member_index peer = c->near.list[(first + i) % c->near.count];

		if (peer_of(c, peer)->link.up) {
			sync_exchange(c, peer);
			return;
		}
	}
}

/* ---- first sync --------------------------------------------------------------------- */

static void
complete(struct core *c, enum err err)
{
	struct core_action *a;

	c->synced = true;
	isolation_update_all(c);
	a = actions_notice(&c->outbox, NOTICE_FIRST_SYNC, c->self);
	a->notice.error = err;
	selfreport_pursue(c);
	vote_pursue_all(c);
}

static bool
is_equal(struct core *c, const struct link *link)
{
	return link->root_known && !link->claims_later && link->root == objects_root(&c->objects);
}

/* How many enrolment groups, f + 1 at most, have our root; *all: every link that is up has. */
static size_t
equal_groups(struct core *c, size_t wanted, size_t *linked, bool *all)
{
	member_index found[GROUPS_MAX];
	size_t groups = 0;

	*linked = 0;
	*all = true;
	for (size_t i = 0; i < c->near.count && groups < wanted; i++) {
		member_index peer = c->near.list[i];
		const struct link *link = &peer_of(c, peer)->link;
		size_t g = 0;

		/* Whoever left the mesh has a link until it is closed, and no word. */
		if (!link->up || !epoch_has(current_epoch(c), peer))
			continue;
		++*linked;
		if (!is_equal(c, link)) {
			*all = false;
			continue;
		}
		while (
		    g < groups && memcmp(member_of(c, found[g])->group, member_of(c, peer)->group,
		                      sizeof(member_of(c, 0)->group)) != 0)
			g++;
		if (g == groups)
			found[groups++] = peer;
	}
	return groups;
}

/*
 * So many cannot all be lying.  A member of a large mesh has fewer neighbours
 * than f + 1; nobody chose them, so more than half of them will do.
 */
static size_t
groups_wanted(const struct core *c)
{
	size_t wanted = epoch_f(current_epoch(c)) + 1;

	return is_full_mesh(c) || wanted <= LIMIT_RINGS ? wanted : LIMIT_RINGS + 1;
}

void
sync_evaluate(struct core *c)
{
	size_t wanted = groups_wanted(c), linked, groups;
	bool all;

	if (!c->started || c->synced)
		return;
	groups = equal_groups(c, wanted, &linked, &all);
	if (groups >= wanted || c->nodes <= 1) {
		complete(c, ERR_OK);
		return;
	}
	if (linked == 0 || !all)
		c->unequal_ms = c->now_ms;
	else if (c->now_ms - c->unequal_ms >= LIMIT_SYNC_SETTLE_MS) {
		complete(c, ERR_OK);
		return;
	}
	if (c->now_ms - c->started_ms >= LIMIT_FIRST_SYNC_MS)
		complete(c, ERR_AGAIN);
}

/* ---- our own feed's head --------------------------------------------------------------- */

void
sync_lost_state(struct core *c)
{
	struct core_action *a;

	if (c->lost_state)
		return;
	c->lost_state = true;
	drafts_withdraw(c);
	a = actions_notice(&c->outbox, NOTICE_LOST_STATE, c->self);
	a->notice.error = ERR_EQUIVOCATION;
}

void
sync_claim(struct core *c, member_index from, const struct feed_head *yours)
{
	struct link *link = &peer_of(c, from)->link;

	/* Unsigned, so no proof: but until it is settled, this peer does not confirm us. */
	link->claims_later =
	    !c->lost_state && yours->sequence != 0 &&
	    yours->incarnation == member_of(c, c->self)->incarnation &&
	    (yours->sequence > c->own_sequence ||
	        (yours->sequence == c->own_sequence && !hash_equal(&yours->hash, &c->own_hash)));
}

/*
 * What we hold of this author that its holder should see: another body for
 * that sequence, and, where the author itself is behind, its newest.
 */
static const struct object *
other_than(const struct core *c, member_index author, const struct feed_head *theirs, bool behind)
{
	const struct object *newest = objects_newest(&c->objects, author), *same;

	if (newest == NULL)
		return NULL;
	same = newest->header.sequence == theirs->sequence
	           ? newest
	           : objects_by_place(&c->objects, author, theirs->incarnation, theirs->sequence);
	if (same != NULL && same->header.incarnation == theirs->incarnation &&
	    !hash_equal(&theirs->hash, &same->hash))
		return same;
	if (!behind || theirs->incarnation > newest->header.incarnation)
		return NULL;
	return theirs->incarnation < newest->header.incarnation ||
	               theirs->sequence < newest->header.sequence
	           ? newest
	           : NULL;
}

/* One entry that contradicts what the peer holds, or is later: not with every message. */
static void
show(struct core *c, member_index to, const struct object *o)
{
	struct link *link = &peer_of(c, to)->link;
	struct entry e = { .kind = ENTRY_SYNC_ITEMS };

	if (!link->up ||
	    (link->served_ms != 0 && c->now_ms - link->served_ms < LIMIT_SYNC_SETTLE_MS))
		return;
	link->served_ms = c->now_ms;
	e.header.mesh = *roster_mesh(c->roster);
	e.sync_items.items[0] = (struct span){ o->bytes, o->size_bytes };
	e.sync_items.count = 1;
	(void)actions_send_link_message(&c->outbox, &e, to);
}

void
sync_serve_head(struct core *c, member_index to, const struct feed_head *theirs)
{
	member_index author = roster_find_id(c->roster, &theirs->author);
	const struct object *shown;

	if (author == MEMBER_NONE || author == c->self ||
	    (shown = other_than(c, author, theirs, author == to)) == NULL)
		return;
	/* What nobody proved is shown to its author alone. */
	if (author == to || shown->proven)
		show(c, to, shown);
}

void
sync_check_own(
    struct core *c, member_index from, const struct entry_header *header, const struct hash *hash)
{
	struct proof_place place = { header, hash };
	const struct object *ours;

	/* An earlier incarnation may have lost whatever it did. */
	if (header->incarnation != member_of(c, c->self)->incarnation)
		return;
	ours = conviction_find(c, c->self, &place);
	if (header->sequence > c->own_sequence ||
	    (header->sequence == c->own_sequence && !hash_equal(hash, &c->own_hash)) ||
	    ours != NULL)
		sync_lost_state(c);
	/* Both were signed with our key: who has one must see the other, even if it convicts us. */
	if (ours != NULL && from != MEMBER_NONE)
		show(c, from, ours);
}
