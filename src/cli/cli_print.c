#include <stdio.h>

#include "cli/command.h"

int
cli_print_json(json_t *j)
{
	bool printed = j != NULL && json_dumpf(j, stdout, JSON_INDENT(2)) == 0 &&
	               putchar('\n') != EOF && fflush(stdout) == 0;

	json_decref(j);
	return printed ? EXIT_OK : EXIT_FAILED;
}
