#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "coordinator/store.h"
#include "sys/log.h"

#define FILE_NAME      "coordinator.db"
#define SCHEMA_VERSION 3
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
/* A new file passes through all versions.  To 2: a report may carry what a model thinks. */
static const char upgrade_2_sql[] =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE report ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE report ADD COLUMN model TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE report ADD COLUMN opinion INTEGER NOT NULL DEFAULT -1;"
    "PRAGMA user_version=2;"
    "COMMIT;";
/* To 3: entries by incident, incidents by number, and the coordinator's own log. */
static const char upgrade_3_sql[] =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE entry ADD COLUMN incident BLOB NOT NULL DEFAULT x'';"
    "CREATE INDEX entry_incident ON entry(incident, number);"
    "CREATE INDEX entry_time ON entry(standing, time_ms);"
    "CREATE TABLE incident(number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE);"
    /* The last entry of an incident takes its number with it. */
    "CREATE TRIGGER incident_over AFTER DELETE ON entry WHEN NOT EXISTS"
    " (SELECT 1 FROM entry WHERE incident=OLD.incident) BEGIN"
    " DELETE FROM incident WHERE id=OLD.incident; END;"
    "CREATE TABLE line(number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
    " node TEXT NOT NULL, incident TEXT NOT NULL, hash BLOB NOT NULL, previous BLOB NOT NULL,"
    " body TEXT NOT NULL);"
    "PRAGMA user_version=3;"
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
	PLACE_ENTRY,
	OF_INCIDENT,
	ADD_INCIDENT,
	NUMBER_OF_INCIDENT,
	ADD_LINE,
	EACH_LINE,
	LAST_LINE,
	PURGE_LINES,
	PURGE_ENTRIES,
	STATEMENT_COUNT
};

static const char *const statements_sql[STATEMENT_COUNT] = {
	[PUT_NODE] = "INSERT OR REPLACE INTO node VALUES(?1,?2,?3,?4,?5,?6)",
	[DROP_NODE] = "DELETE FROM node WHERE name=?1",
	[EACH_NODE] = "SELECT name,address,key,timestamp_s,signature,seen_ms FROM node",
	[ADD_REPORT] =
	    "INSERT INTO report(reported_ms,node,score,event_type,source_ip,decision,method,"
	    "incident,nonce,reason,model,opinion) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
	/* Both grow in order of time, so only the oldest few are looked at. */
	[PURGE_REPORTS] =
	    "DELETE FROM report WHERE number IN (SELECT number FROM (SELECT number,reported_ms"
	    " FROM report ORDER BY number LIMIT ?3) WHERE"
	    " number <= (SELECT max(number) FROM report) - ?1 OR reported_ms < ?2)",
	[EACH_REPORT] =
	    "SELECT number,reported_ms,node,score,event_type,source_ip,decision,method,"
	    "incident,reason,model,opinion FROM (SELECT * FROM report WHERE reported_ms > ?1"
	    " ORDER BY number DESC LIMIT ?2) ORDER BY number",
	[COUNT_REPORTS] = "SELECT coalesce(max(number) - min(number) + 1, 0) FROM report",
	[HAS_ENTRY] = "SELECT 1 FROM entry WHERE hash=?1",
	[ADD_ENTRY] = "INSERT INTO entry(hash,author,time_ms,standing,envelope,incident)"
	              " VALUES(?1,?2,?3,?4,?5,?6)",
	[EVICT_AUTHOR] = "DELETE FROM entry WHERE number IN (SELECT number FROM entry"
	                 " WHERE standing=0 AND author=?1 ORDER BY number LIMIT ?2)"
	                 " RETURNING author,incident",
	[EVICT_ANY] = "DELETE FROM entry WHERE number IN (SELECT number FROM entry"
	              " WHERE standing=0 ORDER BY number LIMIT ?1)"
	              " RETURNING author,incident",
	[DROP_ENTRY] = "DELETE FROM entry WHERE hash=?1",
	[EACH_ENTRY] = "SELECT hash,author,time_ms,standing,envelope,incident,coalesce((SELECT"
	               " i.number FROM incident i WHERE i.id=entry.incident),0)"
	               " FROM entry ORDER BY entry.number",
	[PLACE_ENTRY] = "UPDATE entry SET incident=?2 WHERE hash=?1",
	[OF_INCIDENT] = "SELECT hash,author,time_ms,standing,envelope,incident,0 FROM entry"
	                " WHERE incident=?1 ORDER BY number LIMIT ?2",
	[ADD_INCIDENT] = "INSERT OR IGNORE INTO incident(id) VALUES(?1)",
	[NUMBER_OF_INCIDENT] = "SELECT number FROM incident WHERE id=?1",
	[ADD_LINE] = "INSERT INTO line VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
	[EACH_LINE] = "SELECT number,time_ms,kind,node,incident,hash,previous,body FROM line"
	              " WHERE number >= ?1 ORDER BY number LIMIT ?2",
	[LAST_LINE] = "SELECT number,time_ms,kind,node,incident,hash,previous,body FROM line"
	              " ORDER BY number DESC LIMIT 1",
	/* The newest stays: the next one names it. */
	[PURGE_LINES] = "DELETE FROM line WHERE number IN (SELECT number FROM (SELECT number,"
	                "time_ms FROM line ORDER BY number LIMIT ?3) WHERE"
	                " (number <= (SELECT max(number) FROM line) - ?1 OR time_ms < ?2)"
	                " AND number < (SELECT max(number) FROM line))",
	[PURGE_ENTRIES] = "DELETE FROM entry WHERE number IN (SELECT number FROM entry"
	                  " WHERE standing=0 AND time_ms < ?1 LIMIT ?2) RETURNING author,incident",
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
	    (version < 2 && (err = execute(s, upgrade_2_sql)) != ERR_OK) ||
	    (version < 3 && (err = execute(s, upgrade_3_sql)) != ERR_OK))
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
	enum err err, back;

	bind_text(st, 1, node->name);
	bind_text(st, 2, node->address);
	bind_bytes(st, 3, node->key.bytes, sizeof(node->key.bytes));
	bind_number(st, 4, node->timestamp_s);
	bind_bytes(st, 5, node->signature.bytes, sizeof(node->signature.bytes));
	bind_number(st, 6, node->seen_ms);
	if (!node->is_soft)
		return run(s, PUT_NODE);
	if ((err = execute(s, "PRAGMA synchronous=NORMAL")) != ERR_OK)
		return err;
	err = run(s, PUT_NODE);
	back = execute(s, "PRAGMA synchronous=FULL");
	return err != ERR_OK ? err : back;
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
	enum err err;

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
	if ((err = run(s, ADD_REPORT)) == ERR_OK)
		r->number = (uint64_t)sqlite3_last_insert_rowid(s->db);
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

static bool
is_of_none(const struct incident_id *id)
{
	static const struct incident_id none;

	return memcmp(id, &none, sizeof(none)) == 0;
}

static enum err
number_incident(struct store *s, const struct incident_id *id, uint64_t *out)
{
	enum err err;

	*out = 0;
	if (is_of_none(id))
		return ERR_OK;
	bind_bytes(s->statements[NUMBER_OF_INCIDENT], 1, id->bytes, sizeof(id->bytes));
	if ((err = each_row(s, NUMBER_OF_INCIDENT, count_row, out)) != ERR_OK || *out != 0)
		return err;
	bind_bytes(s->statements[ADD_INCIDENT], 1, id->bytes, sizeof(id->bytes));
	if ((err = run(s, ADD_INCIDENT)) == ERR_OK)
		*out = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return err;
}

enum err
store_add_entry(struct store *s, struct store_entry *e)
{
	sqlite3_stmt *st = s->statements[ADD_ENTRY];
	enum err err;

	if ((err = number_incident(s, &e->incident, &e->incident_number)) != ERR_OK)
		return err;
	bind_bytes(st, 1, e->hash.bytes, sizeof(e->hash.bytes));
	bind_bytes(st, 2, e->author.bytes, sizeof(e->author.bytes));
	bind_number(st, 3, e->time_ms);
	bind_number(st, 4, e->standing);
	bind_bytes(st, 5, e->envelope.data, e->envelope.size_bytes);
	bind_bytes(st, 6, e->incident.bytes, sizeof(e->incident.bytes));
	return run(s, ADD_ENTRY);
}

enum err
store_place_entry(struct store *s, struct store_entry *e)
{
	sqlite3_stmt *st = s->statements[PLACE_ENTRY];
	enum err err;

	if ((err = number_incident(s, &e->incident, &e->incident_number)) != ERR_OK)
		return err;
	bind_bytes(st, 1, e->hash.bytes, sizeof(e->hash.bytes));
	bind_bytes(st, 2, e->incident.bytes, sizeof(e->incident.bytes));
	return run(s, PLACE_ENTRY);
}

struct gone_rows {
	void (*fn)(void *, const struct node_id *, const struct incident_id *);
	void *context;
};

static void
gone_row(sqlite3_stmt *st, void *context)
{
	struct gone_rows *rows = context;
	struct incident_id incident = { 0 };
	struct node_id author;

	(void)column_bytes(st, 1, incident.bytes, sizeof(incident.bytes));
	if (column_bytes(st, 0, author.bytes, sizeof(author.bytes)))
		rows->fn(rows->context, &author, &incident);
}

enum err
store_evict_entries(struct store *s, const struct node_id *author, size_t most,
    void (*fn)(void *, const struct node_id *, const struct incident_id *), void *context)
{
	struct gone_rows rows = { fn, context };
	enum statement_id id = author != NULL ? EVICT_AUTHOR : EVICT_ANY;
	int at = 1;

	if (author != NULL)
		bind_bytes(s->statements[id], at++, author->bytes, sizeof(author->bytes));
	bind_number(s->statements[id], at, most);
	return each_row(s, id, gone_row, &rows);
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
		.incident_number = column_number(st, 6),
	};

	/* Of an older version: it is zero still. */
	(void)column_bytes(st, 5, entry.incident.bytes, sizeof(entry.incident.bytes));

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

enum err
store_each_of_incident(struct store *s, const struct incident_id *id, size_t most,
    void (*fn)(void *, const struct store_entry *), void *context)
{
	struct entry_rows rows = { fn, context };

	bind_bytes(s->statements[OF_INCIDENT], 1, id->bytes, sizeof(id->bytes));
	bind_number(s->statements[OF_INCIDENT], 2, most);
	return each_row(s, OF_INCIDENT, entry_row, &rows);
}

/* ---- the coordinator's own log ---------------------------------------------------- */

enum err
store_add_line(struct store *s, const struct store_line *line)
{
	sqlite3_stmt *st = s->statements[ADD_LINE];

	bind_number(st, 1, line->number);
	bind_number(st, 2, line->time_ms);
	bind_text(st, 3, line->kind);
	bind_text(st, 4, line->node);
	bind_text(st, 5, line->incident);
	bind_bytes(st, 6, line->hash.bytes, sizeof(line->hash.bytes));
	bind_bytes(st, 7, line->previous.bytes, sizeof(line->previous.bytes));
	bind_text(st, 8, line->body);
	return run(s, ADD_LINE);
}

struct line_rows {
	void (*fn)(void *, const struct store_line *);
	void *context;
};

static void
line_row(sqlite3_stmt *st, void *context)
{
	struct line_rows *rows = context;
	struct store_line line = {
		.number = column_number(st, 0),
		.time_ms = column_number(st, 1),
		.kind = column_text(st, 2),
		.node = column_text(st, 3),
		.incident = column_text(st, 4),
		.body = column_text(st, 7),
	};

	if (column_bytes(st, 5, line.hash.bytes, sizeof(line.hash.bytes)) &&
	    column_bytes(st, 6, line.previous.bytes, sizeof(line.previous.bytes)))
		rows->fn(rows->context, &line);
}

enum err
store_each_line(struct store *s, uint64_t from, size_t most,
    void (*fn)(void *, const struct store_line *), void *context)
{
	struct line_rows rows = { fn, context };

	bind_number(s->statements[EACH_LINE], 1, from);
	bind_number(s->statements[EACH_LINE], 2, most);
	return each_row(s, EACH_LINE, line_row, &rows);
}

enum err
store_last_line(struct store *s, void (*fn)(void *, const struct store_line *), void *context)
{
	struct line_rows rows = { fn, context };

	return each_row(s, LAST_LINE, line_row, &rows);
}

/* ---- bounds ------------------------------------------------------------------------ */

static enum err
purge(struct store *s, enum statement_id id, uint64_t most, uint64_t cutoff_ms, size_t *purged)
{
	enum err err;

	bind_number(s->statements[id], 1, most);
	bind_number(s->statements[id], 2, cutoff_ms);
	bind_number(s->statements[id], 3, LIMIT_PURGED);
	if ((err = run(s, id)) == ERR_OK)
		*purged += (size_t)sqlite3_changes(s->db);
	return err;
}

static enum err
purge_all(struct store *s, uint64_t cutoff_ms, size_t *purged,
    void (*fn)(void *, const struct node_id *, const struct incident_id *), void *context)
{
	struct gone_rows rows = { fn, context };
	enum err err;

	if ((err = purge(s, PURGE_REPORTS, LIMIT_REPORTS_KEPT, cutoff_ms, purged)) != ERR_OK ||
	    (err = purge(s, PURGE_LINES, LIMIT_LINES_KEPT, cutoff_ms, purged)) != ERR_OK)
		return err;
	bind_number(s->statements[PURGE_ENTRIES], 1, cutoff_ms);
	bind_number(s->statements[PURGE_ENTRIES], 2, LIMIT_PURGED);
	if ((err = each_row(s, PURGE_ENTRIES, gone_row, &rows)) == ERR_OK)
		*purged += (size_t)sqlite3_changes(s->db);
	return err;
}

enum err
store_purge(struct store *s, uint64_t cutoff_ms, size_t *out,
    void (*fn)(void *, const struct node_id *, const struct incident_id *), void *context)
{
	size_t purged = 0;
	enum err err;

	if ((err = store_begin(s)) != ERR_OK)
		return err;
	if ((err = purge_all(s, cutoff_ms, &purged, fn, context)) != ERR_OK ||
	    (err = store_commit(s)) != ERR_OK) {
		store_rollback(s);
		return err;
	}
	*out = purged;
	return ERR_OK;
}

enum err
store_size(struct store *s, uint64_t *size_bytes)
{
	sqlite3_int64 pages = 0, page_bytes = 0;
	enum err err;

	if ((err = first_number(s, "PRAGMA page_count", &pages)) != ERR_OK ||
	    (err = first_number(s, "PRAGMA page_size", &page_bytes)) != ERR_OK)
		return err;
	*size_bytes = (uint64_t)(pages * page_bytes);
	return ERR_OK;
}
