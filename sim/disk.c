#include <stdlib.h>
#include <string.h>
#include "core/ballot.h"
#include "sim/disk.h"

static void
truncate_to(struct disk *d, size_t count)
{
	while (d->count > count)
		payload_drop(d->lines[--d->count].bytes);
}

void
disk_free(struct disk *d)
{
	truncate_to(d, 0);
	free(d->lines);
	d->lines = NULL;
	d->room = 0;
}

static void
add(struct disk *d, const struct disk_line *line)
{
	if (d->count == d->room) {
		d->room = d->room == 0 ? 32 : d->room * 2;
		d->lines = reallocarray(d->lines, d->room, sizeof(*d->lines));
		if (d->lines == NULL)
			abort();
	}
	d->lines[d->count++] = *line;
}

void
disk_copy(const struct disk *from, struct disk *out)
{
	*out = *from;
	out->lines = NULL;
	out->count = out->room = 0;
	for (size_t i = 0; i < from->count; i++) {
		add(out, &from->lines[i]);
		payload_share(from->lines[i].bytes);
	}
}

static void
sign_ballot(const struct authority *a, member_index self, struct entry *e)
{
	uint8_t bytes[BALLOT_BYTES];
	struct ballot ballot = { .level = e->verdict.level,
		.mesh = e->header.mesh,
		.epoch = e->header.epoch,
		.subject = e->verdict.subject,
		.round = e->verdict.round,
		.window = e->verdict.window };

	ballot_write(&ballot, bytes);
	keys_sign(a->keys, &a->members[self].key, DOMAIN_BALLOT,
	    (struct span){ bytes, sizeof(bytes) }, &e->verdict.ballot_signature);
}

struct payload *
disk_write(struct disk *d, const struct authority *a, member_index self, struct span draft)
{
	uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	size_t body_bytes = sizeof(body), size_bytes = sizeof(bytes);
	struct disk_line line = { .own = true };
	struct signature signature;
	struct entry e;

	if (entry_decode(draft, &e) != ERR_OK)
		return NULL;
	e.header.author = a->members[self].id;
	e.header.incarnation = d->incarnation;
	e.header.sequence = d->sequence + 1;
	e.header.previous = d->head;
	if (e.kind == ENTRY_VERDICT)
		sign_ballot(a, self, &e);
	if (entry_encode(&e, body, &body_bytes) != ERR_OK)
		return NULL;
	keys_sign(a->keys, &a->members[self].key, DOMAIN_ENTRY, (struct span){ body, body_bytes },
	    &signature);
	if (envelope_write((struct span){ body, body_bytes }, &signature, bytes, &size_bytes) !=
	    ERR_OK)
		return NULL;
	entry_hash(a->keys->crypto, (struct span){ body, body_bytes }, &line.hash);
	line.bytes = payload_new(bytes, size_bytes);
	line.incarnation = d->incarnation;
	line.sequence = ++d->sequence;
	d->head = line.hash;
	add(d, &line);
	return payload_share(line.bytes);
}

/* The newest own line is the feed's head. */
static void
find_head(struct disk *d)
{
	d->sequence = 0;
	d->head = (struct hash){ 0 };
	for (size_t i = 0; i < d->count; i++)
		if (d->lines[i].own && d->lines[i].incarnation == d->incarnation) {
			d->sequence = d->lines[i].sequence;
			d->head = d->lines[i].hash;
		}
}

static void
remove_line(struct disk *d, size_t i)
{
	payload_drop(d->lines[i].bytes);
	d->count--;
	memmove(&d->lines[i], &d->lines[i + 1], (d->count - i) * sizeof(*d->lines));
}

void
disk_take_back(struct disk *d)
{
	for (size_t i = d->count; i > 0; i--)
		if (d->lines[i - 1].own) {
			remove_line(d, i - 1);
			break;
		}
	find_head(d);
}

void
disk_make_durable(struct disk *d, bool own)
{
	/* What is durable already lies in front. */
	for (size_t i = d->count; i > 0; i--)
		if (d->lines[i - 1].own == own) {
			if (d->lines[i - 1].durable)
				break;
			d->lines[i - 1].durable = true;
		}
}

void
disk_keep(struct disk *d, struct payload *bytes)
{
	struct disk_line line = { .bytes = payload_share(bytes) };

	add(d, &line);
}

/* Of each file a beginning: behind the first line that is lost or torn nothing counts. */
void
disk_lose_power(struct disk *d, struct prng *prng)
{
	size_t kept = 0;
	bool lost[2] = { false, false };

	for (size_t i = 0; i < d->count; i++) {
		struct disk_line *line = &d->lines[i];

		if (!line->durable && prng_below(prng, 2) == 0)
			lost[line->own] = true;
		if (lost[line->own]) {
			payload_drop(line->bytes);
			continue;
		}
		line->durable = true;
		d->lines[kept++] = *line;
	}
	d->count = kept;
}

void
disk_open(struct disk *d, uint64_t incarnation)
{
	d->incarnation = incarnation;
	d->busy = false;
	d->full = false;
	disk_make_durable(d, true);
	find_head(d);
}

void
disk_restore(struct disk *d, size_t lines)
{
	truncate_to(d, lines < d->count ? lines : d->count);
}
