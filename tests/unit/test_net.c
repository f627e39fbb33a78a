/*
 * The real net process between a test in the place of parent and engine, and
 * other net processes, liars and a coordinator, on addresses of 127.0.0.0/8.
 */
#include <netinet/tcp.h>
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <sodium.h>
#include "tests/check.h"
#include "tests/net_node.h"
#include "base/hex.h"
#include "http/signature.h"
#include "sys/crypto.h"
#include "sys/loop.h"

static struct mesh mesh;
static struct node a, b; /* a has the smaller id */
static struct roster *roster;
static member_index index_a, index_b;

static void
start_both(void)
{
	static const char *const names[] = { "node-1", "node-2" };
	static const char *const addresses[] = { "127.0.8.1", "127.0.8.2" };
	const struct node_id *ids[2];
	size_t first;

	for (size_t i = 0; i < 2; i++)
		ids[i] = &roster_member(roster, roster_find_name(roster, names[i]))->id;
	first = node_id_compare(ids[0], ids[1]) < 0 ? 0 : 1;

	node_start(&a, &mesh, names[first], addresses[first]);
	node_start(&b, &mesh, names[1 - first], addresses[1 - first]);
	index_a = roster_find_name(roster, a.name);
	index_b = roster_find_name(roster, b.name);
}

static void
expect_link(struct node *node, enum link_change change, member_index peer)
{
	const struct msg_link *link = node_expect(node, MSG_LINK);

	assert_int_equal(node->size_bytes, sizeof(*link));
	assert_int_equal(link->change, change);
	assert_int_equal(link->peer, peer);
}

static int
linked_pair(void **unused)
{
	(void)unused;
	start_both();
	node_open(&a);
	node_open(&b);
	expect_link(&a, LINK_UP, index_b);
	expect_link(&b, LINK_UP, index_a);
	return 0;
}

static int
stop_pair(void **unused)
{
	(void)unused;
	node_stop(&a);
	node_stop(&b);
	return 0;
}

static void
send_envelope(struct node *node, uint32_t to, uint32_t except, const void *bytes, size_t size_bytes)
{
	const struct msg_send message = { .to = to, .except = except };

	node_send(node, MSG_SEND, &message, sizeof(message), bytes, size_bytes);
}

static void
expect_envelope(struct node *node, member_index from, const void *bytes, size_t size_bytes)
{
	const struct msg_envelope *message = node_expect(node, MSG_ENVELOPE);

	assert_int_equal(message->peer, from);
	assert_int_equal(node->size_bytes, sizeof(*message) + size_bytes);
	assert_memory_equal(message + 1, bytes, size_bytes);
}

/* ---- links -------------------------------------------------------------------------- */

/* What one engine sends arrives at the other, whole and unchanged, up to 64 KiB, both ways. */
static void
envelopes_cross_unchanged(void **unused)
{
	static const size_t sizes[] = { 1, 100, 16383, 16384, 40000, LIMIT_ENVELOPE_BYTES };
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 >> 3);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		send_envelope(&a, index_b, MSG_ALL, bytes, sizes[i]);
		expect_envelope(&b, index_a, bytes, sizes[i]);
		send_envelope(&b, MSG_ALL, MSG_ALL, bytes, sizes[i]);
		expect_envelope(&a, index_b, bytes, sizes[i]);
	}
	/* All but the only one is nobody: what comes next is the next message. */
	send_envelope(&a, MSG_ALL, index_b, "no", 2);
	send_envelope(&a, MSG_ALL, index_a, "yes", 3);
	expect_envelope(&b, index_a, "yes", 3);
}

/* FLUSHED comes after what was sent before it, and when there are no links too. */
static void
flush_is_answered(void **unused)
{
	struct msg_flush flush = { .token = 77 };
	const struct msg_flush *answer;
	int i;

	(void)unused;
	for (i = 0; i < 10; i++)
		send_envelope(&a, index_b, MSG_ALL, "x", 1);
	node_send(&a, MSG_FLUSH, &flush, sizeof(flush), NULL, 0);
	answer = node_expect(&a, MSG_FLUSHED);
	assert_int_equal(answer->token, 77);
	for (i = 0; i < 10; i++)
		expect_envelope(&b, index_a, "x", 1);
}

/* A message takes well under a millisecond from engine to engine. */
static void
one_way_is_fast(void **unused)
{
	static uint64_t ns[200];
	uint64_t begun, total = 0;
	size_t i;

	(void)unused;
	for (i = 0; i < 200; i++) {
		begun = loop_now_ns();
		send_envelope(&a, index_b, MSG_ALL, "fast", 4);
		expect_envelope(&b, index_a, "fast", 4);
		ns[i] = loop_now_ns() - begun;
		total += ns[i];
	}
	print_message("one way, mean of 200: %llu us\n", (unsigned long long)(total / 200 / 1000));
	assert_true(total / 200 < 5000000);
}

/* An engine that comes back is told of the links that stand, and finds them working. */
static void
engine_may_restart(void **unused)
{
	(void)unused;
	node_connect_engine(&b);
	expect_link(&b, LINK_UP, index_a);
	node_open(&b);
	send_envelope(&a, index_b, MSG_ALL, "hello", 5);
	expect_envelope(&b, index_a, "hello", 5);
}

/* While an engine is away or slow nothing is lost: reading stops, and goes on. */
static void
slow_engine_loses_nothing(void **unused)
{
	static uint8_t bytes[1000];
	const uint32_t count = 3000;
	const struct msg_envelope *message;
	uint32_t i, got;

	(void)unused;
	for (i = 0; i < count; i++) {
		memcpy(bytes, &i, sizeof(i));
		/* Stay below what a link may queue: 1 MiB, with the sockets' buffers beside it. */
		send_envelope(&a, index_b, MSG_ALL, bytes, sizeof(bytes));
		if (i == 600)
			(void)usleep(200 * 1000);
		if (i < 600)
			continue;
		message = node_expect(&b, MSG_ENVELOPE);
		memcpy(&got, message + 1, sizeof(got));
		assert_int_equal(got, i - 600);
	}
	for (i = count - 600; i < count; i++) {
		message = node_expect(&b, MSG_ENVELOPE);
		memcpy(&got, message + 1, sizeof(got));
		assert_int_equal(got, i);
	}
}

/* A link that takes nothing is closed at 1 MiB, with the reason. */
static void
stuck_link_is_closed(void **unused)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	const struct msg_link *link;
	int i;

	(void)unused;
	node_check(kill(b.pid, SIGSTOP) == 0);
	for (i = 0; i < 400; i++)
		send_envelope(&a, index_b, MSG_ALL, bytes, sizeof(bytes));
	link = node_expect(&a, MSG_LINK);
	assert_int_equal(link->change, LINK_DOWN);
	assert_int_equal(link->error, ERR_FULL);
	node_check(kill(b.pid, SIGCONT) == 0);
	expect_link(&b, LINK_DOWN, index_a);
	expect_link(&a, LINK_UP, index_b);
	expect_link(&b, LINK_UP, index_a);
}

/* The engine's order closes a link; since nobody is banned here, it comes back. */
static void
link_is_closed_on_order(void **unused)
{
	const struct msg_close_link order = { .peer = index_b, .error = ERR_BUDGET };
	const struct msg_link *link;

	(void)unused;
	node_send(&a, MSG_CLOSE_LINK, &order, sizeof(order), NULL, 0);
	link = node_expect(&a, MSG_LINK);
	assert_int_equal(link->change, LINK_DOWN);
	assert_int_equal(link->error, ERR_BUDGET);
	expect_link(&b, LINK_DOWN, index_a);
	expect_link(&a, LINK_UP, index_b);
	expect_link(&b, LINK_UP, index_a);
}

/* A crash is seen at once, and the link is back soon after the peer is. */
static void
crash_and_return(void **unused)
{
	struct node fresh;
	uint64_t begun_ms;

	(void)unused;
	node_check(kill(b.pid, SIGKILL) == 0);
	node_check(waitpid(b.pid, NULL, 0) == b.pid);
	begun_ms = loop_now_ms();
	expect_link(&a, LINK_DOWN, index_b);
	print_message("crash seen after %llu ms\n", (unsigned long long)(loop_now_ms() - begun_ms));
	close(b.control);
	close(b.engine);
	(void)usleep(300 * 1000);
	node_start(&fresh, &mesh, b.name, b.address);
	b = fresh;
	begun_ms = loop_now_ms();
	node_open(&b);
	expect_link(&a, LINK_UP, index_b);
	expect_link(&b, LINK_UP, index_a);
	print_message("back after %llu ms\n", (unsigned long long)(loop_now_ms() - begun_ms));
	assert_true(loop_now_ms() - begun_ms < 1000);
}

/* Before MSG_OPEN nothing is dialled and nobody is let in. */
static void
shut_until_opened(void **unused)
{
	(void)unused;
	start_both();
	node_open(&a);
	assert_false(node_wait(&a, MSG_LINK, 700));
	node_open(&b);
	expect_link(&a, LINK_UP, index_b);
	expect_link(&b, LINK_UP, index_a);
	stop_pair(NULL);
}

/* Two processes with one identity: the newer link stands, the older is closed. */
static void
newer_link_replaces(void **unused)
{
	static struct config config;
	static struct node twin;
	const struct msg_link *link;

	(void)unused;
	twin.mesh = &mesh;
	memcpy(twin.name, a.name, sizeof(twin.name));
	memcpy(twin.address, a.address, sizeof(twin.address));
	node_configure(&twin, &config);
	config.p2p_port = (uint16_t)(mesh.port + 280);
	node_start_with(&twin, &mesh, &config);
	node_open(&twin);
	expect_link(&twin, LINK_UP, index_b);
	expect_link(&b, LINK_DOWN, index_a);
	expect_link(&b, LINK_UP, index_a);
	link = node_expect(&a, MSG_LINK);
	assert_int_equal(link->change, LINK_DOWN);
	node_stop(&twin);
}

/* IPv6 on one side, IPv4 to a dual-stack listener on the other: families do not matter. */
static void
both_families(void **unused)
{
	static const char *const names[] = { "node-5", "node-6" };
	static struct config config;
	struct node *both[] = { &a, &b };
	size_t i;

	(void)unused;
	for (i = 0; i < 2; i++) {
		memset(both[i], 0, sizeof(*both[i]));
		both[i]->mesh = &mesh;
		(void)snprintf(both[i]->name, sizeof(both[i]->name), "%s", names[i]);
		(void)snprintf(both[i]->address, sizeof(both[i]->address), "::");
		node_configure(both[i], &config);
		config.p2p_port = (uint16_t)(mesh.port + 280 * i);
		node_start_with(both[i], &mesh, &config);
		node_open(both[i]);
	}
	expect_link(&a, LINK_UP, roster_find_name(roster, "node-6"));
	expect_link(&b, LINK_UP, roster_find_name(roster, "node-5"));
	stop_pair(NULL);
}

/* ---- strangers ------------------------------------------------------------------------ */

static int
connect_from(const char *address, const struct node *to)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(mesh.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	node_check(inet_pton(AF_INET, address, &from.sin_addr) == 1);
	node_check(inet_pton(AF_INET, to->address, &at.sin_addr) == 1);
	node_check(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
	node_check(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	return fd;
}

static void
expect_alarm(struct node *node, enum alarm alarm, const char *detail)
{
	const struct msg_alarm *message = node_expect(node, MSG_ALARM);

	if (message->alarm != alarm || strcmp(message->detail, detail) != 0)
		fail_msg("alarm %u \"%s\", expected %u \"%s\"", message->alarm, message->detail,
		    alarm, detail);
}

/* Does the far end hang up within this time? */
static bool
hangs_up(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t until_ms = loop_now_ms() + (uint64_t)timeout_ms;
	uint8_t bytes[4096];
	ssize_t n;

	while (loop_now_ms() < until_ms) {
		if (poll(&poll_fd, 1, 50) != 1)
			continue;
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			return true;
	}
	return false;
}

/* An address that no member has is shown the door before TLS, and reported once a second. */
static void
stranger_is_turned_away(void **unused)
{
	int i, fd;

	(void)unused;
	for (i = 0; i < 3; i++) {
		fd = connect_from("127.0.8.99", &a);
		assert_true(hangs_up(fd, 1000));
		close(fd);
	}
	expect_alarm(&a, ALARM_STRANGER, "this address is no member's");
	assert_false(node_wait(&a, MSG_ALARM, 200));
}

/* Bytes that are not TLS end the connection. */
static void
garbage_is_refused(void **unused)
{
	static const char garbage[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	int fd = connect_from(b.address, &a);

	(void)unused;
	assert_true(send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL) > 0);
	assert_true(hangs_up(fd, 1000));
	close(fd);
	expect_alarm(&a, ALARM_STRANGER, "this is not TLS");
}

/* A handshake that never goes on costs a place for 5 s and no longer, and at most 8 an address. */
static void
slow_handshake_is_ended(void **unused)
{
	uint64_t begun_ms = loop_now_ms();
	int fds[9], i;

	(void)unused;
	for (i = 0; i < 9; i++)
		fds[i] = connect_from("127.0.8.3", &a);
	assert_true(hangs_up(fds[8], 1000));
	assert_true(send(fds[0], "\x16\x03", 2, MSG_NOSIGNAL) == 2);
	assert_false(hangs_up(fds[0], 1000));
	expect_alarm(&a, ALARM_FLOOD, "too many handshakes or links at once");
	assert_true(hangs_up(fds[0], LIMIT_HANDSHAKE_MS + 1000));
	assert_in_range(
	    loop_now_ms() - begun_ms, LIMIT_HANDSHAKE_MS - 100, LIMIT_HANDSHAKE_MS + 1000);
	for (i = 0; i < 9; i++)
		close(fds[i]);
}

/* Twenty connections at once and ten a second: what is beyond is cut off, others are served. */
static void
flood_is_bounded(void **unused)
{
	const struct msg_alarm *alarm;
	int i, fd;

	(void)unused;
	for (i = 0; i < 60; i++) {
		fd = connect_from("127.0.8.4", &a);
		close(fd);
		(void)usleep(1000);
	}
	/* Which limit is met first depends on how fast the ends of connections are seen. */
	alarm = node_expect(&a, MSG_ALARM);
	assert_int_equal(alarm->alarm, ALARM_FLOOD);
	fd = connect_from("127.0.8.4", &a);
	assert_true(hangs_up(fd, 60));
	close(fd);
	send_envelope(&b, index_a, MSG_ALL, "served", 6);
	expect_envelope(&a, index_b, "served", 6);
}

/* ---- the certificate, by openssl s_client ---------------------------------------------- */

static void
s_client(const char *arguments, const char *expected)
{
	char line[1024];

	/* Wait out the one alarm a second. */
	(void)usleep(1100 * 1000);
	while (node_wait(&a, MSG_ALARM, 1))
		;
	(void)snprintf(line, sizeof(line),
	    "cd %s && timeout 3 openssl s_client -ign_eof -connect %s:%u -bind %s:0 %s "
	    "</dev/null >s_client.log 2>&1",
	    mesh.dir, a.address, mesh.port, b.address, arguments);
	(void)!system(line);
	expect_alarm(&a,
	    strcmp(expected, "no certificate was sent") == 0 ||
	            strncmp(expected, "the far end", 11) == 0
	        ? ALARM_STRANGER
	        : ALARM_BAD_CERTIFICATE,
	    expected);
}

static void
openssl(const char *arguments)
{
	char line[1024];

	(void)snprintf(
	    line, sizeof(line), "cd %s && openssl %s >>openssl.log 2>&1", mesh.dir, arguments);
	if (system(line) != 0)
		fail_msg("%s", line);
}

/* A leaf by the mesh's CA (or another), with these names and this validity. */
static void
forge(const char *name, const char *ca, const char *san, const char *eku, const char *days)
{
	char path[128], line[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.ext", mesh.dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "subjectAltName=%s\nextendedKeyUsage=%s\n", san, eku);
	(void)fclose(f);
	(void)snprintf(line, sizeof(line),
	    "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.csr "
	    "-subj /CN=%s",
	    name, name, name);
	openssl(line);
	(void)snprintf(line, sizeof(line),
	    "x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -out %s.pem -days %s "
	    "-extfile %s.ext",
	    name, ca, ca, name, days, name);
	openssl(line);
}

static void
uri_of(const char *name, char out[128])
{
	const struct member *member = roster_member(roster, roster_find_name(roster, name));
	size_t i, n = (size_t)snprintf(out, 128, "phalanx://test/");

	for (i = 0; i < 16; i++)
		n += (size_t)snprintf(out + n, 128 - n, "%02x", member->id.bytes[i]);
}

/* Every lie of a certificate is refused in the handshake, each with its own sentence. */
static void
certificates_are_checked(void **unused)
{
	char uri[128], san[256], good[256];

	(void)unused;
	uri_of(b.name, uri);
	(void)snprintf(good, sizeof(good), "URI:%s,IP:%s", uri, b.address);

	s_client("-alpn h2 -tls1_2", "the far end does not speak TLS 1.3");
	s_client("-alpn h2 -tls1_3", "no certificate was sent");

	openssl("req -x509 -newkey ed25519 -nodes -keyout other.key -out other.pem -subj /CN=other "
	        "-days 9");
	forge("alien", "other", good, "serverAuth,clientAuth", "9");
	s_client(
	    "-alpn h2 -cert alien.pem -key alien.key", "unable to get local issuer certificate");
	forge("late", "D/ca", good, "serverAuth,clientAuth", "-1");
	s_client("-alpn h2 -cert late.pem -key late.key", "certificate has expired");
	forge("half", "D/ca", good, "clientAuth", "9");
	s_client("-alpn h2 -cert half.pem -key half.key",
	    "the certificate is not for server and client both");

	(void)snprintf(san, sizeof(san), "URI:phalanx://other/%s,IP:%s", uri + 15, b.address);
	forge("mesh", "D/ca", san, "serverAuth,clientAuth", "9");
	s_client(
	    "-alpn h2 -cert mesh.pem -key mesh.key", "the certificate names no node of this mesh");
	(void)snprintf(san, sizeof(san), "URI:%s0,IP:%s", uri, b.address);
	forge("long", "D/ca", san, "serverAuth,clientAuth", "9");
	s_client(
	    "-alpn h2 -cert long.pem -key long.key", "the certificate names no node of this mesh");
	(void)snprintf(san, sizeof(san), "URI:phalanx://test/%032d,IP:%s", 7, b.address);
	forge("nobody", "D/ca", san, "serverAuth,clientAuth", "9");
	s_client(
	    "-alpn h2 -cert nobody.pem -key nobody.key", "the certificate's node is not enrolled");
	(void)snprintf(san, sizeof(san), "URI:%s,IP:127.0.8.77", uri);
	forge("where", "D/ca", san, "serverAuth,clientAuth", "9");
	s_client(
	    "-alpn h2 -cert where.pem -key where.key", "the certificate is for another address");

	uri_of("node-3", uri);
	(void)snprintf(san, sizeof(san), "URI:%s,IP:%s", uri, b.address);
	forge("moved", "D/ca", san, "serverAuth,clientAuth", "9");
	s_client("-alpn h2 -cert moved.pem -key moved.key", "the enrolment is for another address");
	uri_of(a.name, uri);
	(void)snprintf(san, sizeof(san), "URI:%s,IP:%s", uri, b.address);
	forge("mirror", "D/ca", san, "serverAuth,clientAuth", "9");
	s_client("-alpn h2 -cert mirror.pem -key mirror.key", "the certificate is our own");

	forge("good", "D/ca", good, "serverAuth,clientAuth", "9");
	s_client("-alpn http/1.1 -cert good.pem -key good.key", "the far end does not speak h2");
	s_client("-cert good.pem -key good.key", "the far end does not speak h2");
}

/* ---- coordinator -------------------------------------------------------------------------- */

static size_t
read_request(int fd, char *out, size_t room, const char *ending)
{
	size_t n = 0, end = strlen(ending);
	ssize_t got;

	while (n < end || memcmp(out + n - end, ending, end) != 0) {
		got = recv(fd, out + n, room - 1 - n, 0);
		node_check(got > 0);
		n += (size_t)got;
	}
	out[n] = '\0';
	return n;
}

static void
expect_posted(uint32_t request, uint32_t status, const char *body)
{
	const struct msg_posted *posted = node_expect(&a, MSG_POSTED);

	assert_int_equal(posted->request, request);
	assert_int_equal(posted->status, status);
	assert_int_equal(a.size_bytes - sizeof(*posted), strlen(body));
	assert_memory_equal(posted + 1, body, strlen(body));
}

/* A coordinator that the test plays: where net dials, and the keys it may sign with. */
static struct {
	int listener;
	uint8_t public[2][32], secret[2][64];
} far;

static void
far_start(struct config *config)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);

	(void)crypto_sodium();
	for (size_t i = 0; i < 2; i++)
		crypto_sign_keypair(far.public[i], far.secret[i]);
	far.listener = node_listen("127.0.8.50", 0);
	node_check(getsockname(far.listener, (struct sockaddr *)&at, &size) == 0);
	memset(&a, 0, sizeof(a));
	a.mesh = &mesh;
	(void)snprintf(a.name, sizeof(a.name), "node-1");
	(void)snprintf(a.address, sizeof(a.address), "127.0.8.1");
	node_configure(&a, config);
	(void)snprintf(config->coordinator_host, sizeof(config->coordinator_host), "Here.example");
	config->coordinator.address.family = 4;
	memcpy(config->coordinator.address.bytes, &at.sin_addr, 4);
	config->coordinator.port = ntohs(at.sin_port);
	node_start_with(&a, &mesh, config);
}

static int
far_accept(void)
{
	struct pollfd poller = { .fd = far.listener, .events = POLLIN };
	int fd;

	node_check(poll(&poller, 1, NODE_WAIT_MS) == 1);
	fd = accept4(far.listener, NULL, NULL, SOCK_CLOEXEC);
	node_check(fd != -1);
	return fd;
}

/* The answer to this request, signed with one of the keys; status and body may then be changed. */
struct far_answer {
	const char *method, *path, *request, *body, *sent_body;
	unsigned status, sent_status;
	size_t key;
};

static void
far_say(int fd, const struct far_answer *about)
{
	struct http_response_signature seal = {
		.status = about->status, .method = about->method, .path = about->path
	};
	char base[HTTP_SIGNATURE_BASE_BYTES], digest[512], input[512], value[512], text[4096];
	const char *body = about->sent_body != NULL ? about->sent_body : about->body;
	const char *nonce = strstr(about->request, ";nonce=\"");
	uint8_t signature[64];
	size_t size = 0;
	int n;

	node_check(nonce != NULL);
	node_check(hex_parse(nonce + 8, 32, seal.nonce, sizeof(seal.nonce)));
	memcpy(seal.key, far.public[about->key], sizeof(seal.key));
	crypto_hash_sha256(seal.content_sha256, (const uint8_t *)about->body, strlen(about->body));
	assert_ok(http_response_base(&seal, base, &size));
	crypto_sign_detached(signature, NULL, (uint8_t *)base, size, far.secret[about->key]);
	assert_ok(http_response_headers(&seal, signature, digest, input, value));
	n = snprintf(text, sizeof(text),
	    "HTTP/1.1 %u Word\r\nContent-Digest: %s\r\nSignature-Input: %s\r\nSignature: %s\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    about->sent_status != 0 ? about->sent_status : about->status, digest, input, value,
	    strlen(body), body);
	node_check(send(fd, text, (size_t)n, 0) == n);
}

static void
far_pin(enum pin_source source, size_t key)
{
	struct msg_pin pin = { .source = source };

	if (source != PIN_NONE)
		memcpy(pin.key.bytes, far.public[key], sizeof(pin.key.bytes));
	node_send(&a, MSG_PIN, &pin, sizeof(pin), NULL, 0);
}

static void
expect_trust(enum coordinator_trust trust)
{
	const struct msg_coordinator *verdict;

	do
		verdict = node_expect(&a, MSG_COORDINATOR);
	while (verdict->trust == TRUST_UNHEARD && trust != TRUST_UNHEARD);
	assert_int_equal(verdict->trust, trust);
}

static void
post(uint32_t request, enum http_path path, const char *body)
{
	struct msg_post message = { .request = request, .path = path };

	if (path != HTTP_REGISTER && path != HTTP_RELEASES) {
		message.created_s = 1700000000;
		message.nonce[0] = (uint8_t)request;
	}
	node_send(&a, MSG_POST, &message, sizeof(message), body, strlen(body));
}

/* Posts go out one by one on one connection, signed where told to; a dead coordinator is status 0. */
static void
coordinator_is_served(void **unused)
{
	static struct config config;
	char text[4096];
	int fd;

	(void)unused;
	far_start(&config);
	/* Before it is known whether there is a key to know it by, nothing goes out. */
	post(9, HTTP_REGISTER, "{none}");
	expect_posted(9, 0, "");
	far_pin(PIN_NONE, 0);
	post(1, HTTP_REGISTER, "{one}");
	post(2, HTTP_REPORT, "{two}");
	fd = far_accept();
	(void)read_request(fd, text, sizeof(text), "{one}");
	assert_non_null(strstr(text, "POST /register HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "Host: here.example:"));
	assert_null(strstr(text, "\r\nSignature"));
	assert_non_null(strstr(text, "\r\nAccept-Signature: coordinator=("));
	far_say(fd, &(struct far_answer){ "POST", "/register", text, "yes", .status = 200 });
	expect_trust(TRUST_FIRST_USE);
	expect_posted(1, 200, "yes");
	(void)read_request(fd, text, sizeof(text), "{two}");
	assert_non_null(strstr(text, "POST /api/report/submit HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Digest: "));
	assert_non_null(strstr(text, "\r\nSignature-Input: "));
	assert_non_null(strstr(text, "\r\nSignature: "));
	far_say(
	    fd, &(struct far_answer){ "POST", "/api/report/submit", text, "no", .status = 401 });
	expect_posted(2, 401, "no");

	/* Hung up while idle: the next goes over a new connection. */
	close(fd);
	post(3, HTTP_REGISTER, "{three}");
	fd = far_accept();
	(void)read_request(fd, text, sizeof(text), "{three}");
	node_check(send(fd, "garbage\r\n\r\n", 11, 0) == 11);
	expect_posted(3, 0, "");
	close(fd);
	close(far.listener);

	post(4, HTTP_TELEMETRY, "{four}");
	expect_posted(4, 0, "");
	node_stop(&a);
}

/*
 * Nothing of an answer is used unless the known key signed it, for this very
 * request: another key, a changed status or body, a signature that answers
 * another path, none at all.  Who is refused hears registrations only, and is
 * back with its own key, or with the one that people tell the node.
 */
static void
coordinator_is_known_by_its_key(void **unused)
{
	static const struct far_answer refused[] = {
		{ "GET", "/api/v1/releases", NULL, "body", .status = 200, .key = 1 },
		{ "GET", "/api/v1/releases", NULL, "body", .status = 404, .sent_status = 200 },
		{ "GET", "/api/v1/releases", NULL, "body", "BODY", .status = 200 },
		{ "GET", "/api/v1/roster", NULL, "body", .status = 200 },
		{ "POST", "/api/v1/releases", NULL, "body", .status = 200 },
	};
	static struct config config;
	struct far_answer about;
	char text[4096];
	int fd;

	(void)unused;
	far_start(&config);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		far_pin(PIN_NONE, 0);
		far_pin(PIN_KEPT, 0);
		post(1, HTTP_RELEASES, "node=1");
		fd = far_accept();
		(void)read_request(fd, text, sizeof(text), "\r\n\r\n");
		about = refused[i];
		about.request = text;
		far_say(fd, &about);
		expect_trust(about.key == 1 ? TRUST_OTHER_KEY : TRUST_BAD_SIGNATURE);
		expect_posted(1, 0, "");
		close(fd);
		post(2, HTTP_REPORT, "{}");
		expect_posted(2, 0, "");
	}
	/* Unsigned, while a key is known; but an error of somebody in between is no alarm. */
	far_pin(PIN_NONE, 0);
	far_pin(PIN_CONFIGURED, 0);
	post(3, HTTP_REGISTER, "{3}");
	fd = far_accept();
	(void)read_request(fd, text, sizeof(text), "{3}");
	node_check(send(fd, "HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno", 41, 0) == 41);
	expect_posted(3, 0, "");
	close(fd);
	post(4, HTTP_REGISTER, "{4}");
	fd = far_accept();
	(void)read_request(fd, text, sizeof(text), "{4}");
	node_check(send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", 41, 0) == 41);
	expect_trust(TRUST_BAD_SIGNATURE);
	expect_posted(4, 0, "");
	close(fd);
	/* Its own key again; and another one that people vouch for. */
	for (size_t key = 0; key < 2; key++) {
		if (key == 1)
			far_pin(PIN_KEPT, 1);
		post(5, HTTP_REGISTER, "{5}");
		fd = far_accept();
		(void)read_request(fd, text, sizeof(text), "{5}");
		far_say(fd, &(struct far_answer){
		                "POST", "/register", text, "yes", .status = 200, .key = key });
		expect_trust(TRUST_GOOD);
		expect_posted(5, 200, "yes");
		close(fd);
	}
	close(far.listener);
	node_stop(&a);
}

/* Where no key is known an unsigned coordinator is posted to, and nothing that it says is used. */
static void
unsigned_coordinator_is_not_believed(void **unused)
{
	static struct config config;
	char text[4096];
	int fd;

	(void)unused;
	far_start(&config);
	far_pin(PIN_NONE, 0);
	post(1, HTTP_RELEASES, "node=1");
	fd = far_accept();
	(void)read_request(fd, text, sizeof(text), "\r\n\r\n");
	node_check(send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", 41, 0) == 41);
	expect_trust(TRUST_UNSIGNED);
	expect_posted(1, 200, "");
	post(2, HTTP_REPORT, "{2}");
	(void)read_request(fd, text, sizeof(text), "{2}");
	/* One that is signed is the first: from here on none but its key. */
	far_say(
	    fd, &(struct far_answer){ "POST", "/api/report/submit", text, "ok", .status = 200 });
	expect_trust(TRUST_FIRST_USE);
	expect_posted(2, 200, "ok");
	post(3, HTTP_REPORT, "{3}");
	(void)read_request(fd, text, sizeof(text), "{3}");
	far_say(fd, &(struct far_answer){
	                "POST", "/api/report/submit", text, "ok", .status = 200, .key = 1 });
	expect_trust(TRUST_OTHER_KEY);
	expect_posted(3, 0, "");
	close(fd);
	close(far.listener);
	node_stop(&a);
}

/* ---- LOCAL_MODE -------------------------------------------------------------------------- */

/* Without TLS, on loopback only, members claim who they are. */
static void
local_mode_links(void **unused)
{
	static struct config config;
	struct node *both[] = { &a, &b };
	size_t i;

	(void)unused;
	for (i = 0; i < 2; i++) {
		memset(both[i], 0, sizeof(*both[i]));
		both[i]->mesh = &mesh;
		(void)snprintf(both[i]->name, sizeof(both[i]->name), "node-%zu", i + 1);
		(void)snprintf(both[i]->address, sizeof(both[i]->address), "127.0.8.%zu", i + 1);
		node_configure(both[i], &config);
		config.local_mode = true;
		node_start_with(both[i], &mesh, &config);
		node_open(both[i]);
	}
	expect_link(&a, LINK_UP, roster_find_name(roster, "node-2"));
	expect_link(&b, LINK_UP, roster_find_name(roster, "node-1"));
	send_envelope(&a, MSG_ALL, MSG_ALL, "local", 5);
	expect_envelope(&b, roster_find_name(roster, "node-1"), "local", 5);
	stop_pair(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shut_until_opened),
		cmocka_unit_test_setup_teardown(envelopes_cross_unchanged, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(flush_is_answered, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(one_way_is_fast, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(engine_may_restart, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(slow_engine_loses_nothing, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(stuck_link_is_closed, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(link_is_closed_on_order, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(crash_and_return, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(newer_link_replaces, linked_pair, stop_pair),
		cmocka_unit_test(both_families),
		cmocka_unit_test_setup_teardown(stranger_is_turned_away, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(garbage_is_refused, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(slow_handshake_is_ended, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(flood_is_bounded, linked_pair, stop_pair),
		cmocka_unit_test_setup_teardown(certificates_are_checked, linked_pair, stop_pair),
		cmocka_unit_test(coordinator_is_served),
		cmocka_unit_test(coordinator_is_known_by_its_key),
		cmocka_unit_test(unsigned_coordinator_is_not_believed),
		cmocka_unit_test(local_mode_links),
	};
	int failed;

	mesh_make(&mesh, NULL);
	mesh_enrol(&mesh, "node-1", "127.0.8.1", mesh.port, "node");
	mesh_enrol(&mesh, "node-2", "127.0.8.2", mesh.port, "node");
	/* Enrolled, but never started: their addresses are for liars. */
	mesh_enrol(&mesh, "node-3", "127.0.8.3", mesh.port, "node");
	mesh_enrol(&mesh, "node-4", "127.0.8.4", mesh.port, "node");
	/* One host, two nodes: an IPv6 address, and an IPv4 one that IPv6 listeners see mapped. */
	mesh_enrol(&mesh, "node-5", "::1 --address 127.0.8.5", mesh.port, "node");
	mesh_enrol(&mesh, "node-6", "127.0.8.6 --address ::1", (uint16_t)(mesh.port + 280), "node");
	mesh_run(&mesh, "epoch --dir D");
	mesh_bundle(&mesh, "node-5");
	mesh_bundle(&mesh, "node-6");
	mesh_bundle(&mesh, "node-1");
	mesh_bundle(&mesh, "node-2");
	roster = mesh_roster(&mesh, crypto_sodium());
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	roster_free(roster);
	mesh_remove(&mesh);
	return failed;
}
