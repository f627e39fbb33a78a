/*
 * api_learn: a member brings records of the CA that it was asked for.
 */
#include "base/buf.h"
#include "coordinator/auth.h"
#include "coordinator/learn.h"
#include "coordinator/reply.h"

/* A serialised RosterPart: offset, records. */
static bool
read_part(const struct http_request *request, uint64_t *offset, struct span *records)
{
	struct buf_in in;

	buf_in_init(&in, request->body, request->body_bytes);
	if (buf_take_varint(&in) != (1 << 3 | 0))
		return false;
	*offset = buf_take_varint(&in);
	if (buf_take_varint(&in) != (3 << 3 | 2))
		return false;
	records->size_bytes = buf_take_varint(&in);
	records->data = buf_take(&in, records->size_bytes);
	return in.err == ERR_OK && buf_left(&in) == 0 && records->size_bytes > 0 &&
	       records->size_bytes <= LIMIT_ROSTER_PART_BYTES && *offset <= LIMIT_ROSTER_BYTES;
}

/* POST /api/v1/roster */
void
api_learn(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	struct signer signer;
	struct span records;
	uint64_t offset, from;
	enum err err;

	if (!auth_request(c, request, &signer, reply))
		return;
	if (c->roster == NULL) {
		reply_error(reply, 503, "no roster to continue; set roster_file and ca_file");
	} else if (!signer.is_signed || signer.node->member == MEMBER_NONE) {
		reply_error(reply, 403, "members bring records, in signed requests");
	} else if (!read_part(request, &offset, &records)) {
		reply_error(reply, 400, "not a serialised RosterPart with offset and records");
	} else if ((err = learn_take(c->learn, signer.node->member, offset, records, &from)) ==
	           ERR_AGAIN) {
		reply_error(reply, 503, "not asked for: what telemetry answers says from where on");
	} else if (err != ERR_OK) {
		reply_error(reply, 409, "refused: %s", err_text(err));
	} else {
		reply_json(reply, json_pack("{s:I}", "roster", (json_int_t)from));
	}
}
