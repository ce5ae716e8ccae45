/* How often the kernel knows each inode, also in memory that outlives the process. */
#include "fixture.h"

#include "../../fs/fs_i.h"

static void lookup_counts(void **state)
{
	(void)state;
	enum { INODES = 20000, STEPS = 200000 };
	uint64_t seed = 42, *model = calloc(INODES, sizeof(*model));
	struct lookups *lookups;
	assert_non_null(model);
	assert_int_equal(lookups_open(NULL, &lookups), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		uint64_t at = fixture_random(&seed) % INODES, inode = at + 1;
		assert_int_equal(lookups_known(lookups, inode), model[at] != 0);
		/* First mostly more, then mostly fewer: tables grow and shrink. */
		if (fixture_random(&seed) % 10 < (step < STEPS / 2 ? 8 : 2)) {
			assert_int_equal(lookups_add(lookups, inode), 0);
			model[at]++;
		} else if (model[at]) {
			uint64_t count = 1 + fixture_random(&seed) % model[at];
			model[at] -= count;
			assert_int_equal(lookups_sub(lookups, inode, count), model[at] == 0);
		}
	}
	for (uint64_t at = 0; at < INODES; at++) {
		assert_int_equal(lookups_known(lookups, at + 1), model[at] != 0);
		if (model[at])
			assert_true(lookups_sub(lookups, at + 1, model[at]));
		assert_false(lookups_known(lookups, at + 1));
	}
	lookups_close(lookups);
	free(model);
}

/* ---- counts that outlive the process ---- */

#define KEPT_BYTES (UINT64_C(64) << 20)

static void clear_kept(void *start, size_t length)
{
	memset(start, 0, length);
}

/* Counts are the same after each of many changes, as if the process had ended there. */
static void lookup_counts_kept(void **state)
{
	(void)state;
	enum { INODES = 2000, STEPS = 40000 };
	struct fs_lookup_memory memory = {
	    .base = aligned_alloc(65536, KEPT_BYTES), .size = KEPT_BYTES, .clear = clear_kept};
	uint64_t seed = 43, *model = calloc(INODES, sizeof(*model));
	struct lookups *lookups;
	assert_non_null(memory.base);
	assert_non_null(model);
	memset(memory.base, 0, KEPT_BYTES);
	assert_int_equal(lookups_open(&memory, &lookups), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		uint64_t at = fixture_random(&seed) % INODES;
		if (fixture_random(&seed) % 10 < (step < STEPS / 2 ? 8 : 2)) {
			assert_int_equal(lookups_add(lookups, at + 1), 0);
			model[at]++;
		} else if (model[at]) {
			model[at]--;
			assert_int_equal(lookups_sub(lookups, at + 1, 1), model[at] == 0);
		}
		if (step % 1000 != 999)
			continue;
		lookups_close(lookups);
		assert_int_equal(lookups_open(&memory, &lookups), 0);
		for (uint64_t i = 0; i < INODES; i++)
			assert_int_equal(lookups_known(lookups, i + 1), model[i] != 0);
	}
	for (uint64_t at = 0; at < INODES; at++)
		if (model[at])
			assert_true(lookups_sub(lookups, at + 1, model[at]));
	lookups_close(lookups);
	free(memory.base);
	free(model);
}

/* What is not known any more has left no room taken: more inodes come and go than there is room for. */
static void lookup_counts_kept_bounded(void **state)
{
	(void)state;
	struct fs_lookup_memory memory = {
	    .base = aligned_alloc(65536, 16 << 20), .size = 16 << 20, .clear = clear_kept};
	struct lookups *lookups;
	assert_non_null(memory.base);
	memset(memory.base, 0, memory.size);
	assert_int_equal(lookups_open(&memory, &lookups), 0);
	for (uint64_t inode = 1; inode < 1000000; inode++) {
		assert_int_equal(lookups_add(lookups, inode), 0);
		assert_true(lookups_sub(lookups, inode, 1));
	}
	int result = 0;
	for (uint64_t inode = 1; !result && inode < 1000000; inode++)
		result = lookups_add(lookups, inode);
	assert_int_equal(result, -ENOMEM);
	lookups_close(lookups);
	free(memory.base);
}

/* Counts of which one entry does not hold all: 20 bits and more. */
static void lookup_counts_large(void **state)
{
	(void)state;
	enum { LARGE = 3000000 };
	static const uint64_t inodes[] = {1, 77, (UINT64_C(1) << 48) - 1};
	struct fs_lookup_memory memory = {
	    .base = aligned_alloc(65536, KEPT_BYTES), .size = KEPT_BYTES, .clear = clear_kept};
	struct lookups *lookups;
	uint64_t seed = 44;
	assert_non_null(memory.base);
	memset(memory.base, 0, KEPT_BYTES);
	assert_int_equal(lookups_open(&memory, &lookups), 0);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t count = 0;
		for (unsigned j = 0; j < LARGE; j++, count++)
			assert_int_equal(lookups_add(lookups, inodes[i]), 0);
		/* others come and go, so that tables are copied */
		for (uint64_t other = 1000; other < 30000; other++)
			assert_int_equal(lookups_add(lookups, other), 0);
		while (count > 500000) {
			uint64_t some = 1 + fixture_random(&seed) % 200000;
			if (some >= count)
				some = count - 1;
			assert_false(lookups_sub(lookups, inodes[i], some));
			count -= some;
		}
		lookups_close(lookups);
		assert_int_equal(lookups_open(&memory, &lookups), 0);
		for (uint64_t other = 1000; other < 30000; other++)
			assert_true(lookups_sub(lookups, other, 1));
		for (unsigned j = 0; j < LARGE; j++, count++)
			assert_int_equal(lookups_add(lookups, inodes[i]), 0);
		assert_int_equal(lookups_known_count(lookups), i + 1);
		assert_false(lookups_sub(lookups, inodes[i], count - 1));
		assert_true(lookups_known(lookups, inodes[i]));
		if (i == 0) /* the others stay, of one entry and of two */
			for (unsigned j = 0; j < LARGE; j++)
				assert_int_equal(lookups_add(lookups, inodes[i]), 0);
	}
	assert_false(lookups_sub(lookups, inodes[0], LARGE));
	for (unsigned i = 0; i < 3; i++) {
		assert_true(lookups_sub(lookups, inodes[i], 1));
		assert_false(lookups_known(lookups, inodes[i]));
	}
	assert_int_equal(lookups_known_count(lookups), 0);
	lookups_close(lookups);
	free(memory.base);
}

/* What is promised to users: 16 bytes for each inode that is known, whatever their number, as they get more
 * and fewer. */
static uint64_t bytes_in_use(const struct fs_lookup_memory *memory)
{
	uint64_t bytes = 0;
	const atomic_ullong *states = memory->base;
	for (unsigned i = 0; i < 64; i++)
		bytes += (states[i] >> 1) * 8;
	return bytes;
}

static void lookup_counts_small(void **state)
{
	(void)state;
	enum { INODES = 400000 };
	struct fs_lookup_memory memory = {
	    .base = aligned_alloc(65536, KEPT_BYTES), .size = KEPT_BYTES, .clear = clear_kept};
	struct lookups *lookups;
	assert_non_null(memory.base);
	memset(memory.base, 0, KEPT_BYTES);
	assert_int_equal(lookups_open(&memory, &lookups), 0);
	for (uint64_t inode = 1; inode <= INODES; inode++) {
		assert_int_equal(lookups_add(lookups, inode), 0);
		if (inode > 10000 && inode % 1000 == 0)
			assert_true(bytes_in_use(&memory) <= 16 * inode);
	}
	assert_true(bytes_in_use(&memory) >= 8 * INODES);
	for (uint64_t inode = INODES; inode > 0; inode--) {
		if (inode > 20000 && inode % 1000 == 0)
			assert_true(bytes_in_use(&memory) <= 17 * inode); /* of many, some not yet */
		assert_true(lookups_sub(lookups, inode, 1));
	}
	lookups_close(lookups);
	free(memory.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lookup_counts),
	    cmocka_unit_test(lookup_counts_kept),
	    cmocka_unit_test(lookup_counts_kept_bounded),
	    cmocka_unit_test(lookup_counts_large),
	    cmocka_unit_test(lookup_counts_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
