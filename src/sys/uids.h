/*
 * uids: the range of user ids that this host keeps for Phalanx's processes.
 *
 * Spec: subuid(5), subgid(5); docs/privsep.md.
 */
#ifndef SYS_UIDS_H
#define SYS_UIDS_H
#include <stdint.h>

#define UIDS_USER   "phalanx"
#define UIDS_NEEDED 9 /* one a process */

/*
 * The first of at least UIDS_NEEDED ids that both files (/etc/subuid and
 * /etc/subgid) keep for UIDS_USER; 0: there are none.
 */
uint32_t uids_reserved(const char *subuid_path, const char *subgid_path);

#endif
