/*
 * cmd_unlock: break-glass on the host's own console.  Needs nothing but the
 * kernel: no daemon, no network, no key, not even a valid configuration.
 *
 * What is lifted stays lifted, against a live daemon, its restart and a
 * reboot, until --undo.  docs/enforcement.md, "Unlock".
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/usage.h"
#include "sys/nft.h"

#define SHOWN 20 /* elements on the screen; the rest is counted */

enum action { LIFT_LOCK, LIFT_ALL, UNDO };

struct options {
	enum action action;
	bool sure; /* --yes */
};

struct standing {
	bool table;
	enum strength lock;
	size_t cut, severed;
	enum nft_unlocked unlocked;
	bool quiet;
};

static void
show_element(void *context, const struct nft_element *e)
{
	struct standing *s = context;
	char text[46];

	if (e->set == NFT_SEVER)
		s->severed++;
	else
		s->cut++;
	if (s->quiet || s->cut + s->severed > SHOWN)
		return;
	if (e->is_mac)
		(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", e->mac.bytes[0],
		    e->mac.bytes[1], e->mac.bytes[2], e->mac.bytes[3], e->mac.bytes[4],
		    e->mac.bytes[5]);
	else
		address_format(&e->address, text);
	printf("  %-40s %s", text, e->set == NFT_SEVER ? "severed" : "cut");
	if (e->timeout_ms > 0)
		printf(", %llu s left", (unsigned long long)((e->timeout_ms + 999) / 1000));
	putchar('\n');
}

static enum err
look(struct nft *nft, struct standing *s)
{
	enum err err;

	if ((err = nft_unlocked_get(nft, &s->unlocked)) != ERR_OK)
		return err;
	err = nft_dump(nft, show_element, s, &s->lock);
	s->table = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void
show(const struct standing *s)
{
	if (s->cut + s->severed > SHOWN)
		printf("  ... and %zu more\n", s->cut + s->severed - SHOWN);
	if (!s->table)
		printf("nothing of phalanx is in this kernel's firewall\n");
	else
		printf("%zu addresses cut, %zu severed; this host's own lock-down: %s\n", s->cut,
		    s->severed, strength_text(s->lock));
	if (s->unlocked == NFT_UNLOCKED_LOCK)
		printf("unlocked: own lock-down is held off until phalanx unlock --undo\n");
	if (s->unlocked == NFT_UNLOCKED_ALL)
		printf("unlocked: every cut is held off until phalanx unlock --undo\n");
}

static bool
confirmed(const struct options *o)
{
	char line[16] = "";

	if (o->sure)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, "phalanx unlock: add --yes to go ahead without a terminal\n");
		return false;
	}
	printf("%s Type yes: ",
	    o->action == LIFT_ALL
	        ? "This host will talk to everybody again, quarantined hosts included."
	        : "This host will talk to the network again although it was voted out.");
	(void)fflush(stdout);
	return fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "yes\n") == 0;
}

/* What survives a reboot.  Without it the kernel's marker holds until then. */
static bool
remember(const struct cli *cli, enum action action)
{
	static struct config config; /* too large for a stack in need */
	char path[LIMIT_PATH_BYTES + sizeof("/" NFT_UNLOCKED_FILE)];
	const char *word = action == LIFT_ALL ? "all\n" : "lock\n";
	bool written;
	int fd;

	if (cli_config(cli, &config) != EXIT_OK)
		return false;
	(void)snprintf(path, sizeof(path), "%s/" NFT_UNLOCKED_FILE, config.state_dir);
	if (unlink(path) == -1 && errno != ENOENT) {
		fprintf(stderr, "phalanx unlock: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (action == UNDO)
		return true;
	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) == -1) {
		fprintf(stderr, "phalanx unlock: %s: %s\n", path, strerror(errno));
		return false;
	}
	/* The enforcer has a uid of its own. */
	written = fchmod(fd, 0644) == 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word) &&
	          fsync(fd) == 0;
	(void)close(fd);
	return written;
}

static int
parse(int argc, char **argv, struct options *o)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--all") == 0 && o->action != UNDO)
			o->action = LIFT_ALL;
		else if (strcmp(argv[i], "--undo") == 0 && o->action != LIFT_ALL)
			o->action = UNDO;
		else if (strcmp(argv[i], "--yes") == 0)
			o->sure = true;
		else
			return usage_error("unlock");
	}
	return EXIT_OK;
}

static int
print_json(const struct standing *s, enum action action, bool remembered)
{
	static const char *const done[] = { "lock", "all", "undone" };

	return cli_print_json(json_pack("{ss sb sI sI ss}", "unlocked", done[action],
	    "survives_reboot", remembered, "were_cut", (json_int_t)s->cut, "were_severed",
	    (json_int_t)s->severed, "was_locked", strength_text(s->lock)));
}

static void
print_done(enum action action, bool remembered)
{
	switch (action) {
	case LIFT_LOCK:
		printf("own lock-down lifted; cuts of others stand (--all lifts them too)\n");
		break;
	case LIFT_ALL:
		printf("every cut lifted\n");
		break;
	case UNDO:
		printf("undone: phalanxd enforces again within 5 seconds; start it if it is not "
		       "running\n");
		return;
	}
	if (remembered)
		printf("phalanxd will not cut again, nor after a reboot, until: "
		       "phalanx unlock --undo\n");
	else
		printf("phalanxd will not cut again until phalanx unlock --undo, or a REBOOT: "
		       "the marker in its state directory could not be written\n");
}

int
cmd_unlock(const struct cli *cli, int argc, char **argv)
{
	static const enum nft_unlocked wanted[] = { [LIFT_LOCK] = NFT_UNLOCKED_LOCK,
		[LIFT_ALL] = NFT_UNLOCKED_ALL,
		[UNDO] = NFT_UNLOCKED_NOTHING };
	struct standing standing = { .quiet = cli->json };
	struct options options = { .action = LIFT_LOCK };
	struct nft *nft = NULL;
	bool remembered;
	enum err err;
	int status;

	if ((status = parse(argc, argv, &options)) != EXIT_OK)
		return status;
	if ((err = nft_attach(&nft)) != ERR_OK) {
		fprintf(stderr, "phalanx unlock: %s%s\n", err_text(err),
		    err == ERR_DENIED ? ": run it as root (CAP_NET_ADMIN) on this host" : "");
		return EXIT_FAILED;
	}
	status = EXIT_FAILED;
	if ((err = look(nft, &standing)) != ERR_OK)
		fprintf(stderr, "phalanx unlock: cannot tell what stands: %s\n", err_text(err));
	else if (!cli->json)
		show(&standing);
	if (options.action != UNDO && !confirmed(&options))
		goto out;
	/* The file first: a reboot in between must not lock again. */
	remembered = remember(cli, options.action);
	if (options.action == UNDO && !remembered)
		fprintf(stderr,
		    "phalanx unlock: remove the file %s from the state directory "
		    "yourself, or the next start is unlocked again\n",
		    NFT_UNLOCKED_FILE);
	if ((err = nft_unlocked_set(nft, wanted[options.action])) != ERR_OK) {
		fprintf(stderr, "phalanx unlock: the kernel refuses: %s\n", err_text(err));
		goto out;
	}
	status = EXIT_OK;
	if (cli->json)
		status = print_json(&standing, options.action, remembered);
	else
		print_done(options.action, remembered);
out:
	nft_close(nft);
	return status;
}
