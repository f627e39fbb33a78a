#include <stdlib.h>
#include "coordinator/keeper.h"
#include "sys/log.h"

#define DAY_MS (24ULL * 60 * 60 * 1000)

struct keeper {
	struct coordinator *c;
	struct loop_timer *timer;
};

static void
forget(void *context, const struct node_id *author, const struct incident_id *incident)
{
	struct coordinator *c = context;

	/* Entries of a mesh whose roster is not here any more have nothing in memory. */
	if (c->ledger != NULL)
		ledger_evicted(c->ledger, author, incident);
}

static void
on_timer(void *context)
{
	struct keeper *k = context;
	uint64_t now_ms = loop_unix_ms(), kept_ms = k->c->settings->keep_days * DAY_MS;
	size_t purged = 0;
	enum err err;

	err = store_purge(
	    k->c->store, now_ms > kept_ms ? now_ms - kept_ms : 0, &purged, forget, k->c);
	if (err != ERR_OK)
		log_warn("store: nothing could be purged: %s", err_text(err));
	loop_timer_set(
	    k->timer, loop_now_ms() + (purged > 0 ? LIMIT_PURGE_STEP_MS : LIMIT_PURGE_MS));
}

enum err
keeper_new(struct coordinator *c, struct keeper **out)
{
	struct keeper *k = calloc(1, sizeof(*k));
	enum err err;

	if (k == NULL)
		return ERR_NOMEM;
	k->c = c;
	if ((err = loop_timer_new(c->loop, on_timer, k, &k->timer)) != ERR_OK) {
		keeper_free(k);
		return err;
	}
	loop_timer_set(k->timer, loop_now_ms() + LIMIT_PURGE_MS);
	*out = k;
	return ERR_OK;
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	loop_timer_free(k->timer);
	free(k);
}
