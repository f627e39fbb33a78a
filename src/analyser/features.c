#include <ctype.h>
#include <math.h>
#include <string.h>
#include "analyser/features.h"
#include "base/buf.h"
#include "core/rules.h"

/* ---- classes ---------------------------------------------------------------------- */

struct sign {
	const char *part; /* in lower case */
	const char *class;
};

static bool
holds(const struct event_text *text, const char *part)
{
	size_t length = strlen(part), i, j;

	for (i = 0; i + length <= text->kept_bytes; i++) {
		for (j = 0; j < length && tolower(text->bytes[i + j]) == part[j]; j++)
			continue;
		if (j == length)
			return true;
	}
	return false;
}

static const char *
client_class(const struct event *e)
{
	static const struct sign signs[] = {
		{ "nmap", "port or vulnerability scanner" },
		{ "masscan", "port or vulnerability scanner" },
		{ "zgrab", "port or vulnerability scanner" },
		{ "nuclei", "port or vulnerability scanner" },
		{ "nikto", "port or vulnerability scanner" },
		{ "sqlmap", "port or vulnerability scanner" },
		{ "gobuster", "port or vulnerability scanner" },
		{ "hydra", "password guesser" },
		{ "medusa", "password guesser" },
		{ "paramiko", "scripting library" },
		{ "libssh", "scripting library" },
		{ "asyncssh", "scripting library" },
		{ "python", "scripting library" },
		{ "go-http", "scripting library" },
		{ "ssh-2.0-go", "scripting library" },
		{ "java", "scripting library" },
		{ "curl", "command-line tool" },
		{ "wget", "command-line tool" },
		{ "openssh", "ordinary SSH client" },
		{ "putty", "ordinary SSH client" },
		{ "mozilla", "says that it is a browser" },
	};
	size_t i;

	if (e->banner.total_bytes == 0 && e->user_agent.total_bytes == 0)
		return "said nothing about itself";
	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (holds(&e->banner, signs[i].part) || holds(&e->user_agent, signs[i].part))
			return signs[i].class;
	return "unknown";
}

static const char *
account_class(const struct event_text *name)
{
	static const char *const administrators[] = { "root", "admin", "administrator", "toor",
		"sysadmin" };
	static const char *const services[] = { "postgres", "mysql", "oracle", "git", "jenkins",
		"www-data", "nginx", "ubuntu", "ec2-user", "pi", "test", "guest", "backup",
		"deploy" };
	size_t i;

	if (name->total_bytes == 0)
		return "none";
	for (i = 0; i < sizeof(administrators) / sizeof(administrators[0]); i++)
		if (name->total_bytes == strlen(administrators[i]) &&
		    holds(name, administrators[i]))
			return "administrator";
	for (i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (name->total_bytes == strlen(services[i]) && holds(name, services[i]))
			return "well-known service or default";
	return "other";
}

static bool
captured(const struct event *e, const char *prefix, size_t size_bytes)
{
	return e->capture_kept >= size_bytes && memcmp(e->capture, prefix, size_bytes) == 0;
}

static const char *
content_class(const struct event *e, uint32_t printable_percent)
{
	if (e->capture_kept == 0)
		return "nothing";
	if (captured(e, "SSH-", 4))
		return "SSH identification";
	if (captured(e, "\x16\x03", 2))
		return "TLS handshake";
	if (captured(e, "GET ", 4) || captured(e, "POST ", 5) || captured(e, "HEAD ", 5) ||
	    captured(e, "PUT ", 4) || captured(e, "OPTIONS ", 8) || captured(e, "CONNECT ", 8))
		return "HTTP request";
	if (captured(e, "\x03\x00\x00", 3))
		return "remote desktop request";
	if (e->capture_kept >= 8 && (memcmp(e->capture + 4, "\xffSMB", 4) == 0 ||
	                                memcmp(e->capture + 4, "\xfeSMB", 4) == 0))
		return "Windows file sharing request";
	if (captured(e,
	        "\x7f"
	        "ELF",
	        4))
		return "Linux program";
	return printable_percent >= 90 ? "other text" : "other binary data";
}

static const char *
origin_class(const struct address *source)
{
	if (source->family == 0)
		return "this host";
	if (address_is_loopback(source))
		return "loopback address";
	return address_is_private(source) ? "private address" : "public address";
}

/* ---- measures ----------------------------------------------------------------------- */

/* Shannon's, over single bytes. */
static uint32_t
entropy_tenths(const uint8_t *bytes, size_t size_bytes)
{
	uint32_t counts[256] = { 0 };
	double bits = 0.0, share;
	size_t i;

	for (i = 0; i < size_bytes; i++)
		counts[bytes[i]]++;
	for (i = 0; i < 256; i++) {
		if (counts[i] == 0)
			continue;
		share = (double)counts[i] / (double)size_bytes;
		bits -= share * log2(share);
	}
	return (uint32_t)(bits * 10.0 + 0.5);
}

static uint32_t
printable_percent(const uint8_t *bytes, size_t size_bytes)
{
	size_t printable = 0, i;

	for (i = 0; i < size_bytes; i++)
		printable += (bytes[i] >= 0x20 && bytes[i] < 0x7f) || bytes[i] == '\r' ||
		             bytes[i] == '\n' || bytes[i] == '\t';
	return size_bytes == 0 ? 0 : (uint32_t)(100 * printable / size_bytes);
}

void
features_of(const struct event *e, struct features *out)
{
	*out = (struct features){ .class = e->class };
	out->floor = rules_score(e->class);
	out->ceiling = rules_ceiling(e->class, out->floor);
	out->origin = origin_class(&e->source);
	out->client = client_class(e);
	out->account = account_class(&e->username);
	out->entropy_tenths = entropy_tenths(e->capture, e->capture_kept);
	out->printable_percent = printable_percent(e->capture, e->capture_kept);
	out->content = content_class(e, out->printable_percent);
}

/* ---- buckets -------------------------------------------------------------------------- */

static uint8_t
bit_length(uint64_t value)
{
	return value == 0 ? 0 : (uint8_t)(64 - __builtin_clzll(value));
}

static void
put_byte(struct buf_out *out, uint32_t value)
{
	const uint8_t byte = (uint8_t)value;

	buf_put(out, &byte, 1);
}

/* FNV-1a: one byte for a class's name; the HMAC around it is what resists. */
static void
put_class(struct buf_out *out, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	buf_put(out, &hash, sizeof(hash));
}

size_t
features_key(const struct event *e, const struct features *f, uint8_t out[FEATURES_KEY_BYTES])
{
	struct buf_out key;

	buf_out_init(&key, out, FEATURES_KEY_BYTES);
	put_byte(&key, (uint32_t)f->class);
	put_byte(&key, f->floor);
	put_byte(&key, e->source.family);
	buf_put(&key, e->source.bytes, sizeof(e->source.bytes));
	buf_put(&key, &e->port, sizeof(e->port));
	put_byte(&key, bit_length(e->count));
	put_byte(&key, bit_length(e->others));
	put_byte(&key, bit_length(e->since_last_ms / 1000));
	put_byte(&key, bit_length(e->captured_bytes));
	put_byte(&key, f->entropy_tenths / 10);
	put_byte(&key, f->printable_percent / 25);
	put_byte(&key, bit_length(e->banner.total_bytes));
	put_byte(&key, bit_length(e->username.total_bytes));
	put_byte(&key, bit_length(e->user_agent.total_bytes));
	put_byte(&key, bit_length(e->path.total_bytes));
	put_class(&key, f->client);
	put_class(&key, f->account);
	put_class(&key, f->content);
	put_byte(&key, (uint32_t)e->cpu_percent / 10);
	put_byte(&key, (uint32_t)e->memory_percent / 10);
	return buf_used(&key);
}
