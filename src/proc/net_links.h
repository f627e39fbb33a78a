/*
 * net_links: which connection is which member's link, and what happens on it.
 *
 * The member with the smaller id dials; a newer link of the same member
 * replaces the older.  What the engine was told about a link and what is so
 * may differ while its queue is full; the difference is made up, in order.
 */
#ifndef PROC_NET_LINKS_H
#define PROC_NET_LINKS_H
#include "proc/net_conn.h"

extern const struct conn_events link_events;

MUST_USE enum err links_new(struct net *, struct links **out);
/* A new engine knows of no link: tell it of all. */
void links_announce(struct links *);
/* Tell what could not be told before. */
void links_catch_up(struct links *);
bool links_is_up(const struct links *, member_index);
/* Room for so many members.  NOMEM. */
MUST_USE enum err links_grow(struct links *, size_t members);
/* Close the links with whom the roster does not count among our peers any more. */
void links_drop_strangers(struct links *);
void links_send(struct links *, const struct msg_send *, const uint8_t *data, size_t size_bytes);
void links_close(struct links *, const struct msg_close_link *);
void links_flush(struct links *, const struct msg_flush *);

#endif
