/*
 * cmd_doctor: can this host do what its configuration asks?  Exit 1 when
 * something fails.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/usage.h"

struct doctor {
	json_t *findings; /* NULL: print as we go */
	size_t counts[3];
};

static const char *const names[] = { "ok", "warn", "FAIL" };

void
doctor_say(struct doctor *d, enum finding finding, const char *what, const char *remedy,
    const char *detail, ...)
{
	char text[512];
	va_list args;

	va_start(args, detail);
	(void)vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	d->counts[finding]++;
	if (d->findings != NULL) {
		(void)json_array_append_new(
		    d->findings, json_pack("{ss ss ss ss?}", "check", what, "result",
		                     finding == FINDING_FAIL ? "fail" : names[finding], "found",
		                     text, "remedy", remedy));
		return;
	}
	printf("%-4s  %-18s %s\n", names[finding], what, text);
	if (remedy != NULL && finding != FINDING_OK)
		printf("      %-18s -> %s\n", "", remedy);
}

int
cmd_doctor(const struct cli *cli, int argc, char **argv)
{
	static struct config config;
	struct doctor doctor = { 0 };
	bool configured;

	(void)argv;
	if (argc > 1)
		return usage_error("doctor");
	if (cli->json && (doctor.findings = json_array()) == NULL)
		return EXIT_FAILED;
	configured = cli_config(cli, &config) == EXIT_OK;
	if (configured)
		doctor_say(&doctor, FINDING_OK, "configuration", NULL, "node %s, mode %s",
		    config.name, config.mode == CONFIG_ENFORCE ? "enforce" : "observe");
	else
		doctor_say(&doctor, FINDING_FAIL, "configuration",
		    "correct the line named above, or name the file with -c", "cannot be used");
	doctor_kernel(&doctor, configured ? &config : NULL);
	if (configured)
		doctor_node(&doctor, &config);
	if (doctor.findings != NULL) {
		(void)json_dumpf(doctor.findings, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(doctor.findings);
	} else {
		printf("%zu ok, %zu warnings, %zu failures\n", doctor.counts[FINDING_OK],
		    doctor.counts[FINDING_WARN], doctor.counts[FINDING_FAIL]);
	}
	return doctor.counts[FINDING_FAIL] > 0 ? EXIT_FAILED : EXIT_OK;
}
