/*
 * store_sqlite: the file: opened, proven sound or set aside, written to in
 * transactions, closed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "coordinator/sql.h"
#include "coordinator/store_schema.h"
#include "sys/log.h"

#define FILE_NAME      "coordinator.db"
#define SET_ASIDE_MOST 1000

/*
 * EXCLUSIVE keeps a second coordinator out and needs no shared memory; FULL
 * makes a commit durable through a power loss, not only through a kill.
 */
static const char settings_sql[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                                   "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
                                   "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                                   "PRAGMA journal_size_limit=4194304; PRAGMA cache_size=-2048;";

/* MALFORMED unless every page reads back sound. */
static enum err
check(struct store *s)
{
	sqlite3_stmt *statement;
	enum err err;
	int code = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	err = sql_error(s, code);
	if (err == ERR_OK && strcmp(sql_text(statement, 0), "ok") != 0)
		err = ERR_MALFORMED;
	sqlite3_finalize(statement);
	return err;
}

static enum err
open_file(const char *path, struct store **out)
{
	struct store *s;
	enum err err;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return ERR_NOMEM;
	err = sql_error(
	    s, sqlite3_open_v2(path, &s->db,
	           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL));
	if (err != ERR_OK)
		goto fail;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if ((err = sql_execute(s, settings_sql)) != ERR_OK || (err = check(s)) != ERR_OK ||
	    (err = store_schema_make(s, path)) != ERR_OK || (err = sql_prepare(s)) != ERR_OK)
		goto fail;
	*out = s;
	return ERR_OK;

fail:
	store_close(s);
	return err;
}

/* A name with the date that is free. */
static bool
name_aside(const char *path, char *to, size_t room)
{
	char date[32];
	struct tm when;
	time_t now = time(NULL);

	if (gmtime_r(&now, &when) == NULL ||
	    strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &when) == 0)
		return false;
	for (int n = 1; n < SET_ASIDE_MOST; n++) {
		snprintf(to, room, n == 1 ? "%s.corrupt.%s" : "%s.corrupt.%s.%d", path, date, n);
		if (access(to, F_OK) == -1)
			return true;
	}
	return false;
}

/* Moves the file and its log to coordinator.db.corrupt.DATE. */
static enum err
set_aside(const char *path)
{
	char to[2 * LIMIT_PATH_BYTES], from_wal[2 * LIMIT_PATH_BYTES],
	    to_wal[2 * LIMIT_PATH_BYTES + 8];

	if (!name_aside(path, to, sizeof(to))) {
		log_error("store: too many damaged files beside %s; remove the old ones", path);
		return ERR_FULL;
	}
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
	log_error("store: %s is damaged; it was set aside as %s and a new one begun. "
	          "Reports in it are gone from the page; nodes are back with their next "
	          "heartbeat, and tell again what the mesh decided",
	    path, to);
	return ERR_OK;
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

bool
store_is_new(const struct store *s)
{
	return s->is_new;
}

enum err
store_begin(struct store *s)
{
	return sql_execute(s, "BEGIN IMMEDIATE");
}

enum err
store_commit(struct store *s)
{
	return sql_execute(s, "COMMIT");
}

void
store_rollback(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

enum err
store_size(struct store *s, uint64_t *size_bytes)
{
	sqlite3_int64 pages = 0, page_bytes = 0;
	enum err err;

	if ((err = sql_first_number(s, "PRAGMA page_count", &pages)) != ERR_OK ||
	    (err = sql_first_number(s, "PRAGMA page_size", &page_bytes)) != ERR_OK)
		return err;
	*size_bytes = (uint64_t)(pages * page_bytes);
	return ERR_OK;
}
