/*
 * notary_roster: the roster of this node on disk.  What the engine brings is
 * proven and written, all of it beside and then renamed, before it counts;
 * and when people have put another file in place, that is read again, a part
 * at a time, and counts as a whole or not at all.
 *
 * Spec: docs/privsep.md, "The roster grows".
 */
#ifndef PROC_NOTARY_ROSTER_H
#define PROC_NOTARY_ROSTER_H
#include "core/roster.h"
#include "sys/roster_parts.h"
#include "sys/loop.h"

struct notary_roster {
	const char *path;
	struct public_key ca;
	struct roster *roster; /* in force here */
	/* Before another one counts; on an error it does not.  The old one lives until it returns. */
	enum err (*changing)(void *context, const struct roster *next);
	/* The file held more; it counts now. */
	void (*reread)(void *context);
	void *context;

	struct roster_parts parts; /* of a record that is not whole yet */

	/* the file that is being read again */
	struct roster_parts file; /* what of it is not proven yet */
	struct roster *proven;    /* so far; NULL: no more than ours */
	struct loop_timer *timer;
};

/* The roster file, proven; logs what is wrong with it. */
MUST_USE enum err notary_roster_load(struct notary_roster *, const char *path,
    const char *ca_path);
MUST_USE enum err notary_roster_start(struct notary_roster *, struct loop *);
void notary_roster_free(struct notary_roster *);
/* A part that stands at offset; whole records are on disk and in force on ERR_OK. */
MUST_USE enum err notary_roster_take(struct notary_roster *, uint64_t offset,
    struct span part);
/* How many bytes of the records are here. */
uint64_t notary_roster_bytes(const struct notary_roster *);
/* Look at the file again; reread() is called if it held more. */
void notary_roster_reread(struct notary_roster *);

#endif
