/*
 * corpus: valid inputs for the fuzzers to start from.
 * usage: corpus DIRECTORY (with envelope, entry, roster and certificate in it)
 */
#include "core/wire.h"
#include "http/signature.h"
#include "tests/entries.h"
#include "tests/verdict_corpus.h"

static const char *directory;

static void
save(const char *fuzzer, size_t number, const uint8_t *data, size_t size_bytes)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/valid-%zu", directory, fuzzer, number);
	if ((file = fopen(path, "wb")) == NULL || fwrite(data, 1, size_bytes, file) != size_bytes ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

/* For the fuzzer's own roster: heads whose ids begin with their number. */
static void
save_certificate(size_t heads)
{
	static const uint8_t zeros[10 * 64];
	uint8_t bytes[1024] = { (uint8_t)heads };
	uint8_t bitmap[2] = { 0xfe, (uint8_t)(heads > 8 ? (1 << (heads - 8)) - 1 : 0) };
	struct buf_out b;

	if (heads < 8)
		bitmap[0] = (uint8_t)((1 << heads) - 2);
	buf_out_init(&b, bytes, sizeof(bytes));
	buf_put(&b, &bytes[0], 1);
	wire_put_u64(&b, 1, LEVEL_QUARANTINE);
	wire_put_fixed(&b, 2, zeros, 16);
	wire_put_u64(&b, 4, 1);
	wire_put_u64(&b, 5, 7);
	wire_put_fixed(&b, 6, bitmap, (heads + 7) / 8);
	wire_put_fixed(&b, 7, zeros, 64 * (heads - 1));
	save("certificate", heads, bytes, buf_used(&b));
}

/* As tests/mesh.h makes it, but with ids and mesh as crypto_fake derives them. */
static void
save_rosters(void)
{
	for (size_t count = 1; count <= 6; count++) {
		struct mesh m;

		mesh_init(&m, count);
		memset(&m.id, 0, sizeof(m.id));
		for (size_t i = 0; i < count; i++)
			memcpy(m.members[i].id.bytes, m.members[i].key.public_key.bytes, 16);
		mesh_pack(&m);
		save("roster", count, m.bytes, m.size_bytes);
		mesh_free(&m);
	}
}

/* Bad ones, by intent: each lies next to another way to be wrong. */
static void
save_verdicts(void)
{
	static const char good[] = "{\"threat_score\":7,\"reason\":\"\\u00e9\\ud83d\\ude00 \\n\"}";

	for (size_t i = 0; i < sizeof(bad_verdicts) / sizeof(bad_verdicts[0]); i++)
		save("verdict", i, (const uint8_t *)bad_verdicts[i].text,
		    bad_verdicts[i].size_bytes);
	save("verdict", SIZE_MAX, (const uint8_t *)good, sizeof(good) - 1);
}

static void
save_answers(void)
{
	static const char *const bodies[] = {
		"2{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"{}\"},"
		"\"done\":true,\"done_reason\":\"stop\",\"remote_host\":\"h\"}",
		"1{\"choices\":[{\"index\":0,\"message\":{\"content\":\"{}\",\"tool_calls\":[]},"
		"\"finish_reason\":\"stop\"}],\"error\":null}",
		"3{\"models\":[{\"name\":\"m:latest\",\"digest\":\"sha256:00\","
		"\"remote_model\":\"x\"}]}",
	};
	static const char *const events[] = {
		"0{\"kind\":\"HONEYPOT_TRIPPED\",\"node\":\"a\",\"source_ip\":\"10.0.0.9\","
		"\"port\":2222,\"client_banner\":\"SSH-2.0-x\\n`{}\",\"username\":\"root\","
		"\"path\":\"/\",\"payload_hex\":\"00ff\",\"cpu_pct\":3.0,\"mem_pct\":40}",
		"1\x0a\x01n\x15\x01\x01\x40\x40\x22\x0e\x08\x01\x12\x08"
		"10.0.0.9\x42\x00",
	};
	size_t i;

	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		save("answer", i, (const uint8_t *)bodies[i], strlen(bodies[i]));
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		save("telemetry", i, (const uint8_t *)events[i], strlen(events[i]));
}

/* What the analyser answers (1), what a client says to a decoy (0). */
static void
save_advice(void)
{
	static const char *const seeds[] = {
		"1\x0a\x06node-a\x1d\x01\x01\x80\x40",
		"1\x1a\x08na\xc3\xaf\xe2\x80\xae.\x22\x02"
		"ai\x28\x01\x30\x03\x4a\x04m:1b\x52\x03"
		"abc\x58\x7f",
		"1\x22\x0arule-based\x62\x04torn",
		"0SSH-2.0-libssh2_1.4.3\r\n",
		"0GET /a HTTP/1.1\r\nUser-Agent: x\r\nAuthorization: Basic cm9vdDp0\r\n\r\n",
		"0USER admin\r\n",
		"0\x03\xe0 Cookie: mstshash=eltons\r\n",
	};

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		save("advice", i, (const uint8_t *)seeds[i], strlen(seeds[i]));
}

/* One request, and an answer with and one without a nonce. */
static void
save_signatures(void)
{
	struct http_signature_input request = {
		.method = "POST", .authority = "h:1", .path = "/x", .created_s = 1790000000
	};
	struct http_response_signature answers[2] = {
		{ .status = 200, .method = "GET", .path = "/x", .created_s = 1790000000 },
		{ .status = 200, .created_s = 1790000000 }
	};
	char text[3][HTTP_SIGNATURE_HEADER_BYTES];
	char seed[3 * HTTP_SIGNATURE_HEADER_BYTES];
	uint8_t signature[64] = { 1, 2, 3 };

	for (size_t i = 0; i < 3; i++) {
		size_t used = 0;

		if (i == 0)
			assert_ok(
			    http_signature_headers(&request, signature, text[0], text[1], text[2]));
		else
			assert_ok(http_response_headers(
			    &answers[i - 1], signature, text[0], text[1], text[2]));
		for (size_t k = 0; k < 3; k++) {
			memcpy(seed + used, text[k], strlen(text[k]) + 1);
			used += strlen(text[k]) + 1;
		}
		save("signature", i, (const uint8_t *)seed, used);
	}
}

/* A kept connection and one that ends; a session, what is asked in it, and its end. */
static void
save_web(void)
{
	static const char *const web[] = {
		"\x01http://localhost:8090/\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}\x1f"
		"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx\x1e"
		"HTTP/1.0 200 OK\r\n\r\nuntil the end\x1e",
		"\x40http://[::1]:80\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\n{}\r\n0\r\n\r\n\x1f",
	};
	static const char door[] =
	    "\x10\x01{\"session\":\"0123456789abcdef0123456789abcdef\",\"link\":\"http://h\"}\x1e"
	    "\x10\x01{\"requests\":[{\"n\":1,\"expires_s\":60,\"incident\":\"0123456789abcdef\","
	    "\"name\":\"a\",\"by\":\"b\",\"from\":\"::1\",\"reason\":\"r\",\"kind\":\"cleaned\","
	    "\"t\":1}],\"followed\":true}\x1e\x10\x01{\"ok\":true}\x1e\x10\x02{}\x1e\x01\x01{}\x1e"
	    "\x08\x01HTTP/1.1 502 x\r\n\r\n\x1e";

	for (size_t i = 0; i < sizeof(web) / sizeof(web[0]); i++)
		save("web", i, (const uint8_t *)web[i], strlen(web[i]));
	save("front_door", 0, (const uint8_t *)door, sizeof(door) - 1);
}

int
main(int argc, char **argv)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	struct mesh m;

	if (argc != 2) {
		fprintf(stderr, "usage: corpus DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	mesh_make(&m, 5);
	for (size_t i = 0; i < MAKERS; i++) {
		struct entry entry = makers[i](&m);
		size_t size = sizeof(bytes);

		assert_ok(entry_encode(&entry, bytes, &size));
		save("entry", i, bytes, size);
		save("envelope", i, bytes,
		    mesh_envelope(&m.members[0], &entry, bytes, sizeof(bytes)));
	}
	for (size_t heads = 3; heads <= 10; heads++)
		save_certificate(heads);
	save_rosters();
	save_verdicts();
	save_answers();
	save_advice();
	save_signatures();
	save_web();
	mesh_free(&m);
	return 0;
}
