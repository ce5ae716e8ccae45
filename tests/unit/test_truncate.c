/* A truncate of thousands of extents, stopped after each of its stores: the next mount completes it (R7). */
#include "fixture_sim.h"

#include "../../fs/file_i.h"

#define EXTENTS 3000u

/* Every second block. */
static void make_fragments(struct fs *fs, uint64_t file, unsigned count)
{
	uint8_t block[BLOCK_SIZE];
	for (unsigned i = 0; i < count; i++) {
		memset(block, (int)(1 + i % 255), sizeof(block));
		assert_int_equal(fs_write(fs, file, (uint64_t)i * 2 * BLOCK_SIZE, block, BLOCK_SIZE, 0),
				 BLOCK_SIZE);
	}
}

static void check_fragments(struct fs *fs, uint64_t file, unsigned count)
{
	uint8_t block[BLOCK_SIZE], expected[BLOCK_SIZE];
	for (unsigned i = 0; i < count; i++) {
		memset(expected, (int)(1 + i % 255), sizeof(expected));
		assert_int_equal(fs_read_copy(fs, file, (uint64_t)i * 2 * BLOCK_SIZE, block, BLOCK_SIZE),
				 BLOCK_SIZE);
		assert_memory_equal(block, expected, BLOCK_SIZE);
	}
}

static int find_intent(struct image *image)
{
	struct key from = {.object = INTENT_OBJECT, .type = ITEM_INTENT}, key;
	image_read_lock(image);
	int result = tree_next(image, TREE_FILES, from, &key, NULL, 0, NULL);
	image_read_unlock(image);
	return result == 0 && key.object == INTENT_OBJECT && key.type == ITEM_INTENT ? 0 : -ENOENT;
}

static uint64_t size_of(struct fs *fs, uint64_t file, uint64_t *ret_blocks)
{
	struct fs_attr attr;
	assert_int_equal(fs_getattr(fs, file, &attr), 0);
	*ret_blocks = attr.blocks512 / 8;
	return attr.size;
}

static int set_size(struct fs *fs, uint64_t file, uint64_t size)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = size};
	struct fs_attr attr;
	return fs_setattr(fs, file, &set, &attr);
}

/* What a kill after the first `events` stores of the log leaves; the mount completes it. Returns whether the
 * truncate had begun. */
static bool check_stop(struct store_sim *base, const struct sim_log *log, size_t events, uint64_t file,
		       unsigned kept)
{
	const uint64_t old_size = (EXTENTS * 2 - 1) * (uint64_t)BLOCK_SIZE;
	struct sim_fixture f;
	struct extent extent;
	uint64_t blocks;
	for (size_t i = 0; i < events; i++)
		store_sim_apply(base, log, &log->events[i], log->events[i].length);
	sim_start(&f, base, RECOVER_WARM);
	uint64_t size = size_of(f.fs, file, &blocks);
	bool begun = size != old_size;
	assert_int_equal(find_intent(f.image), -ENOENT);
	if (begun) {
		assert_int_equal(size, (uint64_t)kept * 2 * BLOCK_SIZE);
		image_read_lock(f.image);
		assert_int_equal(extent_find(f.fs, file, (uint64_t)kept * 2, &extent), -ENOENT);
		image_read_unlock(f.image);
	}
	assert_int_equal(blocks, begun ? kept : EXTENTS);
	check_fragments(f.fs, file, begun ? kept : EXTENTS);
	sim_drop(&f);
	return begun;
}

static void test_stopped_anywhere(void **state)
{
	(void)state;
	const unsigned kept = 10;
	struct sim_fixture f;
	uint64_t blocks;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	make_fragments(f.fs, file, EXTENTS);
	assert_int_equal(image_checkpoint(f.image), 0);
	struct store_sim *base = store_sim_new(SIM_SIZE), *copy = store_sim_new(SIM_SIZE);
	assert_true(base && copy);
	store_sim_copy(base, f.sim);
	store_sim_copy(copy, base);
	store_sim_record(f.sim);
	assert_int_equal(set_size(f.fs, file, kept * 2 * BLOCK_SIZE), 0);
	store_sim_stop(f.sim);
	assert_int_equal(size_of(f.fs, file, &blocks), kept * 2 * BLOCK_SIZE);
	assert_int_equal(blocks, kept);
	size_t count = f.sim->log.count, begun = 0, step = count / 40 + 1;
	assert_true(count > 20);
	for (size_t events = 0; events <= count; events += events < 8 || events + 8 > count ? 1 : step) {
		begun += check_stop(copy, &f.sim->log, events, file, kept);
		store_sim_restore(copy, base);
	}
	assert_true(begun > 20);
	sim_drop(&f);
	store_sim_free(f.sim);
	store_sim_free(base);
	store_sim_free(copy);
}

/* The first record says that the file is cut: what fails later is not the caller's concern. */
static void test_failure_after_first_record(void **state)
{
	(void)state;
	struct sim_fixture f;
	struct fs_attr attr;
	uint64_t blocks;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	make_fragments(f.fs, file, 100);
	struct fs_set set = {.what = FS_SET_SIZE, .size = BLOCK_SIZE};
	/* nothing but records is stored by a cut */
	f.sim->fault = (struct sim_fault){.kinds = 1u << SIM_WRITE, .nth = 3, .error = -EIO};
	assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
	assert_true(f.sim->fault.hit);
	assert_int_equal(image_failure(f.image), 0);
	assert_int_equal(attr.size, BLOCK_SIZE);
	assert_int_equal(size_of(f.fs, file, &blocks), BLOCK_SIZE);
	assert_in_range(blocks, 2, 99);
	assert_int_equal(attr.blocks512, blocks * 8);
	assert_int_equal(find_intent(f.image), 0);
	/* growing takes it up again */
	set.size = 100 * BLOCK_SIZE;
	assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
	assert_int_equal(attr.blocks512, 8);
	assert_int_equal(find_intent(f.image), -ENOENT);
	check_fragments(f.fs, file, 1);
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* The program is about to end: the rest of a cut is left to the next mount, and nothing comes to light. */
static void test_stopping(void **state)
{
	(void)state;
	struct sim_fixture f;
	struct fs_attr attr;
	uint64_t blocks;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f");
	make_fragments(f.fs, file, 100);
	fs_stop(f.fs);
	assert_int_equal(set_size(f.fs, file, 10 * BLOCK_SIZE), 0);
	assert_int_equal(size_of(f.fs, file, &blocks), 10 * BLOCK_SIZE);
	assert_in_range(blocks, 6, 99);
	struct fs_set grow = {.what = FS_SET_SIZE, .size = 100 * BLOCK_SIZE};
	assert_int_equal(fs_setattr(f.fs, file, &grow, &attr), -EINTR);
	assert_int_equal(fs_fallocate(f.fs, file, 0, 0, 100 * BLOCK_SIZE), -EINTR);
	assert_int_equal(fs_trim_step(f.fs, &(struct image_trimming){.end = UINT64_MAX}), -EINTR);
	struct store_sim *sim = f.sim;
	assert_int_equal(fs_close(f.fs), 0);
	assert_int_equal(image_close(f.image), 0);
	sim_start(&f, sim, RECOVER_AUTO);
	assert_int_equal(size_of(f.fs, file, &blocks), 10 * BLOCK_SIZE);
	assert_int_equal(blocks, 5);
	assert_int_equal(find_intent(f.image), -ENOENT);
	sim_drop(&f);
	store_sim_free(sim);
}

/* A truncate that failed half-way: growing the file does not bring the rest back. */
static void test_growth_after_failure(void **state)
{
	(void)state;
	struct sim_fixture f;
	sim_make(&f);
	uint64_t file = sim_file(&f, "f"), blocks, freed;
	make_fragments(f.fs, file, 100);
	/* the first record of a cut to one block, and no more */
	struct intent_disk intent = {.kind = le32_of(INTENT_TRUNCATE), .first_block = le64_of(1)};
	struct key key = {.object = INTENT_OBJECT, .type = ITEM_INTENT, .offset = file};
	struct inode inode;
	struct txn *txn;
	bool done;
	assert_int_equal(txn_begin(f.image, 20, 0, &txn), 0);
	assert_int_equal(inode_load(f.fs, file, &inode), 0);
	assert_int_equal(extent_remove(txn, f.fs, file, 1, FILE_BLOCKS_MAX, 5, &freed, &done), 0);
	assert_false(done);
	inode.blocks -= freed;
	inode.size = 100;
	assert_int_equal(inode_store(txn, &inode), 0);
	assert_int_equal(tree_put(txn, TREE_FILES, key, &intent, sizeof(intent)), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);

	assert_int_equal(fs_write(f.fs, file, 50 * BLOCK_SIZE, "x", 1, 0), 1);
	assert_int_equal(find_intent(f.image), -ENOENT);
	assert_int_equal(size_of(f.fs, file, &blocks), 50 * BLOCK_SIZE + 1);
	assert_int_equal(blocks, 2);
	uint8_t bytes[50 * BLOCK_SIZE];
	assert_int_equal(fs_read_copy(f.fs, file, 0, bytes, sizeof(bytes)), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i < 100 ? 1 : 0);
	sim_drop(&f);
	store_sim_free(f.sim);
}

/* Intents that no mmfs writes. */
static void test_damaged_intents(void **state)
{
	(void)state;
	const struct {
		struct intent_disk disk;
		size_t size;
		int expected;
		bool of_file;
	} cases[] = {
	    {{.kind = le32_of(9)}, sizeof(struct intent_disk), -EUCLEAN, true},
	    {{.kind = le32_of(INTENT_TRUNCATE)}, 7, -EUCLEAN, true},
	    {{.kind = le32_of(INTENT_TRUNCATE), .first_block = le64_of(1)}, INTENT_BYTES_OLD, 0, true},
	    {{.kind = le32_of(INTENT_TRUNCATE), .first_block = le64_of(FILE_BLOCKS_MAX + 1)},
	     sizeof(struct intent_disk),
	     -EUCLEAN,
	     true},
	    {{.kind = le32_of(INTENT_TRUNCATE), .first_block = le64_of(1)},
	     sizeof(struct intent_disk),
	     0,
	     false},
	    {{.kind = le32_of(INTENT_TRUNCATE), .first_block = le64_of(1)},
	     sizeof(struct intent_disk),
	     0,
	     true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_fixture f;
		sim_make(&f);
		uint64_t file = sim_file(&f, "f"), blocks;
		make_fragments(f.fs, file, 40);
		struct key key = {.object = INTENT_OBJECT,
				  .type = ITEM_INTENT,
				  .offset = cases[i].of_file ? file : UINT64_MAX};
		struct txn *txn;
		assert_int_equal(txn_begin(f.image, 1, 0, &txn), 0);
		assert_int_equal(tree_put(txn, TREE_FILES, key, &cases[i].disk, cases[i].size), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		assert_int_equal(truncate_finish_intents(f.fs), cases[i].expected);
		if (!cases[i].expected) {
			assert_int_equal(find_intent(f.image), -ENOENT);
			(void)size_of(f.fs, file, &blocks);
			assert_int_equal(blocks, cases[i].of_file ? 1 : 40);
		}
		sim_drop(&f);
		store_sim_free(f.sim);
	}
}

static void put_intent(struct sim_fixture *f, uint64_t inode, uint32_t kind)
{
	struct intent_disk disk = {.kind = le32_of(kind), .first_block = le64_of(1)};
	struct key key = {.object = INTENT_OBJECT, .type = ITEM_INTENT, .offset = inode};
	struct txn *txn;
	assert_int_equal(txn_begin(f->image, 1, 0, &txn), 0);
	assert_int_equal(tree_put(txn, TREE_FILES, key, &disk, sizeof(disk)), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

/* A damaged intent, or one of a damaged file, does not keep the others from being finished; it stays, and is
 * told. */
static void test_damaged_among_others(void **state)
{
	(void)state;
	struct sim_fixture f;
	uint64_t files[4], blocks;
	sim_make(&f);
	for (unsigned i = 0; i < 4; i++) {
		char name[] = {(char)('a' + i), 0};
		files[i] = sim_file(&f, name);
		make_fragments(f.fs, files[i], 40);
		put_intent(&f, files[i], i % 2 ? INTENT_TRUNCATE : 9);
	}
	assert_int_equal(truncate_finish_intents(f.fs), -EUCLEAN);
	assert_non_null(strstr(image_damage(f.image), "intent"));
	for (unsigned i = 0; i < 4; i++) {
		(void)size_of(f.fs, files[i], &blocks);
		assert_int_equal(blocks, i % 2 ? 1 : 40);
	}
	assert_int_equal(find_intent(f.image), 0);
	/* nor is it a reason not to mount */
	assert_int_equal(fs_close(f.fs), 0);
	assert_int_equal(image_close(f.image), 0);
	sim_start(&f, f.sim, RECOVER_AUTO);
	assert_non_null(strstr(image_damage(f.image), "intent"));
	sim_drop(&f);
	store_sim_free(f.sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stopped_anywhere), cmocka_unit_test(test_failure_after_first_record),
	    cmocka_unit_test(test_stopping),	     cmocka_unit_test(test_growth_after_failure),
	    cmocka_unit_test(test_damaged_intents),  cmocka_unit_test(test_damaged_among_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
