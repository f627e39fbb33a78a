#include "sys/nft_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"

/*
 * A reply may never open a connection.  SYN without ACK is what opens one,
 * whatever other flags it carries.
 */
#define NO_SYN "tcp flags & (syn|ack) != syn"

/* Replies of UDP exemptions reach no service below. */
#define UDP_REPLY_FIRST 1024

enum direction { IN, OUT };

struct writer {
	FILE *text;
	const struct config *config;
	const struct nft_rules_options *options;
	const char *family; /* "inet", "netdev" */
};

/* add rule FAMILY phalanx CHAIN ... */
static void __attribute__((format(printf, 3, 4)))
rule(const struct writer *w, const char *chain, const char *format, ...)
{
	va_list args;

	(void)fprintf(w->text, "add rule %s %s %s ", w->family, NFT_RULES_TABLE, chain);
	va_start(args, format);
	(void)vfprintf(w->text, format, args);
	va_end(args);
	(void)fputc('\n', w->text);
}

static const char *
network(const struct address *address)
{
	return address->family == 4 ? "ip" : "ip6";
}

/* As one number, for comparing with raw bytes of a packet. */
static void
hex(const struct address *address, char out[2 + HEX_ROOM(16)])
{
	memcpy(out, "0x", 2);
	hex_format(address->bytes, address->family == 4 ? 4 : 16, out + 2);
}

/*
 * ICMP errors of an allowed flow: the packet of ours that it quotes must have
 * gone to far/prefix, with this port on the given side.  Before conntrack this
 * is the only way to tell; whoever sends the error, a router or a liar, reaches
 * no more than the one flow.  RFC 792 and RFC 4443: the quoted packet begins 8
 * bytes into the message.  Quoted IPv4 options make it no match.
 */
static void
icmp_error(const struct writer *w, const struct address *far, unsigned prefix_bits,
    unsigned protocol, bool far_port, unsigned port)
{
	struct address mask = { .family = far->family }, masked = *far;
	char mask_hex[35], far_hex[35];
	unsigned i, size_bytes = far->family == 4 ? 4 : 16;

	for (i = 0; i < size_bytes; i++) {
		unsigned bits = prefix_bits > 8 * i ? prefix_bits - 8 * i : 0;

		mask.bytes[i] = (uint8_t)(bits >= 8 ? 0xffu : 0xff00u >> bits);
		masked.bytes[i] &= mask.bytes[i];
	}
	hex(&mask, mask_hex);
	hex(&masked, far_hex);
	if (far->family == 4)
		rule(w, "exempt_in",
		    "icmp type { 3, 11, 12 } @th,136,8 %u @th,192,32 & %s == %s @th,%u,16 %u "
		    "accept",
		    protocol, mask_hex, far_hex, far_port ? 240 : 224, port);
	else
		rule(w, "exempt_in",
		    "icmpv6 type { 1-4 } @th,112,8 %u @th,256,128 & %s == %s @th,%u,16 %u accept",
		    protocol, mask_hex, far_hex, far_port ? 400 : 384, port);
}

/* This host's own connections to one service, and their replies. */
static void
outgoing(const struct writer *w, enum direction direction, const struct address *far, bool tcp,
    unsigned port)
{
	const char *ip = network(far);
	char host[46];

	address_format(far, host);
	if (direction == OUT) {
		rule(w, "exempt_out", "%s daddr %s %s dport %u accept", ip, host,
		    tcp ? "tcp" : "udp", port);
		return;
	}
	if (tcp)
		rule(w, "exempt_in", "%s saddr %s tcp sport %u tcp dport %u-%u " NO_SYN " accept",
		    ip, host, port, w->options->local_port_first, w->options->local_port_last);
	else
		rule(w, "exempt_in", "%s saddr %s udp sport %u udp dport %u-65535 accept", ip, host,
		    port, UDP_REPLY_FIRST);
	icmp_error(w, far, far->family == 4 ? 32 : 128, tcp ? 6 : 17, true, port);
}

/* People's way in. */
static void
incoming(const struct writer *w, enum direction direction, const struct config_management *m)
{
	const char *ip = network(&m->address);
	char host[46];

	address_format(&m->address, host);
	if (direction == OUT) {
		rule(w, "exempt_out", "%s daddr %s/%u tcp sport %u " NO_SYN " accept", ip, host,
		    m->prefix_bits, m->port);
		return;
	}
	rule(w, "exempt_in", "%s saddr %s/%u tcp dport %u accept", ip, host, m->prefix_bits,
	    m->port);
	icmp_error(w, &m->address, m->prefix_bits, 6, false, m->port);
}

/* What keeps a host on its link: addresses and neighbours, RFC 2131, 8415, 4861, 3810. */
static void
link_rules(const struct writer *w, const char *chain, enum direction direction)
{
	bool in = direction == IN;

	rule(w, chain, "ip protocol udp udp sport %u udp dport %u accept", in ? 67 : 68,
	    in ? 68 : 67);
	rule(w, chain, "ip6 %s fe80::/10 udp sport %u udp dport %u accept", in ? "saddr" : "daddr",
	    in ? 547 : 546, in ? 546 : 547);
	if (!in)
		rule(w, chain, "ip6 daddr ff02::1:2 udp sport 546 udp dport 547 accept");
	/* Not redirects (137): nobody needs one, and an intruder would. */
	rule(w, chain, "icmpv6 type 133-136 ip6 hoplimit 255 accept");
	rule(w, chain, "icmpv6 type { 130-132, 143 } ip6 hoplimit 1 accept");
}

static void
exempt_chain(const struct writer *w, enum direction direction, bool links)
{
	const struct config *c = w->config;
	const char *chain = direction == IN ? "exempt_in" : "exempt_out";
	uint32_t i;

	if (c->coordinator.address.family != 0 && !address_is_loopback(&c->coordinator.address))
		outgoing(w, direction, &c->coordinator.address, true, c->coordinator.port);
	for (i = 0; i < c->dns_count; i++) {
		if (address_is_loopback(&c->dns[i]))
			continue;
		outgoing(w, direction, &c->dns[i], false, 53);
		outgoing(w, direction, &c->dns[i], true, 53);
	}
	for (i = 0; i < c->management_count; i++)
		incoming(w, direction, &c->management[i]);
	if (links)
		link_rules(w, chain, direction);
	rule(w, chain, "drop");
}

/* docs/protocol.md "Isolation": destination P2P_PORT, or replies to the ports reserved for dialling. */
static void
mesh_chain(const struct writer *w, enum direction direction)
{
	unsigned port = w->config->p2p_port, first, last;

	first = port < 65535 ? port + 1 : port;
	last = port + LIMIT_DIAL_PORTS < 65535 ? port + LIMIT_DIAL_PORTS : 65535;
	if (direction == IN) {
		rule(w, "mesh_in", "tcp dport %u accept", port);
		rule(w, "mesh_in", "tcp sport %u tcp dport %u-%u " NO_SYN " accept", port, first,
		    last);
		rule(
		    w, "mesh_in", "icmp type { 3, 11, 12 } @th,136,8 6 @th,224,16 %u accept", port);
		rule(
		    w, "mesh_in", "icmp type { 3, 11, 12 } @th,136,8 6 @th,240,16 %u accept", port);
		rule(w, "mesh_in", "icmpv6 type { 1-4 } @th,112,8 6 @th,384,16 %u accept", port);
		rule(w, "mesh_in", "icmpv6 type { 1-4 } @th,112,8 6 @th,400,16 %u accept", port);
		rule(w, "mesh_in", "goto exempt_in");
	} else {
		rule(w, "mesh_out", "tcp sport %u " NO_SYN " accept", port);
		rule(w, "mesh_out", "tcp sport %u-%u tcp dport %u accept", first, last, port);
		rule(w, "mesh_out", "goto exempt_out");
	}
}

/* Traffic of the subjects: sever goes first, for an address may be in both sets. */
static void
subject_rules(const struct writer *w, const char *base, const char *side, const char *suffix)
{
	rule(w, base, "ip %s @sever4 goto exempt_%s", side, suffix);
	rule(w, base, "ip6 %s @sever6 goto exempt_%s", side, suffix);
	rule(w, base, "ip %s @cut4 goto mesh_%s", side, suffix);
	rule(w, base, "ip6 %s @cut6 goto mesh_%s", side, suffix);
}

static void
lock_rules(const struct writer *w, const char *base, const char *suffix)
{
	rule(w, base, "meta nfproto @lock_sever goto exempt_%s", suffix);
	rule(w, base, "meta nfproto @lock_cut goto mesh_%s", suffix);
}

/*
 * Before connection tracking (-200), so that established flows stop at once;
 * after reassembly (-400) where that is loaded.  Postrouting sees what was
 * redirected to a subject in between.
 */
static void
write_inet(const struct writer *w)
{
	static const char *const sets[] = {
		"cut4 { type ipv4_addr; flags timeout; }",
		"cut6 { type ipv6_addr; flags timeout; }",
		"sever4 { type ipv4_addr; flags timeout; }",
		"sever6 { type ipv6_addr; flags timeout; }",
		"lock_cut { type nf_proto; }",
		"lock_sever { type nf_proto; }",
	};
	static const char *const chains[] = {
		"prerouting { type filter hook prerouting priority -350; policy accept; }",
		"output { type filter hook output priority -350; policy accept; }",
		"postrouting { type filter hook postrouting priority 90; policy accept; }",
		"mesh_in",
		"mesh_out",
		"exempt_in",
		"exempt_out",
	};
	size_t i;

	(void)fprintf(w->text, "add table inet %s\n", NFT_RULES_TABLE);
	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		(void)fprintf(w->text, "add set inet %s %s\n", NFT_RULES_TABLE, sets[i]);
	for (i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		(void)fprintf(w->text, "add chain inet %s %s\n", NFT_RULES_TABLE, chains[i]);
	(void)fprintf(w->text, "flush table inet %s\n", NFT_RULES_TABLE);

	rule(w, "prerouting", "iif lo accept");
	subject_rules(w, "prerouting", "saddr", "in");
	subject_rules(w, "prerouting", "daddr", "in"); /* forwarded to a subject */
	lock_rules(w, "prerouting", "in");
	rule(w, "output", "oif lo accept");
	subject_rules(w, "output", "daddr", "out");
	lock_rules(w, "output", "out");
	rule(w, "postrouting", "oif lo accept");
	subject_rules(w, "postrouting", "daddr", "out");
	mesh_chain(w, IN);
	mesh_chain(w, OUT);
	exempt_chain(w, IN, true);
	exempt_chain(w, OUT, true);
}

/* A base chain on every device; deleted first, for its devices cannot be changed on Linux 6.1. */
static void
device_chain(const struct writer *w, const char *name)
{
	const struct nft_rules_options *o = w->options;
	size_t i;

	(void)fprintf(w->text,
	    "add chain netdev %s %s\n"
	    "delete chain netdev %s %s\n"
	    "add chain netdev %s %s { type filter hook %s devices = { ",
	    NFT_RULES_TABLE, name, NFT_RULES_TABLE, name, NFT_RULES_TABLE, name, name);
	for (i = 0; i < o->device_count; i++)
		(void)fprintf(w->text, "%s\"%s\"", i == 0 ? "" : ", ", o->devices[i].name);
	(void)fprintf(w->text, " } priority -500; policy accept; }\n");
}

/*
 * By link-layer address, so that link-local, a second or a new address of the
 * subject gains nothing.  What passes here still meets the table above.
 */
static void
write_netdev(const struct writer *w)
{
	static const char *const parts[] = {
		"set netdev " NFT_RULES_TABLE " cut { type ether_addr; flags timeout; }",
		"set netdev " NFT_RULES_TABLE " sever { type ether_addr; flags timeout; }",
		"chain netdev " NFT_RULES_TABLE " link_in",
		"chain netdev " NFT_RULES_TABLE " link_out",
		"chain netdev " NFT_RULES_TABLE " mesh_in",
		"chain netdev " NFT_RULES_TABLE " mesh_out",
		"chain netdev " NFT_RULES_TABLE " exempt_in",
		"chain netdev " NFT_RULES_TABLE " exempt_out",
	};
	size_t i;

	(void)fprintf(w->text, "add table netdev %s\n", NFT_RULES_TABLE);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		(void)fprintf(w->text, "add %s\n", parts[i]);
	(void)fprintf(w->text, "flush table netdev %s\n", NFT_RULES_TABLE);
	if (w->options->netdev_ingress) {
		device_chain(w, "ingress");
		rule(w, "ingress", "ether saddr @sever goto exempt_in");
		rule(w, "ingress", "ether saddr @cut goto link_in");
	}
	if (w->options->netdev_egress) {
		device_chain(w, "egress");
		rule(w, "egress", "ether daddr @sever goto exempt_out");
		rule(w, "egress", "ether daddr @cut goto link_out");
	}
	rule(w, "link_in", "meta protocol arp accept");
	link_rules(w, "link_in", IN);
	rule(w, "link_in", "goto mesh_in");
	rule(w, "link_out", "meta protocol arp accept");
	link_rules(w, "link_out", OUT);
	rule(w, "link_out", "goto mesh_out");
	mesh_chain(w, IN);
	mesh_chain(w, OUT);
	exempt_chain(w, IN, false);
	exempt_chain(w, OUT, false);
}

enum err
nft_rules_write(const struct config *config, const struct nft_rules_options *options, char **text)
{
	struct writer w = { .config = config, .options = options };
	size_t size_bytes;
	bool broken;
	char *buffer = NULL;

	if ((w.text = open_memstream(&buffer, &size_bytes)) == NULL)
		return ERR_NOMEM;
	w.family = "inet";
	write_inet(&w);
	if (options->device_count > 0 && (options->netdev_ingress || options->netdev_egress)) {
		w.family = "netdev";
		write_netdev(&w);
	}
	broken = ferror(w.text) != 0;
	if (fclose(w.text) != 0 || broken) {
		free(buffer);
		return ERR_NOMEM;
	}
	*text = buffer;
	return ERR_OK;
}

bool
nft_rules_exempt(const struct config *config, const struct address *address)
{
	uint32_t i;

	if (address_equal(&config->coordinator.address, address))
		return true;
	for (i = 0; i < config->dns_count; i++)
		if (address_equal(&config->dns[i], address))
			return true;
	for (i = 0; i < config->management_count; i++)
		if (config_management_holds(&config->management[i], address))
			return true;
	return false;
}
