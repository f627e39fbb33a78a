/*
 * rings: who links to whom in a large mesh.  Above LIMIT_FULL_MESH nodes, the
 * nodes of the current epoch stand on LIMIT_RINGS rings, each sorted by
 * SHA-256("phalanx/ring/1" || ring u8 || id), ties by id, and a node links to
 * its successor and its predecessor on each.  Anybody can compute and check
 * anybody's neighbours, and nobody chooses whose neighbour it is.
 *
 * Pure.  Spec: docs/protocol.md, "Spreading".
 */
#ifndef CORE_RINGS_H
#define CORE_RINGS_H
#include "core/roster.h"

#define RINGS_NEIGHBOURS (2 * LIMIT_RINGS)

struct rings; /* opaque */

/* For the current epoch of the roster; does not point into it.  ERR_NOMEM. */
MUST_USE enum err rings_new(const struct crypto *, const struct roster *, struct rings **out);
void rings_free(struct rings *); /* accepts NULL */
/* Everybody links to everybody: at most LIMIT_FULL_MESH nodes. */
bool rings_are_full_mesh(const struct rings *);
/* Symmetric; nobody is its own neighbour, nor a neighbour of who is not in the epoch. */
bool rings_are_neighbours(const struct rings *, member_index, member_index);
/* Ascending index, each once.  In a full mesh: all others.  *count in: room, out: filled.  OVERSIZE. */
MUST_USE enum err rings_neighbours(const struct rings *, member_index, member_index *out,
    size_t *count);

#endif
