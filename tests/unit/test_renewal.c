#include "sys/roster_parts.h"
#include "tests/unit/feed_fixture.h"

/* The CA renews the fixture's node; the roster with it, the fixture's from now on. */
static struct roster *
renew(struct fixture *f)
{
	struct roster *next;

	mesh_append_renewal(
	    &f->mesh, (size_t)(mesh_at(&f->mesh, f->config.self) - f->mesh.members));
	assert_ok(roster_extend(f->mesh.roster, crypto_sodium(), &f->mesh.ca.public_key,
	    mesh_news(&f->mesh, f->mesh.roster), &next));
	return next;
}

static void
adopt(struct fixture *f, struct roster *next)
{
	roster_free(f->mesh.roster);
	f->mesh.roster = next;
	f->config.roster = next;
}

static void
append(struct fixture *f, struct feed *feed, uint32_t number, struct notes *out)
{
	fixture_stage(f, feed, number);
	assert_ok(feed_commit(feed, note_committed, out));
}

/* A renewal begins a new feed at sequence 1, in the same file, and both are replayed. */
static void
renewal_begins_anew(void **unused)
{
	struct notes out = { 0 }, back = { 0 };
	struct roster *next;
	struct fixture f;
	struct feed *feed;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	append(&f, feed, 0, &out);
	append(&f, feed, 1, &out);
	next = renew(&f);
	assert_ok(feed_set_roster(feed, next));
	adopt(&f, next);
	assert_int_equal(feed_sequence(feed), 0);
	append(&f, feed, 3, &out);
	assert_int_equal(out.list[2].sequence, 1);
	feed_close(feed);

	assert_ok(feed_open(&f.config, &feed));
	assert_false(feed_lost_state(feed));
	assert_int_equal(feed_sequence(feed), 1);
	append(&f, feed, 4, &out);
	assert_int_equal(out.list[3].sequence, 2);
	assert_ok(feed_replay(feed, note_replayed, &back));
	assert_int_equal(back.count, 4);
	assert_memory_equal(back.list, out.list, 4 * sizeof(out.list[0]));
	feed_close(feed);
	fixture_free(&f);
}

/* Renewed while it was down: the feed starts at 1, though entries of the life before stand there. */
static void
renewed_while_down(void **unused)
{
	struct notes out = { 0 };
	struct fixture f;
	struct feed *feed;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	append(&f, feed, 0, &out);
	feed_close(feed);
	adopt(&f, renew(&f));
	assert_ok(feed_open(&f.config, &feed));
	assert_int_equal(feed_sequence(feed), 0);
	append(&f, feed, 1, &out);
	assert_int_equal(out.list[1].sequence, 1);
	feed_close(feed);
	fixture_free(&f);
}

/* With the roster of an earlier life nothing is signed: the log knows better. */
static void
older_roster_signs_nothing(void **unused)
{
	struct roster *older;
	struct notes out = { 0 };
	struct fixture f;
	struct feed *feed;

	(void)unused;
	fixture_make(&f);
	assert_ok(roster_parse(
	    crypto_sodium(), &f.mesh.ca.public_key, f.mesh.bytes, f.mesh.size_bytes, &older));
	adopt(&f, renew(&f));
	assert_ok(feed_open(&f.config, &feed));
	append(&f, feed, 0, &out);
	feed_close(feed);
	f.config.roster = older;
	assert_ok(feed_open(&f.config, &feed));
	assert_true(feed_lost_state(feed));
	feed_close(feed);
	roster_free(older);
	fixture_free(&f);
}

static void
damage_log(const struct fixture *f)
{
	size_t size;
	char *log = fixture_read_log(f, &size), *seq = strstr(log, "\"kind\":\"");

	assert_non_null(seq);
	seq[8] ^= 1;
	fixture_write_log(f, log, size);
	free(log);
}

static bool
is_lost(const struct fixture *f)
{
	struct feed *feed;
	bool lost;

	assert_ok(feed_open(&f->config, &feed));
	lost = feed_lost_state(feed);
	feed_close(feed);
	return lost;
}

/*
 * A damaged log ends the life in which the damage was found, and no more: the
 * next one begins a new log.  Damage that was never seen in an earlier life may
 * hide entries of this one.
 */
static void
damage_ends_with_the_life(void **unused)
{
	struct notes out = { 0 };
	struct fixture f;
	struct feed *feed;
	struct roster *next;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	append(&f, feed, 0, &out);
	append(&f, feed, 1, &out);
	feed_close(feed);
	damage_log(&f);
	/* Found in life 2 for the first time: was anything signed in life 2? */
	adopt(&f, renew(&f));
	assert_true(is_lost(&f));
	assert_true(is_lost(&f));
	/* Life 3, while it runs. */
	assert_ok(feed_open(&f.config, &feed));
	next = renew(&f);
	assert_ok(feed_set_roster(feed, next));
	adopt(&f, next);
	assert_false(feed_lost_state(feed));
	append(&f, feed, 3, &out);
	assert_int_equal(out.list[2].sequence, 1);
	feed_close(feed);
	assert_true(fixture_size(&f, "audit.log.torn.1") > 0);
	/* The mark is gone with the damage: new damage, in life 3, is not excused by the old mark. */
	damage_log(&f);
	assert_true(is_lost(&f));
	assert_true(is_lost(&f));
	fixture_free(&f);
}

/* ---- parts ------------------------------------------------------------------------ */

struct growing {
	struct mesh mesh;
	struct roster *have;
	struct roster_parts parts;
};

static void
grow_begin(struct growing *g)
{
	*g = (struct growing){ 0 };
	mesh_make(&g->mesh, 4);
	assert_ok(roster_parse(
	    crypto_sodium(), &g->mesh.ca.public_key, g->mesh.bytes, g->mesh.size_bytes, &g->have));
	for (int i = 0; i < 3; i++)
		(void)mesh_append_member(&g->mesh);
	mesh_append_epoch(&g->mesh);
}

static void
grow_end(struct growing *g)
{
	roster_parts_drop(&g->parts);
	roster_free(g->have);
	mesh_free(&g->mesh);
}

/* Put [from, to) of the records, prove what is whole. */
static enum err
put(struct growing *g, size_t from, size_t to)
{
	struct span part = { g->mesh.bytes + from, to - from };
	struct roster *next;
	enum err err;

	if ((err = roster_parts_put(&g->parts, g->have, from, part)) != ERR_OK ||
	    (err = roster_parts_prove(&g->parts, g->have, &g->mesh.ca.public_key, &next)) != ERR_OK)
		return err;
	if (next != NULL) {
		roster_free(g->have);
		g->have = next;
	}
	return ERR_OK;
}

/* However the records are cut, they arrive whole, and repeated or overlapping parts do no harm. */
static void
parts_of_any_size(void **unused)
{
	static const size_t sizes[] = { 1, 7, 100, 333, 5000 };

	(void)unused;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct growing g;
		size_t at, end;

		grow_begin(&g);
		for (at = roster_records(g.have).size_bytes; at < g.mesh.size_bytes; at = end) {
			end = at + sizes[i] < g.mesh.size_bytes ? at + sizes[i] : g.mesh.size_bytes;
			assert_ok(put(&g, at, end));
			assert_ok(put(&g, at / 2, end));
		}
		assert_int_equal(roster_records(g.have).size_bytes, g.mesh.size_bytes);
		assert_int_equal(roster_count(g.have), 7);
		assert_int_equal(epoch_number(roster_current(g.have)), 2);
		assert_int_equal(g.parts.used, 0);
		grow_end(&g);
	}
}

/* A gap is told, a contradiction is told, a forged record is refused; none changes the roster. */
static void
bad_parts_are_refused(void **unused)
{
	struct growing g;
	size_t known;

	(void)unused;
	grow_begin(&g);
	known = roster_records(g.have).size_bytes;
	assert_int_equal(put(&g, known + 1, g.mesh.size_bytes), ERR_RANGE);
	g.mesh.bytes[known / 2] ^= 1;
	assert_int_equal(put(&g, 0, known + 10), ERR_EQUIVOCATION);
	g.mesh.bytes[known / 2] ^= 1;
	g.mesh.bytes[known + 40] ^= 1;
	assert_int_not_equal(put(&g, known, g.mesh.size_bytes), ERR_OK);
	assert_int_equal(g.parts.used, 0);
	assert_int_equal(roster_count(g.have), 4);
	g.mesh.bytes[known + 40] ^= 1;
	assert_ok(put(&g, known, g.mesh.size_bytes));
	assert_int_equal(roster_count(g.have), 7);
	grow_end(&g);
}

/* Half a record that never ends gives way to a part that begins where the roster ends. */
static void
half_a_record_blocks_nobody(void **unused)
{
	static uint8_t endless[64] = { 0x0a, 0xff, 0xff, 0xff, 0x02 };
	struct growing g;
	size_t known;

	(void)unused;
	grow_begin(&g);
	known = roster_records(g.have).size_bytes;
	assert_ok(
	    roster_parts_put(&g.parts, g.have, known, (struct span){ endless, sizeof(endless) }));
	assert_int_equal(g.parts.used, sizeof(endless));
	assert_ok(put(&g, known, g.mesh.size_bytes));
	assert_int_equal(roster_count(g.have), 7);
	grow_end(&g);
}

/* Parts are cut so that a message holds them, and end with the records. */
static void
cuts_fit(void **unused)
{
	static uint8_t bytes[LIMIT_ROSTER_PART_BYTES + 5];
	struct span all = { bytes, sizeof(bytes) };

	(void)unused;
	assert_int_equal(roster_parts_cut(all, 0).size_bytes, LIMIT_ROSTER_PART_BYTES);
	assert_int_equal(roster_parts_cut(all, LIMIT_ROSTER_PART_BYTES).size_bytes, 5);
	assert_int_equal(roster_parts_cut(all, sizeof(bytes)).size_bytes, 0);
	assert_int_equal(roster_parts_cut(all, UINT64_MAX).size_bytes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewal_begins_anew),
		cmocka_unit_test(renewed_while_down),
		cmocka_unit_test(older_roster_signs_nothing),
		cmocka_unit_test(damage_ends_with_the_life),
		cmocka_unit_test(parts_of_any_size),
		cmocka_unit_test(bad_parts_are_refused),
		cmocka_unit_test(half_a_record_blocks_nobody),
		cmocka_unit_test(cuts_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
