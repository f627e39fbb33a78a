/*
 * api_release: what a node that all have severed can still learn here: that it
 * was released, and the CA's records that it missed.  It proves both itself.
 */
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/hex.h"
#include "coordinator/coordinator.h"
#include "coordinator/reply.h"

#define ENVELOPE_TAG_BYTES 8 /* a field's tag and length, at most */

static void
reply_bytes(struct http_reply *reply, void *bytes, size_t size_bytes)
{
	*reply = (struct http_reply){ .status = 200,
		.type = "application/x-protobuf",
		.body = bytes,
		.body_bytes = size_bytes };
}

/* GET /api/v1/releases?node=ID: a SyncItems with its newest RELEASE certificate, or with none. */
void
api_releases(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const char *text = http_query(request, "node");
	struct span release = { 0 };
	member_index member = MEMBER_NONE;
	struct buf_out out;
	struct node_id id;
	uint8_t *bytes;
	size_t room;

	if (text == NULL || !hex_parse(text, strlen(text), id.bytes, sizeof(id.bytes))) {
		reply_error(reply, 400, "node= wants a node id, 32 hex digits");
		return;
	}
	if (c->ledger != NULL)
		member = roster_find_id(c->roster, &id);
	if (member != MEMBER_NONE)
		release = ledger_release(c->ledger, member);
	room = release.size_bytes + ENVELOPE_TAG_BYTES;
	if ((bytes = malloc(room)) == NULL) {
		reply_error(reply, 503, "out of memory; try again later");
		return;
	}
	buf_out_init(&out, bytes, room);
	if (release.size_bytes > 0) {
		buf_put_varint(&out, 1 << 3 | 2);
		buf_put_varint(&out, release.size_bytes);
		buf_put(&out, release.data, release.size_bytes);
	}
	reply_bytes(reply, bytes, buf_used(&out));
}

/* GET /api/v1/roster?offset=N: some of the CA's records, from that byte on. */
void
api_roster(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const char *text = http_query(request, "offset");
	struct span records = { 0 };
	unsigned long long offset;
	char *end = NULL;
	uint8_t *bytes;

	if (text == NULL || *text < '0' || *text > '9' ||
	    (offset = strtoull(text, &end, 10), *end != '\0')) {
		reply_error(reply, 400, "offset= wants a number of bytes");
		return;
	}
	if (c->roster != NULL)
		records = roster_records(c->roster);
	if (offset < records.size_bytes) {
		records.data += offset;
		records.size_bytes -= (size_t)offset;
	} else {
		records.size_bytes = 0;
	}
	if (records.size_bytes > LIMIT_ROSTER_PART_BYTES)
		records.size_bytes = LIMIT_ROSTER_PART_BYTES;
	if ((bytes = malloc(records.size_bytes + 1)) == NULL) {
		reply_error(reply, 503, "out of memory; try again later");
		return;
	}
	if (records.size_bytes > 0)
		memcpy(bytes, records.data, records.size_bytes);
	reply_bytes(reply, bytes, records.size_bytes);
}
