/*
 * feed_reader: a log file line by line, in memory that grows to the longest
 * line (at most LIMIT_LINE_BYTES) and is freed with the reader.
 */
#ifndef SYS_FEED_READER_H
#define SYS_FEED_READER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct feed_reader {
	int fd; /* the caller's */
	char *data;
	size_t room, used, taken;
	uint64_t offset; /* in the file, of data[0] */
	bool at_end;
};

struct feed_text {
	char *text; /* without its line feed; until the next call, may be overwritten */
	size_t chars;
	uint64_t offset; /* of its first byte in the file */
	bool complete;   /* a line feed followed */
	bool too_long;   /* only a beginning is here; the rest was passed over */
};

void feed_reader_init(struct feed_reader *, int fd, uint64_t offset);
void feed_reader_free(struct feed_reader *);
/* NOT_FOUND at the end.  IO, NOMEM. */
MUST_USE enum err feed_reader_next(struct feed_reader *, struct feed_text *out);

#endif
