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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lookup_counts),
	    cmocka_unit_test(lookup_counts_kept),
	    cmocka_unit_test(lookup_counts_kept_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
