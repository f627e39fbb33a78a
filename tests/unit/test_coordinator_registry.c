/*
 * A name belongs to the first key that proves itself, a signed request counts
 * once, and strangers cannot fill the registry for ever.
 */
#include <stdlib.h>
#include "coordinator/registry.h"
#include "tests/mesh.h"

static const struct public_key first = { { 1 } }, second = { { 2 } };

static struct registry_node *
take(struct registry *r, const char *name, uint64_t now_ms)
{
	char dropped[LIMIT_NAME_BYTES + 1];
	struct registry_node *node;

	assert_ok(registry_take(
	    r, &(struct registry_call){ .name = name, .now_ms = now_ms }, &node, dropped));
	return node;
}

static void
first_key_owns_the_name(void **state)
{
	struct registry_node *node;
	struct registry *r;

	(void)state;
	assert_ok(registry_new(NULL, &r));
	node = take(r, "guest", 1);
	assert_ok(registry_prove(r, node, &first));
	assert_ok(registry_prove(r, node, &first));
	assert_err(ERR_AUTHOR, registry_prove(r, node, &second));
	assert_ptr_equal(registry_find_key_id(r, node->key_id), node);
	registry_free(r);
}

/* With a roster: enrolled names are taken from the start, enrolled keys have no other name. */
static void
enrolled_names_have_enrolled_keys(void **state)
{
	struct registry_node *node;
	struct registry *r;
	struct mesh mesh;

	(void)state;
	mesh_make(&mesh, 3);
	assert_ok(registry_new(mesh.roster, &r));
	assert_int_equal(registry_count(r), 3);
	node = registry_find(r, "node-2");
	assert_non_null(node);
	assert_err(ERR_AUTHOR, registry_prove(r, node, &first));
	assert_ok(registry_prove(r, node, &mesh.members[1].key.public_key));
	assert_ptr_equal(registry_find_key_id(r, mesh.members[1].id.bytes), node);
	node = take(r, "alias", 1);
	assert_err(ERR_AUTHOR, registry_prove(r, node, &mesh.members[1].key.public_key));
	registry_free(r);
	mesh_free(&mesh);
}

static void
a_nonce_counts_once_and_their_number_is_bounded(void **state)
{
	uint8_t nonce[16] = { 0 };
	struct registry_node *node;
	struct registry *r;

	(void)state;
	assert_ok(registry_new(NULL, &r));
	node = take(r, "guest", 1);
	assert_ok(registry_note_nonce(node, nonce, 1000, 1000));
	assert_err(ERR_REPLAY, registry_note_nonce(node, nonce, 1000, 1060));
	for (uint32_t i = 1; i < LIMIT_HTTP_NONCES; i++) {
		memcpy(nonce, &i, sizeof(i));
		assert_ok(registry_note_nonce(node, nonce, 1000, 1000));
	}
	memset(nonce, 0xff, sizeof(nonce));
	assert_err(ERR_FULL, registry_note_nonce(node, nonce, 1000, 1000));
	/* Those too old to be taken at all need not be remembered. */
	assert_ok(registry_note_nonce(node, nonce, 1061, 1061));
	assert_int_equal(node->nonce_count, 1);
	registry_free(r);
}

static void
strangers_give_way_only_when_long_unseen(void **state)
{
	struct registry_call late = { .name = "late" };
	char name[32], dropped[LIMIT_NAME_BYTES + 1];
	struct registry_node *node;
	struct registry *r;

	(void)state;
	assert_ok(registry_new(NULL, &r));
	for (uint32_t i = 0; i < LIMIT_MEMBERS; i++) {
		snprintf(name, sizeof(name), "stranger-%u", i);
		take(r, name, 1000)->seen_ms = 1000 + i;
	}
	late.now_ms = LIMIT_STRANGER_MS;
	assert_err(ERR_FULL, registry_take(r, &late, &node, dropped));
	late.now_ms = LIMIT_STRANGER_MS + 2000;
	assert_ok(registry_take(r, &late, &node, dropped));
	assert_string_equal(dropped, "stranger-0");
	assert_null(registry_find(r, "stranger-0"));
	assert_int_equal(registry_count(r), LIMIT_MEMBERS);
	registry_free(r);
}

/* Who makes up names from one address (or from all of a network) leaves the others' places alone. */
static void
an_address_has_a_share_of_strangers(void **state)
{
	struct address from = { .family = 6, .bytes = { 0x20, 1, 0xd, 0xb8 } }, loopback;
	char name[32], dropped[LIMIT_NAME_BYTES + 1];
	struct registry_call call = { .name = name, .from = &from, .now_ms = 1000 };
	struct registry_node *node;
	struct registry *r;

	(void)state;
	assert_ok(registry_new(NULL, &r));
	take(r, "somebody", 1)->seen_ms = 1;
	for (uint32_t i = 0; i < LIMIT_STRANGERS_PER_ADDRESS; i++) {
		snprintf(name, sizeof(name), "made-up-%u", i);
		from.bytes[15] = (uint8_t)i;
		assert_ok(registry_take(r, &call, &node, dropped));
		node->seen_ms = 1000;
	}
	strcpy(name, "one-more");
	assert_err(ERR_FULL, registry_take(r, &call, &node, dropped));
	from.bytes[7] = 1; /* another network */
	assert_ok(registry_take(r, &call, &node, dropped));
	assert_string_equal(dropped, "");
	/* Its own make room once they were silent, though somebody else was silent for longer. */
	from.bytes[7] = 0;
	strcpy(name, "later");
	call.now_ms = LIMIT_STRANGER_MS + 2000;
	assert_ok(registry_take(r, &call, &node, dropped));
	assert_string_equal(dropped, "made-up-0");
	/* Behind a proxy on this host are many. */
	assert_true(address_parse("127.0.0.1", &loopback));
	call.from = &loopback;
	for (uint32_t i = 0; i <= LIMIT_STRANGERS_PER_ADDRESS; i++) {
		snprintf(name, sizeof(name), "proxied-%u", i);
		assert_ok(registry_take(r, &call, &node, dropped));
	}
	assert_non_null(registry_find(r, "somebody"));
	registry_free(r);
}

static void
names_are_names(void **state)
{
	char longest[LIMIT_NAME_BYTES + 2];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[LIMIT_NAME_BYTES + 1] = '\0';
	assert_true(registry_is_name("node-a_9"));
	assert_true(registry_is_name(longest + 1));
	assert_false(registry_is_name(longest));
	assert_false(registry_is_name(""));
	assert_false(registry_is_name("a b"));
	assert_false(registry_is_name("a/b"));
	assert_false(registry_is_name("a\xc3\xa4"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_key_owns_the_name),
		cmocka_unit_test(enrolled_names_have_enrolled_keys),
		cmocka_unit_test(a_nonce_counts_once_and_their_number_is_bounded),
		cmocka_unit_test(strangers_give_way_only_when_long_unseen),
		cmocka_unit_test(an_address_has_a_share_of_strangers),
		cmocka_unit_test(names_are_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
