#include <stdlib.h>
#include <string.h>
#include "core/wire.h"
#include "sim/authority.h"
#include "sim/digest.h"

#define FOUNDERS_WEIGHT 32
#define ENDS            0xe17d /* its generator's place beside the seed */

static void
add_record(struct authority *a, uint32_t number, const char *domain, const uint8_t *body,
    size_t size_bytes)
{
	size_t more_bytes = size_bytes + 128, opened;
	struct signature signature;
	struct buf_out b;

	if (a->log_bytes + more_bytes > a->log_room) {
		a->log_room = 2 * (a->log_bytes + more_bytes);
		if ((a->log = realloc(a->log, a->log_room)) == NULL)
			abort();
	}
	keys_sign(a->keys, &a->ca, domain, (struct span){ body, size_bytes }, &signature);
	buf_out_init(&b, a->log + a->log_bytes, a->log_room - a->log_bytes);
	opened = wire_open(&b, number);
	wire_put_fixed(&b, 1, body, size_bytes);
	wire_put_fixed(&b, 2, signature.bytes, sizeof(signature.bytes));
	wire_close(&b, opened);
	if (b.err != ERR_OK)
		abort();
	a->log_bytes += buf_used(&b);
}

static void
enrol(struct authority *a, const struct identity *m)
{
	uint8_t body[512];
	struct buf_out e;

	buf_out_init(&e, body, sizeof(body));
	wire_put_fixed(&e, 1, a->mesh.bytes, sizeof(a->mesh.bytes));
	wire_put_fixed(&e, 2, (const uint8_t *)"sim", 3);
	wire_put_fixed(&e, 3, (const uint8_t *)m->name, strlen(m->name));
	wire_put_fixed(&e, 4, m->id.bytes, sizeof(m->id.bytes));
	wire_put_fixed(&e, 5, m->key.public_key.bytes, sizeof(m->key.public_key.bytes));
	wire_put_fixed(&e, 6, m->nonce, sizeof(m->nonce));
	wire_put_fixed(&e, 7, m->group, sizeof(m->group));
	if (m->role == ROLE_NODE) {
		wire_put_fixed(&e, 8, m->address.bytes, 4);
		wire_put_u64(&e, 9, 9000);
	}
	wire_put_u64(&e, 10, m->incarnation);
	wire_put_u64(&e, 11, AUTHORITY_TIME_MS - 1000);
	wire_put_u64(&e, 12, m->not_after_ms);
	wire_put_u64(&e, 13, m->role);
	if (e.err != ERR_OK)
		abort();
	add_record(a, 1, DOMAIN_ENROLMENT, body, buf_used(&e));
}

/* ---- electorates ------------------------------------------------------------------ */

static int
compare_ids(const void *left, const void *right, void *context)
{
	const struct authority *a = context;
	const member_index *l = left, *r = right;

	return node_id_compare(&a->members[*l].id, &a->members[*r].id);
}

static void
begin_epoch(struct authority *a)
{
	size_t room = 128 + a->count * 32, nodes = 0;
	uint8_t *body = malloc(room);
	member_index *sorted = calloc(a->count, sizeof(*sorted));
	struct electorate *n;
	struct buf_out e;

	a->epochs = reallocarray(a->epochs, a->epoch_count + 1, sizeof(*a->epochs));
	if (body == NULL || sorted == NULL || a->epochs == NULL)
		abort();
	n = &a->epochs[a->epoch_count++];
	*n = (struct electorate){ .number = a->epoch_count, .count = a->count };
	n->weights = calloc(a->count, sizeof(*n->weights));
	n->heads = calloc(a->count, sizeof(*n->heads));
	if (n->weights == NULL || n->heads == NULL)
		abort();
	for (size_t i = 0; i < a->count; i++)
		if (a->members[i].role == ROLE_NODE && !a->members[i].left) {
			n->weights[i] = a->members[i].weight;
			sorted[nodes++] = (member_index)i;
		}
	qsort_r(sorted, nodes, sizeof(*sorted), compare_ids, a);

	buf_out_init(&e, body, room);
	wire_put_fixed(&e, 1, a->mesh.bytes, sizeof(a->mesh.bytes));
	wire_put_u64(&e, 2, n->number);
	wire_put_fixed(&e, 3, a->last_epoch.bytes, sizeof(a->last_epoch.bytes));
	wire_put_u64(&e, 4, AUTHORITY_TIME_MS);
	for (size_t i = 0; i < nodes; i++) {
		size_t opened = wire_open(&e, 5);

		wire_put_fixed(&e, 1, a->members[sorted[i]].id.bytes, 16);
		wire_put_u64(&e, 2, n->weights[sorted[i]]);
		wire_close(&e, opened);
		if (n->weights[sorted[i]] == 0)
			continue;
		n->heads[n->head_count++] = sorted[i];
		n->weight += n->weights[sorted[i]];
	}
	wire_close(&e, wire_open(&e, 6));
	if (e.err != ERR_OK)
		abort();
	a->keys->crypto->sha256(NULL, "", body, buf_used(&e), &a->last_epoch);
	add_record(a, 2, DOMAIN_EPOCH, body, buf_used(&e));
	free(body);
	free(sorted);
}

const struct electorate *
authority_epoch(const struct authority *a, uint64_t number)
{
	return number == 0 || number > a->epoch_count ? NULL : &a->epochs[number - 1];
}

const struct electorate *
authority_current(const struct authority *a)
{
	return &a->epochs[a->epoch_count - 1];
}

uint32_t
electorate_weight_of(const struct electorate *e, member_index m)
{
	return m < e->count ? e->weights[m] : 0;
}

size_t
electorate_f(const struct electorate *e)
{
	size_t n = e->head_count, f = n == 0 ? 0 : (n - 1) / 4;
	size_t most = n <= 9 ? 1 : n <= 100 ? 5 : n <= 1000 ? 20 : 32;

	return f < most ? f : most;
}

size_t
electorate_k(const struct electorate *e)
{
	size_t k = electorate_f(e) + 1;

	return k < 2 ? 2 : k;
}

bool
electorate_is_quorum(
    const struct electorate *e, member_index subject, size_t voters, uint64_t weight)
{
	bool head = electorate_weight_of(e, subject) > 0;
	size_t others = e->head_count - head;
	uint64_t others_weight = e->weight - electorate_weight_of(e, subject);

	if (voters < 2)
		return false;
	if (e->head_count <= 4)
		return voters == others;
	return 2 * voters > others && 2 * weight > others_weight;
}

/* ---- members ------------------------------------------------------------------------ */

static void
add_member(struct authority *a, struct prng *prng, enum role role)
{
	struct identity *m;
	uint8_t joined[48];
	struct hash hash;

	if (a->count == a->room) {
		a->room = a->room == 0 ? 16 : a->room * 2;
		a->members = reallocarray(a->members, a->room, sizeof(*a->members));
		if (a->members == NULL)
			abort();
	}
	m = &a->members[a->count++];
	*m = (struct identity){ .role = role, .incarnation = 1, .not_after_ms = UINT64_MAX };
	keys_make(a->keys, prng, &m->key);
	for (size_t i = 0; i < 16; i += 8) {
		buf_store_u64(m->nonce + i, prng_next(prng));
		buf_store_u64(m->group + i, prng_next(prng));
	}
	memcpy(joined, m->key.public_key.bytes, 32);
	memcpy(joined + 32, m->nonce, 16);
	a->keys->crypto->sha256(NULL, DOMAIN_ID, joined, sizeof(joined), &hash);
	memcpy(m->id.bytes, hash.bytes, sizeof(m->id.bytes));
}

/* Name, address and link layer follow from the place in the roster. */
static void
settle(struct identity *m, size_t index)
{
	uint8_t address[4] = { 10, 77, (uint8_t)(index >> 8), (uint8_t)index };

	snprintf(m->name, sizeof(m->name), "n%zu", index);
	m->address.family = 4;
	memcpy(m->address.bytes, address, sizeof(address));
	m->mac = (struct mac){ { 2, 0, 0, 77, address[2], address[3] } };
}

static int
compare_members(const void *left, const void *right)
{
	const struct identity *l = left, *r = right;

	return node_id_compare(&l->id, &r->id);
}

member_index
authority_find(const struct authority *a, const struct node_id *id)
{
	return roster_find_id(a->roster, id);
}

member_index
authority_find_node(const struct authority *a, const struct node_id *id)
{
	member_index m = authority_find(a, id);

	return m < a->nodes ? m : MEMBER_NONE;
}

member_index
authority_at(const struct authority *a, const struct address *address)
{
	size_t index = (size_t)address->bytes[2] << 8 | address->bytes[3];

	if (address->family != 4 || address->bytes[0] != 10 || address->bytes[1] != 77 ||
	    index >= a->nodes)
		return MEMBER_NONE;
	return (member_index)index;
}

/* With one stolen token they are one enrolment group, else each its own. */
static void
choose_liars(struct authority *a, const struct options *options, struct prng *prng)
{
	const struct identity *first = NULL;

	for (size_t left = options->byzantine < a->count ? options->byzantine : a->count;
	     left > 0;) {
		struct identity *m = &a->members[prng_below(prng, a->count)];

		if (m->liar)
			continue;
		m->liar = true;
		left--;
		if (first == NULL)
			first = m;
		else if ((options->adversaries >> ADVERSARY_TOKEN & 1) != 0)
			memcpy(m->group, first->group, sizeof(m->group));
	}
}

/* A third of the founders were enrolled until some moment of the run. */
static void
choose_ends(struct authority *a, const struct options *options)
{
	struct prng prng;

	if ((options->faults >> FAULT_EXPIRY & 1) == 0)
		return;
	prng_seed(&prng, digest_mix(options->seed, ENDS));
	for (size_t i = 0; i < a->nodes; i++)
		if (prng_below(&prng, 3) == 0)
			a->members[i].not_after_ms =
			    AUTHORITY_TIME_MS + prng_below(&prng, options->duration_ms);
}

static struct roster **
add_roster(struct authority *a)
{
	a->rosters = reallocarray(a->rosters, a->roster_count + 1, sizeof(*a->rosters));
	if (a->rosters == NULL)
		abort();
	return &a->rosters[a->roster_count++];
}

struct authority *
authority_new(const struct keys *keys, const struct options *options, struct prng *prng)
{
	struct authority *a = calloc(1, sizeof(*a));
	struct hash hash;
	bool uneven;

	if (a == NULL)
		abort();
	a->keys = keys;
	keys_make(keys, prng, &a->ca);
	keys->crypto->sha256(
	    NULL, DOMAIN_MESH, a->ca.public_key.bytes, sizeof(a->ca.public_key.bytes), &hash);
	memcpy(a->mesh.bytes, hash.bytes, sizeof(a->mesh.bytes));
	for (size_t i = 0; i < options->nodes; i++)
		add_member(a, prng, ROLE_NODE);
	qsort(a->members, a->count, sizeof(*a->members), compare_members);
	a->nodes = a->count;
	choose_liars(a, options, prng);
	choose_ends(a, options);
	/* A third of all meshes are older than a day: weights differ. */
	uneven = prng_below(prng, 3) == 0;
	for (size_t i = 0; i < a->count; i++) {
		settle(&a->members[i], i);
		a->members[i].weight =
		    uneven ? FOUNDERS_WEIGHT + 2 * (uint32_t)prng_below(prng, 17) : FOUNDERS_WEIGHT;
		enrol(a, &a->members[i]);
	}
	/* A mesh that is full to the last place is judged on paper alone. */
	if (a->nodes < LIMIT_MEMBERS) {
		add_member(a, prng, ROLE_OPERATOR);
		settle(&a->members[a->nodes], a->nodes);
		enrol(a, &a->members[a->nodes]);
	}
	begin_epoch(a);
	if (roster_parse(keys->crypto, &a->ca.public_key, a->log, a->log_bytes, add_roster(a)) !=
	    ERR_OK)
		abort();
	a->roster = a->rosters[0];
	return a;
}

/* ---- changes under way -------------------------------------------------------------- */

const struct roster *
authority_roster(struct authority *a, size_t log_bytes)
{
	const struct roster *before = a->rosters[0];
	struct roster *next;
	size_t held = 0;

	for (size_t i = 0; i < a->roster_count; i++) {
		size_t size_bytes = roster_records(a->rosters[i]).size_bytes;

		if (size_bytes == log_bytes)
			return a->rosters[i];
		if (size_bytes < log_bytes && size_bytes > held) {
			before = a->rosters[i];
			held = size_bytes;
		}
	}
	if (held == 0 || log_bytes > a->log_bytes ||
	    roster_extend(before, a->keys->crypto, &a->ca.public_key,
	        (struct span){ a->log + held, log_bytes - held }, &next) != ERR_OK)
		return NULL;
	return *add_roster(a) = next;
}

/* What the CA knows, hosts learn later. */
static void
publish(struct authority *a)
{
	if ((a->roster = authority_roster(a, a->log_bytes)) == NULL)
		abort();
}

bool
authority_enrol(struct authority *a, struct prng *prng)
{
	if (a->count > a->nodes + AUTHORITY_NEWCOMERS || a->count >= LIMIT_MEMBERS)
		return false;
	add_member(a, prng, ROLE_NODE);
	settle(&a->members[a->count - 1], a->count - 1);
	enrol(a, &a->members[a->count - 1]);
	publish(a);
	return true;
}

void
authority_renew(struct authority *a, member_index m, uint64_t not_after_ms)
{
	a->members[m].incarnation++;
	a->members[m].not_after_ms = not_after_ms;
	enrol(a, &a->members[m]);
	publish(a);
}

bool
authority_has_ended(const struct authority *a, member_index m, uint64_t now_ms)
{
	return a->members[m].not_after_ms < AUTHORITY_TIME_MS + now_ms;
}

void
authority_next_epoch(struct authority *a)
{
	begin_epoch(a);
	publish(a);
}

void
authority_free(struct authority *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->roster_count; i++)
		roster_free(a->rosters[i]);
	free(a->rosters);
	for (size_t i = 0; i < a->epoch_count; i++) {
		free(a->epochs[i].weights);
		free(a->epochs[i].heads);
	}
	free(a->epochs);
	free(a->members);
	free(a->log);
	free(a);
}
