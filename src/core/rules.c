#include "core/rules.h"

uint32_t rules_score(enum event_class class)
{
	switch (class) {
	case CLASS_UNKNOWN:
		return 0;
	case CLASS_HONEYPOT_TRIPPED:
		return 9;
	case CLASS_HONEYTOKEN_USED:
	case CLASS_TAMPER:
	case CLASS_OPERATOR:
		return 10;
	case CLASS_CPU_SPIKE:
	case CLASS_RAM_SPIKE:
	case CLASS_NET_SPIKE:
		return 4;
	case CLASS_SENSOR:
		return 7;
	case CLASS_PEER_SILENT:
		return 3;
	case CLASS_PEER_BAD_SIGNATURES:
	case CLASS_PEER_FLOOD:
		return 6;
	}
	return 0;
}

uint32_t
rules_ceiling(enum event_class class, uint32_t floor)
{
	uint32_t raised = floor + 2 < RULES_THRESHOLD ? floor + 2 : RULES_THRESHOLD;

	if (class == CLASS_HONEYPOT_TRIPPED)
		return RULES_HIGHEST;
	return floor > raised ? floor : raised;
}

uint32_t
rules_bound(enum event_class class, uint32_t floor, uint32_t opinion)
{
	uint32_t ceiling = rules_ceiling(class, floor);
	uint32_t score = opinion > floor ? opinion : floor;

	return score < ceiling ? score : ceiling;
}
