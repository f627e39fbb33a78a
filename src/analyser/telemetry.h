/*
 * telemetry: the messages of AISidecar as the analyser uses them.
 *
 * Pure.  Fields 1 to 4 of a TelemetryPayload, and 1 to 3 of an event, are all
 * that an older client sends; what is behind them may be absent.
 */
#ifndef ANALYSER_TELEMETRY_H
#define ANALYSER_TELEMETRY_H
#include "analyser/adviser.h"
#include "analyser/event.h"

#define TELEMETRY_ANSWER_BYTES 2048

struct telemetry {
	char node_id[LIMIT_NAME_BYTES + 1]; /* as it came; printable ASCII */
	struct event event; /* of those in the payload the gravest */
};

/* MALFORMED, RANGE (node_id), NOMEM. */
MUST_USE enum err telemetry_decode(const uint8_t *data, size_t size_bytes, struct telemetry *out);
/* A ThreatAnalysis; returns its size. */
size_t telemetry_encode(const char *node_id, const struct advice *,
    uint8_t out[TELEMETRY_ANSWER_BYTES]);

#endif
