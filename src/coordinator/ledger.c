/*
 * ledger: what is held, what leaves, and what follows from all of it.
 */
#include <stdlib.h>
#include <string.h>
#include "coordinator/ledger_internal.h"

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

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->incident_count; i++)
		free_incident(l->incidents[i]);
	ledger_free_blocked(l);
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

member_index
ledger_gives_way(const struct ledger *l, member_index author)
{
	size_t count = roster_count(l->roster);
	member_index fullest = author;

	if (l->members[author].loose > LIMIT_HELD_OBJECTS / count)
		return author;
	for (size_t i = 0; i < count; i++)
		if (l->members[i].loose > l->members[fullest].loose)
			fullest = (member_index)i;
	return l->members[fullest].loose > 0 ? fullest : MEMBER_NONE;
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
	if (member != MEMBER_NONE && l->members[member].loose > 0)
		l->members[member].loose--;
	if (l->held > 0)
		l->held--;
	/* What stands is never evicted, so nothing else points to one without entries. */
	if (incident != NULL && incident->entries > 0 && --incident->entries == 0)
		forget_incident(l, incident);
}

/* ---- what follows ------------------------------------------------------------- */

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
