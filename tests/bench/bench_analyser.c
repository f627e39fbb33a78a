/*
 * bench_analyser: the analyser's door, by a client that speaks gRPC over its
 * unix socket, with a stand-in for the model's server that answers at once.
 *
 * asked: every call is of another source, so each is one exchange with the
 * server, one after the other.  remembered: all calls ask the same.  rules: no
 * server at all, the breaker open.  Then what the process holds when idle.
 *
 * usage: bench_analyser [SECONDS]
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <err.h>
#include <libgen.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "http/h2.h"
#include "phalanx.pb-c.h"

#define METHOD      "/protos.AISidecar/AnalyzeTelemetry"
#define AT_ONCE     24 /* calls under way; fewer than may wait for the model */
#define MOST_CALLS  1000000
#define START_TRIES 300

static char dir[] = "/tmp/phalanx-bench-XXXXXX";

/* ---- the stand-in ------------------------------------------------------------------- */

#define BODY                                                                                  \
	"{\"message\":{\"content\":\"{\\\"threat_score\\\":8,\\\"reason\\\":\\\"A decoy was " \
	"touched.\\\"}\"},\"done\":true,\"done_reason\":\"stop\"}"

static char answer[512];
static size_t answer_bytes;

/* One connection at a time: requests in, the same answer out. */
static void
serve(int fd)
{
	static char bytes[16384];
	size_t used = 0, length;
	char *body, *header;
	ssize_t n;

	while ((n = read(fd, bytes + used, sizeof(bytes) - 1 - used)) > 0) {
		used += (size_t)n;
		bytes[used] = '\0';
		if ((body = strstr(bytes, "\r\n\r\n")) == NULL)
			continue;
		header = strstr(bytes, "Content-Length: ");
		length = header != NULL ? strtoul(header + 16, NULL, 10) : 0;
		if (used < (size_t)(body + 4 - bytes) + length)
			continue;
		used = 0;
		if (write(fd, answer, answer_bytes) != (ssize_t)answer_bytes)
			break;
	}
}

static pid_t
start_stand_in(uint16_t *port)
{
	struct sockaddr_in where = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(where);
	const int yes = 1;
	int fd, client;
	pid_t pid;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&where, size) == -1 || listen(fd, 8) == -1 ||
	    getsockname(fd, (struct sockaddr *)&where, &size) == -1)
		err(1, "stand-in");
	*port = ntohs(where.sin_port);
	answer_bytes = (size_t)snprintf(answer, sizeof(answer),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n" BODY,
	    strlen(BODY));
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid != 0) {
		close(fd);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((client = accept(fd, NULL, NULL)) != -1) {
		(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		serve(client);
		close(client);
	}
	_exit(0);
}

/* ---- the analyser --------------------------------------------------------------------- */

static pid_t
start_analyser(uint16_t model_port)
{
	char self[256], program[300], state[300], url[64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t pid;

	if (n <= 0)
		err(1, "readlink");
	self[n] = '\0';
	(void)snprintf(program, sizeof(program), "%s/../bin/phalanx-analyser", dirname(self));
	(void)snprintf(state, sizeof(state), "state_dir=%s", dir);
	(void)snprintf(url, sizeof(url), "ollama_url=http://127.0.0.1:%u", model_port);
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (freopen("/dev/null", "w", stderr) == NULL)
		_exit(1);
	execl(program, program, state, url, "node.name=bench", (char *)NULL);
	_exit(1);
}

static int
dial(void)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd, i;

	(void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/analyser.sock", dir);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	for (i = 0; i < START_TRIES; i++) {
		if (connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0)
			return fd;
		(void)nanosleep(&pause, NULL);
	}
	err(1, "%s", where.sun_path);
}

static void
stop(pid_t pid)
{
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
}

static long
pss_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	if ((file = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	while (kib == -1 && fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "Pss: %ld", &kib);
	fclose(file);
	return kib;
}

/* ---- the caller ------------------------------------------------------------------------- */

static struct {
	struct h2 *h2;
	int fd;
	bool distinct;
	uint32_t asked, answered, by_model;
} caller;

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
call(void)
{
	Protos__CriticalEvent event = PROTOS__CRITICAL_EVENT__INIT, *events[] = { &event };
	Protos__TelemetryPayload payload = PROTOS__TELEMETRY_PAYLOAD__INIT;
	uint32_t source = caller.distinct ? caller.asked : 0;
	uint8_t bytes[256];
	char address[32], node[] = "bench";
	int32_t stream;

	(void)snprintf(address, sizeof(address), "10.%u.%u.%u", source >> 16 & 255,
	    source >> 8 & 255, source & 255);
	event.type = PROTOS__EVENT_TYPE__HONEYPOT_TRIPPED;
	event.source_ip = address;
	event.port = 2222;
	payload.node_id = node;
	payload.events = events;
	payload.n_events = 1;
	if (h2_call(caller.h2, METHOD, "analyser", NULL, NULL, 4096, &stream) != ERR_OK ||
	    h2_send(caller.h2, stream, bytes, protos__telemetry_payload__pack(&payload, bytes)) !=
	        ERR_OK ||
	    h2_finish(caller.h2, stream, 0, "") != ERR_OK)
		errx(1, "a call failed");
	caller.asked++;
}

static void
headers_came(void *context, int32_t stream, const char *path, const char *type, int status)
{
	(void)context;
	(void)stream;
	(void)path;
	(void)type;
	(void)status;
}

static void
message_came(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	Protos__ThreatAnalysis *a = protos__threat_analysis__unpack(NULL, size_bytes, data);

	(void)context;
	(void)stream;
	if (a == NULL || a->threat_score != 9.0f)
		errx(1, "a wrong answer");
	caller.by_model += a->has_opinion != 0;
	caller.answered++;
	protos__threat_analysis__free_unpacked(a, NULL);
}

static void
closed(void *context, int32_t stream, int status, const char *reason)
{
	(void)context;
	(void)stream;
	if (status != 0)
		errx(1, "refused: %d %s", status, reason);
}

static void
exchange(void)
{
	static uint8_t bytes[65536];
	size_t size;
	ssize_t n;

	while (h2_output(caller.h2, bytes, sizeof(bytes), &size) == ERR_OK && size > 0)
		if (write(caller.fd, bytes, size) != (ssize_t)size)
			err(1, "write");
	if ((n = read(caller.fd, bytes, sizeof(bytes))) <= 0)
		err(1, "read");
	if (h2_receive(caller.h2, bytes, (size_t)n) != ERR_OK)
		errx(1, "the answer is no HTTP/2");
}

static void
run(const char *what, bool distinct, double seconds)
{
	const struct h2_handler handler = {
		.headers = headers_came, .message = message_came, .closed = closed
	};
	double began, took;

	memset(&caller, 0, sizeof(caller));
	caller.fd = dial();
	caller.distinct = distinct;
	if (h2_new(H2_CLIENT, &handler, &caller.h2) != ERR_OK)
		errx(1, "out of memory");
	for (began = now_s(); now_s() - began < seconds && caller.asked < MOST_CALLS;) {
		while (caller.asked - caller.answered < AT_ONCE)
			call();
		exchange();
	}
	while (caller.answered < caller.asked)
		exchange();
	took = now_s() - began;
	printf("%-44s %10.0f /s   %5.1f %% by the model\n", what, caller.answered / took,
	    100.0 * caller.by_model / caller.answered);
	h2_free(caller.h2);
	close(caller.fd);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 3.0;
	const struct timespec settle = { .tv_nsec = 300 * 1000 * 1000 };
	char path[64];
	pid_t stand_in, analyser;
	uint16_t port;
	long idle_kib;

	if (mkdtemp(dir) == NULL)
		err(1, "%s", dir);
	stand_in = start_stand_in(&port);
	analyser = start_analyser(port);
	close(dial());
	(void)nanosleep(&settle, NULL);
	idle_kib = pss_kib(analyser);
	printf("The analyser's door, %d calls at once\n", AT_ONCE);
	run("each asks the model", true, seconds);
	run("all ask the same, one opinion remembered", false, seconds);
	printf("%-44s %10ld KiB idle, %ld KiB after that\n", "PSS", idle_kib, pss_kib(analyser));
	stop(analyser);
	stop(stand_in);
	analyser = start_analyser(9);
	run("no model, the rules answer", true, seconds);
	stop(analyser);
	(void)snprintf(path, sizeof(path), "%s/analyser.sock", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	return 0;
}
