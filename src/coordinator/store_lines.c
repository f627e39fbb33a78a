/*
 * store_lines: the coordinator's own log.
 */
#include "coordinator/sql.h"

enum err
store_add_line(struct store *s, const struct store_line *line)
{
	sqlite3_stmt *st = s->statements[ADD_LINE];

	sql_bind_number(st, 1, line->number);
	sql_bind_number(st, 2, line->time_ms);
	sql_bind_text(st, 3, line->kind);
	sql_bind_text(st, 4, line->node);
	sql_bind_text(st, 5, line->incident);
	sql_bind_bytes(st, 6, line->hash.bytes, sizeof(line->hash.bytes));
	sql_bind_bytes(st, 7, line->previous.bytes, sizeof(line->previous.bytes));
	sql_bind_text(st, 8, line->body);
	return sql_run(s, ADD_LINE);
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
		.number = sql_number(st, 0),
		.time_ms = sql_number(st, 1),
		.kind = sql_text(st, 2),
		.node = sql_text(st, 3),
		.incident = sql_text(st, 4),
		.body = sql_text(st, 7),
	};

	if (sql_bytes(st, 5, line.hash.bytes, sizeof(line.hash.bytes)) &&
	    sql_bytes(st, 6, line.previous.bytes, sizeof(line.previous.bytes)))
		rows->fn(rows->context, &line);
}

enum err
store_each_line(struct store *s, uint64_t from, size_t most,
    void (*fn)(void *, const struct store_line *), void *context)
{
	struct line_rows rows = { fn, context };

	sql_bind_number(s->statements[EACH_LINE], 1, from);
	sql_bind_number(s->statements[EACH_LINE], 2, most);
	return sql_each(s, EACH_LINE, line_row, &rows);
}

enum err
store_last_line(struct store *s, void (*fn)(void *, const struct store_line *), void *context)
{
	struct line_rows rows = { fn, context };

	return sql_each(s, LAST_LINE, line_row, &rows);
}
