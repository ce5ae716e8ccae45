/* Extents against an array: random inserts, removals and marks; damaged items. */
#include "fixture.h"

#include "../../fs/file_i.h"

#define BLOCKS 3000u
#define STEPS  4000u

struct model {
	uint64_t physical[BLOCKS]; /* 0: hole */
	bool unwritten[BLOCKS];
};

static uint64_t seed_state;

static uint64_t next_random(uint64_t bound)
{
	seed_state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = seed_state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % bound;
}

/* The map is what the model says, and no two neighbours could be one extent. */
static void check_map(struct fixture *f, uint64_t inode, const struct model *model)
{
	uint64_t block = 0;
	struct extent last = {0};
	image_read_lock(f->image);
	while (block < BLOCKS) {
		struct extent extent;
		int result = extent_find(f->fs, inode, block, &extent);
		uint64_t start = result ? BLOCKS : extent.logical;
		assert_true(result == 0 || result == -ENOENT);
		for (; block < start; block++)
			assert_int_equal(model->physical[block], 0);
		if (result)
			break;
		assert_int_equal(extent.logical, block);
		assert_true(block + extent.length <= BLOCKS);
		if (last.length && last.logical + last.length == block &&
		    last.physical + last.length == extent.physical)
			assert_true(last.unwritten != extent.unwritten);
		for (; block < extent.logical + extent.length; block++) {
			assert_int_equal(model->physical[block], extent.physical + (block - extent.logical));
			assert_int_equal(model->unwritten[block], extent.unwritten);
		}
		last = extent;
	}
	image_read_unlock(f->image);
}

static void end_txn(struct txn *txn, bool commit)
{
	if (commit)
		assert_int_equal(txn_commit(txn, NULL), 0);
	else
		txn_abort(txn);
}

static void step_insert(struct fixture *f, uint64_t inode, struct model *model, bool commit)
{
	uint64_t from = next_random(BLOCKS), length = 0, want = 1 + next_random(next_random(4) ? 8 : 200);
	while (from < BLOCKS && model->physical[from])
		from++;
	while (from + length < BLOCKS && length < want && !model->physical[from + length])
		length++;
	if (length == 0)
		return;
	struct block_range range;
	uint64_t goal = from && model->physical[from - 1] ? model->physical[from - 1] + 1 : 0;
	assert_int_equal(data_reserve(f->image, goal, length, &range), 0);
	assert_in_range(range.count, 1, length);
	struct extent extent = {.logical = from,
				.physical = range.start,
				.length = (uint32_t)range.count,
				.unwritten = next_random(2)};
	struct txn *txn;
	assert_int_equal(txn_begin(f->image, EXTENT_INSERT_CHANGES, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(extent_insert(txn, f->fs, inode, extent), 0);
	end_txn(txn, commit);
	if (!commit)
		data_release(f->image, range);
	for (uint64_t i = 0; i < range.count && commit; i++) {
		model->physical[from + i] = range.start + i;
		model->unwritten[from + i] = extent.unwritten;
	}
}

static void step_remove(struct fixture *f, uint64_t inode, struct model *model, bool commit)
{
	uint64_t from = next_random(BLOCKS), to = from + 1 + next_random(next_random(4) ? 30 : BLOCKS - from);
	unsigned limit = 1 + (unsigned)next_random(6);
	uint64_t freed;
	bool done;
	struct txn *txn;
	if (to > BLOCKS)
		to = BLOCKS;
	assert_int_equal(txn_begin(f->image, EXTENT_REMOVE_CHANGES(limit), TXN_RELEASES, &txn), 0);
	assert_int_equal(extent_remove(txn, f->fs, inode, from, to, limit, &freed, &done), 0);
	end_txn(txn, commit);
	uint64_t owned = 0;
	for (uint64_t i = from; i < to; i++)
		owned += model->physical[i] != 0;
	assert_int_equal(done, freed == owned);
	assert_true(done || freed >= limit);
	for (uint64_t i = to; commit && freed && i-- > from;) {
		freed -= model->physical[i] != 0;
		model->physical[i] = 0;
	}
}

static void step_mark(struct fixture *f, uint64_t inode, struct model *model, bool commit)
{
	struct extent extent;
	image_read_lock(f->image);
	int result = extent_find(f->fs, inode, next_random(BLOCKS), &extent);
	image_read_unlock(f->image);
	if (result == -ENOENT)
		return;
	assert_int_equal(result, 0);
	uint64_t from = extent.logical + next_random(extent.length);
	uint32_t length = 1 + (uint32_t)next_random(extent.logical + extent.length - from);
	bool unwritten = next_random(2);
	struct txn *txn;
	if (next_random(4) == 0) { /* all of it */
		from = extent.logical;
		length = extent.length;
	}
	assert_int_equal(txn_begin(f->image, EXTENT_MARK_CHANGES, 0, &txn), 0);
	result = extent_mark(txn, f->fs, inode, from, length, unwritten);
	assert_int_equal(result, extent.unwritten != unwritten ? 0 : -EUCLEAN);
	end_txn(txn, commit && !result);
	for (uint64_t i = from; commit && !result && i < from + length; i++)
		model->unwritten[i] = unwritten;
}

static void test_random(void **state)
{
	(void)state;
	struct fixture f;
	static struct model models[2];
	memset(models, 0, sizeof(models));
	seed_state = 20240611;
	print_message("seed %llu\n", (unsigned long long)seed_state);
	fixture_open(&f);
	uint64_t inodes[2] = {fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0600),
			      fixture_make(&f, ROOT_INODE, "b", S_IFREG | 0600)};
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned which = (unsigned)next_random(2), kind = (unsigned)next_random(10);
		bool commit = next_random(8) != 0;
		if (kind < 5)
			step_insert(&f, inodes[which], &models[which], commit);
		else if (kind < 7)
			step_remove(&f, inodes[which], &models[which], commit);
		else
			step_mark(&f, inodes[which], &models[which], commit);
		if (step % 50 == 0)
			check_map(&f, inodes[which], &models[which]);
		if (step % 400 == 399)
			assert_int_equal(image_sync(f.image, image_head(f.image), NULL, 0), 0);
		if (step % 1300 == 1299)
			fixture_crash(&f);
	}
	check_map(&f, inodes[0], &models[0]);
	check_map(&f, inodes[1], &models[1]);
	fixture_close(&f);
}

static void put_item(struct fixture *f, uint64_t inode, uint64_t logical, const void *bytes, size_t size)
{
	struct key key = {.object = inode, .type = ITEM_EXTENT, .offset = logical};
	struct txn *txn;
	assert_int_equal(txn_begin(f->image, 1, 0, &txn), 0);
	assert_int_equal(tree_put(txn, TREE_FILES, key, bytes, size), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void expect_damage(struct fixture *f, uint64_t inode, uint64_t logical, uint64_t physical,
			  uint32_t length, uint32_t flags, size_t size)
{
	struct extent_disk disk[2] = {{.physical = le64_of(physical),
				       .length = le32_of(length),
				       .flags = le32_of(flags),
				       .birth = le64_of(1)}};
	struct extent extent;
	struct txn *txn;
	uint64_t freed;
	bool done;
	uint8_t byte;
	put_item(f, inode, logical, disk, size);
	image_read_lock(f->image);
	assert_int_equal(extent_find(f->fs, inode, logical, &extent), -EUCLEAN);
	assert_int_equal(extent_find(f->fs, inode, 0, &extent), -EUCLEAN);
	image_read_unlock(f->image);
	assert_true(image_damage(f->image)[0] != '\0');
	assert_int_equal(txn_begin(f->image, 8, 0, &txn), 0);
	assert_int_equal(extent_remove(txn, f->fs, inode, 0, UINT64_C(1) << 52, 2, &freed, &done), -EUCLEAN);
	assert_int_equal(extent_mark(txn, f->fs, inode, logical, 1, false), -EUCLEAN);
	assert_int_equal(extent_insert(txn, f->fs, inode, (struct extent){.logical = 0, .length = 1}),
			 -EUCLEAN);
	txn_abort(txn);
	if (logical < 100)
		assert_int_equal(fs_read_copy(f->fs, inode, logical * BLOCK_SIZE, &byte, 1), -EUCLEAN);
	assert_int_equal(txn_begin(f->image, 1, 0, &txn), 0);
	assert_int_equal(tree_delete(txn, TREE_FILES,
				     (struct key){.object = inode, .type = ITEM_EXTENT, .offset = logical}),
			 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void test_damaged_items(void **state)
{
	(void)state;
	struct fixture f;
	struct block_range range;
	fixture_open(&f);
	uint64_t inode = fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0600);
	struct fs_set set = {.what = FS_SET_SIZE, .size = 1000 * BLOCK_SIZE};
	struct fs_attr attr;
	assert_int_equal(fs_setattr(f.fs, inode, &set, &attr), 0);
	assert_int_equal(data_reserve(f.image, 0, 4, &range), 0);
	uint64_t good = range.start, zone = image_zone_first(f.image);
	size_t size = sizeof(struct extent_disk);
	expect_damage(&f, inode, 3, good, 0, 0, size);
	expect_damage(&f, inode, 3, good, EXTENT_MAX_BLOCKS + 1, 0, size);
	expect_damage(&f, inode, 3, good, UINT32_MAX, 0, size);
	expect_damage(&f, inode, 3, good, 1, 4, size);
	expect_damage(&f, inode, 3, good, 1, EXTENT_MAYBE_SHARED, size);
	expect_damage(&f, inode, 3, good, 1, 0, size - 1);
	expect_damage(&f, inode, 3, good, 1, 0, 0);
	expect_damage(&f, inode, 3, 0, 1, 0, size);
	expect_damage(&f, inode, 3, zone, 1, 0, size);
	expect_damage(&f, inode, 3, zone - 1, 3, 0, size);
	expect_damage(&f, inode, 3, zone + ZONE_BLOCKS - 2, 4, 0, size);
	expect_damage(&f, inode, 3, UINT64_MAX, 1, 0, size);
	expect_damage(&f, inode, 3, MAX_BLOCKS, 1, 0, size);
	expect_damage(&f, inode, 3, UINT64_MAX - 2, 8, 0, size);
	expect_damage(&f, inode, FILE_BLOCKS_MAX, good, 1, 0, size);
	expect_damage(&f, inode, FILE_BLOCKS_MAX - 1, good, 2, 0, size);
	expect_damage(&f, inode, FILE_BLOCKS_MAX + 5, good, 1, 0, size);
	data_release(f.image, range);
	fixture_close(&f);
}

/* Extents that overlap: no block is freed twice. */
static void test_overlap(void **state)
{
	(void)state;
	struct fixture f;
	struct block_range range;
	struct txn *txn;
	uint64_t freed;
	bool done;
	fixture_open(&f);
	uint64_t inode = fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0600);
	assert_int_equal(data_reserve(f.image, 0, 16, &range), 0);
	assert_int_equal(range.count, 16);
	assert_int_equal(txn_begin(f.image, 2, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
	struct extent_disk disk = {
	    .physical = le64_of(range.start), .length = le32_of(8), .birth = le64_of(1)};
	put_item(&f, inode, 0, &disk, sizeof(disk));
	disk.physical = le64_of(range.start + 8);
	put_item(&f, inode, 4, &disk, sizeof(disk));
	assert_int_equal(txn_begin(f.image, 16, TXN_RELEASES, &txn), 0);
	assert_int_equal(extent_remove(txn, f.fs, inode, 0, 100, 5, &freed, &done), -EUCLEAN);
	txn_abort(txn);
	const uint64_t taken[] = {0, 3, 4, 11};
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct extent extent = {.logical = taken[i], .physical = range.start, .length = 1};
		assert_int_equal(txn_begin(f.image, 16, 0, &txn), 0);
		assert_int_equal(extent_insert(txn, f.fs, inode, extent), -EUCLEAN);
		txn_abort(txn);
	}
	assert_int_equal(txn_begin(f.image, 16, 0, &txn), 0);
	assert_int_equal(extent_mark(txn, f.fs, inode, 0, 8, true), -EUCLEAN);
	txn_abort(txn);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_damaged_items),
	    cmocka_unit_test(test_overlap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
