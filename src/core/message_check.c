#include <string.h>
#include "base/utf8.h"
#include "core/message_check.h"

/* The header of an entry that contradicts another: all that a proof needs of it. */
static enum err
read_evidence(const struct mesh_id *mesh, struct span bytes, struct envelope *envelope,
    struct entry_header *header)
{
	enum entry_kind kind;
	enum err err;

	if ((err = envelope_parse(bytes.data, bytes.size_bytes, envelope)) != ERR_OK)
		return err;
	if (!envelope->is_signed)
		return ERR_SIGNATURE;
	if ((err = entry_peek(envelope->body, header, &kind)) != ERR_OK)
		return err;
	if (entry_is_link_message(kind) || header->sequence == 0)
		return ERR_MALFORMED;
	return memcmp(&header->mesh, mesh, sizeof(*mesh)) == 0 ? ERR_OK : ERR_MESH;
}

static bool
is_same_body(struct span a, struct span b)
{
	return a.size_bytes == b.size_bytes && memcmp(a.data, b.data, a.size_bytes) == 0;
}

enum err
message_check_proof(const struct mesh_id *mesh, const struct proof *p)
{
	struct envelope first, second;
	struct entry_header a, b;
	enum err err;

	if ((err = read_evidence(mesh, p->first, &first, &a)) != ERR_OK ||
	    (err = read_evidence(mesh, p->second, &second, &b)) != ERR_OK)
		return err;
	if (!node_id_equal(&a.author, &b.author) || a.incarnation != b.incarnation)
		return ERR_AUTHOR;
	if (b.sequence - a.sequence > 1 || is_same_body(first.body, second.body))
		return ERR_RANGE;
	return ERR_OK;
}

enum err
message_check_release(const struct release *r)
{
	const uint8_t *reason = (const uint8_t *)r->reason;
	size_t reason_bytes = strnlen(r->reason, sizeof(r->reason));

	if (!r->names_certificate && r->sequence == 0)
		return ERR_RANGE;
	if (r->sequence == 0 && r->incarnation != 0)
		return ERR_RANGE;
	if (reason_bytes == 0 || reason_bytes > LIMIT_REASON_BYTES)
		return ERR_RANGE;
	return utf8_is_printable(reason, reason_bytes) ? ERR_OK : ERR_RANGE;
}

enum err
message_check_roster_part(const struct roster_part *p)
{
	size_t size_bytes = p->records.size_bytes;

	if (size_bytes > LIMIT_ROSTER_PART_BYTES || p->total > LIMIT_ROSTER_BYTES)
		return ERR_OVERSIZE;
	if (size_bytes == 0 || p->offset > p->total || size_bytes > p->total - p->offset)
		return ERR_RANGE;
	return ERR_OK;
}
