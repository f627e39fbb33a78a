/*
 * store_schema: the tables, and how an older file comes to have them.
 */
#include "coordinator/store_schema.h"
#include "sys/log.h"

#define SCHEMA_VERSION 3

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

enum err
store_schema_make(struct store *s, const char *path)
{
	sqlite3_int64 version = 0;
	enum err err;

	if ((err = sql_first_number(s, "PRAGMA user_version", &version)) != ERR_OK)
		return err;
	s->is_new = version == 0;
	if (version > SCHEMA_VERSION) {
		log_error(
		    "store: %s was written by a newer version (schema %lld, this one knows %d); "
		    "install that one again, or move the file away",
		    path, (long long)version, SCHEMA_VERSION);
		return ERR_VERSION;
	}
	if ((err = sql_execute(s, schema_sql)) != ERR_OK ||
	    (version < 2 && (err = sql_execute(s, upgrade_2_sql)) != ERR_OK) ||
	    (version < 3 && (err = sql_execute(s, upgrade_3_sql)) != ERR_OK))
		return err;
	return ERR_OK;
}
