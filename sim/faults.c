/*
 * faults: what goes wrong, when, for how long.  Each kind begins and ends by
 * itself, over and over, until everything is healed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/clone.h"
#include "sim/digest.h"

struct fault_kind {
	void (*begin)(struct sim *, struct prng *);
	void (*end)(struct sim *, struct prng *);
	uint32_t gap_ms, length_ms; /* at most; a tenth of it at least */
};

struct schedule {
	bool on[FAULT_COUNT];
	size_t host[FAULT_COUNT]; /* whom it befell */
};

static struct fabric_host *
net_of(struct sim *s, enum fault fault)
{
	return &s->fabric.hosts[s->schedule->host[fault]];
}

static size_t
befall(struct sim *s, enum fault fault, struct prng *prng)
{
	return s->schedule->host[fault] = sim_any_host(s, prng);
}

/* ---- the network ------------------------------------------------------------------- */

static void
delay_begin(struct sim *s, struct prng *prng)
{
	s->fabric.delay_max_ms = s->fabric.delay_min_ms + (uint32_t)prng_below(prng, 400);
	s->fabric.tail_per_1000 = (uint32_t)prng_below(prng, 50);
	s->fabric.tail_ms = 1 + (uint32_t)prng_below(prng, 5000);
}

static void
delay_end(struct sim *s, struct prng *prng)
{
	s->fabric.delay_max_ms = s->fabric.delay_min_ms + (uint32_t)prng_below(prng, 3);
	s->fabric.tail_per_1000 = 0;
}

static void
loss_begin(struct sim *s, struct prng *prng)
{
	s->fabric.lost_per_1000 = 5 + (uint32_t)prng_below(prng, 300);
}

static void
loss_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	s->fabric.lost_per_1000 = 0;
}

static void
double_begin(struct sim *s, struct prng *prng)
{
	s->fabric.doubled_per_1000 = 10 + (uint32_t)prng_below(prng, 500);
}

static void
double_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	s->fabric.doubled_per_1000 = 0;
}

static void
reorder_begin(struct sim *s, struct prng *prng)
{
	s->fabric.reordered_per_1000 = 50 + (uint32_t)prng_below(prng, 900);
	s->fabric.delay_max_ms += 5 + (uint32_t)prng_below(prng, 100);
}

static void
reorder_end(struct sim *s, struct prng *prng)
{
	s->fabric.reordered_per_1000 = 0;
	delay_end(s, prng);
}

static void
partition_begin(struct sim *s, struct prng *prng)
{
	s->fabric.impaired = true;
	for (size_t i = 0; i < s->count; i++)
		s->fabric.hosts[i].side = (uint8_t)prng_below(prng, 2);
}

static void
partition_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	for (size_t i = 0; i < s->count; i++)
		s->fabric.hosts[i].side = 0;
}

static void
one_way_begin(struct sim *s, struct prng *prng)
{
	befall(s, FAULT_ONE_WAY, prng);
	s->fabric.impaired = true;
	net_of(s, FAULT_ONE_WAY)->mute = true;
}

static void
one_way_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	net_of(s, FAULT_ONE_WAY)->mute = false;
}

static void
slow_begin(struct sim *s, struct prng *prng)
{
	befall(s, FAULT_SLOW, prng);
	net_of(s, FAULT_SLOW)->slow_ms = 50 + (uint32_t)prng_below(prng, 450);
}

static void
slow_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	net_of(s, FAULT_SLOW)->slow_ms = 0;
}

static void
deaf_begin(struct sim *s, struct prng *prng)
{
	befall(s, FAULT_DEAF, prng);
	net_of(s, FAULT_DEAF)->lost_per_1000 = 800;
}

static void
deaf_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	net_of(s, FAULT_DEAF)->lost_per_1000 = 0;
}

static void
reset_begin(struct sim *s, struct prng *prng)
{
	for (size_t n = 1 + prng_below(prng, 3); n > 0; n--)
		fabric_break(s, prng_below(prng, s->fabric.link_count), prng_below(prng, 50));
}

/* ---- hosts -------------------------------------------------------------------------- */

static void
stall_begin(struct sim *s, struct prng *prng)
{
	host_stall(s, befall(s, FAULT_STALL, prng),
	    s->now_ms + (prng_below(prng, 2) == 0 ? 10000 : 100 + prng_below(prng, 10000)));
}

/* Now, or at one of the points where a crash is worst. */
static void
doom(struct sim *s, struct prng *prng, bool power)
{
	size_t index = sim_any_host(s, prng);
	struct doom *d = &s->hosts[index].doom;

	if (prng_below(prng, 3) == 0) {
		host_crash(s, index, power);
		return;
	}
	d->power = power;
	d->point = (enum point)prng_below(prng, POINT_COUNT);
	d->countdown = (uint32_t)prng_below(prng, d->point == POINT_ACTION ? 20 : 4);
	d->set = true;
}

static void
kill_begin(struct sim *s, struct prng *prng)
{
	doom(s, prng, false);
}

static void
power_begin(struct sim *s, struct prng *prng)
{
	doom(s, prng, true);
	/* Now and then the whole room goes dark. */
	if (prng_below(prng, 8) == 0)
		for (size_t i = 0; i < s->count; i++)
			host_crash(s, i, true);
}

static void
full_begin(struct sim *s, struct prng *prng)
{
	s->hosts[befall(s, FAULT_FULL, prng)].disk.full = true;
}

static void
full_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	s->hosts[s->schedule->host[FAULT_FULL]].disk.full = false;
}

/* A snapshot is taken when it begins and comes back when it ends. */
static void
old_disk_begin(struct sim *s, struct prng *prng)
{
	struct host *h = &s->hosts[befall(s, FAULT_OLD_DISK, prng)];

	h->snapshot = h->disk.count;
}

static void
old_disk_end(struct sim *s, struct prng *prng)
{
	size_t index = s->schedule->host[FAULT_OLD_DISK];
	struct host *h = &s->hosts[index];

	(void)prng;
	host_crash(s, index, true);
	disk_restore(&h->disk, h->snapshot);
	h->restored = true;
	trace_line(&s->trace, s->now_ms, "n%zu: an old snapshot of its disk is put in", index);
}

/* The same one each time: a mesh of clones has nobody left who may sign. */
static void
clone_fault_begin(struct sim *s, struct prng *prng)
{
	if (s->counts.faults[FAULT_CLONE] == 1)
		befall(s, FAULT_CLONE, prng);
	clone_begin(s, s->schedule->host[FAULT_CLONE], prng);
}

static void
clone_fault_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	clone_end(s);
}

/* ---- clocks ------------------------------------------------------------------------------ */

static int64_t
up_to(struct prng *prng, int64_t most)
{
	return (int64_t)prng_below(prng, (uint64_t)(2 * most + 1)) - most;
}

static void
skew_begin(struct sim *s, struct prng *prng)
{
	int64_t most_ms = prng_below(prng, 2) == 0 ? 9000 : 60000;

	for (size_t i = 0; i < s->count; i++)
		if (prng_below(prng, 3) == 0)
			s->hosts[i].clock_offset_ms = up_to(prng, most_ms);
}

static void
skew_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	for (size_t i = 0; i < s->count; i++)
		s->hosts[i].clock_offset_ms = 0;
}

static void
jump_begin(struct sim *s, struct prng *prng)
{
	struct host *h = &s->hosts[befall(s, FAULT_JUMP, prng)];

	h->clock_offset_ms = up_to(prng, prng_below(prng, 4) == 0 ? 3600 * 1000 : 120 * 1000);
}

static void
jump_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	s->hosts[s->schedule->host[FAULT_JUMP]].clock_offset_ms = 0;
}

static void
drift_begin(struct sim *s, struct prng *prng)
{
	for (size_t i = 0; i < s->count; i++)
		s->hosts[i].clock_ppm = (int32_t)up_to(prng, 50000);
}

static void
drift_end(struct sim *s, struct prng *prng)
{
	(void)prng;
	for (size_t i = 0; i < s->count; i++)
		s->hosts[i].clock_ppm = 0;
}

/* ---- the schedule --------------------------------------------------------------------------- */

static void
nothing(struct sim *s, struct prng *prng)
{
	(void)s;
	(void)prng;
}

static const struct fault_kind kinds[FAULT_COUNT] = {
	[FAULT_DELAY] = { delay_begin, delay_end, 20000, 20000 },
	[FAULT_LOSS] = { loss_begin, loss_end, 15000, 20000 },
	[FAULT_DOUBLE] = { double_begin, double_end, 15000, 30000 },
	[FAULT_REORDER] = { reorder_begin, reorder_end, 15000, 30000 },
	[FAULT_PARTITION] = { partition_begin, partition_end, 20000, 40000 },
	[FAULT_ONE_WAY] = { one_way_begin, one_way_end, 20000, 20000 },
	[FAULT_FLAP] = { partition_begin, partition_end, 3000, 3000 },
	[FAULT_SLOW] = { slow_begin, slow_end, 10000, 30000 },
	[FAULT_DEAF] = { deaf_begin, deaf_end, 10000, 30000 },
	[FAULT_STALL] = { stall_begin, nothing, 20000, 10000 },
	[FAULT_RESET] = { reset_begin, nothing, 5000, 100 },
	[FAULT_KILL] = { kill_begin, nothing, 10000, 100 },
	[FAULT_POWER] = { power_begin, nothing, 20000, 100 },
	[FAULT_FULL] = { full_begin, full_end, 10000, 20000 },
	[FAULT_OLD_DISK] = { old_disk_begin, old_disk_end, 10000, 20000 },
	[FAULT_CLONE] = { clone_fault_begin, clone_fault_end, 10000, 30000 },
	[FAULT_SKEW] = { skew_begin, skew_end, 10000, 60000 },
	[FAULT_JUMP] = { jump_begin, jump_end, 10000, 20000 },
	[FAULT_DRIFT] = { drift_begin, drift_end, 10000, 60000 },
	[FAULT_ROSTER] = { rosters_change, nothing, 15000, 1000 },
	[FAULT_EXPIRY] = { expiries_shorten, expiries_settle, 15000, 20000 },
};

static void
schedule(struct sim *s, enum fault fault, uint32_t most_ms)
{
	struct happening e = { .kind = HAPPEN_FAULT, .number = (uint32_t)fault };
	uint64_t in_ms = sim_between(&s->fault_prng[fault], most_ms / 10 + 1, most_ms);

	queue_add(&s->queue, s->now_ms + in_ms, &e);
}

void
faults_init(struct sim *s)
{
	if ((s->schedule = calloc(1, sizeof(*s->schedule))) == NULL)
		abort();
	for (enum fault f = 0; f < FAULT_COUNT; f++) {
		prng_seed(&s->fault_prng[f], digest_mix(s->options.seed, 1000 + f));
		if ((s->options.faults >> f & 1) != 0)
			schedule(s, f, kinds[f].gap_ms);
	}
}

void
faults_free(struct sim *s)
{
	free(s->schedule);
}

void
faults_happen(struct sim *s, uint32_t number)
{
	enum fault fault = (enum fault)number;
	bool *on = &s->schedule->on[fault];

	if (s->healed)
		return;
	*on = !*on;
	trace_add(&s->trace, digest_mix(s->now_ms, 1000 + number));
	trace_line(&s->trace, s->now_ms, "%s %s", fault_text(fault), *on ? "begins" : "ends");
	if (*on)
		s->counts.faults[fault]++;
	(*on ? kinds[fault].begin : kinds[fault].end)(s, &s->fault_prng[fault]);
	schedule(s, fault, *on ? kinds[fault].length_ms : kinds[fault].gap_ms);
}

void
faults_heal(struct sim *s)
{
	for (enum fault f = 0; f < FAULT_COUNT; f++)
		if (s->schedule->on[f])
			kinds[f].end(s, &s->fault_prng[f]);
	s->healed = true;
	for (size_t i = 0; i < s->count; i++) {
		struct host *h = &s->hosts[i];

		h->doom.set = false;
		if (h->stalled_until_ms > s->now_ms)
			host_stall(s, i, s->now_ms);
		s->fabric.hosts[i].mute = false;
		s->fabric.hosts[i].slow_ms = s->fabric.hosts[i].lost_per_1000 = 0;
	}
	trace_line(&s->trace, s->now_ms, "everything is healed");
}
