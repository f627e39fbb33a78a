/* A roster that parses finds each of its members again. */
#include "core/roster.h"
#include "tests/fuzz/crypto_fake.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	struct public_key ca = { { 0 } };
	const struct epoch *epoch;
	struct roster *roster;
	uint64_t weight = 0;
	size_t holders;

	if (roster_parse(&crypto_fake, &ca, data, size_bytes, &roster) != ERR_OK)
		return 0;
	epoch = roster_current(roster);
	for (size_t i = 0; i < roster_count(roster); i++) {
		member_index index = (member_index)i;
		const struct member *m = roster_member(roster, index);

		PROMISE(strlen(m->name) > 0);
		PROMISE(roster_find_id(roster, &m->id) == index);
		PROMISE(roster_find_name(roster, m->name) == index);
		PROMISE(roster_find_key(roster, &m->key) == index);
		for (size_t a = 0; a < m->address_count && epoch_has(epoch, index); a++) {
			member_index found =
			    roster_find_address(roster, &m->addresses[a], &holders);

			PROMISE(
			    holders == 1 ? found == index : holders > 1 && found == MEMBER_NONE);
		}
		weight += epoch_weight_of(epoch, index);
		PROMISE(
		    (epoch_ordinal(epoch, index) == -1) == (epoch_weight_of(epoch, index) == 0));
		PROMISE(m->role == ROLE_NODE || !epoch_has(epoch, index));
	}
	PROMISE(weight == epoch_weight(epoch));
	for (size_t i = 0; i < epoch_heads(epoch); i++)
		PROMISE(epoch_ordinal(epoch, epoch_head_at(epoch, i)) == (int)i);
	PROMISE(epoch_k(epoch, 0) >= 2 && epoch_f(epoch) <= epoch_heads(epoch) / 4);
	roster_free(roster);
	return 0;
}
