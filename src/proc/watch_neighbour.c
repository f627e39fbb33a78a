/*
 * watch_neighbour: see watch.h.  The kernel's neighbour table by rtnetlink:
 * a dump, then events; after a lost event or a new default route, a dump
 * again.
 *
 * A gateway's link-layer address carries everybody behind it and must never
 * be blocked: so is marked whatever shares it.
 */
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/limits.h"
#include "proc/watch.h"
#include "sys/log.h"

#define GATEWAYS     16
#define BUFFER_BYTES 8192
#define READS_A_WAKE 32
#define KNOWN_STATES (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

enum dump { DUMP_NONE, DUMP_ROUTES, DUMP_NEIGHBOURS };

struct neighbour {
	struct address address;
	struct mac mac; /* zeros: gone, to be told and forgotten */
	struct mac told_mac;
	bool told, told_gateway;
	uint8_t generation; /* of the dump that saw it last */
};

struct neighbours {
	struct mnl_socket *socket;
	struct neighbour *table;
	size_t count, room;
	struct address gateways[GATEWAYS];
	size_t gateway_count;
	enum dump dumping;
	uint8_t generation;
	uint32_t sequence;
	bool in_doubt, full_reported;
};

static const struct mac no_mac;

static bool
mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- asking ---------------------------------------------------------------------- */

static void
ask(struct neighbours *n, enum dump dump)
{
	char buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = dump == DUMP_ROUTES ? RTM_GETROUTE : RTM_GETNEIGH;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++n->sequence;
	if (dump == DUMP_ROUTES)
		((struct rtmsg *)mnl_nlmsg_put_extra_header(header, sizeof(struct rtmsg)))
		    ->rtm_family = AF_UNSPEC;
	else
		((struct ndmsg *)mnl_nlmsg_put_extra_header(header, sizeof(struct ndmsg)))
		    ->ndm_family = AF_UNSPEC;
	if (mnl_socket_sendto(n->socket, header, header->nlmsg_len) == -1) {
		log_errno("neighbours: ask the kernel");
		n->dumping = DUMP_NONE;
		n->in_doubt = true;
		return;
	}
	n->dumping = dump;
}

enum err
neighbours_open(struct neighbours **out)
{
	struct neighbours *n;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		return ERR_NOMEM;
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (n->socket == NULL ||
	    mnl_socket_bind(n->socket, RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	        MNL_SOCKET_AUTOPID) == -1) {
		log_errno("neighbours: netlink socket");
		neighbours_close(n);
		return ERR_IO;
	}
	n->in_doubt = true;
	*out = n;
	return ERR_OK;
}

void
neighbours_close(struct neighbours *n)
{
	if (n == NULL)
		return;
	if (n->socket != NULL)
		(void)mnl_socket_close(n->socket);
	free(n->table);
	free(n);
}

int
neighbours_fd(const struct neighbours *n)
{
	return mnl_socket_get_fd(n->socket);
}

void
neighbours_tick(struct neighbours *n)
{
	if (!n->in_doubt || n->dumping != DUMP_NONE)
		return;
	n->in_doubt = false;
	n->gateway_count = 0;
	ask(n, DUMP_ROUTES);
}

/*
 * The attribute behind previous (NULL: the first), NULL at the end.  libmnl's
 * own loops do not pass our warnings.
 */
static const struct nlattr *
next_attribute(const void *list, size_t size_bytes, const struct nlattr *previous)
{
	const struct nlattr *attribute;
	size_t at = 0;

	if (previous != NULL)
		at = (size_t)((const char *)previous - (const char *)list) +
		     ((previous->nla_len + 3u) & ~3u);
	if (at >= size_bytes)
		return NULL;
	attribute = (const void *)((const char *)list + at);
	return mnl_attr_ok(attribute, (int)(size_bytes - at)) ? attribute : NULL;
}

/* ---- routes ------------------------------------------------------------------------- */

static void
add_gateway(struct neighbours *n, uint8_t family, const void *bytes, size_t size_bytes)
{
	struct address gateway = { .family = family == AF_INET ? 4 : 6 };
	size_t i;

	if (size_bytes != (family == AF_INET ? 4 : 16))
		return;
	memcpy(gateway.bytes, bytes, size_bytes);
	for (i = 0; i < n->gateway_count; i++)
		if (address_equal(&n->gateways[i], &gateway))
			return;
	if (n->gateway_count < GATEWAYS)
		n->gateways[n->gateway_count++] = gateway;
	else
		log_warn("neighbours: more than %d default gateways", GATEWAYS);
}

static void
take_gateway(struct neighbours *n, uint8_t family, const struct nlattr *attribute)
{
	const struct rtvia *via;
	const size_t size_bytes = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) == RTA_GATEWAY) {
		add_gateway(n, family, mnl_attr_get_payload(attribute), size_bytes);
	} else if (mnl_attr_get_type(attribute) == RTA_VIA && size_bytes > sizeof(*via)) {
		via = mnl_attr_get_payload(attribute);
		add_gateway(
		    n, (uint8_t)via->rtvia_family, via->rtvia_addr, size_bytes - sizeof(*via));
	}
}

static void
take_next_hops(struct neighbours *n, uint8_t family, const struct nlattr *attribute)
{
	const uint8_t *at = mnl_attr_get_payload(attribute);
	size_t left = mnl_attr_get_payload_len(attribute), step;
	const struct rtnexthop *hop;
	const struct nlattr *inner;

	while (left >= sizeof(*hop)) {
		hop = (const void *)at;
		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			return;
		for (inner = NULL; (inner = next_attribute(at + sizeof(*hop),
		                        hop->rtnh_len - sizeof(*hop), inner)) != NULL;)
			take_gateway(n, family, inner);
		step = (hop->rtnh_len + 3u) & ~3u;
		if (step > left)
			return;
		at += step;
		left -= step;
	}
}

static void
on_route(struct neighbours *n, const struct nlmsghdr *header)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(header);
	const size_t size_bytes = mnl_nlmsg_get_payload_len(header),
	             attributes = size_bytes - sizeof(*route);
	const struct nlattr *attribute;

	if (size_bytes < sizeof(*route) || route->rtm_dst_len != 0 ||
	    route->rtm_type != RTN_UNICAST)
		return;
	/* A change, not an answer: look at the whole again. */
	if (header->nlmsg_seq != n->sequence || n->dumping != DUMP_ROUTES) {
		n->in_doubt = true;
		return;
	}
	for (attribute = NULL;
	     (attribute = next_attribute(route + 1, attributes, attribute)) != NULL;) {
		if (mnl_attr_get_type(attribute) == RTA_MULTIPATH)
			take_next_hops(n, route->rtm_family, attribute);
		else
			take_gateway(n, route->rtm_family, attribute);
	}
}

/* ---- neighbours ------------------------------------------------------------------------ */

static struct neighbour *
find(struct neighbours *n, const struct address *address)
{
	size_t i;

	for (i = 0; i < n->count; i++)
		if (address_equal(&n->table[i].address, address))
			return &n->table[i];
	return NULL;
}

static struct neighbour *
append(struct neighbours *n, const struct address *address)
{
	struct neighbour *table;
	size_t room;

	if (n->count == LIMIT_NEIGHBOURS) {
		if (!n->full_reported)
			log_warn(
			    "neighbours: more than %d, the rest is not seen", LIMIT_NEIGHBOURS);
		n->full_reported = true;
		return NULL;
	}
	if (n->count == n->room) {
		room = n->room == 0 ? 16 : 2 * n->room;
		if ((table = reallocarray(n->table, room, sizeof(*table))) == NULL)
			return NULL;
		n->table = table;
		n->room = room;
	}
	n->table[n->count] = (struct neighbour){ .address = *address };
	return &n->table[n->count++];
}

static void
on_neighbour(struct neighbours *n, const struct nlmsghdr *header)
{
	const struct ndmsg *message = mnl_nlmsg_get_payload(header);
	const size_t size_bytes = mnl_nlmsg_get_payload_len(header);
	const struct nlattr *attribute;
	struct address address = { 0 };
	struct mac mac = no_mac;
	struct neighbour *known;
	size_t address_bytes;

	if (size_bytes < sizeof(*message) ||
	    (message->ndm_family != AF_INET && message->ndm_family != AF_INET6) ||
	    (message->ndm_flags & NTF_PROXY) || (message->ndm_state & NUD_NOARP))
		return;
	address_bytes = message->ndm_family == AF_INET ? 4 : 16;
	for (attribute = NULL; (attribute = next_attribute(message + 1,
	                            size_bytes - sizeof(*message), attribute)) != NULL;) {
		const uint16_t type = mnl_attr_get_type(attribute);
		const size_t value_bytes = mnl_attr_get_payload_len(attribute);

		if (type == NDA_DST && value_bytes == address_bytes) {
			address.family = message->ndm_family == AF_INET ? 4 : 6;
			memcpy(address.bytes, mnl_attr_get_payload(attribute), value_bytes);
		} else if (type == NDA_LLADDR && value_bytes == sizeof(mac)) {
			memcpy(&mac, mnl_attr_get_payload(attribute), sizeof(mac));
		}
	}
	if (address.family == 0)
		return;
	if (header->nlmsg_type == RTM_DELNEIGH || !(message->ndm_state & KNOWN_STATES))
		mac = no_mac;
	known = find(n, &address);
	if (known == NULL && !mac_equal(&mac, &no_mac))
		known = append(n, &address);
	if (known == NULL)
		return;
	known->mac = mac;
	known->generation = n->generation;
}

/* ---- hearing ------------------------------------------------------------------------------ */

static void
dump_done(struct neighbours *n)
{
	size_t i;

	if (n->dumping == DUMP_ROUTES) {
		n->generation++;
		ask(n, DUMP_NEIGHBOURS);
		return;
	}
	n->dumping = DUMP_NONE;
	for (i = 0; i < n->count; i++)
		if (n->table[i].generation != n->generation)
			n->table[i].mac = no_mac;
}

static void
take(struct neighbours *n, const struct nlmsghdr *header)
{
	switch (header->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		on_route(n, header);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		on_neighbour(n, header);
		break;
	case NLMSG_DONE:
		if (header->nlmsg_seq == n->sequence)
			dump_done(n);
		break;
	case NLMSG_ERROR:
		log_warn("neighbours: the kernel refuses a dump");
		n->dumping = DUMP_NONE;
		n->in_doubt = true;
		break;
	default:
		break;
	}
	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		n->in_doubt = true;
}

void
neighbours_hear(struct neighbours *n)
{
	static char buffer[BUFFER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *header;
	ssize_t size;
	int left, rest;

	for (left = READS_A_WAKE; left > 0; left--) {
		size = mnl_socket_recvfrom(n->socket, buffer, sizeof(buffer));
		if (size == -1) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			/* Events were lost; an answer under way may be torn. */
			n->dumping = DUMP_NONE;
			n->in_doubt = true;
			return;
		}
		header = (const struct nlmsghdr *)(const void *)buffer;
		for (rest = (int)size; mnl_nlmsg_ok(header, rest);
		     header = mnl_nlmsg_next(header, &rest))
			take(n, header);
	}
}

/* ---- telling ------------------------------------------------------------------------------- */

static bool
is_gateway(const struct neighbours *n, const struct neighbour *neighbour)
{
	const struct neighbour *gateway;
	size_t i;

	for (i = 0; i < n->gateway_count; i++) {
		if (address_equal(&n->gateways[i], &neighbour->address))
			return true;
		gateway = find((struct neighbours *)(uintptr_t)n, &n->gateways[i]);
		if (gateway != NULL && !mac_equal(&gateway->mac, &no_mac) &&
		    mac_equal(&gateway->mac, &neighbour->mac))
			return true;
	}
	return false;
}

/* false: not told. */
static bool
tell(struct neighbours *n, struct neighbour *neighbour,
    bool (*each)(void *context, const struct msg_neighbour *), void *context)
{
	struct msg_neighbour message = { .address = neighbour->address };
	const bool gateway = is_gateway(n, neighbour);

	if (neighbour->told && neighbour->told_gateway == gateway &&
	    mac_equal(&neighbour->told_mac, &neighbour->mac))
		return true;
	/* What was a host's own and is a gateway's now must be forgotten first. */
	if (neighbour->told && gateway && !neighbour->told_gateway && !each(context, &message))
		return false;
	message.mac = neighbour->mac;
	message.is_gateway = gateway;
	if (!each(context, &message))
		return false;
	neighbour->told = true;
	neighbour->told_gateway = gateway;
	neighbour->told_mac = neighbour->mac;
	return true;
}

void
neighbours_publish(
    struct neighbours *n, bool (*each)(void *context, const struct msg_neighbour *), void *context)
{
	size_t i = 0;

	/* Between two dumps the gateways are not known. */
	if (n->dumping != DUMP_NONE)
		return;
	while (i < n->count) {
		struct neighbour *neighbour = &n->table[i];
		const bool gone = mac_equal(&neighbour->mac, &no_mac);

		if ((!gone || neighbour->told) && !tell(n, neighbour, each, context))
			return;
		if (gone)
			*neighbour = n->table[--n->count];
		else
			i++;
	}
}

void
neighbours_forget_published(struct neighbours *n)
{
	size_t i;

	for (i = 0; i < n->count; i++)
		n->table[i].told = false;
}
