/*
 * show_events: what nodes reported, and which addresses are kept out.
 */
#include <stdlib.h>
#include "coordinator/reply.h"
#include "coordinator/show.h"

json_t *
show_threat(const struct store_report *r)
{
	return json_pack("{s:I, s:I, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "n",
	    (json_int_t)r->number, "t", (json_int_t)r->reported_ms, "node", r->node, "score",
	    json_number_short(r->score), "event", r->event_type, "source", r->source_ip, "decision",
	    r->decision, "method", r->method, "reason", r->reason, "model", r->model, "incident",
	    r->incident);
}

static void
prepend_threat(void *context, const struct store_report *report)
{
	json_array_insert_new(context, 0, show_threat(report));
}

json_t *
show_threats(struct coordinator *c, size_t most)
{
	json_t *list = json_array();

	if (list != NULL && store_each_report(c->store, 0, most, prepend_threat, list) == ERR_OK)
		return list;
	json_decref(list);
	return NULL;
}

/* ---- kept out ---------------------------------------------------------------------- */

json_t *
show_blocked(const struct blocked *b)
{
	char source[46];

	address_format(&b->address, source);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "source", source, "why",
	    event_class_text(b->class), "t", (json_int_t)b->time_ms, "ttl", (json_int_t)b->ttl_s,
	    "peers", (json_int_t)b->reporter_count, "incident", "");
}

json_t *
show_blocked_member(const struct incident *i, const struct address *address)
{
	char source[46];

	address_format(address, source);
	return json_pack("{s:s, s:s, s:I, s:i, s:I, s:o}", "source", source, "why",
	    event_class_text(i->class), "t", (json_int_t)i->first_ms, "ttl", 0, "peers",
	    (json_int_t)i->cut_count, "incident", json_hex(i->id.bytes, sizeof(i->id.bytes)));
}

static int
compare_blocked(const void *left, const void *right)
{
	const struct blocked *a = *(const struct blocked *const *)left;
	const struct blocked *b = *(const struct blocked *const *)right;

	return a->time_ms > b->time_ms ? -1 : a->time_ms < b->time_ms;
}

static void
append_members(struct coordinator *c, json_t *list)
{
	const struct member *subject;
	const struct incident *i;

	for (size_t n = 0; n < ledger_incident_count(c->ledger); n++) {
		i = ledger_incident(c->ledger, n);
		if (incident_level(i) != INCIDENT_QUARANTINE)
			continue;
		subject = roster_member(c->roster, i->subject);
		for (size_t k = 0; k < subject->address_count; k++)
			if (json_array_size(list) < LIMIT_BLOCKED_SHOWN)
				json_array_append_new(
				    list, show_blocked_member(i, &subject->addresses[k]));
	}
}

json_t *
show_blocked_list(struct coordinator *c, uint64_t now_ms)
{
	size_t count = c->ledger != NULL ? ledger_blocked_count(c->ledger) : 0;
	const struct blocked **sorted;
	json_t *list = json_array();

	if (c->ledger == NULL || list == NULL)
		return list;
	append_members(c, list);
	if ((sorted = calloc(count + 1, sizeof(const struct blocked *))) == NULL) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = ledger_blocked(c->ledger, i);
	qsort(sorted, count, sizeof(sorted[0]), compare_blocked);
	for (size_t i = 0; i < count && json_array_size(list) < LIMIT_BLOCKED_SHOWN; i++)
		if (sorted[i]->time_ms + sorted[i]->ttl_s * 1000ULL > now_ms)
			json_array_append_new(list, show_blocked(sorted[i]));
	free(sorted);
	return list;
}
