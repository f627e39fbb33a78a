#include <string.h>
#include "analyser/telemetry.h"
#include "core/rules.h"
#include "phalanx.pb-c.h"

_Static_assert(CLASS_OPERATOR == (int)PROTOS__EVENT_TYPE__OPERATOR, "one numbering");

/* A type that this build does not know is an event of no known kind. */
static enum event_class
class_of(const Protos__CriticalEvent *e)
{
	return (int)e->type >= CLASS_UNKNOWN && (int)e->type <= CLASS_OPERATOR
	           ? (enum event_class)(int)e->type
	           : CLASS_UNKNOWN;
}

static uint32_t
count_of(const Protos__CriticalEvent *e)
{
	return e->count > 0 ? e->count : 1;
}

static void
set_text(struct event_text *out, const char *text)
{
	event_set_text(out, text, strlen(text));
}

static void
set_event(struct event *out, const Protos__CriticalEvent *e)
{
	out->class = class_of(e);
	/* Whoever names no address that we can read is nobody in particular. */
	(void)address_parse(e->source_ip, &out->source);
	out->source_port = e->source_port <= UINT16_MAX ? (uint16_t)e->source_port : 0;
	out->port = e->port <= UINT16_MAX ? (uint16_t)e->port : 0;
	out->count = count_of(e);
	out->since_last_ms = e->since_last_ms;
	out->captured_bytes = e->captured_bytes;
	event_set_capture(out, e->captured.data, e->captured.len);
	set_text(&out->banner, e->client_banner);
	set_text(&out->username, e->username);
	set_text(&out->user_agent, e->user_agent);
	set_text(&out->path, e->path);
}

static bool
is_printable(const char *text, size_t most)
{
	size_t length;

	for (length = 0; text[length] != '\0'; length++)
		if (length == most || text[length] < 0x20 || text[length] > 0x7e)
			return false;
	return true;
}

/* The gravest by the rules; of equals the first. */
static const Protos__CriticalEvent *
gravest(const Protos__TelemetryPayload *p)
{
	const Protos__CriticalEvent *found = NULL;
	size_t i;

	for (i = 0; i < p->n_events; i++)
		if (found == NULL ||
		    rules_score(class_of(p->events[i])) > rules_score(class_of(found)))
			found = p->events[i];
	return found;
}

enum err
telemetry_decode(const uint8_t *data, size_t size_bytes, struct telemetry *out)
{
	const Protos__CriticalEvent *event;
	Protos__TelemetryPayload *p;

	if ((p = protos__telemetry_payload__unpack(NULL, size_bytes, data)) == NULL)
		return ERR_MALFORMED;
	if (!is_printable(p->node_id, LIMIT_NAME_BYTES)) {
		protos__telemetry_payload__free_unpacked(p, NULL);
		return ERR_RANGE;
	}
	memset(out, 0, sizeof(*out));
	strcpy(out->node_id, p->node_id);
	out->event.count = 1;
	if ((event = gravest(p)) != NULL) {
		set_event(&out->event, event);
		out->event.others = (uint32_t)(p->n_events - 1);
	}
	out->event.cpu_percent = event_percent((double)p->cpu_usage);
	out->event.memory_percent = event_percent((double)p->mem_usage);
	protos__telemetry_payload__free_unpacked(p, NULL);
	return ERR_OK;
}

static char *
text(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

size_t
telemetry_encode(const char *node_id, const struct advice *a, uint8_t out[TELEMETRY_ANSWER_BYTES])
{
	Protos__ThreatAnalysis answer = PROTOS__THREAT_ANALYSIS__INIT;

	_Static_assert(TELEMETRY_ANSWER_BYTES > 2 * LIMIT_NAME_BYTES + LIMIT_REASON_BYTES +
	                                            LIMIT_MODEL_DIGEST_BYTES + 256,
	    "the longest answer fits");
	answer.node_id = text(node_id);
	answer.threat_score = (float)a->score;
	answer.reason = text(a->reason);
	answer.method = text(a->method);
	answer.has_opinion = a->has_opinion;
	answer.opinion = a->opinion;
	answer.floor = a->floor;
	answer.ceiling = a->ceiling;
	answer.model = text(a->model);
	answer.model_digest = text(a->model_digest);
	answer.latency_ms = a->latency_ms;
	answer.rejected = text(rejection_text(a->rejected));
	return protos__threat_analysis__pack(&answer, out);
}
