#include "sys/wholefile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err
from_errno(void)
{
	if (errno == ENOENT)
		return ERR_NOT_FOUND;
	if (errno == EACCES || errno == EPERM)
		return ERR_DENIED;
	return errno == ENOMEM ? ERR_NOMEM : ERR_IO;
}

static bool
write_all(int fd, const uint8_t *data, size_t size_bytes)
{
	while (size_bytes > 0) {
		ssize_t n = write(fd, data, size_bytes);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		size_bytes -= (size_t)n;
	}
	return true;
}

enum err
wholefile_read(const char *path, size_t limit_bytes, uint8_t **out, size_t *size_bytes)
{
	uint8_t *data = NULL;
	size_t used = 0;
	struct stat st;
	enum err err;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return from_errno();
	if (fstat(fd, &st) == -1) {
		err = from_errno();
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		err = ERR_IO;
		goto fail;
	}
	if ((uint64_t)st.st_size > limit_bytes) {
		err = ERR_OVERSIZE;
		goto fail;
	}
	if ((data = malloc((size_t)st.st_size + 1)) == NULL) {
		err = ERR_NOMEM;
		goto fail;
	}
	while (used < (size_t)st.st_size) {
		ssize_t n = read(fd, data + used, (size_t)st.st_size - used);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err = from_errno();
			goto fail;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	data[used] = '\0';
	*out = data;
	*size_bytes = used;
	return ERR_OK;

fail:
	free(data);
	close(fd);
	return err;
}

/* A rename is durable only once its directory is. */
static enum err
sync_directory_of(const char *path)
{
	char copy[PATH_MAX];
	int fd, status;

	snprintf(copy, sizeof(copy), "%s", path);
	if ((fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return from_errno();
	status = fsync(fd);
	close(fd);
	return status == -1 ? ERR_IO : ERR_OK;
}

static enum err
put(const char *path, mode_t mode, const void *data, size_t size_bytes, unsigned flags)
{
	char temporary[PATH_MAX];
	enum err err;
	int fd, saved;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return ERR_IO;
	}
	if ((fd = mkostemp(temporary, O_CLOEXEC)) == -1)
		return from_errno();
	if (fchmod(fd, mode) == -1 || !write_all(fd, data, size_bytes) || fsync(fd) == -1) {
		err = from_errno();
		goto fail;
	}
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, flags) == -1) {
		err = errno == EEXIST ? ERR_LOCKED : from_errno();
		goto fail;
	}
	close(fd);
	return sync_directory_of(path);

fail:
	saved = errno;
	close(fd);
	unlink(temporary);
	errno = saved;
	return err;
}

enum err
wholefile_replace(const char *path, mode_t mode, const void *data, size_t size_bytes)
{
	return put(path, mode, data, size_bytes, 0);
}

enum err
wholefile_create(const char *path, mode_t mode, const void *data, size_t size_bytes)
{
	return put(path, mode, data, size_bytes, RENAME_NOREPLACE);
}

enum err
wholefile_make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == -1 && errno != EEXIST)
		return from_errno();
	return ERR_OK;
}
