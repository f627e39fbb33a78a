/*
 * session: who is signed in at the page.
 *
 * An operator's signed request opens a session and gets a link for it, good
 * once and for LIMIT_LINK_MS; the browser that follows it gets the cookie.  Of
 * both secrets, 256 random bits each, only hashes are kept, and in memory
 * only: a restart signs everybody out.  A session ends after LIMIT_SESSION_MS,
 * after LIMIT_SESSION_IDLE_MS without a request of its browser, or when told.
 *
 * No syscalls: time and randomness come from the caller.
 * Spec: docs/threats.md, "Release from the page".
 */
#ifndef COORDINATOR_SESSION_H
#define COORDINATOR_SESSION_H
#include <stdbool.h>
#include <sys/queue.h>
#include "base/err.h"
#include "base/limits.h"
#include "core/crypto.h"

#define SESSION_SECRET_BYTES 32
#define SESSION_ID_BYTES     16
#define SESSION_CSRF_BYTES   16

struct sessions;   /* opaque */
struct http_waker; /* coordinator/httpd.h */

enum session_role { SESSION_VIEWER, SESSION_OPERATOR };

struct session {
	TAILQ_ENTRY(session) link;
	uint8_t id[SESSION_ID_BYTES]; /* its name, no secret */
	enum session_role role;
	struct public_key key;        /* of the operator who opened it */
	char name[LIMIT_NAME_BYTES + 1];
	uint64_t opened_ms, used_ms;  /* used by its browser */
	bool is_redeemed;
	struct hash secret;           /* of the link; once redeemed, of the cookie */

	/* Its phalanx dashboard: the request that waits here for something to do, and when it
	 * was last heard. */
	struct http_waker *waiting;
	uint64_t heard_ms;
};

struct sessions_config {
	const struct crypto *crypto;
	void (*random)(void *out, size_t size_bytes);
	/* It is over, and freed when this returns. */
	void (*ended)(void *context, struct session *);
	void *context;
};

struct session_opening {
	enum session_role role;
	struct public_key key;
	const char *name;
	uint64_t now_ms; /* never decreases, here and below */
};

/* The caller owns *out.  NOMEM. */
MUST_USE enum err sessions_new(const struct sessions_config *, struct sessions **out);
/* Tells nobody.  Accepts NULL. */
void sessions_free(struct sessions *);
size_t sessions_count(const struct sessions *);

/*
 * The link's secret goes out and is not kept.  Beyond LIMIT_SESSIONS_EACH of
 * one key its longest unused one ends.  FULL: LIMIT_SESSIONS are open; NOMEM.
 */
MUST_USE enum err sessions_open(struct sessions *, const struct session_opening *,
    uint8_t link[SESSION_SECRET_BYTES], struct session **out);
/* NULL: no such link, followed before, or too late.  The cookie's secret likewise goes out. */
struct session *sessions_redeem(struct sessions *, const uint8_t link[SESSION_SECRET_BYTES],
    uint64_t now_ms, uint8_t cookie[SESSION_SECRET_BYTES]);
/* Whose cookie this is: it counts as used now.  NULL: nobody's. */
struct session *sessions_of_cookie(struct sessions *,
    const uint8_t cookie[SESSION_SECRET_BYTES], uint64_t now_ms);
/* By its name.  NULL: none. */
struct session *sessions_find(struct sessions *, const uint8_t id[SESSION_ID_BYTES],
    uint64_t now_ms);
/* NULL, then each in turn; none may end in between. */
struct session *sessions_next(struct sessions *, const struct session *);
void sessions_end(struct sessions *, struct session *);

/* The token that a page's writes carry beside the cookie, which it follows from. */
void session_csrf(const struct sessions *, const uint8_t cookie[SESSION_SECRET_BYTES],
    uint8_t out[SESSION_CSRF_BYTES]);

#endif
