#include <string.h>
#include "core/message.h"
#include "core/roster.h"
#include "core/wire.h"

enum err
envelope_parse(const uint8_t *bytes, size_t size_bytes, struct envelope *out)
{
	struct envelope envelope = { 0 };
	struct span signature;
	struct wire_in w;
	enum err err;

	if (size_bytes > LIMIT_ENVELOPE_BYTES)
		return ERR_OVERSIZE;
	wire_in_init(&w, (struct span){ bytes, size_bytes });
	envelope.body = wire_bytes(&w, 1, LIMIT_BODY_BYTES);
	signature = wire_bytes(&w, 2, sizeof(envelope.signature.bytes));
	if ((err = wire_end(&w)) != ERR_OK)
		return err;
	if (envelope.body.size_bytes == 0)
		return ERR_MALFORMED;
	if (signature.size_bytes != 0) {
		if (signature.size_bytes != sizeof(envelope.signature.bytes))
			return ERR_MALFORMED;
		memcpy(envelope.signature.bytes, signature.data, signature.size_bytes);
		envelope.is_signed = true;
	}
	*out = envelope;
	return ERR_OK;
}

enum err
envelope_write(struct span body, const struct signature *or_null, uint8_t *out, size_t *size_bytes)
{
	struct buf_out b;

	if (body.size_bytes == 0 || body.size_bytes > LIMIT_BODY_BYTES)
		return ERR_OVERSIZE;
	buf_out_init(&b, out, *size_bytes);
	wire_put_fixed(&b, 1, body.data, body.size_bytes);
	if (or_null != NULL)
		wire_put_fixed(&b, 2, or_null->bytes, sizeof(or_null->bytes));
	if (b.err != ERR_OK)
		return b.err;
	*size_bytes = buf_used(&b);
	return ERR_OK;
}

/* Operators release, nodes do all else, coordinators have no say. */
static bool
may_write(enum role role, enum entry_kind kind)
{
	switch (role) {
	case ROLE_NODE:
		return kind != ENTRY_RELEASE;
	case ROLE_OPERATOR:
		return kind == ENTRY_RELEASE;
	case ROLE_COORDINATOR:
		break;
	}
	return false;
}

enum err
entry_verify(const struct crypto *crypto, const struct roster *roster,
    const struct envelope *envelope, struct entry *out, member_index *author)
{
	const struct member *member;
	struct entry_header header;
	enum entry_kind kind;
	enum err err;

	*author = MEMBER_NONE;
	if ((err = entry_peek(envelope->body, &header, &kind)) != ERR_OK)
		return err;
	/* Neither a link message nor a draft is an entry of a feed. */
	if (entry_is_link_message(kind) || header.sequence == 0)
		return ERR_MALFORMED;
	if (memcmp(&header.mesh, roster_mesh(roster), sizeof(header.mesh)) != 0)
		return ERR_MESH;
	if ((*author = roster_find_id(roster, &header.author)) == MEMBER_NONE)
		return ERR_AUTHOR;
	member = roster_member(roster, *author);
	if (header.incarnation > member->incarnation || !may_write(member->role, kind))
		return ERR_AUTHOR;
	if (roster_epoch(roster, header.epoch) == NULL)
		return ERR_EPOCH;
	if (!envelope->is_signed ||
	    !crypto->verify(crypto->context, &member->key, DOMAIN_ENTRY, envelope->body.data,
	        envelope->body.size_bytes, &envelope->signature))
		return ERR_SIGNATURE;
	return entry_decode_rest(envelope->body, &header, kind, out);
}

void
entry_hash(const struct crypto *crypto, struct span body, struct hash *out)
{
	crypto->sha256(crypto->context, "", body.data, body.size_bytes, out);
}

bool
entry_is_link_message(enum entry_kind kind)
{
	return kind >= ENTRY_HELLO;
}

bool
entry_is_urgent(enum entry_kind kind)
{
	return kind == ENTRY_SELF_REPORT || kind == ENTRY_PROOF || kind == ENTRY_CERTIFICATE ||
	       kind == ENTRY_RELEASE;
}

const char *
entry_kind_text(enum entry_kind kind)
{
	switch (kind) {
	case ENTRY_STATEMENT:
		return "statement";
	case ENTRY_VERDICT:
		return "verdict";
	case ENTRY_SELF_REPORT:
		return "self-report";
	case ENTRY_PROOF:
		return "proof";
	case ENTRY_CERTIFICATE:
		return "certificate";
	case ENTRY_RELEASE:
		return "release";
	case ENTRY_INDICATOR:
		return "indicator";
	case ENTRY_RECEIPT:
		return "receipt";
	case ENTRY_HELLO:
		return "hello";
	case ENTRY_PING:
		return "ping";
	case ENTRY_SYNC_BUCKETS:
		return "sync-buckets";
	case ENTRY_SYNC_ITEMS:
		return "sync-items";
	case ENTRY_ROSTER_ASK:
		return "roster-ask";
	case ENTRY_ROSTER_PART:
		return "roster-part";
	}
	return "unknown";
}
