/*
 * A roster is what the CA signed and nothing else; the electorate's numbers
 * follow from it as docs/protocol.md says.
 */
#include "core/roster.h"
#include "core/wire.h"
#include "tests/mesh.h"

/* ---- lookups -------------------------------------------------------------- */

/* Every member is found by id, name, key and address, and stands in ascending id. */
static void
lookups(void **state)
{
	struct mesh m;
	size_t holders;

	(void)state;
	mesh_make(&m, 300);
	assert_int_equal(roster_count(m.roster), 300);
	assert_int_equal(epoch_heads(roster_current(m.roster)), 300);
	assert_int_equal(epoch_weight(roster_current(m.roster)), 300 * 32);
	assert_int_equal(epoch_number(roster_current(m.roster)), 1);
	assert_string_equal(roster_mesh_name(m.roster), "test-mesh");
	assert_memory_equal(roster_mesh(m.roster), &m.id, sizeof(m.id));
	for (size_t i = 0; i < 300; i++) {
		const struct mesh_member *member = &m.members[i];
		struct address address = { .family = 4 };
		const struct member *found;

		assert_int_not_equal(member->index, MEMBER_NONE);
		found = roster_member(m.roster, member->index);
		assert_string_equal(found->name, member->name);
		assert_int_equal(epoch_weight_of(roster_current(m.roster), member->index), 32);
		assert_int_equal(found->p2p_port, 9000);
		assert_memory_equal(found->group, member->group, 16);
		assert_int_equal(roster_find_name(m.roster, member->name), member->index);
		assert_int_equal(roster_find_key(m.roster, &member->key.public_key), member->index);
		memcpy(address.bytes, member->address, 4);
		assert_int_equal(roster_find_address(m.roster, &address, &holders), member->index);
		assert_int_equal(holders, 1);
	}
	for (member_index i = 1; i < 300; i++)
		assert_true(node_id_compare(&roster_member(m.roster, i - 1)->id,
		                &roster_member(m.roster, i)->id) < 0);
	assert_int_equal(roster_find_name(m.roster, "node-301"), MEMBER_NONE);
	assert_int_equal(roster_find_name(m.roster, ""), MEMBER_NONE);
	assert_int_equal(roster_find_id(m.roster, &(struct node_id){ 0 }), MEMBER_NONE);
	assert_int_equal(roster_find_key(m.roster, &(struct public_key){ 0 }), MEMBER_NONE);
	assert_int_equal(
	    roster_find_address(m.roster, &(struct address){ .family = 4 }, &holders), MEMBER_NONE);
	assert_int_equal(holders, 0);
	mesh_free(&m);
}

/* A shared address names nobody. */
static void
shared_address(void **state)
{
	struct address address = { .family = 4 };
	struct mesh m;
	size_t holders;

	(void)state;
	mesh_init(&m, 5);
	memcpy(m.members[3].address, m.members[1].address, 4);
	memcpy(address.bytes, m.members[1].address, 4);
	mesh_pack(&m);
	assert_ok(mesh_parse(&m));
	assert_int_equal(roster_find_address(m.roster, &address, &holders), MEMBER_NONE);
	assert_int_equal(holders, 2);
	mesh_free(&m);
}

/* Officials are members that are no nodes and no heads; weight 0 is no head either. */
static void
officials_and_weightless(void **state)
{
	struct mesh m;

	(void)state;
	mesh_init(&m, 7);
	m.members[2].role = PROTOS__ROLE__ROLE_OPERATOR;
	m.members[4].role = PROTOS__ROLE__ROLE_COORDINATOR;
	m.members[5].weight = 0;
	mesh_pack(&m);
	assert_ok(mesh_parse(&m));
	assert_int_equal(roster_count(m.roster), 7);
	assert_int_equal(epoch_heads(roster_current(m.roster)), 4);
	for (size_t i = 0; i < 7; i++) {
		bool official = i == 2 || i == 4;
		struct address address = { .family = 4 };
		size_t holders;

		assert_int_equal(roster_find_name(m.roster, m.members[i].name), m.members[i].index);
		assert_int_equal(roster_is_node(m.roster, m.members[i].index), !official);
		assert_int_equal(
		    epoch_has(roster_current(m.roster), m.members[i].index), !official);
		memcpy(address.bytes, m.members[i].address, 4);
		(void)roster_find_address(m.roster, &address, &holders);
		assert_int_equal(holders, !official);
	}
	assert_int_equal(roster_member(m.roster, m.members[4].index)->role, ROLE_COORDINATOR);
	assert_int_equal(epoch_ordinal(roster_current(m.roster), m.members[2].index), -1);
	assert_false(roster_is_node(m.roster, MEMBER_NONE));
	assert_int_equal(epoch_ordinal(roster_current(m.roster), m.members[5].index), -1);
	assert_int_equal(epoch_ordinal(roster_current(m.roster), MEMBER_NONE), -1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(epoch_ordinal(roster_current(m.roster),
		                     epoch_head_at(roster_current(m.roster), i)),
		    i);
	assert_int_equal(epoch_head_at(roster_current(m.roster), 4), MEMBER_NONE);
	mesh_free(&m);
}

/* ---- the electorate --------------------------------------------------------- */

/* The table of docs/protocol.md, "Electorate". */
static void
numbers_of_the_electorate(void **state)
{
	static const struct {
		size_t heads, f, k, quorum, local_cuts, precautions;
	} table[] = {
		{ 1, 0, 2, 0, 0, 1 },
		{ 2, 0, 2, 0, 0, 1 },
		{ 3, 0, 2, 2, 1, 1 },
		{ 4, 0, 2, 3, 1, 1 },
		{ 5, 1, 2, 3, 2, 1 },
		{ 9, 1, 2, 5, 4, 3 },
		{ 10, 2, 3, 5, 4, 3 },
		{ 30, 5, 6, 15, 14, 10 },
		{ 100, 5, 6, 50, 49, 33 },
		{ 101, 20, 21, 51, 50, 33 },
		{ 1000, 20, 21, 500, 499, 333 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t quorum = 0;
		struct mesh m;

		mesh_make(&m, table[i].heads);
		for (size_t voters = table[i].heads; voters-- > 0;)
			if (epoch_is_quorum(roster_current(m.roster), 0, voters, voters * 32))
				quorum = voters;
		assert_int_equal(quorum, table[i].quorum);
		assert_int_equal(epoch_f(roster_current(m.roster)), table[i].f);
		assert_int_equal(epoch_k(roster_current(m.roster), 0), table[i].k);
		assert_int_equal(epoch_local_cuts(roster_current(m.roster)), table[i].local_cuts);
		assert_int_equal(epoch_precautions(roster_current(m.roster)), table[i].precautions);
		mesh_free(&m);
	}
}

/* Parameters may raise k, never lower it, and set how many precautions stand. */
static void
parameters(void **state)
{
	struct mesh m;

	(void)state;
	mesh_init(&m, 10);
	m.corroboration = 2;
	m.precautions = 7;
	mesh_pack(&m);
	assert_ok(mesh_parse(&m));
	assert_int_equal(epoch_parameters(roster_current(m.roster))->threshold, 7);
	assert_int_equal(epoch_k(roster_current(m.roster), 0), 3);
	assert_int_equal(epoch_k(roster_current(m.roster), 1), 3);
	assert_int_equal(epoch_k(roster_current(m.roster), 5), 5);
	assert_int_equal(epoch_precautions(roster_current(m.roster)), 7);
	m.corroboration = 4;
	mesh_pack(&m);
	assert_ok(mesh_parse(&m));
	assert_int_equal(epoch_k(roster_current(m.roster), 0), 4);
	mesh_free(&m);
}

/* ---- refusals --------------------------------------------------------------- */

/* No bit of a roster can change, and no byte be missing, without it being refused. */
static void
damage(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, 2);
	for (size_t bit = 0; bit < m.size_bytes * 8; bit++) {
		m.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (mesh_parse(&m) == ERR_OK)
			fail_msg("bit %zu flipped and accepted", bit);
		m.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t whole = m.size_bytes; m.size_bytes-- > 0;)
		if (mesh_parse(&m) == ERR_OK)
			fail_msg("%zu of %zu bytes accepted", m.size_bytes, whole);
	mesh_free(&m);
}

static void
assert_refused(struct mesh *m, enum err expected)
{
	mesh_pack(m);
	assert_err(expected, mesh_parse(m));
	mesh_free(m);
	mesh_init(m, 4);
}

/* Signed by the CA, and still not a roster. */
static void
signed_nonsense(void **state)
{
	struct mesh m;

	(void)state;
	mesh_init(&m, 4);
	strcpy(m.members[1].name, m.members[0].name);
	assert_refused(&m, ERR_RANGE);
	m.members[1] = m.members[0]; /* id and key too */
	strcpy(m.members[1].name, "another");
	assert_refused(&m, ERR_RANGE);
	strcpy(m.members[1].name, "a b");
	assert_refused(&m, ERR_RANGE);
	strcpy(m.members[1].name, "");
	assert_refused(&m, ERR_RANGE);
	m.members[1].nonce[0] ^= 1; /* the id no longer follows from key and nonce */
	assert_refused(&m, ERR_RANGE);
	m.members[1].weight = LIMIT_WEIGHT + 1;
	assert_refused(&m, ERR_RANGE);
	m.members[1].role = (Protos__Role)4;
	assert_refused(&m, ERR_RANGE);
	m.id.bytes[0] ^= 1;
	assert_refused(&m, ERR_MESH);
	mesh_free(&m);
}

static void
without_port(size_t i, Protos__Enrolment *e)
{
	e->p2p_port = i == 2 ? 0 : e->p2p_port;
}

static void
without_address(size_t i, Protos__Enrolment *e)
{
	e->n_addresses = i == 2 ? 0 : 1;
}

static void
never_valid(size_t i, Protos__Enrolment *e)
{
	e->not_after_ms = i == 2 ? e->not_before_ms : e->not_after_ms;
}

static void
of_another_name(size_t i, Protos__Enrolment *e)
{
	if (i == 2)
		e->mesh_name = (char *)(uintptr_t) "best-mesh"; /* as long as the others' */
}

static void
address_twice(size_t i, Protos__Enrolment *e)
{
	static ProtobufCBinaryData twice[2];

	(void)i;
	twice[0] = twice[1] = e->addresses[0];
	e->addresses = twice;
	e->n_addresses = 2;
}

static void
mapped_address(size_t i, Protos__Enrolment *e)
{
	static uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, 10, 77, 0, 1 };

	(void)i;
	e->addresses[0] = (ProtobufCBinaryData){ sizeof(mapped), mapped };
}

static void
second_epoch(Protos__Epoch *e)
{
	e->number = 2;
}

static void
with_predecessor(Protos__Epoch *e)
{
	e->previous.data[0] = 1;
}

static void
members_out_of_order(Protos__Epoch *e)
{
	Protos__EpochMember *first = e->members[0];

	e->members[0] = e->members[1];
	e->members[1] = first;
}

static void
member_twice(Protos__Epoch *e)
{
	e->members[1] = e->members[0];
}

static void
high_threshold(Protos__Epoch *e)
{
	e->parameters->threshold = SCORE_MAX + 1;
}

/* The same, where only the record shows it. */
static void
signed_records(void **state)
{
	static void (*const enrolments[])(size_t, Protos__Enrolment *) = { without_port,
		without_address, never_valid, address_twice, mapped_address };
	static void (*const epochs[])(
	    Protos__Epoch *) = { second_epoch, with_predecessor, high_threshold };
	struct mesh m;

	(void)state;
	mesh_init(&m, 4);
	for (size_t i = 0; i < sizeof(enrolments) / sizeof(*enrolments); i++) {
		m.change_enrolment = enrolments[i];
		assert_refused(&m, ERR_RANGE);
	}
	m.change_enrolment = of_another_name;
	assert_refused(&m, ERR_MESH);
	for (size_t i = 0; i < sizeof(epochs) / sizeof(*epochs); i++) {
		m.change_epoch = epochs[i];
		assert_refused(&m, ERR_RANGE);
	}
	m.change_epoch = members_out_of_order;
	assert_refused(&m, ERR_MALFORMED);
	m.change_epoch = member_twice;
	assert_refused(&m, ERR_MALFORMED);
	mesh_free(&m);
}

/* Another CA's word is worth nothing here. */
static void
another_ca(void **state)
{
	struct public_key other;
	struct roster *roster;
	struct mesh m;

	(void)state;
	mesh_make(&m, 3);
	other = m.members[0].key.public_key;
	assert_err(
	    ERR_SIGNATURE, roster_parse(crypto_sodium(), &other, m.bytes, m.size_bytes, &roster));
	mesh_free(&m);
}

/* Two epochs, none, a later one, unknown members or parts of members in the wrong order. */
static void
epochs(void **state)
{
	struct roster *roster;
	Protos__Roster *unpacked;
	Protos__Envelope *twice[2];
	uint8_t *bytes;
	struct mesh m;

	(void)state;
	mesh_make(&m, 3);
	unpacked = protos__roster__unpack(NULL, m.size_bytes, m.bytes);
	for (size_t count = 0; count <= 2; count += 2) {
		Protos__Roster changed = *unpacked;
		size_t size;

		twice[0] = twice[1] = unpacked->epochs[0];
		changed.epochs = twice;
		changed.n_epochs = count;
		size = protos__roster__get_packed_size(&changed);
		bytes = malloc(size);
		protos__roster__pack(&changed, bytes);
		assert_err(ERR_RANGE,
		    roster_parse(crypto_sodium(), &m.ca.public_key, bytes, size, &roster));
		free(bytes);
	}
	/* The epoch counts a member whose enrolment is missing. */
	{
		Protos__Roster changed = *unpacked;
		size_t size;

		changed.n_enrolments = 2;
		size = protos__roster__get_packed_size(&changed);
		bytes = malloc(size);
		protos__roster__pack(&changed, bytes);
		assert_err(ERR_RANGE,
		    roster_parse(crypto_sodium(), &m.ca.public_key, bytes, size, &roster));
		free(bytes);
	}
	protos__roster__free_unpacked(unpacked, NULL);
	mesh_free(&m);
}

/* The log is bounded in bytes, and the mesh in members. */
static void
too_large(void **state)
{
	struct roster *roster;
	struct mesh m;
	uint8_t *bytes = calloc(1, LIMIT_ROSTER_BYTES + 1);

	(void)state;
	assert_err(ERR_OVERSIZE, roster_parse(crypto_sodium(), &(struct public_key){ 0 }, bytes,
	                             LIMIT_ROSTER_BYTES + 1, &roster));
	free(bytes);
	roster_free(NULL);
	mesh_init(&m, LIMIT_MEMBERS + 1);
	mesh_pack(&m);
	assert_err(ERR_OVERSIZE, mesh_parse(&m));
	mesh_free(&m);
}

/* ---- the log grows ------------------------------------------------------------ */

static enum err
extend(const struct mesh *m, struct roster **out)
{
	return roster_extend(
	    m->roster, crypto_sodium(), &m->ca.public_key, mesh_news(m, m->roster), out);
}

/* Behind what is known come a member, a renewal and an epoch; nothing before them changes. */
static void
the_log_grows(void **state)
{
	struct roster *whole, *next;
	struct address address = { .family = 4 };
	const struct epoch *first, *second;
	size_t holders, newcomer;
	struct mesh m;

	(void)state;
	mesh_make(&m, 5);
	newcomer = mesh_append_member(&m);
	/* The host of a node that left is a newcomer's. */
	m.members[2].unlisted = true;
	memcpy(m.members[3].address, m.members[2].address, 4);
	mesh_append_renewal(&m, 3);
	m.members[1].weight = 64;
	mesh_append_epoch(&m);
	assert_ok(extend(&m, &next));
	assert_ok(roster_parse(crypto_sodium(), &m.ca.public_key, m.bytes, m.size_bytes, &whole));
	first = roster_epoch(next, 1);
	second = roster_epoch(next, 2);
	assert_ptr_equal(second, roster_current(next));
	assert_null(roster_epoch(next, 0));
	assert_null(roster_epoch(next, 3));
	assert_int_equal(epoch_heads(first), 5);
	assert_int_equal(epoch_heads(second), 5);
	assert_int_equal(epoch_weight(first), 160);
	assert_int_equal(epoch_weight(second), 192);
	assert_int_equal(epoch_weight_of(first, m.members[1].index), 32);
	assert_int_equal(epoch_weight_of(second, m.members[1].index), 64);
	assert_false(epoch_has(second, m.members[2].index));
	assert_int_equal(roster_find_id(next, &m.members[newcomer].id), 5);
	assert_false(epoch_has(first, 5));
	assert_true(epoch_has(second, 5));
	assert_int_equal(roster_member(next, m.members[3].index)->incarnation, 2);
	memcpy(address.bytes, m.members[3].address, 4);
	assert_int_equal(roster_find_address(next, &address, &holders), m.members[3].index);
	/* Grown or read at once, it is the same. */
	assert_int_equal(roster_count(whole), roster_count(next));
	assert_memory_equal(roster_records(whole).data, roster_records(next).data, m.size_bytes);
	assert_memory_equal(
	    epoch_hash(roster_current(whole)), epoch_hash(second), sizeof(struct hash));
	for (member_index i = 0; i < roster_count(next); i++) {
		assert_string_equal(roster_member(whole, i)->name, roster_member(next, i)->name);
		assert_int_equal(epoch_ordinal(roster_current(whole), i), epoch_ordinal(second, i));
		assert_int_equal(roster_find_name(next, roster_member(next, i)->name), i);
		if (i < roster_count(m.roster))
			assert_string_equal(
			    roster_member(m.roster, i)->name, roster_member(next, i)->name);
	}
	/* The old one is as it was, and the new one outlives it. */
	assert_int_equal(epoch_number(roster_current(m.roster)), 1);
	roster_free(m.roster);
	m.roster = next;
	assert_string_equal(roster_member(next, 0)->name, roster_member(whole, 0)->name);
	roster_free(whole);
	mesh_free(&m);
}

/* An address goes on to who was enrolled later and is listed; of who left, to whoever is listed. */
static void
an_address_has_a_successor(void **state)
{
	struct address address = { .family = 4 };
	struct roster *next;
	member_index old, other;
	size_t heir;
	struct mesh m;

	(void)state;
	mesh_make(&m, 5);
	old = m.members[2].index;
	other = m.members[3].index;
	memcpy(address.bytes, m.members[2].address, 4);
	assert_int_equal(roster_successor(m.roster, old, &address, 0), MEMBER_NONE);
	heir = mesh_append_member(&m);
	memcpy(m.members[heir].address, m.members[2].address, 4);
	mesh_append_renewal(&m, heir);
	/* Enrolled, but in no epoch: it has no links, and nothing to open them for. */
	assert_ok(extend(&m, &next));
	assert_int_equal(roster_successor(next, old, &address, 0), MEMBER_NONE);
	roster_free(next);
	mesh_append_epoch(&m);
	assert_ok(extend(&m, &next));
	roster_free(m.roster);
	m.roster = next;
	assert_int_equal(roster_successor(next, old, &address, 0), 5);
	assert_int_equal(roster_successor(next, old, &address, 6), MEMBER_NONE);
	/* Not the other way round, and nobody's address is everybody's. */
	assert_int_equal(roster_successor(next, 5, &address, 0), MEMBER_NONE);
	memcpy(address.bytes, m.members[3].address, 4);
	assert_int_equal(roster_successor(next, other, &address, 0), MEMBER_NONE);
	/* Who left has no claim, not even on what it held before its successor did. */
	memcpy(address.bytes, m.members[2].address, 4);
	m.members[heir].unlisted = true;
	mesh_append_epoch(&m);
	assert_ok(extend(&m, &next));
	assert_int_equal(roster_successor(next, old, &address, 0), MEMBER_NONE);
	assert_int_equal(roster_successor(next, 5, &address, 0), old);
	roster_free(next);
	mesh_free(&m);
}

/* However many epochs there were, each is found by its number, and no other is. */
static void
old_epochs_are_kept(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, 3);
	for (size_t i = 1; i < 100; i++) {
		mesh_append_epoch(&m);
		assert_ok(mesh_parse(&m));
	}
	assert_int_equal(epoch_number(roster_current(m.roster)), 100);
	assert_null(roster_epoch(m.roster, 0));
	assert_null(roster_epoch(m.roster, 101));
	for (uint64_t n = 1; n <= 100; n++)
		assert_int_equal(epoch_number(roster_epoch(m.roster, n)), n);
	mesh_free(&m);
}

static void
third_epoch(Protos__Epoch *e)
{
	e->number = 3;
}

static void
another_past(Protos__Epoch *e)
{
	e->previous.data[5] ^= 1;
}

static void
of_another_group(size_t i, Protos__Enrolment *e)
{
	(void)i;
	e->group.data[0] ^= 1;
}

static void
of_another_role(size_t i, Protos__Enrolment *e)
{
	(void)i;
	e->role = PROTOS__ROLE__ROLE_OPERATOR;
}

static void
renamed(size_t i, Protos__Enrolment *e)
{
	(void)i;
	e->name = (char *)(uintptr_t) "somebody";
}

static void
assert_no_extension(struct mesh *m, enum err expected)
{
	struct roster *untouched = NULL;

	assert_err(expected, extend(m, &untouched));
	assert_null(untouched);
	mesh_free(m);
	mesh_make(m, 4);
}

/* What the CA should never have signed is refused, and so is what it did not sign. */
static void
extensions_are_refused(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, 4);
	m.change_epoch = third_epoch;
	mesh_append_epoch(&m);
	assert_no_extension(&m, ERR_RANGE);
	m.change_epoch = another_past;
	{
		struct hash copy = *epoch_hash(roster_current(m.roster));

		mesh_append_record(&m, mesh_epoch(&m, 2, MESH_TIME_MS, &copy), true);
	}
	assert_no_extension(&m, ERR_RANGE);
	mesh_append_epoch(&m);
	mesh_append_epoch(&m); /* the same number twice */
	assert_no_extension(&m, ERR_RANGE);
	m.members[1].incarnation = 0; /* the next is 1 again */
	mesh_append_renewal(&m, 1);
	assert_no_extension(&m, ERR_RANGE);
	m.change_enrolment = of_another_group;
	mesh_append_renewal(&m, 1);
	assert_no_extension(&m, ERR_RANGE);
	m.change_enrolment = of_another_role;
	mesh_append_renewal(&m, 1);
	assert_no_extension(&m, ERR_RANGE);
	m.change_enrolment = renamed;
	mesh_append_renewal(&m, 1);
	assert_no_extension(&m, ERR_RANGE);
	(void)mesh_append_member(&m);
	strcpy(m.members[4].name, m.members[0].name);
	mesh_append_record(&m, mesh_enrol(&m, 4), false);
	assert_no_extension(&m, ERR_RANGE);
	mesh_append_epoch(&m);
	m.bytes[m.size_bytes - 1] ^= 1;
	assert_no_extension(&m, ERR_SIGNATURE);
	mesh_append_epoch(&m);
	m.size_bytes--;
	assert_no_extension(&m, ERR_TRUNCATED);
	mesh_append_epoch(&m);
	m.bytes = realloc(m.bytes, m.size_bytes + 2);
	memcpy(m.bytes + m.size_bytes, (uint8_t[]){ 0x1a, 0 }, 2);
	m.size_bytes += 2;
	assert_no_extension(&m, ERR_UNKNOWN_FIELD);
	mesh_free(&m);
}

/* A member costs no more than 300 bytes, so that 10,000 of them fit where the daemon runs. */
static void
members_are_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct member) <= 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups),
		cmocka_unit_test(shared_address),
		cmocka_unit_test(officials_and_weightless),
		cmocka_unit_test(numbers_of_the_electorate),
		cmocka_unit_test(parameters),
		cmocka_unit_test(damage),
		cmocka_unit_test(signed_nonsense),
		cmocka_unit_test(signed_records),
		cmocka_unit_test(another_ca),
		cmocka_unit_test(epochs),
		cmocka_unit_test(too_large),
		cmocka_unit_test(the_log_grows),
		cmocka_unit_test(an_address_has_a_successor),
		cmocka_unit_test(old_epochs_are_kept),
		cmocka_unit_test(extensions_are_refused),
		cmocka_unit_test(members_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
