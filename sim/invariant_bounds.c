/*
 * 14: memory, queues and signature checks stay bounded.
 */
#include <inttypes.h>
#include "sim/invariants.h"
#include "sim/truth.h"

void
bounds_step(struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];
	const struct witnessed *w = truth_of(s, host);
	const struct host *clone = &s->hosts[s->count];
	uint64_t links = s->fabric.hosts[host].link_count, seconds;
	struct core_view view;

	if (h->core == NULL)
		return;
	core_view(h->core, &view);
	if (view.objects > LIMIT_HELD_OBJECTS || view.objects > s->count * LIMIT_HELD_PER_AUTHOR)
		violated(s, 14, "n%zu holds %zu objects", host, view.objects);
	if (clone->member == h->member)
		links += s->fabric.hosts[s->count].link_count; /* they were its own */
	/* What is checked for links, and once each for the disk. */
	seconds = (s->now_ms - w->booted_ms) / 1000 + 1;
	if (view.checks >
	    links * (LIMIT_CHECKS_BURST + seconds * LIMIT_CHECKS_PER_S) + h->disk.count)
		violated(s, 14, "n%zu made %" PRIu64 " checks in %" PRIu64 " s", host, view.checks,
		    seconds);
}
