/*
 * api_incident: one incident in full: its phases, who cut and how soon, who
 * has not signed, and the entries from which all of that follows.
 */
#include <stdlib.h>
#include <string.h>
#include "base/base64.h"
#include "base/hex.h"
#include "coordinator/reply.h"
#include "coordinator/show.h"

/* The first of each kind; receipts are measured against what they name. */
struct phase {
	const char *name;
	uint64_t time_ms;
	const char *by;
};

enum { PHASES_MOST = 16 };

struct account {
	struct coordinator *c;
	const struct incident *incident;
	struct phase phases[PHASES_MOST];
	size_t phase_count;
	json_t *entries;
	json_t *certificate;                               /* the newest; NULL: none */
	struct hash obeyed[LIMIT_STATEMENTS_PER_INCIDENT]; /* entries that a host may have obeyed */
	uint64_t obeyed_ms[LIMIT_STATEMENTS_PER_INCIDENT];
	size_t obeyed_count;
};

static const char *
name_of(const struct account *a, const struct node_id *id)
{
	member_index member = roster_find_id(a->c->roster, id);

	return member == MEMBER_NONE ? "" : roster_member(a->c->roster, member)->name;
}

/* The earliest of its name stays. */
static void
note_phase(struct account *a, const char *name, uint64_t time_ms, const char *by)
{
	const struct phase phase = { name, time_ms, by };

	for (size_t i = 0; i < a->phase_count; i++) {
		if (strcmp(a->phases[i].name, name) != 0)
			continue;
		if (time_ms < a->phases[i].time_ms)
			a->phases[i] = phase;
		return;
	}
	if (a->phase_count < PHASES_MOST)
		a->phases[a->phase_count++] = phase;
}

static void
note_kind(struct account *a, const struct entry *e, const char *by)
{
	const uint64_t time_ms = e->header.time_ms;

	switch (e->kind) {
	case ENTRY_STATEMENT:
		note_phase(a, "touch", e->statement.seen_ms, by);
		note_phase(a, "statement", time_ms, by);
		break;
	case ENTRY_SELF_REPORT:
		note_phase(a, "self-report", time_ms, by);
		break;
	case ENTRY_VERDICT:
		if (e->verdict.level == LEVEL_QUARANTINE)
			note_phase(a, "verdict", time_ms, by);
		break;
	case ENTRY_CERTIFICATE:
		note_phase(a, e->certificate.level == LEVEL_RELEASE ? "released" : "certificate",
		    time_ms, by);
		break;
	case ENTRY_PROOF:
		note_phase(a, "proof", time_ms, by);
		break;
	case ENTRY_RELEASE:
		note_phase(a, "release-asked", time_ms, by);
		break;
	case ENTRY_RECEIPT:
	case ENTRY_INDICATOR:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
}

/* A host's clock is its own: its cut is timed from the entry that it obeyed. */
static void
note_cut(struct account *a, const struct receipt *receipt, const char *by)
{
	for (size_t i = 0; i < a->obeyed_count; i++)
		if (hash_equal(&a->obeyed[i], &receipt->object))
			note_phase(a, "cut", a->obeyed_ms[i] + receipt->held_us / 1000, by);
}

static json_t *
base64_json(struct span bytes)
{
	char *text = malloc(BASE64_CHARS(bytes.size_bytes) + 1);
	json_t *out;

	if (text == NULL)
		return NULL;
	out = json_stringn(text, base64_encode(bytes.data, bytes.size_bytes, text));
	free(text);
	return out;
}

/* A vote may be held that does not verify; everything else was refused if it did not. */
static bool
is_good(const struct account *a, const struct entry *e)
{
	const struct incident *i = a->incident;
	const uint8_t *ballot = e->verdict.ballot_signature.bytes;

	if (e->kind != ENTRY_VERDICT || e->verdict.level != LEVEL_QUARANTINE)
		return true;
	for (size_t v = 0; v < i->voter_count; v++)
		if (memcmp(i->voters[v].mark, ballot, sizeof(i->voters[v].mark)) == 0)
			return i->voters[v].good;
	return false;
}

static void
take_entry(void *context, const struct store_entry *kept)
{
	struct account *a = context;
	struct envelope envelope;
	struct entry e;
	const char *by;

	/* Verified when it came, and again at the start. */
	if (envelope_parse(kept->envelope.data, kept->envelope.size_bytes, &envelope) != ERR_OK ||
	    entry_decode(envelope.body, &e) != ERR_OK)
		return;
	by = name_of(a, &e.header.author);
	note_kind(a, &e, by);
	if (e.kind == ENTRY_RECEIPT)
		note_cut(a, &e.receipt, by);
	else if (a->obeyed_count < LIMIT_STATEMENTS_PER_INCIDENT) {
		a->obeyed[a->obeyed_count] = kept->hash;
		a->obeyed_ms[a->obeyed_count++] = e.header.time_ms;
	}
	if (e.kind == ENTRY_CERTIFICATE && e.certificate.level == LEVEL_QUARANTINE) {
		json_decref(a->certificate);
		a->certificate = base64_json(kept->envelope);
	}
	json_array_append_new(
	    a->entries, json_pack("{s:o, s:s, s:s, s:I, s:b}", "hash",
	                    json_hex(kept->hash.bytes, sizeof(kept->hash.bytes)), "kind",
	                    entry_kind_text(e.kind), "author", by, "t",
	                    (json_int_t)e.header.time_ms, "good", is_good(a, &e)));
}

/* ---- as JSON ---------------------------------------------------------------------- */

static int
compare_phases(const void *left, const void *right)
{
	const struct phase *a = left, *b = right;

	return a->time_ms < b->time_ms ? -1 : a->time_ms > b->time_ms;
}

static json_t *
phases_json(struct account *a)
{
	json_t *list = json_array();
	uint64_t first_ms;

	qsort(a->phases, a->phase_count, sizeof(a->phases[0]), compare_phases);
	first_ms = a->phase_count > 0 ? a->phases[0].time_ms : 0;
	for (size_t i = 0; i < a->phase_count; i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:I, s:I, s:s}", "name", a->phases[i].name, "t",
		        (json_int_t)a->phases[i].time_ms, "ms",
		        (json_int_t)(a->phases[i].time_ms - first_ms), "by", a->phases[i].by));
	return list;
}

struct cut {
	uint64_t held_us;
	const struct voice *voice;
};

static int
compare_cuts(const void *left, const void *right)
{
	const struct cut *a = left, *b = right;

	return a->held_us < b->held_us ? -1 : a->held_us > b->held_us;
}

static json_t *
cuts_json(const struct account *a)
{
	const struct incident *i = a->incident;
	struct cut *cuts = calloc(i->cut_count + 1, sizeof(*cuts));
	json_t *list = json_array();

	for (size_t n = 0; cuts != NULL && n < i->cut_count; n++)
		cuts[n] = (struct cut){ i->held_us[n], &i->cuts[n] };
	if (cuts != NULL)
		qsort(cuts, i->cut_count, sizeof(*cuts), compare_cuts);
	for (size_t n = 0; cuts != NULL && n < i->cut_count; n++)
		json_array_append_new(list,
		    json_pack("{s:s, s:f, s:I}", "name",
		        roster_member(a->c->roster, cuts[n].voice->member)->name, "ms",
		        (double)cuts[n].held_us / 1000, "t", (json_int_t)cuts[n].voice->time_ms));
	free(cuts);
	return list;
}

static bool
has_signed(const struct incident *i, member_index member)
{
	for (size_t v = 0; v < i->voter_count; v++)
		if (i->voters[v].member == member && i->voters[v].good)
			return true;
	return false;
}

/* Names of heads that have not signed, and how far those that have got. */
static void
add_quorum(const struct account *a, json_t *out)
{
	const struct epoch *epoch = roster_current(a->c->roster);
	uint32_t subject_weight = epoch_weight_of(epoch, a->incident->subject);
	uint64_t weight = 0;
	json_t *missing = json_array();
	size_t heads = 0;

	for (size_t n = 0; n < epoch_heads(epoch); n++) {
		member_index head = epoch_head_at(epoch, n);

		if (has_signed(a->incident, head)) {
			weight += epoch_weight_of(epoch, head);
			heads++;
		} else if (head != a->incident->subject &&
		           json_array_size(missing) < LIMIT_INCIDENT_ENTRIES) {
			json_array_append_new(
			    missing, json_string(roster_member(a->c->roster, head)->name));
		}
	}
	json_object_set_new(out, "missing", missing);
	json_object_set_new(out, "quorum",
	    json_pack("{s:I, s:I, s:I, s:I}", "weight", (json_int_t)weight, "need",
	        (json_int_t)((epoch_weight(epoch) - subject_weight) / 2 + 1), "heads",
	        (json_int_t)heads, "heads_need", (json_int_t)show_votes_needed(a->c)));
}

/* Where its proof can be had; null: what is known proves nothing to a stranger. */
static json_t *
bundle_json(const struct incident *i)
{
	char id[HEX_ROOM(sizeof(i->id.bytes))];

	if (!i->certified && !i->confessed && !i->precaution && i->released_ms == 0)
		return json_null();
	return json_sprintf(
	    "/api/v1/incidents/%s/bundle", hex_format(i->id.bytes, sizeof(i->id.bytes), id));
}

static void
answer(struct account *a, struct http_reply *reply)
{
	json_t *out;

	if (store_each_of_incident(
	        a->c->store, &a->incident->id, LIMIT_INCIDENT_ENTRIES, take_entry, a) != ERR_OK) {
		json_decref(a->entries);
		json_decref(a->certificate);
		reply_error(reply, 503, "the store does not answer; see the log");
		return;
	}
	out = show_incident(a->c, a->incident);
	if (out != NULL) {
		json_object_set_new(out, "phases", phases_json(a));
		json_object_set_new(out, "cuts", cuts_json(a));
		json_object_set_new(out, "entries", json_incref(a->entries));
		json_object_set_new(out, "bundle", bundle_json(a->incident));
		json_object_set_new(out, "certificate",
		    a->certificate != NULL ? json_incref(a->certificate) : json_null());
		add_quorum(a, out);
	}
	json_decref(a->entries);
	json_decref(a->certificate);
	reply_json(reply, out);
}

/* GET /api/v1/incidents/{id} */
void
api_incident(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct incident *incident = show_find(c, request->segment[0]);
	struct account *a;

	if (incident == NULL) {
		reply_error(reply, 404, "no such incident; GET /api/v1/incidents lists them");
		return;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		reply_error(reply, 503, "out of memory; try again later");
		return;
	}
	a->c = c;
	a->incident = incident;
	a->entries = json_array();
	answer(a, reply);
	free(a);
	reply_pack(request, reply);
}
