/*
 * rules: how grave is an event, and how far may an opinion move that?
 *
 * Pure.  Spec: docs/protocol.md, "Isolation"; docs/analyser.md, "Bounds".
 */
#ifndef CORE_RULES_H
#define CORE_RULES_H
#include "core/types.h"

#define RULES_THRESHOLD 7  /* more than this is grounds to act */
#define RULES_HIGHEST   10

/* The rules' score of an event, 0 to 10; the same on every node. */
uint32_t rules_score(enum event_class);
/* The highest that an opinion may make of it; no setting raises it. */
uint32_t rules_ceiling(enum event_class, uint32_t floor);
/* min(ceiling, max(floor, opinion)) */
uint32_t rules_bound(enum event_class, uint32_t floor, uint32_t opinion);

#endif
