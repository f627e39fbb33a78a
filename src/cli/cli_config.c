#include "cli/command.h"

int
cli_config(const struct cli *cli, struct config *out)
{
	return config_load(cli->config_path, NULL, 0, out) == ERR_OK ? EXIT_OK : EXIT_FAILED;
}
