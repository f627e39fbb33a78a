#include <stdlib.h>
#include <string.h>
#include "core/message.h"
#include "core/roster_internal.h"
#include "core/wire.h"

#define DEFAULT_THRESHOLD 7
#define NAME_CHARACTERS              \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz" \
	"0123456789_-"

/* What parsing carries along. */
struct parser {
	const struct crypto *crypto;
	const struct public_key *ca;
	struct roster *roster;
};

enum { RECORD_ENROLMENT = 1, RECORD_EPOCH = 2 };

/* An Envelope in a Roster: a body and the CA's signature over it. */
static enum err
open_record(const struct parser *p, struct span record, const char *domain, struct span *body)
{
	struct signature signature;
	struct span bytes;
	struct wire_in w;
	enum err err;

	wire_in_init(&w, record);
	bytes = wire_bytes(&w, 1, LIMIT_ROSTER_BYTES);
	wire_fixed(&w, 2, signature.bytes, sizeof(signature.bytes));
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if (!p->crypto->verify(
	        p->crypto->context, p->ca, domain, bytes.data, bytes.size_bytes, &signature))
		return ERR_SIGNATURE;
	*body = bytes;
	return ERR_OK;
}

static void
read_mesh(struct wire_in *w, const struct roster *r)
{
	struct mesh_id mesh;

	wire_fixed(w, 1, mesh.bytes, sizeof(mesh.bytes));
	if (memcmp(&mesh, &r->mesh, sizeof(mesh)) != 0)
		wire_fail(w, ERR_MESH);
}

/* ^[A-Za-z0-9_-]{1,128}$ */
static struct span
read_name(struct wire_in *w, uint32_t number)
{
	struct span name = wire_bytes(w, number, LIMIT_NAME_BYTES);

	for (size_t i = 0; i < name.size_bytes; i++)
		if (name.data[i] == 0 || strchr(NAME_CHARACTERS, name.data[i]) == NULL)
			wire_fail(w, ERR_RANGE);
	if (name.size_bytes == 0)
		wire_fail(w, ERR_RANGE);
	return name;
}

static void
read_addresses(struct wire_in *w, uint32_t number, struct member *m)
{
	struct span bytes;
	enum err err;

	while (wire_repeated(w, number, &bytes)) {
		struct address *added = &m->addresses[m->address_count];

		if (m->address_count == LIMIT_ADDRESSES) {
			wire_fail(w, ERR_OVERSIZE);
			return;
		}
		if ((err = wire_address(bytes, added)) != ERR_OK) {
			wire_fail(w, err);
			return;
		}
		for (size_t i = 0; i < m->address_count; i++)
			if (address_equal(&m->addresses[i], added))
				wire_fail(w, ERR_RANGE);
		m->address_count++;
	}
}

/* Ids are the CA's choice of nonce over the key, so nobody grinds them. */
static bool
id_is_derived(const struct crypto *crypto, const struct member *m, const uint8_t nonce[16])
{
	uint8_t bytes[sizeof(m->key.bytes) + 16];
	struct hash hash;

	memcpy(bytes, m->key.bytes, sizeof(m->key.bytes));
	memcpy(bytes + sizeof(m->key.bytes), nonce, 16);
	crypto->sha256(crypto->context, DOMAIN_ID, bytes, sizeof(bytes), &hash);
	return memcmp(m->id.bytes, hash.bytes, sizeof(m->id.bytes)) == 0;
}

/* One mesh has one name. */
static enum err
check_mesh_name(struct roster *r, struct span name)
{
	if (r->mesh_name[0] == '\0')
		memcpy(r->mesh_name, name.data, name.size_bytes);
	return strlen(r->mesh_name) == name.size_bytes &&
	               memcmp(r->mesh_name, name.data, name.size_bytes) == 0
	           ? ERR_OK
	           : ERR_MESH;
}

/* The same identity enrolled again, later: addresses, port and validity are new, no more. */
static enum err
renew(struct member *old, const struct member *m, struct span name)
{
	if (m->incarnation <= old->incarnation || m->role != old->role ||
	    memcmp(&m->key, &old->key, sizeof(m->key)) != 0 ||
	    memcmp(m->group, old->group, sizeof(m->group)) != 0 ||
	    strlen(old->name) != name.size_bytes ||
	    memcmp(old->name, name.data, name.size_bytes) != 0)
		return ERR_RANGE;
	memcpy(old->addresses, m->addresses, sizeof(m->addresses));
	old->address_count = m->address_count;
	old->p2p_port = m->p2p_port;
	old->incarnation = m->incarnation;
	old->not_before_ms = m->not_before_ms;
	old->not_after_ms = m->not_after_ms;
	return ERR_OK;
}

static enum err
enrol(struct roster *r, struct member *m, struct span name)
{
	member_index known = roster_find_id(r, &m->id);
	char *copy = r->names + r->names_used;

	if (known != MEMBER_NONE)
		return renew(&r->records[known], m, name);
	if (r->count == LIMIT_MEMBERS)
		return ERR_OVERSIZE;
	m->name = memcpy(copy, name.data, name.size_bytes);
	copy[name.size_bytes] = '\0';
	r->names_used += name.size_bytes + 1;
	m->enrolled_ms = m->not_before_ms;
	r->records[r->count++] = *m;
	return roster_index_member(r);
}

static enum err
read_enrolment(struct parser *p, struct span record)
{
	struct roster *r = p->roster;
	struct span body, mesh_name, name;
	struct member m = { 0 };
	uint8_t nonce[16];
	struct wire_in w;
	enum err err;

	if ((err = open_record(p, record, DOMAIN_ENROLMENT, &body)) != ERR_OK)
		return err;
	wire_in_init(&w, body);
	read_mesh(&w, r);
	mesh_name = read_name(&w, 2);
	name = read_name(&w, 3);
	wire_fixed(&w, 4, m.id.bytes, sizeof(m.id.bytes));
	wire_fixed(&w, 5, m.key.bytes, sizeof(m.key.bytes));
	wire_fixed(&w, 6, nonce, sizeof(nonce));
	wire_fixed(&w, 7, m.group, sizeof(m.group));
	read_addresses(&w, 8, &m);
	m.p2p_port = (uint16_t)wire_u32(&w, 9, 0, UINT16_MAX);
	m.incarnation = wire_u64(&w, 10);
	m.not_before_ms = wire_u64(&w, 11);
	m.not_after_ms = wire_u64(&w, 12);
	m.role = (enum role)wire_u32(&w, 13, ROLE_NODE, ROLE_COORDINATOR);
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if (m.not_before_ms >= m.not_after_ms || !id_is_derived(p->crypto, &m, nonce))
		return ERR_RANGE;
	if (m.role == ROLE_NODE && (m.address_count == 0 || m.p2p_port == 0))
		return ERR_RANGE;
	if ((err = check_mesh_name(r, mesh_name)) != ERR_OK)
		return err;

	return enrol(r, &m, name);
}

/* ---- epochs --------------------------------------------------------------- */

/* The id before, in a list that must ascend. */
struct previous {
	struct node_id id;
	bool present;
};

static enum err
read_epoch_member(
    struct epoch *e, const struct roster *r, struct span bytes, struct previous *previous)
{
	struct node_id id;
	struct wire_in w;
	member_index index;
	uint32_t weight;
	enum err err;

	wire_in_init(&w, bytes);
	wire_fixed(&w, 1, id.bytes, sizeof(id.bytes));
	weight = wire_u32(&w, 2, 0, LIMIT_WEIGHT);
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if (previous->present && node_id_compare(&previous->id, &id) >= 0)
		return ERR_MALFORMED;
	if (!roster_is_node(r, index = roster_find_id(r, &id)))
		return ERR_RANGE;
	epoch_list(e, index, (uint8_t)weight);
	previous->id = id;
	previous->present = true;
	return ERR_OK;
}

static enum err
read_parameters(struct span bytes, struct epoch_parameters *out)
{
	struct wire_in w;

	wire_in_init(&w, bytes);
	out->threshold = wire_u32(&w, 1, 0, SCORE_MAX);
	out->corroboration = wire_u32(&w, 2, 0, LIMIT_MEMBERS);
	out->precautions = wire_u32(&w, 3, 0, LIMIT_MEMBERS);
	out->vote_budget = wire_u32(&w, 4, 0, 1000);
	return wire_end(&w);
}

/* The first epoch has no predecessor, every other names the one before it. */
static bool
follows(const struct roster *r, uint64_t number, const struct hash *before)
{
	const struct epoch *last = r->epoch_count == 0 ? NULL : roster_current(r);

	if (last == NULL)
		return number == 1 && hash_equal(before, &(struct hash){ 0 });
	return number == last->number + 1 && hash_equal(before, &last->hash);
}

static enum err
read_epoch_body(struct parser *p, struct span body, struct epoch *e)
{
	struct previous previous = { 0 };
	struct span bytes;
	struct hash before;
	struct wire_in w;
	bool present;
	enum err err;

	wire_in_init(&w, body);
	read_mesh(&w, p->roster);
	e->number = wire_u64(&w, 2);
	wire_fixed(&w, 3, before.bytes, sizeof(before.bytes));
	e->time_ms = wire_u64(&w, 4);
	while (wire_repeated(&w, 5, &bytes))
		if ((err = read_epoch_member(e, p->roster, bytes, &previous)) != ERR_OK)
			return err;
	bytes = wire_message(&w, 6, &present);
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if ((err = read_parameters(bytes, &e->parameters)) != ERR_OK)
		return err;
	if (e->parameters.threshold == 0)
		e->parameters.threshold = DEFAULT_THRESHOLD;
	return follows(p->roster, e->number, &before) ? ERR_OK : ERR_RANGE;
}

/* Room for so many.  What bounds them is LIMIT_ROSTER_BYTES: a record is larger than what is kept of it. */
static enum err
make_room(struct roster *r, size_t count)
{
	size_t room = r->epoch_room == 0 ? 4 : r->epoch_room;
	struct epoch **grown;

	while (room < count)
		room *= 2;
	if (room == r->epoch_room)
		return ERR_OK;
	if ((grown = reallocarray(r->epochs, room, sizeof(struct epoch *))) == NULL)
		return ERR_NOMEM;
	r->epochs = grown;
	r->epoch_room = room;
	return ERR_OK;
}

static enum err
read_epoch(struct parser *p, struct span record)
{
	struct epoch *e;
	struct span body;
	enum err err;

	if ((err = open_record(p, record, DOMAIN_EPOCH, &body)) != ERR_OK)
		return err;
	if ((err = make_room(p->roster, p->roster->epoch_count + 1)) != ERR_OK)
		return err;
	if ((err = epoch_new(p->roster->count, &e)) != ERR_OK)
		return err;
	if ((err = read_epoch_body(p, body, e)) != ERR_OK) {
		epoch_free(e);
		return err;
	}
	p->crypto->sha256(p->crypto->context, "", body.data, body.size_bytes, &e->hash);
	p->roster->epochs[p->roster->epoch_count++] = e;
	return ERR_OK;
}

/* ---- the log -------------------------------------------------------------- */

static enum err
read_records(struct parser *p, struct span bytes)
{
	struct span record;
	struct wire_in w;
	uint32_t kind;
	enum err err;

	wire_in_init(&w, bytes);
	while (wire_record(&w, RECORD_EPOCH, &kind, &record)) {
		err = kind == RECORD_EPOCH ? read_epoch(p, record) : read_enrolment(p, record);
		if (err != ERR_OK)
			return err;
	}
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	return p->roster->epoch_count > 0 ? roster_index_addresses(p->roster) : ERR_RANGE;
}

/* How many enrolments, renewals counted: never fewer than members. */
static enum err
count_enrolments(struct span bytes, size_t *out)
{
	struct span record;
	size_t count = 0;
	struct wire_in w;
	uint32_t kind;
	enum err err;

	wire_in_init(&w, bytes);
	while (wire_record(&w, RECORD_EPOCH, &kind, &record))
		count += kind == RECORD_ENROLMENT;
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	*out = count < LIMIT_MEMBERS ? count : LIMIT_MEMBERS;
	return ERR_OK;
}

static enum err
copy_old(struct roster *r, const struct roster *old)
{
	enum err err;

	r->mesh = old->mesh;
	memcpy(r->mesh_name, old->mesh_name, sizeof(r->mesh_name));
	memcpy(r->bytes, old->bytes, old->size_bytes);
	memcpy(r->names, old->names, old->names_used);
	r->names_used = old->names_used;
	memcpy(r->records, old->records, old->count * sizeof(*r->records));
	r->count = old->count;
	for (size_t i = 0; i < r->count; i++)
		r->records[i].name = r->names + (old->records[i].name - old->names);
	if ((err = make_room(r, old->epoch_count)) != ERR_OK)
		return err;
	for (size_t i = 0; i < old->epoch_count; i++) {
		if ((err = epoch_copy(old->epochs[i], &r->epochs[i])) != ERR_OK)
			return err;
		r->epoch_count++;
	}
	return ERR_OK;
}

/* What old holds, if there is one, copied to where there is room for more. */
static enum err
begin(const struct roster *old, struct span more, struct roster **out)
{
	size_t old_bytes = old == NULL ? 0 : old->size_bytes;
	size_t members;
	struct roster *r;
	enum err err;

	if (more.size_bytes > LIMIT_ROSTER_BYTES - old_bytes)
		return ERR_OVERSIZE;
	if ((err = count_enrolments(more, &members)) != ERR_OK)
		return err;
	if (old != NULL)
		members += old->count;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return ERR_NOMEM;
	r->bytes = malloc(old_bytes + more.size_bytes + 1);
	r->records = calloc(members + 1, sizeof(*r->records));
	/* Names need less room than the records that they come from. */
	r->names = malloc(old_bytes + more.size_bytes + 1);
	if (r->bytes == NULL || r->records == NULL || r->names == NULL) {
		err = ERR_NOMEM;
		goto fail;
	}
	if (old != NULL && (err = copy_old(r, old)) != ERR_OK)
		goto fail;
	memcpy(r->bytes + old_bytes, more.data, more.size_bytes);
	r->size_bytes = old_bytes + more.size_bytes;
	if ((err = roster_index(r, members)) != ERR_OK)
		goto fail;

	*out = r;
	return ERR_OK;

fail:
	roster_free(r);
	return err;
}

enum err
roster_parse(const struct crypto *crypto, const struct public_key *ca, const uint8_t *bytes,
    size_t size_bytes, struct roster **out)
{
	struct span whole = { bytes, size_bytes };
	struct parser p = { .crypto = crypto, .ca = ca };
	struct hash hash;
	enum err err;

	if ((err = begin(NULL, whole, &p.roster)) != ERR_OK)
		return err;
	crypto->sha256(crypto->context, DOMAIN_MESH, ca->bytes, sizeof(ca->bytes), &hash);
	memcpy(p.roster->mesh.bytes, hash.bytes, sizeof(p.roster->mesh.bytes));
	if ((err = read_records(&p, whole)) != ERR_OK)
		roster_free(p.roster);
	else
		*out = p.roster;
	return err;
}

enum err
roster_extend(const struct roster *old, const struct crypto *crypto, const struct public_key *ca,
    struct span records, struct roster **out)
{
	struct parser p = { .crypto = crypto, .ca = ca };
	enum err err;

	if ((err = begin(old, records, &p.roster)) != ERR_OK)
		return err;
	if ((err = read_records(&p, records)) != ERR_OK)
		roster_free(p.roster);
	else
		*out = p.roster;
	return err;
}
