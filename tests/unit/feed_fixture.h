/*
 * feed_fixture: a directory with a member's identity key, drafts to append,
 * and a notebook of what was handed out, for the tests of the feed.
 */
#ifndef TESTS_FEED_FIXTURE_H
#define TESTS_FEED_FIXTURE_H
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sys/feed.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "tests/mesh.h"

#define NOTES_MOST 4096

struct fixture {
	struct mesh mesh;
	char directory[64];
	struct secret_key *key;
	struct feed_config config;
};

struct note {
	struct hash hash;
	struct signature signature;
	uint64_t sequence;
	uint64_t own;
	uint64_t kind; /* enum entry_kind */
};

struct notes {
	size_t count;
	struct note list[NOTES_MOST];
};

static inline void
note(struct notes *n, bool own, struct span bytes)
{
	struct note *to = &n->list[n->count++];
	struct envelope envelope;
	struct entry_header header;
	enum entry_kind kind;

	assert_true(n->count <= NOTES_MOST);
	assert_ok(envelope_parse(bytes.data, bytes.size_bytes, &envelope));
	assert_true(envelope.is_signed);
	assert_ok(entry_peek(envelope.body, &header, &kind));
	memset(to, 0, sizeof(*to));
	to->own = own;
	to->kind = (uint64_t)kind;
	to->sequence = header.sequence;
	to->signature = envelope.signature;
	entry_hash(crypto_sodium(), envelope.body, &to->hash);
}

static inline void
note_committed(void *context, uint32_t ticket, struct span bytes)
{
	(void)ticket;
	note(context, true, bytes);
}

static inline void
note_replayed(void *context, bool own, struct span bytes)
{
	note(context, own, bytes);
}

/* DIRECTORY/identity.key of that member, and the key read back. */
static inline void
fixture_key(struct fixture *f, member_index self)
{
	const struct mesh_member *member = mesh_at(&f->mesh, self);
	char path[128], hex[2 * sizeof(member->key.secret) + 1];
	FILE *file;

	snprintf(path, sizeof(path), "%s/identity.key", f->directory);
	sodium_bin2hex(hex, sizeof(hex), member->key.secret, sizeof(member->key.secret));
	assert_non_null(file = fopen(path, "w"));
	fputs(hex, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
	identity_free(f->key);
	assert_ok(identity_load(path, &f->key));
	f->config = (struct feed_config){ .directory = f->directory,
		.crypto = crypto_sodium(),
		.roster = f->mesh.roster,
		.self = self,
		.key = f->key };
}

static inline void
fixture_make(struct fixture *f)
{
	*f = (struct fixture){ .directory = "/tmp/phalanx-test.XXXXXX" };
	mesh_make(&f->mesh, 5);
	assert_non_null(mkdtemp(f->directory));
	fixture_key(f, 0);
	log_init("", "test", LOG_LEVEL_ERROR);
}

static inline int
fixture_remove(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static inline void
fixture_free(struct fixture *f)
{
	nftw(f->directory, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	identity_free(f->key);
	mesh_free(&f->mesh);
}

static inline void
fixture_path(const struct fixture *f, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", f->directory, name);
}

/* A draft against member 1; every third is a verdict, number tells the others apart. */
static inline size_t
fixture_draft(const struct fixture *f, uint32_t number, uint8_t *out, size_t room)
{
	uint64_t now_ms = loop_unix_ms();
	struct entry e = { .kind = ENTRY_STATEMENT,
		.header = { .mesh = f->mesh.id, .epoch = 1, .time_ms = now_ms } };
	struct node_id subject = roster_member(f->mesh.roster, 1)->id;

	if (number % 3 == 2) {
		e.kind = ENTRY_VERDICT;
		e.verdict.level = LEVEL_QUARANTINE;
		e.verdict.subject = subject;
		e.verdict.window = ballot_window(now_ms);
	} else {
		e.statement.subject = subject;
		e.statement.class = CLASS_HONEYPOT_TRIPPED;
		e.statement.score = 9;
		e.statement.source = (struct endpoint){ { 4, { 10, 77, 0, 66 } }, 4000 };
		e.statement.destination = (struct endpoint){ { 6, { 0xfd, 0x77 } }, 2222 };
		e.statement.seen_ms = now_ms;
		memcpy(e.statement.evidence, &number, sizeof(number));
		e.statement.evidence_bytes = sizeof(number);
	}
	assert_ok(entry_encode(&e, out, &room));
	return room;
}

static inline void
fixture_stage(const struct fixture *f, struct feed *feed, uint32_t number)
{
	uint8_t draft[1024];
	uint32_t ticket;
	size_t size = fixture_draft(f, number, draft, sizeof(draft));

	assert_ok(feed_stage(feed, (struct span){ draft, size }, &ticket));
}

static inline size_t
fixture_size(const struct fixture *f, const char *name)
{
	char path[128];
	struct stat st;

	fixture_path(f, name, path);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* audit.log, whole; the caller frees it. */
static inline char *
fixture_read_log(const struct fixture *f, size_t *size)
{
	char path[128], *data;
	FILE *file;

	*size = fixture_size(f, "audit.log");
	fixture_path(f, "audit.log", path);
	assert_non_null(data = malloc(*size + 1));
	assert_non_null(file = fopen(path, "r"));
	assert_int_equal(fread(data, 1, *size, file), *size);
	fclose(file);
	data[*size] = '\0';
	return data;
}

static inline void
fixture_write_log(const struct fixture *f, const char *data, size_t size)
{
	char path[128];
	FILE *file;

	fixture_path(f, "audit.log", path);
	assert_non_null(file = fopen(path, "w"));
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

#endif
