/*
 * bench_core_memory: what one core of a large mesh keeps resident, without
 * the roster, which all cores of a process share.
 *
 * Cores are made, started, linked to twenty peers that answer their pings,
 * brought through first sync, and told so many self-reports; after each the
 * growth of the process's resident pages is divided by the number of cores.
 *
 * usage: bench_core_memory [MEMBERS [CORES [REPORTS]]]
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "core/core.h"
#include "tests/entries.h"

#define LINKS 20

static struct mesh mesh;
static struct core_actions actions;
static uint64_t now_ms = 1000;
static size_t sent;

static double
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long size, resident = 0;

	if (file == NULL || fscanf(file, "%lu %lu", &size, &resident) != 2)
		abort();
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
step(struct core *core, struct core_event *ev)
{
	ev->now_ms = now_ms;
	ev->unix_ms = MESH_TIME_MS + now_ms;
	core_step(core, ev, &actions);
	sent += actions.count;
	while (core_deadline(core) <= now_ms) {
		struct core_event timeout = {
			.input = CORE_TIMEOUT, .now_ms = now_ms, .unix_ms = ev->unix_ms
		};

		core_step(core, &timeout, &actions);
		sent += actions.count;
	}
}

static member_index
peer_of(size_t core, size_t link)
{
	return (member_index)((core + 1 + link * 467) % mesh.count);
}

static void
deliver(struct core *core, member_index from, const struct entry *e)
{
	static uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	size_t body_bytes = sizeof(body), size = sizeof(bytes);
	struct core_event ev = { .input = CORE_MESSAGE, .message.from = from };

	assert_ok(entry_encode(e, body, &body_bytes));
	assert_ok(envelope_write((struct span){ body, body_bytes }, NULL, bytes, &size));
	ev.message.bytes = (struct span){ bytes, size };
	step(core, &ev);
}

/* All peers answer with the root that the core itself has. */
static void
ping_all(struct core **cores, size_t count, uint32_t seconds)
{
	for (uint32_t s = 0; s < seconds; s++, now_ms += 1000)
		for (size_t i = 0; i < count; i++)
			for (size_t link = 0; link < LINKS; link++) {
				struct entry e = { .kind = ENTRY_PING, .header.mesh = mesh.id };
				struct core_view view;

				core_view(cores[i], &view);
				e.ping = (struct ping){ .nonce = s,
					.time_ms = MESH_TIME_MS + now_ms,
					.root = view.root };
				deliver(cores[i], peer_of(i, link), &e);
			}
}

static void
print(const char *what, double before, size_t count)
{
	printf(
	    "%-34s %8.0f KiB a core\n", what, (resident_bytes() - before) / (double)count / 1024);
}

int
main(int argc, char **argv)
{
	size_t members = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 50;
	size_t reports = argc > 3 ? strtoul(argv[3], NULL, 10) : 100;
	struct core **cores = calloc(count, sizeof(*cores));
	double before, started;

	mesh_make(&mesh, members);
	before = resident_bytes();
	started = now_s();
	for (size_t i = 0; i < count; i++) {
		struct core_config config = { .roster = mesh.roster,
			.crypto = crypto_sodium(),
			.self = (member_index)i,
			.seed = i };

		assert_ok(core_new(&config, now_ms, MESH_TIME_MS + now_ms, &cores[i]));
	}
	print("made", before, count);
	for (size_t i = 0; i < count; i++)
		step(cores[i], &(struct core_event){ .input = CORE_START });
	print("started, all others held", before, count);
	for (size_t i = 0; i < count; i++)
		for (size_t link = 0; link < LINKS; link++)
			step(cores[i], &(struct core_event){
			                   .input = CORE_LINK_UP, .link.peer = peer_of(i, link) });
	ping_all(cores, count, 60);
	print("linked, synced, a minute of pings", before, count);
	printf("%-34s %8.2f ms of CPU a core, %zu actions\n", "",
	    (now_s() - started) * 1000 / (double)count, sent / count);
	started = now_s();
	for (size_t r = 0; r < reports; r++) {
		static uint8_t bytes[1024];
		const struct mesh_member *author = &mesh.members[r % mesh.count];
		struct entry e = make_self_report(&mesh);
		size_t size;

		e.header = mesh_header(&mesh, author);
		e.header.sequence = 1 + r / mesh.count;
		size = mesh_envelope(author, &e, bytes, sizeof(bytes));
		for (size_t i = 0; i < count; i++)
			step(cores[i], &(struct core_event){ .input = CORE_MESSAGE,
			                   .message = { peer_of(i, r % LINKS), { bytes, size } } });
	}
	print("and with self-reports", before, count);
	printf("%-34s %8.1f us of CPU a report\n", "",
	    (now_s() - started) * 1e6 / (double)(count * reports));
	for (size_t i = 0; i < count; i++)
		core_free(cores[i]);
	free(cores);
	mesh_free(&mesh);
	return 0;
}
