/*
 * sandbox: what a process gives up before its first untrusted byte:
 * capabilities, new privileges, dumpability, system calls (seccomp), files,
 * TCP ports and signals (Landlock).  Fails closed.
 *
 * Spec: docs/privsep.md, which lists each profile.
 */
#ifndef SYS_SANDBOX_H
#define SYS_SANDBOX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#define SANDBOX_PATHS 16
#define SANDBOX_PORTS 8

enum sandbox_access {
	SANDBOX_READ = 1,
	SANDBOX_WRITE = 2, /* files in a directory: create, rename, unlink too */
	SANDBOX_EXECUTE = 4
};

/* What socket() may make; seccomp looks at its arguments. */
enum sandbox_socket {
	SANDBOX_TCP = 1,     /* AF_INET, AF_INET6, SOCK_STREAM */
	SANDBOX_NETLINK = 2, /* NETFILTER, SOCK_DIAG, ROUTE */
	SANDBOX_ANY = 4,     /* the parent, whose filter its children inherit */
	SANDBOX_UNIX = 8     /* AF_UNIX, SOCK_STREAM */
};

struct sandbox_path {
	const char *path; /* opened before Landlock closes the rest */
	unsigned access;
	bool optional; /* absent is fine */
};

struct sandbox_profile {
	const char *name;
	const int *syscalls; /* SCMP_SYS numbers besides the common set, ended by -1 */
	struct sandbox_path paths[SANDBOX_PATHS];
	uint16_t connect_ports[SANDBOX_PORTS]; /* Landlock, where ABI >= 4 */
	bool connect_any;   /* no restriction of connect() ports */
	bool bind_any;      /* nor of bind() ports; else none may be bound */
	unsigned sockets;   /* enum sandbox_socket bits; 0: no socket() at all */
	bool keep_net_admin;
	bool allow_fork;    /* the enforcer's short-lived nft child, the parent */
	bool allow_exec;    /* the parent: execve and executable mappings */
	bool load_libraries; /* code mapped from files, never made: the enforcer's nft child */
	bool keep_setuid;   /* the parent: SETUID, SETGID, KILL too */
	bool allow_signals; /* the parent */
};

struct sandbox_report {
	int landlock_abi;
	bool tcp_scope, signal_scope; /* what newer kernels added */
};

/* Irrevocable.  ERR_UNSUPPORTED below the floor (Landlock ABI 2), ERR_IO. */
MUST_USE enum err sandbox_enter(const struct sandbox_profile *, struct sandbox_report *or_null);
/* What this kernel offers, without entering anything. */
void sandbox_probe(struct sandbox_report *);

#endif
