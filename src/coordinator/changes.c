#include <stdlib.h>
#include <string.h>
#include "coordinator/changes.h"
#include "coordinator/log_chain.h"
#include "coordinator/reply.h"
#include "coordinator/show.h"

/* What listeners know of the place in the list. */
struct told {
	uint64_t serial; /* whose */
	struct node_row row;
};

struct changes {
	struct coordinator *c;
	struct loop_timer *nodes_timer, *incidents_timer;
	uint64_t swept_ms;
	struct told *told;
	size_t count, room;
	struct incident_id dirty[LIMIT_INCIDENTS_DIRTY];
	size_t dirty_count;
};

/* ---- nodes ------------------------------------------------------------------------ */

static bool
make_room(struct changes *ch, size_t count)
{
	size_t room = ch->room == 0 ? 64 : ch->room;
	struct told *told;

	while (room < count)
		room *= 2;
	if (room != ch->room) {
		if ((told = reallocarray(ch->told, room, sizeof(*told))) == NULL)
			return false;
		ch->told = told;
		ch->room = room;
	}
	if (count > ch->count)
		memset(&ch->told[ch->count], 0, (count - ch->count) * sizeof(*ch->told));
	ch->count = count;
	return true;
}

static bool
same_numbers(const struct node_row *a, const struct node_row *b)
{
	return a->status == b->status && a->score == b->score && a->cpu == b->cpu &&
	       a->ram == b->ram;
}

static bool
same_posture(const struct node_row *a, const struct node_row *b)
{
	return a->mode == b->mode && a->drift == b->drift && a->decoys == b->decoys;
}

static void
add_row(struct json_text *rows, size_t index, const struct node_row *row, bool all)
{
	json_text_put(rows, rows->size_bytes == 0 ? "[" : ",");
	show_row(rows, index, row, all);
}

static void
compare_node(struct changes *ch, size_t index, uint64_t now_ms, struct json_text *rows)
{
	const struct registry_node *node = registry_at(ch->c->registry, index);
	struct told *told = &ch->told[index], was = *told;
	struct node_row row = show_node(ch->c, node, now_ms);

	*told = (struct told){ node->serial, row };
	if (was.row.listed && (!row.listed || was.serial != node->serial)) {
		events_publish(
		    ch->c->events, "leave", json_pack("{s:I}", "idx", (json_int_t)index));
		was.row.listed = false;
	}
	if (!row.listed)
		return;
	if (!was.row.listed) {
		events_publish(ch->c->events, "join", show_join(index, node, &row));
		add_row(rows, index, &row, true);
	} else if (!same_posture(&row, &was.row)) {
		add_row(rows, index, &row, true);
	} else if (!same_numbers(&row, &was.row)) {
		add_row(rows, index, &row, false);
	}
}

static void
tell_nodes(struct changes *ch)
{
	const size_t count = registry_count(ch->c->registry);
	struct json_text rows = { 0 };
	uint64_t now_ms = loop_unix_ms();

	ch->swept_ms = loop_now_ms();
	if (!make_room(ch, count)) {
		events_publish(ch->c->events, "reset", NULL); /* no memory: load anew */
		return;
	}
	for (size_t i = 0; i < count; i++)
		compare_node(ch, i, now_ms, &rows);
	if (rows.size_bytes > 0) {
		json_text_put(&rows, "]");
		events_publish_text(ch->c->events, "nodes", rows.failed ? NULL : rows.bytes);
	}
	json_text_free(&rows);
}

/* As it is now, without a word: nobody knows otherwise. */
static bool
take_stock(struct changes *ch)
{
	const size_t count = registry_count(ch->c->registry);
	const struct registry_node *node;

	if (!make_room(ch, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		node = registry_at(ch->c->registry, i);
		ch->told[i] = (struct told){ node->serial, show_node(ch->c, node, loop_unix_ms()) };
	}
	return true;
}

static void
on_nodes(void *context)
{
	struct changes *ch = context;

	tell_nodes(ch);
	loop_timer_set(ch->nodes_timer, events_listeners(ch->c->events) > 0
	                                    ? ch->swept_ms + LIMIT_CHANGES_IDLE_MS
	                                    : UINT64_MAX);
}

void
changes_noted(struct changes *ch)
{
	if (events_listeners(ch->c->events) > 0)
		loop_timer_set(ch->nodes_timer, ch->swept_ms + LIMIT_CHANGES_MS);
}

/* ---- incidents ----------------------------------------------------------------------- */

/* Its subject's addresses are kept out from now on. */
static void
tell_blocked(struct changes *ch, const struct incident *incident)
{
	const struct member *subject = roster_member(ch->c->roster, incident->subject);

	for (size_t i = 0; i < subject->address_count; i++)
		events_publish(ch->c->events, "blocked",
		    show_blocked_member(incident, &subject->addresses[i]));
}

static void
tell_incident(struct changes *ch, const struct incident_id *id)
{
	const struct incident *incident = ledger_find(ch->c->ledger, id);
	bool holds;

	if (incident == NULL)
		return;
	holds = incident_level(incident) == INCIDENT_QUARANTINE;
	events_publish(ch->c->events, "incident", show_incident(ch->c, incident));
	if (holds && !incident->told_holds)
		tell_blocked(ch, incident);
	ledger_told(ch->c->ledger, id, holds);
}

static void
tell_incidents(struct changes *ch)
{
	for (size_t i = 0; i < ch->dirty_count; i++)
		tell_incident(ch, &ch->dirty[i]);
	ch->dirty_count = 0;
	loop_timer_set(ch->incidents_timer, UINT64_MAX);
}

static void
on_incidents(void *context)
{
	tell_incidents(context);
}

static void
mark_dirty(struct changes *ch, const struct incident_id *id)
{
	for (size_t i = 0; i < ch->dirty_count; i++)
		if (memcmp(ch->dirty[i].bytes, id->bytes, sizeof(id->bytes)) == 0)
			return;
	if (ch->dirty_count == LIMIT_INCIDENTS_DIRTY)
		tell_incidents(ch);
	if (ch->dirty_count == 0)
		loop_timer_set(ch->incidents_timer, loop_now_ms() + LIMIT_INCIDENT_TOLD_MS);
	ch->dirty[ch->dirty_count++] = *id;
}

void
changes_before(struct changes *ch, const struct ledger_entry *e, struct changes_before *out)
{
	const struct incident *incident = ledger_find(ch->c->ledger, &e->incident);

	*out = (struct changes_before){ .known = incident != NULL };
	if (incident != NULL) {
		out->voters = incident->voter_count;
		out->cuts = incident->cut_count;
	}
}

static void
tell_release(struct changes *ch, const struct ledger_entry *e, const struct incident *incident)
{
	if (e->entry.kind == ENTRY_RELEASE)
		events_publish(ch->c->events, "release", show_release(ch->c, incident, "asked"));
	else if (e->entry.kind == ENTRY_CERTIFICATE && e->entry.certificate.level == LEVEL_RELEASE)
		events_publish(ch->c->events, "release", show_release(ch->c, incident, "released"));
}

void
changes_entry(struct changes *ch, const struct ledger_entry *e, const struct changes_before *before)
{
	const struct incident *incident;
	const struct blocked *blocked;

	if (e->subject == MEMBER_NONE) {
		blocked = ledger_find_blocked(ch->c->ledger, &e->entry.indicator.address);
		if (blocked != NULL)
			events_publish(ch->c->events, "blocked", show_blocked(blocked));
		return;
	}
	if ((incident = ledger_find(ch->c->ledger, &e->incident)) == NULL)
		return;
	if (before->known)
		mark_dirty(ch, &e->incident);
	else
		tell_incident(ch, &e->incident);
	for (size_t i = before->voters; i < incident->voter_count; i++)
		events_publish(
		    ch->c->events, "vote", show_vote(ch->c, incident, &incident->voters[i]));
	for (size_t i = before->cuts; i < incident->cut_count; i++)
		events_publish(ch->c->events, "cut", show_cut(ch->c, incident, i));
	tell_release(ch, e, incident);
	changes_noted(ch);
}

/* ---- the rest -------------------------------------------------------------------------- */

void
changes_report(struct changes *ch, const struct store_report *report)
{
	events_publish(ch->c->events, "threat", show_threat(report));
	changes_noted(ch);
}

void
changes_logged(struct changes *ch)
{
	const struct log_chain *log = ch->c->log_chain;

	events_publish(ch->c->events, "feed",
	    json_pack("{s:I, s:s, s:o, s:I}", "n", (json_int_t)log_chain_count(log), "kind",
	        log_chain_kind(log), "head",
	        json_hex(log_chain_head(log)->bytes, sizeof(log_chain_head(log)->bytes)), "entries",
	        (json_int_t)log_chain_count(log)));
}

void
changes_tell(struct changes *ch)
{
	tell_incidents(ch);
	tell_nodes(ch);
}

void
changes_restarted(struct changes *ch)
{
	ch->dirty_count = 0;
	if (!take_stock(ch))
		ch->count = 0;
	events_publish(ch->c->events, "reset", json_object());
}

enum err
changes_new(struct coordinator *c, struct changes **out)
{
	struct changes *ch = calloc(1, sizeof(*ch));
	enum err err;

	if (ch == NULL)
		return ERR_NOMEM;
	ch->c = c;
	if ((err = loop_timer_new(c->loop, on_nodes, ch, &ch->nodes_timer)) != ERR_OK ||
	    (err = loop_timer_new(c->loop, on_incidents, ch, &ch->incidents_timer)) != ERR_OK)
		goto fail;
	err = ERR_NOMEM;
	if (!take_stock(ch))
		goto fail;
	*out = ch;
	return ERR_OK;

fail:
	changes_free(ch);
	return err;
}

void
changes_free(struct changes *ch)
{
	if (ch == NULL)
		return;
	loop_timer_free(ch->nodes_timer);
	loop_timer_free(ch->incidents_timer);
	free(ch->told);
	free(ch);
}
