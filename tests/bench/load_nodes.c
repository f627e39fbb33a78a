#include "tests/bench/load_nodes.h"
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/hex.h"
#include "base/limits.h"
#include "http/signature.h"
#include "tests/bench/load_answer.h"

#define NETWORK       1 /* 127.1.0.0/16 */
#define NEIGHBOURS    20
#define BODY_ROOM     2048
#define REQUEST_ROOM  4096
#define READ_BYTES    (256 * 1024)
#define REPORT_STRIDE 7919 /* reports come from everywhere */

enum request { TELEMETRY = 1, REGISTER = 2, REPORT = 4 };

struct node {
	struct load_nodes *all;
	size_t index;
	struct loop_watch *watch;
	int fd;
	unsigned wanted; /* enum request bits */
	unsigned sent;   /* the one that waits for its answer, 0: none */
	uint64_t sent_ns;
	bool known;
	struct load_answer answer;
};

struct load_nodes {
	struct load_nodes_config config;
	struct loop_timer *timer;
	struct node *nodes;
	uint64_t started_ns, nonce;
	size_t beats, reports; /* begun */
	size_t known;
	char authority[32];
	struct load_figures figures;
	char input[READ_BYTES];
};

/* ---- requests ----------------------------------------------------------------- */

static size_t
put_telemetry(const struct node *n, char *out)
{
	const struct mesh *mesh = n->all->config.mesh;
	const size_t count = mesh->count - 1 < NEIGHBOURS ? mesh->count - 1 : NEIGHBOURS;
	size_t used = (size_t)snprintf(out, BODY_ROOM,
	    "{\"node_id\":\"%s\",\"status\":\"healthy\",\"peers\":[", mesh->members[n->index].name);

	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, BODY_ROOM - used, "%s\"%s\"", i > 0 ? "," : "",
		    mesh->members[(n->index + i + 1) % mesh->count].name);
	used += (size_t)snprintf(out + used, BODY_ROOM - used,
	    "],\"cpu_pct\":%.1f,\"ram_pct\":%.1f,\"mode\":\"enforce\",\"drift\":0,\"decoys\":2}",
	    (double)(n->all->nonce * 37 % 200) / 10, 30 + (double)(n->all->nonce * 17 % 50) / 10);
	return used;
}

static size_t
put_report(const struct node *n, char *out)
{
	return (size_t)snprintf(out, BODY_ROOM,
	    "{\"node_id\":\"%s\",\"score\":6,\"event_type\":\"HONEYPOT_TRIPPED\",\"source_ip\":"
	    "\"192.0.2.%u\",\"decision\":\"quarantine\",\"method\":\"rule-based\","
	    "\"incident\":\"%016" PRIx64 "\"}",
	    n->all->config.mesh->members[n->index].name, (unsigned)(n->all->nonce % 256),
	    n->all->nonce);
}

static size_t
put_registration(const struct node *n, char *out)
{
	const struct mesh_member *member = &n->all->config.mesh->members[n->index];
	char text[128], address[32], key[HEX_ROOM(32)], signature[HEX_ROOM(64)];
	uint64_t now_s = loop_unix_ms() / 1000;
	uint8_t bytes[64];
	int length;

	snprintf(
	    address, sizeof(address), "10.77.%u.%u:9000", member->address[2], member->address[3]);
	length = snprintf(text, sizeof(text), "%s|%s|%" PRIu64, member->name, address, now_s);
	crypto_sign_detached(
	    bytes, NULL, (const uint8_t *)text, (unsigned long long)length, member->key.secret);
	return (size_t)snprintf(out, BODY_ROOM,
	    "{\"id\":\"%s\",\"address\":\"%s\",\"pub_key\":\"%s\",\"timestamp\":%" PRIu64
	    ",\"signature\":\"%s\"}",
	    member->name, address, hex_format(member->key.public_key.bytes, 32, key), now_s,
	    hex_format(bytes, sizeof(bytes), signature));
}

/* The three fields of RFC 9421, each with its line end. */
static void
put_fields(const struct node *n, const char *path, const char *body, size_t body_bytes, char *out)
{
	const struct mesh_member *member = &n->all->config.mesh->members[n->index];
	struct http_signature_input in = { .method = "POST",
		.authority = n->all->authority,
		.path = path,
		.created_s = loop_unix_ms() / 1000 };
	char base[HTTP_SIGNATURE_BASE_BYTES], digest[HTTP_SIGNATURE_HEADER_BYTES],
	    input[HTTP_SIGNATURE_HEADER_BYTES], value[HTTP_SIGNATURE_HEADER_BYTES];
	uint8_t signature[64];
	size_t size_bytes;

	crypto_hash_sha256(in.content_sha256, (const uint8_t *)body, body_bytes);
	memcpy(in.nonce, &n->all->nonce, sizeof(n->all->nonce));
	memcpy(in.nonce + 8, &n->all->started_ns, sizeof(n->all->started_ns));
	memcpy(in.key_id, member->id.bytes, sizeof(in.key_id));
	assert_ok(http_signature_base(&in, base, &size_bytes));
	crypto_sign_detached(
	    signature, NULL, (const uint8_t *)base, size_bytes, member->key.secret);
	assert_ok(http_signature_headers(&in, signature, digest, input, value));
	snprintf(out, REQUEST_ROOM,
	    "Content-Digest: %s\r\nSignature-Input: %s\r\nSignature: %s\r\n", digest, input, value);
}

static size_t
compose(const struct node *n, unsigned request, char out[REQUEST_ROOM])
{
	const char *path = "/api/telemetry";
	char body[BODY_ROOM], fields[REQUEST_ROOM] = "";
	size_t body_bytes;
	int length;

	n->all->nonce++;
	if (request == REGISTER) {
		path = "/register";
		body_bytes = put_registration(n, body);
		http_accept_signature(
		    (const uint8_t *)body, fields + sizeof("Accept-Signature: ") - 1);
		memcpy(fields, "Accept-Signature: ", sizeof("Accept-Signature: ") - 1);
		strcat(fields, "\r\n");
	} else {
		if (request == REPORT)
			path = "/api/report/submit";
		body_bytes = request == REPORT ? put_report(n, body) : put_telemetry(n, body);
		put_fields(n, path, body, body_bytes, fields);
	}
	length = snprintf(out, REQUEST_ROOM,
	    "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n%s\r\n%.*s",
	    path, n->all->authority, body_bytes, fields, (int)body_bytes, body);
	assert_true(length > 0 && length < REQUEST_ROOM);
	return (size_t)length;
}

/* ---- one node ------------------------------------------------------------------- */

static void
hang_up(struct node *n)
{
	loop_remove(n->watch);
	n->watch = NULL;
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
	n->sent = 0;
}

static void
note(struct node *n)
{
	struct load_figures *f = &n->all->figures;

	if (n->answer.status > 0 && n->answer.status < LOAD_CODES)
		f->codes[n->answer.status]++;
	f->heartbeats += n->sent == TELEMETRY;
	if (f->count == f->room) {
		f->room = f->room == 0 ? 65536 : 2 * f->room;
		f->ms = reallocarray(f->ms, f->room, sizeof(*f->ms));
		assert_non_null(f->ms);
	}
	f->ms[f->count++] = (float)(load_now_ns() - n->sent_ns) / 1e6f;
	if (!n->known && n->sent == TELEMETRY) {
		n->known = true;
		n->all->known++;
	}
}

static void advance(struct node *);

static void
on_ready(void *context, unsigned ready)
{
	struct node *n = context;
	ssize_t size = recv(n->fd, n->all->input, sizeof(n->all->input), 0);

	(void)ready;
	if (size <= 0 || n->sent == 0) {
		hang_up(n);
		advance(n);
		return;
	}
	if (!load_answer_take(&n->answer, n->all->input, (size_t)size))
		return;
	note(n);
	n->sent = 0;
	advance(n);
}

static bool
connect_node(struct node *n)
{
	n->all->figures.connections++;
	if ((n->fd = load_connect(n->all->config.port, NETWORK, n->index)) == -1)
		return false;
	assert_ok(loop_add(n->all->config.loop, n->fd, LOOP_READ, on_ready, n, &n->watch));
	return true;
}

/* What it wants, one at a time: who it is before how it is. */
static void
advance(struct node *n)
{
	static const enum request order[] = { REGISTER, TELEMETRY, REPORT };
	char request[REQUEST_ROOM];
	size_t size_bytes;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && n->sent == 0; i++) {
		if ((n->wanted & order[i]) == 0)
			continue;
		n->wanted &= ~(unsigned)order[i];
		if (n->fd == -1 && !connect_node(n))
			return;
		size_bytes = compose(n, order[i], request);
		n->sent = order[i];
		n->sent_ns = load_now_ns();
		load_answer_start(&n->answer);
		if (send(n->fd, request, size_bytes, MSG_NOSIGNAL) != (ssize_t)size_bytes)
			hang_up(n);
	}
}

/* One that is not done with the last is left out: the figures say so. */
static void
want(struct node *n, unsigned wanted)
{
	if (((n->wanted | n->sent) & wanted) != 0) {
		n->all->figures.late++;
		return;
	}
	n->wanted |= wanted;
	advance(n);
}

/* ---- all of them ------------------------------------------------------------------ */

/* As many as are due, spread over the period. */
static void
on_tick(void *context)
{
	const size_t every = LIMIT_REGISTER_MS / LIMIT_HEARTBEAT_MS;
	struct load_nodes *l = context;
	const size_t count = l->config.mesh->count;
	const double passed_ms = (double)(load_now_ns() - l->started_ns) / 1e6;
	const size_t beats_due = (size_t)(passed_ms / LIMIT_HEARTBEAT_MS * (double)count);
	const size_t reports_due = (size_t)(passed_ms / 1000 * l->config.reports_per_s);

	for (; l->beats < beats_due; l->beats++) {
		size_t index = l->beats % count, round = l->beats / count;
		bool registers = round == 0 || (round + index) % every == 0;

		want(&l->nodes[index], TELEMETRY | (registers ? REGISTER : 0));
	}
	for (; l->reports < reports_due; l->reports++)
		want(&l->nodes[l->reports * REPORT_STRIDE % count], REPORT);
	loop_timer_set(l->timer, loop_now_ms() + 1);
}

struct load_nodes *
load_nodes_new(const struct load_nodes_config *config)
{
	struct load_nodes *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->config = *config;
	l->nodes = calloc(config->mesh->count, sizeof(*l->nodes));
	assert_non_null(l->nodes);
	for (size_t i = 0; i < config->mesh->count; i++)
		l->nodes[i] = (struct node){ .all = l, .index = i, .fd = -1 };
	l->started_ns = load_now_ns();
	snprintf(l->authority, sizeof(l->authority), "127.0.0.1:%u", config->port);
	assert_ok(loop_timer_new(config->loop, on_tick, l, &l->timer));
	loop_timer_set(l->timer, loop_now_ms());
	return l;
}

size_t
load_nodes_known(const struct load_nodes *l)
{
	return l->known;
}

void
load_nodes_reset(struct load_nodes *l)
{
	float *ms = l->figures.ms;
	size_t room = l->figures.room;

	l->figures = (struct load_figures){ .ms = ms, .room = room };
}

struct load_figures *
load_nodes_figures(struct load_nodes *l)
{
	return &l->figures;
}
