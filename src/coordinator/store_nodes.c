/*
 * store_nodes: who owns which name.
 */
#include "coordinator/sql.h"

enum err
store_put_node(struct store *s, const struct store_node *node)
{
	sqlite3_stmt *st = s->statements[PUT_NODE];
	enum err err, back;

	sql_bind_text(st, 1, node->name);
	sql_bind_text(st, 2, node->address);
	sql_bind_bytes(st, 3, node->key.bytes, sizeof(node->key.bytes));
	sql_bind_number(st, 4, node->timestamp_s);
	sql_bind_bytes(st, 5, node->signature.bytes, sizeof(node->signature.bytes));
	sql_bind_number(st, 6, node->seen_ms);
	if (!node->is_soft)
		return sql_run(s, PUT_NODE);
	if ((err = sql_execute(s, "PRAGMA synchronous=NORMAL")) != ERR_OK)
		return err;
	err = sql_run(s, PUT_NODE);
	back = sql_execute(s, "PRAGMA synchronous=FULL");
	return err != ERR_OK ? err : back;
}

enum err
store_drop_node(struct store *s, const char *name)
{
	sql_bind_text(s->statements[DROP_NODE], 1, name);
	return sql_run(s, DROP_NODE);
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
		.name = sql_text(st, 0),
		.address = sql_text(st, 1),
		.timestamp_s = sql_number(st, 3),
		.seen_ms = sql_number(st, 5),
	};

	if (sql_bytes(st, 2, node.key.bytes, sizeof(node.key.bytes)) &&
	    sql_bytes(st, 4, node.signature.bytes, sizeof(node.signature.bytes)))
		rows->fn(rows->context, &node);
}

enum err
store_each_node(struct store *s, void (*fn)(void *, const struct store_node *), void *context)
{
	struct node_rows rows = { fn, context };

	return sql_each(s, EACH_NODE, node_row, &rows);
}
