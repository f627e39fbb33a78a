/*
 * store_purge: what is too old or too much goes, a little at a time.
 */
#include "coordinator/store_entries.h"

static enum err
purge(struct store *s, enum statement_id id, uint64_t most, uint64_t cutoff_ms, size_t *purged)
{
	enum err err;

	sql_bind_number(s->statements[id], 1, most);
	sql_bind_number(s->statements[id], 2, cutoff_ms);
	sql_bind_number(s->statements[id], 3, LIMIT_PURGED);
	if ((err = sql_run(s, id)) == ERR_OK)
		*purged += (size_t)sqlite3_changes(s->db);
	return err;
}

static enum err
purge_all(struct store *s, uint64_t cutoff_ms, size_t *purged,
    void (*fn)(void *, const struct node_id *, const struct incident_id *), void *context)
{
	struct store_gone rows = { fn, context };
	enum err err;

	if ((err = purge(s, PURGE_REPORTS, LIMIT_REPORTS_KEPT, cutoff_ms, purged)) != ERR_OK ||
	    (err = purge(s, PURGE_LINES, LIMIT_LINES_KEPT, cutoff_ms, purged)) != ERR_OK)
		return err;
	sql_bind_number(s->statements[PURGE_ENTRIES], 1, cutoff_ms);
	sql_bind_number(s->statements[PURGE_ENTRIES], 2, LIMIT_PURGED);
	if ((err = sql_each(s, PURGE_ENTRIES, store_entry_gone, &rows)) == ERR_OK)
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
