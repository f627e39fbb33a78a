/*
 * blame: who is to blame when a decoy is touched?
 *
 * Pure.  Spec: docs/protocol.md, "Isolation".
 */
#ifndef CORE_BLAME_H
#define CORE_BLAME_H
#include "core/core.h"
#include "core/rules.h"

struct blame {
	enum cause cause;
	member_index member; /* CAUSE_MEMBER */
	bool this_host;      /* CAUSE_INSIDE: loopback or an own address; never cut */
};

/*
 * source_mac: what the neighbour table says of the source now.  link_macs:
 * per member, what it said of the far end of its mesh link; zeros: unknown.
 */
struct blame blame_of(const struct core_config *, const struct address *source,
    const struct mac *source_mac, const struct mac *link_macs);

#endif
