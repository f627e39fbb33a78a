/*
 * control: ask the daemon on this host, or hand something in.  Blocking, five
 * seconds an answer at most.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H
#include <jansson.h>
#include "cli/command.h"
#include "base/err.h"
#include "proc/messages.h"

struct control_answer {
	struct msg_status status;   /* ASK_STATUS */
	struct msg_member *members; /* ASK_MEMBERS; the caller frees */
	size_t member_count;
	struct msg_judged opinions[LIMIT_OPINIONS_KEPT]; /* ASK_OPINIONS, oldest first */
	size_t opinion_count;
};

/* The configuration, with another control socket if one was named; --socket alone needs no file. */
int control_config(const struct cli *, const char *socket_or_null, struct config *out);
/* Prints what went wrong and what to do; EXIT_OK or EXIT_FAILED. */
int control_ask(const struct config *, enum ask, struct control_answer *out);
/* The daemon that listens there; complains and returns -1 if there is none. */
int control_dial(const char *path);
/* One message, and its answer; the connection stays.  Errors of the daemon, or of the way to it. */
MUST_USE enum err control_submit(int fd, uint32_t type, const void *fixed, size_t fixed_bytes,
    const void *tail, size_t tail_bytes);
/* Likewise, without a word: for who can do without the answer. */
bool control_try(const char *path, enum ask, struct control_answer *out);
/* A verb without arguments: its usage if there are some, the configuration, then control_ask(). */
int control_verb(const struct cli *, int argc, const char *verb, enum ask,
    struct control_answer *out);
/* The list of fn(member) for every member that fn gives one for (NULL: left out), as JSON. */
int control_print_members(const struct control_answer *, json_t *(*fn)(const struct msg_member *));
const char *control_strength_text(uint32_t strength);
const char *control_status_text(uint32_t status);
const char *control_effective_text(uint32_t mode);
/* On what grounds something stands against it, in a few words. */
const char *control_ground_text(const struct msg_member *);
/* What the coordinator's last answer was worth. */
const char *control_trust_text(uint32_t trust);
/* "2026-11-22T12:00:00Z"; "-" for 0.  out: at least 24 bytes. */
void control_time(uint64_t unix_ms, char out[24]);

#endif
