/*
 * phalanx audit verify: is this log what its author signed, all of it?
 *
 * audit.log is whole: a sequence that is missing was deleted.  received.log is
 * what peers sent: there a gap is legal, a second entry for a sequence is the
 * author's equivocation.  Whether the end of audit.log is missing, peers tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/audit.h"
#include "sys/crypto.h"

struct head {
	uint64_t incarnation, sequence;
	struct hash hash;
};

struct verifying {
	const struct audit *audit;
	const char *name;      /* of the file, as shown */
	bool own;              /* audit.log */
	struct head *heads;    /* by member index */
	struct node_id author; /* of an audit.log */
	unsigned line, entries, failures;
	uint64_t gaps;
	json_t *findings;
	bool json;
};

static void __attribute__((format(printf, 3, 4)))
find(struct verifying *v, const char *what, const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	v->failures++;
	if (!v->json)
		printf("%s:%u: %s: %s\n", v->name, v->line, what, text);
	json_array_append_new(v->findings,
	    json_pack("{s:i,s:s,s:s}", "line", (int)v->line, "what", what, "text", text));
}

static const char *
member_name(const struct verifying *v, member_index member)
{
	return roster_member(v->audit->roster, member)->name;
}

/* An operator's sequences are times, and its entries name none before them. */
static bool
is_chained(const struct verifying *v, member_index author)
{
	return roster_member(v->audit->roster, author)->role == ROLE_NODE;
}

/* The first of a new life: it begins at 1, and follows nothing. */
static void
check_beginning(struct verifying *v, const char *name, const struct entry_header *h)
{
	static const struct hash none;

	if (h->sequence != 1)
		find(v, "deletion", "incarnation %" PRIu64 " of %s begins at sequence %" PRIu64,
		    h->incarnation, name, h->sequence);
	else if (!hash_equal(&h->previous, &none))
		find(v, "chain", "incarnation %" PRIu64 " of %s begins behind an entry",
		    h->incarnation, name);
}

static void
check_backwards(
    struct verifying *v, const char *name, const struct feed_line *line, const struct head *head)
{
	const struct entry_header *h = &line->entry.header;
	bool same = h->incarnation == head->incarnation && h->sequence == head->sequence;

	if (same && hash_equal(&head->hash, &line->hash) && !v->own)
		return; /* kept twice */
	if (v->own || same)
		find(v, same ? "equivocation" : "order",
		    "sequence %" PRIu64 " of incarnation %" PRIu64 " of %s stands behind %" PRIu64,
		    h->sequence, h->incarnation, name, head->sequence);
}

/* Where this entry stands in its author's chain. */
static void
check_order(struct verifying *v, member_index author, const struct feed_line *line)
{
	const struct entry_header *h = &line->entry.header;
	struct head *head = &v->heads[author];
	const char *name = member_name(v, author);

	if (h->incarnation < head->incarnation ||
	    (h->incarnation == head->incarnation && h->sequence <= head->sequence)) {
		check_backwards(v, name, line, head);
		return;
	}
	if (h->incarnation > head->incarnation) {
		if (v->own)
			check_beginning(v, name, h);
	} else if (h->sequence == head->sequence + 1) {
		if (!hash_equal(&h->previous, &head->hash) && is_chained(v, author))
			find(v, "chain",
			    "sequence %" PRIu64 " of %s does not follow the entry before it",
			    h->sequence, name);
	} else if (v->own) {
		find(v, "deletion", "sequences %" PRIu64 " to %" PRIu64 " of %s are missing",
		    head->sequence + 1, h->sequence - 1, name);
	} else if (is_chained(v, author)) {
		v->gaps += h->sequence - 1 - head->sequence;
	}
	*head = (struct head){ h->incarnation, h->sequence, line->hash };
}

static void
check_line(struct verifying *v, const struct feed_text *text)
{
	struct envelope envelope = { .is_signed = true };
	const struct audit *a = v->audit;
	struct feed_line line;
	struct entry entry;
	member_index author;
	enum err err;

	if (!text->complete || text->too_long) {
		find(v, "torn", "the line %s", text->too_long ? "is too long" : "has no end");
		return;
	}
	err = feed_line_parse(crypto_sodium(), text->text, text->chars, &line);
	if (err != ERR_OK) {
		find(v, err == ERR_EQUIVOCATION ? "summary" : "malformed", "%s",
		    err == ERR_EQUIVOCATION ? "what is in clear contradicts the signed body"
		                            : err_text(err));
		return;
	}
	v->entries++;
	if (v->own != (line.form == FEED_OWN))
		find(v, "malformed", "a line of the other log");
	envelope.body = line.body;
	if (feed_signature_is_blank(line.signature)) {
		find(v, "unsigned",
		    "the entry was written and not signed yet; the node does so when "
		    "it starts");
		return;
	}
	err = feed_signature_parse(line.signature, &envelope.signature);
	if (err == ERR_OK)
		err = entry_verify(crypto_sodium(), a->roster, &envelope, &entry, &author);
	if (err != ERR_OK) {
		find(v, "signature", "%s", err_text(err));
		return;
	}
	if (v->own && !node_id_equal(&entry.header.author, &v->author))
		find(v, "author", "an entry of %s in another node's log", member_name(v, author));
	check_order(v, author, &line);
}

/* {"phalanx_audit":1,"mesh":…,"author":…} or phalanx_received and holder. */
static bool
check_header(struct verifying *v, struct feed_text *text)
{
	json_t *header;
	const char *mesh, *id;
	char expected[33], room[33];
	int version;
	bool good = false;

	header = text->complete && !text->too_long
	             ? json_loadb(text->text, text->chars, JSON_REJECT_DUPLICATES, NULL)
	             : NULL;
	if (json_unpack(header, "{s:i,s:s,s:s!}", "phalanx_audit", &version, "mesh", &mesh,
	        "author", &id) == 0)
		v->own = true;
	else if (json_unpack(header, "{s:i,s:s,s:s!}", "phalanx_received", &version, "mesh", &mesh,
	             "holder", &id) != 0)
		id = NULL;
	hex_format(roster_mesh(v->audit->roster)->bytes, sizeof(struct mesh_id), expected);
	if (id == NULL)
		find(v, "header", "not a log of Phalanx");
	else if (version != MESSAGE_VERSION)
		find(v, "header", "version %d is unknown here", version);
	else if (strcmp(mesh, expected) != 0)
		find(v, "header", "a log of another mesh");
	else
		good = true;
	for (size_t i = 0; good && v->own && i < roster_count(v->audit->roster); i++) {
		const struct member *m = roster_member(v->audit->roster, (member_index)i);

		hex_format(m->id.bytes, sizeof(m->id.bytes), room);
		if (strcmp(room, id) == 0)
			v->author = m->id;
	}
	json_decref(header);
	return good;
}

static bool
verify_lines(struct verifying *v, int fd)
{
	struct feed_reader reader;
	struct feed_text text;
	enum err err;

	feed_reader_init(&reader, fd, 0);
	while ((err = feed_reader_next(&reader, &text)) == ERR_OK) {
		if (++v->line == 1 && !check_header(v, &text))
			break;
		if (v->line > 1)
			check_line(v, &text);
	}
	feed_reader_free(&reader);
	if (v->line == 0)
		find(v, "header", "the file is empty");
	if (err != ERR_NOT_FOUND && err != ERR_OK) {
		audit_complain("%s: %s", v->name, err_text(err));
		return false;
	}
	return true;
}

static json_t *
summary(const struct verifying *v)
{
	char hash[2 * sizeof(struct hash) + 1];
	json_t *heads = json_array();

	for (size_t i = 0; i < roster_count(v->audit->roster); i++) {
		if (v->heads[i].sequence == 0)
			continue;
		hex_format(v->heads[i].hash.bytes, sizeof(struct hash), hash);
		json_array_append_new(
		    heads, json_pack("{s:s,s:I,s:s}", "author", member_name(v, (member_index)i),
		               "sequence", (json_int_t)v->heads[i].sequence, "hash", hash));
	}
	return json_pack("{s:s,s:i,s:I,s:b,s:o,s:O}", "file", v->name, "entries", (int)v->entries,
	    "gaps", (json_int_t)v->gaps, "ok", v->failures == 0, "heads", heads, "findings",
	    v->findings);
}

static void
print_summary(const struct verifying *v)
{
	char hash[2 * sizeof(struct hash) + 1];

	if (v->failures > 0) {
		printf("%s: %u entries read, %u faults\n", v->name, v->entries, v->failures);
		return;
	}
	printf("%s: %u entries hold", v->name, v->entries);
	if (v->gaps > 0)
		printf("; %" PRIu64 " more were never sent here or evicted", v->gaps);
	putchar('\n');
	for (size_t i = 0; i < roster_count(v->audit->roster); i++) {
		if (v->heads[i].sequence == 0)
			continue;
		hex_format(v->heads[i].hash.bytes, sizeof(struct hash), hash);
		printf("  %s up to %" PRIu64 " (%.16s)\n", member_name(v, (member_index)i),
		    v->heads[i].sequence, hash);
	}
}

/* Where an audit.log ends. */
struct end {
	struct node_id author;
	uint64_t sequence;
};

static void
find_end(const struct verifying *v, struct end *out)
{
	member_index author = roster_find_id(v->audit->roster, &v->author);

	if (v->own && author != MEMBER_NONE)
		*out = (struct end){ v->author, v->heads[author].sequence };
}

/* Adds the file's summary to list; false: it holds not, or could not be read. */
static bool
verify_file(const struct audit *a, const char *path, bool json, json_t *list, struct end *end)
{
	struct verifying v = { .audit = a, .name = path, .json = json, .findings = json_array() };
	bool good = false;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		audit_complain("%s: %s", path, strerror(errno));
		json_decref(v.findings);
		return false;
	}
	v.heads = calloc(roster_count(a->roster), sizeof(*v.heads));
	if (v.heads != NULL && v.findings != NULL && verify_lines(&v, fd)) {
		if (!json)
			print_summary(&v);
		json_array_append_new(list, summary(&v));
		find_end(&v, end);
		good = v.failures == 0;
	}
	free(v.heads);
	json_decref(v.findings);
	close(fd);
	return good;
}

/* Both logs of the directory, and what peers hold of the first; NULL: out of memory. */
static json_t *
verify_directory(const struct audit *a, bool json, json_t *list, bool *good)
{
	struct end own = { .sequence = 0 }, none;
	char path[AUDIT_PATH_BYTES];
	enum audit_peers_say say;
	struct audit_peers peers;
	const char *text;

	audit_peers_ask(a, &peers);
	audit_path(a, "audit.log", path);
	*good = verify_file(a, path, json, list, &own);
	audit_path(a, "received.log", path);
	*good &= verify_file(a, path, json, list, &none);
	say = audit_peers_compare(&peers, &own.author, own.sequence, &text);
	*good &= say != AUDIT_PEERS_LATER;
	if (!json && say == AUDIT_PEERS_AGREE)
		printf("peers: %s, %u links\n", text, peers.links);
	else if (!json)
		printf("peers: %s\n", text);
	return json_pack("{s:s,s:i}", "answer", audit_peers_word(say), "links", (int)peers.links);
}

int
audit_verify(const struct audit *a, const struct audit_options *o)
{
	json_t *list = json_array(), *peers = NULL, *all;
	struct end end;
	bool good;

	if (o->file != NULL)
		good = verify_file(a, o->file, o->json, list, &end);
	else
		peers = verify_directory(a, o->json, list, &good);
	all = json_pack("{s:b,s:o,s:o*}", "ok", good, "files", list, "peers", peers);
	if (!o->json)
		json_decref(all);
	else if (cli_print_json(all) != EXIT_OK)
		good = false;
	return good && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
