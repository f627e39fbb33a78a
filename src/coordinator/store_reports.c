/*
 * store_reports: what nodes reported.
 */
#include "coordinator/sql.h"

enum err
store_add_report(struct store *s, struct store_report *r)
{
	sqlite3_stmt *st = s->statements[ADD_REPORT];
	enum err err;

	sql_bind_number(st, 1, r->reported_ms);
	sql_bind_text(st, 2, r->node);
	sqlite3_bind_double(st, 3, r->score);
	sql_bind_text(st, 4, r->event_type);
	sql_bind_text(st, 5, r->source_ip);
	sql_bind_text(st, 6, r->decision);
	sql_bind_text(st, 7, r->method);
	sql_bind_text(st, 8, r->incident);
	if (r->nonce != NULL)
		sql_bind_bytes(st, 9, r->nonce, 16);
	sql_bind_text(st, 10, r->reason);
	sql_bind_text(st, 11, r->model);
	sqlite3_bind_int(st, 12, r->opinion);
	if ((err = sql_run(s, ADD_REPORT)) == ERR_OK)
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
		.number = sql_number(st, 0),
		.reported_ms = sql_number(st, 1),
		.node = sql_text(st, 2),
		.score = sqlite3_column_double(st, 3),
		.event_type = sql_text(st, 4),
		.source_ip = sql_text(st, 5),
		.decision = sql_text(st, 6),
		.method = sql_text(st, 7),
		.incident = sql_text(st, 8),
		.reason = sql_text(st, 9),
		.model = sql_text(st, 10),
		.opinion = sqlite3_column_int(st, 11),
	};

	rows->fn(rows->context, &report);
}

enum err
store_each_report(struct store *s, uint64_t since_ms, size_t limit,
    void (*fn)(void *, const struct store_report *), void *context)
{
	struct report_rows rows = { fn, context };

	sql_bind_number(s->statements[EACH_REPORT], 1, since_ms);
	sql_bind_number(s->statements[EACH_REPORT], 2, limit);
	return sql_each(s, EACH_REPORT, report_row, &rows);
}

enum err
store_count_reports(struct store *s, uint64_t *out)
{
	return sql_each(s, COUNT_REPORTS, sql_number_row, out);
}
