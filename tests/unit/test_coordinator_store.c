/*
 * The store gives back what it took, in order, refuses doubles, keeps within
 * its limits in small steps, and forgets what was rolled back.
 */
#include <stdlib.h>
#include <unistd.h>
#include <sqlite3.h>
#include "coordinator/store.h"
#include "tests/check.h"

static char directory[64];

static int
setup(void **state)
{
	(void)state;
	strcpy(directory,
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm/store-XXXXXX" : "/tmp/store-XXXXXX");
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/coordinator.db", directory);
	unlink(path);
	return rmdir(directory);
}

static struct store_report
report(uint64_t reported_ms, const uint8_t *nonce)
{
	return (struct store_report){ .reported_ms = reported_ms,
		.node = "node-a",
		.score = 9,
		.event_type = "HONEYPOT_TRIPPED",
		.source_ip = "10.0.0.1",
		.decision = "quarantine",
		.method = "rule-based",
		.incident = "",
		.reason = "",
		.model = "",
		.opinion = -1,
		.nonce = nonce };
}

struct seen {
	uint64_t first, last;
	size_t count;
};

static void
see_report(void *context, const struct store_report *r)
{
	struct seen *seen = context;

	if (seen->count++ == 0)
		seen->first = r->reported_ms;
	assert_true(r->reported_ms >= seen->last);
	seen->last = r->reported_ms;
}

static void
reports_are_bounded_and_ordered(void **state)
{
	uint8_t nonce[16] = { 7 };
	struct store_report r;
	struct seen seen = { 0 };
	struct store *s;
	uint64_t count;
	size_t purged;

	(void)state;
	assert_ok(store_open(directory, &s));
	r = report(1, nonce);
	assert_ok(store_add_report(s, &r));
	assert_err(ERR_REPLAY, store_add_report(s, &r));
	assert_ok(store_begin(s));
	for (uint64_t i = 2; i <= LIMIT_REPORTS_KEPT + 50; i++) {
		r = report(i, NULL);
		assert_ok(store_add_report(s, &r));
	}
	assert_ok(store_commit(s));
	assert_ok(store_purge(s, 0, &purged, NULL, NULL));
	assert_int_equal(purged, 50);
	assert_ok(store_count_reports(s, &count));
	assert_int_equal(count, LIMIT_REPORTS_KEPT);
	assert_ok(store_each_report(s, 0, 10, see_report, &seen));
	assert_int_equal(seen.count, 10);
	assert_int_equal(seen.first, LIMIT_REPORTS_KEPT + 41);
	memset(&seen, 0, sizeof(seen));
	assert_ok(store_each_report(s, LIMIT_REPORTS_KEPT + 47, 10, see_report, &seen));
	assert_int_equal(seen.count, 3);
	/* By age, some at a time. */
	assert_ok(store_purge(s, LIMIT_REPORTS_KEPT, &purged, NULL, NULL));
	assert_int_equal(purged, LIMIT_PURGED);
	assert_ok(store_count_reports(s, &count));
	assert_int_equal(count, LIMIT_REPORTS_KEPT - LIMIT_PURGED);
	store_close(s);
}

struct said {
	char reason[64], model[64];
	int opinion;
};

static void
see_opinion(void *context, const struct store_report *r)
{
	struct said *said = context;

	snprintf(said->reason, sizeof(said->reason), "%s", r->reason);
	snprintf(said->model, sizeof(said->model), "%s", r->model);
	said->opinion = r->opinion;
}

/* A file of version 1 is taken over with its reports, which carry no opinion; new ones may. */
static void
older_file_is_taken_over(void **state)
{
	static const char old[] =
	    "CREATE TABLE report(number INTEGER PRIMARY KEY AUTOINCREMENT,"
	    " reported_ms INTEGER NOT NULL, node TEXT NOT NULL, score REAL NOT NULL,"
	    " event_type TEXT NOT NULL, source_ip TEXT NOT NULL, decision TEXT NOT NULL,"
	    " method TEXT NOT NULL, incident TEXT NOT NULL, nonce BLOB UNIQUE);"
	    "INSERT INTO report VALUES(1,10,'node-a',9,'X','','monitor','rule-based','',NULL);"
	    "PRAGMA user_version=1;";
	struct store_report r = report(20, NULL);
	struct said said;
	struct store *s;
	sqlite3 *db;
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/coordinator.db", directory);
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, old, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);

	for (int round = 0; round < 2; round++) {
		assert_ok(store_open(directory, &s));
		assert_ok(store_each_report(s, 0, 1, see_opinion, &said));
		assert_string_equal(said.reason, round == 0 ? "" : "<b>odd</b>");
		assert_int_equal(said.opinion, round == 0 ? -1 : 3);
		r.reason = "<b>odd</b>";
		r.model = "m:1b";
		r.opinion = 3;
		assert_ok(store_add_report(s, &r));
		assert_ok(store_each_report(s, 0, 1, see_opinion, &said));
		assert_string_equal(said.reason, "<b>odd</b>");
		assert_string_equal(said.model, "m:1b");
		assert_int_equal(said.opinion, 3);
		store_close(s);
	}
}

static void
count_author(void *context, const struct node_id *author, const struct incident_id *incident)
{
	(void)incident;
	((size_t *)context)[author->bytes[0]]++;
}

static void
count_entry(void *context, const struct store_entry *e)
{
	((size_t *)context)[e->author.bytes[0]]++;
}

static void
add_entry(struct store *s, uint8_t author, uint8_t number, bool standing, enum err expected)
{
	struct store_entry e = { .hash = { { author, number } },
		.author = { { author } },
		.time_ms = number,
		.standing = standing,
		.envelope = { (const uint8_t *)"x", 1 } };

	assert_err(expected, store_add_entry(s, &e));
}

static void
standing_entries_are_never_evicted(void **state)
{
	size_t evicted[4] = { 0 }, kept[4] = { 0 };
	const struct node_id one = { { 1 } }, two = { { 2 } };
	struct store *s;

	(void)state;
	assert_ok(store_open(directory, &s));
	for (uint8_t i = 0; i < 10; i++) {
		add_entry(s, 1, i, i % 2 == 0, ERR_OK);
		add_entry(s, 2, i, false, ERR_OK);
	}
	add_entry(s, 1, 3, false, ERR_REPLAY);
	assert_ok(store_evict_entries(s, &one, 100, count_author, evicted));
	assert_int_equal(evicted[1], 5);
	assert_int_equal(evicted[2], 0);
	assert_ok(store_evict_entries(s, &two, 4, count_author, evicted));
	assert_int_equal(evicted[2], 4);
	store_close(s);
	assert_ok(store_open(directory, &s));
	assert_ok(store_each_entry(s, count_entry, kept));
	assert_int_equal(kept[1], 5);
	assert_int_equal(kept[2], 6);
	store_close(s);
}

static void
what_is_rolled_back_never_was(void **state)
{
	const struct hash hash = { { 3, 1 } };
	struct store *s;

	(void)state;
	assert_ok(store_open(directory, &s));
	assert_ok(store_begin(s));
	add_entry(s, 3, 1, true, ERR_OK);
	assert_true(store_has_entry(s, &hash));
	store_rollback(s);
	assert_false(store_has_entry(s, &hash));
	store_close(s);
}

static void
add_of_incident(struct store *s, uint8_t incident, uint8_t number, uint64_t expected)
{
	struct store_entry e = { .hash = { { incident, number } },
		.author = { { 1 } },
		.time_ms = 1000,
		.incident = { { incident } },
		.envelope = { (const uint8_t *)"x", 1 } };

	assert_ok(store_add_entry(s, &e));
	assert_int_equal(e.incident_number, expected);
}

/* An incident has one number for good, and loses it with its last entry. */
static void
incidents_are_numbered(void **state)
{
	const struct incident_id first = { { 101 } };
	size_t kept[4] = { 0 }, purged, gone[4] = { 0 };
	struct store *s;

	(void)state;
	assert_ok(store_open(directory, &s));
	add_of_incident(s, 101, 1, 1);
	add_of_incident(s, 102, 1, 2);
	add_of_incident(s, 101, 2, 1);
	store_close(s);
	assert_ok(store_open(directory, &s));
	add_of_incident(s, 101, 3, 1);
	add_of_incident(s, 103, 1, 3);
	assert_ok(store_each_of_incident(s, &first, 2, count_entry, kept));
	assert_int_equal(kept[1], 2);
	assert_ok(store_purge(s, 1001, &purged, count_author, gone));
	assert_true(gone[1] >= 5);
	add_of_incident(s, 102, 9, 4);
	store_close(s);
}

static void
count_line(void *context, const struct store_line *line)
{
	(*(size_t *)context)++;
	assert_string_equal(line->body, "{}");
}

/* Of the log the newest line stays, whatever its age: the next one names it. */
static void
the_newest_line_stays(void **state)
{
	struct store_line line = {
		.time_ms = 5, .kind = "report", .node = "node-a", .incident = "", .body = "{}"
	};
	size_t count = 0, purged;
	struct store *s;

	(void)state;
	assert_ok(store_open(directory, &s));
	for (line.number = 1; line.number <= 10; line.number++)
		assert_ok(store_add_line(s, &line));
	line.number = 10;
	assert_err(ERR_REPLAY, store_add_line(s, &line));
	assert_ok(store_each_line(s, 4, 3, count_line, &count));
	assert_int_equal(count, 3);
	assert_ok(store_purge(s, 6, &purged, count_author, NULL));
	count = 0;
	assert_ok(store_each_line(s, 0, 100, count_line, &count));
	assert_int_equal(count, 1);
	store_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_are_bounded_and_ordered),
		cmocka_unit_test(older_file_is_taken_over),
		cmocka_unit_test(standing_entries_are_never_evicted),
		cmocka_unit_test(what_is_rolled_back_never_was),
		cmocka_unit_test(incidents_are_numbered),
		cmocka_unit_test(the_newest_line_stays),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
