#include <stdlib.h>
#include <string.h>
#include "base/map.h"
#include "coordinator/ledger.h"
#include "core/ballot.h"
#include "core/certificate.h"
#include "core/precaution.h"
#include "core/proof.h"

struct member_word {
	int64_t released;     /* highest round of a RELEASE; -1: none */
	uint64_t touched_ms;  /* newest statement by it: its decoy was touched */
	member_index accused; /* by it, first, of those whom it accused within LIMIT_RELAYED_MS */
	uint64_t accused_ms;  /* 0: nobody */
	size_t held;
	uint64_t released_ms;
	uint8_t *release; /* the RELEASE certificate of that round, as an Envelope */
	size_t release_bytes;
	/* derived */
	bool quarantined;
	const struct incident *open; /* neither released nor a quarantine; NULL: none */
	uint64_t attacked_ms;        /* newest precaution that stood down; 0: none */
};

struct ledger {
	const struct crypto *crypto;
	const struct roster *roster;
	struct member_word *members;
	size_t held;
	struct map *by_address;
	struct blocked **blocked;
	size_t blocked_count, blocked_room;
	struct map *by_incident;
	struct incident **incidents;
	size_t incident_count, incident_room;
	struct precautions precautions;
	struct map *of_precaution; /* its hash to its incident */
	uint32_t *counts;          /* scratch of precaution_judge() */
	bool stale;                /* precaution_stands and released must be derived anew */
};

enum err
ledger_new(const struct crypto *crypto, const struct roster *roster, struct ledger **out)
{
	struct ledger *l;
	size_t count = roster_count(roster);
	enum err err = ERR_NOMEM;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return ERR_NOMEM;
	l->crypto = crypto;
	l->roster = roster;
	if ((l->members = calloc(count + 1, sizeof(*l->members))) == NULL ||
	    (l->counts = calloc(count + 1, sizeof(*l->counts))) == NULL)
		goto fail;
	for (size_t i = 0; i < count; i++)
		l->members[i].released = -1;
	/* Incident ids are hashes of what the CA fixed; nobody can grind collisions that matter. */
	if ((err = map_new(sizeof(struct incident_id), 0, &l->by_incident)) != ERR_OK ||
	    (err = map_new(sizeof(struct hash), 0, &l->of_precaution)) != ERR_OK ||
	    (err = map_new(sizeof(struct address), 0, &l->by_address)) != ERR_OK)
		goto fail;
	*out = l;
	return ERR_OK;

fail:
	ledger_free(l);
	return err;
}

static void
free_incident(struct incident *incident)
{
	free(incident->witnesses);
	free(incident->voters);
	free(incident->cuts);
	free(incident->held_us);
	free(incident->release_reason);
	free(incident);
}

static void
free_blocked(struct blocked *b)
{
	free(b->reporters);
	free(b);
}

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->incident_count; i++)
		free_incident(l->incidents[i]);
	for (size_t i = 0; i < l->blocked_count; i++)
		free_blocked(l->blocked[i]);
	free(l->blocked);
	map_free(l->by_address);
	for (size_t i = 0; l->members != NULL && i < roster_count(l->roster); i++)
		free(l->members[i].release);
	free(l->incidents);
	precaution_free(&l->precautions);
	free(l->counts);
	free(l->members);
	map_free(l->of_precaution);
	map_free(l->by_incident);
	free(l);
}

/* ---- checking --------------------------------------------------------------- */

enum err
ledger_hash(const struct ledger *l, struct span bytes, struct hash *out)
{
	struct envelope envelope;
	enum err err;

	if ((err = envelope_parse(bytes.data, bytes.size_bytes, &envelope)) != ERR_OK)
		return err;
	entry_hash(l->crypto, envelope.body, out);
	return ERR_OK;
}

static enum err
find_subject(const struct ledger *l, const struct node_id *id, member_index *out)
{
	*out = roster_find_id(l->roster, id);
	return roster_is_node(l->roster, *out) ? ERR_OK : ERR_SUBJECT;
}

static bool
ballot_is_good(const struct ledger *l, const struct entry *entry, member_index author)
{
	const struct verdict *verdict = &entry->verdict;
	struct ballot ballot = {
		.level = verdict->level,
		.mesh = entry->header.mesh,
		.epoch = entry->header.epoch,
		.subject = verdict->subject,
		.round = verdict->round,
		.window = verdict->window,
	};

	return ballot_verify(
	    l->crypto, &roster_member(l->roster, author)->key, &ballot, &verdict->ballot_signature);
}

/* Whom an entry of a kind worth keeping speaks of, and whether it proves itself. */
static enum err
check_payload(const struct ledger *l, struct ledger_entry *e)
{
	size_t checked;
	enum err err;

	switch (e->entry.kind) {
	case ENTRY_STATEMENT:
		return find_subject(l, &e->entry.statement.subject, &e->subject);
	case ENTRY_VERDICT:
		e->good = ballot_is_good(l, &e->entry, e->author);
		memcpy(e->mark, e->entry.verdict.ballot_signature.bytes, sizeof(e->mark));
		return find_subject(l, &e->entry.verdict.subject, &e->subject);
	case ENTRY_SELF_REPORT:
		e->subject = e->author;
		return ERR_OK;
	case ENTRY_CERTIFICATE:
		err = certificate_verify(l->crypto, l->roster, &e->entry.certificate, &checked);
		return err != ERR_OK ? err
		                     : find_subject(l, &e->entry.certificate.subject, &e->subject);
	case ENTRY_PROOF:
		return proof_check(l->crypto, l->roster, &e->entry.proof, &checked, &e->subject);
	case ENTRY_RELEASE:
		return find_subject(l, &e->entry.release.subject, &e->subject);
	case ENTRY_INDICATOR:
		e->subject = MEMBER_NONE;
		return ERR_OK;
	case ENTRY_RECEIPT:
		return find_subject(l, &e->entry.receipt.subject, &e->subject);
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		return ERR_RANGE;
	}
	return ERR_RANGE;
}

/* A proof is of no round: it is shown with the one that is open. */
static uint32_t
round_of(const struct ledger *l, const struct ledger_entry *e)
{
	switch (e->entry.kind) {
	case ENTRY_STATEMENT:
		return e->entry.statement.round;
	case ENTRY_VERDICT:
		return e->entry.verdict.round;
	case ENTRY_SELF_REPORT:
		return e->entry.self_report.round;
	case ENTRY_PROOF:
		return (uint32_t)(l->members[e->subject].released + 1);
	case ENTRY_CERTIFICATE:
		return e->entry.certificate.round;
	case ENTRY_RELEASE:
		return e->entry.release.round;
	case ENTRY_RECEIPT:
		return e->entry.receipt.round;
	case ENTRY_INDICATOR:
	case ENTRY_HELLO:
	case ENTRY_PING:
	case ENTRY_SYNC_BUCKETS:
	case ENTRY_SYNC_ITEMS:
	case ENTRY_ROSTER_ASK:
	case ENTRY_ROSTER_PART:
		break;
	}
	return 0;
}

enum err
ledger_check(const struct ledger *l, struct span bytes, struct ledger_entry *out)
{
	struct envelope envelope;
	enum err err;

	if ((err = envelope_parse(bytes.data, bytes.size_bytes, &envelope)) != ERR_OK ||
	    (err = entry_verify(l->crypto, l->roster, &envelope, &out->entry, &out->author)) !=
	        ERR_OK)
		return err;
	out->number = 0;
	entry_hash(l->crypto, envelope.body, &out->hash);
	memcpy(out->mark, envelope.signature.bytes, sizeof(out->mark));
	out->envelope = bytes;
	out->standing = entry_is_urgent(out->entry.kind);
	out->good = true;
	if ((err = check_payload(l, out)) != ERR_OK)
		return err;
	out->incident = (struct incident_id){ 0 };
	if (out->subject != MEMBER_NONE)
		out->incident = incident_of(
		    l->crypto, &roster_member(l->roster, out->subject)->id, round_of(l, out));
	return ERR_OK;
}

/* ---- taking in --------------------------------------------------------------- */

static void *
grown(void *list, size_t count, size_t *room, size_t item_bytes)
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
	list = grown(l->incidents, l->incident_count, &l->incident_room, sizeof(struct incident *));
	if (list == NULL)
		return ERR_NOMEM;
	l->incidents = list;
	if ((incident = calloc(1, sizeof(*incident))) == NULL)
		return ERR_NOMEM;
	incident->id = e->incident;
	incident->subject = e->subject;
	incident->round = round_of(l, e);
	if (map_put(l->by_incident, e->incident.bytes, incident) != ERR_OK) {
		free(incident);
		return ERR_NOMEM;
	}
	l->incidents[l->incident_count++] = incident;
	incident->number = e->number;
	*out = incident;
	return ERR_OK;
}

/* A member speaks once; a good word replaces a bad one. */
static enum err
add_voice(struct voice **list, size_t *count, const struct voice *said)
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

static struct voice
voice_of(const struct ledger_entry *e)
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
	const struct voice voice = voice_of(e);
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
	err = add_voice(&incident->witnesses, &incident->witness_count, &voice);
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
	const struct voice voice = voice_of(e);
	size_t before = incident->cut_count;
	uint64_t *held_us;
	enum err err;

	held_us = reallocarray(incident->held_us, before + 1, sizeof(*held_us));
	if (held_us == NULL)
		return ERR_NOMEM;
	incident->held_us = held_us;
	err = add_voice(&incident->cuts, &incident->cut_count, &voice);
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
	struct voice voice = voice_of(e);
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
		err = add_voice(&incident->voters, &incident->voter_count, &voice);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static enum err
apply_verdict(struct incident *incident, const struct ledger_entry *e)
{
	const struct voice voice = voice_of(e);

	if (e->entry.verdict.level != LEVEL_QUARANTINE)
		return ERR_OK;
	return add_voice(&incident->voters, &incident->voter_count, &voice);
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

/* Whose time was over first makes room; an incident's own account is in its entries. */
static void
forget_blocked(struct ledger *l, size_t index)
{
	map_remove(l->by_address, &l->blocked[index]->address);
	free_blocked(l->blocked[index]);
	l->blocked[index] = l->blocked[--l->blocked_count];
}

static uint64_t
blocked_until_ms(const struct blocked *b)
{
	return b->time_ms + b->ttl_s * 1000ULL;
}

static enum err
take_blocked(struct ledger *l, const struct address *address, struct blocked **out)
{
	struct blocked *b = map_get(l->by_address, address), **list;
	size_t first = 0;

	if (b != NULL) {
		*out = b;
		return ERR_OK;
	}
	if (l->blocked_count >= LIMIT_INDICATORS) {
		for (size_t i = 1; i < l->blocked_count; i++)
			if (blocked_until_ms(l->blocked[i]) < blocked_until_ms(l->blocked[first]))
				first = i;
		forget_blocked(l, first);
	}
	list = grown(l->blocked, l->blocked_count, &l->blocked_room, sizeof(struct blocked *));
	if (list == NULL)
		return ERR_NOMEM;
	l->blocked = list;
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return ERR_NOMEM;
	b->address = *address;
	if (map_put(l->by_address, address, b) != ERR_OK) {
		free(b);
		return ERR_NOMEM;
	}
	l->blocked[l->blocked_count++] = b;
	*out = b;
	return ERR_OK;
}

static enum err
apply_indicator(struct ledger *l, const struct ledger_entry *e)
{
	const struct indicator *indicator = &e->entry.indicator;
	const struct voice voice = voice_of(e);
	struct blocked *b;
	enum err err;

	if ((err = take_blocked(l, &indicator->address, &b)) != ERR_OK)
		return err;
	b->class = indicator->reason;
	if (voice.time_ms >= b->time_ms) {
		b->time_ms = voice.time_ms;
		b->ttl_s = indicator->ttl_s;
	}
	return add_voice(&b->reporters, &b->reporter_count, &voice);
}

static void
count_held(struct ledger *l, const struct ledger_entry *e)
{
	l->members[e->author].held++;
	l->held++;
}

enum err
ledger_apply(struct ledger *l, const struct ledger_entry *e)
{
	uint64_t time_ms = e->entry.header.time_ms;
	struct incident *incident;
	enum err err;

	if (e->subject == MEMBER_NONE) {
		if ((err = apply_indicator(l, e)) == ERR_OK)
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

size_t
ledger_held(const struct ledger *l, member_index author)
{
	return l->members[author].held;
}

size_t
ledger_held_total(const struct ledger *l)
{
	return l->held;
}

static void
forget_incident(struct ledger *l, struct incident *incident)
{
	for (size_t i = 0; i < l->incident_count; i++) {
		if (l->incidents[i] != incident)
			continue;
		memmove(&l->incidents[i], &l->incidents[i + 1],
		    (l->incident_count - i - 1) * sizeof(l->incidents[0]));
		l->incident_count--;
		break;
	}
	map_remove(l->by_incident, incident->id.bytes);
	free_incident(incident);
	l->stale = true;
}

void
ledger_evicted(struct ledger *l, const struct node_id *author, const struct incident_id *id)
{
	member_index member = roster_find_id(l->roster, author);
	struct incident *incident = map_get(l->by_incident, id->bytes);

	if (member != MEMBER_NONE && l->members[member].held > 0)
		l->members[member].held--;
	if (l->held > 0)
		l->held--;
	/* What stands is never evicted, so nothing else points to one without entries. */
	if (incident != NULL && incident->entries > 0 && --incident->entries == 0)
		forget_incident(l, incident);
}

/* ---- what follows ------------------------------------------------------------- */

enum incident_level
incident_level(const struct incident *incident)
{
	if (incident->proven)
		return INCIDENT_QUARANTINE;
	if (incident->released)
		return INCIDENT_RELEASED;
	if (incident->confessed || incident->certified || incident->precaution_stands)
		return INCIDENT_QUARANTINE;
	return incident->precaution ? INCIDENT_ATTACKED : INCIDENT_ACCUSED;
}

static void
derive(struct ledger *l)
{
	struct incident *incident;
	struct member_word *word;
	enum incident_level level;

	if (!l->stale)
		return;
	for (size_t i = 0; i < roster_count(l->roster); i++) {
		l->members[i].quarantined = false;
		l->members[i].open = NULL;
		l->members[i].attacked_ms = 0;
	}
	for (size_t i = 0; i < l->incident_count; i++)
		l->incidents[i]->precaution_stands = false;
	precaution_judge(&l->precautions, epoch_precautions(roster_current(l->roster)), l->counts);
	for (size_t i = 0; i < l->precautions.count; i++) {
		incident = map_get(l->of_precaution, l->precautions.list[i].hash.bytes);
		incident->precaution_stands |= l->precautions.list[i].stands;
	}
	for (size_t i = 0; i < l->incident_count; i++) {
		incident = l->incidents[i];
		word = &l->members[incident->subject];
		incident->released = (int64_t)incident->round <= word->released;
		level = incident_level(incident);
		if (level == INCIDENT_QUARANTINE)
			word->quarantined = true;
		else if (level != INCIDENT_RELEASED &&
		         (word->open == NULL || word->open->round < incident->round))
			word->open = incident;
		if (level == INCIDENT_ATTACKED && incident->last_ms > word->attacked_ms)
			word->attacked_ms = incident->last_ms;
	}
	l->stale = false;
}

enum node_status
ledger_status(struct ledger *l, member_index member, uint64_t now_ms)
{
	const struct member_word *word = &l->members[member];

	derive(l);
	if (word->quarantined)
		return STATUS_QUARANTINED;
	if (word->open != NULL && word->open->last_ms + LIMIT_RESTRICT_MS > now_ms &&
	    incident_restricted_until_ms(word->open, l->roster) > now_ms)
		return STATUS_RESTRICTED;
	if (word->attacked_ms + LIMIT_PRECAUTION_MS > now_ms ||
	    (word->touched_ms > word->released_ms && word->touched_ms + LIMIT_GROUNDS_MS > now_ms))
		return STATUS_ATTACKED;
	return STATUS_HEALTHY;
}

uint64_t
ledger_released_ms(const struct ledger *l, member_index member)
{
	return l->members[member].released_ms;
}

struct span
ledger_release(const struct ledger *l, member_index member)
{
	return (struct span){ l->members[member].release, l->members[member].release_bytes };
}

size_t
ledger_blocked_count(const struct ledger *l)
{
	return l->blocked_count;
}

const struct blocked *
ledger_blocked(const struct ledger *l, size_t index)
{
	return l->blocked[index];
}

const struct blocked *
ledger_find_blocked(const struct ledger *l, const struct address *address)
{
	return map_get(l->by_address, address);
}

size_t
ledger_incident_count(const struct ledger *l)
{
	return l->incident_count;
}

const struct incident *
ledger_incident(struct ledger *l, size_t index)
{
	derive(l);
	return l->incidents[index];
}

const struct incident *
ledger_find(struct ledger *l, const struct incident_id *id)
{
	derive(l);
	return map_get(l->by_incident, id->bytes);
}

void
ledger_told(struct ledger *l, const struct incident_id *id, bool that_it_holds)
{
	struct incident *incident = map_get(l->by_incident, id->bytes);

	if (incident != NULL)
		incident->told_holds = that_it_holds;
}

const char *
incident_level_text(enum incident_level level)
{
	switch (level) {
	case INCIDENT_ACCUSED:
		return "accused";
	case INCIDENT_ATTACKED:
		return "attacked";
	case INCIDENT_QUARANTINE:
		return "quarantine";
	case INCIDENT_RELEASED:
		return "released";
	}
	return "unknown";
}

const char *
incident_evidence_text(const struct incident *incident)
{
	if (incident->proven)
		return "proof";
	if (incident->confessed)
		return "confession";
	if (incident->certified)
		return "certificate";
	if (incident->precaution)
		return "precaution";
	return incident->voter_count > 0 ? "verdicts" : "statements";
}
