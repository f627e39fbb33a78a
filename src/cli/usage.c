#include "cli/usage.h"
#include <string.h>
#include "cli/command.h"

struct topic {
	const char *name;
	const char *text;
};

static const struct topic topics[] = {
	{ "status",
	    "phalanx status\n"
	    "\n"
	    "This node: what it is called, whom it is linked to, what it holds cut, what it\n"
	    "may do.  --json before the verb: the same for programs.\n" },
	{ "peers", "phalanx peers\n"
	           "\n"
	           "Every member as this node sees it: its links, its weight, its state.\n" },
	{ "incidents",
	    "phalanx incidents\n"
	    "\n"
	    "What stands against whom: the grounds, the votes, since when, and what the\n"
	    "kernel does about it.  phalanx audit bundle --incident ID writes its proof.\n" },
	{ "audit",
	    "phalanx audit verify [--dir STATE] [--file LOG] [--json]\n"
	    "phalanx audit verify --bundle FILE --ca-key HEX | --ca FILE\n"
	    "phalanx audit show [--dir STATE] [--file LOG] [--json]\n"
	    "phalanx audit bundle [--dir STATE] --subject NAME | --incident ID --out FILE\n"
	    "phalanx audit export [--dir STATE] --subject NAME --out FILE\n"
	    "\n"
	    "verify checks every signature and every link of the hash chain of this host's\n"
	    "log, or of a bundle, which needs nothing but the CA's key.  show lists the\n"
	    "entries.  bundle writes the proof of one quarantine to a file that anybody can\n"
	    "verify.  export writes the certificate that stands against NAME, for a host\n"
	    "that nobody talks to any more (phalanx submit).\n"
	    "STATE is the node's state directory, by default that of the configuration.\n" },
	{ "ca",
	    "phalanx ca init|request|enrol|renew|epoch|bundle|show ...\n"
	    "\n"
	    "The mesh's authority: offline, on a machine of the operator's.  A mesh is made by\n"
	    "init, then for each host request (there), enrol, once epoch, and bundle.\n"
	    "phalanx help ca enrol, and so on, has each of them.\n" },
	{ "ca init", "phalanx ca init --dir DIR --mesh NAME [--days N]\n"
	             "\n"
	             "Make an authority in DIR, which must hold none, and print its public key.\n"
	             "N: how long its certificate lasts; 3650.\n" },
	{ "ca request",
	    "phalanx ca request --state DIR --name NAME --address A [--address B ...]\n"
	    "                   [--port 9000] [--dns NAME ...]\n"
	    "phalanx ca request --state DIR --name NAME --role operator | coordinator\n"
	    "\n"
	    "On the host itself: make its keys in DIR, unless they are there, and print what\n"
	    "the authority has to sign.  The keys never leave the host.  A: each address that\n"
	    "its peers see it by.\n" },
	{ "ca enrol",
	    "phalanx ca enrol --dir DIR [--group TOKEN] [--role node | operator | coordinator]\n"
	    "                 [--days N] REQUEST.json ...\n"
	    "\n"
	    "Enrol who made these requests.  Nodes enrolled with one TOKEN count as one\n"
	    "witness; by default each is a group of its own.  N: how long it lasts; 365.\n" },
	{ "ca renew",
	    "phalanx ca renew --dir DIR [--days N] NAME\n"
	    "\n"
	    "A new enrolment and incarnation for a member: before its certificate ends, or\n"
	    "when it has lost its state.  Then bundle, and phalanx reload there.\n" },
	{ "ca epoch",
	    "phalanx ca epoch --dir DIR [--threshold N] [--corroboration N] [--precautions N]\n"
	    "                 [--vote-budget N] [--weight NAME=W ...] [--remove NAME ...]\n"
	    "                 [--evidence FILE ...]\n"
	    "\n"
	    "Sign the mesh's next epoch: who votes, with what weight and parameters.  What is\n"
	    "not said stays as it was.  --evidence: logs of nodes, from which weights follow.\n"
	    "--remove takes a member's links and vote; --weight brings it back.\n" },
	{ "ca bundle",
	    "phalanx ca bundle --dir DIR NAME --out STATE\n"
	    "\n"
	    "Write a member's certificate, the authority's and the roster into STATE.  No\n"
	    "secrets: copy it to the host's state directory.\n" },
	{ "ca show", "phalanx ca show --dir DIR [--json]\n"
	             "\n"
	             "Who is enrolled, and in which epoch.\n" },
	{ "release",
	    "phalanx release NAME --reason TEXT --key FILE|DIR [--overturned] [--socket S]\n"
	    "                [--wait SECONDS] [--out FILE]\n"
	    "\n"
	    "Readmit a host that is quarantined, by an operator's key; its peers vote on it\n"
	    "when only a certificate can end it.  --overturned: it should never have been\n"
	    "cut, which costs those who said so.  --out: write the request instead of asking\n"
	    "this host's node, for phalanx submit elsewhere.\n"
	    "Exit 0: released (or written); 1: refused; 3: asked, and the certificate does not\n"
	    "stand yet.\n" },
	{ "dashboard",
	    "phalanx dashboard --key FILE|DIR [--url http://localhost:8090] [--socket S]...\n"
	    "                  [--viewer] [--open] [--coordinator-key HEX]\n"
	    "\n"
	    "Print a link that signs in at the page, and stay, to confirm here what is asked\n"
	    "there.  --viewer: a link that only looks; --open: hand it to xdg-open.  Ctrl-C\n"
	    "signs out.\n" },
	{ "submit", "phalanx submit [--socket S] FILE\n"
	            "\n"
	            "Hand something signed to this host's node: a Release (release --out), a\n"
	            "certificate (audit export), or a roster.  The node verifies it.\n" },
	{ "reload",
	    "phalanx reload\n"
	    "\n"
	    "Have phalanxd read its configuration and roster again, all of it or nothing.\n" },
	{ "coordinator",
	    "phalanx coordinator [trust KEY | forget]\n"
	    "\n"
	    "The coordinator's key as this node knows it, and what it shows; take another, or\n"
	    "whichever is shown next.\n" },
	{ "unlock",
	    "phalanx unlock [--all | --undo] [--yes]\n"
	    "\n"
	    "On this host's console, as root: lift the lock that this host put on itself.\n"
	    "--all: lift every cut in this kernel, and put none until --undo.  Peers still\n"
	    "hold whom they hold.  --yes: do not ask.\n" },
	{ "doctor",
	    "phalanx doctor\n"
	    "\n"
	    "Can this host do what its configuration asks: kernel, privileges, ports, clock,\n"
	    "keys, roster?  Changes nothing.  Exit 1: something would not work.\n" },
};

#define TOPICS (sizeof(topics) / sizeof(topics[0]))

/* The synopsis, up to the blank line, stands back. */
static void
print_text(FILE *out, const char *text)
{
	fputs("usage:\n", out);
	for (; *text != '\n'; text = strchr(text, '\n') + 1)
		fprintf(out, "  %.*s\n", (int)strcspn(text, "\n"), text);
	fputs(text, out);
}

bool
usage_print(FILE *out, const char *topic)
{
	for (size_t i = 0; i < TOPICS; i++)
		if (strcmp(topics[i].name, topic) == 0) {
			print_text(out, topics[i].text);
			return true;
		}
	return false;
}

void
usage_print_topics(FILE *out)
{
	for (size_t i = 0; i < TOPICS; i++)
		fprintf(out, "%s\n", topics[i].name);
}

int
usage_error(const char *topic)
{
	(void)usage_print(stderr, topic);
	return EXIT_USAGE;
}
