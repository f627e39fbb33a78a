/*
 *  7: once everything is healed, honest hosts that can talk agree.
 * 12: evidence in public leads to a certificate.
 */
#include <inttypes.h>
#include "sim/invariants.h"
#include "sim/truth.h"

#define BOOT_MS  10000
#define AGREE_MS (3 * LIMIT_SYNC_MS * 5 / 4)

/* Does any link of it to an honest host last? */
static bool
is_connected(const struct sim *s, size_t host)
{
	const struct fabric_host *net = &s->fabric.hosts[host];

	if (s->hosts[host].core == NULL)
		return false;
	for (size_t i = 0; i < net->link_count; i++)
		if (s->fabric.links[net->links[i]].up && !s->hosts[net->peers[i]].liar)
			return true;
	return false;
}

static bool
have_agreed(const struct sim *s, size_t *left, size_t *right)
{
	size_t first = SIZE_MAX;
	uint64_t root = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct core_view view;

		if (s->hosts[i].liar || s->hosts[i].observed < 0 || !is_connected(s, i))
			continue;
		core_view(s->hosts[i].core, &view);
		if (first == SIZE_MAX) {
			first = i;
			root = view.root;
		} else if (view.root != root) {
			*left = first;
			*right = i;
			return false;
		}
	}
	return true;
}

void
healing_check(struct sim *s)
{
	uint64_t within_ms = BOOT_MS + LIMIT_FIRST_SYNC_MS + AGREE_MS, until_ms;
	size_t left = 0, right = 0;

	/* What was signed by a wrong clock is refused until it has aged away. */
	for (size_t i = 0; i < s->count && i < OBSERVED_MAX; i++)
		if (truth_of(s, i)->jumped)
			within_ms = LIMIT_RELAYED_MS + AGREE_MS;
	until_ms = s->now_ms + within_ms;
	if (!sim_run_until(s, s->now_ms + BOOT_MS))
		return;
	while (!have_agreed(s, &left, &right)) {
		if (s->now_ms >= until_ms)
			violated(s, 7,
			    "n%zu and n%zu hold different objects %" PRIu64
			    " s after everything is healed",
			    left, right, within_ms / 1000);
		if (!sim_run_until(s, s->now_ms + 1000))
			return;
		fabric_tick(s);
	}
}
