#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "core/objects.h"
#include "core/proof.h"

#define PLACE_BYTES       18
#define KEY_BYTES         (1 + 16 + 16 + 4 + 1 + 8 + 8 + 8)
#define DOMAIN_BUCKET     "phalanx/bucket/1"
#define DOMAIN_ROOT       "phalanx/root/1"
#define STATEMENT_SLOT_MS (LIMIT_GROUNDS_MS / 2)

enum err
objects_new(struct objects *s, const struct crypto *crypto, uint64_t seed)
{
	enum err err;

	s->crypto = crypto;
	s->root_stale = true;
	s->buckets = calloc(LIMIT_SYNC_BUCKETS, sizeof(*s->buckets));
	if (s->buckets == NULL)
		return ERR_NOMEM;
	if ((err = map_new(sizeof(struct hash), seed, &s->by_hash)) != ERR_OK)
		return err;
	if ((err = map_new(PLACE_BYTES, seed, &s->by_place)) != ERR_OK)
		return err;
	return map_new(sizeof(struct hash), seed, &s->by_key);
}

enum err
objects_grow(struct objects *s, size_t members)
{
	struct object **newest = reallocarray(s->newest, members, sizeof(struct object *));
	uint32_t *held;

	if (newest == NULL)
		return ERR_NOMEM;
	s->newest = newest;
	if ((held = reallocarray(s->held, members, sizeof(*held))) == NULL)
		return ERR_NOMEM;
	s->held = held;
	for (; s->member_count < members; s->member_count++) {
		newest[s->member_count] = NULL;
		held[s->member_count] = 0;
	}
	return ERR_OK;
}

void
objects_free(struct objects *s)
{
	size_t cursor = 0;
	void *value;

	/* The newest of an author need not be indexed; what is indexed is freed below. */
	for (size_t i = 0; s->newest != NULL && i < s->member_count; i++)
		if (s->newest[i] != NULL && !s->newest[i]->indexed)
			free(s->newest[i]);
	while (s->by_hash != NULL && map_next(s->by_hash, &cursor, NULL, &value))
		free(value);
	objects_sweep(s);
	map_free(s->by_hash);
	map_free(s->by_place);
	map_free(s->by_key);
	for (size_t i = 0; s->buckets != NULL && i < LIMIT_SYNC_BUCKETS; i++)
		free(s->buckets[i].list);
	free(s->buckets);
	free(s->newest);
	members_free(&s->authors);
	free(s->held);
}

void
objects_sweep(struct objects *s)
{
	struct object *next;

	for (; s->dropped != NULL; s->dropped = next) {
		next = s->dropped->next;
		free(s->dropped);
	}
}

static uint8_t *
put_integer(uint8_t *at, uint64_t value, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		at[i] = (uint8_t)(value >> 8 * (size_bytes - 1 - i));
	return at + size_bytes;
}

static uint8_t *
put_id(uint8_t *at, const struct node_id *id)
{
	memcpy(at, id->bytes, sizeof(id->bytes));
	return at + sizeof(id->bytes);
}

/*
 * kind || author || subject || round || level || epoch || a || b, where a and
 * b tell apart what one author may say about one subject: a statement's class
 * and the five minutes it falls in, a verdict's window, a self-report's
 * or an operator's request's incarnation and sequence.  A certificate is the
 * same whoever assembled it: only its ballot counts, and epoch is that
 * ballot's.  Of two Proofs against one subject the other says nothing more.
 */
static size_t
key_fields(const struct entry *e, uint8_t out[KEY_BYTES])
{
	static const struct node_id none;
	const struct node_id *author = &e->header.author, *subject = &none;
	uint64_t round = 0, level = 0, epoch = e->header.epoch, a = 0, b = 0;
	struct node_id accused;
	uint8_t *at = out;

	switch (e->kind) {
	case ENTRY_STATEMENT:
		subject = &e->statement.subject;
		round = e->statement.round;
		a = (uint64_t)e->statement.class;
		b = e->header.time_ms / STATEMENT_SLOT_MS;
		break;
	case ENTRY_VERDICT:
		subject = &e->verdict.subject;
		round = e->verdict.round;
		level = (uint64_t)e->verdict.level;
		b = e->verdict.window;
		break;
	case ENTRY_SELF_REPORT:
		round = e->self_report.round;
		level = (uint64_t)e->self_report.kind;
		a = e->header.incarnation;
		b = e->header.sequence;
		break;
	case ENTRY_CERTIFICATE:
		author = &none;
		subject = &e->certificate.subject;
		round = e->certificate.round;
		level = (uint64_t)e->certificate.level;
		epoch = e->certificate.epoch;
		b = e->certificate.window;
		break;
	case ENTRY_RELEASE:
		subject = &e->release.subject;
		round = e->release.round;
		a = e->header.incarnation;
		b = e->header.sequence;
		break;
	case ENTRY_PROOF:
		author = &none;
		epoch = 0;
		if (proof_accused(&e->proof, &accused))
			subject = &accused;
		break;
	case ENTRY_INDICATOR:
		level = e->indicator.address.family;
		memcpy(accused.bytes, e->indicator.address.bytes, sizeof(accused.bytes));
		subject = &accused;
		a = e->header.incarnation;
		b = e->header.sequence;
		break;
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break; /* no feed entries: they have no key */
	}
	at = put_integer(at, (uint64_t)e->kind, 1);
	at = put_id(at, author);
	at = put_id(at, subject);
	at = put_integer(at, round, 4);
	at = put_integer(at, level, 1);
	at = put_integer(at, epoch, 8);
	at = put_integer(at, a, 8);
	at = put_integer(at, b, 8);
	return (size_t)(at - out);
}

void
objects_key(const struct objects *s, const struct entry *e, struct hash *out)
{
	uint8_t bytes[KEY_BYTES];
	size_t size_bytes = key_fields(e, bytes);

	s->crypto->sha256(s->crypto->context, DOMAIN_KEY, bytes, size_bytes, out);
}

static void
place_key(member_index author, uint64_t incarnation, uint64_t sequence, uint8_t out[PLACE_BYTES])
{
	put_integer(put_integer(put_integer(out, author, 2), incarnation, 8), sequence, 8);
}

struct object *
objects_by_hash(const struct objects *s, const struct hash *hash)
{
	return map_get(s->by_hash, hash);
}

struct object *
objects_by_place(
    const struct objects *s, member_index author, uint64_t incarnation, uint64_t sequence)
{
	uint8_t place[PLACE_BYTES];

	place_key(author, incarnation, sequence, place);
	return map_get(s->by_place, place);
}

struct object *
objects_by_key(const struct objects *s, const struct hash *key)
{
	return map_get(s->by_key, key);
}

struct object *
objects_make(
    struct span envelope, const struct entry *e, const struct hash *hash, member_index author)
{
	struct object *o = calloc(1, sizeof(*o) + envelope.size_bytes);

	if (o == NULL)
		return NULL;
	o->expiry.kind = WAKE_OBJECT;
	o->hash = *hash;
	o->header = e->header;
	o->kind = e->kind;
	o->author = author;
	o->subject = MEMBER_NONE;
	o->size_bytes = envelope.size_bytes;
	memcpy(o->bytes, envelope.data, envelope.size_bytes);
	return o;
}

static struct bucket *
bucket_of(struct objects *s, const struct object *o)
{
	return &s->buckets[o->key.bytes[0]];
}

/* Where key stands in the bucket, or belongs. */
static size_t
bucket_find(const struct bucket *b, const struct hash *key)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (memcmp(b->list[middle]->key.bytes, key->bytes, sizeof(key->bytes)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum err
enter_tree(struct objects *s, struct object *o)
{
	struct bucket *b = bucket_of(s, o);
	size_t at;

	if (b->count == b->room) {
		size_t room = b->room == 0 ? 2 : b->room * 2;
		struct object **list = reallocarray(b->list, room, sizeof(struct object *));

		if (list == NULL)
			return ERR_NOMEM;
		b->list = list;
		b->room = room;
	}
	if (map_put(s->by_key, &o->key, o) != ERR_OK)
		return ERR_NOMEM;
	at = bucket_find(b, &o->key);
	memmove(&b->list[at + 1], &b->list[at], (b->count - at) * sizeof(struct object *));
	b->list[at] = o;
	b->count++;
	b->stale = true;
	s->root_stale = true;
	o->in_tree = true;
	return ERR_OK;
}

void
objects_leave_tree(struct objects *s, struct object *o)
{
	struct bucket *b = bucket_of(s, o);
	size_t at;

	if (!o->in_tree)
		return;
	at = bucket_find(b, &o->key);
	b->count--;
	memmove(&b->list[at], &b->list[at + 1], (b->count - at) * sizeof(struct object *));
	b->stale = true;
	s->root_stale = true;
	map_remove(s->by_key, &o->key);
	o->in_tree = false;
}

void
objects_unplace(struct objects *s, struct object *o)
{
	uint8_t place[PLACE_BYTES];

	if (o->loose)
		return;
	place_key(o->author, o->header.incarnation, o->header.sequence, place);
	map_remove(s->by_place, place);
	o->loose = true;
}

static void
unindex(struct objects *s, struct object *o)
{
	objects_unplace(s, o);
	map_remove(s->by_hash, &o->hash);
	s->held[o->author]--;
	o->indexed = false;
}

/*
 * An author may fill a sixteenth of the room that is left: however many stuff
 * the table, whoever holds less than they do finds room.  What proves itself
 * is a few a subject, and welcome from anybody.
 */
static bool
has_room(const struct objects *s, const struct object *o)
{
	size_t count = map_count(s->by_hash);

	if (o->kind == ENTRY_CERTIFICATE || o->kind == ENTRY_PROOF || o->kind == ENTRY_RELEASE)
		return true;
	return count < LIMIT_HELD_OBJECTS &&
	       s->held[o->author] < (LIMIT_HELD_OBJECTS - count) / LIMIT_HELD_SHARE;
}

enum err
objects_hold(struct objects *s, struct object *o, bool in_tree)
{
	uint8_t place[PLACE_BYTES];

	if (!has_room(s, o))
		return ERR_FULL;
	place_key(o->author, o->header.incarnation, o->header.sequence, place);
	if (map_put(s->by_hash, &o->hash, o) != ERR_OK)
		return ERR_NOMEM;
	if (!o->loose && map_put(s->by_place, place, o) != ERR_OK) {
		map_remove(s->by_hash, &o->hash);
		return ERR_NOMEM;
	}
	s->held[o->author]++;
	o->indexed = true;
	if (in_tree && enter_tree(s, o) != ERR_OK) {
		unindex(s, o);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

static void
drop(struct objects *s, struct object *o)
{
	o->next = s->dropped;
	s->dropped = o;
}

void
objects_discard(struct objects *s, struct object *o)
{
	drop(s, o);
}

void
objects_release(struct objects *s, struct object *o, uint64_t now_ms)
{
	if (o->in_tree || o->newest || (o->indexed && o->fresh_until_ms > now_ms))
		return;
	if (o->indexed)
		unindex(s, o);
	drop(s, o);
}

void
objects_forget(struct objects *s, struct object *o)
{
	objects_leave_tree(s, o);
	o->fresh_until_ms = 0;
	if (o->indexed)
		unindex(s, o);
	if (!o->newest)
		drop(s, o);
}

bool
objects_is_later(const struct entry_header *a, const struct entry_header *b)
{
	if (a->incarnation != b->incarnation)
		return a->incarnation > b->incarnation;
	return a->sequence > b->sequence;
}

bool
objects_set_newest(struct objects *s, struct object *o, uint64_t now_ms)
{
	struct object *before = s->newest[o->author];

	if (before != NULL && !objects_is_later(&o->header, &before->header))
		return false;
	if (before == NULL && members_add(&s->authors, o->author) != ERR_OK)
		return false;
	s->newest[o->author] = o;
	o->newest = true;
	if (before != NULL) {
		before->newest = false;
		objects_release(s, before, now_ms);
	}
	return true;
}

void
objects_forget_newest(struct objects *s, member_index author, uint64_t now_ms)
{
	struct object *o = s->newest[author];

	if (o == NULL)
		return;
	members_remove_at(&s->authors, members_from(&s->authors, author));
	s->newest[author] = NULL;
	o->newest = false;
	objects_release(s, o, now_ms);
}

const struct object *
objects_newest(const struct objects *s, member_index author)
{
	return s->newest[author];
}

void
objects_expect(const struct objects *s, member_index author)
{
	__builtin_prefetch(&s->newest[author]);
}

/* SHA-256 over the bucket's keys in ascending order; an empty bucket is 0. */
static void
refresh(struct objects *s, struct bucket *b)
{
	uint8_t *keys;
	struct hash hash;

	b->digest = 0;
	b->stale = false;
	if (b->count == 0)
		return;
	if ((keys = malloc(b->count * sizeof(hash.bytes))) == NULL) {
		b->stale = true; /* a wrong digest costs an exchange, nothing else */
		return;
	}
	for (size_t i = 0; i < b->count; i++)
		memcpy(keys + i * sizeof(hash.bytes), b->list[i]->key.bytes, sizeof(hash.bytes));
	s->crypto->sha256(
	    s->crypto->context, DOMAIN_BUCKET, keys, b->count * sizeof(hash.bytes), &hash);
	b->digest = buf_load_u64(hash.bytes);
	free(keys);
}

void
objects_digests(struct objects *s, uint64_t out[LIMIT_SYNC_BUCKETS])
{
	for (size_t i = 0; i < LIMIT_SYNC_BUCKETS; i++) {
		if (s->buckets[i].stale)
			refresh(s, &s->buckets[i]);
		out[i] = s->buckets[i].digest;
	}
}

uint64_t
objects_root_of(const struct objects *s, const uint64_t digests[LIMIT_SYNC_BUCKETS])
{
	uint8_t bytes[LIMIT_SYNC_BUCKETS * 8];
	struct hash hash;

	for (size_t i = 0; i < LIMIT_SYNC_BUCKETS; i++)
		buf_store_u64(bytes + 8 * i, digests[i]);
	s->crypto->sha256(s->crypto->context, DOMAIN_ROOT, bytes, sizeof(bytes), &hash);
	return buf_load_u64(hash.bytes);
}

uint64_t
objects_root(struct objects *s)
{
	uint64_t digests[LIMIT_SYNC_BUCKETS];

	if (s->root_stale) {
		objects_digests(s, digests);
		s->root = objects_root_of(s, digests);
		s->root_stale = false;
	}
	return s->root;
}

size_t
objects_count(const struct objects *s)
{
	return map_count(s->by_hash);
}
