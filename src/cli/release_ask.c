#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/release_ask.h"
#include "core/roster.h"

const struct msg_member *
release_find(const struct control_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->member_count; i++)
		if (strcmp(answer->members[i].name, name) == 0)
			return &answer->members[i];
	return NULL;
}

const struct msg_member *
release_find_operator(const struct control_answer *answer, const struct release_key *key)
{
	struct public_key public;

	release_key_public(key, &public);
	for (size_t i = 0; i < answer->member_count; i++)
		if (memcmp(answer->members[i].key.bytes, public.bytes, sizeof(public.bytes)) == 0)
			return &answer->members[i];
	return NULL;
}

const char *
release_hindrance(const struct msg_member *m)
{
	if (m == NULL)
		return "no such member; phalanx peers lists them";
	if (m->role != ROLE_NODE)
		return "is no node: nothing can stand against it";
	if (m->confessed || m->proven)
		return m->confessed
		           ? "it has confessed: this identity never comes back.  Give the host a "
		             "new "
		             "one: stop it, put its state directory aside, phalanx ca request "
		             "there, "
		             "then phalanx ca enrol and phalanx ca epoch"
		           : "it signed two histories, and the proof is held by all: this identity "
		             "never comes back.  Give the host a new one: stop it, put its state "
		             "directory aside, phalanx ca request there, then phalanx ca enrol and "
		             "phalanx ca epoch";
	if (!m->has_certificate && m->report_sequence == 0)
		return m->strength > STRENGTH_HOLD
		           ? "no certificate and no report of its own stands: what holds it ends "
		             "by "
		             "itself within 15 minutes; phalanx incidents shows it"
		           : "nothing stands against it";
	return NULL;
}

const char *
release_operator_fault(const struct msg_member *by)
{
	if (by == NULL)
		return "this key is not enrolled in the mesh, or the node has an older roster: "
		       "phalanx ca request --role operator, ca enrol --role operator, ca epoch; "
		       "then phalanx submit the new roster";
	if (by->role != ROLE_OPERATOR)
		return "this key is enrolled, but not as an operator";
	return NULL;
}

bool
release_look(const char *path, struct control_answer *out)
{
	struct control_answer status;

	if (!control_try(path, ASK_STATUS, &status) || !control_try(path, ASK_MEMBERS, out))
		return false;
	out->status = status.status;
	return true;
}

bool
release_submit(const char *socket_path, struct span envelope)
{
	int fd = control_dial(socket_path);
	enum err err;

	if (fd == -1)
		return false;
	err = control_submit(fd, MSG_SUBMIT, NULL, 0, envelope.data, envelope.size_bytes);
	close(fd);
	if (err != ERR_OK)
		fprintf(stderr, "phalanx release: the node refuses it: %s\n", err_text(err));
	return err == ERR_OK;
}

bool
release_sign_and_submit(const char *socket_path, struct release_key *key,
    const struct control_answer *answer, const struct msg_member *subject, enum release_kind kind,
    const char *reason)
{
	static uint8_t bytes[LIMIT_ENVELOPE_BYTES];
	struct span envelope = { bytes, sizeof(bytes) };

	return release_entry_sign(key, &answer->status, release_find_operator(answer, key), subject,
	           kind, reason, bytes, &envelope.size_bytes) &&
	       release_submit(socket_path, envelope);
}
