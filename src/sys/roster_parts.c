#include "sys/roster_parts.h"
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "sys/crypto.h"

void
roster_parts_drop(struct roster_parts *p)
{
	free(p->bytes);
	*p = (struct roster_parts){ 0 };
}

struct span
roster_parts_cut(struct span records, uint64_t offset)
{
	struct span part;

	if (offset >= records.size_bytes)
		return (struct span){ 0 };
	part = (struct span){ records.data + offset, records.size_bytes - (size_t)offset };
	if (part.size_bytes > LIMIT_ROSTER_PART_BYTES)
		part.size_bytes = LIMIT_ROSTER_PART_BYTES;
	return part;
}

static enum err
make_room(struct roster_parts *p, size_t more_bytes)
{
	size_t room = p->used + more_bytes;
	uint8_t *bytes;

	if (room > LIMIT_ROSTER_BYTES)
		return ERR_OVERSIZE;
	if (room <= p->room)
		return ERR_OK;
	if ((bytes = realloc(p->bytes, room)) == NULL)
		return ERR_NOMEM;
	p->bytes = bytes;
	p->room = room;
	return ERR_OK;
}

enum err
roster_parts_put(
    struct roster_parts *p, const struct roster *roster, uint64_t offset, struct span part)
{
	struct span ours = roster_records(roster);
	size_t known = 0;
	enum err err;

	if (offset == ours.size_bytes)
		roster_parts_drop(p);
	if (offset > ours.size_bytes + p->used)
		return ERR_RANGE;
	if (offset < ours.size_bytes) {
		known = ours.size_bytes - (size_t)offset;
		if (known > part.size_bytes)
			known = part.size_bytes;
		if (memcmp(ours.data + offset, part.data, known) != 0)
			return ERR_EQUIVOCATION;
	}
	if (offset + part.size_bytes <= ours.size_bytes + p->used)
		return ERR_OK;
	known = ours.size_bytes + p->used - (size_t)offset;
	if ((err = make_room(p, part.size_bytes - known)) != ERR_OK)
		return err;
	memcpy(p->bytes + p->used, part.data + known, part.size_bytes - known);
	p->used += part.size_bytes - known;
	return ERR_OK;
}

/* A record is a field of proto's Roster: tag, length, Envelope.  0: not all of it is there. */
static size_t
record_bytes(const uint8_t *at, size_t left)
{
	struct buf_in in;

	buf_in_init(&in, at, left);
	(void)buf_take_varint(&in);
	(void)buf_take(&in, (size_t)buf_take_varint(&in));
	/* What is no record at all is left to the parser to refuse. */
	if (in.err == ERR_TRUNCATED)
		return 0;
	return in.err == ERR_OK ? (size_t)(in.at - at) : left;
}

static size_t
whole_bytes(const struct roster_parts *p)
{
	size_t whole = 0, more;

	while ((more = record_bytes(p->bytes + whole, p->used - whole)) > 0 &&
	       (whole == 0 || whole + more <= LIMIT_ROSTER_PART_BYTES))
		whole += more;
	return whole;
}

enum err
roster_parts_prove(struct roster_parts *p, const struct roster *roster, const struct public_key *ca,
    struct roster **out)
{
	size_t whole = whole_bytes(p);
	enum err err;

	*out = NULL;
	if (whole == 0)
		return ERR_OK;
	err = roster_extend(roster, crypto_sodium(), ca, (struct span){ p->bytes, whole }, out);
	if (err != ERR_OK || whole == p->used) {
		roster_parts_drop(p);
		return err;
	}
	p->used -= whole;
	memmove(p->bytes, p->bytes + whole, p->used);
	return ERR_OK;
}
