/*
 * bench_coordinator: the shipped coordinator under a mesh of simulated nodes,
 * and with pages that listen.  Everything goes over loopback through its real
 * doors, signed as nodes sign; its processor time is reported apart from what
 * makes the load.
 *
 * usage: bench_coordinator BINARIES [nodes=1000] [seconds=20] [pages=0] [reports=0]
 *        [hold=1: goes on until it is interrupted, and prints the address]
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sys/x509.h"
#include "tests/bench/load_answer.h"
#include "tests/bench/load_nodes.h"
#include "tests/bench/load_pages.h"

#define ZONE_SIZE    200
#define WARM_UP_MS   120000
#define SETTLE_MS    2000
#define INHERITED    3
#define DAY_MS       86400000ull
#define PATH_ROOM    256
#define MOST_FILES   30000
#define BACKLOG      4096
#define SIGNATURES   500
#define SIGNED_BYTES 400

struct wanted {
	const char *binaries;
	unsigned nodes, seconds, pages, reports, hold;
};

struct bench {
	struct wanted wanted;
	char directory[64];
	struct mesh mesh;
	uint16_t port;
	pid_t coordinator;
	struct loop *loop;
	struct load_nodes *nodes;
	struct load_pages *pages;
};

/* ---- what the system says ------------------------------------------------------- */

struct usage {
	double cpu_s, waited_s;  /* to the nanosecond; ready to run, while others did */
	double user_s, kernel_s; /* to a tick */
	double own_s, busy_s;    /* the nodes' process; all of the machine */
	uint64_t at_ns;
};

static void
read_file(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd == -1 ? -1 : read(fd, out, room - 1);

	if (fd != -1)
		close(fd);
	out[size > 0 ? size : 0] = '\0';
}

static double
busy_s(void)
{
	unsigned long user = 0, nice = 0, kernel = 0, idle = 0, wait = 0, irq = 0, soft = 0;
	char text[256];

	read_file("/proc/stat", text, sizeof(text));
	sscanf(text, "cpu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &kernel, &idle, &wait, &irq,
	    &soft);
	return (double)(user + nice + kernel + irq + soft) / (double)sysconf(_SC_CLK_TCK);
}

static struct usage
usage_now(const struct bench *b)
{
	struct usage u = { .at_ns = load_now_ns() };
	unsigned long user = 0, kernel = 0;
	char path[64], text[1024];
	const char *fields;
	struct rusage own;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", b->coordinator);
	read_file(path, text, sizeof(text));
	sscanf(text, "%lf %lf", &u.cpu_s, &u.waited_s);
	u.cpu_s /= 1e9;
	u.waited_s /= 1e9;
	snprintf(path, sizeof(path), "/proc/%d/stat", b->coordinator);
	read_file(path, text, sizeof(text));
	if ((fields = strrchr(text, ')')) != NULL)
		sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		    &kernel);
	u.user_s = (double)user / (double)sysconf(_SC_CLK_TCK);
	u.kernel_s = (double)kernel / (double)sysconf(_SC_CLK_TCK);
	getrusage(RUSAGE_SELF, &own);
	u.own_s = (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
	          (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
	u.busy_s = busy_s();
	return u;
}

static double
resident_mb(const struct bench *b)
{
	char path[64], text[4096];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", b->coordinator);
	read_file(path, text, sizeof(text));
	line = strstr(text, "VmRSS:");
	return line == NULL ? 0 : strtod(line + sizeof("VmRSS:"), NULL) / 1024;
}

/* ---- a mesh of that size ------------------------------------------------------------ */

static void
zone_of(size_t i, Protos__Enrolment *e)
{
	static uint8_t group[16];
	const uint64_t now_ms = loop_unix_ms();

	mesh_repeat((uint32_t)(i / ZONE_SIZE) + 1, group, sizeof(group));
	e->group = (ProtobufCBinaryData){ sizeof(group), group };
	e->not_before_ms = now_ms - DAY_MS;
	e->not_after_ms = now_ms + DAY_MS;
}

static const char *
place(const struct bench *b, const char *name, char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, "%s/%s", b->directory, name);
	return out;
}

/* The mesh's own key is replaced by that of a certificate, which the coordinator reads. */
static void
take_authority(struct bench *b)
{
	char key[PATH_ROOM], certificate[PATH_ROOM];
	struct x509_authority *authority;
	uint8_t seed[32];
	size_t size_bytes = sizeof(seed);
	struct hash hash;
	EVP_PKEY *pkey;
	FILE *file;

	assert_ok(x509_authority_new("test-mesh", 1, &authority));
	assert_ok(x509_authority_save(
	    authority, place(b, "ca.key", key), place(b, "ca.pem", certificate)));
	x509_authority_free(authority);
	assert_non_null(file = fopen(key, "re"));
	assert_non_null(pkey = PEM_read_PrivateKey(file, NULL, NULL, NULL));
	fclose(file);
	assert_int_equal(EVP_PKEY_get_raw_private_key(pkey, seed, &size_bytes), 1);
	EVP_PKEY_free(pkey);
	mesh_key_make(seed, &b->mesh.ca);
	crypto_sodium()->sha256(NULL, DOMAIN_MESH, b->mesh.ca.public_key.bytes, 32, &hash);
	memcpy(b->mesh.id.bytes, hash.bytes, sizeof(b->mesh.id.bytes));
}

static void
make_mesh(struct bench *b)
{
	char path[PATH_ROOM];
	FILE *file;

	mesh_init(&b->mesh, b->wanted.nodes);
	take_authority(b);
	b->mesh.change_enrolment = zone_of;
	mesh_pack(&b->mesh);
	assert_non_null(file = fopen(place(b, "roster", path), "we"));
	assert_int_equal(fwrite(b->mesh.bytes, 1, b->mesh.size_bytes, file), b->mesh.size_bytes);
	assert_int_equal(fclose(file), 0);
}

/* ---- the coordinator ------------------------------------------------------------------ */

static int
open_door(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(fd, BACKLOG), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void
become_coordinator(const struct bench *b, int door)
{
	char program[PATH_ROOM], state[PATH_ROOM + 16], roster[PATH_ROOM + 16], ca[PATH_ROOM + 16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(program, sizeof(program), "%s/phalanx-coordinator", b->wanted.binaries);
	snprintf(state, sizeof(state), "state_dir=%s/state", b->directory);
	snprintf(roster, sizeof(roster), "roster_file=%s/roster", b->directory);
	snprintf(ca, sizeof(ca), "ca_file=%s/ca.pem", b->directory);
	setenv("LISTEN_FDS", "1", 1);
	unsetenv("LISTEN_PID");
	if (door == INHERITED ? fcntl(door, F_SETFD, 0) != -1 : dup2(door, INHERITED) != -1)
		execl(program, program, state, roster, ca, "log_level=warn", (char *)NULL);
	perror(program);
	_exit(127);
}

static void
start_coordinator(struct bench *b)
{
	int door = open_door(&b->port);

	b->coordinator = fork();
	assert_true(b->coordinator >= 0);
	if (b->coordinator == 0)
		become_coordinator(b, door);
	close(door);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void
stop_coordinator(struct bench *b)
{
	int status = 0;

	kill(b->coordinator, SIGTERM);
	waitpid(b->coordinator, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fprintf(stderr, "the coordinator ended with status %d\n", status);
	nftw(b->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the measurement -------------------------------------------------------------------- */

static void
on_stop(void *context)
{
	loop_stop(context, 0);
}

static void
run_for(struct bench *b, uint64_t ms)
{
	struct loop_timer *timer;

	assert_ok(loop_timer_new(b->loop, on_stop, b->loop, &timer));
	loop_timer_set(timer, loop_now_ms() + ms);
	loop_run(b->loop);
	loop_timer_free(timer);
}

static void
warm_up(struct bench *b)
{
	const uint64_t until_ms = loop_now_ms() + WARM_UP_MS;

	while (load_nodes_known(b->nodes) < b->wanted.nodes && loop_now_ms() < until_ms)
		run_for(b, 100);
	load_pages_open(b->pages);
	run_for(b, SETTLE_MS);
}

/*
 * What libsodium alone takes for what a request needs, on this machine as it is
 * now: one signature checked and one made, of texts as long as ours.
 */
static double
signatures_us(const struct bench *b)
{
	const struct mesh_key *key = &b->mesh.members[0].key;
	uint8_t text[SIGNED_BYTES] = { 1 }, signature[64];
	struct timespec from, to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < SIGNATURES; i++) {
		text[0] = (uint8_t)i;
		crypto_sign_detached(signature, NULL, text, sizeof(text), key->secret);
		assert_true(crypto_verify(key->public_key.bytes, text, sizeof(text), signature));
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return ((double)(to.tv_sec - from.tv_sec) * 1e6 +
	           (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
	       SIGNATURES;
}

static void
print_codes(const struct load_figures *f)
{
	for (int code = 100; code < LOAD_CODES; code++)
		if (f->codes[code] > 0 && code != 200 && code != 202)
			printf("  %zu answers of %d", f->codes[code], code);
}

static void
print_figures(const struct bench *b, const struct usage *before, const struct usage *after)
{
	const double took_s = (double)(after->at_ns - before->at_ns) / 1e9;
	const double signatures = signatures_us(b);
	const double cpu_s = after->cpu_s - before->cpu_s, own_s = after->own_s - before->own_s;
	struct load_figures *f = load_nodes_figures(b->nodes);
	struct load_pages_figures p;
	char load[64];

	load_pages_end(b->pages, &p);
	read_file("/proc/loadavg", load, sizeof(load));
	printf("%u nodes, %u pages, %u reports a second:\n", b->wanted.nodes, b->wanted.pages,
	    b->wanted.reports);
	printf("  heartbeats %.0f of %.0f a second, %zu late, %zu connections\n",
	    (double)f->heartbeats / took_s, (double)b->wanted.nodes * 1000 / LIMIT_HEARTBEAT_MS,
	    f->late, f->connections);
	printf("  requests %.0f a second, p50 %.2f ms, p99 %.2f ms", (double)f->count / took_s,
	    load_quantile(f->ms, f->count, 0.5), load_quantile(f->ms, f->count, 0.99));
	print_codes(f);
	printf(
	    "\n  coordinator %.1f %% of a core (user %.1f, kernel %.1f), waited for one %.1f %% of "
	    "the time, %.0f us a request, %.1f MB resident\n",
	    100 * cpu_s / took_s, 100 * (after->user_s - before->user_s) / took_s,
	    100 * (after->kernel_s - before->kernel_s) / took_s,
	    100 * (after->waited_s - before->waited_s) / took_s,
	    f->count > 0 ? cpu_s / (double)f->count * 1e6 : 0, resident_mb(b));
	printf(
	    "  of that signatures %.1f %% (%.0f us for one checked and one made, here and now)\n",
	    signatures * (double)f->count / took_s / 1e4, signatures);
	printf("  state %zu answers, %.1f kB packed, p50 %.2f ms, p99 %.2f ms\n", p.states,
	    (double)p.state_bytes / 1000, p.state_p50_ms, p.state_p99_ms);
	if (b->wanted.pages > 0)
		printf("  events %.1f a second to each of %zu pages, %.2f MB/s in all; a report on "
		       "a page after p50 %.0f ms, p99 %.0f ms\n",
		    (double)p.events / took_s / (double)b->wanted.pages, p.open,
		    (double)p.event_bytes / 1e6 / took_s, p.event_p50_ms, p.event_p99_ms);
	printf("  the load's own: nodes %.1f %%, pages %.1f %%; others on this machine %.1f %% of "
	       "%ld cores; load average %.4s\n",
	    100 * own_s / took_s, 100 * p.cpu_s / took_s,
	    100 * (after->busy_s - before->busy_s - cpu_s - own_s - p.cpu_s) / took_s,
	    sysconf(_SC_NPROCESSORS_ONLN), load);
	fflush(stdout);
}

static void
measure(struct bench *b)
{
	const struct load_nodes_config config = {
		.mesh = &b->mesh, .port = b->port, .reports_per_s = b->wanted.reports
	};
	struct load_nodes_config with_loop = config;
	struct usage before, after;

	assert_ok(loop_new(&b->loop));
	with_loop.loop = b->loop;
	b->nodes = load_nodes_new(&with_loop);
	warm_up(b);
	if (b->wanted.hold != 0) {
		printf("http://127.0.0.1:%u\n", b->port);
		fflush(stdout);
		loop_run(b->loop);
	}
	load_nodes_reset(b->nodes);
	load_pages_reset(b->pages);
	before = usage_now(b);
	run_for(b, b->wanted.seconds * 1000ull);
	after = usage_now(b);
	print_figures(b, &before, &after);
}

static void
set_wanted(struct wanted *w, const char *argument)
{
	static const struct {
		const char *name;
		size_t offset;
	} names[] = { { "nodes=%u", offsetof(struct wanted, nodes) },
		{ "seconds=%u", offsetof(struct wanted, seconds) },
		{ "pages=%u", offsetof(struct wanted, pages) },
		{ "reports=%u", offsetof(struct wanted, reports) },
		{ "hold=%u", offsetof(struct wanted, hold) } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unsigned number;
		char *equals = strchr(names[i].name, '=');
		size_t length = (size_t)(equals - names[i].name) + 1;

		if (strncmp(argument, names[i].name, length) != 0)
			continue;
		number = (unsigned)strtoul(argument + length, NULL, 10);
		memcpy((char *)w + names[i].offset, &number, sizeof(number));
		return;
	}
	fprintf(stderr, "bench_coordinator: %s: not understood\n", argument);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct bench b = { .wanted = { .nodes = 1000, .seconds = 20 },
		.directory = "/tmp/phalanx-load-XXXXXX" };
	const struct rlimit files = { MOST_FILES, MOST_FILES };

	if (argc < 2)
		return 2;
	b.wanted.binaries = argv[1];
	for (int i = 2; i < argc; i++)
		set_wanted(&b.wanted, argv[i]);
	if (b.wanted.nodes < 1 || b.wanted.nodes > LIMIT_MEMBERS)
		return 2;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(b.directory));
	make_mesh(&b);
	start_coordinator(&b);
	b.pages = load_pages_start(b.port, b.wanted.pages);
	measure(&b);
	stop_coordinator(&b);
	return 0;
}
