#include <stdlib.h>
#include <string.h>
#include "core/state.h"

static uint32_t
voters_needed(const struct epoch *epoch)
{
	size_t heads = epoch_heads(epoch), voters = 2;
	member_index subject = epoch_head_at(epoch, 0);

	while (voters < heads && !epoch_is_quorum(epoch, subject, voters, epoch_weight(epoch)))
		voters++;
	return (uint32_t)voters;
}

void
epochs_adopt(struct core *c)
{
	const struct epoch *epoch = current_epoch(c);
	uint32_t threshold = epoch_parameters(epoch)->threshold;

	c->threshold = threshold > c->config.threshold ? threshold : c->config.threshold;
	c->needed = voters_needed(epoch);
	c->nodes = 0;
	for (size_t i = 0; i < c->member_count; i++)
		c->nodes += epoch_has(epoch, (member_index)i);
}

/* ---- growth ----------------------------------------------------------------------- */

/* The same log, and perhaps more. */
static bool
extends(const struct core *c, const struct roster *next)
{
	struct span old = roster_records(c->roster), all = roster_records(next);

	return all.size_bytes >= old.size_bytes && memcmp(old.data, all.data, old.size_bytes) == 0;
}

/* An array by member, its new part zeroed; as it was when there is no memory. */
static bool
enlarge(void **array, size_t old_count, size_t count, size_t item_bytes)
{
	uint8_t *grown = reallocarray(*array, count, item_bytes);

	if (grown == NULL)
		return false;
	memset(grown + old_count * item_bytes, 0, (count - old_count) * item_bytes);
	*array = grown;
	return true;
}

#define ENLARGE(array, old_count, count) \
	enlarge((void **)&(array), old_count, count, sizeof(*(array)))

/* New members' pages, in one piece behind those that are there and stay where they are. */
static enum err
add_pages(struct core *c, size_t members)
{
	size_t count = (members + PEERS_A_PAGE - 1) / PEERS_A_PAGE;
	struct peer *pages;

	if (count <= c->page_count)
		return ERR_OK;
	if (!ENLARGE(c->pages, c->page_count, count) ||
	    !ENLARGE(c->page_blocks, c->page_block_count, c->page_block_count + 1))
		return ERR_NOMEM;
	/* In one piece: a header in front of each page would touch them all. */
	pages = calloc(count - c->page_count, PEERS_A_PAGE * sizeof(*pages));
	if (pages == NULL)
		return ERR_NOMEM;
	c->page_blocks[c->page_block_count++] = pages;
	for (; c->page_count < count; pages += PEERS_A_PAGE)
		c->pages[c->page_count++] = pages;
	return ERR_OK;
}

enum err
epochs_make_room(struct core *c, size_t members)
{
	size_t old = c->member_count;
	enum err err;

	if ((err = add_pages(c, members)) != ERR_OK)
		return err;
	if (!ENLARGE(c->link_macs, old, members) || !ENLARGE(c->scratch, old, members))
		return ERR_NOMEM;
	return objects_grow(&c->objects, members);
}

/* ---- what changes ----------------------------------------------------------------- */

/* An incarnation counts its feed from 1: what the earlier one said is behind it. */
static void
renew(struct core *c, const struct roster *old, member_index m)
{
	if (roster_member(old, m)->incarnation == member_of(c, m)->incarnation)
		return;
	memset(&peer_of(c, m)->author.replay, 0, sizeof(struct replay));
	if (m != c->self)
		return;
	c->own_sequence = 0;
	c->own_hash = (struct hash){ { 0 } };
	c->lost_state = peer_of(c, m)->incident.proof != NULL;
}

/* Whoever left the mesh has no links. */
static void
part(struct core *c)
{
	for (size_t i = 0; i < c->near.count; i++) {
		member_index peer = c->near.list[i];

		if (peer_of(c, peer)->link.up && !epoch_has(current_epoch(c), peer))
			links_refuse(c, peer);
	}
}

static void
cross(struct core *c)
{
	struct core_action *a;

	epochs_adopt(c);
	part(c);
	if (c->started) {
		a = actions_notice(&c->outbox, NOTICE_EPOCH, MEMBER_NONE);
		a->notice.needed = c->needed;
	}
	ballots_epoch_changed(c);
	isolation_update_all(c);
	isolation_update_lock(c);
	sync_evaluate(c);
}

void
epochs_extend(struct core *c, const struct roster *next)
{
	const struct roster *old = c->roster;
	size_t before = c->member_count, members = roster_count(next);
	uint64_t incarnation = member_of(c, c->self)->incarnation;
	struct core_action *a;
	enum err err = ERR_RANGE;

	if (!extends(c, next) || (err = epochs_make_room(c, members)) != ERR_OK) {
		a = actions_notice(&c->outbox, NOTICE_REFUSED, MEMBER_NONE);
		a->notice.error = err;
		return;
	}
	c->roster = c->config.roster = next;
	c->member_count = members;
	for (size_t i = 0; i < before; i++)
		renew(c, old, (member_index)i);
	/* A newcomer's address is nobody's outside any more. */
	isolation_spare_members(c);
	indicators_roster_changed(c);
	prune_roster_changed(c);
	if (epoch_number(roster_current(old)) != epoch_number(current_epoch(c)))
		cross(c);
	else
		isolation_update_all(c);
	records_grown(c);
	/* What was left unsaid for want of a whole feed. */
	if (c->started && member_of(c, c->self)->incarnation != incarnation) {
		selfreport_pursue(c);
		vote_pursue_all(c);
	}
}
