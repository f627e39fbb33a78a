/*
 * net: the process that holds the TLS key and the sockets.  It authenticates
 * links, moves envelopes between them and the engine, and understands none of
 * what they say.  Spec: docs/privsep.md, "Net".
 */
#include <sys/random.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/hex.h"
#include "proc/net_door.h"
#include "proc/net_links.h"
#include "proc/profiles.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/log.h"

/* Links are read again when this much of the engine's queue has drained. */
#define PAUSE_AT  (LIMIT_IPC_QUEUE / 2)
#define RESUME_AT (LIMIT_IPC_QUEUE / 8)
#define RESUME_MS 1 /* how often to look, while paused */

static struct net net;
static struct loop_timer *resume_timer;

/* ---- shared by the pieces ------------------------------------------------------- */

enum err
net_tell(struct net *n, enum message_type type, const void *fixed, size_t fixed_bytes,
    const void *tail, size_t tail_bytes)
{
	enum err err;

	if (n->engine == NULL)
		return ERR_CLOSED;
	err = ipc_send(n->engine, type, fixed, fixed_bytes, tail, tail_bytes);
	if (ipc_queued(n->engine) >= PAUSE_AT) {
		conns_pause(n->conns, true);
		loop_timer_set(resume_timer, loop_now_ms() + RESUME_MS);
	}
	return err;
}

/* Members one by one; of IPv6 strangers the network, since they own 2^64 addresses in it. */
static struct address
budget_key(const struct net *n, const struct address *address)
{
	struct address key = *address;
	size_t holders = 0;

	if (key.family == 6) {
		(void)roster_find_address(n->roster, address, &holders);
		if (holders == 0)
			memset(key.bytes + 8, 0, 8);
	}
	return key;
}

void
net_alarm(struct net *n, enum alarm alarm, const struct endpoint *source, const char *detail)
{
	struct address key = budget_key(n, &source->address);
	struct msg_alarm message = { .alarm = alarm, .source = *source };
	char address[46];

	if (!tokenbucket_tell(n->buckets, &key, loop_now_ms()))
		return;
	(void)snprintf(message.detail, sizeof(message.detail), "%s", detail);
	/* The engine logs it for people; without one it must not vanish. */
	if (net_tell(n, MSG_ALARM, &message, sizeof(message), NULL, 0) != ERR_OK) {
		address_format(&source->address, address);
		log_warn("alarm source=%s: %s", address, detail);
	}
}

bool
net_charge(struct net *n, const struct endpoint *source)
{
	struct address key = budget_key(n, &source->address);

	if (tokenbucket_take(n->buckets, &key, loop_now_ms()))
		return true;
	net_alarm(n, ALARM_FLOOD, source, "more handshakes and calls than its budget");
	return false;
}

bool
net_is_neighbour(const struct net *n, member_index peer)
{
	if (n->full_mesh)
		return peer != n->self && roster_is_node(n->roster, peer) &&
		       epoch_has(roster_current(n->roster), peer);
	for (size_t i = 0; i < n->neighbour_count; i++)
		if (n->neighbours[i] == peer)
			return true;
	return false;
}

bool
net_dials(const struct net *n, member_index peer)
{
	return net_is_neighbour(n, peer) && node_id_compare(&roster_member(n->roster, n->self)->id,
	                                        &roster_member(n->roster, peer)->id) < 0;
}

void
net_format_id(const struct net *n, member_index member, char out[NET_ID_TEXT])
{
	const struct node_id *id = &roster_member(n->roster, member)->id;

	hex_format(id->bytes, sizeof(id->bytes), out);
}

void
net_format_who(const struct net *n, member_index or_none, const struct endpoint *far, char *out)
{
	char address[46];

	address_format(&far->address, address);
	(void)snprintf(out, NET_WHO, "%s (%s)",
	    or_none == MEMBER_NONE ? "unknown" : roster_member(n->roster, or_none)->name, address);
}

/* The rings themselves are large, and forgotten again. */
static enum err
find_neighbours(const struct roster *roster)
{
	member_index neighbours[RINGS_NEIGHBOURS] = { 0 };
	size_t count = RINGS_NEIGHBOURS;
	struct rings *rings;
	enum err err;

	if ((err = rings_new(crypto_sodium(), roster, &rings)) != ERR_OK)
		return err;
	if (!rings_are_full_mesh(rings) &&
	    (err = rings_neighbours(rings, net.self, neighbours, &count)) == ERR_OK) {
		memcpy(net.neighbours, neighbours, sizeof(neighbours));
		net.neighbour_count = count;
	}
	if (err == ERR_OK)
		net.full_mesh = rings_are_full_mesh(rings);
	rings_free(rings);
	return err;
}

/* ---- the roster grows ---------------------------------------------------------------- */

static void
tell_held(enum err error)
{
	struct msg_roster_held held = { .bytes =
		                            roster_records(net.roster).size_bytes + net.parts.used,
		.error = (uint32_t)error };

	if (net_tell(&net, MSG_ROSTER_HELD, &held, sizeof(held), NULL, 0) != ERR_OK)
		log_warn("the engine cannot be told how much of the roster is here");
}

/* New members are called, and may call; who is in the epoch no more is let go. */
static enum err
put_in_force(struct roster *next)
{
	struct roster *before = net.roster;
	enum err err;

	if ((err = links_grow(net.links, roster_count(next))) != ERR_OK ||
	    (err = dialler_grow(net.dialler, roster_count(next))) != ERR_OK ||
	    (err = find_neighbours(next)) != ERR_OK)
		return err;
	net.roster = next;
	if (net.tls != NULL)
		tls_context_set_roster(net.tls, next);
	roster_free(before);
	links_drop_strangers(net.links);
	dialler_look_again(net.dialler);
	return ERR_OK;
}

static void
take_roster(uint64_t offset, struct span part)
{
	struct roster *next = NULL;
	enum err err;

	if ((err = roster_parts_put(&net.parts, net.roster, offset, part)) == ERR_OK &&
	    (err = roster_parts_prove(&net.parts, net.roster, &net.ca, &next)) == ERR_OK &&
	    next != NULL && (err = put_in_force(next)) != ERR_OK) {
		roster_parts_drop(&net.parts);
		roster_free(next);
	}
	if (err != ERR_OK)
		log_error("roster: %s", err_text(err));
	tell_held(err);
}

/* ---- the engine ------------------------------------------------------------------- */

static void
set_open(bool open)
{
	net.open = open;
	acceptor_set_open(net.acceptor, open);
	dialler_set_open(net.dialler, open);
}

static void
resume(void *unused)
{
	(void)unused;
	if (net.engine == NULL)
		return;
	if (ipc_queued(net.engine) > RESUME_AT) {
		loop_timer_set(resume_timer, loop_now_ms() + RESUME_MS);
		return;
	}
	links_catch_up(net.links);
	conns_pause(net.conns, false);
}

static bool
carry_out(const struct ipc_message *m)
{
	const uint8_t *tail;
	const void *fixed;
	size_t tail_bytes;

	switch (m->type) {
	case MSG_OPEN:
		set_open(true);
		return true;
	case MSG_SEND:
		fixed = ipc_expect(m, sizeof(struct msg_send), &tail, &tail_bytes);
		if (fixed == NULL || tail_bytes > LIMIT_ENVELOPE_BYTES)
			return false;
		links_send(net.links, fixed, tail, tail_bytes);
		return true;
	case MSG_CLOSE_LINK:
		if ((fixed = ipc_expect(m, sizeof(struct msg_close_link), NULL, NULL)) == NULL)
			return false;
		links_close(net.links, fixed);
		return true;
	case MSG_FLUSH:
		if ((fixed = ipc_expect(m, sizeof(struct msg_flush), NULL, NULL)) == NULL)
			return false;
		links_flush(net.links, fixed);
		return true;
	case MSG_POST:
		fixed = ipc_expect(m, sizeof(struct msg_post), &tail, &tail_bytes);
		if (fixed == NULL)
			return false;
		coordinator_post(net.coordinator, fixed, tail, tail_bytes);
		return true;
	case MSG_PIN:
		fixed = ipc_expect(m, sizeof(struct msg_pin), NULL, NULL);
		if (fixed == NULL || ((const struct msg_pin *)fixed)->source > PIN_KEPT)
			return false;
		coordinator_pin(net.coordinator, fixed);
		return true;
	case MSG_ROSTER:
		if ((fixed = ipc_expect(m, sizeof(struct msg_roster), &tail, &tail_bytes)) == NULL)
			return false;
		take_roster(
		    ((const struct msg_roster *)fixed)->offset, (struct span){ tail, tail_bytes });
		return true;
	case MSG_VOTE_ACK:
		if ((fixed = ipc_expect(m, sizeof(struct msg_vote_ack), NULL, NULL)) == NULL)
			return false;
		door_answer(net.door, fixed);
		return true;
	default:
		return false;
	}
}

static void
from_engine(void *context, struct ipc *ipc, const struct ipc_message *m)
{
	(void)context;
	(void)ipc;
	if (!carry_out(m))
		log_error(
		    "message %u of %zu bytes from the engine is refused", m->type, m->size_bytes);
}

static void
engine_idle(void *context, struct ipc *ipc)
{
	(void)context;
	(void)ipc;
	conns_flush(net.conns);
}

/* Links stay up, unread, until the parent brings a new engine. */
static void
engine_gone(void *context, struct ipc *ipc, enum err why)
{
	(void)context;
	log_warn("the engine is gone: %s", err_text(why));
	net.engine = NULL;
	ipc_free(ipc);
	set_open(false);
	conns_pause(net.conns, true);
}

/* ---- the role ----------------------------------------------------------------------- */

static enum err
load_identity(struct child *child)
{
	const struct config *config = &child->config;
	enum err err;

	if ((err = identity_ca_key(config->ca_file, &net.ca)) != ERR_OK ||
	    (err = identity_load_roster(
	         config->roster_file, config->ca_file, crypto_sodium(), &net.roster)) != ERR_OK)
		return err;
	net.self = roster_find_name(net.roster, config->name);
	if (!roster_is_node(net.roster, net.self)) {
		log_error("the roster has no node named %s", config->name);
		return ERR_CONFIG;
	}
	if ((err = find_neighbours(net.roster)) != ERR_OK || config->local_mode)
		return err;
	return tls_context_new(
	    config->cert_file, config->key_file, config->ca_file, net.roster, net.self, &net.tls);
}

static enum err
prepare(struct child *child)
{
	struct tokenbucket_config buckets = { .addresses = LIMIT_BUCKETS,
		.per_second = LIMIT_CALLS_PER_S,
		.burst = LIMIT_CALLS_BURST,
		.repeat_ms = LIMIT_ALARM_MS };
	enum err err;

	net.loop = child->loop;
	net.config = &child->config;
	if (child->config.p2p_port > UINT16_MAX - LIMIT_DIAL_PORTS) {
		log_error("p2p_port must be at most %d: the %d ports above it are for dialling",
		    UINT16_MAX - LIMIT_DIAL_PORTS, LIMIT_DIAL_PORTS);
		return ERR_CONFIG;
	}
	if (getrandom(&buckets.seed, sizeof(buckets.seed), 0) != sizeof(buckets.seed))
		return ERR_IO;
	if ((err = tokenbucket_new(&buckets, &net.buckets)) != ERR_OK)
		return err;
	return load_identity(child);
}

static enum err
start(struct child *child)
{
	int fds[sizeof(child->listeners) / sizeof(child->listeners[0])];
	size_t i, count = 0;
	enum err err;

	for (i = 0; i < child->listener_count; i++) {
		if (child->listeners[i].about.kind != LISTENER_P2P)
			return ERR_CONFIG;
		if (child->config.local_mode &&
		    !address_is_loopback(&child->listeners[i].about.bound.address)) {
			log_error("LOCAL_MODE has no TLS and is for loopback only");
			return ERR_CONFIG;
		}
		fds[count++] = child->listeners[i].fd;
	}
	if ((err = conns_new(&net, &link_events, &net.conns)) != ERR_OK ||
	    (err = links_new(&net, &net.links)) != ERR_OK ||
	    (err = door_new(&net, &net.door)) != ERR_OK ||
	    (err = dialler_new(&net, &net.dialler)) != ERR_OK ||
	    (err = coordinator_new(&net, &net.coordinator)) != ERR_OK ||
	    (err = acceptor_new(&net, fds, count, &net.acceptor)) != ERR_OK ||
	    (err = loop_timer_new(net.loop, resume, NULL, &resume_timer)) != ERR_OK)
		return err;
	conns_pause(net.conns, true);
	/* Parsing keys and the roster left holes; a node is to be small. */
	(void)malloc_trim(0);
	return ERR_OK;
}

static void
channel(struct child *child, enum role_id far, int fd)
{
	const struct ipc_handler handler = {
		.message = from_engine, .idle = engine_idle, .closed = engine_gone
	};

	(void)child;
	if (far != ROLE_ENGINE) {
		log_warn("a channel to role %u is refused", (unsigned)far);
		close(fd);
		return;
	}
	ipc_free(net.engine);
	net.engine = NULL;
	set_open(false);
	if (ipc_new(net.loop, fd, &handler, &net.engine) != ERR_OK) {
		log_error("no channel to the engine");
		return;
	}
	/* A tick of the mesh brings a message from each link. */
	ipc_gather(net.engine);
	tell_held(ERR_OK);
	coordinator_announce(net.coordinator);
	links_announce(net.links);
	conns_pause(net.conns, false);
}

int
main(int argc, char **argv)
{
	static const struct child_role role = { .id = ROLE_NET,
		.name = "net",
		.prepare = prepare,
		.profile = profile_net,
		.start = start,
		.channel = channel };

	return child_main(argc, argv, &role);
}
