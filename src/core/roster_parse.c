#include <stdlib.h>
#include <string.h>
#include "core/roster_internal.h"

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
	size_t names_used;
};

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

	m.name = memcpy(r->names + p->names_used, name.data, name.size_bytes);
	r->names[p->names_used + name.size_bytes] = '\0';
	p->names_used += name.size_bytes + 1;
	r->node_count += m.role == ROLE_NODE;
	r->records[r->record_count++] = m;
	return ERR_OK;
}

/* Nodes by ascending id, then officials by ascending id. */
static int
compare_records(const struct member *a, const struct member *b)
{
	if ((a->role == ROLE_NODE) != (b->role == ROLE_NODE))
		return a->role == ROLE_NODE ? -1 : 1;
	return node_id_compare(&a->id, &b->id);
}

static void
sift_down(struct member *list, size_t at, size_t count)
{
	struct member moved = list[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < count && compare_records(&list[child], &list[child + 1]) < 0)
			child++;
		if (child >= count || compare_records(&moved, &list[child]) >= 0)
			break;
		list[at] = list[child];
		at = child;
	}
	list[at] = moved;
}

/* Heapsort: glibc's qsort asks the kernel how much memory there is. */
static enum err
sort_records(struct roster *r)
{
	struct member *list = r->records;

	for (size_t i = r->record_count / 2; i-- > 0;)
		sift_down(list, i, r->record_count);
	for (size_t i = r->record_count; i-- > 1;) {
		struct member largest = list[0];

		list[0] = list[i];
		list[i] = largest;
		sift_down(list, 0, i);
	}
	for (size_t i = 1; i < r->record_count; i++)
		if (compare_records(&list[i - 1], &list[i]) == 0)
			return ERR_RANGE;
	return ERR_OK;
}

static enum err
read_epoch_member(struct parser *p, struct span bytes, struct node_id *previous, bool first)
{
	struct roster *r = p->roster;
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
	if (!first && node_id_compare(previous, &id) >= 0)
		return ERR_MALFORMED;
	if ((index = roster_find_id(r, &id)) == MEMBER_NONE)
		return ERR_RANGE;
	r->records[index].weight = weight;
	*previous = id;
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

static enum err
read_epoch(struct parser *p, struct span record)
{
	struct roster *r = p->roster;
	struct span body, bytes;
	struct node_id previous_id;
	struct hash previous;
	struct wire_in w;
	bool first = true;
	bool present;
	enum err err;

	if ((err = open_record(p, record, DOMAIN_EPOCH, &body)) != ERR_OK)
		return err;
	wire_in_init(&w, body);
	read_mesh(&w, r);
	r->epoch = wire_u64(&w, 2);
	wire_fixed(&w, 3, previous.bytes, sizeof(previous.bytes));
	(void)wire_u64(&w, 4);
	for (; wire_repeated(&w, 5, &bytes); first = false)
		if ((err = read_epoch_member(p, bytes, &previous_id, first)) != ERR_OK)
			return err;
	bytes = wire_message(&w, 6, &present);
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if ((err = read_parameters(bytes, &r->parameters)) != ERR_OK)
		return err;
	if (r->parameters.threshold == 0)
		r->parameters.threshold = DEFAULT_THRESHOLD;
	/* The first epoch has no predecessor, and this version knows no second. */
	if (r->epoch != 1 || !hash_equal(&previous, &(struct hash){ 0 }))
		return ERR_RANGE;
	return ERR_OK;
}

static enum err
list_heads(struct roster *r)
{
	r->ordinals = calloc(r->node_count + 1, sizeof(*r->ordinals));
	r->heads = calloc(r->node_count + 1, sizeof(*r->heads));
	if (r->ordinals == NULL || r->heads == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < r->node_count; i++) {
		r->ordinals[i] = NO_ORDINAL;
		if (r->records[i].weight == 0)
			continue;
		r->ordinals[i] = (uint16_t)r->head_count;
		r->heads[r->head_count++] = (member_index)i;
		r->weight += r->records[i].weight;
	}
	return ERR_OK;
}

/* How many enrolments; exactly one epoch follows them. */
static enum err
count_records(struct span bytes, size_t *enrolments)
{
	size_t epochs = 0;
	struct span record;
	struct wire_in w;
	enum err err;

	wire_in_init(&w, bytes);
	for (*enrolments = 0; wire_repeated(&w, 1, &record); ++*enrolments)
		;
	while (wire_repeated(&w, 2, &record))
		epochs++;
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if (*enrolments > LIMIT_MEMBERS)
		return ERR_OVERSIZE;
	return epochs == 1 ? ERR_OK : ERR_RANGE;
}

static enum err
read_records(struct parser *p, struct span bytes)
{
	struct span record;
	struct wire_in w;
	enum err err;

	wire_in_init(&w, bytes);
	while (wire_repeated(&w, 1, &record))
		if ((err = read_enrolment(p, record)) != ERR_OK)
			return err;
	if ((err = sort_records(p->roster)) != ERR_OK)
		return err;
	while (wire_repeated(&w, 2, &record))
		if ((err = read_epoch(p, record)) != ERR_OK)
			return err;
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if ((err = roster_index(p->roster)) != ERR_OK)
		return err;
	return list_heads(p->roster);
}

enum err
roster_parse(const struct crypto *crypto, const struct public_key *ca, const uint8_t *bytes,
    size_t size_bytes, struct roster **out)
{
	struct span whole = { bytes, size_bytes };
	struct parser p = { .crypto = crypto, .ca = ca };
	size_t enrolments;
	struct hash hash;
	enum err err;

	if (size_bytes > LIMIT_ROSTER_BYTES)
		return ERR_OVERSIZE;
	if ((err = count_records(whole, &enrolments)) != ERR_OK)
		return err;
	if ((p.roster = calloc(1, sizeof(*p.roster))) == NULL)
		return ERR_NOMEM;
	p.roster->records = calloc(enrolments + 1, sizeof(*p.roster->records));
	/* Names need less room than the records that they come from. */
	p.roster->names = malloc(size_bytes + 1);
	if (p.roster->records == NULL || p.roster->names == NULL) {
		err = ERR_NOMEM;
		goto fail;
	}
	crypto->sha256(crypto->context, DOMAIN_MESH, ca->bytes, sizeof(ca->bytes), &hash);
	memcpy(p.roster->mesh.bytes, hash.bytes, sizeof(p.roster->mesh.bytes));
	if ((err = read_records(&p, whole)) != ERR_OK)
		goto fail;

	*out = p.roster;
	return ERR_OK;

fail:
	roster_free(p.roster);
	return err;
}
