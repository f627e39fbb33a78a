/*
 * notary_pin: the coordinator's key as this node knows it, in
 * state_dir/coordinator.key: 64 hex digits, from the CA's bundle, an operator
 * or the coordinator's first answer.  Above it the configuration.
 *
 * Nothing that comes from another process replaces a key that is there.
 */
#ifndef PROC_NOTARY_PIN_H
#define PROC_NOTARY_PIN_H
#include "proc/messages.h"
#include "sys/config.h"

struct notary_pin {
	char path[LIMIT_PATH_BYTES + 24];
	struct msg_pin held;
};

/* What the configuration says, else the file.  A file that is no key: a key that fits none. */
void notary_pin_load(struct notary_pin *, const struct config *);
/* The coordinator's first answer; taken only where no key is known. */
void notary_pin_keep(struct notary_pin *, const struct msg_pin *);

#endif
