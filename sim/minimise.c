#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim/invariants.h"
#include "sim/minimise.h"
#include "sim/sim.h"

/* What a run came to; a signal counts as an invariant of its own. */
static struct verdict_of_run
outcome(const struct options *options, struct verdict_of_run *shared)
{
	int status;
	pid_t child;

	*shared = (struct verdict_of_run){ 0 };
	fflush(NULL);
	if ((child = fork()) == 0) {
		struct sim *s;

		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		invariants_report_to(shared);
		s = sim_new(options, NULL);
		sim_run(s);
		_exit(0);
	}
	if (child == -1 || waitpid(child, &status, 0) != child)
		return (struct verdict_of_run){ 0 };
	if (WIFSIGNALED(status))
		shared->invariant = 1000 + (unsigned)WTERMSIG(status);
	return *shared;
}

struct search {
	struct options best;
	struct verdict_of_run verdict, *shared;
	bool better;
};

static void
attempt(struct search *m, const struct options *candidate)
{
	struct verdict_of_run v = outcome(candidate, m->shared);

	if (v.invariant != m->verdict.invariant)
		return;
	m->best = *candidate;
	m->verdict.steps = v.steps;
	m->better = true;
}

static void
without_bits(struct search *m, size_t offset)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		struct options o = m->best;
		uint32_t *bits = (uint32_t *)(void *)((char *)&o + offset);

		if ((*bits >> bit & 1) == 0)
			continue;
		*bits &= ~(1u << bit);
		attempt(m, &o);
	}
}

static void
fewer(struct search *m)
{
	struct options o = m->best;

	for (o.nodes = 2; o.nodes < m->best.nodes; o.nodes++) {
		struct options smaller = o;

		if (smaller.byzantine >= smaller.nodes)
			smaller.byzantine = smaller.nodes - 1;
		attempt(m, &smaller);
	}
	o = m->best;
	for (o.byzantine = 0; o.byzantine < m->best.byzantine; o.byzantine++)
		attempt(m, &o);
	o = m->best;
	while (o.duration_ms > 1000) {
		o.duration_ms /= 2;
		attempt(m, &o);
	}
}

int
minimise_run(const struct options *given)
{
	struct search m = { .best = *given };

	m.shared = mmap(
	    NULL, sizeof(*m.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m.shared == MAP_FAILED)
		return 2;
	options_choose(&m.best);
	m.best.nodes_given = m.best.duration_given = m.best.byzantine_given = true;
	m.best.faults_given = m.best.adversaries_given = true;
	m.verdict = outcome(&m.best, m.shared);
	if (m.verdict.invariant == 0) {
		puts("nothing to minimise: this run is well");
		return 0;
	}
	do {
		m.better = false;
		without_bits(&m, offsetof(struct options, faults));
		without_bits(&m, offsetof(struct options, adversaries));
		fewer(&m);
	} while (m.better);
	m.best.steps = m.verdict.steps;
	m.best.steps_given = m.verdict.steps > 0;
	printf("invariant %u: ", m.verdict.invariant);
	options_print_command(&m.best, stdout);
	munmap(m.shared, sizeof(*m.shared));
	return 1;
}
