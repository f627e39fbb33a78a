/*
 * Above LIMIT_FULL_MESH nodes the real net process links to its neighbours on
 * the rings, and to nobody else, whoever calls.
 */
#include "tests/check.h"
#include "tests/net_node.h"
#include "core/rings.h"
#include "sys/crypto.h"

#define EARLY 40 /* enrolled when everybody still links to everybody */
#define ALL   (LIMIT_FULL_MESH + 6)

static struct mesh mesh;
static struct roster *roster, *early;

static void
enrol(size_t from, size_t to)
{
	char name[32], address[32];

	for (size_t i = from; i < to; i++) {
		(void)snprintf(name, sizeof(name), "node-%zu", i);
		(void)snprintf(address, sizeof(address), "127.0.9.%zu", i + 1);
		mesh_enrol(&mesh, name, address, mesh.port, "node");
	}
	mesh_run(&mesh, "epoch --dir D");
}

static void
start(struct node *node, member_index index, bool with_the_early_roster)
{
	static struct config config;
	const struct member *m = roster_member(roster, index);
	char address[46], line[256];

	memset(node, 0, sizeof(*node));
	node->mesh = &mesh;
	address_format(&m->addresses[0], address);
	(void)snprintf(node->name, sizeof(node->name), "%.15s", m->name);
	(void)snprintf(node->address, sizeof(node->address), "%.15s", address);
	mesh_bundle(&mesh, node->name);
	(void)snprintf(line, sizeof(line), "cp %s/early %s/%s/roster", mesh.dir, mesh.dir, m->name);
	if (with_the_early_roster)
		node_check(system(line) == 0);
	node_configure(node, &config);
	config.local_mode = true;
	node_start_with(node, &mesh, &config);
	node_open(node);
}

static bool
is_early(member_index index)
{
	return roster_find_name(early, roster_member(roster, index)->name) != MEMBER_NONE;
}

static bool
dials(member_index a, member_index b)
{
	return node_id_compare(&roster_member(roster, a)->id, &roster_member(roster, b)->id) < 0;
}

/* Neighbours link; and who dials because it has not heard of the rings yet is refused. */
static void
neighbours_link_and_nobody_else(void **unused)
{
	member_index middle = MEMBER_NONE, neighbour = MEMBER_NONE, stranger = MEMBER_NONE;
	const struct msg_link *link;
	struct node nodes[3];
	struct rings *rings;

	(void)unused;
	assert_ok(rings_new(crypto_sodium(), roster, &rings));
	assert_false(rings_are_full_mesh(rings));
	for (member_index i = 0; i < ALL && stranger == MEMBER_NONE; i++)
		for (member_index j = 0; j < ALL; j++)
			if (is_early(i) && is_early(j) && dials(j, i) &&
			    !rings_are_neighbours(rings, i, j)) {
				middle = i;
				stranger = j;
			}
	for (member_index i = 0; i < ALL && neighbour == MEMBER_NONE; i++)
		if (rings_are_neighbours(rings, middle, i))
			neighbour = i;
	rings_free(rings);
	assert_true(stranger != MEMBER_NONE && neighbour != MEMBER_NONE);

	start(&nodes[0], middle, false);
	start(&nodes[1], stranger, true);
	/* Long enough for the stranger to try again and again. */
	assert_false(node_wait(&nodes[0], MSG_LINK, 1500));
	start(&nodes[2], neighbour, false);
	link = node_expect(&nodes[0], MSG_LINK);
	assert_int_equal(link->change, LINK_UP);
	assert_int_equal(link->peer, neighbour);
	assert_false(node_wait(&nodes[0], MSG_LINK, 300));
	for (size_t i = 0; i < 3; i++)
		node_stop(&nodes[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(neighbours_link_and_nobody_else) };
	char line[256];
	int failed;

	mesh_make(&mesh, NULL);
	enrol(0, EARLY);
	(void)snprintf(line, sizeof(line), "mv %s/D/roster %s/early", mesh.dir, mesh.dir);
	early = mesh_roster(&mesh, crypto_sodium());
	node_check(system(line) == 0);
	enrol(EARLY, ALL);
	roster = mesh_roster(&mesh, crypto_sodium());
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	roster_free(early);
	roster_free(roster);
	mesh_remove(&mesh);
	return failed;
}
