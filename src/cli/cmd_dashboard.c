/*
 * cmd_dashboard: the operator's end of the page.  Opens a session there, and
 * stays: what is asked at the page is shown here as this machine's own node
 * knows it, and signed here or not at all.  The key leaves neither this
 * process nor this machine.
 *
 * Spec: docs/operations.md, "Release from the page"; docs/threats.md.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "cli/front_door.h"
#include "cli/release_ask.h"
#include "cli/usage.h"
#include "sys/loop.h"

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 5000
#define LOOK_MS      200   /* at what became of a release, for ... */
#define FOLLOW_MS    10000 /* ... so long */
#define NODES        8     /* that may be asked */

struct options {
	const char *key, *url, *coordinator_key;
	const char *sockets[NODES]; /* of nodes on this machine */
	size_t socket_count;
	bool is_viewer, opens;
};

/* A release that was signed here, until its certificate stands. */
struct followed {
	char name[LIMIT_NAME_BYTES + 1];
	uint32_t round;
	uint64_t until_ms; /* 0: none here */
};

struct dashboard {
	const struct options *options;
	struct release_key *key;
	struct front_door *door;
	int signals; /* signalfd */
	bool listening, away;
	uint64_t retry_ms, delay_ms;
	struct front_door_ask asks[2 * LIMIT_ASKS_EACH]; /* the first is on the screen */
	size_t ask_count;
	bool shown;
	struct followed followed[LIMIT_ASKS_EACH];
	int status; /* -1: goes on */
};

static void
say_line(const char *what, const char *text)
{
	printf("  %-10s", what);
	cli_print_escaped(text);
	putchar('\n');
}

/* ---- the node here ------------------------------------------------------------------------ */

/*
 * What a node on this machine knows, and the way to it: the first that answers
 * and is open to the mesh.  One that is locked down cannot hand anything in.
 */
static const char *
look(const struct options *o, struct control_answer *out)
{
	for (size_t i = 0; i < o->socket_count; i++) {
		if (!release_look(o->sockets[i], out))
			continue;
		if (out->status.locked == STRENGTH_NONE)
			return o->sockets[i];
		free(out->members);
	}
	memset(out, 0, sizeof(*out));
	return NULL;
}

/* ---- what is asked ---------------------------------------------------------------------- */

static void
drop_first(struct dashboard *d)
{
	d->ask_count--;
	memmove(&d->asks[0], &d->asks[1], d->ask_count * sizeof(d->asks[0]));
	d->shown = false;
}

static void
decline(struct dashboard *d, const char *why)
{
	if (front_door_answer(d->door, d->asks[0].number, false, why) == ERR_OK)
		printf("Not released: %s.\n\n", why);
	drop_first(d);
}

static const char no_node[] =
    "the node on the operator's machine does not answer, or is cut off itself";

/* NULL: what the page asks for stands here, and this key may lift it. */
static const char *
objection(const struct dashboard *d, const struct control_answer *answer,
    const struct front_door_ask *ask)
{
	const struct msg_member *m = release_find(answer, ask->name);
	char incident[17];
	const char *why;

	if ((why = release_operator_fault(release_find_operator(answer, d->key))) != NULL ||
	    (why = release_hindrance(m)) != NULL)
		return why;
	hex_format(m->incident.bytes, sizeof(m->incident.bytes), incident);
	if (strcmp(incident, ask->incident) != 0)
		return "the page names another incident than the one that stands here: another "
		       "round, or a coordinator that shows what is not";
	if (!utf8_is_printable((const uint8_t *)ask->reason, strlen(ask->reason)) ||
	    *ask->reason == '\0')
		return "the reason is no plain text";
	return NULL;
}

static void
show(const struct control_answer *answer, const struct front_door_ask *ask,
    const struct msg_member *m, const struct msg_member *by)
{
	char since[24], asked[24], line[512];

	control_time(ask->asked_ms, asked);
	control_time(m->since_ms, since);
	printf("\aA release is asked for at the page, %s\n", asked);
	say_line("node", m->name);
	say_line("incident", ask->incident);
	(void)snprintf(line, sizeof(line), "%s, from %s", ask->by, ask->from);
	say_line("asked by", line);
	say_line("because", ask->reason);
	(void)snprintf(line, sizeof(line), "%s, since %s, round %" PRIu32 " (as %s knows it)",
	    control_ground_text(m), since, m->round, answer->status.name);
	say_line("stands", line);
	(void)snprintf(line, sizeof(line), "Release of %s, round %" PRIu32 ", as %s, %s", m->name,
	    m->round, by->name,
	    ask->kind == RELEASE_OVERTURNED
	        ? "OVERTURNED: it costs the accusers weight"
	        : "cleaned: the accusation was right, the host is clean again");
	say_line("you sign", line);
	printf("Sign it? [y/N] ");
	fflush(stdout);
}

static void
show_first(struct dashboard *d)
{
	struct control_answer answer = { 0 };
	const char *why;

	if (look(d->options, &answer) == NULL) {
		decline(d, no_node);
		return;
	}
	if ((why = objection(d, &answer, &d->asks[0])) != NULL) {
		printf("A release of ");
		cli_print_escaped(d->asks[0].name);
		printf(" is asked for at the page.\n");
		decline(d, why);
	} else {
		/* What was typed before the question is no answer to it. */
		(void)tcflush(STDIN_FILENO, TCIFLUSH);
		show(&answer, &d->asks[0], release_find(&answer, d->asks[0].name),
		    release_find_operator(&answer, d->key));
		d->shown = true;
	}
	free(answer.members);
}

static void
follow(struct dashboard *d, const struct msg_member *m)
{
	for (size_t i = 0; i < LIMIT_ASKS_EACH; i++) {
		struct followed *f = &d->followed[i];

		if (f->until_ms != 0)
			continue;
		memcpy(f->name, m->name, sizeof(f->name));
		f->round = m->round;
		f->until_ms = loop_now_ms() + FOLLOW_MS;
		return;
	}
}

/* What stands is looked at again: it may have changed while the question stood there. */
static void
sign_first(struct dashboard *d)
{
	const struct front_door_ask *ask = &d->asks[0];
	struct control_answer answer = { 0 };
	const char *socket_path = look(d->options, &answer), *why = no_node;
	const struct msg_member *m;
	bool signed_ = false;

	if (socket_path != NULL && (why = objection(d, &answer, ask)) == NULL) {
		m = release_find(&answer, ask->name);
		why = "the operator's node refuses it";
		signed_ = release_sign_and_submit(
		    socket_path, d->key, &answer, m, ask->kind, ask->reason);
		if (signed_)
			follow(d, m);
	}
	free(answer.members);
	if (!signed_) {
		decline(d, why);
		return;
	}
	printf("Signed, and handed to the mesh.\n");
	if (front_door_answer(d->door, ask->number, true, "") != ERR_OK)
		puts("The page has not been told; it will see it in the mesh.");
	drop_first(d);
}

/* A line of the terminal; anything but yes is no. */
static void
read_line(struct dashboard *d)
{
	char line[256];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0) {
		d->status = EXIT_OK; /* the terminal has gone */
		return;
	}
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (!d->shown)
		return;
	if (strcmp(line, "y") == 0 || strcmp(line, "Y") == 0 || strcmp(line, "yes") == 0)
		sign_first(d);
	else
		decline(d, "declined at the terminal");
}

/* ---- what became of it ---------------------------------------------------------------- */

static bool
follows_any(const struct dashboard *d)
{
	for (size_t i = 0; i < LIMIT_ASKS_EACH; i++)
		if (d->followed[i].until_ms != 0)
			return true;
	return false;
}

static void
look_at(struct followed *f, const struct msg_member *m)
{
	if (m != NULL && m->round > f->round)
		printf("%s is released: the certificate stands, round %" PRIu32 " begins.\n\n",
		    f->name, m->round);
	else if (loop_now_ms() >= f->until_ms)
		printf("%s: no certificate yet; phalanx incidents shows it.\n\n", f->name);
	else
		return;
	fflush(stdout);
	f->until_ms = 0;
}

static void
look_at_followed(struct dashboard *d)
{
	struct control_answer answer = { 0 };

	(void)look(d->options, &answer);
	for (size_t i = 0; i < LIMIT_ASKS_EACH; i++)
		if (d->followed[i].until_ms != 0)
			look_at(&d->followed[i], release_find(&answer, d->followed[i].name));
	free(answer.members);
}

/* ---- the coordinator -------------------------------------------------------------------- */

static void
open_in_browser(const char *link)
{
	pid_t child;

	if (strncmp(link, "http://", 7) != 0 && strncmp(link, "https://", 8) != 0)
		return;
	if ((child = fork()) == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execlp("xdg-open", "xdg-open", link, (char *)NULL);
		_exit(127);
	}
	if (child > 0)
		(void)waitpid(child, NULL, 0);
}

static enum err
enter(struct dashboard *d)
{
	const char *link;
	enum err err = front_door_enter(d->door, &link);

	if (err != ERR_OK)
		return err;
	printf("Sign in within %d seconds, once:\n\n  ", LIMIT_LINK_MS / 1000);
	cli_print_escaped(link);
	printf("\n\n");
	fflush(stdout);
	if (d->options->opens)
		open_in_browser(link);
	return ERR_OK;
}

static void
went_away(struct dashboard *d)
{
	if (!d->away)
		fprintf(stderr, "The coordinator is away; trying again.\n");
	d->away = true;
	d->listening = false;
	d->delay_ms = d->delay_ms == 0 ? RETRY_MIN_MS : 2 * d->delay_ms;
	if (d->delay_ms > RETRY_MAX_MS)
		d->delay_ms = RETRY_MAX_MS;
	d->retry_ms = loop_now_ms() + d->delay_ms;
}

/* The session is over: signed out, or the coordinator has started anew. */
static void
session_ended(struct dashboard *d)
{
	d->listening = false;
	if (d->shown)
		printf("\n");
	d->ask_count = 0;
	d->shown = false;
	if (!d->away) {
		puts(front_door_is_followed(d->door)
		         ? "Signed out."
		         : "The link was not followed in time; run this again for another.");
		d->status = front_door_is_followed(d->door) ? EXIT_OK : EXIT_FAILED;
		return;
	}
	puts("The coordinator has started anew, which signs everybody out.");
	if (enter(d) != ERR_OK)
		d->status = EXIT_FAILED;
	d->away = false;
}

static void
hear(struct dashboard *d)
{
	struct front_door_ask asks[LIMIT_ASKS_EACH];
	size_t count;
	bool whole;
	enum err err = front_door_take(d->door, asks, &count, &whole);

	if (err == ERR_AGAIN) {
		went_away(d);
		return;
	}
	if (err == ERR_NOT_FOUND) {
		session_ended(d);
		return;
	}
	if (err != ERR_OK) {
		d->status = EXIT_FAILED;
		return;
	}
	if (!whole)
		return;
	d->listening = false;
	d->away = false;
	d->delay_ms = 0;
	for (size_t i = 0; i < count && d->ask_count < 2 * LIMIT_ASKS_EACH; i++)
		d->asks[d->ask_count++] = asks[i];
}

static void
listen_again(struct dashboard *d)
{
	if (d->listening || loop_now_ms() < d->retry_ms)
		return;
	if (front_door_listen(d->door) == ERR_OK)
		d->listening = true;
	else
		went_away(d);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static int
wait_ms(const struct dashboard *d)
{
	uint64_t now_ms = loop_now_ms(), until_ms = now_ms + 60000;

	if (follows_any(d))
		until_ms = now_ms + LOOK_MS;
	if (!d->listening && d->retry_ms < until_ms)
		until_ms = d->retry_ms;
	if (d->shown && d->asks[0].expires_ms < until_ms)
		until_ms = d->asks[0].expires_ms;
	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void
turn(struct dashboard *d)
{
	struct pollfd wanted[] = { { .fd = d->signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = d->listening ? front_door_fd(d->door) : -1, .events = POLLIN } };

	while (d->status == -1 && d->ask_count > 0 && !d->shown)
		show_first(d);
	listen_again(d);
	wanted[2].fd = d->listening ? front_door_fd(d->door) : -1;
	if (poll(wanted, 3, wait_ms(d)) == -1)
		return;
	if (wanted[0].revents != 0)
		d->status = EXIT_OK;
	else if (wanted[1].revents != 0)
		read_line(d);
	if (d->status == -1 && wanted[2].revents != 0)
		hear(d);
	if (d->status == -1 && d->shown && d->asks[0].expires_ms <= loop_now_ms()) {
		printf("\n");
		decline(d, "nobody answered at the terminal");
	}
	if (follows_any(d))
		look_at_followed(d);
}

static bool
watch_signals(struct dashboard *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
	       (d->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) != -1;
}

static int
stay(struct dashboard *d)
{
	puts("Releases asked for at the page are confirmed here; Ctrl-C signs out.\n");
	fflush(stdout);
	while (d->status == -1)
		turn(d);
	front_door_leave(d->door);
	puts("\nThe session has ended.");
	return d->status;
}

/* ---- start ------------------------------------------------------------------------------- */

static bool
read_arguments(int argc, char **argv, struct options *o)
{
	static const struct option options[] = { { "key", required_argument, NULL, 'k' },
		{ "url", required_argument, NULL, 'u' }, { "socket", required_argument, NULL, 's' },
		{ "coordinator-key", required_argument, NULL, 'c' },
		{ "viewer", no_argument, NULL, 'v' }, { "open", no_argument, NULL, 'o' }, { 0 } };
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'k')
			o->key = optarg;
		else if (c == 'u')
			o->url = optarg;
		else if (c == 's' && o->socket_count < NODES)
			o->sockets[o->socket_count++] = optarg;
		else if (c == 'c')
			o->coordinator_key = optarg;
		else if (c == 'v')
			o->is_viewer = true;
		else if (c == 'o')
			o->opens = true;
		else
			return false;
	}
	return optind == argc && o->key != NULL;
}

static int
refuse(const char *what, const char *why)
{
	fprintf(stderr, "phalanx dashboard: %s: %s\n", what, why);
	return EXIT_FAILED;
}

/* The one named here, else the one that this machine's node has pinned; zeros: none. */
static int
find_coordinator_key(const struct options *o, struct public_key *out)
{
	struct control_answer answer = { 0 };

	memset(out, 0, sizeof(*out));
	if (o->coordinator_key != NULL)
		return hex_parse(o->coordinator_key, strlen(o->coordinator_key), out->bytes,
		           sizeof(out->bytes))
		           ? EXIT_OK
		           : refuse(
		                 "--coordinator-key", "64 hex digits, as in the coordinator's log");
	if (look(o, &answer) == NULL)
		return o->is_viewer
		           ? EXIT_OK
		           : refuse(o->sockets[0], "no node answers here, or it is cut off itself: "
		                                   "what stands against a host is asked "
		                                   "of the node on this machine (--socket)");
	if (answer.status.pin.source != PIN_NONE)
		*out = answer.status.pin.key;
	free(answer.members);
	return EXIT_OK;
}

static int
run(struct dashboard *d, const struct front_door_config *config)
{
	int status = EXIT_FAILED;

	if (front_door_new(config, &d->door) != ERR_OK)
		return refuse("start", "out of memory");
	if (!config->place->is_loopback)
		fprintf(stderr,
		    "WARNING: plain http across a network: whoever is on the way can take the link "
		    "and look, and ask for releases in your name (never sign one).  Safer: ssh -L "
		    "8090:localhost:8090 %s, and --url http://localhost:8090\n",
		    config->place->host);
	if (!watch_signals(d))
		status = refuse("signals", "cannot be waited for");
	else if (enter(d) == ERR_OK)
		status = config->is_viewer ? EXIT_OK : stay(d);
	front_door_free(d->door);
	return status;
}

int
cmd_dashboard(const struct cli *cli, int argc, char **argv)
{
	static struct config config;
	struct options o = { .url = NULL };
	struct front_door_config door = { 0 };
	struct dashboard d = { .options = &o, .status = -1 };
	struct web_place place;
	int status;

	if (!read_arguments(argc, argv, &o))
		return usage_error("dashboard");
	if (!o.is_viewer && !isatty(STDIN_FILENO))
		return refuse("standard input",
		    "is no terminal, and releases are confirmed at one; --viewer needs none");
	if ((status = control_config(cli, o.sockets[0], &config)) != EXIT_OK)
		return status;
	if (o.socket_count == 0)
		o.sockets[o.socket_count++] = config.control_socket;
	if (o.url == NULL)
		o.url = *config.coordinator_url != '\0' ? config.coordinator_url
		                                        : "http://localhost:8090";
	if (!web_place_parse(o.url, &place) ||
	    (status = find_coordinator_key(&o, &door.coordinator)) != EXIT_OK)
		return EXIT_FAILED;
	if (!release_key_open(o.key, &d.key))
		return EXIT_FAILED;
	door.place = &place;
	door.key = d.key;
	door.is_viewer = o.is_viewer;
	status = run(&d, &door);
	release_key_close(d.key);
	return status;
}
