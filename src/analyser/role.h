/*
 * role: the analyser as a child of a node's parent, which made its door and
 * looked the model's name up.
 */
#ifndef ANALYSER_ROLE_H
#define ANALYSER_ROLE_H
#include <stdbool.h>

/* Is descriptor 3 a parent's channel? */
bool role_is_child(void);
int role_main(int argc, char **argv);

#endif
