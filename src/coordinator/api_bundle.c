/*
 * api_bundle: the proof of an incident as a file, for who trusts neither this
 * coordinator nor any node: phalanx audit verify --bundle reads it.
 *
 * Spec: docs/protocol.md, "Certificate".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "coordinator/reply.h"
#include "coordinator/show.h"
#include "sys/bundle_make.h"

/* What may be proven of one incident; the first that is there, unless one is asked for. */
enum proven { PROVEN_CERTIFICATE, PROVEN_CONFESSION, PROVEN_PRECAUTION, PROVEN_RELEASE, PROVEN };

static const char *const of_text[PROVEN] = {
	[PROVEN_CERTIFICATE] = "certificate",
	[PROVEN_CONFESSION] = "confession",
	[PROVEN_PRECAUTION] = "precaution",
	[PROVEN_RELEASE] = "release",
};

struct search {
	const struct roster *roster;
	uint8_t *envelopes[PROVEN]; /* the earliest of each, owned */
	size_t sizes[PROVEN];
	uint64_t forgotten_epoch; /* of one that cannot be proven any more; 0: none */
};

static enum proven
kind_of(const struct entry *e)
{
	switch ((int)e->kind) {
	case ENTRY_CERTIFICATE:
		return e->certificate.level == LEVEL_RELEASE ? PROVEN_RELEASE : PROVEN_CERTIFICATE;
	case ENTRY_SELF_REPORT:
		return e->self_report.kind == SELF_REPORT_CONFESSION ? PROVEN_CONFESSION
		                                                     : PROVEN_PRECAUTION;
	default:
		return PROVEN;
	}
}

static void
take_entry(void *context, const struct store_entry *kept)
{
	struct search *s = context;
	struct envelope envelope;
	enum proven kind;
	struct entry e;
	uint64_t epoch;

	/* Verified when it came, and again at the start. */
	if (envelope_parse(kept->envelope.data, kept->envelope.size_bytes, &envelope) != ERR_OK ||
	    entry_decode(envelope.body, &e) != ERR_OK || (kind = kind_of(&e)) == PROVEN ||
	    s->envelopes[kind] != NULL)
		return;
	epoch = e.kind == ENTRY_CERTIFICATE ? e.certificate.epoch : e.header.epoch;
	if (roster_epoch(s->roster, epoch) == NULL) {
		s->forgotten_epoch = epoch;
		return;
	}
	if ((s->envelopes[kind] = malloc(kept->envelope.size_bytes)) == NULL)
		return;
	memcpy(s->envelopes[kind], kept->envelope.data, kept->envelope.size_bytes);
	s->sizes[kind] = kept->envelope.size_bytes;
}

static json_t *
bundle_of(const struct coordinator *c, struct span bytes)
{
	struct envelope envelope;
	struct entry e;

	if (envelope_parse(bytes.data, bytes.size_bytes, &envelope) != ERR_OK ||
	    entry_decode(envelope.body, &e) != ERR_OK)
		return NULL;
	return e.kind == ENTRY_CERTIFICATE
	           ? bundle_make_certificate(c->roster, &c->ca, &e.certificate)
	           : bundle_make_self_report(c->roster, &c->ca, &envelope, &e);
}

/* Why a stranger has to take somebody's word for it, for now. */
static void
refuse(const struct incident *incident, const struct search *s, const char *of,
    struct http_reply *reply)
{
	if (of != NULL)
		reply_error(reply, 409, "no %s of this incident is held here", of);
	else if (s->forgotten_epoch != 0)
		reply_error(reply, 409,
		    "what proves it was said in epoch %" PRIu64 ", whose record is not held here; "
		    "make the bundle from a node's log: phalanx audit bundle",
		    s->forgotten_epoch);
	else if (incident->proven)
		reply_error(reply, 409,
		    "it rests on two entries of its subject that contradict; a bundle has no "
		    "place for them: see phalanx audit show on a node");
	else
		reply_error(reply, 409,
		    "missing: a certificate, or the subject's own report. %zu statements and %zu "
		    "votes are held, which are no quorum; ask again when the mesh has decided",
		    incident->witness_count, incident->voter_count);
}

static void
answer(struct coordinator *c, const struct incident *incident, struct span bytes,
    struct http_reply *reply)
{
	static char disposition[64 + HEX_ROOM(sizeof(incident->id.bytes))];
	char id[HEX_ROOM(sizeof(incident->id.bytes))];
	json_t *bundle = bundle_of(c, bytes);
	char *text = bundle == NULL ? NULL : json_dumps(bundle, JSON_INDENT(1));

	json_decref(bundle);
	if (text == NULL) {
		reply_error(reply, 503, "out of memory; try again later");
		return;
	}
	reply_text(reply, "application/json", text, strlen(text));
	hex_format(incident->id.bytes, sizeof(incident->id.bytes), id);
	(void)snprintf(
	    disposition, sizeof(disposition), "attachment; filename=\"phalanx-%s.json\"", id);
	reply->fields[0] = (struct http_field){ "Content-Disposition", disposition };
}

static bool
read_of(const struct http_request *request, const char **out, struct http_reply *reply)
{
	if ((*out = http_query(request, "of")) == NULL)
		return true;
	for (int i = 0; i < PROVEN; i++)
		if (strcmp(*out, of_text[i]) == 0)
			return true;
	reply_error(reply, 400, "of: certificate, confession, precaution or release");
	return false;
}

/* GET /api/v1/incidents/{}/bundle?of=WHAT */
void
api_bundle(struct coordinator *c, const struct http_request *request, struct http_reply *reply)
{
	const struct incident *incident = show_find(c, request->segment[0]);
	struct search search = { .roster = c->roster };
	const char *of;
	int found = 0;

	if (incident == NULL) {
		reply_error(reply, 404, "no such incident; GET /api/v1/incidents lists them");
		return;
	}
	if (!read_of(request, &of, reply))
		return;
	if (store_each_standing(c->store, &incident->id, take_entry, &search) != ERR_OK) {
		reply_error(reply, 503, "the store does not answer; see the log");
	} else {
		while (found < PROVEN && (search.envelopes[found] == NULL ||
		                             (of != NULL && strcmp(of, of_text[found]) != 0)))
			found++;
		if (found == PROVEN)
			refuse(incident, &search, of, reply);
		else
			answer(c, incident,
			    (struct span){ search.envelopes[found], search.sizes[found] }, reply);
	}
	for (int i = 0; i < PROVEN; i++)
		free(search.envelopes[i]);
	reply_pack(request, reply);
}
