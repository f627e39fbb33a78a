#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "cli/control.h"
#include "cli/doctor.h"
#include "sys/crypto.h"
#include "sys/identity.h"

/* Nothing was signed before: a clock that says less is wrong. */
#define FIRST_YEAR 2026

static void
directory(struct doctor *d, const struct config *config)
{
	struct stat about;

	if (stat(config->state_dir, &about) == -1) {
		doctor_say(d, FINDING_FAIL, "state_dir",
		    "phalanx ca request --state DIR makes it, or correct state_dir", "%s: %s",
		    config->state_dir, strerror(errno));
		return;
	}
	/* 0711 where each process has a uid of its own. */
	if (!S_ISDIR(about.st_mode) || (about.st_mode & 066) != 0)
		doctor_say(d, FINDING_FAIL, "state_dir", "chmod 0700 it", "%s: mode %04o",
		    config->state_dir, about.st_mode & 07777);
	else
		doctor_say(d, FINDING_OK, "state_dir", NULL, "%s", config->state_dir);
}

static void
hooks(struct doctor *d, const struct config *config)
{
	char fault[HOOK_FAULT_BYTES];

	if (config->hooks.command[0] == '\0')
		return;
	if (hook_is_usable(config->hooks.command, fault))
		doctor_say(d, FINDING_OK, "hooks", NULL, "on_quarantine = %s, %u s at most",
		    config->hooks.command, config->hooks.timeout_ms / 1000);
	else
		doctor_say(d, FINDING_FAIL, "hooks",
		    "name a program that only its owner may change; phalanxd does not start with "
		    "this one",
		    "%s", fault);
}

/* A secret that only its owner may read. */
static bool
secret(struct doctor *d, const char *what, const char *path, const char *remedy)
{
	struct stat about;

	if (stat(path, &about) == -1) {
		doctor_say(d, FINDING_FAIL, what, remedy, "%s: %s", path, strerror(errno));
		return false;
	}
	if ((about.st_mode & 077) != 0) {
		doctor_say(d, FINDING_FAIL, what,
		    "chmod 0600 it, and consider it known to others: enrol anew", "%s: mode %04o",
		    path, about.st_mode & 07777);
		return false;
	}
	return true;
}

/* The node's key is one that the roster names; and the roster is the CA's. */
static void
identity(struct doctor *d, const struct config *config)
{
	struct secret_key *key = NULL;
	struct roster *roster = NULL;
	struct public_key public;
	member_index self;
	enum err err;

	err = identity_load_roster(config->roster_file, config->ca_file, crypto_sodium(), &roster);
	if (err == ERR_OK)
		doctor_say(d, FINDING_OK, "roster", NULL, "mesh %s, epoch %llu, %zu members",
		    roster_mesh_name(roster),
		    (unsigned long long)epoch_number(roster_current(roster)), roster_count(roster));
	else
		doctor_say(d, FINDING_FAIL, "roster",
		    "phalanx ca bundle puts roster and CA in place", "%s with %s: %s",
		    config->roster_file, config->ca_file, err_text(err));
	if (!secret(d, "identity", config->identity_file, "phalanx ca request makes it"))
		goto out;
	if ((err = identity_load(config->identity_file, &key)) != ERR_OK) {
		doctor_say(d, err == ERR_DENIED ? FINDING_WARN : FINDING_FAIL, "identity",
		    err == ERR_DENIED ? "run phalanx doctor as root"
		                      : "restore it from a backup, or enrol anew",
		    "%s: %s", config->identity_file, err_text(err));
		goto out;
	}
	if (roster == NULL)
		goto out;
	identity_public(key, &public);
	self = roster_find_key(roster, &public);
	if (!roster_is_node(roster, self))
		doctor_say(d, FINDING_FAIL, "identity",
		    "phalanx ca enrol, epoch and bundle this node", "its key is not in the roster");
	else if (strcmp(roster_member(roster, self)->name, config->name) != 0)
		doctor_say(d, FINDING_FAIL, "identity", "correct [node] name",
		    "the roster calls it %s, the configuration %s",
		    roster_member(roster, self)->name, config->name);
	else
		doctor_say(d, FINDING_OK, "identity", NULL, "enrolled as %s", config->name);
out:
	identity_free(key);
	roster_free(roster);
}

static void
certificate(struct doctor *d, const struct config *config)
{
	if (!secret(d, "TLS key", config->key_file, "phalanx ca request makes it"))
		return;
	if (access(config->cert_file, R_OK) == -1)
		doctor_say(d, FINDING_FAIL, "certificate", "phalanx ca bundle puts it in place",
		    "%s: %s", config->cert_file, strerror(errno));
	else
		doctor_say(d, FINDING_OK, "certificate", NULL, "%s", config->cert_file);
}

static bool
daemon_answers(const struct config *config)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	bool answers;
	int fd;

	if (strlen(config->control_socket) >= sizeof(at.sun_path))
		return false;
	(void)strcpy(at.sun_path, config->control_socket);
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) == -1)
		return false;
	answers = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	(void)close(fd);
	return answers;
}

/* What the daemon makes of the coordinator; nothing depends on it, so nothing fails. */
static void
coordinator(struct doctor *d, const struct config *config, bool running)
{
	struct control_answer answer = { 0 };
	const struct msg_status *s = &answer.status;

	if (config->coordinator_host[0] == '\0' || !running ||
	    !control_try(config->control_socket, ASK_STATUS, &answer))
		return;
	switch (s->trust) {
	case TRUST_OTHER_KEY:
		doctor_say(d, FINDING_FAIL, "coordinator",
		    "compare the key with coordinator_key in its log (phalanx coordinator shows "
		    "both), then phalanx coordinator trust KEY",
		    "%s: its key changed; its word is refused", config->coordinator_url);
		break;
	case TRUST_BAD_SIGNATURE:
		doctor_say(d, FINDING_FAIL, "coordinator",
		    "find who answers in its place, or changes what it says",
		    "%s: answers without a good signature; refused", config->coordinator_url);
		break;
	case TRUST_UNSIGNED:
		doctor_say(d, FINDING_WARN, "coordinator", "bring it up to date",
		    "%s: answers are not signed, and not used", config->coordinator_url);
		break;
	case TRUST_FIRST_USE:
		doctor_say(d, FINDING_OK, "coordinator", NULL,
		    "%s: known by the first key that it showed; phalanx coordinator shows it",
		    config->coordinator_url);
		break;
	default:
		doctor_say(d, FINDING_OK, "coordinator", NULL, "%s: %s", config->coordinator_url,
		    control_trust_text(s->trust));
	}
}

static int
bind_error(uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd, on = 1, error = 0;

	if ((fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return errno;
	/* As the daemon does: a connection that lingers is no obstacle. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == -1 || listen(fd, 1) == -1)
		error = errno;
	(void)close(fd);
	return error;
}

static void
port(struct doctor *d, const char *what, uint16_t number, bool running)
{
	int error = bind_error(number);

	if (error == 0 && running)
		doctor_say(
		    d, FINDING_FAIL, what, "see phalanxd's log", "port %u: nobody listens", number);
	else if (error == 0)
		doctor_say(d, FINDING_OK, what, NULL, "port %u is free", number);
	else if (error == EADDRINUSE && running)
		doctor_say(
		    d, FINDING_OK, what, NULL, "port %u, in use with phalanxd running", number);
	else
		doctor_say(d, FINDING_FAIL, what,
		    error == EADDRINUSE ? "find who holds it: ss -ltnp; or set another port"
		                        : "ports below 1024 take root",
		    "port %u: %s", number, strerror(error));
}

static void
clock_state(struct doctor *d)
{
	struct timex state = { 0 };
	time_t now = time(NULL);
	struct tm calendar;

	if (gmtime_r(&now, &calendar) == NULL || calendar.tm_year + 1900 < FIRST_YEAR)
		doctor_say(d, FINDING_FAIL, "clock", "set it, and install an NTP client",
		    "it is not %d", calendar.tm_year + 1900);
	else if (adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
		doctor_say(d, FINDING_WARN, "clock",
		    "install chrony or systemd-timesyncd; 10 s off, a node originates nothing",
		    "not synchronised");
	else
		doctor_say(d, FINDING_OK, "clock", NULL, "synchronised");
}

void
doctor_node(struct doctor *d, const struct config *config)
{
	bool running = daemon_answers(config);
	uint32_t i;

	directory(d, config);
	identity(d, config);
	certificate(d, config);
	doctor_say(d, FINDING_OK, "phalanxd", NULL, "%s", running ? "running" : "not running");
	port(d, "mesh", config->p2p_port, running);
	for (i = 0; i < config->decoy_count; i++)
		port(d, "decoy", config->decoys[i].port, running);
	if (config->management_count == 0)
		doctor_say(d, FINDING_WARN, "management",
		    "set [exempt] management = NETWORK/PREFIX:22, or a locked host has its console "
		    "only",
		    "nobody may reach this host through a lock-down");
	coordinator(d, config, running);
	hooks(d, config);
	clock_state(d);
}
