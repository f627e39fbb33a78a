/*
 * nft_load: one nftables script into the kernel, in one transaction, by a
 * child that lives for a few milliseconds.  libnftables is opened in the child
 * only, so that its megabytes never stay with the enforcer.
 */
#ifndef SYS_NFT_LOAD_H
#define SYS_NFT_LOAD_H
#include "base/err.h"

/* QUIET: an attempt that may fail.  UNSUPPORTED: refused; NOT_FOUND: no libnftables; IO. */
enum nft_load_tone { NFT_LOAD_LOUD, NFT_LOAD_QUIET };
MUST_USE enum err nft_load(const char *script, enum nft_load_tone);

#endif
