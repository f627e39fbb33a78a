/*
 * nft: the kernel's firewall as three verbs.  The table is loaded once, by
 * libnftables in a short-lived child; after that single elements go in and
 * out in one libmnl batch (10 to 50 us).
 *
 * Spec: docs/protocol.md, "Isolation"; docs/privsep.md, "Enforcer".
 */
#ifndef SYS_NFT_H
#define SYS_NFT_H
#include "base/err.h"
#include "core/types.h"
#include "sys/config.h"

struct nft; /* opaque */

struct nft_features {
	bool netdev_ingress, netdev_egress, destroy_element;
};

enum nft_set { NFT_CUT, NFT_SEVER };

struct nft_element {
	enum nft_set set;
	bool is_mac;
	struct address address;
	struct mac mac;
	uint64_t timeout_ms; /* 0: none */
};

/* Open the netlink socket and load the table unless the very same one stands.
 * UNSUPPORTED (no nf_tables), DENIED (no CAP_NET_ADMIN), IO. */
MUST_USE enum err nft_open(const struct config *, struct nft **out);
void nft_close(struct nft *); /* accepts NULL; rules stay */
const struct nft_features *nft_features(const struct nft *);
/* All or nothing, acknowledged by the kernel.  Adding what is there renews it. */
MUST_USE enum err nft_add(struct nft *, const struct nft_element *, size_t count);
/* Missing elements are no error. */
MUST_USE enum err nft_remove(struct nft *, const struct nft_element *, size_t count);
/* This host's own lock-down: NONE, CUT (mesh port stays) or SEVER. */
MUST_USE enum err nft_lock(struct nft *, enum strength);
/* What the kernel holds now. */
MUST_USE enum err nft_dump(struct nft *,
    void (*each)(void *context, const struct nft_element *), void *context,
    enum strength *lock);
/* Is the table as we loaded it (rules and hooks)?  Loads it anew if not, elements kept where possible. */
MUST_USE enum err nft_verify(struct nft *, bool *reloaded);
/* Remove the whole table: phalanx unlock --all. */
MUST_USE enum err nft_unload(void);

#endif
