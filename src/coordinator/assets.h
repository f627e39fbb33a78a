/*
 * assets: the page's files, embedded at build time from web/.
 */
#ifndef COORDINATOR_ASSETS_H
#define COORDINATOR_ASSETS_H
#include <stddef.h>

struct asset {
	const char *path; /* "/" for index.html */
	const char *type;
	const char *etag; /* quoted, of the content */
	const unsigned char *data;
	size_t size_bytes;
	const unsigned char *gzip; /* the same, packed */
	size_t gzip_bytes;
};

extern const struct asset assets[];
extern const size_t asset_count;

#endif
