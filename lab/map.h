/*
 * map: which user ids a lab's user namespace has.
 *
 * As root a range of their own; as a user with a range in /etc/subuid, that
 * range by newuidmap; otherwise the one id that every user may map.
 */
#ifndef LAB_MAP_H
#define LAB_MAP_H
#include <stdbool.h>
#include <sys/types.h>

/* Writes uid_map and gid_map of a process in a fresh user namespace.  Says why not. */
bool map_write(pid_t);
/* errno as the kernel gave it: says what to enable, and ends the process. */
_Noreturn void map_refused(const char *what);

#endif
