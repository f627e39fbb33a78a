/*
 * store_schema: the tables of a store, and how an older file comes to have them.
 */
#ifndef COORDINATOR_STORE_SCHEMA_H
#define COORDINATOR_STORE_SCHEMA_H
#include "coordinator/sql.h"

/* Makes or upgrades them; the path is for people.  VERSION: a newer one wrote it. */
MUST_USE enum err store_schema_make(struct store *, const char *path);

#endif
