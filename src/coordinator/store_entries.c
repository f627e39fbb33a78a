/*
 * store_entries: what the mesh said, and the numbers of its incidents.
 */
#include <string.h>
#include "coordinator/store_entries.h"

bool
store_has_entry(struct store *s, const struct hash *hash)
{
	sqlite3_stmt *st = s->statements[HAS_ENTRY];
	int code;

	sql_bind_bytes(st, 1, hash->bytes, sizeof(hash->bytes));
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
	sql_bind_bytes(s->statements[NUMBER_OF_INCIDENT], 1, id->bytes, sizeof(id->bytes));
	if ((err = sql_each(s, NUMBER_OF_INCIDENT, sql_number_row, out)) != ERR_OK || *out != 0)
		return err;
	sql_bind_bytes(s->statements[ADD_INCIDENT], 1, id->bytes, sizeof(id->bytes));
	if ((err = sql_run(s, ADD_INCIDENT)) == ERR_OK)
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
	sql_bind_bytes(st, 1, e->hash.bytes, sizeof(e->hash.bytes));
	sql_bind_bytes(st, 2, e->author.bytes, sizeof(e->author.bytes));
	sql_bind_number(st, 3, e->time_ms);
	sql_bind_number(st, 4, e->standing);
	sql_bind_bytes(st, 5, e->envelope.data, e->envelope.size_bytes);
	sql_bind_bytes(st, 6, e->incident.bytes, sizeof(e->incident.bytes));
	return sql_run(s, ADD_ENTRY);
}

enum err
store_place_entry(struct store *s, struct store_entry *e)
{
	sqlite3_stmt *st = s->statements[PLACE_ENTRY];
	enum err err;

	if ((err = number_incident(s, &e->incident, &e->incident_number)) != ERR_OK)
		return err;
	sql_bind_bytes(st, 1, e->hash.bytes, sizeof(e->hash.bytes));
	sql_bind_bytes(st, 2, e->incident.bytes, sizeof(e->incident.bytes));
	return sql_run(s, PLACE_ENTRY);
}

void
store_entry_gone(sqlite3_stmt *st, void *context)
{
	struct store_gone *rows = context;
	struct incident_id incident = { 0 };
	struct node_id author;

	(void)sql_bytes(st, 1, incident.bytes, sizeof(incident.bytes));
	if (sql_bytes(st, 0, author.bytes, sizeof(author.bytes)))
		rows->fn(rows->context, &author, &incident);
}

enum err
store_evict_entries(struct store *s, const struct node_id *author, size_t most,
    void (*fn)(void *, const struct node_id *, const struct incident_id *), void *context)
{
	struct store_gone rows = { fn, context };

	sql_bind_bytes(s->statements[EVICT_AUTHOR], 1, author->bytes, sizeof(author->bytes));
	sql_bind_number(s->statements[EVICT_AUTHOR], 2, most);
	return sql_each(s, EVICT_AUTHOR, store_entry_gone, &rows);
}

enum err
store_drop_entry(struct store *s, const struct hash *hash)
{
	sql_bind_bytes(s->statements[DROP_ENTRY], 1, hash->bytes, sizeof(hash->bytes));
	return sql_run(s, DROP_ENTRY);
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
		.time_ms = sql_number(st, 2),
		.standing = sqlite3_column_int(st, 3) != 0,
		.envelope = { sqlite3_column_blob(st, 4), (size_t)sqlite3_column_bytes(st, 4) },
		.incident_number = sql_number(st, 6),
	};

	/* Of an older version: it is zero still. */
	(void)sql_bytes(st, 5, entry.incident.bytes, sizeof(entry.incident.bytes));

	if (sql_bytes(st, 0, entry.hash.bytes, sizeof(entry.hash.bytes)) &&
	    sql_bytes(st, 1, entry.author.bytes, sizeof(entry.author.bytes)))
		rows->fn(rows->context, &entry);
}

enum err
store_each_entry(struct store *s, void (*fn)(void *, const struct store_entry *), void *context)
{
	struct entry_rows rows = { fn, context };

	return sql_each(s, EACH_ENTRY, entry_row, &rows);
}

enum err
store_each_of_incident(struct store *s, const struct incident_id *id, size_t most,
    void (*fn)(void *, const struct store_entry *), void *context)
{
	struct entry_rows rows = { fn, context };

	sql_bind_bytes(s->statements[OF_INCIDENT], 1, id->bytes, sizeof(id->bytes));
	sql_bind_number(s->statements[OF_INCIDENT], 2, most);
	return sql_each(s, OF_INCIDENT, entry_row, &rows);
}

enum err
store_each_standing(struct store *s, const struct incident_id *id,
    void (*fn)(void *, const struct store_entry *), void *context)
{
	struct entry_rows rows = { fn, context };

	sql_bind_bytes(s->statements[STANDING_OF_INCIDENT], 1, id->bytes, sizeof(id->bytes));
	return sql_each(s, STANDING_OF_INCIDENT, entry_row, &rows);
}
