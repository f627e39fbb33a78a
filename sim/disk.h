/*
 * disk: the notary's files of one host, as src/sys/feed.c keeps them: a line
 * is written, made durable, and only then signed and handed out.  What was
 * not made durable may be lost or torn when the power fails; a process that
 * is killed loses nothing that it wrote.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H
#include "base/prng.h"
#include "sim/authority.h"
#include "sim/queue.h"

struct disk_line {
	struct payload *bytes;
	struct hash hash;
	uint64_t incarnation, sequence; /* of own ones */
	bool own;
	bool durable;
};

struct disk {
	struct disk_line *lines;
	size_t count, room;
	uint64_t incarnation;    /* the feed's */
	uint64_t sequence;       /* its newest entry's */
	struct hash head;
	bool busy;               /* the notary does one thing at a time */
	uint64_t busy_until_ms;
	bool full;
};

void disk_free(struct disk *);
void disk_copy(const struct disk *, struct disk *out);
/* Compose what the draft leaves open, sign it and write it, not yet durable. */
struct payload *disk_write(struct disk *, const struct authority *, member_index self,
    struct span draft);
/* Take the newest own line back: it could not be made durable. */
void disk_take_back(struct disk *);
/* All own lines, or all of the others'. */
void disk_make_durable(struct disk *, bool own);
void disk_keep(struct disk *, struct payload *);
/* Keep a random part of what is not durable. */
void disk_lose_power(struct disk *, struct prng *);
/* What opening the files does: the feed's newest entry; another incarnation begins anew. */
void disk_open(struct disk *, uint64_t incarnation);
/* As it was when it held so many lines. */
void disk_restore(struct disk *, size_t lines);

#endif
