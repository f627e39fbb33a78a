#include <stdlib.h>
#include <string.h>
#include "sim/adversary.h"
#include "sim/adversary_forge.h"
#include "sim/digest.h"

struct behaviour {
	/* May a message of a liar go out?  NULL: any may. */
	bool (*sends)(struct sim *, size_t host, size_t to, const struct payload *);
	/* What a liar does now and then.  NULL: nothing. */
	void (*acts)(struct sim *, struct prng *, size_t host);
};

static bool
has(const struct payload *p, enum entry_kind kind)
{
	struct entry_header header;
	struct envelope envelope;
	enum entry_kind is;

	return envelope_parse(p->bytes, p->size_bytes, &envelope) == ERR_OK &&
	       entry_peek(envelope.body, &header, &is) == ERR_OK && is == kind;
}

static bool
silence_sends(struct sim *s, size_t host, size_t to, const struct payload *p)
{
	(void)s;
	(void)host;
	(void)to;
	(void)p;
	return false;
}

/* To half of the hosts all is well; the others hear pings. */
static bool
selective_sends(struct sim *s, size_t host, size_t to, const struct payload *p)
{
	(void)s;
	return ((host ^ to) & 1) == 0 || has(p, ENTRY_PING) || has(p, ENTRY_HELLO);
}

static bool
withhold_sends(struct sim *s, size_t host, size_t to, const struct payload *p)
{
	(void)s;
	(void)host;
	(void)to;
	return !has(p, ENTRY_SYNC_ITEMS) && !has(p, ENTRY_SYNC_BUCKETS);
}

static const struct behaviour behaviours[ADVERSARY_COUNT] = {
	[ADVERSARY_SILENCE] = { silence_sends, NULL },
	[ADVERSARY_SELECTIVE] = { selective_sends, NULL },
	[ADVERSARY_WITHHOLD] = { withhold_sends, NULL },
	[ADVERSARY_FRAME] = { NULL, adversary_frames },
	[ADVERSARY_ACCUSE] = { NULL, adversary_accuses },
	[ADVERSARY_EQUIVOCATE] = { NULL, adversary_equivocates },
	[ADVERSARY_REPLAY] = { NULL, adversary_replays },
	[ADVERSARY_FLOOD] = { NULL, adversary_floods },
	[ADVERSARY_SPOOF] = { NULL, adversary_spoofs },
	[ADVERSARY_TOKEN] = { NULL, NULL }, /* one group: authority.c */
	[ADVERSARY_STOLEN_KEY] = { NULL, adversary_steals },
	[ADVERSARY_REPORTS] = { NULL, adversary_reports },
	[ADVERSARY_STUFF] = { NULL, adversary_stuffs },
	[ADVERSARY_MALFORMED] = { NULL, adversary_maims },
	[ADVERSARY_RECORDS] = { adversary_forges_records, NULL },
};

void
adversaries_init(struct sim *s)
{
	struct adversaries *a = calloc(1, sizeof(*a));

	if (a == NULL || (a->sequences = calloc(s->count, sizeof(*a->sequences))) == NULL)
		abort();
	s->adversaries = a;
	for (enum adversary k = 0; k < ADVERSARY_COUNT; k++)
		prng_seed(&s->adversary_prng[k], digest_mix(s->options.seed, 2000 + k));
	a->victim = a->stolen = MEMBER_NONE;
	for (size_t tries = 0; tries < 100 && a->victim == MEMBER_NONE; tries++) {
		size_t m = prng_below(&s->adversary_prng[ADVERSARY_FRAME], s->count);

		if (!s->authority->members[m].liar)
			a->victim = (member_index)m;
	}
	if (s->options.byzantine == 0 || (s->options.adversaries >> ADVERSARY_STOLEN_KEY & 1) == 0)
		return;
	for (size_t tries = 0; tries < 100 && a->stolen == MEMBER_NONE; tries++) {
		size_t m = prng_below(&s->adversary_prng[ADVERSARY_STOLEN_KEY], s->count);

		if (!s->authority->members[m].liar && m != a->victim)
			a->stolen = (member_index)m;
	}
	if (a->stolen != MEMBER_NONE)
		s->authority->members[a->stolen].key_stolen = true;
}

void
adversaries_free(struct sim *s)
{
	struct adversaries *a = s->adversaries;

	for (size_t i = 0; i < a->heard_count; i++)
		payload_drop(a->heard[i]);
	free(a->sequences);
	free(a);
}

bool
adversary_sends(struct sim *s, size_t host, size_t to, const struct payload *p)
{
	for (enum adversary k = 0; k < ADVERSARY_COUNT; k++)
		if ((s->options.adversaries >> k & 1) != 0 && behaviours[k].sends != NULL &&
		    !behaviours[k].sends(s, host, to, p)) {
			s->counts.attacks[k]++;
			return false;
		}
	return true;
}

/* The last few messages with entries that any liar heard. */
void
adversary_hears(struct sim *s, size_t host, struct payload *p)
{
	struct adversaries *a = s->adversaries;
	size_t at = a->heard_count;

	(void)host;
	if (p->record_count == 0)
		return;
	if (at < ADVERSARY_HEARD)
		a->heard_count++;
	else {
		at = prng_below(&s->adversary_prng[ADVERSARY_REPLAY], ADVERSARY_HEARD);
		payload_drop(a->heard[at]);
	}
	a->heard[at] = payload_share(p);
}

void
adversaries_tick(struct sim *s)
{
	for (enum adversary k = 0; k < ADVERSARY_COUNT; k++) {
		if ((s->options.adversaries >> k & 1) == 0 || behaviours[k].acts == NULL)
			continue;
		for (size_t i = 0; i < s->count; i++)
			if (s->hosts[i].liar && s->hosts[i].core != NULL &&
			    prng_below(&s->adversary_prng[k], 4) == 0) {
				s->counts.attacks[k]++;
				behaviours[k].acts(s, &s->adversary_prng[k], i);
			}
	}
}
