/*
 * What a liar makes of the CA's records on their way through it: it claims to
 * hold more than there are, and hands on what was changed, cut off, of another
 * place in the log, or without an end.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/adversary_forge.h"

#define CLAIM_BYTES 1000 /* more than it holds */

static void
send(struct sim *s, size_t host, size_t to, const struct entry *e)
{
	uint8_t body[LIMIT_BODY_BYTES], bytes[LIMIT_ENVELOPE_BYTES];
	size_t body_bytes = sizeof(body), size_bytes = sizeof(bytes);
	size_t link = fabric_find(s, host, s->hosts[to].member);
	struct payload *p;

	if (link == SIZE_MAX || entry_encode(e, body, &body_bytes) != ERR_OK ||
	    envelope_write((struct span){ body, body_bytes }, NULL, bytes, &size_bytes) != ERR_OK)
		return;
	p = sim_payload(s, (struct span){ bytes, size_bytes });
	fabric_send(s, host, link, p);
	payload_drop(p);
}

static void
send_forged(struct sim *s, struct prng *prng, size_t host, size_t to, struct entry *e)
{
	struct roster_part *part = &e->roster_part;
	size_t size_bytes = part->records.size_bytes;
	uint8_t *forged = malloc(size_bytes);

	if (forged == NULL)
		abort();
	memcpy(forged, part->records.data, size_bytes);
	part->records.data = forged;
	switch (prng_below(prng, 4)) {
	case 0:
		forged[prng_below(prng, size_bytes)] ^= (uint8_t)(1 + prng_below(prng, 255));
		break;
	case 1:
		part->records.size_bytes = 1 + prng_below(prng, size_bytes);
		break;
	case 2: /* from the beginning, as if it followed */
		if (size_bytes <= s->authority->log_bytes)
			memcpy(forged, s->authority->log, size_bytes);
		break;
	default:
		part->total += CLAIM_BYTES;
		break;
	}
	send(s, host, to, e);
	free(forged);
}

bool
adversary_forges_records(struct sim *s, size_t host, size_t to, const struct payload *p)
{
	struct prng *prng = &s->adversary_prng[ADVERSARY_RECORDS];
	struct envelope envelope;
	struct entry e;

	if (p->record_count > 0 || envelope_parse(p->bytes, p->size_bytes, &envelope) != ERR_OK ||
	    envelope.is_signed || entry_decode(envelope.body, &e) != ERR_OK)
		return true;
	if (e.kind == ENTRY_PING && prng_below(prng, 2) == 0) {
		e.ping.roster_bytes += CLAIM_BYTES;
		send(s, host, to, &e);
		return false;
	}
	if (e.kind != ENTRY_ROSTER_PART || prng_below(prng, 4) == 0)
		return true;
	send_forged(s, prng, host, to, &e);
	return false;
}
