/*
 * nft_batch: one nf_tables transaction, from the first message to the
 * kernel's verdict on every one of them.
 *
 * The kernel answers message by message, and messages before a failing one
 * still read as success; so the transaction stands only if no answer is an
 * error.  Only the last message asks for an acknowledgement: errors come
 * unasked, and before it.
 */
#ifndef SYS_NFT_BATCH_H
#define SYS_NFT_BATCH_H
#include <netinet/in.h> /* before linux/, which then leaves its structs alone */
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_tables.h>
#include "sys/netlink.h"
#include "sys/nft.h"

/* Linux 6.3; newer than the headers of Debian 12. */
#define NFT_MESSAGE_DESTROYSETELEM 30

#define NFT_BATCH_MESSAGES (2 * LIMIT_NETLINK_BATCH)
#define NFT_BATCH_BYTES    (NFT_BATCH_MESSAGES * 112 + 512)

struct nft_batch {
	struct netlink *netlink;
	uint8_t *buffer; /* NFT_BATCH_BYTES, the owner's */
	size_t used_bytes;
	size_t count;
	struct nlmsghdr *last;
	uint32_t begin; /* sequence of the opening message */
	uint32_t sequences[NFT_BATCH_MESSAGES];
	int errors[NFT_BATCH_MESSAGES]; /* an errno a message, after nft_batch_commit() */
};

void nft_batch_begin(struct nft_batch *);
void nft_batch_table(struct nft_batch *, uint16_t type, uint16_t flags, uint8_t family,
    const char *name, uint32_t table_flags);
void nft_batch_element(struct nft_batch *, uint16_t type, uint16_t flags,
    const struct nft_element *);
/* Both families of a lock set go in with one message; add false empties it. */
void nft_batch_lock(struct nft_batch *, const char *set, bool add);
/* A message of its own, not part of a transaction. */
struct nlmsghdr *nft_batch_request(struct netlink *, void *buffer, uint16_t type, uint16_t flags,
    uint8_t family);

/* The set that holds such an element, and its family. */
const char *nft_batch_set(const struct nft_element *, uint8_t *family);
/* All or nothing.  On failure *errors tell, where one message is to blame. */
MUST_USE enum err nft_batch_commit(struct nft_batch *);

#endif
