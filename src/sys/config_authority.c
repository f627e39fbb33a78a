#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "sys/config.h"

void
config_authority(const struct config *config, char out[CONFIG_AUTHORITY_BYTES])
{
	const char *host = config->coordinator_host;
	char *p;

	(void)snprintf(out, CONFIG_AUTHORITY_BYTES, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u",
	    host, config->coordinator.port);
	for (p = out; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
}
