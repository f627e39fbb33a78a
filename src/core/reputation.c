#include "core/reputation.h"
#include "base/limits.h"

uint32_t
reputation_weight(const struct reputation *r)
{
	uint64_t weight;

	if (r->misbehaved || r->quarantined || (!r->founder && r->age_ms < r->probation_ms))
		return 0;
	weight = 32 + 2 * (uint64_t)r->good_days;
	if (weight > LIMIT_WEIGHT)
		weight = LIMIT_WEIGHT;
	return r->overturned >= 32 ? 0 : (uint32_t)weight >> r->overturned;
}
