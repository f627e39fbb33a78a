/*
 * parent_files: see parent.h.  Runs once, while the parent still may.
 */
#include <sys/stat.h>
#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "proc/parent.h"
#include "sys/log.h"

static uid_t
uid_of(const struct config *config, enum role_id role)
{
	return config->uid_base == 0 ? getuid() : config->uid_base + (uint32_t)role;
}

#define ANYBODY ((uid_t)-1)

/* To owner, with exactly mode; to ANYBODY: the owner stays, mode is added. */
static enum err
give(int directory, const char *name, uid_t owner, mode_t mode)
{
	struct stat status;
	enum err err = ERR_OK;
	int fd;

	fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			return ERR_OK; /* who needs it says so */
		log_errno("%s", name);
		return errno == ELOOP ? ERR_DENIED : ERR_IO;
	}
	if (fstat(fd, &status) == -1) {
		err = ERR_IO;
		goto out;
	}
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1) {
		log_error("%s: not a plain file with a single name; replace it", name);
		err = ERR_DENIED;
		goto out;
	}
	if (owner == ANYBODY) {
		owner = status.st_uid;
		mode |= status.st_mode & 07777;
	}
	if ((status.st_uid != owner && fchown(fd, owner, owner) == -1) ||
	    ((status.st_mode & 07777) != mode && fchmod(fd, mode) == -1)) {
		log_errno("%s: cannot be given to uid %u", name, owner);
		err = ERR_DENIED;
	}
out:
	close(fd);
	return err;
}

/* Logs, torn tails and whatever else lies in the state directory are the notary's. */
static enum err
give_logs(int directory, uid_t owner)
{
	struct dirent *entry;
	enum err err = ERR_OK;
	DIR *listing;
	int copy;

	if ((copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return ERR_IO;
	if ((listing = fdopendir(copy)) == NULL) {
		close(copy);
		return ERR_NOMEM;
	}
	while (err == ERR_OK && (entry = readdir(listing)) != NULL)
		if (strncmp(entry->d_name, "audit.log", 9) == 0 ||
		    strncmp(entry->d_name, "received.log", 12) == 0)
			err = give(directory, entry->d_name, owner, 0600);
	closedir(listing);
	return err;
}

static enum err
open_folder(const char *path, mode_t mode, uid_t owner, int *out)
{
	struct stat status;
	int fd;

	if (mkdir(path, mode) == -1 && errno != EEXIST) {
		log_errno("%s: cannot be made", path);
		return ERR_IO;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &status) == -1 ||
	    (status.st_uid != owner && fchown(fd, owner, owner) == -1) ||
	    ((status.st_mode & 07777) != mode && fchmod(fd, mode) == -1)) {
		log_errno("%s: must be a folder of uid %u", path, owner);
		if (fd != -1)
			close(fd);
		return ERR_DENIED;
	}
	*out = fd;
	return ERR_OK;
}

enum err
files_hand_over(const struct config *config)
{
	const bool separate = config->uid_base != 0;
	const uid_t notary = uid_of(config, ROLE_NOTARY), net = uid_of(config, ROLE_NET);
	char certificates[LIMIT_PATH_BYTES + 8];
	const char *const shown[] = { config->cert_file, config->ca_file, config->roster_file };
	int state = -1, certs = -1;
	size_t i;
	enum err err;

	/* Others pass through to the files that are theirs; they cannot list. */
	if ((err = open_folder(config->state_dir, separate ? 0711 : 0700, notary, &state)) !=
	    ERR_OK)
		return err;
	snprintf(certificates, sizeof(certificates), "%s/certs", config->state_dir);
	err = open_folder(certificates, separate ? 0711 : 0700, getuid(), &certs);
	if (err == ERR_OK)
		err = give_logs(state, notary);
	/* Absolute names, so the folder does not matter. */
	if (err == ERR_OK)
		err = give(AT_FDCWD, config->identity_file, notary, 0600);
	if (err == ERR_OK)
		err = give(AT_FDCWD, config->key_file, net, 0600);
	for (i = 0; separate && err == ERR_OK && i < 3; i++)
		err = give(AT_FDCWD, shown[i], ANYBODY, 0444);
	/* The node does without an analyser that lacks its token; that one says so. */
	if (err == ERR_OK && config->run_analyser && config->token_file[0] != '\0')
		(void)!give(AT_FDCWD, config->token_file, uid_of(config, ROLE_ANALYSER), 0600);
	if (certs != -1)
		close(certs);
	close(state);
	return err;
}

/* ---- uids ------------------------------------------------------------------------- */

static bool
mapped(const char *path, uint32_t first, uint32_t count)
{
	unsigned inside, outside, length;
	bool found = false;
	FILE *file;

	if ((file = fopen(path, "re")) == NULL)
		return false;
	while (!found && fscanf(file, "%u %u %u", &inside, &outside, &length) == 3)
		found = first >= inside && count <= length && first - inside <= length - count;
	fclose(file);
	return found;
}

static bool
setgroups_denied(void)
{
	char word[8] = "";
	FILE *file = fopen("/proc/self/setgroups", "re");

	if (file == NULL)
		return false;
	if (fgets(word, sizeof(word), file) == NULL)
		word[0] = '\0';
	fclose(file);
	return strncmp(word, "deny", 4) == 0;
}

bool
files_uids_usable(uint32_t uid_base)
{
	const char *why = NULL;

	if (uid_base == 0)
		return false;
	if (capng_get_caps_process() != 0 || !capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) ||
	    !capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID) ||
	    !capng_have_capability(CAPNG_EFFECTIVE, CAP_CHOWN))
		why = "phalanxd may not change uids";
	else if (!mapped("/proc/self/uid_map", uid_base, ROLE_HOOKS) ||
	         !mapped("/proc/self/gid_map", uid_base, ROLE_HOOKS) || setgroups_denied())
		why = "this user namespace does not map them";
	if (why != NULL)
		log_warn("uid_base %u is not used, every process runs as uid %u: %s; Landlock and "
		         "seccomp alone keep them apart",
		    uid_base, getuid(), why);
	return why == NULL;
}
