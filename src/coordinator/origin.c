#include <string.h>
#include <strings.h>
#include "coordinator/origin.h"

/* "Host: name:port" without the port, without brackets. */
static bool
host_name(const char *host, char out[SETTINGS_HOST_BYTES])
{
	const char *end;
	size_t length;

	if (*host == '[') {
		host++;
		if ((end = strchr(host, ']')) == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
	} else {
		end = host + strcspn(host, ":");
	}
	length = (size_t)(end - host);
	if (length == 0 || length >= SETTINGS_HOST_BYTES)
		return false;
	memcpy(out, host, length);
	out[length] = '\0';
	return true;
}

/*
 * Local names, configured names, and the very address that the connection
 * came to: a name that an attacker controls is none of these, whatever it
 * resolves to.
 */
bool
origin_host_is_ours(const struct coordinator *c, const struct http_request *request)
{
	char name[SETTINGS_HOST_BYTES], origin[SETTINGS_HOST_BYTES];
	struct address literal;
	const char *authority;

	if (request->host == NULL || !host_name(request->host, name))
		return false;
	if (strcasecmp(name, "localhost") == 0)
		return true;
	if (address_parse(name, &literal))
		return address_is_loopback(&literal) || address_equal(&literal, &request->local);
	for (size_t i = 0; i < c->settings->host_count; i++)
		if (strcasecmp(name, c->settings->hosts[i]) == 0)
			return true;
	authority = strstr(c->settings->allowed_origin, "://");
	return authority != NULL && host_name(authority + 3, origin) &&
	       strcasecmp(name, origin) == 0;
}

bool
origin_is_ours(const struct coordinator *c, const struct http_request *request)
{
	const char *authority;

	if (request->origin == NULL)
		return false;
	if (strcmp(request->origin, c->settings->allowed_origin) == 0)
		return true;
	authority = strstr(request->origin, "://");
	return authority != NULL && strcasecmp(authority + 3, request->host) == 0;
}
