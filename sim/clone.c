#include "sim/clone.h"
#include "sim/trace.h"

void
clone_begin(struct sim *s, size_t of, struct prng *prng)
{
	const struct fabric_host *net = &s->fabric.hosts[of];
	const struct host *original = &s->hosts[of];
	struct host *clone = &s->hosts[s->count];

	if (original->core == NULL || original->liar || clone->core != NULL)
		return;
	trace_line(&s->trace, s->now_ms, "n%zu is the clone of n%zu", s->count, of);
	s->authority->members[original->member].key_stolen = true;
	clone->member = original->member;
	clone->roster = original->roster;
	clone->clock_offset_ms = original->clock_offset_ms;
	clone->clock_ppm = original->clock_ppm;
	disk_free(&clone->disk);
	disk_copy(&original->disk, &clone->disk);
	/* From the end: who is moved leaves the list. */
	for (size_t i = net->link_count; i > 0; i--)
		if (prng_below(prng, 2) == 0)
			fabric_move(s, net->links[i - 1], of, s->count);
	host_boot(s, s->count);
}

void
clone_end(struct sim *s)
{
	const struct fabric_host *net = &s->fabric.hosts[s->count];
	struct host *clone = &s->hosts[s->count];

	clone->waits_to_boot = true; /* nobody switches it on again */
	host_crash(s, s->count, true);
	for (size_t i = net->link_count; i > 0; i--)
		fabric_move(s, net->links[i - 1], s->count, clone->member);
}

size_t
clone_behind(const struct sim *s, size_t dialler, size_t host)
{
	size_t link = fabric_find(s, dialler, s->hosts[host].member);
	const struct link_ends *l;

	if (link == SIZE_MAX)
		return host;
	l = &s->fabric.links[link];
	return l->host[l->host[0] == dialler];
}
