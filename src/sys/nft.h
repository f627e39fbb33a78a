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
struct netlink_host;

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

/*
 * Own the enforcement of this network namespace and load the rules in one
 * transaction; what a table that stands holds in its sets stays.
 * UNSUPPORTED (no nf_tables), DENIED (no CAP_NET_ADMIN), LOCKED (another
 * phalanxd enforces here), IO.
 */
MUST_USE enum err nft_open(const struct config *, struct nft **out);
/* Look at, and lift, what stands; loads nothing and owns nothing: phalanx unlock. */
MUST_USE enum err nft_attach(struct nft **out);
void nft_close(struct nft *); /* accepts NULL; rules stay */
const struct nft_features *nft_features(const struct nft *);
/* This host's addresses and devices; NULL after nft_attach(). */
struct netlink_host *nft_host(struct nft *);
/*
 * Remove and add, acknowledged by the kernel.  Up to LIMIT_NETLINK_BATCH
 * elements are all or nothing; more go in several batches, additions first.
 * Adding what is there renews it, removing what is not there is no error.
 */
MUST_USE enum err nft_change(struct nft *, const struct nft_element *remove, size_t remove_count,
    const struct nft_element *add, size_t add_count);
MUST_USE enum err nft_add(struct nft *, const struct nft_element *, size_t count);
MUST_USE enum err nft_remove(struct nft *, const struct nft_element *, size_t count);
/* This host's own lock-down: NONE, CUT (mesh port stays) or SEVER. */
MUST_USE enum err nft_lock(struct nft *, enum strength);
/* What the kernel holds now. */
MUST_USE enum err nft_dump(struct nft *,
    void (*each)(void *context, const struct nft_element *), void *context,
    enum strength *lock);
/*
 * Are rules and hooks as we loaded them, on the devices there are now?  Loads
 * them anew if not, elements kept where they still stand.  DENIED: people hold
 * it off (NFT_UNLOCKED_ALL).
 */
MUST_USE enum err nft_verify(struct nft *, bool *reloaded);
/* Did anybody but us commit to nf_tables, or did devices change, since the last call?  One round trip. */
MUST_USE enum err nft_disturbed(struct nft *, bool *disturbed);
/* Remove both tables, unless another process enforces here (LOCKED): observe mode. */
MUST_USE enum err nft_unload(void);

/*
 * Break-glass: an empty table of its own says what people took away, so that
 * it holds whatever becomes of the daemon, until undone.
 */
#define NFT_UNLOCKED_FILE "unlocked" /* in state_dir: says "lock" or "all", and outlives a reboot */

enum nft_unlocked {
	NFT_UNLOCKED_NOTHING,
	NFT_UNLOCKED_LOCK, /* this host's own lock-down is not applied */
	NFT_UNLOCKED_ALL   /* nothing is applied */
};
MUST_USE enum err nft_unlocked_get(struct nft *, enum nft_unlocked *out);
/* In one transaction with lifting what it names. */
MUST_USE enum err nft_unlocked_set(struct nft *, enum nft_unlocked);

#endif
