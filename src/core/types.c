#include <arpa/inet.h>
#include <string.h>
#include "core/types.h"

bool
node_id_equal(const struct node_id *a, const struct node_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int
node_id_compare(const struct node_id *a, const struct node_id *b)
{
	return memcmp(a, b, sizeof(*a));
}

bool
hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct prefix {
	uint8_t bytes[16];
	unsigned bits;
};

static bool
in_prefix(const struct address *a, const struct prefix *p)
{
	unsigned whole = p->bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> p->bits % 8);

	return memcmp(a->bytes, p->bytes, whole) == 0 &&
	       (p->bits % 8 == 0 || (a->bytes[whole] & mask) == p->bytes[whole]);
}

static bool
in_any(const struct address *a, const struct prefix *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (in_prefix(a, &list[i]))
			return true;
	return false;
}

bool
address_is_private(const struct address *a)
{
	static const struct prefix v4[] = {
		{ { 10 }, 8 },        /* RFC 1918 */
		{ { 172, 16 }, 12 },  /* RFC 1918 */
		{ { 192, 168 }, 16 }, /* RFC 1918 */
		{ { 100, 64 }, 10 },  /* RFC 6598, carrier-grade NAT */
		{ { 169, 254 }, 16 }, /* RFC 3927, link-local */
		{ { 127 }, 8 },       /* loopback */
		{ { 0 }, 8 },         /* RFC 1122, this network */
	};
	static const struct prefix v6[] = {
		{ { 0xfc }, 7 },        /* RFC 4193 */
		{ { 0xfe, 0x80 }, 10 }, /* link-local */
		{ { 0 }, 127 },         /* unspecified and loopback */
	};

	if (a->family == 4)
		return in_any(a, v4, sizeof(v4) / sizeof(*v4));
	return a->family == 6 && in_any(a, v6, sizeof(v6) / sizeof(*v6));
}

bool
address_is_loopback(const struct address *a)
{
	static const struct prefix v4 = { { 127 }, 8 };
	static const struct prefix v6 = { { [15] = 1 }, 128 };

	return a->family == 4 ? in_prefix(a, &v4) : a->family == 6 && in_prefix(a, &v6);
}

void
address_format(const struct address *a, char out[46])
{
	if (a->family == 0 ||
	    inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, out, 46) == NULL)
		memcpy(out, "-", 2);
}

bool
address_parse(const char *text, struct address *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct address a = { 0 };

	if (inet_pton(AF_INET, text, a.bytes) == 1) {
		a.family = 4;
	} else if (inet_pton(AF_INET6, text, a.bytes) == 1) {
		a.family = 6;
		if (memcmp(a.bytes, mapped, sizeof(mapped)) == 0) {
			a.family = 4;
			memmove(a.bytes, a.bytes + 12, 4);
			memset(a.bytes + 4, 0, 12);
		}
	} else {
		return false;
	}
	*out = a;
	return true;
}

const char *
node_status_text(enum node_status status)
{
	switch (status) {
	case STATUS_HEALTHY:
		return "healthy";
	case STATUS_ATTACKED:
		return "attacked";
	case STATUS_RESTRICTED:
		return "restricted";
	case STATUS_QUARANTINED:
		return "quarantined";
	case STATUS_UNREACHABLE:
		return "unreachable";
	}
	return "unknown";
}

const char *
strength_text(enum strength strength)
{
	switch (strength) {
	case STRENGTH_NONE:
		return "none";
	case STRENGTH_HOLD:
		return "hold";
	case STRENGTH_CUT:
		return "cut";
	case STRENGTH_SEVER:
		return "sever";
	}
	return "unknown";
}

const char *event_class_text(enum event_class class)
{
	switch (class) {
	case CLASS_UNKNOWN:
		return "UNKNOWN";
	case CLASS_HONEYPOT_TRIPPED:
		return "HONEYPOT_TRIPPED";
	case CLASS_HONEYTOKEN_USED:
		return "HONEYTOKEN_USED";
	case CLASS_CPU_SPIKE:
		return "CPU_SPIKE";
	case CLASS_RAM_SPIKE:
		return "RAM_SPIKE";
	case CLASS_NET_SPIKE:
		return "NET_SPIKE";
	case CLASS_SENSOR:
		return "SENSOR";
	case CLASS_PEER_SILENT:
		return "PEER_SILENT";
	case CLASS_PEER_BAD_SIGNATURES:
		return "PEER_BAD_SIGNATURES";
	case CLASS_PEER_FLOOD:
		return "PEER_FLOOD";
	case CLASS_TAMPER:
		return "TAMPER";
	case CLASS_OPERATOR:
		return "OPERATOR";
	}
	return "UNKNOWN";
}
