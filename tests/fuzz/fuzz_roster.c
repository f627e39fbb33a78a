/* A roster that parses finds each of its members again. */
#include "core/roster.h"
#include "tests/fuzz/crypto_fake.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	struct public_key ca = { { 0 } };
	struct roster *roster;
	uint64_t weight = 0;
	size_t holders;

	if (roster_parse(&crypto_fake, &ca, data, size_bytes, &roster) != ERR_OK)
		return 0;
	for (size_t i = 0; i < roster_count(roster); i++) {
		member_index index = (member_index)i;
		const struct member *m = roster_member(roster, index);

		PROMISE(m->role == ROLE_NODE && strlen(m->name) > 0);
		PROMISE(roster_find_id(roster, &m->id) == index);
		PROMISE(roster_find_name(roster, m->name) == index);
		PROMISE(roster_find_key(roster, &m->key) == index);
		for (size_t a = 0; a < m->address_count; a++) {
			member_index found =
			    roster_find_address(roster, &m->addresses[a], &holders);

			PROMISE(
			    holders == 1 ? found == index : holders > 1 && found == MEMBER_NONE);
		}
		weight += m->weight;
		PROMISE((roster_head_ordinal(roster, index) == -1) == (m->weight == 0));
	}
	PROMISE(weight == roster_weight(roster));
	for (size_t i = 0; i < roster_heads(roster); i++)
		PROMISE(roster_head_ordinal(roster, roster_head_at(roster, i)) == (int)i);
	PROMISE(roster_k(roster, 0) >= 2 && roster_f(roster) <= roster_heads(roster) / 4);
	roster_free(roster);
	return 0;
}
