#include "sys/sockdestroy.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include "base/limits.h"
#include "sys/netlink.h"

/* Neither listeners, which have no far end, nor what only waits for its own end. */
#define TCP_STATES (0xfffu & ~(1u << TCP_LISTEN | 1u << TCP_TIME_WAIT | 1u << TCP_CLOSE | 1u))
/* A connected UDP socket reads as this. */
#define UDP_STATES (1u << TCP_ESTABLISHED)

/* So many answers surely fit into a dump's first datagram, and nothing tore it. */
#define DUMP_WHOLE 64

#define REQUEST_BYTES 256

struct sockdestroy {
	struct netlink *dumps;
	struct netlink *kills; /* its answers do not mix with a dump's */
};

struct pass {
	struct sockdestroy *sockets;
	const struct sockdestroy_filter *filter;
	uint8_t protocol;
	uint32_t destroyed;
	enum err err;
};

static struct nlmsghdr *
request(struct netlink *netlink, void *buffer, uint16_t type, uint16_t flags,
    const struct inet_diag_req_v2 *about)
{
	struct nlmsghdr *header;

	header = netlink_message(netlink, buffer, type, (uint16_t)(NLM_F_REQUEST | flags));
	memcpy(mnl_nlmsg_put_extra_header(header, sizeof(*about)), about, sizeof(*about));
	return header;
}

/* The far end as a value of ours; a mapped IPv4 address reads as IPv4. */
static struct address
address_of(const struct inet_diag_msg *socket, const __be32 words[4])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct address out = { .family = 6 };

	memcpy(out.bytes, words, sizeof(out.bytes));
	if (socket->idiag_family == AF_INET || memcmp(out.bytes, mapped, sizeof(mapped)) == 0) {
		if (socket->idiag_family != AF_INET)
			memmove(out.bytes, out.bytes + 12, 4);
		memset(out.bytes + 4, 0, 12);
		out.family = 4;
	}
	return out;
}

static bool
managed(const struct sockdestroy_filter *f, const struct address *far, uint16_t near_port)
{
	size_t i;

	for (i = 0; i < f->management_count; i++)
		if (f->management[i].port == near_port &&
		    config_management_holds(&f->management[i], far))
			return true;
	return false;
}

static bool
spared(const struct pass *p, const struct inet_diag_msg *socket)
{
	const struct sockdestroy_filter *f = p->filter;
	uint16_t spare_port = f->spare_port;
	uint16_t near_port = ntohs(socket->id.idiag_sport),
	         far_port = ntohs(socket->id.idiag_dport);
	struct address near = address_of(socket, socket->id.idiag_src);
	struct address far = address_of(socket, socket->id.idiag_dst);
	size_t i;

	if (f->far.family != 0 && !address_equal(&f->far, &far))
		return true;
	/* This host with itself, over loopback or its own address. */
	if (address_is_loopback(&far) || address_equal(&near, &far))
		return true;
	if (f->far.family == 0 && f->strength != NULL) {
		enum strength strength = f->strength(f->context, &far);

		if (strength == STRENGTH_NONE || strength == STRENGTH_HOLD)
			return true;
		if (strength == STRENGTH_SEVER)
			spare_port = 0;
	}
	if (p->protocol == IPPROTO_TCP && spare_port != 0 &&
	    (near_port == spare_port || far_port == spare_port))
		return true;
	for (i = 0; i < f->spared_count; i++)
		if (far_port == f->spared[i].port && address_equal(&f->spared[i].address, &far))
			return true;
	return p->protocol == IPPROTO_TCP && managed(f, &far, near_port);
}

static void
each_socket(void *context, const struct nlmsghdr *message)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct inet_diag_req_v2 about;
	uint8_t buffer[REQUEST_BYTES];
	struct pass *p = context;
	enum err err;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*socket) || socket->id.idiag_dport == 0 ||
	    spared(p, socket))
		return;
	memset(&about, 0, sizeof(about));
	about.sdiag_family = socket->idiag_family;
	about.sdiag_protocol = p->protocol;
	/* With its cookie, so that a new socket of the same addresses is not hit. */
	about.id = socket->id;
	err = netlink_ask(p->sockets->kills,
	    request(p->sockets->kills, buffer, SOCK_DESTROY, NLM_F_ACK, &about), NULL, NULL);
	if (err == ERR_OK)
		p->destroyed++;
	else if (err != ERR_NOT_FOUND) /* it closed by itself in between */
		p->err = err;
}

/* "The far end is exactly this", in inet_diag's bytecode: one condition, or past the end. */
static void
put_condition(struct nlmsghdr *header, const struct address *far)
{
	struct {
		struct inet_diag_bc_op op;
		struct inet_diag_hostcond host;
		uint8_t address[16];
	} code;
	uint8_t address_bytes = far->family == 4 ? 4 : 16;
	size_t size_bytes = sizeof(code.op) + sizeof(code.host) + address_bytes;

	memset(&code, 0, sizeof(code));
	code.op.code = INET_DIAG_BC_D_COND;
	code.op.yes = (uint8_t)size_bytes;
	code.op.no = (uint16_t)(size_bytes + 4);
	/* AF_INET matches mapped addresses in a dump of AF_INET6 too. */
	code.host.family = far->family == 4 ? AF_INET : AF_INET6;
	code.host.prefix_len = (uint8_t)(8 * address_bytes);
	code.host.port = -1;
	memcpy(code.address, far->bytes, address_bytes);
	mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, size_bytes, &code);
}

static enum err
dump(struct pass *p, uint8_t family)
{
	struct inet_diag_req_v2 about;
	uint8_t buffer[REQUEST_BYTES];
	struct nlmsghdr *header;

	memset(&about, 0, sizeof(about));
	about.sdiag_family = family;
	about.sdiag_protocol = p->protocol;
	about.idiag_states = p->protocol == IPPROTO_TCP ? TCP_STATES : UDP_STATES;
	header = request(p->sockets->dumps, buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &about);
	if (p->filter->far.family != 0)
		put_condition(header, &p->filter->far);
	return netlink_ask(p->sockets->dumps, header, each_socket, p);
}

enum err
sockdestroy_run(struct sockdestroy *s, const struct sockdestroy_filter *filter, uint32_t *destroyed)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct pass p = { .sockets = s, .filter = filter };
	uint32_t before;
	enum err err;
	size_t i;
	int round;

	for (i = 0; i < sizeof(protocols); i++) {
		p.protocol = protocols[i];
		/* Killing between two datagrams of a dump hides others: go on until few are left. */
		for (round = 0; round < LIMIT_NETLINK_RETRIES; round++) {
			before = p.destroyed;
			err = dump(&p, AF_INET6);
			if (err == ERR_OK && filter->far.family != 6)
				err = dump(&p, AF_INET);
			if (err != ERR_AGAIN &&
			    (err != ERR_OK || p.destroyed - before < DUMP_WHOLE))
				break;
		}
		/* A protocol without its diagnosis module has nothing to tell. */
		if (err != ERR_OK && err != ERR_NOT_FOUND)
			p.err = err;
	}
	if (p.err != ERR_OK)
		return p.err;
	*destroyed = p.destroyed;
	return ERR_OK;
}

/* Is SOCK_DESTROY there at all?  A socket that cannot exist tells. */
static enum err
probe(struct sockdestroy *s)
{
	struct inet_diag_req_v2 about;
	uint8_t buffer[REQUEST_BYTES];
	enum err err;

	memset(&about, 0, sizeof(about));
	about.sdiag_family = AF_INET;
	about.sdiag_protocol = IPPROTO_TCP;
	about.id.idiag_cookie[0] = about.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	err = netlink_ask(
	    s->kills, request(s->kills, buffer, SOCK_DESTROY, NLM_F_ACK, &about), NULL, NULL);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err
sockdestroy_open(struct sockdestroy **out)
{
	struct sockdestroy *s;
	enum err err;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return ERR_NOMEM;
	if ((err = netlink_open(NETLINK_SOCK_DIAG, 0, &s->dumps)) != ERR_OK ||
	    (err = netlink_open(NETLINK_SOCK_DIAG, 0, &s->kills)) != ERR_OK ||
	    (err = probe(s)) != ERR_OK) {
		sockdestroy_close(s);
		return err;
	}
	*out = s;
	return ERR_OK;
}

void
sockdestroy_close(struct sockdestroy *s)
{
	if (s == NULL)
		return;
	netlink_close(s->dumps);
	netlink_close(s->kills);
	free(s);
}
