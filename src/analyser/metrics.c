#include <stdio.h>
#include "analyser/metrics.h"

void
metrics_format(const struct metrics *m, char out[METRICS_TEXT_BYTES])
{
	const struct {
		const char *name;
		uint64_t value;
	} plain[] = {
		{ "events", m->events },
		{ "by_model", m->by_model },
		{ "by_rules", m->by_rules },
		{ "remembered", m->remembered },
		{ "joined", m->joined },
		{ "exchanges", m->exchanges },
		{ "warm_ups", m->warm_ups },
		{ "exchange_ms", m->exchange_ms },
		{ "refused_calls", m->refused_calls },
	};
	size_t used = 0, i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]) && used < METRICS_TEXT_BYTES; i++)
		used += (size_t)snprintf(out + used, METRICS_TEXT_BYTES - used, "%s%s=%llu",
		    i == 0 ? "" : " ", plain[i].name, (unsigned long long)plain[i].value);
	for (i = REJECT_NONE + 1; i < REJECT_COUNT && used < METRICS_TEXT_BYTES; i++)
		if (m->rejected[i] != 0)
			used += (size_t)snprintf(out + used, METRICS_TEXT_BYTES - used,
			    " rejected.%s=%llu", rejection_text((enum rejection)i),
			    (unsigned long long)m->rejected[i]);
}
