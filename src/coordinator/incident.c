/*
 * incident: what follows from one incident alone, whatever else is known.
 */
#include <stdlib.h>
#include <string.h>
#include "coordinator/ledger.h"

/* ---- how soon ------------------------------------------------------------------ */

static int
compare_times(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

bool
incident_held_us(const struct incident *incident, uint64_t *median, uint64_t *last)
{
	uint64_t *sorted;

	if (incident->cut_count == 0 ||
	    (sorted = malloc(incident->cut_count * sizeof(*sorted))) == NULL)
		return false;
	memcpy(sorted, incident->held_us, incident->cut_count * sizeof(*sorted));
	qsort(sorted, incident->cut_count, sizeof(*sorted), compare_times);
	*median = sorted[incident->cut_count / 2];
	*last = sorted[incident->cut_count - 1];
	free(sorted);
	return true;
}

/* ---- L1 ------------------------------------------------------------------------ */

static bool
counts(const struct voice *v, const struct epoch *epoch)
{
	return v->live && epoch_ordinal(epoch, v->member) != -1;
}

static bool
same_group(const struct roster *roster, member_index a, member_index b)
{
	const uint8_t *group = roster_member(roster, a)->group;

	return memcmp(group, roster_member(roster, b)->group,
	           sizeof(roster_member(roster, b)->group)) == 0;
}

/* Did k groups speak within the span that ends with this one? */
static bool
agree(const struct voice *voices, size_t count, const struct voice *last,
    const struct roster *roster, size_t k)
{
	const struct epoch *epoch = roster_current(roster);
	const struct voice *found[LIMIT_STATEMENTS_PER_INCIDENT];
	size_t groups = 0, g;

	for (size_t i = 0; i < count && groups < k; i++) {
		if (!counts(&voices[i], epoch) || voices[i].time_ms > last->time_ms ||
		    voices[i].time_ms + LIMIT_RESTRICT_SPAN_MS < last->time_ms)
			continue;
		for (g = 0; g < groups; g++)
			if (same_group(roster, found[g]->member, voices[i].member))
				break;
		if (g == groups)
			found[groups++] = &voices[i];
	}
	return groups >= k;
}

uint64_t
incident_restricted_until_ms(const struct incident *incident, const struct roster *roster)
{
	const struct epoch *epoch = roster_current(roster);
	const struct voice *voices = incident->witnesses;
	size_t k = epoch_k(epoch, 0), count = incident->witness_count;
	uint64_t until_ms = 0;

	if (count > LIMIT_STATEMENTS_PER_INCIDENT)
		count = LIMIT_STATEMENTS_PER_INCIDENT;
	for (size_t i = 0; i < count; i++)
		if (counts(&voices[i], epoch) && voices[i].time_ms + LIMIT_RESTRICT_MS > until_ms &&
		    agree(voices, count, &voices[i], roster, k))
			until_ms = voices[i].time_ms + LIMIT_RESTRICT_MS;
	return until_ms;
}

/* ---- what it amounts to --------------------------------------------------------- */

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
