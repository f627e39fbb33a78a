#include "cli/ca_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/reputation.h"

#define DAY_MS (24ULL * 60 * 60 * 1000)

static bool
was_ever_listed(const struct roster *roster, member_index m)
{
	const struct epoch *e = roster_current(roster);

	for (; e != NULL; e = roster_epoch(roster, epoch_number(e) - 1))
		if (epoch_has(e, m))
			return true;
	return false;
}

static bool
is_founder(const struct roster *roster, member_index m)
{
	return epoch_has(roster_epoch(roster, 1), m);
}

static uint64_t
since(uint64_t now_ms, uint64_t then_ms)
{
	return now_ms > then_ms ? now_ms - then_ms : 0;
}

static void
explain(struct ca_weight *w, const struct reputation *r)
{
	if (r->misbehaved)
		snprintf(w->reason, sizeof(w->reason), "a confession or a proof stands against it");
	else if (r->quarantined)
		snprintf(w->reason, sizeof(w->reason), "it is quarantined");
	else if (!r->founder && r->age_ms < r->probation_ms)
		snprintf(w->reason, sizeof(w->reason), "on probation for %llu h more",
		    (unsigned long long)((r->probation_ms - r->age_ms + 3599999) / 3600000));
	else if (r->overturned > 0)
		snprintf(w->reason, sizeof(w->reason),
		    "%u good days, %u of its accusations overturned", r->good_days, r->overturned);
	else
		snprintf(w->reason, sizeof(w->reason), "%u good days", r->good_days);
}

static void
weigh(const struct roster *roster, const struct ca_evidence *evidence, uint64_t now_ms,
    struct ca_weight *w)
{
	member_index m = roster_find_id(roster, &w->id);
	const struct member *member = roster_member(roster, m);
	struct ca_past past = { 0 };
	struct reputation r = { .age_ms = since(now_ms, member->enrolled_ms),
		.probation_ms = LIMIT_PROBATION_MS,
		.founder = is_founder(roster, m) };

	if (evidence != NULL)
		past = ca_evidence_of(evidence, m, now_ms);
	r.misbehaved = past.misbehaved;
	r.quarantined = past.quarantined;
	r.overturned = past.overturned;
	r.good_days =
	    (uint32_t)(since(now_ms, past.penalty_ms > member->enrolled_ms ? past.penalty_ms
	                                                                   : member->enrolled_ms) /
	               DAY_MS);
	w->was_listed = epoch_has(roster_current(roster), m);
	w->old_weight = epoch_weight_of(roster_current(roster), m);
	w->listed = w->was_listed || !was_ever_listed(roster, m);
	w->weight = w->listed ? reputation_weight(&r) : 0;
	explain(w, &r);
}

bool
ca_weights_make(const struct ca_store *store, const struct roster *roster,
    const struct ca_evidence *evidence, struct ca_weights *out)
{
	struct ca_weights weights = { .now_ms = (uint64_t)time(NULL) * 1000 };

	if ((weights.list = calloc(store->count + 1, sizeof(*weights.list))) == NULL) {
		ca_complain("%s", err_text(ERR_NOMEM));
		return false;
	}
	if (roster != NULL && weights.now_ms <= epoch_time_ms(roster_current(roster)))
		weights.now_ms = epoch_time_ms(roster_current(roster)) + 1;
	for (size_t i = 0; i < store->count; i++) {
		const Protos__Enrolment *e = store->records[i].enrolment;
		struct ca_weight *w = &weights.list[weights.count];
		struct reputation founder = { .founder = true };

		if (e->role != PROTOS__ROLE__ROLE_NODE)
			continue;
		weights.count++;
		w->name = e->name;
		memcpy(w->id.bytes, e->id.data, sizeof(w->id.bytes));
		if (roster != NULL) {
			weigh(roster, evidence, weights.now_ms, w);
			continue;
		}
		w->listed = true;
		w->weight = reputation_weight(&founder);
		snprintf(w->reason, sizeof(w->reason), "a founder");
	}
	*out = weights;
	return true;
}

void
ca_weights_free(struct ca_weights *weights)
{
	free(weights->list);
	*weights = (struct ca_weights){ 0 };
}

static struct ca_weight *
find(struct ca_weights *weights, const char *name)
{
	for (size_t i = 0; i < weights->count; i++)
		if (strcmp(weights->list[i].name, name) == 0)
			return &weights->list[i];
	return NULL;
}

bool
ca_weights_set(struct ca_weights *weights, const char *text)
{
	const char *equals = strchr(text, '=');
	char name[LIMIT_NAME_BYTES + 1];
	struct ca_weight *w;
	unsigned long weight;

	if (equals == NULL || (size_t)(equals - text) >= sizeof(name)) {
		ca_complain("--weight %s: NAME=W is needed", text);
		return false;
	}
	memcpy(name, text, (size_t)(equals - text));
	name[equals - text] = '\0';
	if (!ca_number("--weight", equals + 1, 0, LIMIT_WEIGHT, &weight))
		return false;
	if ((w = find(weights, name)) == NULL) {
		ca_complain("--weight %s: no node of that name is enrolled", text);
		return false;
	}
	w->listed = true;
	w->weight = (uint32_t)weight;
	snprintf(w->reason, sizeof(w->reason), "as you say");
	return true;
}

bool
ca_weights_remove(struct ca_weights *weights, const char *name)
{
	struct ca_weight *w = find(weights, name);

	if (w == NULL || (!w->was_listed && !w->listed)) {
		ca_complain("--remove %s: no node of that name is in the mesh", name);
		return false;
	}
	w->listed = false;
	w->weight = 0;
	snprintf(w->reason, sizeof(w->reason), "as you say");
	return true;
}

uint64_t
ca_weights_total(const struct ca_weights *weights)
{
	uint64_t total = 0;

	for (size_t i = 0; i < weights->count; i++)
		total += weights->list[i].weight;
	return total;
}

void
ca_weights_print(const struct ca_weights *weights)
{
	for (size_t i = 0; i < weights->count; i++) {
		const struct ca_weight *w = &weights->list[i];
		char old[16] = "-", new[16] = "-";

		if (!w->was_listed && !w->listed)
			continue;
		if (w->was_listed)
			snprintf(old, sizeof(old), "%u", w->old_weight);
		if (w->listed)
			snprintf(new, sizeof(new), "%u", w->weight);
		printf("%-20s %3s -> %3s  %s\n", w->name, old, new, w->reason);
	}
}
