#include <string.h>
#include "analyser/event.h"

float
event_percent(double value)
{
	if (!(value > 0.0)) /* NaN, too */
		return 0.0f;
	return value > 100.0 ? 100.0f : (float)value;
}

void
event_set_text(struct event_text *text, const void *bytes, size_t size_bytes)
{
	text->total_bytes = size_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)size_bytes;
	text->kept_bytes =
	    (uint16_t)(size_bytes < sizeof(text->bytes) ? size_bytes : sizeof(text->bytes));
	if (text->kept_bytes > 0)
		memcpy(text->bytes, bytes, text->kept_bytes);
}

void
event_set_capture(struct event *event, const void *bytes, size_t size_bytes)
{
	event->capture_kept =
	    (uint16_t)(size_bytes < sizeof(event->capture) ? size_bytes : sizeof(event->capture));
	if (event->capture_kept > 0)
		memcpy(event->capture, bytes, event->capture_kept);
	if (event->captured_bytes < size_bytes)
		event->captured_bytes = size_bytes;
}

bool
event_class_parse(const char *text, enum event_class *out)
{
	for (int class = CLASS_UNKNOWN; class <= CLASS_OPERATOR; class ++)
		if (strcmp(text, event_class_text((enum event_class) class)) == 0) {
			*out = (enum event_class) class;
			return true;
		}
	return false;
}

const char *event_meaning(enum event_class class)
{
	switch (class) {
	case CLASS_HONEYPOT_TRIPPED:
		return "a decoy was touched that nobody has a reason to use";
	case CLASS_HONEYTOKEN_USED:
		return "a planted credential or file was used";
	case CLASS_CPU_SPIKE:
		return "unusual processor load";
	case CLASS_RAM_SPIKE:
		return "unusual memory use";
	case CLASS_NET_SPIKE:
		return "unusual network traffic";
	case CLASS_SENSOR:
		return "another security program raised an alert";
	case CLASS_PEER_SILENT:
		return "a neighbour fell silent";
	case CLASS_PEER_BAD_SIGNATURES:
		return "a neighbour sends bad signatures";
	case CLASS_PEER_FLOOD:
		return "a neighbour floods";
	case CLASS_TAMPER:
		return "somebody tampered with the security software";
	case CLASS_OPERATOR:
		return "an operator's command";
	case CLASS_UNKNOWN:
		break;
	}
	return "telemetry without a known event";
}
