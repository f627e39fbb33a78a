/* The map finds what was put, and walks it in order of insertion whatever the seed. */
#include <stdlib.h>
#include "base/map.h"
#include "base/prng.h"
#include "tests/check.h"

#define KEYS 2000

static int values[KEYS];

static struct map *
new_map(size_t key_bytes, uint64_t seed)
{
	struct map *map;

	assert_ok(map_new(key_bytes, seed, &map));
	return map;
}

static void
put_get_remove(void **state)
{
	struct map *map = new_map(4, 1);

	(void)state;
	assert_null(map_get(map, "none"));
	assert_null(map_remove(map, "none"));
	for (uint32_t i = 0; i < KEYS; i++)
		assert_ok(map_put(map, &i, &values[i]));
	assert_int_equal(map_count(map), KEYS);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(map, &i), &values[i]);
	for (uint32_t i = 0; i < KEYS; i += 2)
		assert_ptr_equal(map_remove(map, &i), &values[i]);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(map, &i), i % 2 ? &values[i] : NULL);
	assert_int_equal(map_count(map), KEYS / 2);
	assert_ok(map_put(map, &(uint32_t){ 1 }, &values[0]));
	assert_int_equal(map_count(map), KEYS / 2);
	assert_ptr_equal(map_get(map, &(uint32_t){ 1 }), &values[0]);
	map_free(map);
	map_free(NULL);
}

/* Two seeds, one order; what is removed and put again goes to the end. */
static void
order_of_insertion(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2; seed++) {
		struct map *map = new_map(4, seed * UINT64_MAX);
		uint32_t removed = 3, expected[] = { 9, 8, 7, 6, 5, 4, 2, 1, 0, 3 };
		size_t cursor = 0, count = 0;
		const void *key;
		void *value;

		for (uint32_t i = 10; i-- > 0;)
			assert_ok(map_put(map, &i, &values[i]));
		map_remove(map, &removed);
		assert_ok(map_put(map, &removed, &values[3]));
		while (map_next(map, &cursor, &key, &value)) {
			assert_memory_equal(key, &expected[count], 4);
			assert_ptr_equal(value, &values[expected[count]]);
			count++;
		}
		assert_int_equal(count, 10);
		map_free(map);
	}
}

/* While walking, everything may be removed. */
static void
removal_while_walking(void **state)
{
	struct map *map = new_map(4, 7);
	size_t cursor = 0, walked = 0;
	const void *key;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_ok(map_put(map, &i, &values[i]));
	for (; map_next(map, &cursor, &key, NULL); walked++)
		assert_non_null(map_remove(map, key));
	assert_int_equal(walked, 100);
	assert_int_equal(map_count(map), 0);
	map_free(map);
}

/* Coming and going for long leaves no more than what is there (and a plain array agrees). */
static void
agrees_with_an_array(void **state)
{
	struct map *map = new_map(33, 5);
	struct prng prng;
	bool held[64] = { false };
	uint8_t key[33] = { 0 };
	size_t count = 0;

	(void)state;
	prng_seed(&prng, 11);
	for (size_t step = 0; step < 20000; step++) {
		size_t i = (size_t)prng_below(&prng, 64);

		key[32] = (uint8_t)i;
		if (prng_below(&prng, 2) == 0) {
			assert_ok(map_put(map, key, &values[i]));
			count += !held[i];
			held[i] = true;
		} else {
			assert_ptr_equal(map_remove(map, key), held[i] ? &values[i] : NULL);
			count -= held[i];
			held[i] = false;
		}
		assert_ptr_equal(map_get(map, key), held[i] ? &values[i] : NULL);
		assert_int_equal(map_count(map), count);
	}
	map_free(map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_get_remove),
		cmocka_unit_test(order_of_insertion),
		cmocka_unit_test(removal_while_walking),
		cmocka_unit_test(agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
