/*
 * settings: coordinator.conf (INI), above it the environment, above that
 * "key=value" flags.  Errors name file, line, key and remedy on standard
 * error.
 *
 * [coordinator] port listen hosts state_dir roster_file ca_file
 * allowed_origin require_signed_registration local_mode viewers keep_days
 * log_level
 * [hooks] on_quarantine hook_timeout_s on_precaution
 */
#ifndef COORDINATOR_SETTINGS_H
#define COORDINATOR_SETTINGS_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/limits.h"
#include "core/types.h"
#include "sys/hook_settings.h"

#define SETTINGS_LISTENERS 16
#define SETTINGS_HOSTS     16
#define SETTINGS_HOST_BYTES 256

struct settings {
	uint16_t port;                       /* COORDINATOR_PORT, 8090 */
	struct endpoint listen[SETTINGS_LISTENERS]; /* default: loopback, both families */
	size_t listen_count;
	bool listen_given;                   /* else inherited sockets replace the default */
	char hosts[SETTINGS_HOSTS][SETTINGS_HOST_BYTES]; /* names by which people reach it */
	size_t host_count;
	char state_dir[LIMIT_PATH_BYTES];    /* /var/lib/phalanx-coordinator */
	char roster_file[LIMIT_PATH_BYTES];  /* "": none; relative to state_dir */
	char ca_file[LIMIT_PATH_BYTES];
	char allowed_origin[SETTINGS_HOST_BYTES]; /* ALLOWED_ORIGIN, http://localhost:PORT */
	bool require_signed;                 /* REQUIRE_SIGNED_REGISTRATION, true */
	bool local_mode;                     /* LOCAL_MODE, false */
	bool viewers_sign_in;                /* VIEWERS, anyone: else who looks has to sign in */
	unsigned keep_days;                  /* reports, votes, log: LIMIT_KEEP_DAYS */
	char log_level[8];
	struct hook_settings hooks;
};

/* path NULL: /etc/phalanx/coordinator.conf if it is there.  ERR_CONFIG, ERR_IO. */
MUST_USE enum err settings_load(const char *path, const char *const *flags, size_t flag_count,
    struct settings *out);

#endif
