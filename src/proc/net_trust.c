#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "proc/net_trust.h"
#include "sys/crypto.h"
#include "sys/log.h"

struct trust {
	struct net *net;
	bool known; /* the pin, or that there is none */
	struct msg_pin pin;
	struct msg_coordinator verdict;
};

enum err
trust_new(struct net *net, struct trust **out)
{
	struct trust *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return ERR_NOMEM;
	t->net = net;
	*out = t;
	return ERR_OK;
}

void
trust_tell(struct trust *t)
{
	if (net_tell(t->net, MSG_COORDINATOR, &t->verdict, sizeof(t->verdict), NULL, 0) != ERR_OK)
		log_debug("coordinator: the engine cannot be told what it is worth");
}

void
trust_pin(struct trust *t, const struct msg_pin *pin)
{
	bool same = t->known && t->pin.source != PIN_NONE && pin->source != PIN_NONE &&
	            memcmp(&t->pin.key, &pin->key, sizeof(pin->key)) == 0;

	t->known = true;
	t->pin = *pin;
	if (same)
		return;
	memset(&t->verdict, 0, sizeof(t->verdict));
	trust_tell(t);
}

bool
trust_takes(const struct trust *t, enum http_path path)
{
	if (!t->known)
		return false;
	return path == HTTP_REGISTER ||
	       (t->verdict.trust != TRUST_OTHER_KEY && t->verdict.trust != TRUST_BAD_SIGNATURE);
}

/* ---- one answer -------------------------------------------------------------------- */

static enum coordinator_trust
judge(const struct trust *t, const struct h1 *h, const struct http_question *q,
    struct public_key *seen)
{
	static const struct http_verifier verifier = { crypto_sha256, crypto_verify };
	const bool has_input = h1_field(h, H1_SIGNATURE_INPUT) != NULL;
	const bool has_value = h1_field(h, H1_SIGNATURE) != NULL;

	if (!has_input && !has_value && h1_status(h) >= 500)
		return TRUST_UNHEARD;
	if (!has_input && !has_value && t->pin.source == PIN_NONE)
		return TRUST_UNSIGNED;
	if (!http_answer_is_sealed(h, q, &verifier, seen->bytes))
		return TRUST_BAD_SIGNATURE;
	if (t->pin.source == PIN_NONE)
		return TRUST_FIRST_USE;
	return memcmp(seen, &t->pin.key, sizeof(*seen)) == 0 ? TRUST_GOOD : TRUST_OTHER_KEY;
}

static void
shout(const struct trust *t)
{
	const char *url = t->net->config->coordinator_url;
	char seen[HEX_ROOM(32)], known[HEX_ROOM(32)];

	hex_format(t->verdict.seen.bytes, sizeof(t->verdict.seen.bytes), seen);
	hex_format(t->pin.key.bytes, sizeof(t->pin.key.bytes), known);
	switch ((enum coordinator_trust)t->verdict.trust) {
	case TRUST_OTHER_KEY:
		log_error("ALARM coordinator %s: its key is %s, but this node knows %s: nothing "
		          "of what it says is used, the mesh goes on without. If its key was "
		          "lost, or it was replaced: compare with coordinator_key in its log, "
		          "then run here: phalanx coordinator trust %s. Else somebody stands in "
		          "its place",
		    url, seen, known, seen);
		break;
	case TRUST_BAD_SIGNATURE:
		log_error("ALARM coordinator %s: an answer without a signature that verifies (its "
		          "key here: %s): nothing of what it says is used, the mesh goes on "
		          "without. Somebody in between changes what it says, or answers for it",
		    url, t->pin.source == PIN_NONE ? "none" : known);
		break;
	case TRUST_UNSIGNED:
		log_warn("coordinator %s: its answers are not signed, so they are not used; "
		         "bring it up to date",
		    url);
		break;
	case TRUST_FIRST_USE:
		log_warn("coordinator %s: its key is %s; no other is taken from now on", url, seen);
		break;
	case TRUST_GOOD:
		log_info("coordinator %s: signed by the key that this node knows", url);
		break;
	case TRUST_UNHEARD:
		break;
	}
}

enum coordinator_trust
trust_judge(struct trust *t, const struct h1 *h, const struct http_question *q)
{
	struct msg_coordinator verdict = { .trust = TRUST_UNHEARD };
	struct public_key seen = { .bytes = { 0 } };
	enum coordinator_trust trust = judge(t, h, q, &seen);

	if (trust == TRUST_UNHEARD)
		return trust;
	verdict.trust = (uint32_t)trust;
	if (trust == TRUST_OTHER_KEY || trust == TRUST_FIRST_USE)
		verdict.seen = seen;
	/* From first use to good is no news. */
	if (memcmp(&verdict, &t->verdict, sizeof(verdict)) == 0 ||
	    (trust == TRUST_GOOD && t->verdict.trust == TRUST_FIRST_USE))
		return trust;
	t->verdict = verdict;
	shout(t);
	if (trust == TRUST_FIRST_USE)
		t->pin = (struct msg_pin){ .source = PIN_KEPT, .key = seen };
	trust_tell(t);
	return trust;
}
