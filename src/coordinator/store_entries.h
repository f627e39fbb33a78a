/*
 * store_entries: how the caller hears which entries went.  Shared by the
 * store's files alone.
 */
#ifndef COORDINATOR_STORE_ENTRIES_H
#define COORDINATOR_STORE_ENTRIES_H
#include "coordinator/sql.h"

struct store_gone {
	void (*fn)(void *, const struct node_id *, const struct incident_id *);
	void *context;
};

/* For sql_each() over (author, incident), with a store_gone. */
void store_entry_gone(sqlite3_stmt *, void *gone);

#endif
