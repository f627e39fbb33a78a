#include "sys/bundle_make.h"
#include <stdlib.h>
#include <string.h>
#include "base/base64.h"
#include "base/hex.h"
#include "phalanx.pb-c.h"

static json_t *
base64_json(const uint8_t *data, size_t size_bytes)
{
	char *text = malloc(BASE64_CHARS(size_bytes) + 1);
	json_t *out;

	if (text == NULL)
		return NULL;
	out = json_stringn(text, base64_encode(data, size_bytes, text));
	free(text);
	return out;
}

static json_t *
certificate_json(const struct certificate *c)
{
	Protos__Certificate p = PROTOS__CERTIFICATE__INIT;
	uint8_t *bytes;
	json_t *out;

	p.level = (Protos__Level)c->level;
	p.subject = (ProtobufCBinaryData){ sizeof(c->subject.bytes),
		(uint8_t *)(uintptr_t)c->subject.bytes };
	p.round = c->round;
	p.epoch = c->epoch;
	p.window = c->window;
	p.voters =
	    (ProtobufCBinaryData){ c->voters.size_bytes, (uint8_t *)(uintptr_t)c->voters.data };
	p.signatures = (ProtobufCBinaryData){ c->signatures.size_bytes,
		(uint8_t *)(uintptr_t)c->signatures.data };
	if ((bytes = malloc(protos__certificate__get_packed_size(&p))) == NULL)
		return NULL;
	out = base64_json(bytes, protos__certificate__pack(&p, bytes));
	free(bytes);
	return out;
}

static json_t *
record_json(struct span body, struct span signature)
{
	return json_pack("{s:o,s:o}", "body", base64_json(body.data, body.size_bytes), "signature",
	    base64_json(signature.data, signature.size_bytes));
}

static json_t *
envelope_json(const Protos__Envelope *e)
{
	return record_json((struct span){ e->body.data, e->body.len },
	    (struct span){ e->signature.data, e->signature.len });
}

/* Of the enrolment in a record; MEMBER_NONE: not ours to name. */
static member_index
member_in(const struct roster *known, const Protos__Envelope *record)
{
	Protos__Enrolment *e = protos__enrolment__unpack(NULL, record->body.len, record->body.data);
	struct node_id id = { 0 };

	if (e != NULL && e->id.len == sizeof(id.bytes))
		memcpy(id.bytes, e->id.data, sizeof(id.bytes));
	protos__enrolment__free_unpacked(e, NULL);
	return roster_find_id(known, &id);
}

/* What is to be proven.  No certificate: the subject's word about itself. */
struct wanted {
	const struct roster *known;
	const struct public_key *ca;
	struct node_id subject;
	uint64_t epoch;
	const struct certificate *certificate;
};

/* The subject, or a head whose bit is set. */
static bool
is_needed(const struct wanted *w, member_index member)
{
	int bit;

	if (node_id_equal(&roster_member(w->known, member)->id, &w->subject))
		return true;
	if (w->certificate == NULL)
		return false;
	bit = epoch_ordinal(roster_epoch(w->known, w->epoch), member);
	return bit >= 0 && (w->certificate->voters.data[bit / 8] >> bit % 8 & 1) != 0;
}

/* Key and id are in every enrolment of a member: its first will do. */
static json_t *
enrolments_json(const struct wanted *w, const Protos__Roster *roster)
{
	bool *taken = calloc(roster_count(w->known), sizeof(*taken));
	json_t *list = json_array();

	for (size_t i = 0; taken != NULL && i < roster->n_enrolments; i++) {
		member_index member = member_in(w->known, roster->enrolments[i]);

		if (member == MEMBER_NONE || taken[member] || !is_needed(w, member))
			continue;
		taken[member] = true;
		json_array_append_new(list, envelope_json(roster->enrolments[i]));
	}
	free(taken);
	return list;
}

/* Takes the reference to what is proven. */
static json_t *
compose(const struct wanted *w, const char *name, json_t *proven)
{
	const struct span records = roster_records(w->known);
	Protos__Roster *roster = protos__roster__unpack(NULL, records.size_bytes, records.data);
	char key[HEX_ROOM(sizeof(w->ca->bytes))];
	json_t *out = NULL;

	/* The roster has the epoch, and the log has all of them from 1 on. */
	if (roster != NULL && w->epoch >= 1 && w->epoch <= roster->n_epochs) {
		hex_format(w->ca->bytes, sizeof(w->ca->bytes), key);
		out = json_pack("{s:s,s:s,s:o,s:o,s:O}", "format", "phalanx-bundle/1", "ca_key",
		    key, "epoch", envelope_json(roster->epochs[w->epoch - 1]), "enrolments",
		    enrolments_json(w, roster), name, proven);
	}
	protos__roster__free_unpacked(roster, NULL);
	json_decref(proven);
	return out;
}

json_t *
bundle_make_certificate(
    const struct roster *roster, const struct public_key *ca, const struct certificate *c)
{
	const struct wanted wanted = { .known = roster,
		.ca = ca,
		.subject = c->subject,
		.epoch = c->epoch,
		.certificate = c };

	return compose(&wanted, "certificate", certificate_json(c));
}

json_t *
bundle_make_self_report(const struct roster *roster, const struct public_key *ca,
    const struct envelope *envelope, const struct entry *entry)
{
	const struct wanted wanted = { .known = roster,
		.ca = ca,
		.subject = entry->header.author,
		.epoch = entry->header.epoch };
	const struct span signature = { envelope->signature.bytes,
		sizeof(envelope->signature.bytes) };

	return compose(&wanted, "self_report", record_json(envelope->body, signature));
}
