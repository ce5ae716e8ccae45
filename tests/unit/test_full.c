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
	f->limit_bytes = 8 * MIB;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attributes),
	};
	memset(bytes, 0x5a, sizeof(bytes));
	memset(back, 0, sizeof(back));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
