/*
 * sql: the store's prepared statements, and typed access to their rows.
 * Shared by the store's files alone.
 */
#ifndef COORDINATOR_SQL_H
#define COORDINATOR_SQL_H
#include <sqlite3.h>
#include "coordinator/store.h"

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
	DROP_ENTRY,
	EACH_ENTRY,
	PLACE_ENTRY,
	OF_INCIDENT,
	STANDING_OF_INCIDENT,
	ADD_INCIDENT,
	NUMBER_OF_INCIDENT,
	ADD_LINE,
	EACH_LINE,
	LAST_LINE,
	PURGE_LINES,
	PURGE_ENTRIES,
	STATEMENT_COUNT
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool broken;
	bool is_new; /* this start made the file */
};

/* Prepares all; errors of sql_error(). */
MUST_USE enum err sql_prepare(struct store *);
/* What one of SQLite's codes means to the callers of store.h; damage is remembered. */
MUST_USE enum err sql_error(struct store *, int code);

/* Text and bytes must live until the statement was run. */
void sql_bind_text(sqlite3_stmt *, int at, const char *text);
void sql_bind_bytes(sqlite3_stmt *, int at, const void *bytes, size_t size_bytes);
void sql_bind_number(sqlite3_stmt *, int at, uint64_t number);

uint64_t sql_number(sqlite3_stmt *, int at);     /* 0 for what is negative */
const char *sql_text(sqlite3_stmt *, int at);    /* "" for NULL */
/* False, and nothing written: it is not of that size. */
bool sql_bytes(sqlite3_stmt *, int at, void *out, size_t size_bytes);

/* Runs a statement that returns no row, and makes it ready for the next time. */
MUST_USE enum err sql_run(struct store *, enum statement_id);
/* Rows one by one; the statement is left ready for the next time. */
MUST_USE enum err sql_each(struct store *, enum statement_id,
    void (*row)(sqlite3_stmt *, void *context), void *context);
/* For sql_each(): the row's only column, into a uint64_t. */
void sql_number_row(sqlite3_stmt *, void *out);

MUST_USE enum err sql_execute(struct store *, const char *sql);
/* Of the first row; untouched when there is none. */
MUST_USE enum err sql_first_number(struct store *, const char *sql, sqlite3_int64 *out);

#endif
