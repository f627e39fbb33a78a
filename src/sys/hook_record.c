/*
 * hook_record: see hook_record.h.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/hex.h"
#include "base/limits.h"
#include "base/map.h"
#include "sys/hook_record.h"
#include "sys/log.h"
#include "sys/loop.h"

#define LINE_BYTES 128
#define HEX_CHARS  (2 * sizeof(((struct incident_id *)0)->bytes))

/* What a map holds for an incident. */
static char begun, ended;

struct hook_record {
	int fd;
	off_t end; /* of the last whole line */
	struct map *incidents;
};

/* ---- reading ------------------------------------------------------------------- */

static enum err
take_line(struct hook_record *r, const char *line)
{
	struct incident_id incident;
	char word[8], hex[HEX_CHARS + 2];

	if (sscanf(line, "%7s %17s", word, hex) != 2 || strlen(hex) != HEX_CHARS ||
	    !hex_parse(hex, HEX_CHARS, incident.bytes, sizeof(incident.bytes)))
		return ERR_MALFORMED;
	if (strcmp(word, "begun") == 0)
		return map_count(r->incidents) == LIMIT_HOOK_RECORDS
		           ? ERR_FULL
		           : map_put(r->incidents, incident.bytes, &begun);
	if (strcmp(word, "ended") != 0 || map_get(r->incidents, incident.bytes) == NULL)
		return ERR_MALFORMED;
	return map_put(r->incidents, incident.bytes, &ended);
}

static enum err
read_lines(struct hook_record *r, const char *path)
{
	char line[LINE_BYTES];
	unsigned number = 0;
	FILE *file;
	enum err err = ERR_OK;
	int copy;

	if ((copy = fcntl(r->fd, F_DUPFD_CLOEXEC, 0)) == -1 || (file = fdopen(copy, "r")) == NULL) {
		if (copy != -1)
			close(copy);
		return ERR_NOMEM;
	}
	while (err == ERR_OK && fgets(line, sizeof(line), file) != NULL) {
		number++;
		if (strchr(line, '\n') == NULL && feof(file))
			break; /* torn: it was never synced, so nothing followed from it */
		err = take_line(r, line);
		r->end += (off_t)strlen(line);
	}
	if (err == ERR_OK && ferror(file))
		err = ERR_IO;
	fclose(file);
	if (err != ERR_OK)
		log_error("%s:%u: %s; move the file aside only if no standing quarantine is to be "
		          "acted upon again",
		    path, number, err_text(err));
	return err;
}

/* A file whose name is not on disk is a file that a crash takes away. */
static enum err
sync_folder(const char *path)
{
	char copy[LIMIT_PATH_BYTES + 32];
	int fd, status;

	snprintf(copy, sizeof(copy), "%s", path);
	if ((fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return ERR_IO;
	status = fsync(fd);
	close(fd);
	return status == 0 ? ERR_OK : ERR_IO;
}

enum err
hook_record_open(const char *path, struct hook_record **out)
{
	struct hook_record *r;
	enum err err = ERR_IO;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return ERR_NOMEM;
	r->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->fd == -1) {
		log_errno("%s", path);
		goto fail;
	}
	if (flock(r->fd, LOCK_EX | LOCK_NB) == -1) {
		log_error("%s: another process has it", path);
		err = ERR_LOCKED;
		goto fail;
	}
	if ((err = map_new(sizeof(struct incident_id), loop_now_ns(), &r->incidents)) != ERR_OK ||
	    (err = read_lines(r, path)) != ERR_OK)
		goto fail;
	if (ftruncate(r->fd, r->end) == -1 || fsync(r->fd) == -1 || sync_folder(path) != ERR_OK) {
		log_errno("%s", path);
		err = ERR_IO;
		goto fail;
	}
	*out = r;
	return ERR_OK;

fail:
	hook_record_free(r);
	return err;
}

void
hook_record_free(struct hook_record *r)
{
	if (r == NULL)
		return;
	map_free(r->incidents);
	if (r->fd != -1)
		close(r->fd);
	free(r);
}

/* ---- writing ------------------------------------------------------------------- */

static enum err
append(struct hook_record *r, const struct incident_id *incident, const char *verb, const char *how)
{
	char hex[HEX_ROOM(sizeof(incident->bytes))], line[LINE_BYTES];
	ssize_t written;
	int length;

	hex_format(incident->bytes, sizeof(incident->bytes), hex);
	length = snprintf(line, sizeof(line), "%s %s %s%s%" PRIu64 "\n", verb, hex, how,
	    how[0] == '\0' ? "" : " ", loop_unix_ms());
	if (length < 0 || (size_t)length >= sizeof(line))
		return ERR_OVERSIZE;
	written = pwrite(r->fd, line, (size_t)length, r->end);
	if (written != length || fdatasync(r->fd) == -1) {
		log_errno("the hooks' record cannot be written");
		(void)!ftruncate(r->fd, r->end);
		return ERR_IO;
	}
	r->end += length;
	return ERR_OK;
}

bool
hook_record_has(const struct hook_record *r, const struct incident_id *incident)
{
	return map_get(r->incidents, incident->bytes) != NULL;
}

enum err
hook_record_begin(struct hook_record *r, const struct incident_id *incident)
{
	enum err err;

	if (map_count(r->incidents) == LIMIT_HOOK_RECORDS)
		return ERR_FULL;
	/* Remembered first: if the disk fails half-way, it must not run later either. */
	if ((err = map_put(r->incidents, incident->bytes, &begun)) != ERR_OK)
		return err;
	return append(r, incident, "begun", "");
}

void
hook_record_end(struct hook_record *r, const struct incident_id *incident, const char *how)
{
	if (append(r, incident, "ended", how) != ERR_OK)
		log_error("how the hook ended is not recorded; it does not run again");
	/* A replaced value keeps its key's place, so nothing is allocated. */
	if (map_put(r->incidents, incident->bytes, &ended) != ERR_OK)
		log_error("hooks' record: no memory");
}

bool
hook_record_open_ended(const struct hook_record *r, struct incident_id *out)
{
	size_t cursor = 0;
	const void *key;
	void *value;

	while (map_next(r->incidents, &cursor, &key, &value))
		if (value == &begun) {
			memcpy(out->bytes, key, sizeof(out->bytes));
			return true;
		}
	return false;
}
