#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "coordinator/store.h"
#include "sys/log.h"

#define FILE_NAME      "coordinator.db"
#define SCHEMA_VERSION 2
#define SET_ASIDE_MOST 1000

/*
 * EXCLUSIVE keeps a second coordinator out and needs no shared memory; FULL
 * makes a commit durable through a power loss, not only through a kill.
 */
static const char settings_sql[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                                   "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
                                   "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                                   "PRAGMA journal_size_limit=4194304; PRAGMA cache_size=-2048;";
static const char schema_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS node(name TEXT PRIMARY KEY, address TEXT NOT NULL,"
    " key BLOB NOT NULL, timestamp_s INTEGER NOT NULL, signature BLOB NOT NULL,"
    " seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS report(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " reported_ms INTEGER NOT NULL, node TEXT NOT NULL, score REAL NOT NULL,"
    " event_type TEXT NOT NULL, source_ip TEXT NOT NULL, decision TEXT NOT NULL,"
    " method TEXT NOT NULL, incident TEXT NOT NULL, nonce BLOB UNIQUE);"
    "CREATE INDEX IF NOT EXISTS report_time ON report(reported_ms);"
    "CREATE TABLE IF NOT EXISTS entry(number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
    " author BLOB NOT NULL, time_ms INTEGER NOT NULL, standing INTEGER NOT NULL,"
    " envelope BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS entry_evict ON entry(standing, author, number);"
    "COMMIT;";
/* From version 1, and of a new file: a report may carry what a model thinks. */
static const char upgrade_sql[] =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE report ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE report ADD COLUMN model TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE report ADD COLUMN opinion INTEGER NOT NULL DEFAULT -1;"
    "PRAGMA user_version=2;"
    "COMMIT;";

enum statement_id {
	PUT_NODE,
	DROP_NODE,
	EACH_NODE,
	ADD_REPORT,
	PURGE_REPORTS,
	EACH_REPORT,
	COUNT_REPORTS,
	HAS_ENTRY,
	ADD_ENTRY,
	EVICT_AUTHOR,
	EVICT_ANY,
	DROP_ENTRY,
	EACH_ENTRY,
	STATEMENT_COUNT
};

static const char *const statements_sql[STATEMENT_COUNT] = {
	[PUT_NODE] = "INSERT OR REPLACE INTO node VALUES(?1,?2,?3,?4,?5,?6)",
	[DROP_NODE] = "DELETE FROM node WHERE name=?1",
	[EACH_NODE] = "SELECT name,address,key,timestamp_s,signature,seen_ms FROM node",
	[ADD_REPORT] =
	    "INSERT INTO report(reported_ms,node,score,event_type,source_ip,decision,method,"
	    "incident,nonce,reason,model,opinion) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
	/* Two a report: the table shrinks back after a limit was lowered, never in one long step. */
	[PURGE_REPORTS] =
	    "DELETE FROM report WHERE number IN (SELECT number FROM report"
	    " WHERE number <= (SELECT max(number) FROM report) - ?1 ORDER BY number LIMIT 2)",
	[EACH_REPORT] =
	    "SELECT number,reported_ms,node,score,event_type,source_ip,decision,method,"
	    "incident,reason,model,opinion FROM (SELECT * FROM report WHERE reported_ms > ?1"
	    " ORDER BY number DESC LIMIT ?2) ORDER BY number",
	[COUNT_REPORTS] = "SELECT coalesce(max(number) - min(number) + 1, 0) FROM report",
	[HAS_ENTRY] = "SELECT 1 FROM entry WHERE hash=?1",
	[ADD_ENTRY] =
	    "INSERT INTO entry(hash,author,time_ms,standing,envelope) VALUES(?1,?2,?3,?4,?5)",
	[EVICT_AUTHOR] = "DELETE FROM entry WHERE number IN (SELECT number FROM entry"
	                 " WHERE standing=0 AND author=?1 ORDER BY number LIMIT ?2)"
	                 " RETURNING author",
	[EVICT_ANY] = "DELETE FROM entry WHERE number IN (SELECT number FROM entry"
	              " WHERE standing=0 ORDER BY number LIMIT ?1)"
	              " RETURNING author",
	[DROP_ENTRY] = "DELETE FROM entry WHERE hash=?1",
	[EACH_ENTRY] = "SELECT hash,author,time_ms,standing,envelope FROM entry ORDER BY number",
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool broken;
};

static enum err
translate(struct store *s, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return ERR_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_LOCKED;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_FULL:
		log_error("store: the disk is full; nothing more is accepted until there is room");
		return ERR_FULL;
	case SQLITE_CONSTRAINT:
		return ERR_REPLAY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		s->broken = true;
		return ERR_MALFORMED;
	default:
		log_error("store: %s (%d)", sqlite3_errmsg(s->db), code);
		return ERR_IO;
	}
}

/* Runs a statement that returns no row, and makes it ready for the next time. */
static enum err
run(struct store *s, enum statement_id id)
{
	int code = sqlite3_step(s->statements[id]);

	sqlite3_reset(s->statements[id]);
	sqlite3_clear_bindings(s->statements[id]);
	return translate(s, code);
}

static void
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static void
bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t size_bytes)
{
	sqlite3_bind_blob64(statement, at, bytes, size_bytes, SQLITE_STATIC);
}

static void
bind_number(sqlite3_stmt *statement, int at, uint64_t number)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64)(number > INT64_MAX ? INT64_MAX : number));
}

static uint64_t
column_number(sqlite3_stmt *statement, int at)
{
	sqlite3_int64 number = sqlite3_column_int64(statement, at);

	return number < 0 ? 0 : (uint64_t)number;
}

static const char *
column_text(sqlite3_stmt *statement, int at)
{
	const unsigned char *text = sqlite3_column_text(statement, at);

	return text == NULL ? "" : (const char *)text;
}

static bool
column_bytes(sqlite3_stmt *statement, int at, void *out, size_t size_bytes)
{
	const void *bytes = sqlite3_column_blob(statement, at);

	if (bytes == NULL || (size_t)sqlite3_column_bytes(statement, at) != size_bytes)
		return false;
	memcpy(out, bytes, size_bytes);
	return true;
}

/* Rows one by one; the statement is left ready for the next time. */
static enum err
each_row(struct store *s, enum statement_id id, void (*row)(sqlite3_stmt *, void *context),
    void *context)
{
	int code;

	while ((code = sqlite3_step(s->statements[id])) == SQLITE_ROW)
		row(s->statements[id], context);
	sqlite3_reset(s->statements[id]);
	sqlite3_clear_bindings(s->statements[id]);
	return translate(s, code);
}

static enum err
execute(struct store *s, const char *sql)
{
	return translate(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

static enum err
first_number(struct store *s, const char *sql, sqlite3_int64 *out)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return translate(s, code);
}

/* MALFORMED unless every page reads back sound. */
static enum err
check(struct store *s)
{
	sqlite3_stmt *statement;
	enum err err;
	int code = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	err = translate(s, code);
	if (err == ERR_OK && strcmp(column_text(statement, 0), "ok") != 0)
		err = ERR_MALFORMED;
	sqlite3_finalize(statement);
	return err;
}

static enum err
open_file(const char *path, struct store **out)
{
	struct store *s;
	sqlite3_int64 version = 0;
	enum err err;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return ERR_NOMEM;
	err = translate(
	    s, sqlite3_open_v2(path, &s->db,
	           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL));
	if (err != ERR_OK)
		goto fail;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if ((err = execute(s, settings_sql)) != ERR_OK || (err = check(s)) != ERR_OK ||
	    (err = first_number(s, "PRAGMA user_version", &version)) != ERR_OK)
		goto fail;
	if (version > SCHEMA_VERSION) {
		log_error(
		    "store: %s was written by a newer version (schema %lld, this one knows %d); "
		    "install that one again, or move the file away",
		    path, (long long)version, SCHEMA_VERSION);
		err = ERR_VERSION;
		goto fail;
	}
	if ((err = execute(s, schema_sql)) != ERR_OK ||
	    (version < SCHEMA_VERSION && (err = execute(s, upgrade_sql)) != ERR_OK))
		goto fail;
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		err = translate(s, sqlite3_prepare_v3(s->db, statements_sql[i], -1,
		                       SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL));
		if (err != ERR_OK)
			goto fail;
	}
	*out = s;
	return ERR_OK;

fail:
	store_close(s);
	return err;
}

/* Moves the file and its log to the first free coordinator.db.corrupt.N. */
static enum err
set_aside(const char *path)
{
	char to[2 * LIMIT_PATH_BYTES], from_wal[2 * LIMIT_PATH_BYTES],
	    to_wal[2 * LIMIT_PATH_BYTES + 8];

	for (int n = 1; n < SET_ASIDE_MOST; n++) {
		snprintf(to, sizeof(to), "%s.corrupt.%d", path, n);
		if (access(to, F_OK) == 0)
			continue;
		if (rename(path, to) == -1) {
			log_errno("store: cannot set %s aside", path);
			return ERR_IO;
		}
		snprintf(from_wal, sizeof(from_wal), "%s-wal", path);
		snprintf(to_wal, sizeof(to_wal), "%s-wal", to);
		if (rename(from_wal, to_wal) == -1 && errno != ENOENT) {
			log_errno("store: cannot set %s aside", from_wal);
			return ERR_IO;
		}
		log_error(
		    "store: %s is damaged; it was set aside as %s and a new one begun. "
		    "Reports in it are gone from the page; nodes register again by themselves "
		    "and the mesh's own decisions are in the nodes' feeds",
		    path, to);
		return ERR_OK;
	}
	log_error("store: too many damaged files beside %s; remove the old ones", path);
	return ERR_FULL;
}

enum err
store_open(const char *directory, struct store **out)
{
	char path[LIMIT_PATH_BYTES + sizeof(FILE_NAME)];
	enum err err;

	snprintf(path, sizeof(path), "%s/%s", directory, FILE_NAME);
	err = open_file(path, out);
	if (err == ERR_MALFORMED && (err = set_aside(path)) == ERR_OK)
		err = open_file(path, out);
	if (err == ERR_LOCKED)
		log_error(
		    "store: another coordinator has %s open; stop it, or give this one another "
		    "state_dir",
		    path);
	else if (err != ERR_OK)
		log_error("store: cannot open %s: %s", path, err_text(err));
	return err;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s);
}

bool
store_is_broken(const struct store *s)
{
	return s->broken;
}

enum err
store_begin(struct store *s)
{
	return execute(s, "BEGIN IMMEDIATE");
}

enum err
store_commit(struct store *s)
{
	return execute(s, "COMMIT");
}

void
store_rollback(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

enum err
store_put_node(struct store *s, const struct store_node *node)
{
	sqlite3_stmt *st = s->statements[PUT_NODE];

	bind_text(st, 1, node->name);
	bind_text(st, 2, node->address);
	bind_bytes(st, 3, node->key.bytes, sizeof(node->key.bytes));
	bind_number(st, 4, node->timestamp_s);
	bind_bytes(st, 5, node->signature.bytes, sizeof(node->signature.bytes));
	bind_number(st, 6, node->seen_ms);
	return run(s, PUT_NODE);
}

enum err
store_drop_node(struct store *s, const char *name)
{
	bind_text(s->statements[DROP_NODE], 1, name);
	return run(s, DROP_NODE);
}

struct node_rows {
	void (*fn)(void *, const struct store_node *);
	void *context;
};

static void
node_row(sqlite3_stmt *st, void *context)
{
	struct node_rows *rows = context;
	struct store_node node = {
		.name = column_text(st, 0),
		.address = column_text(st, 1),
		.timestamp_s = column_number(st, 3),
		.seen_ms = column_number(st, 5),
	};

	if (column_bytes(st, 2, node.key.bytes, sizeof(node.key.bytes)) &&
	    column_bytes(st, 4, node.signature.bytes, sizeof(node.signature.bytes)))
		rows->fn(rows->context, &node);
}

enum err
store_each_node(struct store *s, void (*fn)(void *, const struct store_node *), void *context)
{
	struct node_rows rows = { fn, context };

	return each_row(s, EACH_NODE, node_row, &rows);
}

enum err
store_add_report(struct store *s, struct store_report *r)
{
	sqlite3_stmt *st = s->statements[ADD_REPORT];
	sqlite3_int64 number;
	enum err err;

	if ((err = store_begin(s)) != ERR_OK)
		return err;
	bind_number(st, 1, r->reported_ms);
	bind_text(st, 2, r->node);
	sqlite3_bind_double(st, 3, r->score);
	bind_text(st, 4, r->event_type);
	bind_text(st, 5, r->source_ip);
	bind_text(st, 6, r->decision);
	bind_text(st, 7, r->method);
	bind_text(st, 8, r->incident);
	if (r->nonce != NULL)
		bind_bytes(st, 9, r->nonce, 16);
	bind_text(st, 10, r->reason);
	bind_text(st, 11, r->model);
	sqlite3_bind_int(st, 12, r->opinion);
	if ((err = run(s, ADD_REPORT)) != ERR_OK)
		goto fail;
	number = sqlite3_last_insert_rowid(s->db);
	bind_number(s->statements[PURGE_REPORTS], 1, LIMIT_REPORTS_KEPT);
	if ((err = run(s, PURGE_REPORTS)) != ERR_OK || (err = store_commit(s)) != ERR_OK)
		goto fail;
	r->number = (uint64_t)number;
	return ERR_OK;

fail:
	store_rollback(s);
	return err;
}

struct report_rows {
	void (*fn)(void *, const struct store_report *);
	void *context;
};

static void
report_row(sqlite3_stmt *st, void *context)
{
	struct report_rows *rows = context;
	struct store_report report = {
		.number = column_number(st, 0),
		.reported_ms = column_number(st, 1),
		.node = column_text(st, 2),
		.score = sqlite3_column_double(st, 3),
		.event_type = column_text(st, 4),
		.source_ip = column_text(st, 5),
		.decision = column_text(st, 6),
		.method = column_text(st, 7),
		.incident = column_text(st, 8),
		.reason = column_text(st, 9),
		.model = column_text(st, 10),
		.opinion = sqlite3_column_int(st, 11),
	};

	rows->fn(rows->context, &report);
}

enum err
store_each_report(struct store *s, uint64_t since_ms, size_t limit,
    void (*fn)(void *, const struct store_report *), void *context)
{
	struct report_rows rows = { fn, context };

	bind_number(s->statements[EACH_REPORT], 1, since_ms);
	bind_number(s->statements[EACH_REPORT], 2, limit);
	return each_row(s, EACH_REPORT, report_row, &rows);
}

static void
count_row(sqlite3_stmt *st, void *context)
{
	*(uint64_t *)context = column_number(st, 0);
}

enum err
store_count_reports(struct store *s, uint64_t *out)
{
	return each_row(s, COUNT_REPORTS, count_row, out);
}

bool
store_has_entry(struct store *s, const struct hash *hash)
{
	sqlite3_stmt *st = s->statements[HAS_ENTRY];
	int code;

	bind_bytes(st, 1, hash->bytes, sizeof(hash->bytes));
	code = sqlite3_step(st);
	sqlite3_reset(st);
	return code == SQLITE_ROW;
}

enum err
store_add_entry(struct store *s, const struct store_entry *e)
{
	sqlite3_stmt *st = s->statements[ADD_ENTRY];

	bind_bytes(st, 1, e->hash.bytes, sizeof(e->hash.bytes));
	bind_bytes(st, 2, e->author.bytes, sizeof(e->author.bytes));
	bind_number(st, 3, e->time_ms);
	bind_number(st, 4, e->standing);
	bind_bytes(st, 5, e->envelope.data, e->envelope.size_bytes);
	return run(s, ADD_ENTRY);
}

struct author_rows {
	void (*fn)(void *, const struct node_id *);
	void *context;
};

static void
author_row(sqlite3_stmt *st, void *context)
{
	struct author_rows *rows = context;
	struct node_id author;

	if (column_bytes(st, 0, author.bytes, sizeof(author.bytes)))
		rows->fn(rows->context, &author);
}

enum err
store_evict_entries(struct store *s, const struct node_id *author, size_t most,
    void (*fn)(void *, const struct node_id *), void *context)
{
	struct author_rows rows = { fn, context };
	enum statement_id id = author != NULL ? EVICT_AUTHOR : EVICT_ANY;
	int at = 1;

	if (author != NULL)
		bind_bytes(s->statements[id], at++, author->bytes, sizeof(author->bytes));
	bind_number(s->statements[id], at, most);
	return each_row(s, id, author_row, &rows);
}

enum err
store_drop_entry(struct store *s, const struct hash *hash)
{
	bind_bytes(s->statements[DROP_ENTRY], 1, hash->bytes, sizeof(hash->bytes));
	return run(s, DROP_ENTRY);
}

struct entry_rows {
	void (*fn)(void *, const struct store_entry *);
	void *context;
};

static void
entry_row(sqlite3_stmt *st, void *context)
{
	struct entry_rows *rows = context;
	struct store_entry entry = {
		.time_ms = column_number(st, 2),
		.standing = sqlite3_column_int(st, 3) != 0,
		.envelope = { sqlite3_column_blob(st, 4), (size_t)sqlite3_column_bytes(st, 4) },
	};

	if (column_bytes(st, 0, entry.hash.bytes, sizeof(entry.hash.bytes)) &&
	    column_bytes(st, 1, entry.author.bytes, sizeof(entry.author.bytes)))
		rows->fn(rows->context, &entry);
}

enum err
store_each_entry(struct store *s, void (*fn)(void *, const struct store_entry *), void *context)
{
	struct entry_rows rows = { fn, context };

	return each_row(s, EACH_ENTRY, entry_row, &rows);
}
