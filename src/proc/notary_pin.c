#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "proc/notary_pin.h"
#include "sys/log.h"
#include "sys/wholefile.h"

#define FILE_MODE 0644 /* no secret: phalanx doctor reads it too */

static bool
is_none(const struct public_key *key)
{
	static const struct public_key none;

	return memcmp(key, &none, sizeof(none)) == 0;
}

static void
read_file(struct notary_pin *pin)
{
	struct public_key key = { .bytes = { 0 } };
	uint8_t *text = NULL;
	size_t size_bytes = 0;
	enum err err;

	err = wholefile_read(pin->path, HEX_ROOM(sizeof(key.bytes)), &text, &size_bytes);
	if (err == ERR_NOT_FOUND)
		return;
	if (err == ERR_OK && size_bytes == HEX_ROOM(sizeof(key.bytes)) &&
	    text[size_bytes - 1] == '\n')
		size_bytes--;
	if (err != ERR_OK ||
	    !hex_parse((const char *)text, size_bytes, key.bytes, sizeof(key.bytes)) ||
	    is_none(&key)) {
		/* Not the same as none: it is there to keep another key out. */
		log_error("%s: not a key of 64 hex digits, so no coordinator is believed; run "
		          "phalanx coordinator trust KEY, or phalanx coordinator forget",
		    pin->path);
		memset(&key, 0, sizeof(key));
	}
	free(text);
	pin->held = (struct msg_pin){ .source = PIN_KEPT, .key = key };
}

void
notary_pin_load(struct notary_pin *pin, const struct config *config)
{
	snprintf(pin->path, sizeof(pin->path), "%s/coordinator.key", config->state_dir);
	pin->held = (struct msg_pin){ .source = PIN_NONE };
	if (!is_none(&config->coordinator_key))
		pin->held =
		    (struct msg_pin){ .source = PIN_CONFIGURED, .key = config->coordinator_key };
	else
		read_file(pin);
}

void
notary_pin_keep(struct notary_pin *pin, const struct msg_pin *wanted)
{
	char text[HEX_ROOM(sizeof(wanted->key.bytes))];
	enum err err;

	if (pin->held.source != PIN_NONE || is_none(&wanted->key)) {
		log_warn("coordinator: a key is known already, another is not kept");
		return;
	}
	hex_format(wanted->key.bytes, sizeof(wanted->key.bytes), text);
	text[sizeof(text) - 1] = '\n';
	if ((err = wholefile_create(pin->path, FILE_MODE, text, sizeof(text))) == ERR_LOCKED) {
		read_file(pin); /* somebody put one there meanwhile: that is the one */
	} else if (err != ERR_OK) {
		log_error("%s: %s: the coordinator's key is known until net starts again only",
		    pin->path, strerror(errno));
	} else {
		pin->held = (struct msg_pin){ .source = PIN_KEPT, .key = wanted->key };
	}
}
