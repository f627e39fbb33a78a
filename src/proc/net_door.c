#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/message.h"
#include "http/grpc.h"
#include "phalanx.pb-c.h"
#include "proc/net_door.h"
#include "sys/log.h"

#define ACK_BYTES 192 /* a VoteAck with the longest reason */

struct call {
	struct conn *conn; /* NULL: free */
	int32_t stream;
	uint32_t number; /* as the engine knows it */
	uint64_t deadline_ms;
};

struct door {
	struct net *net;
	uint32_t last_number;
	struct loop_timer *timer;
	struct call calls[LIMIT_VOTES_WAITING];
};

/* ---- answers -------------------------------------------------------------------- */

static void
answer(struct conn *conn, int32_t stream, bool received, const char *reason)
{
	Protos__VoteAck ack = PROTOS__VOTE_ACK__INIT;
	uint8_t bytes[ACK_BYTES];
	size_t size;

	ack.received = received;
	ack.reason = (char *)(uintptr_t)reason;
	if (protos__vote_ack__get_packed_size(&ack) > sizeof(bytes))
		ack.reason = (char *)(uintptr_t) "";
	size = protos__vote_ack__pack(&ack, bytes);
	if (h2_send(conn_h2(conn), stream, bytes, size) != ERR_OK ||
	    h2_finish(conn_h2(conn), stream, GRPC_OK, "") != ERR_OK)
		conn_close(conn, ERR_NOMEM, "an answer could not be sent");
	else
		conn_mark(conn);
}

static void
arm(struct door *d)
{
	uint64_t next_ms = UINT64_MAX;
	size_t i;

	for (i = 0; i < LIMIT_VOTES_WAITING; i++)
		if (d->calls[i].conn != NULL && d->calls[i].deadline_ms < next_ms)
			next_ms = d->calls[i].deadline_ms;
	loop_timer_set(d->timer, next_ms);
}

static void
give_up(void *context)
{
	struct door *d = context;
	uint64_t now_ms = loop_now_ms();
	struct call call;
	size_t i;

	for (i = 0; i < LIMIT_VOTES_WAITING; i++) {
		call = d->calls[i];
		if (call.conn == NULL || call.deadline_ms > now_ms)
			continue;
		d->calls[i].conn = NULL;
		answer(call.conn, call.stream, false, "the engine did not answer in time");
	}
	arm(d);
	conns_flush(d->net->conns);
}

void
door_answer(struct door *d, const struct msg_vote_ack *ack)
{
	char reason[sizeof(ack->reason)];
	struct call call;
	size_t i;

	memcpy(reason, ack->reason, sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	for (i = 0; i < LIMIT_VOTES_WAITING; i++) {
		call = d->calls[i];
		if (call.conn == NULL || call.number != ack->call)
			continue;
		d->calls[i].conn = NULL;
		answer(call.conn, call.stream, ack->received != 0, reason);
		arm(d);
		return;
	}
}

void
door_forget(struct door *d, const struct conn *conn, int32_t stream)
{
	size_t i;

	for (i = 0; i < LIMIT_VOTES_WAITING; i++)
		if (d->calls[i].conn == conn && (stream == 0 || d->calls[i].stream == stream))
			d->calls[i].conn = NULL;
}

/* ---- questions ------------------------------------------------------------------ */

void
door_called(struct door *d, struct conn *conn, int32_t stream)
{
	(void)d;
	if (h2_accept(conn_h2(conn), stream, NULL, LIMIT_VOTE_BYTES) != ERR_OK)
		conn_close(conn, ERR_NOMEM, "out of memory");
}

static bool
is_same(const ProtobufCBinaryData *claimed, const void *bytes, size_t size_bytes)
{
	return claimed->len == size_bytes && memcmp(claimed->data, bytes, size_bytes) == 0;
}

/* Fields 1 to 4 only repeat the entry; whoever contradicts it is refused.  NULL: they agree. */
static const char *
disagreement(const Protos__QuarantineVote *vote)
{
	const struct span body = { vote->entry->body.data, vote->entry->body.len };
	static struct entry entry;

	if (entry_decode(body, &entry) != ERR_OK)
		return "the entry is malformed";
	if (entry.kind != ENTRY_VERDICT)
		return "the entry is no verdict";
	if (!is_same(&vote->node_id, entry.verdict.subject.bytes, sizeof(entry.verdict.subject)))
		return "node_id is not the entry's subject";
	if (!is_same(&vote->voter_id, entry.header.author.bytes, sizeof(entry.header.author)))
		return "voter_id is not the entry's author";
	if (vote->timestamp < 0 || (uint64_t)vote->timestamp != entry.header.time_ms / 1000)
		return "timestamp is not the entry's";
	if (!is_same(&vote->signature, entry.verdict.ballot_signature.bytes,
	        sizeof(entry.verdict.ballot_signature)))
		return "signature is not the entry's ballot signature";
	return NULL;
}

static const char *
objection(const Protos__QuarantineVote *vote)
{
	if (vote == NULL)
		return "the message is malformed";
	if (vote->base.n_unknown_fields > 0)
		return "the message has unknown fields";
	if (vote->entry == NULL)
		return "the entry is missing";
	if (vote->entry->base.n_unknown_fields > 0 ||
	    vote->entry->signature.len != sizeof(struct signature))
		return "the entry is malformed";
	return disagreement(vote);
}

/* Hand the entry to the engine; NULL, or why that is not possible. */
static const char *
ask_engine(struct door *d, struct conn *conn, int32_t stream, const Protos__Envelope *entry)
{
	struct msg_vote message = { .peer = conn_peer(conn) };
	const struct span body = { entry->body.data, entry->body.len };
	struct signature signature;
	struct call *call = NULL;
	const char *refusal = NULL;
	size_t i, size = LIMIT_ENVELOPE_BYTES;
	uint8_t *bytes;

	for (i = 0; i < LIMIT_VOTES_WAITING && call == NULL; i++)
		if (d->calls[i].conn == NULL)
			call = &d->calls[i];
	if (call == NULL)
		return "too many votes wait";
	if ((bytes = malloc(size)) == NULL)
		return "out of memory";
	memcpy(signature.bytes, entry->signature.data, sizeof(signature.bytes));
	message.call = ++d->last_number;
	if (envelope_write(body, &signature, bytes, &size) != ERR_OK)
		refusal = "the entry is too large";
	else if (net_tell(d->net, MSG_VOTE, &message, sizeof(message), bytes, size) != ERR_OK)
		refusal = "the engine cannot take it now";
	free(bytes);
	if (refusal != NULL)
		return refusal;
	*call = (struct call){ .conn = conn,
		.stream = stream,
		.number = message.call,
		.deadline_ms = loop_now_ms() + LIMIT_VOTE_MS };
	arm(d);
	return NULL;
}

void
door_message(
    struct door *d, struct conn *conn, int32_t stream, const uint8_t *data, size_t size_bytes)
{
	Protos__QuarantineVote *vote;
	const char *refusal;
	size_t i;

	for (i = 0; i < LIMIT_VOTES_WAITING; i++)
		if (d->calls[i].conn == conn && d->calls[i].stream == stream)
			return; /* a second message in a unary call */
	vote = protos__quarantine_vote__unpack(NULL, size_bytes, data);
	if ((refusal = objection(vote)) == NULL)
		refusal = ask_engine(d, conn, stream, vote->entry);
	if (refusal != NULL)
		answer(conn, stream, false, refusal);
	if (vote != NULL)
		protos__quarantine_vote__free_unpacked(vote, NULL);
}

enum err
door_new(struct net *net, struct door **out)
{
	struct door *d;
	enum err err;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return ERR_NOMEM;
	d->net = net;
	if ((err = loop_timer_new(net->loop, give_up, d, &d->timer)) != ERR_OK) {
		free(d);
		return err;
	}
	*out = d;
	return ERR_OK;
}
