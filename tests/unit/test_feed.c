#include <signal.h>
#include <sys/resource.h>
#include "sys/feed_line.h"
#include "tests/entries.h"
#include "tests/unit/feed_fixture.h"

/* What was appended is what comes back, whole, signed, chained, in order. */
static void
appends_come_back(void **unused)
{
	struct fixture f;
	struct notes out = { 0 }, back = { 0 };
	struct feed *feed;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	assert_int_equal(feed_sequence(feed), 0);
	for (uint32_t i = 0; i < 7; i++) {
		fixture_stage(&f, feed, i);
		if (i != 4) /* 4 and 5 share a commit */
			assert_ok(feed_commit(feed, note_committed, &out));
	}
	assert_int_equal(feed_sequence(feed), 7);
	feed_close(feed);
	assert_ok(feed_open(&f.config, &feed));
	assert_false(feed_lost_state(feed));
	assert_int_equal(feed_sequence(feed), 7);
	assert_ok(feed_replay(feed, note_replayed, &back));
	feed_close(feed);
	assert_int_equal(out.count, 7);
	assert_memory_equal(&out, &back, sizeof(out));
	fixture_free(&f);
}

static void
verify_one(void *context, uint32_t ticket, struct span bytes)
{
	struct fixture *f = context;
	struct envelope envelope;
	struct ballot ballot;
	struct entry e;
	member_index author;

	(void)ticket;
	assert_ok(envelope_parse(bytes.data, bytes.size_bytes, &envelope));
	assert_ok(entry_verify(crypto_sodium(), f->mesh.roster, &envelope, &e, &author));
	assert_int_equal(author, f->config.self);
	if (e.kind != ENTRY_VERDICT)
		return;
	ballot = mesh_ballot(&f->mesh, mesh_at(&f->mesh, 1));
	ballot.window = e.verdict.window;
	assert_true(ballot_verify(crypto_sodium(), &mesh_at(&f->mesh, author)->key.public_key,
	    &ballot, &e.verdict.ballot_signature));
}

/* Every entry handed out verifies for a peer, and a verdict's ballot too. */
static void
entries_verify(void **unused)
{
	struct fixture f;
	struct feed *feed;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	for (uint32_t i = 0; i < 3; i++)
		fixture_stage(&f, feed, i);
	assert_ok(feed_commit(feed, verify_one, &f));
	feed_close(feed);
	fixture_free(&f);
}

/* A second holder is refused. */
static void
one_holder(void **unused)
{
	struct fixture f;
	struct feed *feed, *second;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	assert_err(ERR_LOCKED, feed_open(&f.config, &second));
	feed_close(feed);
	assert_ok(feed_open(&f.config, &second));
	feed_close(second);
	fixture_free(&f);
}

/* Link messages, finished entries, other meshes and epochs, and noise are no drafts. */
static void
drafts_are_checked(void **unused)
{
	struct fixture f;
	struct entry e = { .kind = ENTRY_PING };
	uint8_t draft[1024];
	size_t size = sizeof(draft);
	struct feed *feed;
	uint32_t ticket;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	e.header.mesh = f.mesh.id;
	assert_ok(entry_encode(&e, draft, &size));
	assert_err(ERR_MALFORMED, feed_stage(feed, (struct span){ draft, size }, &ticket));
	size = fixture_draft(&f, 1, draft, sizeof(draft));
	draft[size - 1] ^= 0x80;
	assert_int_not_equal(ERR_OK, feed_stage(feed, (struct span){ draft, size }, &ticket));
	e = (struct entry){ .kind = ENTRY_SELF_REPORT };
	e.header.epoch = 1;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	size = sizeof(draft);
	assert_ok(entry_encode(&e, draft, &size));
	assert_err(ERR_MESH, feed_stage(feed, (struct span){ draft, size }, &ticket));
	e.header.mesh = f.mesh.id;
	e.header.epoch = 2;
	size = sizeof(draft);
	assert_ok(entry_encode(&e, draft, &size));
	assert_err(ERR_EPOCH, feed_stage(feed, (struct span){ draft, size }, &ticket));
	e.header.epoch = 1;
	e.header.sequence = 1;
	e.header.author = roster_member(f.mesh.roster, 0)->id;
	size = sizeof(draft);
	assert_ok(entry_encode(&e, draft, &size));
	assert_err(ERR_MALFORMED, feed_stage(feed, (struct span){ draft, size }, &ticket));
	assert_int_equal(feed_sequence(feed), 0);
	feed_close(feed);
	fixture_free(&f);
}

/*
 * A last line that was never signed may end anywhere: it is cut off and kept
 * aside, or if it is whole it is signed, and the bytes are the same.
 */
static void
torn_tails_are_cut(void **unused)
{
	struct fixture f;
	struct notes out = { 0 }, back;
	struct feed *feed;
	size_t size, first;
	char *data, *blank;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	fixture_stage(&f, feed, 0);
	assert_ok(feed_commit(feed, note_committed, &out));
	first = fixture_size(&f, "audit.log");
	fixture_stage(&f, feed, 1);
	assert_ok(feed_commit(feed, note_committed, &out));
	feed_close(feed);
	data = fixture_read_log(&f, &size);
	blank = data + size - 3 - 88;
	for (size_t cut = first; cut <= size; cut += cut + 120 < size ? 37 : 1) {
		char saved[88];

		memcpy(saved, blank, sizeof(saved));
		memset(blank, ' ', sizeof(saved));
		fixture_write_log(&f, data, cut);
		memcpy(blank, saved, sizeof(saved));
		assert_ok(feed_open(&f.config, &feed));
		assert_false(feed_lost_state(feed));
		assert_int_equal(feed_sequence(feed), cut == size ? 2 : 1);
		back.count = 0;
		assert_ok(feed_replay(feed, note_replayed, &back));
		assert_int_equal(back.count, feed_sequence(feed));
		for (size_t i = 0; i < back.count; i++)
			assert_memory_equal(&back.list[i], &out.list[i], sizeof(back.list[i]));
		feed_close(feed);
		assert_int_equal(fixture_size(&f, "audit.log"), cut == size ? size : first);
	}
	assert_true(fixture_size(&f, "audit.log.torn.1") > 0);
	free(data);
	fixture_free(&f);
}

/* A signature of which a part was written is completed. */
static void
half_a_signature_is_completed(void **unused)
{
	struct fixture f;
	struct notes out = { 0 };
	struct feed *feed;
	size_t size, again_size;
	char *data, *again;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	fixture_stage(&f, feed, 0);
	assert_ok(feed_commit(feed, note_committed, &out));
	feed_close(feed);
	data = fixture_read_log(&f, &size);
	again = malloc(size);
	memcpy(again, data, size);
	memset(again + size - 3 - 40, ' ', 40);
	fixture_write_log(&f, again, size);
	free(again);
	assert_ok(feed_open(&f.config, &feed));
	assert_false(feed_lost_state(feed));
	feed_close(feed);
	again = fixture_read_log(&f, &again_size);
	assert_int_equal(again_size, size);
	assert_memory_equal(again, data, size);
	free(again);
	free(data);
	fixture_free(&f);
}

/* Cut off between two entries, the feed opens: only peers can know. */
static void
cut_at_a_boundary_opens(void **unused)
{
	struct fixture f;
	struct notes out = { 0 };
	struct feed *feed;
	size_t size;
	char *data, *end;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	for (uint32_t i = 0; i < 3; i++)
		fixture_stage(&f, feed, i);
	assert_ok(feed_commit(feed, note_committed, &out));
	feed_close(feed);
	data = fixture_read_log(&f, &size);
	end = memrchr(data, '\n', size - 1);
	fixture_write_log(&f, data, (size_t)(end - data) + 1);
	free(data);
	assert_ok(feed_open(&f.config, &feed));
	assert_false(feed_lost_state(feed));
	assert_int_equal(feed_sequence(feed), 2);
	assert_memory_equal(feed_head_hash(feed), &out.list[1].hash, sizeof(struct hash));
	feed_close(feed);
	fixture_free(&f);
}

/* No flipped bit of a signed entry goes unnoticed, and then nothing is signed. */
static void
flipped_bits_lose_state(void **unused)
{
	struct fixture f;
	struct notes out = { 0 };
	struct feed *feed;
	uint8_t draft[1024];
	uint32_t ticket;
	size_t size, mended_size, draft_size;
	char *data, *first, *mended;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	for (uint32_t i = 0; i < 3; i++)
		fixture_stage(&f, feed, i);
	assert_ok(feed_commit(feed, note_committed, &out));
	feed_close(feed);
	data = fixture_read_log(&f, &size);
	first = strchr(data, '\n') + 1;
	draft_size = fixture_draft(&f, 1, draft, sizeof(draft));
	log_init("", "test", LOG_LEVEL_ERROR + 1);
	for (size_t at = (size_t)(first - data); at < size; at++) {
		data[at] ^= (char)(1 << at % 7);
		fixture_write_log(&f, data, size);
		assert_ok(feed_open(&f.config, &feed));
		if (!feed_lost_state(feed)) {
			/* A blank in a signature is mended from the body; nothing else may pass. */
			if (data[at] != ' ')
				fail_msg("byte %zu of %zu: unnoticed", at, size);
			feed_close(feed);
			data[at] ^= (char)(1 << at % 7);
			mended = fixture_read_log(&f, &mended_size);
			assert_int_equal(mended_size, size);
			assert_memory_equal(mended, data, size);
			free(mended);
			continue;
		}
		assert_err(
		    ERR_DENIED, feed_stage(feed, (struct span){ draft, draft_size }, &ticket));
		feed_close(feed);
		assert_int_equal(fixture_size(&f, "audit.log"), size);
		data[at] ^= (char)(1 << at % 7);
	}
	free(data);
	fixture_free(&f);
}

/* A feed of another identity is left alone and nothing is signed over it. */
static void
foreign_feed_is_refused(void **unused)
{
	struct fixture f;
	struct notes out = { 0 };
	struct feed *feed;
	size_t size;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	fixture_stage(&f, feed, 0);
	assert_ok(feed_commit(feed, note_committed, &out));
	feed_close(feed);
	size = fixture_size(&f, "audit.log");
	fixture_key(&f, 1);
	log_init("", "test", LOG_LEVEL_ERROR + 1);
	assert_ok(feed_open(&f.config, &feed));
	assert_true(feed_lost_state(feed));
	assert_int_equal(feed_sequence(feed), 0);
	feed_close(feed);
	assert_int_equal(fixture_size(&f, "audit.log"), size);
	fixture_free(&f);
}

/* A full disk fails the commit, hands out nothing, and the next one works. */
static void
full_disk_leaves_nothing(void **unused)
{
	struct fixture f;
	struct notes out = { 0 };
	struct rlimit before, small;
	struct feed *feed;
	size_t size;

	(void)unused;
	fixture_make(&f);
	assert_ok(feed_open(&f.config, &feed));
	fixture_stage(&f, feed, 0);
	assert_ok(feed_commit(feed, note_committed, &out));
	size = fixture_size(&f, "audit.log");

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = size + 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fixture_stage(&f, feed, 1);
	fixture_stage(&f, feed, 2);
	log_init("", "test", LOG_LEVEL_ERROR);
	assert_err(ERR_IO, feed_commit(feed, note_committed, &out));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(out.count, 1);
	assert_int_equal(fixture_size(&f, "audit.log"), size);
	assert_int_equal(feed_sequence(feed), 1);

	fixture_stage(&f, feed, 3);
	assert_ok(feed_commit(feed, note_committed, &out));
	assert_int_equal(out.list[1].sequence, 2);
	feed_close(feed);
	fixture_free(&f);
}

static size_t
peer_entry(
    struct fixture *f, member_index author, uint64_t sequence, uint64_t time_ms, uint8_t out[1024])
{
	const struct mesh_member *member = mesh_at(&f->mesh, author);
	struct entry e = { .kind = ENTRY_SELF_REPORT, .header = mesh_header(&f->mesh, member) };

	e.header.sequence = sequence;
	e.header.time_ms = time_ms;
	e.self_report.kind = SELF_REPORT_PRECAUTION;
	e.self_report.reason = CLASS_HONEYPOT_TRIPPED;
	e.self_report.score = 9;
	return mesh_envelope(member, &e, out, 1024);
}

/*
 * What peers sent comes back, the standing part however old; an author that
 * outgrows its share loses its own oldest entries and nobody else's.
 */
static void
received_has_shares(void **unused)
{
	struct fixture f;
	struct notes back = { 0 };
	struct feed *feed;
	uint8_t bytes[1024];
	size_t size, last = 0;

	(void)unused;
	fixture_make(&f);
	f.config.received_limit_bytes = UINT64_C(120000); /* a half, a fifth of it: 12,000 */
	assert_ok(feed_open(&f.config, &feed));
	size = peer_entry(&f, 1, 1, 1000, bytes);
	assert_ok(feed_keep(feed, 1, true, (struct span){ bytes, size }));
	size = peer_entry(&f, 2, 1, loop_unix_ms(), bytes);
	assert_ok(feed_keep(feed, 2, false, (struct span){ bytes, size }));
	assert_err(ERR_AUTHOR, feed_keep(feed, 1, false, (struct span){ bytes, size }));
	assert_int_not_equal(ERR_OK, feed_keep(feed, 2, false, (struct span){ bytes, size - 1 }));
	for (uint64_t i = 1; i <= 100; i++) {
		size = peer_entry(&f, 3, i + 1, loop_unix_ms(), bytes);
		assert_ok(feed_keep(feed, 3, false, (struct span){ bytes, size }));
	}
	assert_ok(feed_keep_sync(feed));
	feed_close(feed);
	assert_true(fixture_size(&f, "received.log") < 16000);

	assert_ok(feed_open(&f.config, &feed));
	assert_ok(feed_replay(feed, note_replayed, &back));
	feed_close(feed);
	assert_true(back.count > 6 && back.count < 30);
	assert_int_equal(back.list[0].sequence, 1);
	assert_int_equal(back.list[1].sequence, 1);
	for (size_t i = 2; i < back.count; i++) {
		assert_true(back.list[i].sequence > last);
		last = back.list[i].sequence;
	}
	assert_int_equal(last, 101);
	fixture_free(&f);
}

/* Each kind has one line, of ASCII, that reads back; a release's reason is JSON, however long. */
static void
every_kind_has_its_line(void **unused)
{
	const char *reason = "\"reason\":\"\\u00dcberpr\\u00fcft: ein \\\"Scanner\\\", kein "
	                     "Angriff \\ud83d\\udee1\"";
	static char line[LIMIT_LINE_BYTES];
	struct feed_line parsed;
	struct mesh m;

	(void)unused;
	mesh_make(&m, 3);
	for (size_t i = 0; i <= FEED_MAKERS; i++) {
		struct entry e = i < FEED_MAKERS ? makers[i](&m) : make_release(&m);
		uint8_t body[4096];
		size_t body_bytes = sizeof(body), chars;
		struct hash hash;

		if (i == FEED_MAKERS) /* the most that escapes can add */
			for (size_t at = 0; at < LIMIT_REASON_BYTES; at += 2)
				memcpy(e.release.reason + at, "\xc3\xa9", 3);
		assert_ok(entry_encode(&e, body, &body_bytes));
		entry_hash(crypto_sodium(), (struct span){ body, body_bytes }, &hash);
		chars = feed_line_write(crypto_sodium(), &e, (struct span){ body, body_bytes },
		    &hash, FEED_OWN, &(struct signature){ 0 }, line);
		assert_true(chars <= feed_line_room(body_bytes));
		for (size_t at = 0; at + 1 < chars; at++)
			assert_in_range(line[at], ' ', '~');
		line[chars - 1] = '\0';
		if (e.kind == ENTRY_RELEASE && i < FEED_MAKERS)
			assert_non_null(strstr(line, reason));
		assert_ok(feed_line_parse(crypto_sodium(), line, chars - 1, &parsed));
		assert_int_equal(parsed.entry.kind, e.kind);
	}
	mesh_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_come_back),
		cmocka_unit_test(entries_verify),
		cmocka_unit_test(one_holder),
		cmocka_unit_test(drafts_are_checked),
		cmocka_unit_test(torn_tails_are_cut),
		cmocka_unit_test(half_a_signature_is_completed),
		cmocka_unit_test(cut_at_a_boundary_opens),
		cmocka_unit_test(flipped_bits_lose_state),
		cmocka_unit_test(foreign_feed_is_refused),
		cmocka_unit_test(full_disk_leaves_nothing),
		cmocka_unit_test(received_has_shares),
		cmocka_unit_test(every_kind_has_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
