#include <stdlib.h>
#include <string.h>
#include "core/proof.h"
#include "core/state.h"

void
conviction_free(struct core *c)
{
	for (size_t i = 0; i < c->convictions.count; i++)
		free(c->convictions.list[i].bytes);
}

static bool
is_convicted(const struct core *c, member_index member)
{
	return peer_of(c, member)->incident.proof != NULL;
}

bool
conviction_proves_itself(enum entry_kind kind)
{
	return kind == ENTRY_CERTIFICATE || kind == ENTRY_PROOF || kind == ENTRY_RELEASE;
}

bool
conviction_silences(const struct core *c, member_index author, enum entry_kind kind)
{
	return is_convicted(c, author) && !conviction_proves_itself(kind);
}

/* ---- finding it --------------------------------------------------------------- */

/* Of a newest entry that came unproven, on its author's link: now it matters. */
static bool
is_proven(struct core *c, struct object *o)
{
	struct envelope envelope;
	member_index author;
	struct entry e;

	if (o->proven)
		return true;
	c->checks++;
	o->proven = envelope_parse(o->bytes, o->size_bytes, &envelope) == ERR_OK &&
	            entry_verify(c->crypto, c->roster, &envelope, &e, &author) == ERR_OK;
	if (!o->proven)
		objects_forget_newest(&c->objects, o->author, c->now_ms);
	return o->proven;
}

static bool
contradicts(struct core *c, struct object *o, const struct proof_place *place)
{
	struct proof_place held;

	if (o == NULL)
		return false;
	held = (struct proof_place){ &o->header, &o->hash };
	return proof_contradict(&held, place) && is_proven(c, o);
}

const struct object *
conviction_find(struct core *c, member_index author, const struct proof_place *place)
{
	uint64_t sequence = place->header->sequence - 1;
	struct object *o = c->objects.newest[author];

	if (contradicts(c, o, place))
		return o;
	for (unsigned i = 0; i < 3; i++) {
		o = objects_by_place(&c->objects, author, place->header->incarnation, sequence + i);
		if (contradicts(c, o, place))
			return o;
	}
	return NULL;
}

static void
want(struct core *c, const struct arrival *a, const struct object *o)
{
	struct convictions *all = &c->convictions;
	struct conviction *this = &all->list[all->count];

	for (size_t i = 0; i < all->count; i++)
		if (all->list[i].culprit == a->author)
			return;
	/* Without room or memory: both bodies are still out there, and meet again. */
	if (all->count == LIMIT_PENDING_PROOFS ||
	    (this->bytes = malloc(a->bytes.size_bytes + o->size_bytes)) == NULL)
		return;
	this->culprit = a->author;
	this->first_bytes = a->bytes.size_bytes;
	this->second_bytes = o->size_bytes;
	memcpy(this->bytes, a->bytes.data, a->bytes.size_bytes);
	memcpy(this->bytes + a->bytes.size_bytes, o->bytes, o->size_bytes);
	all->count++;
}

enum err
conviction_look(struct core *c, const struct arrival *a)
{
	struct proof_place place = { &a->entry.header, &a->hash };
	const struct object *o;

	/* What contradicts our own feed says that we lost state: sync_check_own(). */
	if (a->author == c->self || is_convicted(c, a->author) ||
	    (o = conviction_find(c, a->author, &place)) == NULL)
		return ERR_OK;
	want(c, a, o);
	conviction_pursue(c);
	return ERR_EQUIVOCATION;
}

/* ---- the Proof ------------------------------------------------------------------ */

static void
forget(struct convictions *all, size_t i)
{
	free(all->list[i].bytes);
	all->list[i] = all->list[--all->count];
}

/* False: it cannot be written, now or ever. */
static bool
write_proof(struct core *c, const struct conviction *this)
{
	struct entry e = { .kind = ENTRY_PROOF };
	struct span a = { this->bytes, this->first_bytes };
	struct span b = { this->bytes + this->first_bytes, this->second_bytes };

	if (proof_make(c->crypto, a, b, &e.proof) != ERR_OK)
		return false;
	/* Two that do not fit into one entry are refused and reported, as far as it goes. */
	if (this->first_bytes + this->second_bytes + PROOF_OVERHEAD_BYTES > LIMIT_BODY_BYTES)
		return false;
	(void)drafts_ask(c, &e, this->culprit, 0);
	return true;
}

void
conviction_pursue(struct core *c)
{
	struct convictions *all = &c->convictions;

	for (size_t i = all->count; i > 0; i--) {
		const struct conviction *this = &all->list[i - 1];

		if (is_convicted(c, this->culprit)) {
			forget(all, i - 1);
			continue;
		}
		if (!may_sign(c) || drafts_pending(c, ENTRY_PROOF, this->culprit, 0))
			continue;
		if (!write_proof(c, this))
			forget(all, i - 1);
	}
}

void
conviction_show(struct core *c, member_index culprit, member_index to)
{
	const struct convictions *all = &c->convictions;

	for (size_t i = 0; i < all->count && !may_sign(c); i++) {
		const struct conviction *this = &all->list[i];
		uint8_t *bytes;

		if (this->culprit != culprit ||
		    (bytes = actions_bytes(&c->outbox, this->second_bytes)) == NULL)
			continue;
		memcpy(bytes, this->bytes + this->first_bytes, this->second_bytes);
		actions_send(
		    &c->outbox, (struct span){ bytes, this->second_bytes }, to, MEMBER_NONE);
	}
}

enum err
conviction_check(struct core *c, const struct entry *e, bool own)
{
	member_index culprit;
	size_t checked;
	enum err err;

	err = proof_check(c->crypto, c->roster, &e->proof, &checked, &culprit);
	if (!own)
		c->checks += checked;
	return err;
}

/* ---- what follows ------------------------------------------------------------------ */

/* Out of tree, feed and memory goes what was worth the culprit's word. */
static void
silence(struct core *c, member_index culprit)
{
	size_t cursor = 0;
	void *value;

	objects_forget_newest(&c->objects, culprit, c->now_ms);
	while (map_next(c->objects.by_hash, &cursor, NULL, &value)) {
		struct object *o = value;

		if (o->author != culprit)
			continue;
		if (conviction_proves_itself(o->kind))
			objects_unplace(&c->objects, o);
		else
			prune_object(c, o);
	}
}

void
conviction_accept(struct core *c, struct object *o)
{
	member_index culprit = o->subject;
	struct peer *p = peer_of(c, culprit);

	p->incident.proof = o;
	if (!c->started)
		p->isolation.severed = true;
	else if (culprit != c->self)
		isolation_update(c, culprit);
	silence(c, culprit);
	rounds_made_final(c, culprit);
	indicators_silence(c, culprit);
	selfreport_judge(c, culprit);
	/* Whoever signs with our key, it is not ours alone any more. */
	if (culprit == c->self)
		sync_lost_state(c);
	if (!c->started)
		return;
	if (culprit == c->self) {
		isolation_update_lock(c);
		return;
	}
	/* It hears why, wherever it still runs honest software; then the mesh port closes as well. */
	if (o->author != c->self)
		actions_send(
		    &c->outbox, (struct span){ o->bytes, o->size_bytes }, culprit, MEMBER_NONE);
	isolation_sever_soon(c, culprit);
}
