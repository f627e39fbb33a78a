/*
 * phalanx-sim: the whole mesh in one process, one seed a run.  docs/simulator.md.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/minimise.h"
#include "sim/sim.h"
#include "sim/summary.h"
#include "sim/sweep.h"

static void
usage(void)
{
	fputs(
	    "usage: phalanx-sim --seed S [options]           one run\n"
	    "       phalanx-sim --seed S --minimise [options]  the smallest run that fails alike\n"
	    "       phalanx-sim --seeds A..B [--jobs J] [--state FILE] [options]\n"
	    "  --nodes N --hours H --byzantine F --faults LIST --adversary LIST --steps N\n"
	    "  --trace FILE\n"
	    "lists: names by comma, none or all\n"
	    "  faults: ",
	    stderr);
	options_print_faults((1u << FAULT_COUNT) - 1, stderr);
	fputs("\n  adversaries: ", stderr);
	options_print_adversaries((1u << ADVERSARY_COUNT) - 1, stderr);
	fputs("\n", stderr);
	exit(2);
}

static uint64_t
number(const char *text, uint64_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != 0 || value > most)
		usage();
	return value;
}

struct command {
	struct options options;
	struct sweep sweep;
	const char *trace;
	bool seed_given, minimise;
};

/* One option with its value. */
static bool
take(struct command *c, const char *name, const char *value)
{
	struct options *o = &c->options;
	char *dots;

	if (strcmp(name, "--seed") == 0) {
		o->seed = number(value, UINT64_MAX);
		c->seed_given = true;
	} else if (strcmp(name, "--nodes") == 0) {
		/* One member is the operator. */
		o->nodes = (uint32_t)number(value, LIMIT_MEMBERS - 1);
		o->nodes_given = o->nodes >= 2;
		return o->nodes_given;
	} else if (strcmp(name, "--hours") == 0)
		return o->duration_given = options_hours(value, &o->duration_ms);
	else if (strcmp(name, "--byzantine") == 0) {
		o->byzantine = (uint32_t)number(value, LIMIT_MEMBERS);
		o->byzantine_given = true;
	} else if (strcmp(name, "--faults") == 0)
		return o->faults_given = options_faults(value, &o->faults);
	else if (strcmp(name, "--adversary") == 0)
		return o->adversaries_given = options_adversaries(value, &o->adversaries);
	else if (strcmp(name, "--steps") == 0) {
		o->steps = number(value, UINT64_MAX);
		o->steps_given = true;
	} else if (strcmp(name, "--trace") == 0)
		c->trace = value;
	else if (strcmp(name, "--state") == 0)
		c->sweep.state = value;
	else if (strcmp(name, "--jobs") == 0)
		c->sweep.jobs = (uint32_t)number(value, SWEEP_JOBS_MAX);
	else if (strcmp(name, "--seeds") == 0 && (dots = strstr(value, "..")) != NULL) {
		*dots = 0;
		c->sweep.first = number(value, UINT64_MAX - 1);
		c->sweep.last = number(dots + 2, UINT64_MAX - 1);
		return c->sweep.wanted = c->sweep.first <= c->sweep.last;
	} else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	struct command c = { .sweep = { .jobs = 1 } };
	FILE *trace = NULL;
	struct sim *s;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--minimise") == 0)
			c.minimise = true;
		else if (i + 1 == argc || !take(&c, argv[i], argv[i + 1]))
			usage();
		else
			i++;
	}
	if (c.sweep.wanted == c.seed_given || (c.sweep.wanted && c.sweep.jobs == 0))
		usage();
	if (c.sweep.wanted)
		return sweep_run(&c.sweep, &c.options);
	if (c.minimise)
		return minimise_run(&c.options);
	printf("seed %" PRIu64 "\n", c.options.seed);
	fflush(stdout);
	options_choose(&c.options);
	if (c.trace != NULL && (trace = fopen(c.trace, "w")) == NULL) {
		perror(c.trace);
		return 2;
	}
	s = sim_new(&c.options, trace);
	sim_run(s);
	summary_print(s, stdout);
	sim_free(s);
	if (trace != NULL)
		fclose(trace);
	return 0;
}
