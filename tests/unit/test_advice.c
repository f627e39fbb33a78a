/*
 * The shipped advice process against a door of the test's own: it asks one
 * question at a time, takes what may be taken of the answer, and is neither
 * stopped nor filled by a door that is away, hangs, floods or talks nonsense.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "http/grpc.h"
#include "http/h2.h"
#include "proc/advice_codec.h"
#include "sys/log.h"
#include "tests/unit/role.h"
#include "phalanx.pb-c.h"

#define DEADLINE_MS 1000

static struct role advice;
static struct heard heard;
static char directory[64];
static struct config config;
static int door = -1;
static uint32_t request;

/* ---- the codec, without a process ------------------------------------------------------- */

static struct msg_opinion decoded;

static enum err
decode(const void *bytes, size_t size_bytes)
{
	uint8_t *exact = malloc(size_bytes > 0 ? size_bytes : 1);
	enum err err;

	memcpy(exact, bytes, size_bytes);
	memset(&decoded, 0xee, sizeof(decoded));
	err = advice_decode((struct span){ exact, size_bytes }, &decoded);
	free(exact);
	return err;
}

static size_t
pack(const Protos__ThreatAnalysis *answer, uint8_t *out)
{
	return protos__threat_analysis__pack(answer, out);
}

/* A generated reader finds every field of the question, whatever bytes the client sent. */
static void
question_is_read_by_others(void **unused)
{
	struct msg_advise ask = { .class = CLASS_HONEYPOT_TRIPPED,
		.source.port = 4444,
		.port = 2222,
		.count = 7,
		.seen_ms = 1700000000123,
		.since_last_ms = 900,
		.captured_bytes = 5000,
		.cpu_percent = 3.5f,
		.memory_percent = 40.25f };
	Protos__TelemetryPayload *payload;
	uint8_t out[LIMIT_ADVICE_REPLY_BYTES];
	size_t size;

	(void)unused;
	assert_true(address_parse("10.0.0.9", &ask.source.address));
	ask.hints.banner.size_bytes = 3;
	memcpy(ask.hints.banner.bytes, "S\xe9\x00", 3);
	ask.hints.path.size_bytes = LIMIT_HINT_BYTES;
	memset(ask.hints.path.bytes, 0xff, LIMIT_HINT_BYTES);
	assert_ok(advice_encode("node-a", &ask, (struct span){ (const uint8_t *)"\x00\x01", 2 },
	    out, sizeof(out), &size));
	payload = protos__telemetry_payload__unpack(NULL, size, out);
	assert_non_null(payload);
	assert_string_equal(payload->node_id, "node-a");
	assert_true(payload->cpu_usage > 3.4f && payload->cpu_usage < 3.6f);
	assert_true(payload->mem_usage > 40.2f && payload->mem_usage < 40.3f);
	assert_int_equal(payload->n_events, 1);
	assert_int_equal(payload->events[0]->type, 1);
	assert_string_equal(payload->events[0]->source_ip, "10.0.0.9");
	assert_int_equal(payload->events[0]->timestamp, 1700000000);
	assert_int_equal(payload->events[0]->source_port, 4444);
	assert_int_equal(payload->events[0]->port, 2222);
	assert_int_equal(payload->events[0]->count, 7);
	assert_int_equal(payload->events[0]->captured_bytes, 5000);
	assert_int_equal(payload->events[0]->captured.len, 2);
	assert_memory_equal(payload->events[0]->client_banner, "S\xc3\xa9", 4);
	assert_string_equal(payload->events[0]->username, "");
	assert_int_equal(strlen(payload->events[0]->path), 2 * LIMIT_HINT_BYTES);
	assert_int_equal(payload->events[0]->since_last_ms, 900);
	protos__telemetry_payload__free_unpacked(payload, NULL);
	assert_err(ERR_OVERSIZE, advice_encode("node-a", &ask, (struct span){ 0 }, out, 64, &size));
}

/* An answer of the first two fields is an opinion; a later one says itself whether it has one. */
static void
answers_old_and_new(void **unused)
{
	Protos__ThreatAnalysis answer = PROTOS__THREAT_ANALYSIS__INIT;
	uint8_t out[4096];

	(void)unused;
	answer.node_id = "node-a";
	answer.threat_score = 7.6f;
	assert_ok(decode(out, pack(&answer, out)));
	assert_true(decoded.has_opinion);
	assert_int_equal(decoded.opinion, 8);
	assert_string_equal(decoded.reason, "");

	answer.method = "rule-based";
	answer.rejected = "model-loading";
	assert_ok(decode(out, pack(&answer, out)));
	assert_false(decoded.has_opinion);
	assert_string_equal(decoded.rejected, "model-loading");

	answer.method = "ai";
	answer.has_opinion = 1;
	answer.opinion = 3;
	answer.reason = "a scanner";
	answer.model = "m:1b";
	answer.model_digest = "sha256:abc";
	answer.latency_ms = 1234;
	assert_ok(decode(out, pack(&answer, out)));
	assert_true(decoded.has_opinion);
	assert_int_equal(decoded.opinion, 3);
	assert_string_equal(decoded.reason, "a scanner");
	assert_string_equal(decoded.model, "m:1b");
	assert_string_equal(decoded.digest, "sha256:abc");
	assert_int_equal(decoded.latency_ms, 1234);
}

/* What acts on a terminal, hides, turns around or is no UTF-8 becomes a question mark. */
static void
text_is_made_harmless(void **unused)
{
	static const struct {
		const char *said, *shown;
	} texts[] = {
		{ "plain, \"quoted\" <b>", "plain, \"quoted\" <b>" },
		{ "na\xc3\xafve \xe4\xb8\xad \xf0\x9f\x90\x9f",
		    "na\xc3\xafve \xe4\xb8\xad \xf0\x9f\x90\x9f" },
		{ "\x1b[2J\a\r\n\t\x7f", "?[2J?????" },
		{ "\xc2\x9b"
		  "31m",
		    "?31m" }, /* C1: CSI */
		{ "\xe2\x80\xae"
		  "abc"
		  "\xe2\x80\xac",
		    "?abc?" },
		{ "\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\xa8", "???" },
		{ "\xff\xc0\xaf\xe0\x80\x80\xed\xa0\x80\xf5", "??????"
		                                              "???"
		                                              "?" },
		{ "\xe2\x82", "??" },        /* torn */
		{ "\xf3\xa0\x80\x81", "?" }, /* a tag */
	};
	Protos__ThreatAnalysis answer = PROTOS__THREAT_ANALYSIS__INIT;
	uint8_t out[4096];
	size_t i;

	(void)unused;
	answer.method = "ai";
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		answer.reason = (char *)(uintptr_t)texts[i].said;
		assert_ok(decode(out, pack(&answer, out)));
		assert_string_equal(decoded.reason, texts[i].shown);
	}
	answer.model = "a b\n<c>\"";
	assert_ok(decode(out, pack(&answer, out)));
	assert_string_equal(decoded.model, "a b??c??");
}

/* A reason of any length ends within its room, and never within a character. */
static void
long_reason_is_cut(void **unused)
{
	Protos__ThreatAnalysis answer = PROTOS__THREAT_ANALYSIS__INIT;
	static char reason[3001];
	uint8_t out[4096];
	size_t i;

	(void)unused;
	answer.method = "ai";
	answer.reason = reason;
	for (i = 0; i < 3000; i += 3)
		memcpy(reason + i, "\xe4\xb8\xad", 3);
	assert_ok(decode(out, pack(&answer, out)));
	assert_true(strlen(decoded.reason) <= LIMIT_REASON_BYTES);
	assert_true(strlen(decoded.reason) > LIMIT_REASON_BYTES - 4);
	assert_int_equal(strlen(decoded.reason) % 3, 0);
}

/* Nonsense is refused, and nothing of it is taken. */
static void
nonsense_is_refused(void **unused)
{
	static const struct {
		const char *bytes;
		size_t size;
	} bad[] = {
		{ "", 0 },
		{ "\x15\x00\x00\xc0\x7f", 5 },     /* NaN */
		{ "\x15\x00\x00\x30\x41", 5 },     /* 11 */
		{ "\x15\x00\x00\x80\xbf", 5 },     /* -1 */
		{ "\x15\x00\x00", 3 },             /* torn */
		{ "\x30\x0b", 2 },                 /* opinion 11 */
		{ "\x1a\xff\xff\xff\xff\x0f", 6 }, /* a length of 4 GiB */
		{ "\x1b", 1 },                     /* a group */
		{ "\x00\x00", 2 },                 /* field 0 */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10 },
	};
	struct msg_opinion untouched;
	size_t i;

	(void)unused;
	memset(&untouched, 0xee, sizeof(untouched));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(decode(bad[i].bytes, bad[i].size), ERR_OK);
		assert_memory_equal(&decoded, &untouched, sizeof(decoded));
	}
	/* A field that nobody knows yet is passed over, in each of its forms. */
	assert_ok(decode("\x15\x00\x00\x00\x40\xf8\x01\x01\xf9\x01"
	                 "12345678"
	                 "\xfa\x01\x01x\xfd\x01"
	                 "1234",
	    5 + 3 + 10 + 4 + 6));
	assert_int_equal(decoded.opinion, 2);
}

/* ---- the process -------------------------------------------------------------------------- */

static void
open_door(void)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };

	(void)unlink(config.sidecar_path);
	snprintf(where.sun_path, sizeof(where.sun_path), "%.100s", config.sidecar_path);
	door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(door, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(door, 8), 0);
}

static void
close_door(void)
{
	if (door != -1)
		close(door);
	door = -1;
	(void)unlink(config.sidecar_path);
}

static int
start(void **unused)
{
	(void)unused;
	strcpy(directory, "/tmp/phalanx-test-advice-XXXXXX");
	assert_non_null(mkdtemp(directory));
	config = (struct config){
		.name = "node-a", .log_level = "error", .model_deadline_ms = DEADLINE_MS
	};
	snprintf(config.sidecar_path, sizeof(config.sidecar_path), "%s/door", directory);
	role_start(&advice, ROLE_ADVICE, "phalanx-advice", &config, NULL, NULL, 0);
	role_connect(&advice);
	return 0;
}

static int
stop(void **unused)
{
	(void)unused;
	close_door();
	role_stop(&advice);
	return rmdir(directory);
}

static void
ask(void)
{
	struct msg_advise about = {
		.request = ++request, .class = CLASS_HONEYPOT_TRIPPED, .count = 1
	};

	assert_true(address_parse("10.0.0.9", &about.source.address));
	assert_ok(
	    ipc_write_blocking(advice.engine, MSG_ADVISE, &about, sizeof(about), "hi", 2, -1));
}

static const struct msg_opinion *
opinion(int timeout_ms)
{
	const struct msg_opinion *got = (const void *)heard.bytes;

	if (!role_hear(advice.engine, &heard, timeout_ms))
		return NULL;
	assert_int_equal(heard.type, MSG_OPINION);
	assert_int_equal(heard.size_bytes, sizeof(*got));
	assert_int_equal(got->request, request);
	return got;
}

/* Nothing for the engine within this time. */
static void
assert_quiet(int for_ms)
{
	assert_null(opinion(for_ms));
}

static bool
was_accused(int timeout_ms)
{
	static struct heard said;

	return role_hear(advice.control, &said, timeout_ms) && said.type == MSG_FAULTY;
}

static int
visitor(int timeout_ms)
{
	struct pollfd wait = { .fd = door, .events = POLLIN };

	return poll(&wait, 1, timeout_ms) == 1 ? accept4(door, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* A door of one call: takes the question and answers it with these bytes, or a status. */
struct call {
	struct h2 *h2;
	const uint8_t *answer;
	size_t answer_bytes;
	int status;
	bool done;
};

static void
on_headers(void *context, int32_t stream, const char *path, const char *type, int status)
{
	struct call *call = context;

	(void)type;
	(void)status;
	assert_string_equal(path, "/protos.AISidecar/AnalyzeTelemetry");
	if (call->status == 0)
		assert_ok(h2_accept(call->h2, stream, NULL, 65536));
	else
		assert_ok(h2_finish(call->h2, stream, call->status, "no"));
}

static void
on_message(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	struct call *call = context;
	Protos__TelemetryPayload *payload =
	    protos__telemetry_payload__unpack(NULL, size_bytes, data);

	assert_non_null(payload);
	assert_int_equal(payload->n_events, 1);
	protos__telemetry_payload__free_unpacked(payload, NULL);
	assert_ok(h2_send(call->h2, stream, call->answer, call->answer_bytes));
	assert_ok(h2_finish(call->h2, stream, 0, ""));
}

static void
on_closed(void *context, int32_t stream, int grpc_status, const char *reason)
{
	(void)stream;
	(void)grpc_status;
	(void)reason;
	((struct call *)context)->done = true;
}

static void
serve(const void *answer, size_t answer_bytes, int status)
{
	struct call call = { .answer = answer, .answer_bytes = answer_bytes, .status = status };
	const struct h2_handler handler = {
		.headers = on_headers, .message = on_message, .closed = on_closed, .context = &call
	};
	uint8_t bytes[16384];
	size_t size;
	ssize_t n;
	int fd = visitor(15000);

	assert_int_not_equal(fd, -1);
	assert_ok(h2_new(H2_SERVER, &handler, &call.h2));
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		assert_ok(h2_receive(call.h2, bytes, (size_t)n));
		while (h2_output(call.h2, bytes, sizeof(bytes), &size) == ERR_OK && size > 0)
			if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
				break;
	}
	h2_free(call.h2);
	close(fd);
}

static void
serve_opinion(uint32_t score)
{
	Protos__ThreatAnalysis answer = PROTOS__THREAT_ANALYSIS__INIT;
	uint8_t out[256];

	answer.node_id = "node-a";
	answer.method = "ai";
	answer.has_opinion = 1;
	answer.opinion = score;
	answer.reason = "because";
	serve(out, pack(&answer, out), 0);
}

/* Nothing is connected before there is something to ask, and nothing stays connected after. */
static void
asks_and_hangs_up(void **unused)
{
	const struct msg_opinion *got;

	(void)unused;
	open_door();
	assert_int_equal(visitor(300), -1);
	ask();
	serve_opinion(4); /* ends when the far side has hung up */
	got = opinion(2000);
	assert_non_null(got);
	assert_int_equal(got->error, ERR_OK);
	assert_true(got->has_opinion);
	assert_int_equal(got->opinion, 4);
	assert_string_equal(got->reason, "because");
	assert_int_equal(visitor(300), -1);
}

/* A call that is refused is no opinion, and no reason to accuse. */
static void
refusal_is_an_answer(void **unused)
{
	const struct msg_opinion *got;

	(void)unused;
	ask();
	serve(NULL, 0, GRPC_RESOURCE_EXHAUSTED);
	got = opinion(2000);
	assert_non_null(got);
	assert_int_equal(got->error, ERR_UNSUPPORTED);
	assert_false(was_accused(100));
}

/* Away: the question waits, and is answered by whoever comes. */
static void
waits_for_a_door(void **unused)
{
	(void)unused;
	close_door();
	ask();
	assert_quiet(400);
	open_door();
	serve_opinion(5);
	assert_int_equal(opinion(2000)->opinion, 5);
	assert_false(was_accused(100));
}

/* A second question while the first is under way is refused; the first goes on. */
static void
one_at_a_time(void **unused)
{
	(void)unused;
	ask();
	ask();
	request--;
	serve_opinion(6);
	assert_int_equal(opinion(2000)->opinion, 6);
	assert_quiet(200);
	request++;
}

/* Whoever hangs up in the middle is asked again. */
static void
hang_up_is_tried_again(void **unused)
{
	int fd;

	(void)unused;
	ask();
	fd = visitor(2000);
	assert_int_not_equal(fd, -1);
	usleep(20000);
	close(fd);
	serve_opinion(7);
	assert_int_equal(opinion(2000)->opinion, 7);
	assert_false(was_accused(100));
}

/* Whoever hangs is accused when its time is up, and the next one is asked. */
static void
hanging_is_accused(void **unused)
{
	int fd;

	(void)unused;
	ask();
	fd = visitor(2000);
	assert_int_not_equal(fd, -1);
	assert_false(was_accused(DEADLINE_MS));
	assert_true(was_accused(LIMIT_ADVICE_SLACK_MS + 2000));
	close(fd);
	serve_opinion(8);
	assert_int_equal(opinion(2000)->opinion, 8);
}

/* Whatever is no gRPC, or no ThreatAnalysis, is accused; then the next one is asked. */
static void
nonsense_is_accused(void **unused)
{
	static const char *const nonsense[] = { "HTTP/1.1 200 OK\r\n\r\n{}", "SSH-2.0-x\r\n",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" };
	size_t i;
	int fd;

	(void)unused;
	for (i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		ask();
		fd = visitor(12000);
		assert_int_not_equal(fd, -1);
		assert_true(send(fd, nonsense[i], strlen(nonsense[i]), 0) > 0);
		assert_true(was_accused(5000));
		close(fd);
		serve_opinion(9);
		assert_int_equal(opinion(2000)->opinion, 9);
	}
	ask();
	serve("\x15\x00\x00\xc0\x7f", 5, 0); /* NaN */
	assert_true(was_accused(5000));
	serve_opinion(1);
	assert_int_equal(opinion(12000)->opinion, 1);
}

static unsigned long
resident_kib(void)
{
	unsigned long kib = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", advice.pid);
	assert_non_null(file = fopen(path, "r"));
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

/* A flood is cut off after a bounded number of bytes, and costs no memory that stays. */
static void
flood_is_bounded(void **unused)
{
	/* SETTINGS without entries: valid, and each asks for an answer. */
	static const char settings[] = "\x00\x00\x00\x04\x00\x00\x00\x00\x00";
	static char frames[9 * 1024];
	unsigned long before = resident_kib();
	size_t i, sent = 0;
	ssize_t n;
	int fd;

	(void)unused;
	for (i = 0; i < 1024; i++)
		memcpy(frames + 9 * i, settings, 9);
	ask();
	fd = visitor(12000);
	assert_int_not_equal(fd, -1);
	while ((n = send(fd, frames, sizeof(frames), MSG_NOSIGNAL)) > 0 && sent < 16 << 20)
		sent += (size_t)n;
	assert_true(sent < 4 << 20);
	close(fd);
	assert_true(was_accused(5000));
	serve_opinion(2);
	assert_int_equal(opinion(12000)->opinion, 2);
	print_message("resident: %lu KiB before, %lu after a flood\n", before, resident_kib());
	assert_true(resident_kib() < before + 512);
}

/* A new engine gets nothing of what the old one asked. */
static void
new_engine_begins_anew(void **unused)
{
	int fd;

	(void)unused;
	ask();
	fd = visitor(12000);
	assert_int_not_equal(fd, -1);
	close(advice.engine);
	role_connect(&advice);
	assert_quiet(300);
	close(fd);
	ask();
	serve_opinion(3);
	assert_int_equal(opinion(2000)->opinion, 3);
}

int
main(void)
{
	const struct CMUnitTest codec[] = {
		cmocka_unit_test(question_is_read_by_others),
		cmocka_unit_test(answers_old_and_new),
		cmocka_unit_test(text_is_made_harmless),
		cmocka_unit_test(long_reason_is_cut),
		cmocka_unit_test(nonsense_is_refused),
	};
	const struct CMUnitTest process[] = {
		cmocka_unit_test(asks_and_hangs_up),
		cmocka_unit_test(refusal_is_an_answer),
		cmocka_unit_test(waits_for_a_door),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(hang_up_is_tried_again),
		cmocka_unit_test(hanging_is_accused),
		cmocka_unit_test(nonsense_is_accused),
		cmocka_unit_test(flood_is_bounded),
		cmocka_unit_test(new_engine_begins_anew),
	};
	int failed;

	log_init("", "test", LOG_LEVEL_ERROR);
	(void)signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(codec, NULL, NULL);
	return failed + cmocka_run_group_tests(process, start, stop);
}
