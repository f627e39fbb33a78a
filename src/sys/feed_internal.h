/*
 * feed_internal: what feed.c, feed_open.c and feed_received.c share.
 */
#ifndef SYS_FEED_INTERNAL_H
#define SYS_FEED_INTERNAL_H
#include "sys/feed.h"
#include "sys/feed_line.h"
#include "sys/feed_reader.h"

#define FEED_HEADER_BYTES 160
#define FEED_AUDIT        "audit.log"
#define FEED_RECEIVED_LOG "received.log"
#define FEED_LOST         "audit.log.lost" /* the incarnation in which audit.log was found damaged */

struct feed_staged {
	uint32_t ticket;
	size_t body_at, body_bytes; /* in feed.bodies */
	size_t signature_at;        /* in feed.lines */
};

/* Bytes that grow; small ones are kept between commits. */
struct feed_buffer {
	uint8_t *data;
	size_t used, room;
};

/* What one author takes of received.log. */
struct feed_share {
	uint64_t passing_bytes, standing_bytes;
};

struct feed {
	struct feed_config config;
	const struct member *self;
	int directory;
	int fd; /* audit.log, locked */
	bool lost_state;
	bool dirty_tail; /* bytes of a failed commit may lie behind size_bytes */
	uint64_t size_bytes;
	uint64_t incarnation; /* of the last entry in the file, then ours */
	uint64_t sequence, staged_sequence;
	struct hash head, staged_head;

	struct feed_staged staged[LIMIT_PENDING_APPENDS];
	size_t staged_count;
	uint32_t next_ticket;
	struct feed_buffer lines, bodies;

	int received;
	uint64_t received_bytes;
	struct feed_share *shares; /* by member index */
	bool received_dirty;       /* written since the last sync */
};

/* A log's first line, with its line feed: {"phalanx_WHAT":1,"mesh":…,OWNER:…} */
size_t feed_header(const struct feed *, const char *what, const char *owner,
    char out[FEED_HEADER_BYTES]);
/* What of a file's first line: ours, none yet, a foreign one, a later version. */
enum feed_header_is { HEADER_OURS, HEADER_ABSENT, HEADER_FOREIGN, HEADER_LATER };
MUST_USE enum err feed_header_check(int fd, const char *expected, size_t expected_bytes,
    enum feed_header_is *out);
/* All of it at that offset, or ERR_IO. */
MUST_USE enum err feed_write_at(int fd, const void *data, size_t size_bytes, uint64_t offset);
/* Keep [from, end of file) as NAME.torn.N, then cut it off. */
MUST_USE enum err feed_set_aside(const struct feed *, int fd, const char *name, uint64_t from);
MUST_USE enum err feed_open_own(struct feed *);
MUST_USE enum err feed_open_received(struct feed *);

#endif
