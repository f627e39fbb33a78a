#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/sim.h"
#include "sim/sweep.h"

struct shared {
	_Atomic uint64_t next; /* the seed that is taken next */
	_Atomic bool stop;
	struct {
		_Atomic uint64_t seed; /* what it is at */
		_Atomic uint64_t done, steps, simulated_ms, convicted;
	} worker[SWEEP_JOBS_MAX];
};

static void
work(struct shared *shared, const struct sweep *sweep, const struct options *given, unsigned me)
{
	while (!atomic_load(&shared->stop)) {
		uint64_t seed = atomic_fetch_add(&shared->next, 1);
		struct options options = *given;
		struct sim *s;

		if (seed > sweep->last)
			break;
		atomic_store(&shared->worker[me].seed, seed);
		options.seed = seed;
		options_choose(&options);
		s = sim_new(&options, NULL);
		sim_run(s);
		atomic_fetch_add(&shared->worker[me].steps, s->steps);
		atomic_fetch_add(&shared->worker[me].simulated_ms, s->now_ms);
		atomic_fetch_add(&shared->worker[me].convicted, s->counts.convicted);
		sim_free(s);
		atomic_fetch_add(&shared->worker[me].done, 1);
	}
	_exit(0);
}

/* ---- where it stopped -------------------------------------------------------------- */

/* The lowest seed that may not be done yet. */
static uint64_t
done_before(struct shared *shared, const struct sweep *sweep, const bool *running)
{
	uint64_t seed = atomic_load(&shared->next);

	for (unsigned i = 0; i < sweep->jobs; i++)
		if (running[i] && atomic_load(&shared->worker[i].seed) < seed)
			seed = atomic_load(&shared->worker[i].seed);
	return seed;
}

static void
read_state(const struct sweep *sweep, uint64_t *next)
{
	FILE *file = sweep->state == NULL ? NULL : fopen(sweep->state, "r");
	uint64_t first, last, seed;

	if (file == NULL)
		return;
	if (fscanf(file, "%" SCNu64 "..%" SCNu64 " %" SCNu64, &first, &last, &seed) == 3 &&
	    first == sweep->first && last == sweep->last && seed >= first && seed <= last + 1)
		*next = seed;
	fclose(file);
}

static void
write_state(const struct sweep *sweep, uint64_t next)
{
	FILE *file = sweep->state == NULL ? NULL : fopen(sweep->state, "w");

	if (file == NULL)
		return;
	fprintf(file, "%" PRIu64 "..%" PRIu64 " %" PRIu64 "\n", sweep->first, sweep->last, next);
	fclose(file);
}

/* ---- progress ------------------------------------------------------------------------ */

struct total {
	uint64_t done, steps, simulated_ms, convicted;
};

static struct total
add_up(struct shared *shared, const struct sweep *sweep)
{
	struct total t = { 0 };

	for (unsigned i = 0; i < sweep->jobs; i++) {
		t.done += atomic_load(&shared->worker[i].done);
		t.steps += atomic_load(&shared->worker[i].steps);
		t.simulated_ms += atomic_load(&shared->worker[i].simulated_ms);
		t.convicted += atomic_load(&shared->worker[i].convicted);
	}
	return t;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void
print_progress(const struct sweep *sweep, struct total t, uint64_t next, uint64_t took_ms, char end)
{
	printf("%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " a minute, %" PRIu64
	       " simulated hours, %" PRIu64 " steps, %" PRIu64 " convictions%c",
	    next - sweep->first, sweep->last - sweep->first + 1,
	    t.done * 60000 / (took_ms == 0 ? 1 : took_ms), t.simulated_ms / 3600000, t.steps,
	    t.convicted, end);
	fflush(stdout);
}

int
sweep_run(const struct sweep *sweep, const struct options *options)
{
	struct shared *shared =
	    mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool running[SWEEP_JOBS_MAX] = { false };
	pid_t workers[SWEEP_JOBS_MAX];
	uint64_t began_ms = now_ms(), start = sweep->first, told_ms = began_ms, done;
	char end = isatty(STDOUT_FILENO) ? '\r' : '\n';
	unsigned left = sweep->jobs;
	int status, result = 0;

	if (shared == MAP_FAILED)
		return 2;
	read_state(sweep, &start);
	atomic_store(&shared->next, start);
	printf("seeds %" PRIu64 "..%" PRIu64 "\n", start, sweep->last);
	fflush(stdout);
	for (unsigned i = 0; i < sweep->jobs; i++) {
		atomic_store(&shared->worker[i].seed, start);
		if ((workers[i] = fork()) == 0)
			work(shared, sweep, options, i);
		running[i] = workers[i] > 0;
	}
	while (left > 0) {
		usleep(20000);
		for (unsigned i = 0; i < sweep->jobs; i++) {
			if (!running[i] || waitpid(workers[i], &status, WNOHANG) != workers[i])
				continue;
			left--;
			if (status == 0) {
				running[i] = false;
				continue;
			}
			atomic_store(&shared->stop, true);
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			fprintf(stderr, "seed %" PRIu64 ": exit %d\n",
			    (uint64_t)atomic_load(&shared->worker[i].seed), result);
			running[i] = false;
			write_state(sweep, atomic_load(&shared->worker[i].seed));
		}
		if (result != 0 || now_ms() - told_ms < 10000)
			continue;
		told_ms = now_ms();
		done = done_before(shared, sweep, running);
		write_state(sweep, done);
		print_progress(sweep, add_up(shared, sweep), done, told_ms - began_ms, end);
	}
	done = result == 0 ? sweep->last + 1 : start + add_up(shared, sweep).done;
	if (result == 0)
		write_state(sweep, done);
	print_progress(sweep, add_up(shared, sweep), done, now_ms() - began_ms, '\n');
	munmap(shared, sizeof(*shared));
	return result;
}
