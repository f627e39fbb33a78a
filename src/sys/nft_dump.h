/*
 * nft_dump: reading back what the kernel holds of our tables.
 */
#ifndef SYS_NFT_DUMP_H
#define SYS_NFT_DUMP_H
#include "sys/netlink.h"
#include "sys/nft.h"

/* The generation of the rule set: one more with every commit of anybody. */
MUST_USE enum err nft_dump_generation(struct netlink *, uint32_t *out);
/* NOT_FOUND: no such table. */
MUST_USE enum err nft_dump_table(struct netlink *, uint8_t family, const char *name);
/* Every element of one set; element->set and is_mac say which.  NOT_FOUND, AGAIN... */
MUST_USE enum err nft_dump_set(struct netlink *, const struct nft_element *kind,
    void (*each)(void *context, const struct nft_element *), void *context);
/* How many protocol families a lock set holds. */
MUST_USE enum err nft_dump_lock(struct netlink *, const char *set, unsigned *count);
/* A digest of flags, hooks and rules of both tables; whatever is gone changes it. */
MUST_USE enum err nft_dump_fingerprint(struct netlink *, uint64_t *out);

#endif
