#include <stdio.h>

#include "cli/command.h"

int
cli_print_json(json_t *j)
{
	bool printed = j != NULL &&
	               json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0 &&
	               putchar('\n') != EOF && fflush(stdout) == 0;

	json_decref(j);
	return printed ? EXIT_OK : EXIT_FAILED;
}

void
cli_escape(FILE *out, const char *text)
{
	const unsigned char *at;

	for (at = (const unsigned char *)text; *at != '\0'; at++)
		if (*at >= 0x20 && *at < 0x7f)
			(void)fputc(*at, out);
		else
			(void)fprintf(out, "\\x%02x", *at);
}

void
cli_print_escaped(const char *text)
{
	cli_escape(stdout, text);
}
