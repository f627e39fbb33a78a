/*
 * verdict: see verdict.h.  RFC 8259's grammar, cut down to the one object that
 * was asked for; a general parser would be kinder than we want to be.
 */
#include <stdbool.h>
#include <string.h>
#include "analyser/verdict.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "core/rules.h"

#define END (-1)

struct parsing {
	struct buf_in in;
	bool has_score, has_reason;
	struct verdict_opinion opinion;
	size_t reason_bytes;
};

/* ---- bytes ------------------------------------------------------------------------ */

static int
peek(const struct parsing *p)
{
	return buf_left(&p->in) > 0 ? *p->in.at : END;
}

static int
take(struct parsing *p)
{
	const uint8_t *byte;

	if (buf_left(&p->in) == 0)
		return END;
	byte = buf_take(&p->in, 1);
	return byte != NULL ? *byte : END;
}

static bool
is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_space(struct parsing *p)
{
	while (is_space(peek(p)))
		(void)take(p);
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* ---- a string ----------------------------------------------------------------------- */

static enum rejection
keep(struct parsing *p, uint32_t byte)
{
	if (p->reason_bytes == LIMIT_REASON_BYTES)
		return REJECT_REASON_LENGTH;
	p->opinion.reason[p->reason_bytes++] = (char)(unsigned char)byte;
	return REJECT_NONE;
}

static enum rejection
keep_code_point(struct parsing *p, uint32_t c)
{
	enum rejection r = REJECT_NONE;

	if (c < 0x80)
		return keep(p, c);
	if (c < 0x800) {
		r = keep(p, 0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			r = keep(p, 0xe0 | c >> 12);
		} else {
			r = keep(p, 0xf0 | c >> 18);
			r = r != REJECT_NONE ? r : keep(p, 0x80 | (c >> 12 & 0x3f));
		}
		r = r != REJECT_NONE ? r : keep(p, 0x80 | (c >> 6 & 0x3f));
	}
	return r != REJECT_NONE ? r : keep(p, 0x80 | (c & 0x3f));
}

static enum rejection
take_utf8(struct parsing *p)
{
	const size_t length = utf8_decode(p->in.at, buf_left(&p->in), &(uint32_t){ 0 });
	enum rejection r = REJECT_NONE;
	size_t i;

	if (length == 0)
		return REJECT_UTF8;
	for (i = 0; i < length && r == REJECT_NONE; i++)
		r = keep(p, (uint32_t)take(p));
	return r;
}

static bool
take_hex4(struct parsing *p, uint32_t *out)
{
	uint32_t value = 0;
	int i, c;

	for (i = 0; i < 4; i++) {
		c = take(p);
		if (is_digit(c))
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = value;
	return true;
}

/* Behind "\u".  Halves of a pair stand for nothing by themselves (RFC 8259, 7). */
static enum rejection
take_unicode_escape(struct parsing *p)
{
	uint32_t high, low;

	if (!take_hex4(p, &high))
		return REJECT_SYNTAX;
	/* U+0000 would end the reason for whoever reads it as a C string. */
	if (high == 0 || (high >= 0xdc00 && high <= 0xdfff))
		return REJECT_UTF8;
	if (high < 0xd800 || high > 0xdbff)
		return keep_code_point(p, high);
	if (take(p) != '\\' || take(p) != 'u')
		return REJECT_UTF8;
	if (!take_hex4(p, &low))
		return REJECT_SYNTAX;
	if (low < 0xdc00 || low > 0xdfff)
		return REJECT_UTF8;
	return keep_code_point(p, 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff));
}

static enum rejection
take_escape(struct parsing *p)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int c = take(p);

	if (c == 'u')
		return take_unicode_escape(p);
	if (c <= 0 || (at = strchr(letters, c)) == NULL)
		return REJECT_SYNTAX;
	return keep(p, (uint32_t)meanings[at - letters]);
}

static enum rejection
take_reason(struct parsing *p)
{
	enum rejection r = REJECT_NONE;
	int c;

	if (peek(p) != '"')
		return REJECT_REASON_FORM;
	(void)take(p);
	while (r == REJECT_NONE && (c = peek(p)) != '"') {
		if (c < 0x20) { /* END is below, too */
			r = REJECT_SYNTAX;
		} else if (c == '\\') {
			(void)take(p);
			r = take_escape(p);
		} else {
			r = take_utf8(p);
		}
	}
	if (r == REJECT_NONE)
		(void)take(p);
	if (r == REJECT_NONE && p->reason_bytes == 0)
		r = REJECT_REASON_LENGTH;
	return r;
}

/* ---- the score ------------------------------------------------------------------------ */

/* No sign, fraction, exponent or leading zero: at most two digits are left. */
static enum rejection
take_score(struct parsing *p)
{
	uint32_t value = 0;
	int digits, first = peek(p);

	if (!is_digit(first))
		return REJECT_SCORE_FORM;
	for (digits = 0; is_digit(peek(p)); digits++) {
		int digit = take(p) - '0';

		value = value > RULES_HIGHEST ? value : 10 * value + (uint32_t)digit;
	}
	if (first == '0' && digits > 1)
		return REJECT_SCORE_FORM;
	if (peek(p) == '.' || peek(p) == 'e' || peek(p) == 'E')
		return REJECT_SCORE_FORM;
	if (value > RULES_HIGHEST)
		return REJECT_SCORE_RANGE;
	p->opinion.score = value;
	return REJECT_NONE;
}

/* ---- the object ------------------------------------------------------------------------ */

/* The name of a member in *name; an escape in it is a key that nobody asked for. */
static enum rejection
take_key(struct parsing *p, char *name, size_t room)
{
	size_t used = 0;
	int c;

	if (take(p) != '"')
		return REJECT_SYNTAX;
	while ((c = take(p)) != '"') {
		if (c < 0x20)
			return REJECT_SYNTAX;
		if (c == '\\' || used + 1 == room)
			return REJECT_KEY;
		name[used++] = (char)(unsigned char)c;
	}
	name[used] = '\0';
	return REJECT_NONE;
}

static enum rejection
take_member(struct parsing *p)
{
	char name[sizeof("threat_score")];
	bool *has;
	enum rejection r;

	if ((r = take_key(p, name, sizeof(name))) != REJECT_NONE)
		return r;
	if (strcmp(name, "threat_score") == 0)
		has = &p->has_score;
	else if (strcmp(name, "reason") == 0)
		has = &p->has_reason;
	else
		return REJECT_KEY;
	if (*has)
		return REJECT_DUPLICATE;
	*has = true;
	skip_space(p);
	if (take(p) != ':')
		return REJECT_SYNTAX;
	skip_space(p);
	return has == &p->has_score ? take_score(p) : take_reason(p);
}

static enum rejection
take_object(struct parsing *p)
{
	enum rejection r;
	int c;

	(void)take(p);
	skip_space(p);
	if (peek(p) == '}')
		return REJECT_MISSING;
	do {
		skip_space(p);
		if ((r = take_member(p)) != REJECT_NONE)
			return r;
		skip_space(p);
	} while ((c = take(p)) == ',');
	if (c != '}')
		return REJECT_SYNTAX;
	return p->has_score && p->has_reason ? REJECT_NONE : REJECT_MISSING;
}

enum rejection
verdict_parse(const char *text, size_t size_bytes, struct verdict_opinion *out)
{
	struct parsing p = { .has_score = false };
	enum rejection r;

	buf_in_init(&p.in, (const uint8_t *)text, size_bytes);
	skip_space(&p);
	if (peek(&p) == END)
		return REJECT_EMPTY;
	if (peek(&p) == '`')
		return REJECT_FENCE;
	if (peek(&p) != '{')
		return REJECT_NOT_OBJECT;
	if ((r = take_object(&p)) != REJECT_NONE)
		return r;
	skip_space(&p);
	if (peek(&p) != END)
		return REJECT_TRAILING;
	p.opinion.reason[p.reason_bytes] = '\0';
	*out = p.opinion;
	return REJECT_NONE;
}
