/*
 * nft_rules: the rule set as text for libnftables.  Pure but for its memory.
 *
 * Loading it anew replaces every rule and every hook in one transaction and
 * leaves the sets with their elements alone.  Spec: docs/enforcement.md.
 */
#ifndef SYS_NFT_RULES_H
#define SYS_NFT_RULES_H
#include "base/err.h"
#include "sys/config.h"
#include "sys/netlink_host.h"

#define NFT_RULES_TABLE "phalanx" /* in families inet and netdev */

struct nft_rules_options {
	bool netdev_ingress, netdev_egress;
	const struct netlink_device *devices;
	size_t device_count;
	uint16_t local_port_first, local_port_last; /* ip_local_port_range */
};

/* The caller frees *text. */
MUST_USE enum err nft_rules_write(const struct config *, const struct nft_rules_options *,
    char **text);
/* Is it the far end of a configured exempt flow? */
bool nft_rules_exempt(const struct config *, const struct address *);

#endif
