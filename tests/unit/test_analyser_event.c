/*
 * An event comes in as protobuf or as JSON, whole or refused, and its score goes
 * out with everything that a stranger or a model wrote in it harmless.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include "analyser/explain.h"
#include "analyser/telemetry.h"
#include "phalanx.pb-c.h"
#include "tests/check.h"

/* ---- protobuf --------------------------------------------------------------------- */

static enum err
decode(const Protos__TelemetryPayload *p, struct telemetry *out)
{
	size_t size = protos__telemetry_payload__get_packed_size(p);
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	enum err err;

	assert_non_null(bytes);
	(void)protos__telemetry_payload__pack(p, bytes);
	err = telemetry_decode(bytes, size, out);
	free(bytes);
	return err;
}

static char *
text(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

/* An older client's three fields, and every field that there is. */
static void
fields(void **unused)
{
	Protos__CriticalEvent e = PROTOS__CRITICAL_EVENT__INIT, *events[] = { &e };
	Protos__TelemetryPayload p = PROTOS__TELEMETRY_PAYLOAD__INIT;
	static struct telemetry t;
	struct address address;

	(void)unused;
	p.node_id = text("node-a");
	p.cpu_usage = 3.5f;
	p.mem_usage = 140.0f;
	p.events = events;
	p.n_events = 1;
	e.type = PROTOS__EVENT_TYPE__HONEYPOT_TRIPPED;
	e.source_ip = text("10.0.0.9");
	e.timestamp = 1;
	assert_ok(decode(&p, &t));
	assert_string_equal(t.node_id, "node-a");
	assert_int_equal(t.event.class, CLASS_HONEYPOT_TRIPPED);
	assert_true(address_parse("10.0.0.9", &address));
	assert_true(address_equal(&t.event.source, &address));
	assert_int_equal(t.event.count, 1);
	assert_float_equal(t.event.cpu_percent, 3.5, 0.001);
	assert_float_equal(t.event.memory_percent, 100.0, 0.001);

	e.source_port = 4444;
	e.port = 70000; /* no port */
	e.count = 7;
	e.since_last_ms = 9;
	e.captured_bytes = 3; /* fewer than came: what came counts */
	e.captured.data = (uint8_t *)(uintptr_t) "SSH-2.0-x";
	e.captured.len = 9;
	e.client_banner = text("b");
	e.username = text("uu");
	e.user_agent = text("aaa");
	e.path = text("pppp");
	e.source_ip = text("not an address");
	assert_ok(decode(&p, &t));
	assert_int_equal(t.event.source.family, 0);
	assert_int_equal(t.event.source_port, 4444);
	assert_int_equal(t.event.port, 0);
	assert_int_equal(t.event.count, 7);
	assert_int_equal(t.event.captured_bytes, 9);
	assert_memory_equal(t.event.capture, "SSH-2.0-x", 9);
	assert_int_equal(t.event.banner.total_bytes, 1);
	assert_int_equal(t.event.username.total_bytes, 2);
	assert_int_equal(t.event.user_agent.total_bytes, 3);
	assert_int_equal(t.event.path.total_bytes, 4);
}

/* A kind from the future is no known kind; the gravest of several is taken. */
static void
kinds(void **unused)
{
	Protos__CriticalEvent list[3] = { PROTOS__CRITICAL_EVENT__INIT,
		PROTOS__CRITICAL_EVENT__INIT, PROTOS__CRITICAL_EVENT__INIT };
	Protos__CriticalEvent *events[] = { &list[0], &list[1], &list[2] };
	Protos__TelemetryPayload p = PROTOS__TELEMETRY_PAYLOAD__INIT;
	static struct telemetry t;

	(void)unused;
	assert_ok(decode(&p, &t));
	assert_int_equal(t.event.class, CLASS_UNKNOWN);
	p.events = events;
	p.n_events = 3;
	list[0].type = (Protos__EventType)4711;
	list[1].type = PROTOS__EVENT_TYPE__SENSOR;
	list[2].type = PROTOS__EVENT_TYPE__CPU_SPIKE;
	assert_ok(decode(&p, &t));
	assert_int_equal(t.event.class, CLASS_SENSOR);
	assert_int_equal(t.event.others, 2);
	p.n_events = 1;
	assert_ok(decode(&p, &t));
	assert_int_equal(t.event.class, CLASS_UNKNOWN);
}

static void
refused_payloads(void **unused)
{
	static const char *const names[] = { "a\nb", "\x1b[2J", "n\xc3\xa9", "\x7f" };
	Protos__TelemetryPayload p = PROTOS__TELEMETRY_PAYLOAD__INIT;
	static struct telemetry t;
	char longest[LIMIT_NAME_BYTES + 2];

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		p.node_id = text(names[i]);
		assert_err(ERR_RANGE, decode(&p, &t));
	}
	memset(longest, 'n', sizeof(longest));
	longest[LIMIT_NAME_BYTES + 1] = '\0';
	p.node_id = longest;
	assert_err(ERR_RANGE, decode(&p, &t));
	longest[LIMIT_NAME_BYTES] = '\0';
	assert_ok(decode(&p, &t));
	assert_err(ERR_MALFORMED, telemetry_decode((const uint8_t *)"\x0a\xff", 2, &t));
	assert_err(ERR_MALFORMED, telemetry_decode((const uint8_t *)"\x22\x05\x08", 3, &t));
}

/* The longest answer that there can be fits, and reads back as it was. */
static void
answers(void **unused)
{
	char name[LIMIT_NAME_BYTES + 1], reason[LIMIT_REASON_BYTES + 1],
	    model[LIMIT_MODEL_NAME_BYTES + 1], digest[LIMIT_MODEL_DIGEST_BYTES + 1];
	struct advice a = { .floor = 9, .ceiling = 10, .score = 10, .has_opinion = true };
	uint8_t bytes[TELEMETRY_ANSWER_BYTES];
	Protos__ThreatAnalysis *t;
	size_t size;

	(void)unused;
	memset(name, 'n', sizeof(name));
	memset(reason, 'r', sizeof(reason));
	memset(model, 'm', sizeof(model));
	memset(digest, 'd', sizeof(digest));
	name[sizeof(name) - 1] = reason[sizeof(reason) - 1] = model[sizeof(model) - 1] =
	    digest[sizeof(digest) - 1] = '\0';
	a.opinion = 10;
	a.latency_ms = UINT32_MAX;
	a.rejected = REJECT_REASON_LENGTH;
	a.reason = reason;
	a.method = "rule-based";
	a.model = model;
	a.model_digest = digest;
	size = telemetry_encode(name, &a, bytes);
	assert_true(size <= sizeof(bytes));
	assert_non_null(t = protos__threat_analysis__unpack(NULL, size, bytes));
	assert_string_equal(t->node_id, name);
	assert_float_equal(t->threat_score, 10.0, 0.0);
	assert_string_equal(t->reason, reason);
	assert_string_equal(t->rejected, "reason-length");
	protos__threat_analysis__free_unpacked(t, NULL);
}

/* ---- JSON ---------------------------------------------------------------------------- */

static void
event_as_json(void **unused)
{
	static const char all[] =
	    "{\"kind\":\"HONEYPOT_TRIPPED\",\"node\":\"node-a\",\"source_ip\":\"fd00::9\","
	    "\"source_port\":4444,\"port\":2222,\"client_banner\":\"SSH\\n\\u0000\","
	    "\"username\":\"root\",\"user_agent\":\"\",\"path\":\"/x\",\"payload_hex\":\"00fF\","
	    "\"cpu_pct\":3.0,\"mem_pct\":40,\"count\":5,\"since_last_ms\":7,\"captured_bytes\":900,"
	    "\"timestamp\":1}";
	const char *complaint;
	struct event e;

	(void)unused;
	assert_ok(explain_parse(all, strlen(all), &e, &complaint));
	assert_int_equal(e.class, CLASS_HONEYPOT_TRIPPED);
	assert_int_equal(e.source.family, 6);
	assert_int_equal(e.port, 2222);
	assert_int_equal(e.banner.total_bytes, 5);
	assert_memory_equal(e.banner.bytes, "SSH\n\0", 5);
	assert_int_equal(e.capture_kept, 2);
	assert_int_equal(e.capture[1], 0xff);
	assert_int_equal(e.captured_bytes, 900);
	assert_int_equal(e.count, 5);
	assert_float_equal(e.memory_percent, 40.0, 0.0);
	assert_ok(explain_parse("{\"kind\":\"SENSOR\"}", 17, &e, &complaint));
	assert_int_equal(e.count, 1);
}

static void
refused_json(void **unused)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"kind\":null}",
		"{\"kind\":\"x\"}",
		"{\"kind\":\"SENSOR\"",
		"{\"kind\":\"SENSOR\"}x",
		"{\"kind\":\"SENSOR\",\"kind\":\"SENSOR\"}",
		"{\"kind\":\"SENSOR\",\"what\":1}",
		"{\"kind\":\"SENSOR\",\"node\":[]}",
		"{\"kind\":\"SENSOR\",\"timestamp\":{}}",
		"{\"kind\":\"SENSOR\",\"source_ip\":\"10.0.0\"}",
		"{\"kind\":\"SENSOR\",\"source_ip\":7}",
		"{\"kind\":\"SENSOR\",\"port\":-1}",
		"{\"kind\":\"SENSOR\",\"port\":1.5}",
		"{\"kind\":\"SENSOR\",\"source_port\":65536}",
		"{\"kind\":\"SENSOR\",\"count\":4294967296}",
		"{\"kind\":\"SENSOR\",\"since_last_ms\":-1}",
		"{\"kind\":\"SENSOR\",\"captured_bytes\":\"1\"}",
		"{\"kind\":\"SENSOR\",\"client_banner\":null}",
		"{\"kind\":\"SENSOR\",\"payload_hex\":\"abc\"}",
		"{\"kind\":\"SENSOR\",\"payload_hex\":\"zz\"}",
		"{\"kind\":\"SENSOR\",\"payload_hex\":5}",
		"{\"kind\":\"SENSOR\",\"mem_pct\":\"4\"}",
	};
	struct event e = { .count = 77 };
	const char *complaint;

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		complaint = NULL;
		assert_err(ERR_MALFORMED, explain_parse(bad[i], strlen(bad[i]), &e, &complaint));
		assert_non_null(complaint);
		assert_int_equal(e.count, 77);
	}
}

/* ASCII on one line, whatever the model and the stranger wrote. */
static void
explanation(void **unused)
{
	struct advice a = { .floor = 9,
		.ceiling = 10,
		.score = 9,
		.has_opinion = true,
		.opinion = 2,
		.reason = "\xe2\x80\xae\xc2\x9b\x1b[2J\n</script>\"",
		.method = "ai" };
	struct event e = { .class = CLASS_HONEYPOT_TRIPPED, .count = 1 };
	json_t *root;
	char *out;

	(void)unused;
	event_set_text(&e.username, "\x1b[2J\n\xff", 6);
	assert_non_null(out = explain_format(&e, &a));
	for (const char *c = out; *c != '\0'; c++)
		assert_in_range(*c, 0x20, 0x7e);
	assert_non_null(root = json_loads(out, JSON_REJECT_DUPLICATES, NULL));
	assert_int_equal(json_integer_value(json_object_get(root, "opinion")), 2);
	assert_true(json_is_null(json_object_get(root, "rejected")));
	assert_string_equal(json_string_value(json_object_get(root, "reason")), a.reason);
	json_decref(root);
	free(out);

	a.has_opinion = false;
	a.rejected = REJECT_FENCE;
	assert_non_null(out = explain_format(&e, &a));
	assert_non_null(root = json_loads(out, 0, NULL));
	assert_true(json_is_null(json_object_get(root, "opinion")));
	assert_string_equal(json_string_value(json_object_get(root, "rejected")), "fence");
	json_decref(root);
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(kinds),
		cmocka_unit_test(refused_payloads),
		cmocka_unit_test(answers),
		cmocka_unit_test(event_as_json),
		cmocka_unit_test(refused_json),
		cmocka_unit_test(explanation),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
