/*
 * bench_sim: figures from the simulated world without faults: how fast it
 * runs, what a host of it takes, and how what one host writes spreads.
 *
 * usage: bench_sim pace NODES SECONDS          an idle mesh
 *        bench_sim spread NODES RUNS           that many seeds, with 0, 10 and 33 % droppers
 *
 * One member is the operator, so NODES is less than LIMIT_MEMBERS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "core/ballot.h"
#include "sim/sim.h"
#include "tests/bench/gossip.h"

#define SETTLE_MS    40000
#define FOLLOW_MS    5000
#define DELAY_MIN_MS 1
#define DELAY_MAX_MS 3
#define RUNS_MAX     100
#define COUNT_OF(x)  (sizeof(x) / sizeof((x)[0]))

/* ---- the world ------------------------------------------------------------------ */

/* The process has one thread: on a machine with nothing else to do it is the wall's time. */
static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long size, resident;

	if (file == NULL || fscanf(file, "%lu %lu", &size, &resident) != 2)
		abort();
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static bool
is_synced(const struct sim *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct core_view v;

		core_view(s->hosts[i].core, &v);
		if (!v.synced)
			return false;
	}
	return true;
}

/* Booted, linked and synced. */
static struct sim *
settled(uint64_t seed, uint32_t nodes)
{
	struct options options = {
		.seed = seed, .nodes = nodes, .steps = UINT64_MAX, .unjudged = true
	};
	struct sim *s = sim_new(&options, NULL);

	s->fabric.delay_min_ms = DELAY_MIN_MS;
	s->fabric.delay_max_ms = DELAY_MAX_MS;
	for (size_t i = 0; i < s->count; i++)
		host_boot(s, i);
	do
		sim_run_until(s, s->now_ms + 1000);
	while (!is_synced(s) && s->now_ms < SETTLE_MS);
	if (!is_synced(s)) {
		fprintf(stderr, "bench_sim: %" PRIu32 " nodes: no first sync\n", nodes);
		exit(1);
	}
	return s;
}

/* ---- pace ------------------------------------------------------------------------ */

static void
pace(uint32_t nodes, uint64_t seconds)
{
	double before = resident_bytes(), began = cpu_s(), took;
	struct sim *s = settled(1, nodes);
	uint64_t from_ms = s->now_ms, messages = s->counts.delivered;

	printf("%6" PRIu32 " nodes: settled after %.0f simulated s in %.1f s", nodes,
	    (double)s->now_ms / 1000 - 1, cpu_s() - began);
	fflush(stdout);
	began = cpu_s();
	sim_run_until(s, from_ms + seconds * 1000);
	took = cpu_s() - began;
	printf("; idle: %.3g simulated s (%.3g h) a second, %.0f messages a second",
	    (double)seconds / took, (double)seconds / took / 3600,
	    (double)(s->counts.delivered - messages) / took);
	printf("; %.0f KiB a node\n", (resident_bytes() - before) / nodes / 1024);
	sim_free(s);
}

/* ---- spread ----------------------------------------------------------------------- */

/* One object on its way. */
struct followed {
	enum entry_kind kind;
	member_index subject;
	uint64_t *first_ms; /* by host; 0: not yet */
	uint32_t *hops;
	uint64_t copies, bytes;
};

struct figures {
	double reached;                      /* of the hosts that drop nothing */
	double last_ms, hops, copies, bytes; /* the latter two a node */
};

static void
follow(struct sim *s, size_t to, size_t from, const struct payload *p)
{
	struct followed *f = s->context;

	for (size_t i = 0; i < p->record_count; i++) {
		if (p->records[i]->kind != f->kind || p->records[i]->subject != f->subject)
			continue;
		f->copies++;
		f->bytes += p->size_bytes;
		if (f->first_ms[to] == 0) {
			f->first_ms[to] = s->now_ms;
			f->hops[to] = f->hops[from] + 1;
		}
	}
}

static void
choose_droppers(struct sim *s, size_t origin, unsigned percent)
{
	for (size_t left = (s->count * percent + 50) / 100; left > 0;) {
		size_t i = sim_any_host(s, &s->prng);

		if (i == origin || s->hosts[i].drops)
			continue;
		s->hosts[i].drops = true;
		left--;
	}
}

static void
confess(struct sim *s, size_t origin)
{
	struct core_event ev = { .input = CORE_CONFESS, .confess.reason = CLASS_TAMPER };

	host_step(s, origin, &ev);
}

static struct signature
signed_ballot(struct sim *s, member_index voter, const struct certificate *c)
{
	uint8_t bytes[BALLOT_BYTES];
	struct signature signature;
	struct ballot b = { .level = c->level,
		.mesh = s->authority->mesh,
		.epoch = c->epoch,
		.subject = c->subject,
		.window = c->window };

	ballot_write(&b, bytes);
	keys_sign(&s->keys, &s->authority->members[voter].key, DOMAIN_BALLOT,
	    (struct span){ bytes, sizeof(bytes) }, &signature);
	return signature;
}

/* The host's notary writes a certificate of just a quorum, as its core would have asked. */
static void
certify(struct sim *s, size_t origin, member_index subject)
{
	static uint8_t voters[LIMIT_MEMBERS / 8 + 1], body[LIMIT_BODY_BYTES];
	static struct signature signatures[LIMIT_CERTIFICATE_SIGNERS];
	const struct electorate *now = authority_current(s->authority);
	struct entry e = { .kind = ENTRY_CERTIFICATE };
	struct happening write = { .kind = HAPPEN_WRITE, .to = (uint16_t)origin };
	size_t count = 0, size_bytes = sizeof(body);
	uint64_t weight = 0;

	memset(voters, 0, sizeof(voters));
	e.header.mesh = s->authority->mesh;
	e.header.epoch = e.certificate.epoch = now->number;
	e.header.time_ms = AUTHORITY_TIME_MS + s->now_ms;
	e.certificate.level = LEVEL_QUARANTINE;
	e.certificate.subject = s->authority->members[subject].id;
	e.certificate.window = ballot_window(e.header.time_ms);
	for (size_t i = 0; !electorate_is_quorum(now, subject, count, weight); i++) {
		if (now->heads[i] == subject)
			continue;
		voters[i / 8] |= (uint8_t)(1u << i % 8);
		signatures[count++] = signed_ballot(s, now->heads[i], &e.certificate);
		weight += electorate_weight_of(now, now->heads[i]);
	}
	e.certificate.voters = (struct span){ voters, (now->head_count + 7) / 8 };
	e.certificate.signatures =
	    (struct span){ (uint8_t *)signatures, count * sizeof(*signatures) };
	if (entry_encode(&e, body, &size_bytes) != ERR_OK)
		abort();
	write.life = s->hosts[origin].life;
	write.payload = payload_new(body, size_bytes);
	queue_add(&s->queue, s->now_ms, &write);
}

/* From one host's first word to the last honest host's cut. */
static struct figures
spread(struct sim *s, size_t origin, member_index subject, enum entry_kind kind)
{
	struct followed f = { .kind = kind, .subject = subject };
	struct figures out = { 0 };
	uint64_t began_ms = s->now_ms;
	size_t honest = 0, reached = 0;

	f.first_ms = calloc(s->count, sizeof(*f.first_ms));
	f.hops = calloc(s->count, sizeof(*f.hops));
	if (f.first_ms == NULL || f.hops == NULL)
		abort();
	f.first_ms[origin] = began_ms;
	s->heard = follow;
	s->context = &f;
	if (kind == ENTRY_CERTIFICATE)
		certify(s, origin, subject);
	else
		confess(s, origin);
	sim_run_until(s, began_ms + FOLLOW_MS);
	s->heard = NULL;
	for (size_t i = 0; i < s->count; i++) {
		const struct host *h = &s->hosts[i];

		if (h->drops || i == origin || i == subject)
			continue;
		honest++;
		if (h->kernel[subject] < STRENGTH_CUT || f.first_ms[i] == 0)
			continue;
		reached++;
		if ((double)(f.first_ms[i] - began_ms) > out.last_ms)
			out.last_ms = (double)(f.first_ms[i] - began_ms);
		if (f.hops[i] > out.hops)
			out.hops = f.hops[i];
	}
	out.reached = (double)reached / (double)honest;
	out.copies = (double)f.copies / (double)s->count;
	out.bytes = (double)f.bytes / (double)s->count;
	free(f.first_ms);
	free(f.hops);
	return out;
}

/* The same bytes by Serf's gossip among the same droppers. */
static struct figures
compare(struct sim *s, size_t origin, double object_bytes)
{
	bool *drops = calloc(s->count, sizeof(*drops));
	struct gossip g = { .count = s->count,
		.origin = origin,
		.drops = drops,
		.delay_min_ms = DELAY_MIN_MS,
		.delay_max_ms = DELAY_MAX_MS };
	struct gossip_result r;
	size_t honest = 0;

	if (drops == NULL)
		abort();
	for (size_t i = 0; i < s->count; i++) {
		drops[i] = s->hosts[i].drops;
		honest += !drops[i] && i != origin;
	}
	gossip_run(&g, &s->prng, &r);
	free(drops);
	return (struct figures){ .reached = (double)r.reached / (double)honest,
		.last_ms = (double)r.last_ms,
		.hops = (double)r.hops,
		.copies = (double)r.sent / (double)s->count,
		.bytes = (double)r.sent * object_bytes / (double)s->count };
}

struct sample {
	struct figures ours, gossip;
};

static int
compare_times(const void *left, const void *right)
{
	const double *l = left, *r = right;

	return (*l > *r) - (*l < *r);
}

/* The median of the times; means of what is counted; hops and times at their worst. */
static void
print_one(const char *what, const struct sample *list, size_t count, bool gossip)
{
	struct figures sum = { 0 };
	double times[RUNS_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct figures *f = gossip ? &list[i].gossip : &list[i].ours;

		times[i] = f->last_ms;
		sum.reached += f->reached;
		sum.copies += f->copies;
		sum.bytes += f->bytes;
		sum.hops = f->hops > sum.hops ? f->hops : sum.hops;
	}
	qsort(times, count, sizeof(*times), compare_times);
	printf("  %-12s reached %7.3f %%, hops %2.0f, last after %5.0f ms (worst %5.0f), "
	       "%6.2f copies, %9.0f bytes a node\n",
	    what, 100 * sum.reached / (double)count, sum.hops, times[count / 2], times[count - 1],
	    sum.copies / (double)count, sum.bytes / (double)count);
}

static void
print(const char *what, const struct sample *list, size_t count)
{
	print_one(what, list, count, false);
	print_one("  by gossip", list, count, true);
}

static struct sample
sample_here(uint64_t seed, uint32_t nodes, unsigned percent, enum entry_kind kind)
{
	struct sim *s = settled(seed, nodes);
	size_t origin = sim_any_host(s, &s->prng);
	size_t subject = kind == ENTRY_CERTIFICATE ? (origin + 1) % s->count : origin;
	struct sample sample;

	choose_droppers(s, origin, percent);
	sample.ours = spread(s, origin, (member_index)subject, kind);
	sample.gossip = compare(s, origin, sample.ours.bytes / sample.ours.copies);
	return sample;
}

/*
 * One object in a world of its own, for what it severs would not be whole again for the next; and
 * in a process of its own, for pages of memory that were never touched, which most of a large
 * world's are, are to be had but once.
 */
static struct sample
sample_one(uint64_t seed, uint32_t nodes, unsigned percent, enum entry_kind kind)
{
	struct sample sample;
	int ends[2], status;
	pid_t child;

	if (pipe(ends) != 0 || (child = fork()) < 0) {
		perror("bench_sim");
		exit(1);
	}
	if (child == 0) {
		sample = sample_here(seed, nodes, percent, kind);
		_exit(write(ends[1], &sample, sizeof(sample)) != sizeof(sample));
	}
	close(ends[1]);
	if (read(ends[0], &sample, sizeof(sample)) != sizeof(sample) ||
	    waitpid(child, &status, 0) != child || status != 0) {
		fputs("bench_sim: a simulated world failed\n", stderr);
		exit(1);
	}
	close(ends[0]);
	return sample;
}

static const unsigned percents[] = { 0, 10, 33 };
static const enum entry_kind kinds[] = { ENTRY_SELF_REPORT, ENTRY_CERTIFICATE };

static void
spread_all(uint32_t nodes, size_t runs)
{
	static struct sample samples[COUNT_OF(percents)][COUNT_OF(kinds)][RUNS_MAX];
	/* Everybody is a head: a quorum is more than half. */
	size_t kind_count = nodes / 2 < LIMIT_CERTIFICATE_SIGNERS ? 2 : 1;

	for (size_t i = 0; i < runs; i++)
		for (size_t p = 0; p < COUNT_OF(percents); p++)
			for (size_t k = 0; k < kind_count; k++)
				samples[p][k][i] = sample_one(i + 1, nodes, percents[p], kinds[k]);
	for (size_t p = 0; p < COUNT_OF(percents); p++) {
		printf("%6" PRIu32 " nodes, %" PRIu32 " drop (%u %%), %zu runs\n", nodes,
		    (nodes * percents[p] + 50) / 100, percents[p], runs);
		print("self-report", samples[p][0], runs);
		if (kind_count == 2)
			print("certificate", samples[p][1], runs);
	}
	if (kind_count == 1)
		printf("  no certificate: it would have more than %d signers\n",
		    LIMIT_CERTIFICATE_SIGNERS);
}

int
main(int argc, char **argv)
{
	unsigned long nodes = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long third = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "pace") == 0 && nodes >= 2 && nodes < LIMIT_MEMBERS) {
		pace((uint32_t)nodes, third);
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "spread") == 0 && nodes >= 5 && nodes < LIMIT_MEMBERS &&
	    third > 0 && third <= RUNS_MAX) {
		spread_all((uint32_t)nodes, third);
		return 0;
	}
	fputs("usage: bench_sim pace NODES SECONDS | bench_sim spread NODES RUNS\n", stderr);
	return 2;
}
