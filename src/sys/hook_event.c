/*
 * hook_event: see hook_event.h.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/base64.h"
#include "base/hex.h"
#include "sys/hook_event.h"

#define SCORE_MOST 10

/* ---- from evidence ---------------------------------------------------------------- */

static void
put_name(char out[LIMIT_NAME_BYTES + 1], const char *name)
{
	snprintf(out, LIMIT_NAME_BYTES + 1, "%s", name);
}

/* The bitmap was verified with the certificate: a bit a head, in order of their ids. */
static enum err
fill_voters(const struct roster *roster, const struct certificate *c, struct hook_event *out)
{
	const struct epoch *epoch = roster_epoch(roster, c->epoch);

	if (epoch == NULL)
		return ERR_EPOCH;
	for (size_t bit = 0; bit < epoch_heads(epoch) && bit / 8 < c->voters.size_bytes; bit++) {
		if ((c->voters.data[bit / 8] >> bit % 8 & 1) == 0)
			continue;
		if (out->voter_count < LIMIT_HOOK_VOTERS)
			put_name(out->voters[out->voter_count],
			    roster_member(roster, epoch_head_at(epoch, bit))->name);
		out->voter_count++;
	}
	return ERR_OK;
}

static enum err
fill_evidence(const struct roster *roster, const struct entry *entry, struct hook_event *out)
{
	if (entry->kind == ENTRY_PROOF) {
		out->evidence = HOOK_PROOF;
		return ERR_OK;
	}
	if (entry->kind == ENTRY_SELF_REPORT) {
		out->evidence = entry->self_report.kind == SELF_REPORT_CONFESSION ? HOOK_CONFESSION
		                                                                  : HOOK_PRECAUTION;
		out->round = entry->self_report.round;
		out->score = entry->self_report.score;
		out->class = (uint32_t)entry->self_report.reason;
		out->source = entry->self_report.source;
		return ERR_OK;
	}
	if (entry->kind != ENTRY_CERTIFICATE || entry->certificate.level != LEVEL_QUARANTINE)
		return ERR_RANGE;
	out->evidence = HOOK_CERTIFICATE;
	out->round = entry->certificate.round;
	return fill_voters(roster, &entry->certificate, out);
}

enum err
hook_event_fill(const struct roster *roster, const struct entry *entry, member_index subject,
    const struct incident_id *incident, struct hook_event *out)
{
	const struct member *member;
	member_index author = roster_find_id(roster, &entry->header.author);
	enum err err;

	memset(out, 0, sizeof(*out));
	if (!roster_is_node(roster, subject))
		return ERR_SUBJECT;
	if ((err = fill_evidence(roster, entry, out)) != ERR_OK)
		return err;
	member = roster_member(roster, subject);
	out->incident = *incident;
	out->mesh_id = *roster_mesh(roster);
	out->id = member->id;
	out->port = member->p2p_port;
	memcpy(out->addresses, member->addresses, sizeof(out->addresses));
	out->address_count = (uint32_t)member->address_count;
	out->time_ms = entry->header.time_ms;
	put_name(out->mesh, roster_mesh_name(roster));
	put_name(out->name, member->name);
	if (author != MEMBER_NONE)
		put_name(out->author, roster_member(roster, author)->name);
	return ERR_OK;
}

/* ---- from another process ------------------------------------------------------------ */

static bool
is_text(const char text[LIMIT_NAME_BYTES + 1])
{
	size_t length = strnlen(text, LIMIT_NAME_BYTES + 1);

	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	return length <= LIMIT_NAME_BYTES;
}

static bool
is_address(const struct address *address)
{
	return address->family == 4 || address->family == 6;
}

enum err
hook_event_check(const struct hook_event *event)
{
	if (event->evidence < HOOK_CERTIFICATE || event->evidence > HOOK_PRECAUTION ||
	    event->address_count > LIMIT_ADDRESSES || event->score > SCORE_MOST ||
	    event->voter_count > LIMIT_MEMBERS || !is_text(event->mesh) || !is_text(event->name) ||
	    !is_text(event->author))
		return ERR_RANGE;
	if (event->source.address.family != 0 && !is_address(&event->source.address))
		return ERR_RANGE;
	for (uint32_t i = 0; i < event->address_count; i++)
		if (!is_address(&event->addresses[i]))
			return ERR_RANGE;
	for (uint32_t i = 0; i < event->voter_count && i < LIMIT_HOOK_VOTERS; i++)
		if (!is_text(event->voters[i]))
			return ERR_RANGE;
	return ERR_OK;
}

/* ---- to JSON: every text in it is free of what would need an escape ------------------- */

static void
put_hex(FILE *out, const char *key, const uint8_t *bytes, size_t size_bytes)
{
	fprintf(out, "\"%s\":\"", key);
	for (size_t i = 0; i < size_bytes; i++)
		fprintf(out, "%02x", bytes[i]);
	fputs("\",", out);
}

static void
put_node(FILE *out, const struct hook_event *event)
{
	char address[46];

	fprintf(out, "\"node\":{\"name\":\"%s\",", event->name);
	put_hex(out, "id", event->id.bytes, sizeof(event->id.bytes));
	fputs("\"addresses\":[", out);
	for (uint32_t i = 0; i < event->address_count; i++) {
		address_format(&event->addresses[i], address);
		fprintf(out, "%s\"%s\"", i == 0 ? "" : ",", address);
	}
	fprintf(out, "],\"port\":%u},", event->port);
}

/* What the evidence does not say is null. */
static void
put_cause(FILE *out, const struct hook_event *event)
{
	char address[46];

	if (event->score > 0)
		fprintf(out, "\"score\":%u,\"event_type\":\"%s\",", event->score,
		    event_class_text((enum event_class)event->class));
	else
		fputs("\"score\":null,\"event_type\":null,", out);
	if (event->source.address.family == 0) {
		fputs("\"source\":null,\"source_port\":null,", out);
		return;
	}
	address_format(&event->source.address, address);
	fprintf(out, "\"source\":\"%s\",\"source_port\":%u,", address, event->source.port);
}

static void
put_voters(FILE *out, const struct hook_event *event)
{
	fprintf(out, "\"votes\":%u,\"voters\":[", event->voter_count);
	for (uint32_t i = 0; i < event->voter_count && i < LIMIT_HOOK_VOTERS; i++)
		fprintf(out, "%s\"%s\"", i == 0 ? "" : ",", event->voters[i]);
	fputs("],", out);
}

static bool
put_certificate(FILE *out, struct span evidence)
{
	char *text;

	if (evidence.size_bytes == 0) {
		fputs("\"certificate\":null", out);
		return true;
	}
	if ((text = malloc(BASE64_CHARS(evidence.size_bytes))) == NULL)
		return false;
	fputs("\"certificate\":\"", out);
	fwrite(text, 1, base64_encode(evidence.data, evidence.size_bytes, text), out);
	fputs("\"", out);
	free(text);
	return true;
}

enum err
hook_event_json(const struct hook_event *event, const char *seen_by, struct span evidence,
    char **out, size_t *size_bytes)
{
	static const char *const words[] = { [HOOK_CERTIFICATE] = "certificate",
		[HOOK_PROOF] = "proof",
		[HOOK_CONFESSION] = "confession",
		[HOOK_PRECAUTION] = "precaution" };
	char *text = NULL;
	size_t bytes = 0;
	bool whole;
	FILE *file;

	if ((file = open_memstream(&text, &bytes)) == NULL)
		return ERR_NOMEM;
	fputs("{\"v\":1,\"event\":\"quarantine\",\"level\":\"quarantine\",", file);
	fprintf(file, "\"mesh\":\"%s\",", event->mesh);
	put_hex(file, "mesh_id", event->mesh_id.bytes, sizeof(event->mesh_id.bytes));
	put_hex(file, "incident", event->incident.bytes, sizeof(event->incident.bytes));
	fprintf(file, "\"round\":%u,", event->round);
	put_node(file, event);
	fprintf(file, "\"evidence\":\"%s\",\"author\":\"%s\",\"time_ms\":%" PRIu64 ",",
	    words[event->evidence], event->author, event->time_ms);
	put_cause(file, event);
	put_voters(file, event);
	fprintf(file, "\"seen_by\":\"%s\",", seen_by);
	whole = put_certificate(file, evidence);
	fputs("}\n", file);
	if (fclose(file) != 0 || !whole) {
		free(text);
		return ERR_NOMEM;
	}
	*out = text;
	*size_bytes = bytes;
	return ERR_OK;
}
