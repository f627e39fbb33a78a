/*
 * What the engine asks of the firewall for a member whose address has a new
 * holder.  The engine's other files are replaced by what records.
 */
#include "proc/engine.h"
#include <stdlib.h>
#include "tests/check.h"
#include "tests/mesh.h"

#define OLD  0 /* cut, then removed */
#define HEIR 5 /* enrolled at its address */

struct fixture {
	struct engine e;
	struct mesh mesh;
	size_t old, heir; /* places in mesh.members */
};

static struct msg_enforce told[64];
static size_t told_count;

void
engine_tell(struct engine *e, enum role_id to, uint32_t type, const void *fixed, size_t fixed_bytes,
    struct span tail)
{
	(void)e;
	(void)tail;
	if (to != ROLE_ENFORCER || type != MSG_ENFORCE)
		return;
	assert_int_equal(fixed_bytes, sizeof(told[0]));
	assert_true(told_count < 64);
	memcpy(&told[told_count], fixed, fixed_bytes);
	/* As the enforcer demands of every request. */
	assert_true(told[told_count].address_count > 0);
	assert_int_equal(told[told_count].addresses[0].family, 4);
	told_count++;
}

uint32_t
engine_request(struct engine *e)
{
	return ++e->next_request;
}

const char *
engine_member_name(const struct engine *e, member_index m)
{
	return roster_member(e->roster, m)->name;
}

void
engine_later(struct engine *e)
{
	(void)e;
}

void
engine_feed(struct engine *e, struct core_event *event)
{
	(void)e;
	(void)event;
}

static void
enforce(struct fixture *f, member_index subject, enum strength strength)
{
	struct core_action a = { .what = CORE_DO_ENFORCE };

	a.enforce.subject = subject;
	a.enforce.strength = strength;
	a.enforce.mac.bytes[5] = 7;
	told_count = 0;
	engine_enforce(&f->e, &a);
}

/* What the last request about it came to; NONE: it was let go. */
static enum strength
last(member_index subject)
{
	for (size_t i = told_count; i > 0; i--)
		if (told[i - 1].subject == subject)
			return (enum strength)told[i - 1].strength;
	fail_msg("nothing was asked about it");
	return STRENGTH_NONE;
}

static void
grow(struct fixture *f)
{
	struct roster *next;

	mesh_append_epoch(&f->mesh);
	assert_ok(roster_extend(f->mesh.roster, crypto_sodium(), &f->mesh.ca.public_key,
	    mesh_news(&f->mesh, f->mesh.roster), &next));
	roster_free(f->mesh.roster);
	f->e.roster = f->mesh.roster = next;
	assert_ok(engine_enforce_grow(&f->e, roster_count(next)));
	told_count = 0;
	engine_enforce_roster(&f->e);
}

static void
set_up(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	mesh_make(&f->mesh, 5);
	f->e.roster = f->mesh.roster;
	assert_ok(engine_enforce_grow(&f->e, 5));
	while (f->mesh.members[f->old].index != OLD)
		f->old++;
}

/* A member more, listed from the next epoch on, where the old one is. */
static void
enrol_heir(struct fixture *f)
{
	f->heir = mesh_append_member(&f->mesh);
	memcpy(f->mesh.members[f->heir].address, f->mesh.members[f->old].address, 4);
	mesh_append_renewal(&f->mesh, f->heir);
}

static void
tear_down(struct fixture *f)
{
	for (size_t i = 0; i < f->e.member_room; i++)
		free(f->e.members[i]);
	free(f->e.members);
	mesh_free(&f->mesh);
}

/* A quarantined host that was removed does not block who was enrolled in its place. */
static void
a_replacement_is_not_cut(void **unused)
{
	struct fixture f;

	(void)unused;
	set_up(&f);
	enforce(&f, OLD, STRENGTH_SEVER);
	assert_int_equal(last(OLD), STRENGTH_SEVER);
	assert_int_equal(told[0].mac.bytes[5], 7);
	f.mesh.members[f.old].unlisted = true;
	enrol_heir(&f);
	grow(&f);
	assert_int_equal(last(OLD), STRENGTH_NONE);
	/* A new enforcer is not told to block it either, nor is whoever asks again. */
	enforce(&f, OLD, STRENGTH_CUT);
	assert_int_equal(last(OLD), STRENGTH_NONE);
	told_count = 0;
	f.e.siblings[ROLE_ENFORCER] = (struct ipc *)&f;
	engine_enforce_again(&f.e);
	assert_int_equal(last(OLD), STRENGTH_NONE);
	tear_down(&f);
}

/* Nor while both are listed; what stands against the heir itself cuts them both. */
static void
an_heir_that_is_cut_shields_nobody(void **unused)
{
	struct fixture f;

	(void)unused;
	set_up(&f);
	enforce(&f, OLD, STRENGTH_SEVER);
	enrol_heir(&f);
	grow(&f);
	assert_int_equal(last(OLD), STRENGTH_NONE);
	enforce(&f, HEIR, STRENGTH_CUT);
	assert_int_equal(last(HEIR), STRENGTH_CUT);
	enforce(&f, OLD, STRENGTH_CUT);
	assert_int_equal(last(OLD), STRENGTH_CUT);
	/* Released, it is not held by its predecessor's. */
	enforce(&f, HEIR, STRENGTH_NONE);
	assert_int_equal(last(HEIR), STRENGTH_NONE);
	assert_int_equal(last(OLD), STRENGTH_NONE);
	tear_down(&f);
}

/* Who was removed and has no successor stays cut; so does a listed one with an earlier namesake. */
static void
nobody_else_is_spared(void **unused)
{
	struct fixture f;

	(void)unused;
	set_up(&f);
	enforce(&f, OLD, STRENGTH_SEVER);
	f.mesh.members[f.old].unlisted = true;
	grow(&f);
	assert_int_equal(told_count, 0);
	enforce(&f, OLD, STRENGTH_CUT);
	assert_int_equal(last(OLD), STRENGTH_CUT);
	/* The heir's own quarantine is not for its predecessor to lift. */
	f.mesh.members[f.old].unlisted = false;
	enrol_heir(&f);
	grow(&f);
	enforce(&f, HEIR, STRENGTH_SEVER);
	assert_int_equal(last(HEIR), STRENGTH_SEVER);
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replacement_is_not_cut),
		cmocka_unit_test(an_heir_that_is_cut_shields_nobody),
		cmocka_unit_test(nobody_else_is_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
