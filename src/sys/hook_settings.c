/*
 * hook_settings: see hook_settings.h.
 */
#include <sys/stat.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "sys/hook_settings.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Copies one argument to *out, without its quotes; NULL: a quote is left open. */
static const char *
take_argument(const char *at, char **out)
{
	char *to = *out, quote = '\0';

	for (; *at != '\0' && (quote != '\0' || !is_space(*at)); at++) {
		if (quote == '\0' && (*at == '\'' || *at == '"'))
			quote = *at;
		else if (*at == quote)
			quote = '\0';
		else
			*to++ = *at;
	}
	*to++ = '\0';
	*out = to;
	return quote == '\0' ? at : NULL;
}

enum err
hook_split(const char *command, struct hook_arguments *out)
{
	struct hook_arguments split = { .list = { NULL } };
	char *to = split.text;
	const char *at = command;
	size_t count = 0, offsets[LIMIT_HOOK_ARGUMENTS];

	/* An argument is never longer than what it was written as, its space included. */
	if (strlen(command) >= sizeof(split.text))
		return ERR_OVERSIZE;
	for (;;) {
		while (is_space(*at))
			at++;
		if (*at == '\0')
			break;
		if (count == LIMIT_HOOK_ARGUMENTS)
			return ERR_OVERSIZE;
		offsets[count++] = (size_t)(to - split.text);
		if ((at = take_argument(at, &to)) == NULL)
			return ERR_MALFORMED;
	}
	if (count == 0 || split.text[0] != '/')
		return ERR_MALFORMED;
	*out = split;
	for (size_t i = 0; i < count; i++)
		out->list[i] = out->text + offsets[i];
	return ERR_OK;
}

/* Whoever may write the file, or put another in its place, would run what he likes as us. */
static bool
others_may_write(const char *path)
{
	char folder[LIMIT_HOOK_COMMAND_BYTES];
	struct stat about;
	char *slash;

	if (stat(path, &about) == 0 && (about.st_mode & S_IWOTH) != 0)
		return true;
	strcpy(folder, path);
	slash = strrchr(folder, '/');
	slash[slash == folder ? 1 : 0] = '\0';
	return stat(folder, &about) == 0 && (about.st_mode & S_IWOTH) != 0 &&
	       (about.st_mode & S_ISVTX) == 0;
}

bool
hook_is_usable(const char *command, char fault[HOOK_FAULT_BYTES])
{
	struct hook_arguments arguments;
	struct stat about;
	const char *path, *why = NULL;

	if (hook_split(command, &arguments) != ERR_OK) {
		snprintf(fault, HOOK_FAULT_BYTES,
		    "%s: give an absolute path and arguments, quotes closed", command);
		return false;
	}
	path = arguments.list[0];
	if (stat(path, &about) == -1)
		why = errno == ENOENT ? "there is no such file: correct on_quarantine"
		                      : "cannot be looked at: correct on_quarantine or its folder";
	else if (!S_ISREG(about.st_mode))
		why = "is no file: name a program";
	else if (access(path, X_OK) == -1)
		why = "may not be executed: chmod +x it";
	else if (others_may_write(path))
		why = "anybody may change it: chmod o-w it and its folder";
	if (why != NULL)
		snprintf(fault, HOOK_FAULT_BYTES, "%s: %s", path, why);
	return why == NULL;
}
