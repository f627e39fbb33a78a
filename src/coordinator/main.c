/*
 * phalanx-coordinator: introduces nodes to each other and shows people what
 * happens.  It takes no part in any decision, and may be dead.
 *
 * Everything is opened first, then the sandbox, then the first byte is read.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "coordinator/changes.h"
#include "coordinator/coordinator.h"
#include "coordinator/door.h"
#include "coordinator/identity.h"
#include "coordinator/keeper.h"
#include "coordinator/learn.h"
#include "coordinator/log_chain.h"
#include "coordinator/reply.h"
#include "coordinator/resident.h"
#include "coordinator/sockets.h"
#include "sys/crypto.h"
#include "sys/identity.h"
#include "sys/log.h"
#include "sys/sandbox.h"

/* Files within state_dir, libmicrohttpd's connections, and giving back the pages of the key. */
static const int calls[] = { SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
	SCMP_SYS(shutdown), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(sendfile), SCMP_SYS(writev), SCMP_SYS(openat), SCMP_SYS(pread64),
	SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(fstatfs), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(geteuid), SCMP_SYS(fchmod), SCMP_SYS(fchown),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(munlock), -1 };

static int
usage(int status)
{
	fprintf(status == 0 ? stdout : stderr,
	    "usage: phalanx-coordinator [-c FILE] [key=value ...]\n"
	    "       phalanx-coordinator --help | --version\n"
	    "Serves nodes and the dashboard over HTTP.  Keys as in coordinator.conf "
	    "[coordinator]:\n"
	    "port listen hosts state_dir roster_file ca_file allowed_origin\n"
	    "require_signed_registration local_mode viewers keep_days log_level\n");
	return status;
}

static void
start_log(const struct settings *s)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = { { "debug", LOG_LEVEL_DEBUG }, { "info", LOG_LEVEL_INFO },
		{ "warn", LOG_LEVEL_WARN }, { "error", LOG_LEVEL_ERROR } };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(s->log_level, levels[i].name) == 0)
			log_init("", "coordinator", levels[i].level);
}

/* Every connection, the store and some to spare: as far as this user may.  How many there are. */
static size_t
raise_descriptors(void)
{
	const rlim_t wanted = LIMIT_HTTP_CONNECTIONS + LIMIT_HTTP_RESERVE;
	struct rlimit limit, more;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 256;
	more = limit;
	more.rlim_cur = wanted;
	if (more.rlim_max < wanted)
		more.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		return wanted;
	more.rlim_cur = more.rlim_max = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &more) == -1)
		more = limit;
	log_warn("only %llu descriptors, so fewer than %d connections at once; raise the hard "
	         "limit (LimitNOFILE, ulimit -Hn) to %llu",
	    (unsigned long long)more.rlim_cur, LIMIT_HTTP_CONNECTIONS, (unsigned long long)wanted);
	return (size_t)more.rlim_cur;
}

static void
reload(struct coordinator *c)
{
	enum err err = coordinator_reload(c);

	if (err != ERR_OK)
		log_error("reload: %s: %s; nothing is changed%s", c->settings->roster_file,
		    err_text(err),
		    err == ERR_DENIED || err == ERR_NOT_FOUND
		        ? "; only a roster_file in state_dir can be read again, else start anew"
		        : "");
	else
		log_info("roster read again: members=%zu epoch=%llu", roster_count(c->roster),
		    (unsigned long long)epoch_number(roster_current(c->roster)));
}

static void
on_signal(void *context, unsigned ready)
{
	struct coordinator *c = context;
	struct signalfd_siginfo info;

	(void)ready;
	while (read(c->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(c);
		else
			loop_stop(c->loop, 0);
	}
}

/* As a readable descriptor; none while a request is under way. */
static enum err
watch_signals(struct coordinator *c)
{
	struct loop_watch *watch;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (c->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) == -1) {
		log_errno("signalfd");
		return ERR_IO;
	}
	return loop_add(c->loop, c->signals, LOOP_READ, on_signal, c, &watch);
}

static enum err
make_state_dir(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return ERR_OK;
	log_errno("state_dir %s: create it, writable for this user", path);
	return ERR_IO;
}

static enum err
load_roster(struct coordinator *c)
{
	const struct settings *s = c->settings;
	enum err err;

	if (*s->roster_file == '\0') {
		log_warn("no roster_file: names go to the first key that proves itself, and "
		         "nothing that "
		         "peers say can be verified");
		return ERR_OK;
	}
	if ((err = identity_ca_key(s->ca_file, &c->ca)) == ERR_OK)
		err = identity_load_roster(s->roster_file, s->ca_file, crypto_sodium(), &c->roster);
	if (err != ERR_OK) {
		log_error("roster %s with CA %s: %s", s->roster_file, s->ca_file, err_text(err));
		return err;
	}
	coordinator_recall(c);
	log_info("roster mesh=%s members=%zu heads=%zu", roster_mesh_name(c->roster),
	    roster_count(c->roster), epoch_heads(roster_current(c->roster)));
	return ledger_new(crypto_sodium(), c->roster, &c->ledger);
}

static enum err
enter_sandbox(const struct settings *s)
{
	struct sandbox_profile profile = { .name = "coordinator",
		.syscalls = calls,
		.paths = { { .path = s->state_dir, .access = SANDBOX_READ | SANDBOX_WRITE } } };
	struct sandbox_report report;
	enum err err;

	if ((err = sandbox_enter(&profile, &report)) != ERR_OK) {
		log_error(
		    "sandbox: %s; a kernel of 6.1 or later with Landlock is needed", err_text(err));
		return err;
	}
	log_info("sandbox landlock=%d state_dir=%s", report.landlock_abi, s->state_dir);
	return ERR_OK;
}

static enum err
open_all(struct coordinator *c, size_t descriptors, struct sockets *sockets)
{
	struct httpd_config http = {
		.handle = api_handle, .context = c, .descriptors = descriptors
	};
	enum err err;

	if ((err = make_state_dir(c->settings->state_dir)) != ERR_OK ||
	    (err = identity_open(c->settings->state_dir, &c->identity)) != ERR_OK ||
	    (err = load_roster(c)) != ERR_OK ||
	    (err = store_open(c->settings->state_dir, &c->store)) != ERR_OK ||
	    (err = log_chain_open(c->store, &c->log_chain)) != ERR_OK ||
	    (err = registry_new(c->roster, &c->registry)) != ERR_OK ||
	    (err = coordinator_restore(c)) != ERR_OK || (err = loop_new(&c->loop)) != ERR_OK ||
	    (err = watch_signals(c)) != ERR_OK ||
	    (err = events_new(c->loop, c->started_ms, &c->events)) != ERR_OK ||
	    (err = changes_new(c, &c->changes)) != ERR_OK ||
	    (err = learn_new(c, &c->learn)) != ERR_OK ||
	    (err = keeper_new(c, &c->keeper)) != ERR_OK || (err = door_open(c)) != ERR_OK)
		return err;
	http.loop = c->loop;
	if ((err = httpd_new(&http, &c->httpd)) != ERR_OK ||
	    (err = sockets_open(c->settings, sockets)) != ERR_OK ||
	    (err = runner_start(c->loop, c->settings, &c->runner)) != ERR_OK ||
	    (err = enter_sandbox(c->settings)) != ERR_OK)
		return err;
	for (size_t i = 0; i < sockets->count; i++)
		if ((err = httpd_listen(c->httpd, sockets->fds[i])) != ERR_OK)
			return err;
	runner_again(c);
	return ERR_OK;
}

static void
close_all(struct coordinator *c)
{
	runner_free(c->runner);
	httpd_free(c->httpd);
	door_close(c);
	keeper_free(c->keeper);
	learn_free(c->learn);
	changes_free(c->changes);
	events_free(c->events);
	loop_free(c->loop);
	registry_free(c->registry);
	ledger_free(c->ledger);
	roster_free(c->roster);
	log_chain_close(c->log_chain);
	store_close(c->store);
	identity_close(c->identity);
	cached_free(&c->state);
	free(c->incidents.text);
	free(c->topology.text);
	free(c->peers.text);
	free(c->told_peers.text);
}

int
main(int argc, char **argv)
{
	static const struct option words[] = { { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { 0 } };
	struct settings settings;
	struct coordinator c = { .settings = &settings };
	struct sockets sockets = { .count = 0 };
	const char *path = NULL;
	size_t descriptors;
	int option, status = 1;

	while ((option = getopt_long(argc, argv, "c:h", words, NULL)) != -1) {
		if (option == 'v') {
			puts("phalanx-coordinator " PHALANX_VERSION);
			return 0;
		}
		if (option != 'c')
			return usage(option == 'h' ? 0 : 2);
		path = optarg;
	}
	if (settings_load(path, (const char *const *)argv + optind, (size_t)(argc - optind),
	        &settings) != ERR_OK)
		return 2;
	start_log(&settings);
	umask(077);
	tzset(); /* reads its file now, not inside the sandbox */
	descriptors = raise_descriptors();
	resident_open();
	c.started_ms = loop_unix_ms();
	if (open_all(&c, descriptors, &sockets) == ERR_OK) {
		log_info("ready");
		status = loop_run(c.loop);
		log_info("stopped");
	}
	close_all(&c);
	return status;
}
