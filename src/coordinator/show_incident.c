/*
 * show_incident: an incident in words and numbers, and what of it is told as
 * it happens.
 */
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "coordinator/reply.h"
#include "coordinator/show.h"

static const char *
name_of(const struct coordinator *c, member_index member)
{
	return roster_member(c->roster, member)->name;
}

static json_t *
voices_json(const struct coordinator *c, const struct voice *voices, size_t count)
{
	const struct member *member;
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < LIMIT_VOICES_SHOWN; i++) {
		member = roster_member(c->roster, voices[i].member);
		json_array_append_new(
		    list, json_pack("{s:s, s:I, s:b, s:o, s:o}", "name", member->name, "t",
		              (json_int_t)voices[i].time_ms, "good", voices[i].good, "sig",
		              json_hex(voices[i].mark, sizeof(voices[i].mark)), "key",
		              json_hex(member->key.bytes, sizeof(voices[i].mark))));
	}
	return list;
}

const struct incident *
show_find(struct coordinator *c, const char *text)
{
	struct incident_id id;

	if (c->ledger == NULL || !hex_parse(text, strlen(text), id.bytes, sizeof(id.bytes)))
		return NULL;
	return ledger_find(c->ledger, &id);
}

size_t
show_votes_needed(const struct coordinator *c)
{
	size_t heads = epoch_heads(roster_current(c->roster)), others = heads > 0 ? heads - 1 : 0;

	if (heads <= 4)
		return others < 2 ? 2 : others;
	return others / 2 + 1;
}

static bool
is_released(const struct incident *i)
{
	return incident_level(i) == INCIDENT_RELEASED;
}

static json_t *
release_json(const struct coordinator *c, const struct incident *i)
{
	if (!i->release_asked)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I, s:s}", "by", name_of(c, i->release_by), "kind",
	    i->release_kind == RELEASE_OVERTURNED ? "overturned" : "cleaned", "reason",
	    i->release_reason, "t",
	    (json_int_t)(i->released_ms > 0 ? i->released_ms : i->release_asked_ms), "phase",
	    is_released(i) ? "released" : "asked");
}

static size_t
others_of(const struct coordinator *c, const struct incident *i)
{
	size_t others = 0;

	for (size_t m = 0; m < roster_count(c->roster); m++)
		others += m != i->subject && epoch_has(roster_current(c->roster), (member_index)m);
	return others;
}

/* How many kernels hold it, and how soon. */
static json_t *
cut_json(const struct coordinator *c, const struct incident *i)
{
	uint64_t median, last;

	if (!incident_held_us(i, &median, &last))
		return json_null();
	return json_pack("{s:I, s:I, s:f, s:f}", "n", (json_int_t)i->cut_count, "of",
	    (json_int_t)others_of(c, i), "p50_ms", (double)median / 1000, "last_ms",
	    (double)last / 1000);
}

json_t *
show_incident(const struct coordinator *c, const struct incident *i)
{
	const struct member *subject = roster_member(c->roster, i->subject);
	char source[46] = "";

	if (i->source.address.family != 0)
		address_format(&i->source.address, source);
	return json_pack("{s:o, s:I, s:o, s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, "
	                 "s:I, s:o, s:o, s:o, s:o}",
	    "id", json_hex(i->id.bytes, sizeof(i->id.bytes)), "n", (json_int_t)i->number, "node",
	    json_hex(subject->id.bytes, sizeof(subject->id.bytes)), "name", subject->name, "round",
	    (json_int_t)i->round, "level", incident_level_text(incident_level(i)), "evidence",
	    incident_evidence_text(i), "event", event_class_text(i->class), "source", source,
	    "score", (json_int_t)i->score, "t", (json_int_t)i->first_ms, "last",
	    (json_int_t)i->last_ms, "votes", (json_int_t)i->voter_count, "need",
	    (json_int_t)show_votes_needed(c), "seen", (json_int_t)i->witness_count, "voters",
	    voices_json(c, i->voters, i->voter_count), "witnesses",
	    voices_json(c, i->witnesses, i->witness_count), "release", release_json(c, i), "cut",
	    cut_json(c, i));
}

/* Those that hold first, then the newest. */
static int
compare_incidents(const void *left, const void *right)
{
	const struct incident *a = *(const struct incident *const *)left;
	const struct incident *b = *(const struct incident *const *)right;
	bool a_holds = incident_level(a) == INCIDENT_QUARANTINE;
	bool b_holds = incident_level(b) == INCIDENT_QUARANTINE;

	if (a_holds != b_holds)
		return a_holds ? -1 : 1;
	if (a->last_ms != b->last_ms)
		return a->last_ms > b->last_ms ? -1 : 1;
	return memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
}

json_t *
show_incidents(struct coordinator *c)
{
	size_t count = c->ledger != NULL ? ledger_incident_count(c->ledger) : 0;
	const struct incident **sorted;
	json_t *list = json_array();

	if (count == 0)
		return list;
	if ((sorted = calloc(count, sizeof(const struct incident *))) == NULL) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = ledger_incident(c->ledger, i);
	qsort(sorted, count, sizeof(sorted[0]), compare_incidents);
	for (size_t i = 0; i < count && i < LIMIT_INCIDENTS_SHOWN; i++)
		json_array_append_new(list, show_incident(c, sorted[i]));
	free(sorted);
	return list;
}

/* ---- as it happens ---------------------------------------------------------------- */

/* From its first sign; hosts' clocks differ, so never below zero. */
static json_int_t
offset_ms(const struct incident *i, uint64_t time_ms)
{
	return time_ms > i->first_ms ? (json_int_t)(time_ms - i->first_ms) : 0;
}

static json_t *
subject_json(const struct coordinator *c, const struct incident *i)
{
	const struct member *subject = roster_member(c->roster, i->subject);

	return json_hex(subject->id.bytes, sizeof(subject->id.bytes));
}

json_t *
show_vote(const struct coordinator *c, const struct incident *i, const struct voice *v)
{
	const struct member *voter = roster_member(c->roster, v->member);

	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:I}", "id",
	    json_hex(i->id.bytes, sizeof(i->id.bytes)), "node", subject_json(c, i), "voter",
	    json_hex(voter->id.bytes, sizeof(voter->id.bytes)), "name", voter->name, "sig",
	    json_hex(v->mark, sizeof(v->mark)), "key", json_hex(voter->key.bytes, sizeof(v->mark)),
	    "ok", v->good, "ms", offset_ms(i, v->time_ms));
}

json_t *
show_cut(const struct coordinator *c, const struct incident *i, size_t index)
{
	uint64_t median = 0, last = 0;

	(void)incident_held_us(i, &median, &last);
	return json_pack("{s:o, s:o, s:s, s:I, s:I, s:f, s:f, s:f}", "id",
	    json_hex(i->id.bytes, sizeof(i->id.bytes)), "node", subject_json(c, i), "by",
	    name_of(c, i->cuts[index].member), "done", (json_int_t)index + 1, "total",
	    (json_int_t)others_of(c, i), "ms", (double)i->held_us[index] / 1000, "p50_ms",
	    (double)median / 1000, "last_ms", (double)last / 1000);
}

json_t *
show_release(const struct coordinator *c, const struct incident *i, const char *phase)
{
	return json_pack("{s:o, s:o, s:s, s:s, s:s}", "id",
	    json_hex(i->id.bytes, sizeof(i->id.bytes)), "node", subject_json(c, i), "phase", phase,
	    "by", i->release_asked ? name_of(c, i->release_by) : "", "reason",
	    i->release_reason != NULL ? i->release_reason : "");
}
