/*
 * Files without a name (O_TMPFILE): they live while somebody knows them, a link gives them a name, and a
 * crash at any time leaves either a file with its name or nothing.
 */
#include "fixture.h"

#define LENGTH 300000u

static const struct fs_caller caller = {.uid = 1000, .gid = 1000};

static uint64_t unnamed(struct fixture *f, uint64_t directory)
{
	struct fs_attr attr;
	assert_int_equal(fs_tmpfile(f->fs, &caller, directory, 0640, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(attr.mode, S_IFREG | 0640);
	return attr.inode;
}

static int name_it(struct fixture *f, uint64_t inode, const char *name, struct fs_attr *ret_attr)
{
	return fs_link(f->fs, inode, ROOT_INODE, fixture_name(name), ret_attr);
}

static void write_all(struct fixture *f, uint64_t inode)
{
	static uint8_t bytes[LENGTH];
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(fs_write(f->fs, inode, 0, bytes, sizeof(bytes), 0), LENGTH);
}

static void forgotten(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	uint64_t inodes = fixture_inodes(&f), entries = fixture_attr(&f, ROOT_INODE).size;
	uint64_t inode = unnamed(&f, ROOT_INODE);
	write_all(&f, inode);
	assert_int_equal(fixture_inodes(&f), inodes + 1);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, entries);
	assert_int_equal(fixture_attr(&f, inode).size, LENGTH);
	/* No handle leads to it. */
	assert_int_equal(fs_getattr_lookup(f.fs, inode, &attr), -ENOENT);
	fs_forget(f.fs, inode, 1);
	assert_int_equal(fs_getattr(f.fs, inode, &attr), -ESTALE);
	assert_int_equal(fixture_inodes(&f), inodes);
	fixture_close(&f);
}

static void linked(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	uint64_t inodes = fixture_inodes(&f), inode = unnamed(&f, ROOT_INODE);
	fixture_make(&f, ROOT_INODE, "taken", S_IFREG | 0644);
	write_all(&f, inode);
	assert_int_equal(name_it(&f, inode, "taken", &attr), -EEXIST);
	assert_int_equal(fixture_attr(&f, inode).nlink, 0);
	assert_int_equal(name_it(&f, inode, "named", &attr), 0);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(name_it(&f, inode, "second", &attr), 0);
	assert_int_equal(attr.nlink, 2);
	/* Known three times: made, and two links. Forgetting a file with names does not delete it. */
	fs_forget(f.fs, inode, 3);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "named"), inode);
	fixture_reopen(&f);
	assert_int_equal(fixture_attr(&f, inode).size, LENGTH);
	assert_int_equal(fixture_attr(&f, inode).nlink, 2);
	/* Nobody knows it: it goes with its last name. */
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("named")), 0);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("second")), 0);
	assert_int_equal(fs_getattr(f.fs, inode, &attr), -ESTALE);
	assert_int_equal(fixture_inodes(&f), inodes + 1);
	fixture_close(&f);
}

static void crashed(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	uint64_t inodes = fixture_inodes(&f);
	uint64_t lost = unnamed(&f, ROOT_INODE), kept = unnamed(&f, ROOT_INODE);
	write_all(&f, lost);
	write_all(&f, kept);
	assert_int_equal(name_it(&f, kept, "kept", &attr), 0);
	fixture_crash(&f);
	assert_int_equal(fs_getattr(f.fs, lost, &attr), -ESTALE);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "kept"), kept);
	assert_int_equal(fixture_attr(&f, kept).size, LENGTH);
	assert_int_equal(fixture_inodes(&f), inodes + 1);
	/* An unmount clears it too. */
	lost = unnamed(&f, ROOT_INODE);
	fixture_reopen(&f);
	assert_int_equal(fs_getattr(f.fs, lost, &attr), -ESTALE);
	assert_int_equal(fixture_inodes(&f), inodes + 1);
	fixture_close(&f);
}

static void inherited(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	struct fs_set set = {.what = FS_SET_GID | FS_SET_MODE, .gid = 77, .mode = 02775};
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
	assert_int_equal(fs_setattr(f.fs, directory, &set, &attr), 0);
	assert_int_equal(fixture_attr(&f, unnamed(&f, directory)).gid, 77);
	assert_int_equal(fixture_attr(&f, unnamed(&f, ROOT_INODE)).gid, 1000);
	assert_int_equal(fs_tmpfile(f.fs, &caller, file, 0600, &attr), -ENOTDIR);
	assert_int_equal(fs_tmpfile(f.fs, &caller, 999, 0600, &attr), -ESTALE);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forgotten),
	    cmocka_unit_test(linked),
	    cmocka_unit_test(crashed),
	    cmocka_unit_test(inherited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
