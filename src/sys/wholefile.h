/*
 * wholefile: whole small files, read and written so that a crash leaves either the
 * old content or the new, never a part.
 */
#ifndef SYS_WHOLEFILE_H
#define SYS_WHOLEFILE_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

/*
 * The whole file in memory that the caller frees, with a NUL behind it that
 * *size_bytes does not count.  NOT_FOUND, DENIED, IO, OVERSIZE, NOMEM; errno is set
 * for all but OVERSIZE.
 */
MUST_USE enum err wholefile_read(const char *path, size_t limit_bytes, uint8_t **out,
    size_t *size_bytes);
/* Written beside, fsync'ed, renamed over path; then the directory is fsync'ed.  DENIED, IO. */
MUST_USE enum err wholefile_replace(const char *path, mode_t, const void *data, size_t size_bytes);
/* The same, but path must not exist: LOCKED. */
MUST_USE enum err wholefile_create(const char *path, mode_t, const void *data, size_t size_bytes);
/* One directory; that it exists is fine.  DENIED, IO. */
MUST_USE enum err wholefile_make_directory(const char *path, mode_t);

#endif
