#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/doctor.h"
#include "sys/log.h"
#include "sys/nft.h"
#include "sys/nft_load.h"
#include "sys/sandbox.h"
#include "sys/sockdestroy.h"

/* What a scratch network namespace could do; one byte each over a pipe. */
struct offers {
	bool namespaces, inet, ingress, egress, destroy_element, destroy_sockets;
};

/* Everything is tried on the loopback device of a namespace that nobody else sees. */
static void
try_all(struct offers *o)
{
	static const struct config nobody = { .p2p_port = 9000 };
	struct sockdestroy *sockets;
	struct nft *nft;

	o->namespaces = true;
	o->ingress = nft_load("add table netdev t\nadd chain netdev t i "
	                      "{ type filter hook ingress device lo priority 0; }\n",
	                 NFT_LOAD_QUIET) == ERR_OK;
	o->egress = nft_load("add table netdev t\nadd chain netdev t e "
	                     "{ type filter hook egress device lo priority 0; }\n",
	                NFT_LOAD_QUIET) == ERR_OK;
	if (nft_open(&nobody, &nft) == ERR_OK) {
		o->inet = true;
		o->destroy_element = nft_features(nft)->destroy_element;
		nft_close(nft);
	}
	if (sockdestroy_open(&sockets) == ERR_OK) {
		o->destroy_sockets = true;
		sockdestroy_close(sockets);
	}
}

static struct offers
probe(bool as_root)
{
	struct offers offers = { 0 };
	int ends[2], status;
	pid_t child;

	if (pipe(ends) == -1)
		return offers;
	if ((child = fork()) == 0) {
		log_init("", "doctor", LOG_LEVEL_ERROR);
		/* As root only the network is new, for modules are loaded on demand there. */
		if (unshare(CLONE_NEWNET | (as_root ? 0 : CLONE_NEWUSER)) == 0)
			try_all(&offers);
		_exit(write(ends[1], &offers, sizeof(offers)) == sizeof(offers) ? 0 : 1);
	}
	(void)close(ends[1]);
	if (child == -1 || read(ends[0], &offers, sizeof(offers)) != sizeof(offers))
		memset(&offers, 0, sizeof(offers));
	(void)close(ends[0]);
	if (child != -1)
		(void)waitpid(child, &status, 0);
	return offers;
}

static bool
user_namespaces(void)
{
	pid_t child = fork();
	int status = 1;

	if (child == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	return child != -1 && waitpid(child, &status, 0) == child && status == 0;
}

static void
version(struct doctor *d)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	if (uname(&name) == -1 || sscanf(name.release, "%u.%u", &major, &minor) != 2) {
		doctor_say(d, FINDING_WARN, "kernel", "check that it is Linux 6.1 or later",
		    "version unknown");
		return;
	}
	if (major > 6 || (major == 6 && minor >= 1))
		doctor_say(d, FINDING_OK, "kernel", NULL, "Linux %s", name.release);
	else
		doctor_say(d, FINDING_FAIL, "kernel", "install Linux 6.1 or later", "Linux %s",
		    name.release);
}

static void
sandbox(struct doctor *d)
{
	struct sandbox_report report;
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	sandbox_probe(&report);
	if (report.landlock_abi < 2)
		doctor_say(d, FINDING_FAIL, "Landlock",
		    "add landlock to the lsm= list on the kernel's command line",
		    "ABI %d, 2 needed", report.landlock_abi);
	else if (!report.tcp_scope || !report.signal_scope)
		doctor_say(d, FINDING_WARN, "Landlock",
		    "none needed; Linux 6.12 confines TCP ports and signals too", "ABI %d: files%s",
		    report.landlock_abi, report.tcp_scope ? ", TCP ports" : "");
	else
		doctor_say(d, FINDING_OK, "Landlock", NULL, "ABI %d: files, TCP ports, signals",
		    report.landlock_abi);
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		doctor_say(d, FINDING_OK, "seccomp", NULL, "filters that kill the process");
	else
		doctor_say(d, FINDING_FAIL, "seccomp", "use a kernel with CONFIG_SECCOMP_FILTER",
		    "%s", strerror(errno));
}

static void
firewall(struct doctor *d, const struct offers *o)
{
	if (!o->namespaces) {
		doctor_say(d, FINDING_WARN, "nf_tables", "run phalanx doctor as root",
		    "cannot be tried: no network namespace of our own");
		return;
	}
	if (o->inet)
		doctor_say(d, FINDING_OK, "nf_tables", NULL, "the rules load");
	else
		doctor_say(d, FINDING_FAIL, "nf_tables",
		    "install libnftables1; load the modules nf_tables and nf_tables_inet",
		    "the rules do not load");
	if (o->ingress && o->egress)
		doctor_say(d, FINDING_OK, "link layer", NULL, "ingress and egress hooks");
	else
		doctor_say(d, FINDING_WARN, "link layer",
		    "a cut host on the same link may use another address",
		    "ingress hook: %s, egress hook: %s", o->ingress ? "yes" : "no",
		    o->egress ? "yes" : "no");
	doctor_say(d, o->destroy_element ? FINDING_OK : FINDING_WARN, "DESTROYSETELEM",
	    "none needed; Linux 6.3 makes repeated cuts faster", "%s",
	    o->destroy_element ? "yes" : "no");
	doctor_say(d, o->destroy_sockets ? FINDING_OK : FINDING_WARN, "SOCK_DESTROY",
	    "use a kernel with CONFIG_INET_DIAG_DESTROY; until then cut connections time out", "%s",
	    o->destroy_sockets ? "yes" : "no");
}

/* What stands in this very namespace. */
static void
standing(struct doctor *d, const struct config *config)
{
	enum finding missing =
	    config != NULL && config->mode == CONFIG_ENFORCE ? FINDING_FAIL : FINDING_WARN;
	enum nft_unlocked unlocked;
	struct nft *nft;
	enum err err;

	if ((err = nft_attach(&nft)) != ERR_OK) {
		doctor_say(d, missing, "CAP_NET_ADMIN",
		    "start phalanxd as root or by its unit; without it only mesh links are severed",
		    "%s", err_text(err));
		return;
	}
	doctor_say(d, FINDING_OK, "CAP_NET_ADMIN", NULL, "yes");
	if (nft_unlocked_get(nft, &unlocked) == ERR_OK && unlocked != NFT_UNLOCKED_NOTHING)
		doctor_say(d, FINDING_WARN, "unlocked", "phalanx unlock --undo, when you are done",
		    "%s",
		    unlocked == NFT_UNLOCKED_ALL ? "nothing is enforced on this host"
		                                 : "own lock-down is held off");
	nft_close(nft);
}

void
doctor_kernel(struct doctor *d, const struct config *config)
{
	struct offers offers = probe(geteuid() == 0);

	version(d);
	sandbox(d);
	if (user_namespaces())
		doctor_say(d, FINDING_OK, "user namespaces", NULL, "yes");
	else
		doctor_say(d, FINDING_WARN, "user namespaces",
		    "only the lab needs them: sysctl kernel.unprivileged_userns_clone=1, "
		    "user.max_user_namespaces",
		    "no");
	firewall(d, &offers);
	standing(d, config);
}
