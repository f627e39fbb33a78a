/*
 * Who links to whom in a large mesh follows from the roster alone, for
 * everybody alike.
 */
#include <time.h>
#include "core/rings.h"
#include "tests/mesh.h"

static struct rings *
lay(const struct roster *roster)
{
	struct rings *rings;

	assert_ok(rings_new(crypto_sodium(), roster, &rings));
	return rings;
}

/* Up to LIMIT_FULL_MESH nodes everybody links to everybody; officials and the unlisted to nobody. */
static void
small_meshes_are_full(void **state)
{
	member_index list[LIMIT_FULL_MESH];
	size_t count = LIMIT_FULL_MESH;
	struct rings *rings;
	struct mesh m;

	(void)state;
	mesh_init(&m, LIMIT_FULL_MESH + 2);
	m.members[3].role = PROTOS__ROLE__ROLE_OPERATOR;
	m.members[7].unlisted = true;
	mesh_pack(&m);
	assert_ok(mesh_parse(&m));
	rings = lay(m.roster);
	assert_true(rings_are_full_mesh(rings));
	assert_ok(rings_neighbours(rings, m.members[0].index, list, &count));
	assert_int_equal(count, LIMIT_FULL_MESH - 1);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || list[i - 1] < list[i]);
		assert_true(rings_are_neighbours(rings, m.members[0].index, list[i]));
		assert_int_not_equal(list[i], m.members[3].index);
		assert_int_not_equal(list[i], m.members[7].index);
	}
	assert_false(rings_are_neighbours(rings, m.members[0].index, m.members[0].index));
	assert_false(rings_are_neighbours(rings, m.members[0].index, m.members[3].index));
	assert_false(rings_are_neighbours(rings, m.members[7].index, m.members[0].index));
	assert_false(rings_are_neighbours(rings, MEMBER_NONE, m.members[0].index));
	count = LIMIT_FULL_MESH - 2;
	assert_err(ERR_OVERSIZE, rings_neighbours(rings, m.members[0].index, list, &count));
	count = LIMIT_FULL_MESH;
	assert_ok(rings_neighbours(rings, m.members[7].index, list, &count));
	assert_int_equal(count, 0);
	rings_free(rings);
	mesh_free(&m);
	rings_free(NULL);
}

/* The successor of a member on a ring, found the slow way, from the definition. */
static member_index
successor(const struct roster *roster, member_index of, uint8_t ring)
{
	uint8_t bytes[17] = { ring };
	struct hash own, least, hash;
	member_index found = MEMBER_NONE, first = MEMBER_NONE;
	struct hash smallest;

	memcpy(bytes + 1, roster_member(roster, of)->id.bytes, 16);
	crypto_sodium()->sha256(NULL, "phalanx/ring/1", bytes, sizeof(bytes), &own);
	for (size_t i = 0; i < roster_count(roster); i++) {
		if (i == of || !epoch_has(roster_current(roster), (member_index)i))
			continue;
		memcpy(bytes + 1, roster_member(roster, (member_index)i)->id.bytes, 16);
		crypto_sodium()->sha256(NULL, "phalanx/ring/1", bytes, sizeof(bytes), &hash);
		if (memcmp(&hash, &own, sizeof(hash)) > 0 &&
		    (found == MEMBER_NONE || memcmp(&hash, &least, sizeof(hash)) < 0)) {
			found = (member_index)i;
			least = hash;
		}
		if (first == MEMBER_NONE || memcmp(&hash, &smallest, sizeof(hash)) < 0) {
			first = (member_index)i;
			smallest = hash;
		}
	}
	return found == MEMBER_NONE ? first : found;
}

/* Above, neighbours are the successors and predecessors on ten rings: nobody else, both ways. */
static void
rings_follow_the_definition(void **state)
{
	enum { COUNT = 80 };
	static bool expected[COUNT][COUNT];
	struct rings *rings;
	struct mesh m;

	(void)state;
	mesh_init(&m, COUNT);
	m.members[5].role = PROTOS__ROLE__ROLE_COORDINATOR;
	m.members[6].unlisted = true;
	m.members[8].weight = 0; /* a node like any other */
	mesh_pack(&m);
	assert_ok(mesh_parse(&m));
	for (member_index i = 0; i < COUNT; i++)
		for (uint8_t ring = 0; epoch_has(roster_current(m.roster), i) && ring < 10;
		     ring++) {
			member_index next = successor(m.roster, i, ring);

			expected[i][next] = expected[next][i] = true;
		}
	rings = lay(m.roster);
	assert_false(rings_are_full_mesh(rings));
	for (member_index i = 0; i < COUNT; i++) {
		member_index list[RINGS_NEIGHBOURS];
		size_t count = RINGS_NEIGHBOURS, found = 0;

		assert_ok(rings_neighbours(rings, i, list, &count));
		for (member_index other = 0; other < COUNT; other++) {
			assert_int_equal(rings_are_neighbours(rings, i, other), expected[i][other]);
			if (expected[i][other])
				assert_int_equal(list[found++], other);
		}
		assert_int_equal(found, count);
		assert_true(count >= 10 || !epoch_has(roster_current(m.roster), i));
	}
	rings_free(rings);
	mesh_free(&m);
}

/* Ten thousand members take no more than a moment (prints it) and know each other in few hops. */
static void
ten_thousand(void **state)
{
	member_index list[RINGS_NEIGHBOURS], *queue;
	struct timespec before, after;
	size_t at = 0, reached = 1, hops = 0;
	struct rings *rings;
	uint8_t *depth;
	struct mesh m;
	double ms;

	(void)state;
	mesh_make(&m, LIMIT_MEMBERS);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	rings = lay(m.roster);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	ms = (double)(after.tv_sec - before.tv_sec) * 1e3 +
	     (double)(after.tv_nsec - before.tv_nsec) / 1e6;
	printf("rings of 10,000 members: %.1f ms\n", ms);
	queue = calloc(LIMIT_MEMBERS, sizeof(*queue));
	depth = calloc(LIMIT_MEMBERS, 1);
	for (depth[0] = 1; at < reached; at++) {
		size_t count = RINGS_NEIGHBOURS;

		assert_ok(rings_neighbours(rings, queue[at], list, &count));
		for (size_t i = 0; i < count; i++)
			if (depth[list[i]] == 0) {
				depth[list[i]] = (uint8_t)(depth[queue[at]] + 1);
				hops = depth[list[i]] - 1u;
				queue[reached++] = list[i];
			}
	}
	assert_int_equal(reached, LIMIT_MEMBERS);
	assert_true(hops <= 6);
	free(queue);
	free(depth);
	rings_free(rings);
	mesh_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_meshes_are_full),
		cmocka_unit_test(rings_follow_the_definition),
		cmocka_unit_test(ten_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
