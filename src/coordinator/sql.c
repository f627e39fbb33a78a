/*
 * sql: every statement of the store in one place, and how they are run.
 */
#include <string.h>
#include "coordinator/sql.h"
#include "sys/log.h"

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
	[DROP_ENTRY] = "DELETE FROM entry WHERE hash=?1",
	[EACH_ENTRY] = "SELECT hash,author,time_ms,standing,envelope,incident,coalesce((SELECT"
	               " i.number FROM incident i WHERE i.id=entry.incident),0)"
	               " FROM entry ORDER BY entry.number",
	[PLACE_ENTRY] = "UPDATE entry SET incident=?2 WHERE hash=?1",
	[OF_INCIDENT] = "SELECT hash,author,time_ms,standing,envelope,incident,0 FROM entry"
	                " WHERE incident=?1 ORDER BY number LIMIT ?2",
	[STANDING_OF_INCIDENT] = "SELECT hash,author,time_ms,standing,envelope,incident,0 FROM"
	                         " entry WHERE incident=?1 AND standing=1 ORDER BY number",
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

enum err
sql_error(struct store *s, int code)
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

enum err
sql_run(struct store *s, enum statement_id id)
{
	int code = sqlite3_step(s->statements[id]);

	sqlite3_reset(s->statements[id]);
	sqlite3_clear_bindings(s->statements[id]);
	return sql_error(s, code);
}

void
sql_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void
sql_bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t size_bytes)
{
	sqlite3_bind_blob64(statement, at, bytes, size_bytes, SQLITE_STATIC);
}

void
sql_bind_number(sqlite3_stmt *statement, int at, uint64_t number)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64)(number > INT64_MAX ? INT64_MAX : number));
}

uint64_t
sql_number(sqlite3_stmt *statement, int at)
{
	sqlite3_int64 number = sqlite3_column_int64(statement, at);

	return number < 0 ? 0 : (uint64_t)number;
}

const char *
sql_text(sqlite3_stmt *statement, int at)
{
	const unsigned char *text = sqlite3_column_text(statement, at);

	return text == NULL ? "" : (const char *)text;
}

bool
sql_bytes(sqlite3_stmt *statement, int at, void *out, size_t size_bytes)
{
	const void *bytes = sqlite3_column_blob(statement, at);

	if (bytes == NULL || (size_t)sqlite3_column_bytes(statement, at) != size_bytes)
		return false;
	memcpy(out, bytes, size_bytes);
	return true;
}

enum err
sql_each(struct store *s, enum statement_id id, void (*row)(sqlite3_stmt *, void *context),
    void *context)
{
	int code;

	while ((code = sqlite3_step(s->statements[id])) == SQLITE_ROW)
		row(s->statements[id], context);
	sqlite3_reset(s->statements[id]);
	sqlite3_clear_bindings(s->statements[id]);
	return sql_error(s, code);
}

enum err
sql_execute(struct store *s, const char *sql)
{
	return sql_error(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

enum err
sql_first_number(struct store *s, const char *sql, sqlite3_int64 *out)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return sql_error(s, code);
}

void
sql_number_row(sqlite3_stmt *st, void *out)
{
	*(uint64_t *)out = sql_number(st, 0);
}

enum err
sql_prepare(struct store *s)
{
	enum err err = ERR_OK;

	for (int i = 0; i < STATEMENT_COUNT && err == ERR_OK; i++)
		err = sql_error(s, sqlite3_prepare_v3(s->db, statements_sql[i], -1,
		                       SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL));
	return err;
}
