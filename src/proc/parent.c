/*
 * parent: phalanxd itself.  Reads the configuration, binds what must be
 * bound, and hears signals and control clients; the processes are
 * parent_children's.  It reads no byte that came from another host.
 *
 * Spec: docs/privsep.md.
 */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proc/parent.h"
#include "proc/profiles.h"
#include "sys/log.h"

static struct {
	struct loop *loop;
	struct msg_config config;
	const char *config_path;
	const char *const *flags;
	size_t flag_count;
	struct parent_listeners listeners;
} self;

/* ---- signals and control clients --------------------------------------------------------- */

static void
reload(void)
{
	struct config *old = &self.config.config, new;
	const char *fixed;

	if (config_load(self.config_path, self.flags, self.flag_count, &new) != ERR_OK) {
		log_error("reload: nothing is changed; the reason stands above");
		return;
	}
	if ((fixed = reload_needs_restart(old, &new)) != NULL) {
		log_error("reload: nothing is changed, for %s needs a restart of phalanxd", fixed);
		return;
	}
	new.uid_base = old->uid_base;
	new.coordinator = old->coordinator;
	new.sidecar_address = old->sidecar_address;
	new.model_address = old->model_address;
	*old = new;
	children_broadcast();
	children_renew_analyser();
	log_info("configuration reloaded");
	if (reload_certificate_changed(old) && children_renew_net())
		log_info("net starts again, with the renewed certificate");
}

static void
on_signal(void *context, unsigned ready)
{
	const int fd = *(const int *)context;
	struct signalfd_siginfo info;

	(void)ready;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			children_reap();
		} else if (info.ssi_signo == SIGHUP) {
			reload();
		} else if (!children_are_stopping()) {
			log_info(
			    "signal %u: leaving; what the kernel cuts stays cut", info.ssi_signo);
			children_stop(0);
		}
	}
}

static void
on_control(void *context, unsigned ready)
{
	enum err err;
	int fd;

	(void)context;
	(void)ready;
	while ((err = listen_accept(self.listeners.control_fd, &fd)) != ERR_AGAIN) {
		if (err != ERR_OK) {
			log_warn("control client refused: neither root nor our own user");
			continue;
		}
		if (!children_take_client(fd))
			log_warn("control client refused: the engine is not up");
		close(fd);
	}
}

/* ---- start ----------------------------------------------------------------------------- */

static enum err
watch_signals(void)
{
	static struct loop_watch *watch;
	static int fd;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) == -1) {
		log_errno("signalfd");
		return ERR_IO;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	return loop_add(self.loop, fd, LOOP_READ, on_signal, &fd, &watch);
}

/* The children's filters and rules are added to ours, so ours let a child become what it is. */
static enum err
enter_sandbox(void)
{
	struct sandbox_profile profile;
	char copy[LIMIT_PATH_BYTES];

	profile_parent(&self.config.config, &profile);
	if (self.config_path != NULL) {
		/* The folder: an editor that saves puts a new file in place. */
		snprintf(copy, sizeof(copy), "%s", self.config_path);
		profile.paths[SANDBOX_PATHS - 1] =
		    (struct sandbox_path){ dirname(copy), SANDBOX_READ, true };
	}
	return sandbox_enter(&profile, NULL);
}

static enum log_level
level(const char *text)
{
	return strcmp(text, "debug") == 0   ? LOG_LEVEL_DEBUG
	       : strcmp(text, "warn") == 0  ? LOG_LEVEL_WARN
	       : strcmp(text, "error") == 0 ? LOG_LEVEL_ERROR
	                                    : LOG_LEVEL_INFO;
}

static enum err
prepare(void)
{
	static struct loop_watch *control_watch;
	struct config *config = &self.config.config;
	enum err err;

	self.config.version = MESSAGES_VERSION;
	err = config_load(self.config_path, self.flags, self.flag_count, config);
	if (err != ERR_OK)
		return err;
	log_init(config->name, "parent", level(config->log_level));
	if (!files_uids_usable(config->uid_base))
		config->uid_base = 0;
	if ((err = files_hand_over(config)) != ERR_OK ||
	    (err = listen_all(config, &self.listeners)) != ERR_OK ||
	    (err = loop_new(&self.loop)) != ERR_OK || (err = watch_signals()) != ERR_OK)
		return err;
	err = loop_add(
	    self.loop, self.listeners.control_fd, LOOP_READ, on_control, NULL, &control_watch);
	if (err != ERR_OK)
		return err;
	if ((err = children_prepare(self.loop, &self.config, &self.listeners)) != ERR_OK ||
	    (err = enter_sandbox()) != ERR_OK ||
	    (err = names_start(self.loop, config, children_broadcast)) != ERR_OK)
		return err;
	(void)reload_certificate_changed(config);
	return ERR_OK;
}

static int
usage(int status)
{
	fputs("usage: phalanxd [-c FILE] [key=value ...]\n"
	      "       phalanxd --help | --version\n"
	      "Runs a Phalanx node in the foreground.  FILE is phalanx.conf; its keys may be\n"
	      "given as arguments too, as in p2p_port=9000.\n",
	    status == 0 ? stdout : stderr);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct option words[] = { { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "c:h", words, NULL)) != -1) {
		if (option == 'v') {
			puts("phalanxd " PHALANX_VERSION);
			return 0;
		}
		if (option != 'c')
			return usage(option == 'h' ? 0 : 2);
		if ((self.config_path = realpath(optarg, NULL)) == NULL) {
			fprintf(stderr, "phalanx: %s: %m\n", optarg);
			return 1;
		}
	}
	self.flags = (const char *const *)(argv + optind);
	self.flag_count = (size_t)(argc - optind);
	log_init("", "parent", LOG_LEVEL_INFO);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || prepare() != ERR_OK)
		return 1;
	children_start();
	return loop_run(self.loop);
}
