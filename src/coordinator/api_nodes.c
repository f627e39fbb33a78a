/*
 * api_nodes: nodes introduce themselves, tell how they are, and are told of
 * each other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "coordinator/auth.h"
#include "coordinator/changes.h"
#include "coordinator/learn.h"
#include "coordinator/log_chain.h"
#include "coordinator/reply.h"
#include "sys/log.h"

struct registration {
	const char *id;
	const char *address;
	struct public_key key;
	bool has_key;
	uint64_t timestamp_s;
	struct signature signature;
	bool is_signed;
	const struct address *from;
};

/* ---- registration ------------------------------------------------------------------ */

static bool
is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static bool
read_registration(const json_t *object, struct registration *out, struct http_reply *reply)
{
	const json_t *timestamp = json_object_get(object, "timestamp");
	const char *key, *signature;

	out->id = json_string_value(json_object_get(object, "id"));
	if (out->id == NULL || !registry_is_name(out->id)) {
		reply_error(reply, 400, "id: 1 to %d letters, digits, - and _", LIMIT_NAME_BYTES);
		return false;
	}
	out->address = body_string(object, "address", REGISTRY_ADDRESS_BYTES + 1, false, reply);
	if (out->address == NULL)
		return false;
	if (!is_printable(out->address)) {
		reply_error(reply, 400, "address: give host:port in printable ASCII");
		return false;
	}
	if ((key = body_string(object, "pub_key", 1024, true, reply)) == NULL ||
	    (signature = body_string(object, "signature", 1024, true, reply)) == NULL)
		return false;
	out->has_key = *key != '\0';
	out->is_signed = *signature != '\0';
	if ((out->has_key &&
	        !hex_parse(key, strlen(key), out->key.bytes, sizeof(out->key.bytes))) ||
	    (out->is_signed && !out->has_key)) {
		reply_error(reply, 400, "pub_key: give the 32-byte Ed25519 key as 64 hex digits");
		return false;
	}
	if (out->is_signed && !hex_parse(signature, strlen(signature), out->signature.bytes,
	                          sizeof(out->signature.bytes))) {
		reply_error(
		    reply, 400, "signature: give the 64-byte Ed25519 signature as 128 hex digits");
		return false;
	}
	if (timestamp != NULL &&
	    (!json_is_integer(timestamp) || json_integer_value(timestamp) < 0)) {
		reply_error(reply, 400, "timestamp: give Unix seconds");
		return false;
	}
	out->timestamp_s = (uint64_t)json_integer_value(timestamp);
	return true;
}

static bool
prove_registration(const struct coordinator *c, const struct http_request *request,
    const struct registration *r, uint64_t now_s, struct http_reply *reply)
{
	int64_t age_s = (int64_t)(now_s - r->timestamp_s);

	if (age_s > LIMIT_REGISTER_AGE_S || age_s < -LIMIT_REGISTER_AHEAD_S) {
		reply_error(reply, 401,
		    "timestamp is %" PRId64 " s old (%d to %d is taken); set the clocks right",
		    age_s, -LIMIT_REGISTER_AHEAD_S, LIMIT_REGISTER_AGE_S);
		return false;
	}
	if (!r->is_signed) {
		if (auth_takes_unsigned(c, request))
			return true;
		reply_error(
		    reply, 401, "unsigned; sign id|address|timestamp with the key of pub_key");
		return false;
	}
	if (auth_registration_is_good(r->id, r->address, r->timestamp_s, &r->key, &r->signature))
		return true;
	reply_error(reply, 401, "the signature is not pub_key's over id|address|timestamp");
	return false;
}

static void
put_hex(struct json_text *t, const char *key, const uint8_t *bytes, size_t size_bytes, bool there)
{
	char hex[HEX_ROOM(64)];

	json_text_put(t, key);
	json_text_word(t, there ? hex_format(bytes, size_bytes, hex) : "");
}

/* Printable ASCII, but of a stranger's choice. */
static void
put_address(struct json_text *t, const char *address)
{
	if (strpbrk(address, "\"\\") == NULL)
		json_text_word(t, address);
	else
		json_text_value(t, json_string(address));
}

static void
put_peer(struct json_text *t, const struct registry_node *node)
{
	static const struct public_key none;
	char seen[TIME_ROOM];

	json_text_put(t, "{\"id\":");
	json_text_word(t, node->name);
	json_text_put(t, ",\"address\":");
	put_address(t, node->address);
	put_hex(t, ",\"pub_key\":", node->key.bytes, sizeof(node->key.bytes),
	    memcmp(&node->key, &none, sizeof(none)) != 0);
	json_text_put(t, ",\"timestamp\":");
	json_text_number(t, node->timestamp_s);
	put_hex(t, ",\"signature\":", node->signature.bytes, sizeof(node->signature.bytes),
	    node->is_signed);
	json_text_put(t, ",\"last_seen\":");
	json_text_word(t, time_text(node->seen_ms, seen));
	json_text_put(t, "}");
}

/* Up to `most` of the active nodes, from that one on and around. */
static void
put_active(const struct coordinator *c, const struct registry_node *except, size_t from,
    size_t most, struct json_text *t)
{
	uint64_t now_ms = loop_unix_ms();
	size_t count = registry_count(c->registry), told = 0;
	const struct registry_node *node;

	json_text_put(t, "[");
	for (size_t i = 0; i < count && told < most; i++) {
		node = registry_at(c->registry, (from + i) % count);
		if (node == except || node->address[0] == '\0' ||
		    node->seen_ms + LIMIT_PEERS_ACTIVE_MS <= now_ms)
			continue;
		json_text_comma(t, told++);
		put_peer(t, node);
	}
	json_text_put(t, "]");
}

/* A node is not told of itself. */
static bool
names(const struct cached *told, const struct registry_node *node)
{
	char id[LIMIT_NAME_BYTES + 16];

	snprintf(id, sizeof(id), "{\"id\":\"%s\"", node->name);
	return told->text != NULL && memmem(told->text, told->size_bytes, id, strlen(id)) != NULL;
}

/*
 * All of them in a small mesh; in a large one as many as an answer holds,
 * others each time: those that ask within LIMIT_STATE_MS are told the same,
 * since composing it is most of what a heartbeat costs.
 */
static void
answer_peers(struct coordinator *c, const struct registry_node *node, struct http_reply *reply)
{
	const size_t count = registry_count(c->registry);
	const bool is_for_all = count > LIMIT_STATE_NODES && !names(&c->told_peers, node);
	struct json_text t = { 0 };

	if (is_for_all && reply_cached(c, &c->told_peers, reply))
		return;
	if (is_for_all || count <= LIMIT_STATE_NODES)
		c->turn =
		    count > LIMIT_PEERS_ANSWERED ? (c->turn + LIMIT_PEERS_ANSWERED) % count : 0;
	json_text_put(&t, "{\"peers\":");
	put_active(c, node, c->turn, LIMIT_PEERS_ANSWERED, &t);
	json_text_put(&t, "}\n");
	reply_json_text(reply, &t);
	if (is_for_all)
		reply_cache(c, &c->told_peers, reply);
}

static bool
roster_has_name(const struct coordinator *c, const char *name)
{
	return c->roster != NULL && roster_find_name(c->roster, name) != MEMBER_NONE;
}

/* The name's owner on disk, and a first one in the log, before anybody is told that it owns it. */
static enum err
keep_node(struct coordinator *c, const struct registration *r, bool first, uint64_t now_ms)
{
	struct store_node kept = {
		.name = r->id,
		.address = r->address,
		.key = r->key,
		.timestamp_s = r->timestamp_s,
		.signature = r->signature,
		.seen_ms = now_ms,
		/* An enrolled name is its key's by the roster; the address comes with each heartbeat. */
		.is_soft = roster_has_name(c, r->id),
	};
	enum err err;

	if (!first)
		return store_put_node(c->store, &kept);
	if ((err = store_begin(c->store)) != ERR_OK)
		return err;
	if ((err = store_put_node(c->store, &kept)) != ERR_OK ||
	    (err = log_chain_add(c->log_chain, "registered", r->id, "",
	         json_pack("{s:o, s:s}", "key", json_hex(r->key.bytes, sizeof(r->key.bytes)),
	             "address", r->address))) != ERR_OK ||
	    (err = store_commit(c->store)) != ERR_OK)
		store_rollback(c->store);
	log_chain_settle(c->log_chain, err == ERR_OK);
	if (err == ERR_OK)
		changes_logged(c->changes);
	return err;
}

static bool
refuse_owner(const struct registration *r, struct http_reply *reply)
{
	log_warn("register node=%s: another key owns this name; refused", r->id);
	reply_error(reply, 409,
	    "this name belongs to another key (or the key to another, enrolled name); choose "
	    "another "
	    "NODE_ID, or use the key that it was enrolled with");
	return false;
}

/* Finds or makes the node; false: reply says why not. */
static bool
admit(struct coordinator *c, const struct registration *r, uint64_t now_ms,
    struct registry_node **out, struct http_reply *reply)
{
	const struct registry_call call = { .name = r->id, .from = r->from, .now_ms = now_ms };
	char dropped[LIMIT_NAME_BYTES + 1];
	struct registry_node *node = registry_find(c->registry, r->id);
	bool changed, first;
	enum err err;

	/* Ownership is decided on proven keys alone: an unsigned word never takes a name that has one. */
	if (node != NULL && node->proven &&
	    (!r->is_signed || memcmp(&node->key, &r->key, sizeof(r->key)) != 0))
		return refuse_owner(r, reply);
	if (node != NULL && r->timestamp_s < node->timestamp_s) {
		reply_error(reply, 401, "a later registration of this name is known already");
		return false;
	}
	if ((err = registry_take(c->registry, &call, &node, dropped)) != ERR_OK) {
		reply_error(reply, 503,
		    "no room for another unenrolled node; enrol it, or try again later");
		return false;
	}
	if (dropped[0] != '\0' && store_drop_node(c->store, dropped) != ERR_OK)
		log_warn("store: node=%s gave way but is still on disk", dropped);
	first = r->is_signed && !node->proven;
	changed = !node->proven || strcmp(node->address, r->address) != 0;
	if (r->is_signed && (err = registry_prove(c->registry, node, &r->key)) != ERR_OK) {
		if (err == ERR_AUTHOR)
			return refuse_owner(r, reply);
		reply_error(reply, 503, "%s; try again later", err_text(err));
		return false;
	}
	if (r->is_signed && changed && (err = keep_node(c, r, first, now_ms)) != ERR_OK) {
		reply_error(reply, 503, "cannot be kept: %s; try again later", err_text(err));
		return false;
	}
	if (changed)
		log_info("register node=%s address=%s %s", r->id, r->address,
		    node->member != MEMBER_NONE ? "enrolled"
		    : r->is_signed              ? "signed"
		                                : "unsigned");
	*out = node;
	return true;
}

void
api_register(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	json_t *object = body_object(request, reply);
	struct registration r = { .from = &request->peer };
	struct registry_node *node;
	uint64_t now_ms = loop_unix_ms();

	if (object == NULL)
		return;
	if (read_registration(object, &r, reply) &&
	    prove_registration(c, request, &r, now_ms / 1000, reply) &&
	    admit(c, &r, now_ms, &node, reply)) {
		strcpy(node->address, r.address);
		node->timestamp_s = r.timestamp_s;
		node->signature = r.signature;
		node->is_signed = r.is_signed;
		if (!node->proven && r.has_key)
			node->key = r.key;
		node->seen_ms = now_ms;
		changes_noted(c->changes);
		answer_peers(c, node, reply);
	}
	json_decref(object);
}

void
api_peers(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct json_text t = { 0 };

	(void)request;
	if (reply_cached(c, &c->peers, reply))
		return;
	put_active(c, NULL, 0, SIZE_MAX, &t);
	json_text_put(&t, "\n");
	reply_json_text(reply, &t);
	reply_cache(c, &c->peers, reply);
}

/* ---- telemetry ------------------------------------------------------------------------ */

struct telemetry {
	const char *node_id;
	const char *status;
	double cpu, ram;
	double decoys, drift, roster;
	enum node_mode mode;
	char *peers;
};

/* The neighbours as JSON text that is safe to hand on; NULL: reply says 400. */
static char *
read_peers(const json_t *object, struct http_reply *reply)
{
	const json_t *peers = json_object_get(object, "peers"), *peer;
	char *text;
	size_t i;

	if (peers == NULL || json_is_null(peers))
		return strdup("[]");
	if (!json_is_array(peers) || json_array_size(peers) > LIMIT_NEIGHBOURS) {
		reply_error(
		    reply, 400, "peers: give an array of at most %d names", LIMIT_NEIGHBOURS);
		return NULL;
	}
	json_array_foreach(peers, i, peer)
	{
		if (json_string_length(peer) >= 1 && json_string_length(peer) <= LIMIT_NAME_BYTES)
			continue;
		reply_error(
		    reply, 400, "peers: each is a string of 1 to %d bytes", LIMIT_NAME_BYTES);
		return NULL;
	}
	if ((text = json_dumps(peers, JSON_COMPACT | JSON_ENSURE_ASCII)) == NULL)
		reply_error(reply, 503, "out of memory; try again later");
	return text;
}

/* What a node may say beyond the contract: how it enforces, and what of the CA it knows. */
static bool
read_posture(const json_t *object, struct telemetry *out, struct http_reply *reply)
{
	const char *mode = body_string(object, "mode", 16, true, reply);

	if (mode == NULL || !body_number(object, "drift", 1e9, &out->drift, reply) ||
	    !body_number(object, "decoys", LIMIT_DECOYS, &out->decoys, reply) ||
	    !body_number(object, "roster", LIMIT_ROSTER_BYTES, &out->roster, reply))
		return false;
	out->mode = MODE_UNKNOWN;
	if (strcmp(mode, "enforce") == 0)
		out->mode = MODE_ENFORCE;
	else if (strcmp(mode, "observe") == 0)
		out->mode = MODE_OBSERVE;
	else if (*mode != '\0') {
		reply_error(reply, 400, "mode: enforce or observe");
		return false;
	}
	return true;
}

static bool
read_telemetry(const json_t *object, struct telemetry *out, struct http_reply *reply)
{
	out->node_id = json_string_value(json_object_get(object, "node_id"));
	if (out->node_id == NULL || !registry_is_name(out->node_id)) {
		reply_error(
		    reply, 400, "node_id: 1 to %d letters, digits, - and _", LIMIT_NAME_BYTES);
		return false;
	}
	return (out->status = body_string(
	            object, "status", REGISTRY_STATUS_BYTES + 1, false, reply)) != NULL &&
	       body_number(object, "cpu_pct", 1e6, &out->cpu, reply) &&
	       body_number(object, "ram_pct", 1e6, &out->ram, reply) &&
	       read_posture(object, out, reply) && (out->peers = read_peers(object, reply)) != NULL;
}

/* Without memory there is a gap in a curve. */
static void
add_sample(struct registry_node *node, uint64_t now_ms)
{
	const struct series_sample sample = { .cpu = (uint16_t)(10 * node->cpu + 0.5),
		.ram = (uint16_t)(10 * node->ram + 0.5),
		.score = (uint8_t)(node->score_ms + LIMIT_GROUNDS_MS > now_ms ? node->score : 0) };

	if (node->series == NULL) {
		if ((node->series = malloc(sizeof(*node->series))) == NULL)
			return;
		series_init(node->series);
	}
	series_add(node->series, now_ms, &sample);
}

static void
take_telemetry(struct coordinator *c, struct telemetry *t, struct http_reply *reply)
{
	char dropped[LIMIT_NAME_BYTES + 1];
	/* A name that is new here is on loopback: others sign, and so have registered. */
	const struct registry_call call = { .name = t->node_id, .now_ms = loop_unix_ms() };
	struct registry_node *node;

	if (registry_take(c->registry, &call, &node, dropped) != ERR_OK) {
		reply_error(reply, 503, "no room for another unenrolled node; try again later");
		return;
	}
	if (dropped[0] != '\0' && store_drop_node(c->store, dropped) != ERR_OK)
		log_warn("store: node=%s gave way but is still on disk", dropped);
	strcpy(node->status, t->status);
	node->cpu = t->cpu < 100 ? t->cpu : 100;
	node->ram = t->ram < 100 ? t->ram : 100;
	node->mode = t->mode;
	node->drift = t->drift > 0;
	node->decoys = (unsigned)t->decoys;
	free(node->peers);
	node->peers = t->peers;
	t->peers = NULL;
	add_sample(node, call.now_ms);
	node->told = true;
	node->told_ms = node->seen_ms = call.now_ms;
	changes_noted(c->changes);
	reply->status = 200;
}

/* Whose file is new asks a few members for what it once knew. */
static bool
wants_entries(struct coordinator *c, struct registry_node *node)
{
	if (!store_is_new(c->store) || node->retold)
		return false;
	if (node->retell_until_ms == 0 && c->retellers < LIMIT_RETELLERS) {
		/* It may have told all that it holds just before: then it waits for so long. */
		node->retell_until_ms = node->told_ms + LIMIT_RETELL_MS + 3 * LIMIT_HEARTBEAT_MS;
		c->retellers++;
	}
	return node->told_ms < node->retell_until_ms;
}

/* A member that holds more of the CA's log than is known here is asked for the rest. */
static void
ask_member(struct coordinator *c, struct registry_node *node, uint64_t held_bytes,
    struct http_reply *reply)
{
	json_t *wish = json_object();
	uint64_t from;

	if (held_bytes > 0 && learn_wants(c->learn, node->member, held_bytes, &from))
		json_object_set_new(wish, "roster", json_integer((json_int_t)from));
	if (wants_entries(c, node))
		json_object_set_new(wish, "entries", json_true());
	if (json_object_size(wish) > 0)
		reply_json(reply, wish);
	else
		json_decref(wish);
}

void
api_telemetry(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct telemetry t = { .peers = NULL };
	struct signer signer;
	json_t *object;

	if (!auth_request(c, request, &signer, reply) ||
	    (object = body_object(request, reply)) == NULL)
		return;
	if (read_telemetry(object, &t, reply) && auth_speaks_for(c, &signer, t.node_id, reply)) {
		take_telemetry(c, &t, reply);
		if (reply->status == 200 && signer.is_signed && c->roster != NULL &&
		    signer.node->member != MEMBER_NONE)
			ask_member(c, signer.node, (uint64_t)t.roster, reply);
	}
	free(t.peers);
	json_decref(object);
}

/* ---- topology --------------------------------------------------------------------------- */

static enum node_status
proven_status(struct coordinator *c, const struct registry_node *node, uint64_t now_ms)
{
	enum node_status status = STATUS_HEALTHY;
	uint64_t released_ms = 0;

	if (c->ledger != NULL && node->member != MEMBER_NONE) {
		status = ledger_status(c->ledger, node->member, now_ms);
		released_ms = ledger_released_ms(c->ledger, node->member);
	}
	/* What was before its release is over. */
	if (status == STATUS_HEALTHY && node->touched_ms > released_ms &&
	    node->touched_ms + LIMIT_GROUNDS_MS > now_ms)
		status = STATUS_ATTACKED;
	return status;
}

/* That it is cut off, when all that is proven is that it was touched, is its own to say. */
static bool
says_quarantined(const struct registry_node *node)
{
	return node->told && strcmp(node->status, "quarantined") == 0;
}

enum node_status
coordinator_status(struct coordinator *c, const struct registry_node *node, uint64_t now_ms)
{
	enum node_status status = proven_status(c, node, now_ms);

	if (status == STATUS_QUARANTINED)
		return status;
	if (node->seen_ms + LIMIT_PEERS_ACTIVE_MS <= now_ms)
		return STATUS_UNREACHABLE;
	if (says_quarantined(node))
		return STATUS_QUARANTINED;
	if (status != STATUS_HEALTHY || !node->told)
		return status;
	if (strcmp(node->status, "attacked") == 0 || strcmp(node->status, "anomaly") == 0)
		return STATUS_ATTACKED;
	return strcmp(node->status, "restricted") == 0 ? STATUS_RESTRICTED : STATUS_HEALTHY;
}

static json_t *
topology_json(struct coordinator *c)
{
	uint64_t now_ms = loop_unix_ms();
	const struct registry_node *node;
	enum node_status status;
	json_t *nodes = json_array(), *peers;

	for (size_t i = 0; i < registry_count(c->registry); i++) {
		node = registry_at(c->registry, i);
		status = proven_status(c, node, now_ms);
		if (status != STATUS_QUARANTINED &&
		    (!node->told || node->told_ms + LIMIT_TOPOLOGY_MS <= now_ms))
			continue;
		if (says_quarantined(node))
			status = STATUS_QUARANTINED;
		peers = node->peers != NULL ? json_loads(node->peers, 0, NULL) : json_array();
		json_array_append_new(nodes,
		    json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "node_id", node->name, "status",
		        status != STATUS_HEALTHY ? node_status_text(status) : node->status, "peers",
		        peers, "cpu_pct", json_number_short(node->cpu), "ram_pct",
		        json_number_short(node->ram), "last_reported_at",
		        json_time(node->told_ms)));
	}
	return json_pack("{s:o}", "nodes", nodes);
}

void
api_topology(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	(void)request;
	if (!reply_cached(c, &c->topology, reply))
		reply_and_cache(c, &c->topology, topology_json(c), reply);
}
