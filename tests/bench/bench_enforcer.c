/*
 * bench_enforcer: what one cut costs, in namespaces of its own: in the
 * library, back to back and after 50 ms of idleness, and through the shipped
 * process in its sandbox, from the engine's message to its answer.
 */
#include "tests/unit/netns.h"
#include <sys/wait.h>
#include "proc/messages.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/nft.h"
#include "sys/sockdestroy.h"
#include "sys/spawn.h"

#define ROUNDS  200
#define IDLE_US (50 * 1000)
#define MANY    10000
#define SOCKETS 1000

static uint64_t samples[ROUNDS];

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(const char *what, size_t count)
{
	qsort(samples, count, sizeof(samples[0]), compare);
	printf("%-44s median %9.1f us   p99 %9.1f us\n", what, (double)samples[count / 2] / 1e3,
	    (double)samples[count * 99 / 100] / 1e3);
}

static struct nft_element
nth(size_t i)
{
	return (struct nft_element){ .set = NFT_CUT,
		.address = {
		    4, { 172, (uint8_t)(16 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i } } };
}

/* ---- the library ------------------------------------------------------------ */

static void
add_one(struct nft *nft, const char *what, unsigned idle_us, size_t from)
{
	for (size_t i = 0; i < ROUNDS; i++) {
		struct nft_element e = nth(from + i);
		uint64_t began;

		(void)usleep(idle_us);
		began = loop_now_ns();
		assert_ok(nft_add(nft, &e, 1));
		samples[i] = loop_now_ns() - began;
	}
	report(what, ROUNDS);
}

static void
library(struct nft *nft)
{
	static struct nft_element batch[LIMIT_NETLINK_BATCH], sever[2], cut[2];
	uint64_t began;
	size_t i, j;

	add_one(nft, "one element, back to back", 0, 0);
	add_one(nft, "one element, after 50 ms", IDLE_US, ROUNDS);
	for (i = 0; i < ROUNDS; i++) {
		cut[0] = sever[0] = nth(i);
		cut[1] = sever[1] = nth(ROUNDS + i);
		sever[0].set = sever[1].set = NFT_SEVER;
		began = loop_now_ns();
		assert_ok(nft_change(nft, cut, 2, sever, 2));
		samples[i] = loop_now_ns() - began;
	}
	report("cut to sever, two addresses", ROUNDS);
	for (i = 0; i < ROUNDS; i++) {
		began = loop_now_ns();
		assert_ok(nft_lock(nft, (i & 1) == 0 ? STRENGTH_CUT : STRENGTH_NONE));
		samples[i] = loop_now_ns() - began;
	}
	report("own lock-down", ROUNDS);
	for (i = 0; i < MANY / LIMIT_NETLINK_BATCH; i++) {
		for (j = 0; j < LIMIT_NETLINK_BATCH; j++)
			batch[j] = nth(1000 + i * LIMIT_NETLINK_BATCH + j);
		began = loop_now_ns();
		assert_ok(nft_add(nft, batch, LIMIT_NETLINK_BATCH));
		samples[i] = loop_now_ns() - began;
	}
	report("a batch of 128 elements, up to 10,000", i);
	add_one(nft, "one element beside 10,000, after 50 ms", IDLE_US, 20000);
}

static void
reconcile(struct nft *nft)
{
	bool disturbed, reloaded;
	uint64_t began;

	for (size_t i = 0; i < ROUNDS; i++) {
		began = loop_now_ns();
		assert_ok(nft_disturbed(nft, &disturbed));
		samples[i] = loop_now_ns() - began;
	}
	report("reconcile, nothing changed", ROUNDS);
	for (size_t i = 0; i < ROUNDS; i++) {
		began = loop_now_ns();
		assert_ok(nft_verify(nft, &reloaded));
		samples[i] = loop_now_ns() - began;
	}
	report("rules compared", ROUNDS);
}

static void
destroy(struct sockdestroy *sockets, const char *what)
{
	struct sockdestroy_filter filter = { .far = address(SUBJECT4) };
	uint32_t destroyed;
	size_t i;

	for (i = 0; i < 20; i++) {
		struct connection c = tcp(THERE, SUBJECT4, 0, HERE4, 80);
		uint64_t began = loop_now_ns();

		assert_ok(sockdestroy_run(sockets, &filter, &destroyed));
		samples[i] = loop_now_ns() - began;
		assert_int_equal(destroyed, 1);
		hang_up(&c);
	}
	report(what, i);
}

static void
sockets_of_a_subject(void)
{
	static struct connection others[SOCKETS];
	struct sockdestroy *sockets;
	size_t i;

	assert_ok(sockdestroy_open(&sockets));
	destroy(sockets, "one socket destroyed");
	for (i = 0; i < SOCKETS; i++)
		others[i] = tcp(THERE, OTHER4, 0, HERE4, 81);
	destroy(sockets, "one socket destroyed beside 1,000");
	for (i = 0; i < SOCKETS; i++)
		hang_up(&others[i]);
	sockdestroy_close(sockets);
}

/* ---- the process ------------------------------------------------------------- */

static int
start(pid_t *process)
{
	static struct msg_config config = { .version = MESSAGES_VERSION, .role = ROLE_ENFORCER };
	struct msg_channel about = { .role = ROLE_ENGINE };
	char path[512];
	uint64_t buffer[64];
	uint32_t type;
	size_t size_bytes;
	int parent[2], engine[2], passed;
	ssize_t got = readlink("/proc/self/exe", path, sizeof(path) - 64);

	assert_true(got > 0);
	path[got] = '\0';
	(void)strcpy(strrchr(path, '/'), "/../bin/phalanx-enforcer");
	config.config.mode = CONFIG_ENFORCE;
	config.config.p2p_port = 9000;
	(void)strcpy(config.config.log_level, "error");
	(void)strcpy(config.config.state_dir, "/nonexistent");
	assert_ok(ipc_pair(parent));
	assert_ok(ipc_pair(engine));
	assert_ok(spawn_process(path, "phalanx-enforcer", parent[1], process));
	assert_ok(ipc_write_blocking(parent[0], MSG_CONFIG, &config, sizeof(config), NULL, 0, -1));
	assert_ok(ipc_write_blocking(parent[0], MSG_GO, NULL, 0, NULL, 0, -1));
	assert_ok(ipc_read_blocking(
	    parent[0], &type, buffer, sizeof(buffer), &size_bytes, &passed, 5000));
	assert_ok(
	    ipc_write_blocking(parent[0], MSG_CHANNEL, &about, sizeof(about), NULL, 0, engine[1]));
	assert_ok(ipc_read_blocking(
	    engine[0], &type, buffer, sizeof(buffer), &size_bytes, &passed, 5000));
	assert_int_equal(type, MSG_EFFECTIVE);
	assert_ok(ipc_write_blocking(engine[0], MSG_ENFORCE_ALL, NULL, 0, NULL, 0, -1));
	return engine[0];
}

static void
show_pss(pid_t process)
{
	char path[64], line[128];
	unsigned kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", process);
	if ((file = fopen(path, "re")) == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Pss: %u", &kib) == 1)
			break;
	(void)fclose(file);
	printf("%-44s %u KiB, the only one running\n", "PSS of the process", kib);
}

static void
through_the_process(const char *what, bool kernel)
{
	struct msg_enforced done;
	uint32_t type;
	size_t size_bytes;
	pid_t process;
	int passed, engine = start(&process);

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct msg_enforce m = { .request = i + 1,
			.strength = STRENGTH_CUT,
			.subject = i,
			.is_member = 1,
			.address_count = 2,
			.mac = { { 2, 0, 0, 1, 0, (uint8_t)i } } };
		uint64_t began;

		m.addresses[0] = nth(i).address;
		m.addresses[1] = (struct address){ 6, { 0xfd, 9, [15] = (uint8_t)i, [14] = 1 } };
		(void)usleep(IDLE_US);
		began = loop_now_ns();
		assert_ok(ipc_write_blocking(engine, MSG_ENFORCE, &m, sizeof(m), NULL, 0, -1));
		assert_ok(ipc_read_blocking(
		    engine, &type, &done, sizeof(done), &size_bytes, &passed, 5000));
		samples[i] = kernel ? done.kernel_ns : loop_now_ns() - began;
		assert_int_equal(done.error, ERR_OK);
		/* the sockets' answer */
		assert_ok(ipc_read_blocking(
		    engine, &type, &done, sizeof(done), &size_bytes, &passed, 5000));
	}
	report(what, ROUNDS);
	if (kernel)
		show_pss(process);
	(void)close(engine);
	(void)kill(process, SIGKILL);
	(void)waitpid(process, NULL, 0);
}

int
main(void)
{
	static struct config config = { .p2p_port = 9000 };
	struct nft *nft;
	uint64_t began;

	log_init("", "bench", LOG_LEVEL_ERROR);
	if (!hosts_make())
		return 0;
	printf("Cutting off a host: element, strength, sockets\n");
	began = loop_now_ns();
	assert_ok(nft_open(&config, &nft));
	printf("%-44s        %9.1f us\n", "rules loaded by a child",
	    (double)(loop_now_ns() - began) / 1e3);
	library(nft);
	reconcile(nft);
	nft_close(nft);
	assert_ok(nft_unload());
	sockets_of_a_subject();
	through_the_process("process: request to answer, cold, 2 + MAC", false);
	assert_ok(nft_unload());
	through_the_process("process: of that, until the kernel's word", true);
	return 0;
}
