#include "sys/uids.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 256

/* A decimal number up to `end`; false: it is none, or is no uid. */
static bool
read_number(const char **text, char end, uint32_t *out)
{
	char *rest;
	unsigned long value;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	value = strtoul(*text, &rest, 10);
	if (errno != 0 || *rest != end || value > INT32_MAX)
		return false;
	*out = (uint32_t)value;
	*text = rest + 1;
	return true;
}

/* The first range of the user's that is long enough; 0: none. */
static uint32_t
first_of(const char *path)
{
	char line[LINE_BYTES];
	uint32_t first = 0, found = 0, count;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return 0;
	while (found == 0 && fgets(line, sizeof(line), file) != NULL) {
		const char *at = line + strlen(UIDS_USER ":");

		if (strncmp(line, UIDS_USER ":", strlen(UIDS_USER ":")) == 0 &&
		    read_number(&at, ':', &first) && read_number(&at, '\n', &count) &&
		    count >= UIDS_NEEDED && first <= INT32_MAX - count)
			found = first;
	}
	fclose(file);
	return found;
}

uint32_t
uids_reserved(const char *subuid_path, const char *subgid_path)
{
	uint32_t first = first_of(subuid_path);

	return first == first_of(subgid_path) ? first : 0;
}
