/*
 * 8, 10: what a host said last has aged away everywhere, and then it comes
 * back with a disk from before.  No tree tells it, only its peers' memory of
 * how far its feed went: before that is settled its first sync is not over.
 */
#include "sim/invariants.h"
#include "sim/truth.h"

#define SAY_MS  2000
#define AGE_MS  (LIMIT_RELAYED_MS + 60 * 1000)
#define BOOT_MS 15000
#define SLOW_MS 1000 /* one way: several peers greet it before one shows what it said */

/* Honest, at work, and never doubted. */
static bool
is_sound(const struct sim *s, size_t host)
{
	const struct host *h = &s->hosts[host];
	struct core_view view;

	if (h->liar || h->core == NULL || h->restored || h->lock != STRENGTH_NONE ||
	    h->observed < 0 || !truth_is_safe(s, h->member) ||
	    s->authority->members[h->member].left || s->authority->epoch_count > 1)
		return false;
	core_view(h->core, &view);
	return view.synced && !view.lost_state && !view.clock_off;
}

/* An address outside the mesh touches its decoy: it tells the others of that. */
static bool
says_something(struct sim *s, size_t host)
{
	const struct address outside = { .family = 4, .bytes = { 192, 0, 2, 1 } };
	uint64_t before = s->hosts[host].disk.sequence;

	touch_decoy_of(s, host, &outside);
	return sim_run_until(s, s->now_ms + SAY_MS) && s->hosts[host].disk.sequence > before;
}

void
snapshot_check(struct sim *s)
{
	size_t host = 0, lines;
	struct core_view view;

	while (host < s->count && host < OBSERVED_MAX && !is_sound(s, host))
		host++;
	if (host == s->count || host == OBSERVED_MAX)
		return;
	lines = s->hosts[host].disk.count;
	if (!says_something(s, host) || !sim_run_until(s, s->now_ms + AGE_MS) ||
	    s->hosts[host].core == NULL)
		return;
	host_crash(s, host, true);
	disk_restore(&s->hosts[host].disk, lines);
	s->hosts[host].restored = true;
	s->fabric.delay_min_ms = s->fabric.delay_max_ms = SLOW_MS;
	trace_line(
	    &s->trace, s->now_ms, "n%zu: the disk that it had before it spoke is put in", host);
	if (!sim_run_until(s, s->now_ms + BOOT_MS + LIMIT_FIRST_SYNC_MS) ||
	    s->hosts[host].core == NULL || truth_of(s, host)->ever_misled)
		return;
	core_view(s->hosts[host].core, &view);
	if (!view.lost_state)
		violated(s, 10, "n%zu came back with an old disk, and does not know", host);
}
