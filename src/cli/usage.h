/*
 * usage: what each verb of the phalanx program is told, in one place: for
 * `phalanx help VERB`, for `phalanx VERB --help` and for who mistypes it.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H
#include <stdbool.h>
#include <stdio.h>

/* "status", "ca", "ca enrol" ...; false: there is no such topic. */
bool usage_print(FILE *, const char *topic);
/* Every topic, a line each. */
void usage_print_topics(FILE *);
/* To standard error; always EXIT_USAGE. */
int usage_error(const char *topic);

#endif
