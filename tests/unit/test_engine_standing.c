/*
 * What the engine keeps to tell again: entries that stand, each once, so many
 * and no more, and nobody's words push out another's.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include "tests/check.h"
#include "tests/mesh.h"

static struct mesh mesh;
static struct config config;

bool
engine_hooks_wanted(const struct engine *e)
{
	return e->config->hooks.command[0] != '\0';
}

static struct engine *
engine_of(const char *coordinator)
{
	struct engine *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	memset(&config, 0, sizeof(config));
	strcpy(config.coordinator_host, coordinator);
	e->config = &config;
	return e;
}

static void
engine_end(struct engine *e)
{
	for (size_t i = 0; i < e->object_count; i++)
		free(e->objects[i].bytes);
	free(e);
}

/* The member's entry of that place in its feed. */
static void
hear(struct engine *e, size_t author, enum entry_kind kind, uint64_t sequence)
{
	static uint8_t bytes[4096];
	static struct entry entry;

	memset(&entry, 0, sizeof(entry));
	entry.kind = kind;
	entry.header = mesh_header(&mesh, &mesh.members[author]);
	entry.header.sequence = sequence;
	memset(entry.header.previous.bytes, sequence > 1, sizeof(entry.header.previous.bytes));
	if (kind == ENTRY_SELF_REPORT)
		entry.self_report = (struct self_report){ .kind = SELF_REPORT_PRECAUTION,
			.reason = CLASS_HONEYPOT_TRIPPED };
	engine_standing_add(e, (struct span){ bytes, mesh_envelope(&mesh.members[author], &entry,
	                                                 bytes, sizeof(bytes)) });
}

static size_t
held_of(const struct engine *e, size_t author)
{
	size_t count = 0;

	for (size_t i = 0; i < e->object_count; i++)
		count += memcmp(&e->objects[i].author, &mesh.members[author].id,
		             sizeof(struct node_id)) == 0;
	return count;
}

static void
once_and_only_what_stands(void **unused)
{
	struct engine *e = engine_of("10.0.0.1");

	(void)unused;
	hear(e, 0, ENTRY_SELF_REPORT, 1);
	hear(e, 0, ENTRY_SELF_REPORT, 1);
	assert_int_equal(e->object_count, 1);
	hear(e, 0, ENTRY_SELF_REPORT, 2);
	assert_int_equal(e->object_count, 2);
	hear(e, 1, ENTRY_RECEIPT, 1);
	engine_standing_add(e, (struct span){ (const uint8_t *)"garbage", 7 });
	engine_standing_add(e, (struct span){ NULL, 0 });
	assert_int_equal(e->object_count, 2);
	engine_end(e);
}

static void
for_nobody_nothing_is_kept(void **unused)
{
	struct engine *e = engine_of("");

	(void)unused;
	hear(e, 0, ENTRY_SELF_REPORT, 1);
	assert_int_equal(e->object_count, 0);
	strcpy(config.hooks.command, "/bin/true");
	hear(e, 0, ENTRY_SELF_REPORT, 1);
	assert_int_equal(e->object_count, 1);
	engine_end(e);
}

static void
who_writes_most_loses_its_oldest(void **unused)
{
	struct engine *e = engine_of("10.0.0.1");

	(void)unused;
	hear(e, 1, ENTRY_SELF_REPORT, 1);
	for (uint64_t i = 1; i <= 2 * ENGINE_OBJECTS; i++)
		hear(e, 0, ENTRY_SELF_REPORT, i);
	assert_int_equal(e->object_count, ENGINE_OBJECTS);
	hear(e, 2, ENTRY_SELF_REPORT, 1);
	assert_int_equal(e->object_count, ENGINE_OBJECTS);
	assert_int_equal(held_of(e, 1), 1);
	assert_int_equal(held_of(e, 2), 1);
	/* Its newest are there still. */
	hear(e, 0, ENTRY_SELF_REPORT, 2 * ENGINE_OBJECTS);
	assert_int_equal(held_of(e, 0), ENGINE_OBJECTS - 2);
	assert_int_equal(held_of(e, 2), 1);
	engine_end(e);
}

static int
make_mesh(void **unused)
{
	(void)unused;
	mesh_make(&mesh, 3);
	return 0;
}

static int
free_mesh(void **unused)
{
	(void)unused;
	mesh_free(&mesh);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once_and_only_what_stands),
		cmocka_unit_test(for_nobody_nothing_is_kept),
		cmocka_unit_test(who_writes_most_loses_its_oldest),
	};

	return cmocka_run_group_tests(tests, make_mesh, free_mesh);
}
