/*
 * ledger_apply: what an entry that was proven says is added to its incident.
 */
#include <stdlib.h>
#include <string.h>
#include "coordinator/ledger_internal.h"

void *
ledger_grown(void *list, size_t count, size_t *room, size_t item_bytes)
{
	size_t more = count == 0 ? 8 : 2 * count;

	if (count < *room)
		return list;
	if ((list = reallocarray(list, more, item_bytes)) != NULL)
		*room = more;
	return list;
}

static enum err
take_incident(struct ledger *l, const struct ledger_entry *e, struct incident **out)
{
	struct incident *incident = map_get(l->by_incident, e->incident.bytes), **list;

	if (incident != NULL) {
		*out = incident;
		return ERR_OK;
	}
	list = ledger_grown(
	    l->incidents, l->incident_count, &l->incident_room, sizeof(struct incident *));
	if (list == NULL)
		return ERR_NOMEM;
	l->incidents = list;
	if ((incident = calloc(1, sizeof(*incident))) == NULL)
		return ERR_NOMEM;
	incident->id = e->incident;
	incident->subject = e->subject;
	incident->round = ledger_round_of(l, e);
	if (map_put(l->by_incident, e->incident.bytes, incident) != ERR_OK) {
		free(incident);
		return ERR_NOMEM;
	}
	l->incidents[l->incident_count++] = incident;
	incident->number = e->number;
	*out = incident;
	return ERR_OK;
}

enum err
ledger_add_voice(struct voice **list, size_t *count, const struct voice *said)
{
	struct voice *bigger;

	for (size_t i = 0; i < *count; i++) {
		if ((*list)[i].member != said->member)
			continue;
		if (said->good && !(*list)[i].good) {
			(*list)[i].good = true;
			memcpy((*list)[i].mark, said->mark, sizeof(said->mark));
		}
		return ERR_OK;
	}
	/* Doubles at powers of two, so that no room need be kept beside the count. */
	if ((*count & (*count - 1)) == 0) {
		bigger = reallocarray(*list, *count == 0 ? 1 : 2 * *count, sizeof(*bigger));
		if (bigger == NULL)
			return ERR_NOMEM;
		*list = bigger;
	}
	(*list)[(*count)++] = *said;
	return ERR_OK;
}

struct voice
ledger_voice_of(const struct ledger_entry *e)
{
	struct voice voice = {
		.member = e->author, .time_ms = e->entry.header.time_ms, .good = e->good
	};

	memcpy(voice.mark, e->mark, sizeof(voice.mark));
	return voice;
}

static enum err
add_precaution(struct ledger *l, struct incident *incident, const struct ledger_entry *e)
{
	struct precaution precaution = {
		.second = e->entry.header.time_ms / 1000,
		.hash = e->hash,
		.subject = e->subject,
	};
	enum err err;

	if ((err = map_put(l->of_precaution, e->hash.bytes, incident)) != ERR_OK)
		return err;
	return precaution_add(&l->precautions, &precaution);
}

static enum err
apply_self_report(struct ledger *l, struct incident *incident, const struct ledger_entry *e)
{
	const struct self_report *report = &e->entry.self_report;

	incident->class = report->reason;
	incident->source = report->source;
	if (report->score > incident->score)
		incident->score = report->score;
	switch (report->kind) {
	case SELF_REPORT_CONFESSION:
		incident->confessed = true;
		return ERR_OK;
	case SELF_REPORT_PRECAUTION:
		incident->precaution = true;
		return add_precaution(l, incident, e);
	}
	return ERR_OK;
}

/* Who accuses many counts for one, the first.  What was released is over. */
static bool
is_live(struct ledger *l, struct member_word *witness, member_index subject, uint64_t time_ms)
{
	bool stale = witness->accused_ms + LIMIT_RELAYED_MS <= time_ms ||
	             l->members[witness->accused].released_ms >= witness->accused_ms;

	if (witness->accused_ms == 0 || stale || time_ms < witness->accused_ms) {
		witness->accused = subject;
		witness->accused_ms = time_ms;
	}
	return witness->accused == subject;
}

static enum err
apply_statement(struct ledger *l, struct incident *incident, const struct ledger_entry *e)
{
	const struct statement *statement = &e->entry.statement;
	struct member_word *witness = &l->members[e->author];
	const struct voice voice = ledger_voice_of(e);
	size_t before = incident->witness_count;
	enum err err;

	if (before == 0) {
		incident->class = statement->class;
		incident->source = statement->source;
	}
	if (statement->score > incident->score)
		incident->score = statement->score;
	if (e->entry.header.time_ms > witness->touched_ms)
		witness->touched_ms = e->entry.header.time_ms;
	err = ledger_add_voice(&incident->witnesses, &incident->witness_count, &voice);
	if (err == ERR_OK && incident->witness_count > before)
		incident->witnesses[before].live =
		    is_live(l, witness, e->subject, e->entry.header.time_ms);
	return err;
}

/* Who was cut off by all can still learn of it here. */
static enum err
keep_release(struct member_word *word, const struct ledger_entry *e)
{
	uint8_t *bytes;

	if (word->released >= (int64_t)e->entry.certificate.round)
		return ERR_OK;
	if ((bytes = malloc(e->envelope.size_bytes)) == NULL)
		return ERR_NOMEM;
	memcpy(bytes, e->envelope.data, e->envelope.size_bytes);
	free(word->release);
	word->release = bytes;
	word->release_bytes = e->envelope.size_bytes;
	word->released = e->entry.certificate.round;
	word->released_ms = e->entry.header.time_ms;
	return ERR_OK;
}

static enum err
apply_receipt(struct incident *incident, const struct ledger_entry *e)
{
	const struct voice voice = ledger_voice_of(e);
	size_t before = incident->cut_count;
	uint64_t *held_us;
	enum err err;

	held_us = reallocarray(incident->held_us, before + 1, sizeof(*held_us));
	if (held_us == NULL)
		return ERR_NOMEM;
	incident->held_us = held_us;
	err = ledger_add_voice(&incident->cuts, &incident->cut_count, &voice);
	/* Its first word counts: a stronger cut later is no slower one. */
	if (err == ERR_OK && incident->cut_count > before)
		held_us[before] = e->entry.receipt.held_us;
	return err;
}

static enum err
apply_certificate(struct ledger *l, struct incident *incident, const struct ledger_entry *e)
{
	const struct certificate *c = &e->entry.certificate;
	const struct epoch *epoch = roster_epoch(l->roster, c->epoch);
	struct voice voice = ledger_voice_of(e);
	size_t signatures = 0;
	enum err err;

	if (c->level == LEVEL_RELEASE) {
		incident->released_ms = e->entry.header.time_ms;
		return keep_release(&l->members[e->subject], e);
	}
	incident->certified = true;
	for (size_t bit = 0; bit < 8 * c->voters.size_bytes; bit++) {
		if ((c->voters.data[bit / 8] >> (bit % 8) & 1) == 0)
			continue;
		voice.member = epoch_head_at(epoch, bit);
		memcpy(voice.mark, c->signatures.data + 64 * signatures++, sizeof(voice.mark));
		err = ledger_add_voice(&incident->voters, &incident->voter_count, &voice);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static enum err
apply_verdict(struct incident *incident, const struct ledger_entry *e)
{
	const struct voice voice = ledger_voice_of(e);

	if (e->entry.verdict.level != LEVEL_QUARANTINE)
		return ERR_OK;
	return ledger_add_voice(&incident->voters, &incident->voter_count, &voice);
}

static enum err
apply_release(struct incident *incident, const struct ledger_entry *e)
{
	char *reason = strdup(e->entry.release.reason);

	if (reason == NULL)
		return ERR_NOMEM;
	free(incident->release_reason);
	incident->release_reason = reason;
	incident->release_asked = true;
	incident->release_by = e->author;
	incident->release_kind = e->entry.release.kind;
	incident->release_asked_ms = e->entry.header.time_ms;
	return ERR_OK;
}

static enum err
apply_payload(struct ledger *l, struct incident *incident, const struct ledger_entry *e)
{
	switch (e->entry.kind) {
	case ENTRY_STATEMENT:
		return apply_statement(l, incident, e);
	case ENTRY_SELF_REPORT:
		return apply_self_report(l, incident, e);
	case ENTRY_CERTIFICATE:
		return apply_certificate(l, incident, e);
	case ENTRY_VERDICT:
		return apply_verdict(incident, e);
	case ENTRY_PROOF:
		incident->proven = true;
		return ERR_OK;
	case ENTRY_RELEASE:
		return apply_release(incident, e);
	case ENTRY_RECEIPT:
		return apply_receipt(incident, e);
	case ENTRY_INDICATOR:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return ERR_RANGE;
}

static void
count_held(struct ledger *l, const struct ledger_entry *e)
{
	l->members[e->author].held++;
	l->members[e->author].loose += !e->standing;
	l->held++;
}

enum err
ledger_apply(struct ledger *l, const struct ledger_entry *e)
{
	uint64_t time_ms = e->entry.header.time_ms;
	struct incident *incident;
	enum err err;

	if (e->subject == MEMBER_NONE) {
		if ((err = ledger_apply_indicator(l, e)) == ERR_OK)
			count_held(l, e);
		return err;
	}
	if ((err = take_incident(l, e, &incident)) != ERR_OK ||
	    (err = apply_payload(l, incident, e)) != ERR_OK)
		return err;
	if (incident->first_ms == 0 || time_ms < incident->first_ms)
		incident->first_ms = time_ms;
	if (time_ms > incident->last_ms)
		incident->last_ms = time_ms;
	incident->entries++;
	count_held(l, e);
	l->stale = true;
	return ERR_OK;
}
