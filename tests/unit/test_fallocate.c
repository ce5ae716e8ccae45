/* Long ranges: a stop between any two of their records leaves what a shorter request would have left (so they
 * need no intent), and others get at the file in between. */
#include "fixture_sim.h"

#include "../../fs/file_i.h"

#include <fcntl.h>

#define EXTENTS 400u
#define MIB	(UINT64_C(1) << 20)

enum block_state { KEPT, ZEROS, HOLE };

static uint8_t pattern(uint64_t block)
{
	return (uint8_t)(1 + block % 250);
}

static void write_block(struct fs *fs, uint64_t file, uint64_t block)
{
	uint8_t bytes[BLOCK_SIZE];
	memset(bytes, pattern(block), sizeof(bytes));
	assert_int_equal(fs_write(fs, file, block * BLOCK_SIZE, bytes, BLOCK_SIZE, 0), BLOCK_SIZE);
}

/* Every second block, so that each is an extent. */
static void make_fragments(struct fs *fs, uint64_t file)
{
	for (uint64_t i = 0; i < EXTENTS; i++)
		write_block(fs, file, i * 2);
}

static enum block_state state_of(struct fs *fs, uint64_t file, uint64_t block, bool owned)
{
	uint8_t bytes[BLOCK_SIZE], expected[BLOCK_SIZE];
	memset(expected, pattern(block), sizeof(expected));
	assert_int_equal(fs_read_copy(fs, file, block * BLOCK_SIZE, bytes, BLOCK_SIZE), BLOCK_SIZE);
	if (!memcmp(bytes, expected, BLOCK_SIZE)) {
		assert_true(owned);
		return KEPT;
	}
	for (unsigned i = 0; i < BLOCK_SIZE; i++)
		assert_int_equal(bytes[i], 0);
	return owned ? ZEROS : HOLE;
}

/* Blocks [10, 790) were punched or zeroed as far as `f` has come: each block is as before or as it is to be,
 * no other has changed, and the inode counts right. Returns how many are as they are to be. */
static unsigned check_partial(struct sim_fixture *f, uint64_t file, int mode)
{
	const uint64_t size = (EXTENTS * 2 - 1) * (uint64_t)BLOCK_SIZE;
	struct fs_attr attr;
	uint64_t owned_blocks = 0;
	unsigned changed = 0;
	assert_int_equal(fs_getattr(f->fs, file, &attr), 0);
	assert_int_equal(attr.size, size);
	for (uint64_t block = 0; block < EXTENTS * 2 - 1; block++) {
		struct extent extent;
		image_read_lock(f->image);
		int result = extent_find(f->fs, file, block, &extent);
		image_read_unlock(f->image);
		bool owned = result == 0 && extent.logical <= block, inside = block >= 10 && block < 790;
		enum block_state now = state_of(f->fs, file, block, owned);
		owned_blocks += owned;
		if (!inside)
			assert_int_equal(now, block % 2 ? HOLE : KEPT);
		else if (mode & FALLOC_FL_PUNCH_HOLE)
			assert_true(now == HOLE || (block % 2 == 0 && now == KEPT));
		else
			assert_true(now == ZEROS || now == (block % 2 ? HOLE : KEPT));
		changed += inside && (block % 2 ? now == ZEROS : now != KEPT);
	}
	assert_int_equal(attr.blocks512, owned_blocks * 8);
	return changed;
}

static void stop_anywhere(int mode)
{
	struct sim_fixture f;
	unsigned partial = 0, last = 0;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	make_fragments(f.fs, file);
	assert_int_equal(image_checkpoint(f.image), 0);
	struct store_sim *base = store_sim_new(SIM_SIZE), *copy = store_sim_new(SIM_SIZE);
	assert_true(base && copy);
	store_sim_copy(base, f.sim);
	store_sim_copy(copy, base);
	store_sim_record(f.sim);
	assert_int_equal(fs_fallocate(f.fs, file, mode, 10 * BLOCK_SIZE, 780 * BLOCK_SIZE), 0);
	store_sim_stop(f.sim);
	size_t count = f.sim->log.count, step = count / 30 + 1;
	assert_true(count > 20);
	for (size_t events = 0;; events = events + step < count ? events + step : count) {
		struct sim_fixture stopped;
		for (size_t i = 0; i < events; i++)
			store_sim_apply(copy, &f.sim->log, &f.sim->log.events[i],
					f.sim->log.events[i].length);
		sim_start(&stopped, copy, RECOVER_WARM);
		unsigned changed = check_partial(&stopped, file, mode);
		assert_true(changed >= last);
		last = changed;
		partial += changed > 0 && changed < 390;
		sim_drop(&stopped);
		store_sim_restore(copy, base);
		if (events == count)
			break;
	}
	assert_int_equal(last, mode & FALLOC_FL_PUNCH_HOLE ? 390 : 780);
	assert_true(partial > 3);
	sim_drop(&f);
	store_sim_free(f.sim);
	store_sim_free(base);
	store_sim_free(copy);
}

static void test_stopped_punch(void **state)
{
	(void)state;
	stop_anywhere(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static void test_stopped_zero_range(void **state)
{
	(void)state;
	stop_anywhere(FALLOC_FL_ZERO_RANGE);
}

/* Between steps nothing is locked, and what others do meanwhile is neither lost nor in the way. */
static void test_steps(void **state)
{
	(void)state;
	const int modes[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE, 0};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct sim_fixture f;
		struct fs_attr attr;
		struct fs_fallocation range = {.mode = modes[i], .offset = 0, .length = 4 * MIB};
		unsigned steps = 1;
		int result;
		sim_make(&f);
		uint64_t file = sim_file(&f, "f");
		for (uint64_t block = 0; block < 1024; block += 2)
			write_block(f.fs, file, block);
		while ((result = fs_fallocate_step(f.fs, file, &range)) == 1) {
			/* what another does behind the range, and to the attributes */
			write_block(f.fs, file, 1100 + steps);
			struct fs_set set = {.what = FS_SET_MODE, .mode = 0600 + steps};
			assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
			steps++;
		}
		assert_int_equal(result, 0);
		assert_true(steps > 1 && steps < 100);
		assert_int_equal(fs_getattr(f.fs, file, &attr), 0);
		assert_int_equal(attr.mode, S_IFREG | (0600 + steps - 1));
		assert_int_equal(attr.size, (1100 + steps) * (uint64_t)BLOCK_SIZE);
		for (unsigned step = 1; step < steps; step++)
			assert_int_equal(state_of(f.fs, file, 1100 + step, true), KEPT);
		for (uint64_t block = 0; block < 1024; block++)
			assert_int_equal(state_of(f.fs, file, block, true),
					 modes[i] == 0 && block % 2 == 0 ? KEPT : ZEROS);
		assert_int_equal(attr.blocks512 / 8,
				 steps - 1 + (modes[i] & FALLOC_FL_PUNCH_HOLE ? 0 : 1024));
		sim_drop(&f);
		store_sim_free(f.sim);
	}
}

/* The file's last block goes with the last byte that the file has in it, and only with that. */
static void test_punch_end(void **state)
{
	(void)state;
	enum { SIZE = 2 * BLOCK_SIZE + 1000 };
	const struct {
		uint64_t offset, length;
		unsigned blocks;
	} holes[] = {
	    {BLOCK_SIZE, SIZE - BLOCK_SIZE, 1},
	    {BLOCK_SIZE, SIZE - BLOCK_SIZE - 1, 2},
	    {2 * BLOCK_SIZE, BLOCK_SIZE - 1, 2},
	    {2 * BLOCK_SIZE + 1, BLOCK_SIZE, 3},
	    {2 * BLOCK_SIZE + 1, SIZE - 2 * BLOCK_SIZE - 1, 3},
	    {0, MIB, 0},
	    {SIZE, 100, 3},
	};
	struct sim_fixture f;
	struct fs_attr attr;
	uint8_t bytes[SIZE], zeros[SIZE] = {0};
	sim_make(&f);
	for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
		uint64_t file = sim_file(&f, (const char[2]){(char)('a' + i), '\0'});
		uint64_t end =
		    holes[i].offset + holes[i].length < SIZE ? holes[i].offset + holes[i].length : SIZE;
		memset(bytes, 7, sizeof(bytes));
		assert_int_equal(fs_write(f.fs, file, 0, bytes, SIZE, 0), SIZE);
		assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					      holes[i].offset, holes[i].length),
				 0);
		assert_int_equal(fs_getattr(f.fs, file, &attr), 0);
		assert_int_equal(attr.size, SIZE);
		assert_int_equal(attr.blocks512 / 8, holes[i].blocks);
		assert_int_equal(fs_read_copy(f.fs, file, 0, bytes, SIZE), SIZE);
		for (uint64_t at = 0; at < SIZE; at++)
			assert_int_equal(bytes[at], at < holes[i].offset || at >= end ? 7 : 0);
		struct fs_set set = {.what = FS_SET_SIZE, .size = SIZE + BLOCK_SIZE};
		assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
		assert_int_equal(fs_read_copy(f.fs, file, SIZE, bytes, BLOCK_SIZE), BLOCK_SIZE);
		assert_memory_equal(bytes, zeros, BLOCK_SIZE);
	}
	sim_drop(&f);
	store_sim_free(f.sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stopped_punch),
	    cmocka_unit_test(test_stopped_zero_range),
	    cmocka_unit_test(test_steps),
	    cmocka_unit_test(test_punch_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
