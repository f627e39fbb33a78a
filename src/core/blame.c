#include <string.h>
#include "core/blame.h"

static bool
is_listed(const struct address *list, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(&list[i], a))
			return true;
	return false;
}

/* Unknown on either side contradicts nothing. */
static bool
macs_contradict(const struct mac *a, const struct mac *b)
{
	static const struct mac unknown;

	return memcmp(a, &unknown, sizeof(*a)) != 0 && memcmp(b, &unknown, sizeof(*b)) != 0 &&
	       memcmp(a, b, sizeof(*a)) != 0;
}

struct blame
blame_of(const struct core_config *config, const struct address *source,
    const struct mac *source_mac, const struct mac *link_macs)
{
	struct blame blame = { .member = MEMBER_NONE };
	size_t holders = 0;
	member_index member;

	if (is_listed(config->ignored, config->ignored_count, source)) {
		blame.cause = CAUSE_IGNORED;
		return blame;
	}
	member = roster_find_address(config->roster, source, &holders);
	if (address_is_loopback(source) || is_listed(config->own, config->own_count, source) ||
	    member == config->self) {
		blame.cause = CAUSE_INSIDE;
		blame.this_host = true;
		return blame;
	}
	if (holders > 1 || (holders == 1 && macs_contradict(source_mac, &link_macs[member]))) {
		blame.cause = CAUSE_AMBIGUOUS;
		return blame;
	}
	if (holders == 1) {
		blame.cause = CAUSE_MEMBER;
		blame.member = member;
		return blame;
	}
	blame.cause = address_is_private(source) ? CAUSE_INSIDE : CAUSE_OUTSIDE;
	return blame;
}
