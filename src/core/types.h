/*
 * types: the fixed-size values of the protocol, as plain data.
 *
 * Spec: docs/protocol.md, "Values".
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node_id {
	uint8_t bytes[16];
};
struct mesh_id {
	uint8_t bytes[16];
};
struct hash {
	uint8_t bytes[32]; /* SHA-256 */
};
struct public_key {
	uint8_t bytes[32]; /* Ed25519 */
};
struct signature {
	uint8_t bytes[64]; /* Ed25519 */
};
struct incident_id {
	uint8_t bytes[8];
};

/* Bytes that somebody else owns. */
struct span {
	const uint8_t *data;
	size_t size_bytes;
};

/* An IPv4 address stands in the first four bytes, the rest is zero. */
struct address {
	uint8_t family; /* 4, 6, or 0: none */
	uint8_t bytes[16];
};
struct endpoint {
	struct address address;
	uint16_t port;
};
struct mac {
	uint8_t bytes[6]; /* all zero: unknown */
};

/* Index into a roster: in the order of first enrolment, for ever.  Local: it never travels. */
typedef uint16_t member_index;
#define MEMBER_NONE ((member_index)0xffff)

/* The numbers are those of proto/phalanx.proto, EventType. */
enum event_class {
	CLASS_UNKNOWN = 0,
	CLASS_HONEYPOT_TRIPPED = 1,
	CLASS_HONEYTOKEN_USED = 2,
	CLASS_CPU_SPIKE = 3,
	CLASS_RAM_SPIKE = 4,
	CLASS_NET_SPIKE = 5,
	CLASS_SENSOR = 6,
	CLASS_PEER_SILENT = 7,
	CLASS_PEER_BAD_SIGNATURES = 8,
	CLASS_PEER_FLOOD = 9,
	CLASS_TAMPER = 10,
	CLASS_OPERATOR = 11
};

/* What people see of a node. */
enum node_status {
	STATUS_HEALTHY,
	STATUS_ATTACKED,
	STATUS_RESTRICTED,
	STATUS_QUARANTINED,
	STATUS_UNREACHABLE
};

/* How strongly a subject is shut out; docs/protocol.md "Isolation". */
enum strength {
	STRENGTH_NONE,
	STRENGTH_HOLD, /* before first sync: dropped as in CUT, sockets left to retry */
	STRENGTH_CUT,  /* everything but the mesh port */
	STRENGTH_SEVER /* everything */
};

bool node_id_equal(const struct node_id *, const struct node_id *);
int node_id_compare(const struct node_id *, const struct node_id *);
bool hash_equal(const struct hash *, const struct hash *);
bool address_equal(const struct address *, const struct address *);
/* RFC 1918, RFC 4193, link-local, loopback, CGNAT: not routed on the Internet. */
bool address_is_private(const struct address *);
bool address_is_loopback(const struct address *);
/* "192.0.2.1" or "2001:db8::1" (no zone, no brackets).  out: at least 46 bytes. */
void address_format(const struct address *, char out[46]);
/* Strict inverse of address_format (any RFC 4291 text form); v4-mapped becomes IPv4. */
bool address_parse(const char *text, struct address *out);
const char *node_status_text(enum node_status);    /* "healthy" ... */
const char *strength_text(enum strength);          /* "none", "hold", "cut", "sever" */
const char *event_class_text(enum event_class);    /* "HONEYPOT_TRIPPED" ... */

#endif
