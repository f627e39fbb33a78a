#include "cli/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "core/ballot.h"
#include "core/message.h"
#include "core/roster.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "phalanx.pb-c.h"

/* All that was taken from a bundle and proven so far. */
struct bundle {
	struct public_key ca;
	struct mesh_id mesh;
	Protos__Epoch *epoch;
	Protos__Certificate *certificate; /* NULL: it is a self-report */
	struct entry self_report;
	uint8_t *self_report_body; /* into which the entry points */
	Protos__Enrolment **enrolments;
	size_t enrolment_count;
};

static bool
is_bytes(ProtobufCBinaryData data, size_t size_bytes)
{
	return data.len == size_bytes;
}

static bool
same_bytes(ProtobufCBinaryData data, const void *other, size_t size_bytes)
{
	return data.len == size_bytes && memcmp(data.data, other, size_bytes) == 0;
}

/* Bytes of a base64 string, malloc'ed; NULL if it is none. */
static uint8_t *
bytes_of(const json_t *text, size_t *size_bytes)
{
	size_t chars = json_string_length(text);
	uint8_t *out;

	*size_bytes = chars / 4 * 3;
	if (!json_is_string(text) || (out = malloc(*size_bytes + 1)) == NULL)
		return NULL;
	if (base64_decode(json_string_value(text), chars, out, size_bytes) != ERR_OK) {
		free(out);
		return NULL;
	}
	return out;
}

/* One meaning, one text: exactly what we would have written. */
static bool
is_canonical(const ProtobufCMessage *message, const uint8_t *bytes, size_t size_bytes)
{
	size_t packed_bytes = protobuf_c_message_get_packed_size(message);
	uint8_t *packed;
	bool same;

	if (message->n_unknown_fields != 0 || packed_bytes != size_bytes ||
	    (packed = malloc(packed_bytes + 1)) == NULL)
		return false;
	protobuf_c_message_pack(message, packed);
	same = memcmp(packed, bytes, size_bytes) == 0;
	free(packed);
	return same;
}

/* {"body","signature"}: the body, its signature by the CA checked; NULL otherwise. */
static ProtobufCMessage *
record_of(const struct bundle *b, const json_t *record, const char *domain,
    const ProtobufCMessageDescriptor *kind)
{
	ProtobufCMessage *message = NULL;
	struct signature signature;
	size_t body_bytes, signature_bytes;
	uint8_t *body = bytes_of(json_object_get(record, "body"), &body_bytes);
	uint8_t *by = bytes_of(json_object_get(record, "signature"), &signature_bytes);
	const struct crypto *crypto = crypto_sodium();

	if (body != NULL && by != NULL && signature_bytes == sizeof(signature.bytes) &&
	    json_object_size(record) == 2) {
		memcpy(signature.bytes, by, sizeof(signature.bytes));
		if (crypto->verify(crypto->context, &b->ca, domain, body, body_bytes, &signature))
			message = protobuf_c_message_unpack(kind, NULL, body_bytes, body);
		if (message != NULL && !is_canonical(message, body, body_bytes)) {
			protobuf_c_message_free_unpacked(message, NULL);
			message = NULL;
		}
	}
	free(body);
	free(by);
	return message;
}

static const char *
take_epoch(struct bundle *b, const json_t *record)
{
	b->epoch = (Protos__Epoch *)record_of(b, record, DOMAIN_EPOCH, &protos__epoch__descriptor);
	if (b->epoch == NULL)
		return "the epoch is not signed by this CA";
	if (!same_bytes(b->epoch->mesh, b->mesh.bytes, sizeof(b->mesh.bytes)))
		return "the epoch is of another mesh";
	for (size_t i = 0; i < b->epoch->n_members; i++) {
		const Protos__EpochMember *m = b->epoch->members[i];

		if (!is_bytes(m->id, sizeof(struct node_id)) ||
		    (i > 0 && memcmp(b->epoch->members[i - 1]->id.data, m->id.data,
		                  sizeof(struct node_id)) >= 0))
			return "the epoch's members are not in order";
	}
	return NULL;
}

static const char *
enrolment_fault(const struct bundle *b, const Protos__Enrolment *e)
{
	struct public_key key;
	struct node_id id;

	if (!same_bytes(e->mesh, b->mesh.bytes, sizeof(b->mesh.bytes)))
		return "an enrolment is of another mesh";
	if (!is_bytes(e->key, sizeof(key.bytes)) || !is_bytes(e->nonce, 16) ||
	    strlen(e->name) > LIMIT_NAME_BYTES || strlen(e->mesh_name) > LIMIT_NAME_BYTES)
		return "an enrolment is malformed";
	memcpy(key.bytes, e->key.data, sizeof(key.bytes));
	identity_node_id(&key, e->nonce.data, &id);
	if (!same_bytes(e->id, id.bytes, sizeof(id.bytes)))
		return "an enrolment's id is not its key's";
	return e->role == PROTOS__ROLE__ROLE_NODE ? NULL : "an enrolment is not a node's";
}

static const char *
take_enrolments(struct bundle *b, const json_t *list)
{
	size_t count = json_array_size(list);
	const char *fault;

	if (count > LIMIT_MEMBERS)
		return "there are too many enrolments";
	if ((b->enrolments = calloc(count + 1, sizeof(*b->enrolments))) == NULL)
		return err_text(ERR_NOMEM);
	for (size_t i = 0; i < count; i++) {
		Protos__Enrolment *e = (Protos__Enrolment *)record_of(
		    b, json_array_get(list, i), DOMAIN_ENROLMENT, &protos__enrolment__descriptor);

		if (e == NULL)
			return "an enrolment is not signed by this CA";
		b->enrolments[b->enrolment_count++] = e;
		if ((fault = enrolment_fault(b, e)) != NULL)
			return fault;
	}
	return NULL;
}

static const char *
take_certificate(struct bundle *b, const json_t *text)
{
	size_t size_bytes;
	uint8_t *bytes = bytes_of(text, &size_bytes);
	const Protos__Certificate *c;
	bool good;

	if (bytes == NULL)
		return "the certificate is malformed";
	b->certificate = protos__certificate__unpack(NULL, size_bytes, bytes);
	good = b->certificate != NULL && is_canonical(&b->certificate->base, bytes, size_bytes);
	free(bytes);
	c = b->certificate;
	if (!good || !is_bytes(c->subject, sizeof(struct node_id)) ||
	    (c->level != PROTOS__LEVEL__LEVEL_QUARANTINE &&
	        c->level != PROTOS__LEVEL__LEVEL_RELEASE))
		return "the certificate is malformed";
	return c->epoch == b->epoch->number ? NULL : "the certificate is of another epoch";
}

static ProtobufCBinaryData
as_data(const struct node_id *id)
{
	return (ProtobufCBinaryData){ sizeof(id->bytes), (uint8_t *)(uintptr_t)id->bytes };
}

static const Protos__Enrolment *
enrolment_of(const struct bundle *b, ProtobufCBinaryData id)
{
	for (size_t i = 0; i < b->enrolment_count; i++)
		if (same_bytes(b->enrolments[i]->id, id.data, id.len))
			return b->enrolments[i];
	return NULL;
}

/* The subject's word about itself; its signature is checked against its enrolled key. */
static const char *
take_self_report(struct bundle *b, const json_t *record)
{
	const struct crypto *crypto = crypto_sodium();
	const struct entry *e = &b->self_report;
	size_t body_bytes, signature_bytes;
	uint8_t *by = bytes_of(json_object_get(record, "signature"), &signature_bytes);
	const Protos__Enrolment *subject;
	struct signature signature;
	struct public_key key;
	bool good;

	b->self_report_body = bytes_of(json_object_get(record, "body"), &body_bytes);
	good = by != NULL && signature_bytes == sizeof(signature.bytes) &&
	       json_object_size(record) == 2 && b->self_report_body != NULL;
	if (good)
		memcpy(signature.bytes, by, sizeof(signature.bytes));
	free(by);
	if (!good ||
	    entry_decode((struct span){ b->self_report_body, body_bytes }, &b->self_report) !=
	        ERR_OK ||
	    e->kind != ENTRY_SELF_REPORT)
		return "the self-report is malformed";
	if (memcmp(&e->header.mesh, &b->mesh, sizeof(b->mesh)) != 0)
		return "the self-report is of another mesh";
	if (e->header.epoch != b->epoch->number)
		return "the self-report is of another epoch";
	subject = enrolment_of(b, as_data(&e->header.author));
	if (subject == NULL)
		return "the subject's enrolment is missing";
	memcpy(key.bytes, subject->key.data, sizeof(key.bytes));
	if (!crypto->verify(
	        crypto->context, &key, DOMAIN_ENTRY, b->self_report_body, body_bytes, &signature))
		return "the self-report is not signed by its subject";
	for (size_t i = 0; i < b->epoch->n_members; i++)
		if (same_bytes(b->epoch->members[i]->id, e->header.author.bytes,
		        sizeof(e->header.author.bytes)))
			return NULL;
	return "the subject is no member of the epoch";
}

/* The ballot that all of them signed. */
static struct ballot
ballot_of(const struct bundle *b)
{
	const Protos__Certificate *c = b->certificate;
	struct ballot ballot = { .level = (enum level)c->level,
		.mesh = b->mesh,
		.epoch = c->epoch,
		.round = c->round,
		.window = c->window };

	memcpy(ballot.subject.bytes, c->subject.data, sizeof(ballot.subject.bytes));
	return ballot;
}

struct count {
	size_t heads, others, votes;
	uint64_t others_weight, weight;
	bool knows_subject;
};

/* One head: is its bit set, and if so, is its signature good? */
static const char *
count_head(const struct bundle *b, const Protos__EpochMember *head, struct count *n)
{
	const Protos__Certificate *c = b->certificate;
	size_t bit = n->heads++;
	bool is_subject = same_bytes(head->id, c->subject.data, c->subject.len);
	struct ballot ballot = ballot_of(b);
	const Protos__Enrolment *e;
	struct signature signature;
	struct public_key key;

	if (!is_subject) {
		n->others++;
		n->others_weight += head->weight;
	}
	if (bit / 8 >= c->voters.len || (c->voters.data[bit / 8] >> bit % 8 & 1) == 0)
		return NULL;
	if (is_subject)
		return "the subject votes on itself";
	if ((e = enrolment_of(b, head->id)) == NULL)
		return "a voter's enrolment is missing";
	if (c->signatures.len / sizeof(signature.bytes) <= n->votes)
		return "there are fewer signatures than voters";
	memcpy(key.bytes, e->key.data, sizeof(key.bytes));
	memcpy(signature.bytes, c->signatures.data + n->votes * sizeof(signature.bytes),
	    sizeof(signature.bytes));
	if (!ballot_verify(crypto_sodium(), &key, &ballot, &signature))
		return "a ballot's signature is bad";
	n->votes++;
	n->weight += head->weight;
	return NULL;
}

static const char *
count_votes(const struct bundle *b, struct count *n)
{
	const Protos__Certificate *c = b->certificate;
	const char *fault;

	*n = (struct count){ 0 };
	for (size_t i = 0; i < b->epoch->n_members; i++) {
		const Protos__EpochMember *m = b->epoch->members[i];

		n->knows_subject |= same_bytes(m->id, c->subject.data, c->subject.len);
		if (m->weight > 0 && (fault = count_head(b, m, n)) != NULL)
			return fault;
	}
	if (!n->knows_subject)
		return "the subject is no member of the epoch";
	if (c->voters.len != (n->heads + 7) / 8)
		return "the voters' bitmap has the wrong length";
	for (size_t bit = n->heads; bit < 8 * c->voters.len; bit++)
		if ((c->voters.data[bit / 8] >> bit % 8 & 1) != 0)
			return "the bitmap names a voter that is not there";
	if (c->signatures.len != n->votes * sizeof(struct signature))
		return "there are more signatures than voters";
	/* More than half of the others in number and weight; all of up to 4 heads; never under two. */
	if (n->votes < 2 || (n->heads <= 4 && n->votes != n->others) || 2 * n->votes <= n->others ||
	    2 * n->weight <= n->others_weight)
		return "there is no quorum";
	return NULL;
}

static void
tell(const struct bundle *b, const struct node_id *id, uint32_t round, struct bundle_verdict *out)
{
	const Protos__Enrolment *subject = enrolment_of(b, as_data(id));
	struct incident_id incident = incident_of(crypto_sodium(), id, round);

	out->round = round;
	out->epoch = b->epoch->number;
	strcpy(out->subject, subject->name);
	strcpy(out->mesh, subject->mesh_name);
	hex_format(incident.bytes, sizeof(incident.bytes), out->incident);
}

static const char *
verify_certificate(struct bundle *b, const json_t *text, struct bundle_verdict *out)
{
	const Protos__Certificate *c;
	struct ballot ballot;
	const char *fault;
	struct count n;

	if ((fault = take_certificate(b, text)) != NULL)
		return fault;
	c = b->certificate;
	if (enrolment_of(b, c->subject) == NULL)
		return "the subject's enrolment is missing";
	if ((fault = count_votes(b, &n)) != NULL)
		return fault;
	ballot = ballot_of(b);
	*out = (struct bundle_verdict){ .window = c->window, .votes = n.votes, .heads = n.heads };
	strcpy(out->level, ballot.level == LEVEL_RELEASE ? "release" : "quarantine");
	tell(b, &ballot.subject, ballot.round, out);
	return NULL;
}

static const char *
verify_self_report(struct bundle *b, const json_t *record, struct bundle_verdict *out)
{
	const struct self_report *report = &b->self_report.self_report;
	const char *fault = take_self_report(b, record);

	if (fault != NULL)
		return fault;
	*out = (struct bundle_verdict){ .votes = 0 };
	strcpy(out->level, report->kind == SELF_REPORT_CONFESSION ? "confession" : "precaution");
	for (size_t i = 0; i < b->epoch->n_members; i++)
		out->heads += b->epoch->members[i]->weight > 0;
	tell(b, &b->self_report.header.author, report->round, out);
	return NULL;
}

static const char *
verify(struct bundle *b, const json_t *bundle, struct bundle_verdict *out)
{
	const char *format = json_string_value(json_object_get(bundle, "format"));
	const json_t *self_report = json_object_get(bundle, "self_report");
	const json_t *certificate = json_object_get(bundle, "certificate");
	const char *fault;

	if (format == NULL || strcmp(format, "phalanx-bundle/1") != 0)
		return "the format is unknown";
	if ((fault = take_epoch(b, json_object_get(bundle, "epoch"))) != NULL ||
	    (fault = take_enrolments(b, json_object_get(bundle, "enrolments"))) != NULL)
		return fault;
	if (self_report != NULL && certificate != NULL)
		return "it is to prove one thing, not two";
	return self_report != NULL ? verify_self_report(b, self_report, out)
	                           : verify_certificate(b, certificate, out);
}

const char *
bundle_verify(const json_t *bundle, const struct public_key *ca, struct bundle_verdict *out)
{
	struct bundle b = { .ca = *ca };
	const char *fault;

	identity_mesh_id(ca, &b.mesh);
	fault = verify(&b, bundle, out);
	for (size_t i = 0; i < b.enrolment_count; i++)
		protos__enrolment__free_unpacked(b.enrolments[i], NULL);
	free(b.enrolments);
	protos__epoch__free_unpacked(b.epoch, NULL);
	protos__certificate__free_unpacked(b.certificate, NULL);
	free(b.self_report_body);
	return fault;
}
