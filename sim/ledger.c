#include <stdlib.h>
#include <string.h>
#include "core/ballot.h"
#include "core/rules.h"
#include "sim/digest.h"
#include "sim/ledger.h"

struct place {
	uint64_t incarnation, sequence;
	uint64_t author;
};

struct ledger *
ledger_new(const struct authority *authority)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->authority = authority;
	if (map_new(sizeof(struct hash), 1, &l->by_name) != ERR_OK ||
	    map_new(sizeof(struct place), 1, &l->by_place) != ERR_OK ||
	    (l->subjects = calloc(LIMIT_MEMBERS, sizeof(*l->subjects))) == NULL ||
	    (l->authors = calloc(LIMIT_MEMBERS, sizeof(struct record *))) == NULL)
		abort();
	return l;
}

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++) {
		payload_drop(l->all[i]->bytes);
		free(l->all[i]);
	}
	free(l->all);
	free(l->subjects);
	free(l->authors);
	map_free(l->by_name);
	map_free(l->by_place);
	free(l);
}

/* ---- proving, with nothing of the core's but its codec ------------------------------ */

static bool
is_signed_by(const struct ledger *l, member_index author, const char *domain, struct span data,
    const struct signature *signature)
{
	const struct crypto *crypto = l->authority->keys->crypto;

	return crypto->verify(crypto->context, &l->authority->members[author].key.public_key,
	    domain, data.data, data.size_bytes, signature);
}

/* 53 bytes, composed here once more. */
static bool
is_ballot_of(const struct ledger *l, member_index voter, const struct record *r,
    const struct signature *signature)
{
	uint8_t bytes[BALLOT_BYTES];

	bytes[0] = (uint8_t)r->level;
	memcpy(bytes + 1, l->authority->mesh.bytes, 16);
	for (unsigned i = 0; i < 8; i++) {
		bytes[17 + i] = (uint8_t)(r->epoch >> (56 - 8 * i));
		bytes[45 + i] = (uint8_t)(r->window >> (56 - 8 * i));
	}
	memcpy(bytes + 25, l->authority->members[r->subject].id.bytes, 16);
	for (unsigned i = 0; i < 4; i++)
		bytes[41 + i] = (uint8_t)(r->round >> (24 - 8 * i));
	return is_signed_by(
	    l, voter, DOMAIN_BALLOT, (struct span){ bytes, sizeof(bytes) }, signature);
}

/* 3, 4: each head at most once, not the subject, a quorum, one epoch and window. */
static bool
is_certificate(const struct ledger *l, const struct record *r, const struct certificate *c)
{
	const struct electorate *e = authority_epoch(l->authority, r->epoch);
	size_t voters = 0;
	uint64_t weight = 0;

	if (e == NULL || c->voters.size_bytes != (e->head_count + 7) / 8)
		return false;
	for (size_t i = 0; i < c->voters.size_bytes * 8; i++) {
		struct signature signature;

		if ((c->voters.data[i / 8] >> i % 8 & 1) == 0)
			continue;
		if (i >= e->head_count || e->heads[i] == r->subject ||
		    (voters + 1) * sizeof(signature) > c->signatures.size_bytes)
			return false;
		memcpy(signature.bytes, c->signatures.data + voters * sizeof(signature),
		    sizeof(signature));
		if (!is_ballot_of(l, e->heads[i], r, &signature))
			return false;
		voters++;
		weight += electorate_weight_of(e, e->heads[i]);
	}
	return voters * sizeof(struct signature) == c->signatures.size_bytes &&
	       electorate_is_quorum(e, r->subject, voters, weight);
}

static bool
is_statement(const struct ledger *l, const struct record *r, const struct statement *s)
{
	const struct electorate *e = authority_epoch(l->authority, r->header.epoch);

	return r->subject != r->author && e != NULL && electorate_weight_of(e, r->author) > 0 &&
	       authority_at(l->authority, &s->source.address) == r->subject &&
	       authority_at(l->authority, &s->destination.address) == r->author &&
	       rules_score(s->class) > RULES_THRESHOLD &&
	       (s->class == CLASS_HONEYPOT_TRIPPED || s->class == CLASS_HONEYTOKEN_USED);
}

/* Of two entries that contradict; MEMBER_NONE: they do not. */
static member_index
subject_of_proof(const struct ledger *l, const struct proof *p)
{
	const struct crypto *crypto = l->authority->keys->crypto;
	const struct span parts[2] = { p->first, p->second };
	struct entry_header h[2];
	struct hash hash[2];
	member_index author;

	for (unsigned i = 0; i < 2; i++) {
		struct envelope envelope;
		enum entry_kind kind;

		if (envelope_parse(parts[i].data, parts[i].size_bytes, &envelope) != ERR_OK ||
		    entry_peek(envelope.body, &h[i], &kind) != ERR_OK ||
		    (author = authority_find(l->authority, &h[i].author)) == MEMBER_NONE ||
		    !is_signed_by(l, author, DOMAIN_ENTRY, envelope.body, &envelope.signature))
			return MEMBER_NONE;
		crypto->sha256(
		    crypto->context, "", envelope.body.data, envelope.body.size_bytes, &hash[i]);
	}
	if (!node_id_equal(&h[0].author, &h[1].author) || h[0].incarnation != h[1].incarnation)
		return MEMBER_NONE;
	if (h[0].sequence == h[1].sequence
	        ? hash_equal(&hash[0], &hash[1])
	        : h[0].sequence + 1 != h[1].sequence || hash_equal(&hash[0], &h[1].previous))
		return MEMBER_NONE;
	return author;
}

static bool
examine(const struct ledger *l, struct record *r, const struct entry *e)
{
	switch (e->kind) {
	case ENTRY_STATEMENT:
		r->subject = authority_find_node(l->authority, &e->statement.subject);
		r->round = e->statement.round;
		r->destination = e->statement.destination.address;
		return r->subject != MEMBER_NONE && is_statement(l, r, &e->statement);
	case ENTRY_VERDICT:
		r->subject = authority_find_node(l->authority, &e->verdict.subject);
		r->round = e->verdict.round;
		r->level = e->verdict.level;
		r->epoch = e->header.epoch;
		r->window = e->verdict.window;
		return r->subject != MEMBER_NONE && r->subject != r->author &&
		       authority_epoch(l->authority, r->epoch) != NULL &&
		       electorate_weight_of(authority_epoch(l->authority, r->epoch), r->author) >
		           0 &&
		       is_ballot_of(l, r->author, r, &e->verdict.ballot_signature);
	case ENTRY_SELF_REPORT:
		r->subject = r->author < l->authority->nodes ? r->author : MEMBER_NONE;
		r->round = e->self_report.round;
		r->report = e->self_report.kind;
		return r->subject != MEMBER_NONE;
	case ENTRY_CERTIFICATE:
		r->subject = authority_find_node(l->authority, &e->certificate.subject);
		r->round = e->certificate.round;
		r->level = e->certificate.level;
		r->epoch = e->certificate.epoch;
		r->window = e->certificate.window;
		return r->subject != MEMBER_NONE && is_certificate(l, r, &e->certificate);
	case ENTRY_PROOF:
		r->subject = subject_of_proof(l, &e->proof);
		return r->subject != MEMBER_NONE;
	case ENTRY_RELEASE:
		r->subject = authority_find_node(l->authority, &e->release.subject);
		r->round = e->release.round;
		return r->subject != MEMBER_NONE &&
		       l->authority->members[r->author].role == ROLE_OPERATOR;
	case ENTRY_INDICATOR:
		r->subject = r->author < l->authority->nodes ? r->author : MEMBER_NONE;
		return r->subject != MEMBER_NONE &&
		       authority_at(l->authority, &e->indicator.address) == MEMBER_NONE;
	case ENTRY_RECEIPT:
		r->subject = authority_find_node(l->authority, &e->receipt.subject);
		return r->subject != MEMBER_NONE;
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return false;
}

enum shelf
ledger_shelf(enum entry_kind kind)
{
	switch (kind) {
	case ENTRY_STATEMENT:
		return SHELF_STATEMENT;
	case ENTRY_VERDICT:
		return SHELF_VERDICT;
	case ENTRY_SELF_REPORT:
		return SHELF_SELF_REPORT;
	case ENTRY_PROOF:
		return SHELF_PROOF;
	case ENTRY_CERTIFICATE:
		return SHELF_CERTIFICATE;
	case ENTRY_RELEASE:
		return SHELF_RELEASE;
	case ENTRY_INDICATOR:
	case ENTRY_RECEIPT:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return SHELF_OTHER;
}

/* ---- entering ---------------------------------------------------------------------------- */

static void
put(struct map *map, const void *key, void *value)
{
	if (map_put(map, key, value) != ERR_OK)
		abort();
}

static void
shelve(struct ledger *l, struct record *r)
{
	struct record **shelf = &l->subjects[r->subject][ledger_shelf(r->kind)];

	r->next = *shelf;
	*shelf = r;
}

/* A liar may name an epoch that the CA has yet to begin: then it proves something. */
static void
examine_again(struct ledger *l, struct record *r, struct span body)
{
	struct entry entry;

	if (r->valid || !r->signed_well || r->epochs == l->authority->epoch_count ||
	    entry_decode(body, &entry) != ERR_OK)
		return;
	r->epochs = l->authority->epoch_count;
	r->valid = examine(l, r, &entry);
	if (r->valid)
		shelve(l, r);
}

static void
add(struct ledger *l, struct record *r)
{
	if (l->count == l->room) {
		l->room = l->room == 0 ? 64 : l->room * 2;
		l->all = reallocarray(l->all, l->room, sizeof(struct record *));
		if (l->all == NULL)
			abort();
	}
	l->all[l->count++] = r;
	put(l->by_name, &r->name, r);
	if (r->signed_well) {
		r->next_by_author = l->authors[r->author];
		l->authors[r->author] = r;
	}
	if (r->valid)
		shelve(l, r);
}

struct record *
ledger_enter(struct ledger *l, struct span bytes, uint64_t now_ms)
{
	const struct crypto *crypto = l->authority->keys->crypto;
	struct entry_header header;
	struct envelope envelope;
	enum entry_kind kind;
	struct entry entry;
	struct hash name;
	struct record *r;

	if (envelope_parse(bytes.data, bytes.size_bytes, &envelope) != ERR_OK ||
	    entry_peek(envelope.body, &header, &kind) != ERR_OK || entry_is_link_message(kind))
		return NULL;
	digest_wide(0, bytes.data, bytes.size_bytes, name.bytes);
	if ((r = map_get(l->by_name, &name)) != NULL) {
		examine_again(l, r, envelope.body);
		return r;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		abort();
	r->name = name;
	r->header = header;
	r->kind = kind;
	r->born_ms = now_ms;
	r->subject = MEMBER_NONE;
	r->author = authority_find(l->authority, &header.author);
	r->bytes = payload_new(bytes.data, bytes.size_bytes);
	crypto->sha256(crypto->context, "", envelope.body.data, envelope.body.size_bytes, &r->hash);
	r->signed_well =
	    r->author != MEMBER_NONE && envelope.is_signed &&
	    memcmp(&header.mesh, &l->authority->mesh, sizeof(header.mesh)) == 0 &&
	    is_signed_by(l, r->author, DOMAIN_ENTRY, envelope.body, &envelope.signature);
	r->epochs = l->authority->epoch_count;
	r->valid = r->signed_well &&
	           entry_decode_rest(envelope.body, &header, kind, &entry) == ERR_OK &&
	           examine(l, r, &entry);
	add(l, r);
	return r;
}

bool
ledger_left(struct ledger *l, struct record *r)
{
	struct place place = { r->header.incarnation, r->header.sequence, r->author };

	if (r->left)
		return false;
	r->left = true;
	if (r->signed_well && map_get(l->by_place, &place) == NULL)
		put(l->by_place, &place, r);
	return true;
}

const struct record *
ledger_at(const struct ledger *l, member_index author, uint64_t incarnation, uint64_t sequence)
{
	struct place place = { incarnation, sequence, author };

	return map_get(l->by_place, &place);
}

const struct record *
ledger_about(const struct ledger *l, member_index subject, enum shelf shelf)
{
	return l->subjects[subject][shelf];
}

const struct record *
ledger_by(const struct ledger *l, member_index author)
{
	return l->authors[author];
}

bool
ledger_contradict(const struct record *a, const struct record *b)
{
	const struct entry_header *h = &a->header, *g = &b->header;

	if (h->incarnation != g->incarnation)
		return false;
	if (h->sequence == g->sequence)
		return !hash_equal(&a->hash, &b->hash);
	if (h->sequence + 1 == g->sequence)
		return !hash_equal(&a->hash, &g->previous);
	return g->sequence + 1 == h->sequence && !hash_equal(&b->hash, &h->previous);
}
