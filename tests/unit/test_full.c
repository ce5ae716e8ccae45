/* What must work on a full image, and what must change nothing when it does not. */
#include "fixture.h"

#include "../../fs/file_i.h"

#define MIB	     (UINT64_C(1) << 20)
#define FILLER_FIRST (UINT64_C(1) << 40) /* object number of items that nothing else uses */

static uint8_t bytes[MIB], back[MIB];

/* A small image, to be filled. */
static void open_small(struct fixture *f)
{
	fixture_open(f);
	f->limit_bytes = 12 * MIB;
	fixture_reopen(f);
}

/* Writes until no data block is left. */
static void fill_data(struct fixture *f)
{
	uint64_t filler = fixture_make(f, ROOT_INODE, "filler", S_IFREG | 0600), at = 0;
	for (size_t length = sizeof(bytes); length >= BLOCK_SIZE; length /= 2) {
		ssize_t result;
		while ((result = fs_write(f->fs, filler, at, bytes, length, 0)) > 0)
			at += (uint64_t)result;
		assert_int_equal(result, -ENOSPC);
	}
}

/* Puts items until a transaction of one change finds no room. */
static void fill_metadata(struct fixture *f)
{
	struct key key = {.object = FILLER_FIRST, .type = ITEM_XATTR_VALUE};
	struct txn *txn;
	int result;
	while ((result = txn_begin(f->image, 1, 0, &txn)) == 0) {
		assert_int_equal(tree_put(txn, TREE_FILES, key, bytes, XATTR_PIECE), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		key.offset++;
	}
	assert_int_equal(result, -ENOSPC);
}

/* Attributes and exchanged names take no block. */
static void test_attributes(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	open_small(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 04755);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "dir", S_IFDIR | 0755);
	uint64_t other = fixture_make(&f, directory, "other", S_IFDIR | 0755);
	assert_int_equal(fs_setxattr(f.fs, file, "security.capability", "x", 1, 0), 0);
	fill_data(&f);
	fill_metadata(&f);
	struct fs_set set = {.what = FS_SET_MODE | FS_SET_MTIME, .mode = 0640, .mtime = {.tv_sec = 77}};
	assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
	set = (struct fs_set){.what = FS_SET_UID | FS_SET_GID, .uid = 5, .gid = 6};
	assert_int_equal(fs_setattr(f.fs, file, &set, &attr), 0);
	attr = fixture_attr(&f, file);
	assert_int_equal(attr.mode, S_IFREG | 0640);
	assert_int_equal(attr.uid, 5);
	assert_int_equal(attr.mtime.tv_sec, 77);
	assert_int_equal(fs_rename(f.fs, ROOT_INODE, fixture_name("file"), directory, fixture_name("other"),
				   RENAME_EXCHANGE),
			 0);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "file"), other);
	assert_int_equal(fixture_find(&f, directory, "other"), file);
	fixture_close(&f);
}

static void check_range(struct fixture *f, uint64_t file, uint64_t offset, uint64_t length, int expected)
{
	for (uint64_t at = offset; at < offset + length; at += sizeof(back)) {
		size_t part = smaller(sizeof(back), offset + length - at);
		assert_int_equal(fs_read_copy(f->fs, file, at, back, part), part);
		for (size_t i = 0; i < part; i++)
			if (back[i] != expected)
				fail_msg("byte %llu is %d", (unsigned long long)(at + i), back[i]);
	}
}

/* Zeroing takes no room of what is owned; without room for the holes in the range nothing changes. */
static void test_zero_range(void **state)
{
	(void)state;
	struct fixture f;
	open_small(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0600);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fs_write(f.fs, file, i * MIB, bytes, MIB, 0), MIB);
	fill_data(&f);
	struct fs_attr before = fixture_attr(&f, file), after;
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_ZERO_RANGE, MIB, 16 * MIB), -ENOSPC);
	after = fixture_attr(&f, file);
	assert_memory_equal(&before, &after, sizeof(before));
	check_range(&f, file, 0, 3 * MIB, 0x5a);
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_ZERO_RANGE, MIB - 1, MIB + 2), 0);
	check_range(&f, file, 0, MIB - 1, 0x5a);
	check_range(&f, file, MIB - 1, MIB + 2, 0);
	check_range(&f, file, 2 * MIB + 1, MIB - 1, 0x5a);
	/* and without room for another extent either */
	fill_metadata(&f);
	for (unsigned i = 1; i < 100; i += 2)
		assert_int_equal(
		    fs_fallocate(f.fs, file, FALLOC_FL_ZERO_RANGE, i * BLOCK_SIZE - 5, BLOCK_SIZE + 10), 0);
	for (unsigned i = 1; i < 100; i += 2) {
		check_range(&f, file, i * BLOCK_SIZE - 5, BLOCK_SIZE + 10, 0);
		check_range(&f, file, (i + 1) * BLOCK_SIZE + 5, BLOCK_SIZE - 10, 0x5a);
	}
	assert_int_equal(fixture_attr(&f, file).blocks512, before.blocks512);
	assert_int_equal(fs_sync(f.fs, file, false), 0);
	fixture_crash(&f);
	check_range(&f, file, MIB, MIB, 0);
	check_range(&f, file, 2 * MIB + 1, MIB - 1, 0x5a);
	assert_int_equal(fixture_attr(&f, file).blocks512, before.blocks512);
	fixture_close(&f);
}

/* Writing to what was allocated does not fail for want of room, wherever it is written to. */
static void test_preallocated(void **state)
{
	(void)state;
	struct fixture f;
	const unsigned blocks = 2 * MIB / BLOCK_SIZE;
	open_small(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0600);
	uint64_t other = fixture_make(&f, ROOT_INODE, "other", S_IFREG | 0600);
	assert_int_equal(fs_fallocate(f.fs, file, FALLOC_FL_KEEP_SIZE, 0, MIB), 0);
	/* in pieces, and before a hole */
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(fs_write(f.fs, other, i * BLOCK_SIZE, bytes, BLOCK_SIZE, 0), BLOCK_SIZE);
		assert_int_equal(fs_fallocate(f.fs, file, 0, MIB + i * 4 * BLOCK_SIZE, 3 * BLOCK_SIZE), 0);
	}
	fill_data(&f);
	fill_metadata(&f);
	struct fs_attr before = fixture_attr(&f, file);
	for (unsigned i = 1; i < blocks; i += 2) {
		bool hole = i * BLOCK_SIZE >= MIB && i % 4 == 3;
		ssize_t result = fs_write(f.fs, file, i * BLOCK_SIZE + 100, bytes, 3000, 0);
		assert_int_equal(result, hole ? -ENOSPC : 3000);
	}
	/* as far as it is allocated */
	assert_int_equal(fs_write(f.fs, file, MIB - 7, bytes, MIB, 0), 7 + 3 * BLOCK_SIZE);
	for (unsigned i = 0; i < MIB / BLOCK_SIZE - 1; i++) {
		uint64_t at = i * BLOCK_SIZE;
		check_range(&f, file, at, 100, 0);
		check_range(&f, file, at + 100, 3000, i % 2 ? 0x5a : 0);
		check_range(&f, file, at + 3100, BLOCK_SIZE - 3100, 0);
	}
	assert_int_equal(fixture_attr(&f, file).blocks512, before.blocks512);
	assert_int_equal(fs_sync(f.fs, file, true), 0);
	fixture_crash(&f);
	check_range(&f, file, MIB - 7, 7 + 3 * BLOCK_SIZE, 0x5a);
	check_range(&f, file, MIB + 3 * BLOCK_SIZE, BLOCK_SIZE, 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attributes),
	    cmocka_unit_test(test_zero_range),
	    cmocka_unit_test(test_preallocated),
	};
	memset(bytes, 0x5a, sizeof(bytes));
	memset(back, 0, sizeof(back));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
