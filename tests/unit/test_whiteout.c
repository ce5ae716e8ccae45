/* Renames that leave a whiteout at the old name: counts, links, owners, and what a crash leaves. */
#include "fixture.h"

#include <linux/fs.h>

static const struct fs_caller caller = {.uid = 1000, .gid = 1001};

static int whiteout(struct fixture *f, uint64_t parent, const char *name, uint64_t new_parent,
		    const char *new_name, unsigned flags)
{
	return fs_rename_whiteout(f->fs, &caller, parent, fixture_name(name), new_parent,
				  fixture_name(new_name), flags);
}

static void is_whiteout(struct fixture *f, uint64_t parent, const char *name)
{
	struct fs_attr attr = fixture_attr(f, fixture_find(f, parent, name));
	assert_int_equal(attr.mode, S_IFCHR);
	assert_int_equal(attr.rdev_major, 0);
	assert_int_equal(attr.rdev_minor, 0);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(attr.uid, 1000);
	assert_int_equal(attr.gid, 1001);
}

/* Entries and links of a directory. */
static void counts(struct fixture *f, uint64_t directory, uint64_t entries, uint32_t links)
{
	struct fs_attr attr = fixture_attr(f, directory);
	assert_int_equal(attr.size, entries);
	assert_int_equal(attr.nlink, links);
}

static void refused(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t inodes = fixture_inodes(&f);
	fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0644);
	fixture_make(&f, ROOT_INODE, "b", S_IFREG | 0644);
	uint64_t d = fixture_make(&f, ROOT_INODE, "d", S_IFDIR | 0755);
	assert_int_equal(whiteout(&f, ROOT_INODE, "a", ROOT_INODE, "b", RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(whiteout(&f, ROOT_INODE, "a", ROOT_INODE, "b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(whiteout(&f, ROOT_INODE, "none", ROOT_INODE, "b", 0), -ENOENT);
	assert_int_equal(whiteout(&f, ROOT_INODE, "d", d, "x", 0), -EINVAL);
	assert_int_equal(whiteout(&f, ROOT_INODE, "a", ROOT_INODE, "d", 0), -EISDIR);
	assert_int_equal(whiteout(&f, ROOT_INODE, "a", ROOT_INODE, "..", 0), -EBUSY);
	assert_int_equal(whiteout(&f, ROOT_INODE, "a", ROOT_INODE, "a", 0), 0);
	counts(&f, ROOT_INODE, 3, 3);
	assert_int_equal(fixture_inodes(&f), inodes + 3);
	fixture_close(&f);
}

static void files(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t inodes = fixture_inodes(&f);
	uint64_t a = fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0644);
	uint64_t d = fixture_make(&f, ROOT_INODE, "d", S_IFDIR | 0755);
	/* within one directory: an entry more */
	assert_int_equal(whiteout(&f, ROOT_INODE, "a", ROOT_INODE, "b", RENAME_NOREPLACE), 0);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "b"), a);
	is_whiteout(&f, ROOT_INODE, "a");
	counts(&f, ROOT_INODE, 3, 3);
	/* to another one: none fewer there */
	assert_int_equal(whiteout(&f, ROOT_INODE, "b", d, "c", 0), 0);
	is_whiteout(&f, ROOT_INODE, "b");
	counts(&f, ROOT_INODE, 3, 3);
	counts(&f, d, 1, 2);
	/* over a file, whose inode goes when it is forgotten */
	uint64_t e = fixture_make(&f, ROOT_INODE, "e", S_IFREG | 0644);
	assert_int_equal(whiteout(&f, ROOT_INODE, "e", d, "c", 0), 0);
	assert_int_equal(fixture_find(&f, d, "c"), e);
	counts(&f, ROOT_INODE, 4, 3);
	counts(&f, d, 1, 2);
	assert_int_equal(fixture_inodes(&f), inodes + 6);
	fs_forget(f.fs, a, 1);
	assert_int_equal(fixture_inodes(&f), inodes + 5);
	/* over a whiteout in the same directory: a name becomes one, a whiteout goes */
	uint64_t g = fixture_make(&f, ROOT_INODE, "g", S_IFREG | 0644);
	assert_int_equal(whiteout(&f, ROOT_INODE, "g", ROOT_INODE, "a", 0), 0);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "a"), g);
	is_whiteout(&f, ROOT_INODE, "g");
	counts(&f, ROOT_INODE, 5, 3);
	assert_int_equal(fixture_inodes(&f), inodes + 6);
	fixture_crash(&f);
	is_whiteout(&f, ROOT_INODE, "b");
	is_whiteout(&f, ROOT_INODE, "e");
	is_whiteout(&f, ROOT_INODE, "g");
	counts(&f, ROOT_INODE, 5, 3);
	assert_int_equal(fixture_inodes(&f), inodes + 6);
	fixture_close(&f);
}

static void directories(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t a = fixture_make(&f, ROOT_INODE, "a", S_IFDIR | 0755);
	uint64_t d = fixture_make(&f, ROOT_INODE, "d", S_IFDIR | 0755);
	fixture_make(&f, d, "empty", S_IFDIR | 0755);
	counts(&f, ROOT_INODE, 2, 4);
	counts(&f, d, 1, 3);
	assert_int_equal(whiteout(&f, ROOT_INODE, "a", d, "moved", 0), 0);
	assert_int_equal(fixture_find(&f, d, "moved"), a);
	assert_int_equal(fixture_find(&f, a, ".."), d);
	is_whiteout(&f, ROOT_INODE, "a");
	counts(&f, ROOT_INODE, 2, 3);
	counts(&f, d, 2, 4);
	/* over an empty directory beside it */
	assert_int_equal(whiteout(&f, d, "moved", d, "empty", 0), 0);
	is_whiteout(&f, d, "moved");
	counts(&f, d, 2, 3);
	assert_int_equal(fs_rmdir(f.fs, d, fixture_name("empty")), 0);
	assert_int_equal(fs_unlink(f.fs, d, fixture_name("moved")), 0);
	counts(&f, d, 0, 2);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refused),
	    cmocka_unit_test(files),
	    cmocka_unit_test(directories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
