/*
 * backend: how a server of language models is asked, and how its answer reads.
 *
 * Pure: JSON out, JSON in.  An envelope is read with duplicate keys refused and
 * unknown ones ignored.  Spec: docs/analyser.md, "Backends".
 */
#ifndef ANALYSER_BACKEND_H
#define ANALYSER_BACKEND_H
#include <jansson.h>
#include <stdbool.h>
#include "analyser/prompt.h"
#include "analyser/rejection.h"
#include "base/err.h"

struct backend_question {
	const char *model;
	const struct prompt *prompt; /* NULL: only have the model loaded, with the same options */
	bool no_think;               /* the server refused the field "think" */
};

/* What a list of models says of ours. */
struct backend_model {
	char digest[LIMIT_MODEL_DIGEST_BYTES + 1]; /* hexadecimal; "": unknown */
	bool remote;                               /* another host runs it */
};

struct backend {
	const char *name;
	const char *chat_path;
	const char *list_path; /* NULL: no list worth reading */
	json_t *(*question)(const struct backend_question *); /* NULL: out of memory */
	/* The model's text, in place, valid as long as the envelope. */
	enum rejection (*answer)(const json_t *envelope, const char **text, size_t *size_bytes);
	/* NULL together with list_path. */
	void (*find)(const json_t *list, const char *model, struct backend_model *out);
};

extern const struct backend backend_ollama, backend_openai;

/* The body of a POST, which the caller frees.  NOMEM. */
MUST_USE enum err backend_write(const struct backend *, const struct backend_question *, char **out);
/* A whole answer: its envelope, and in it the model's text. */
enum rejection backend_read(const struct backend *, const void *body, size_t size_bytes,
    bool allow_remote, json_t **envelope, const char **text, size_t *text_bytes);
/* As far as the list says; an unreadable list says nothing. */
void backend_find(const struct backend *, const void *body, size_t size_bytes, const char *model,
    struct backend_model *out);

/* For the backends themselves: the schema of a verdict, the two messages (none for a NULL
 * prompt), and whether a message of the model's is plain text. */
json_t *backend_schema(void);
json_t *backend_messages(const struct prompt *or_null);
enum rejection backend_text(const json_t *message, const char **text, size_t *size_bytes);
/* Does an envelope, or an entry of a list, name another host? */
bool backend_is_remote(const json_t *envelope);

#endif
