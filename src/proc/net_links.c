#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "http/grpc.h"
#include "proc/net_door.h"
#include "proc/net_links.h"
#include "sys/log.h"

#define EXCHANGE_PATH "/protos.P2P/Exchange"
#define VOTE_PATH     "/protos.P2P/ShareQuarantineVote"

struct link {
	struct conn *conn; /* NULL: down */
	bool told_up;      /* the engine believes so */
	bool owes_down;    /* and must first hear that that one is gone */
	enum err why_down;
};

struct links {
	struct net *net;
	size_t count;
	struct link *list; /* by member */
	uint32_t flushes[LIMIT_FLUSHES];
	size_t flush_count;
};

/* ---- what the engine knows --------------------------------------------------- */

static enum err
tell_link(struct links *l, member_index peer, enum link_change change, enum err why)
{
	struct msg_link message = { .change = change, .peer = peer, .error = why };

	if (change == LINK_UP)
		message.far = *conn_far(l->list[peer].conn);
	return net_tell(l->net, MSG_LINK, &message, sizeof(message), NULL, 0);
}

static void
catch_up(struct links *l, member_index peer)
{
	struct link *link = &l->list[peer];

	if (link->owes_down && tell_link(l, peer, LINK_DOWN, link->why_down) == ERR_OK)
		link->owes_down = link->told_up = false;
	if (!link->owes_down && link->conn != NULL && !link->told_up &&
	    tell_link(l, peer, LINK_UP, ERR_OK) == ERR_OK)
		link->told_up = true;
}

void
links_catch_up(struct links *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		catch_up(l, (member_index)i);
}

void
links_announce(struct links *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		l->list[i].told_up = l->list[i].owes_down = false;
	l->flush_count = 0;
	links_catch_up(l);
}

bool
links_is_up(const struct links *l, member_index peer)
{
	return l->list[peer].conn != NULL;
}

/* ---- up and down ---------------------------------------------------------------- */

static void
link_down(struct links *l, struct conn *conn, enum err why, const char *reason)
{
	member_index peer = conn_peer(conn);
	char who[NET_WHO];
	struct link *link;

	if (conn_link(conn) == 0)
		return;
	conn_set_link(conn, 0);
	link = &l->list[peer];
	if (link->conn != conn)
		return;
	net_format_who(l->net, peer, conn_far(conn), who);
	log_info("link down peer=%s: %s", who, reason);
	link->conn = NULL;
	link->owes_down = link->told_up;
	link->why_down = why == ERR_OK ? ERR_CLOSED : why;
	catch_up(l, peer);
}

static void
link_up(struct links *l, struct conn *conn, int32_t stream)
{
	member_index peer = conn_peer(conn);
	struct conn *older = l->list[peer].conn;
	char who[NET_WHO];

	if (older != NULL) {
		link_down(l, older, ERR_CLOSED, "a newer one replaces it");
		conn_close(older, ERR_CLOSED, "a newer link replaces it");
	}
	conn_set_link(conn, stream);
	l->list[peer].conn = conn;
	net_format_who(l->net, peer, conn_far(conn), who);
	log_info("link up peer=%s", who);
	catch_up(l, peer);
	/* A handshake needs more than the link that it leaves: give the difference back. */
	(void)malloc_trim(0);
}

static void
alarm_if_refused(struct net *net, struct conn *conn, enum err why, const char *reason)
{
	if (why == ERR_AUTHOR || why == ERR_SIGNATURE || why == ERR_STALE)
		net_alarm(net, ALARM_BAD_CERTIFICATE, conn_far(conn), reason);
	else if (why == ERR_MALFORMED)
		net_alarm(net, ALARM_STRANGER, conn_far(conn), reason);
}

static void
gone(struct net *net, struct conn *conn, enum err why, const char *reason)
{
	bool was_up = conn_link(conn) != 0;
	char who[NET_WHO];

	link_down(net->links, conn, why, reason);
	door_forget(net->door, conn, 0);
	if (conn_peer(conn) == MEMBER_NONE || why == ERR_AUTHOR)
		alarm_if_refused(net, conn, why, reason);
	if (conn_origin(conn) == CONN_DIALLED) {
		net_format_who(net, conn_expected(conn), conn_far(conn), who);
		log_debug("dial peer=%s: %s", who, reason);
		dialler_gone(net->dialler, conn_expected(conn), was_up);
	}
}

static bool
opened(struct net *net, struct conn *conn)
{
	char claim[NET_ID_TEXT];
	int32_t stream;

	if (conn_origin(conn) == CONN_ACCEPTED)
		return conn_peer(conn) == MEMBER_NONE ||
		       conns_of(net->conns, conn_peer(conn)) <= LIMIT_CONNECTIONS_PER_MEMBER;
	net_format_id(net, net->self, claim);
	return h2_call(conn_h2(conn), EXCHANGE_PATH,
	           roster_member(net->roster, conn_expected(conn))->name,
	           net->tls == NULL ? H2_CLAIM : NULL, claim, LIMIT_ENVELOPE_BYTES,
	           &stream) == ERR_OK;
}

/* ---- calls ------------------------------------------------------------------------ */

/* LOCAL_MODE believes the claim; with TLS the far end is proven already. */
static bool
believe_claim(struct net *net, struct conn *conn, int32_t stream)
{
	const char *claim = h2_claim(conn_h2(conn), stream);
	char id[NET_ID_TEXT];
	size_t i;

	if (net->tls != NULL || conn_peer(conn) != MEMBER_NONE)
		return true;
	for (i = 0; i < roster_count(net->roster); i++) {
		if (!roster_is_node(net->roster, (member_index)i))
			continue;
		net_format_id(net, (member_index)i, id);
		if (i != net->self && strcmp(id, claim) == 0) {
			conn_set_peer(conn, (member_index)i);
			return true;
		}
	}
	return false;
}

static void
finish(struct conn *conn, int32_t stream, enum grpc_status status, const char *reason)
{
	if (h2_finish(conn_h2(conn), stream, (int)status, reason) != ERR_OK)
		conn_close(conn, ERR_NOMEM, "out of memory");
}

static void
exchange_called(struct net *net, struct conn *conn, int32_t stream)
{
	char claim[NET_ID_TEXT];

	if (conn_link(conn) != 0) {
		finish(conn, stream, GRPC_ALREADY_EXISTS, "this connection is a link already");
		return;
	}
	if (!net_is_neighbour(net, conn_peer(conn))) {
		finish(conn, stream, GRPC_PERMISSION_DENIED, "not a neighbour on any ring");
		return;
	}
	if (net_dials(net, conn_peer(conn))) {
		finish(
		    conn, stream, GRPC_FAILED_PRECONDITION, "the member with the smaller id dials");
		return;
	}
	net_format_id(net, net->self, claim);
	if (h2_accept(conn_h2(conn), stream, net->tls == NULL ? claim : NULL,
	        LIMIT_ENVELOPE_BYTES) != ERR_OK)
		conn_close(conn, ERR_NOMEM, "out of memory");
	else
		link_up(net->links, conn, stream);
}

static void
request_came(struct net *net, struct conn *conn, int32_t stream, const char *path)
{
	if (!net_charge(net, conn_far(conn)))
		finish(conn, stream, GRPC_RESOURCE_EXHAUSTED, "too many calls");
	else if (!net->open)
		finish(conn, stream, GRPC_UNAVAILABLE, "this node is starting");
	else if (!believe_claim(net, conn, stream))
		finish(conn, stream, GRPC_PERMISSION_DENIED, H2_CLAIM " names no member");
	else if (strcmp(path, EXCHANGE_PATH) == 0)
		exchange_called(net, conn, stream);
	else if (strcmp(path, VOTE_PATH) == 0)
		door_called(net->door, conn, stream);
	else
		finish(conn, stream, GRPC_UNIMPLEMENTED, "unknown method");
}

static void
headers_came(void *context, int32_t stream, const char *path, const char *content_type, int status)
{
	struct conn *conn = context;
	struct net *net = conn_net(conn);

	(void)content_type;
	(void)status;
	if (conn_origin(conn) == CONN_ACCEPTED)
		request_came(net, conn, stream, path);
	else if (!believe_claim(net, conn, stream) || conn_peer(conn) != conn_expected(conn))
		conn_close(conn, ERR_AUTHOR, "another member answered");
	else if (conn_link(conn) == 0)
		link_up(net->links, conn, stream);
}

static void
message_came(void *context, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	struct conn *conn = context;
	struct net *net = conn_net(conn);
	struct msg_envelope message = { .peer = conn_peer(conn) };
	enum err err;

	if (stream != conn_link(conn)) {
		door_message(net->door, conn, stream, data, size_bytes);
		return;
	}
	/* Reading pauses long before the queue is full, so this is a member's flood. */
	err = net->links->list[message.peer].told_up
	          ? net_tell(net, MSG_ENVELOPE, &message, sizeof(message), data, size_bytes)
	          : ERR_FULL;
	if (err != ERR_OK)
		conn_close(conn, err, "the engine cannot take more");
}

static void
caller_ended(void *context, int32_t stream)
{
	struct conn *conn = context;

	if (stream != conn_link(conn))
		return;
	finish(conn, stream, GRPC_OK, "");
	link_down(conn_net(conn)->links, conn, ERR_CLOSED, "the far end ended it");
}

static void
stream_closed(void *context, int32_t stream, int grpc_status, const char *reason)
{
	struct conn *conn = context;
	char text[192];

	door_forget(conn_net(conn)->door, conn, stream);
	(void)snprintf(
	    text, sizeof(text), "the far end ended it: status %d %s", grpc_status, reason);
	if (conn_origin(conn) == CONN_DIALLED)
		conn_close(conn, ERR_CLOSED, text);
	else if (stream == conn_link(conn))
		link_down(conn_net(conn)->links, conn, ERR_CLOSED, text);
}

/* ---- from the engine -------------------------------------------------------------- */

static void
send_on(struct links *l, member_index peer, const uint8_t *data, size_t size_bytes)
{
	struct conn *conn = l->list[peer].conn;
	enum err err;

	if (conn == NULL)
		return;
	err = h2_send(conn_h2(conn), conn_link(conn), data, size_bytes);
	if (err == ERR_FULL)
		conn_close(conn, err, "too much waits to be sent to it");
	else if (err != ERR_OK)
		conn_close(conn, err, "it takes nothing more");
	else
		conn_mark(conn);
}

void
links_send(struct links *l, const struct msg_send *message, const uint8_t *data, size_t size_bytes)
{
	size_t i;

	if (message->to < l->count)
		send_on(l, (member_index)message->to, data, size_bytes);
	if (message->to != MSG_ALL)
		return;
	for (i = 0; i < l->count; i++)
		if (i != message->except)
			send_on(l, (member_index)i, data, size_bytes);
}

void
links_close(struct links *l, const struct msg_close_link *message)
{
	enum err why = message->error < ERR_COUNT ? (enum err)message->error : ERR_CLOSED;

	if (message->peer < l->count && l->list[message->peer].conn != NULL)
		conn_close(l->list[message->peer].conn, why, err_text(why));
}

static bool
all_drained(const struct links *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->list[i].conn != NULL && !conn_is_drained(l->list[i].conn))
			return false;
	return true;
}

static void
drained(struct net *net)
{
	struct links *l = net->links;
	struct msg_flush message;
	size_t i, count = l->flush_count;

	if (count == 0 || !all_drained(l))
		return;
	l->flush_count = 0;
	for (i = 0; i < count; i++) {
		message.token = l->flushes[i];
		if (net_tell(net, MSG_FLUSHED, &message, sizeof(message), NULL, 0) != ERR_OK)
			log_warn("flush: the engine cannot be told");
	}
}

void
links_flush(struct links *l, const struct msg_flush *message)
{
	if (l->flush_count == LIMIT_FLUSHES) {
		log_warn("flush: %d under way, the oldest is forgotten", LIMIT_FLUSHES);
		memmove(l->flushes, l->flushes + 1, (LIMIT_FLUSHES - 1) * sizeof(l->flushes[0]));
		l->flush_count--;
	}
	l->flushes[l->flush_count++] = message->token;
	conns_flush(l->net->conns);
	drained(l->net);
}

const struct conn_events link_events = {
	.h2 = { .headers = headers_came,
	    .message = message_came,
	    .ended = caller_ended,
	    .closed = stream_closed },
	.opened = opened,
	.gone = gone,
	.drained = drained,
};

enum err
links_grow(struct links *l, size_t members)
{
	struct link *list;

	if (members <= l->count)
		return ERR_OK;
	if ((list = realloc(l->list, members * sizeof(*list))) == NULL)
		return ERR_NOMEM;
	memset(list + l->count, 0, (members - l->count) * sizeof(*list));
	l->list = list;
	l->count = members;
	return ERR_OK;
}

/* "Members not listed in the current epoch are not neighbours." */
void
links_drop_strangers(struct links *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->list[i].conn != NULL && !net_is_neighbour(l->net, (member_index)i))
			conn_close(l->list[i].conn, ERR_AUTHOR, "it is no neighbour any more");
}

enum err
links_new(struct net *net, struct links **out)
{
	struct links *l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return ERR_NOMEM;
	l->net = net;
	l->count = roster_count(net->roster);
	if ((l->list = calloc(l->count, sizeof(*l->list))) == NULL) {
		free(l);
		return ERR_NOMEM;
	}
	*out = l;
	return ERR_OK;
}
