/*
 * hook_settings: the section [hooks] of phalanx.conf and coordinator.conf, and
 * the command that stands there: an absolute path and its arguments, split at
 * spaces.  '…' and "…" keep spaces together; there is no other quoting, no
 * variable and no shell unless the command is one.
 *
 * Spec: docs/operations.md, "Hooks".
 */
#ifndef SYS_HOOK_SETTINGS_H
#define SYS_HOOK_SETTINGS_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/limits.h"

#define HOOK_TIMEOUT_DEFAULT_MS (60 * 1000)
#define HOOK_FAULT_BYTES        (LIMIT_HOOK_COMMAND_BYTES + 128)

struct hook_settings {
	char command[LIMIT_HOOK_COMMAND_BYTES]; /* on_quarantine; "": none */
	uint32_t timeout_ms;                    /* hook_timeout_s */
	bool on_precaution;                     /* for a host's own precaution, too */
};

struct hook_arguments {
	char text[LIMIT_HOOK_COMMAND_BYTES];
	char *list[LIMIT_HOOK_ARGUMENTS + 1]; /* into text; NULL behind the last */
};

/* MALFORMED: an open quote, or no absolute path; OVERSIZE: too long, or too many arguments. */
MUST_USE enum err hook_split(const char *command, struct hook_arguments *out);
/* May it be run, here and by this user?  If not, why and what to do, in words. */
bool hook_is_usable(const char *command, char fault[HOOK_FAULT_BYTES]);

#endif
