/* Owners that are shown instead of those that are stored. */
#include "fixture.h"
#include "../../fs/fs_i.h"

#include <sys/xattr.h>

#define SHOWN_UID 7u
#define SHOWN_GID 8u

/* Opens it again with what is to be shown. */
static void show(struct fixture *f, struct fs_shown_owner shown)
{
	struct fs_options options = {.track_lookups = true, .noatime = true, .acl = true, .shown = shown};

	assert_int_equal(fs_close(f->fs), 0);
	assert_int_equal(fs_open(f->image, &options, &f->fs), 0);
}

static void show_both(struct fixture *f)
{
	show(f,
	     (struct fs_shown_owner){.has_uid = true, .has_gid = true, .uid = SHOWN_UID, .gid = SHOWN_GID});
}

static void show_none(struct fixture *f)
{
	show(f, (struct fs_shown_owner){0});
}

static uint64_t make_as(struct fixture *f, uint32_t uid, uint32_t gid, uint64_t parent, const char *name,
			uint32_t mode)
{
	struct fs_caller caller = {.uid = uid, .gid = gid, .may_keep_setgid = true};
	struct fs_attr attr;

	assert_int_equal(fs_make(f->fs, &caller, parent, fixture_name(name), mode, 0, 0, &attr), 0);
	assert_int_equal(fixture_attr(f, attr.inode).uid, attr.uid);
	return attr.inode;
}

static void assert_owner(struct fixture *f, uint64_t inode, uint32_t uid, uint32_t gid)
{
	struct fs_attr attr = fixture_attr(f, inode), again;

	assert_int_equal(attr.uid, uid);
	assert_int_equal(attr.gid, gid);
	assert_int_equal(fs_getattr_lookup(f->fs, inode, &again), 0);
	assert_int_equal(again.uid, uid);
	assert_int_equal(again.gid, gid);
	fs_forget(f->fs, inode, 1);
}

static struct fs_attr set(struct fixture *f, uint64_t inode, struct fs_set set)
{
	struct fs_attr attr;

	assert_int_equal(fs_setattr(f->fs, inode, &set, &attr), 0);
	return attr;
}

static void test_shown(void **state)
{
	struct fixture f;
	struct fs_attr attr;

	(void)state;
	fixture_open(&f);
	uint64_t directory = make_as(&f, 100, 200, ROOT_INODE, "d", S_IFDIR | 0755);
	uint64_t file = make_as(&f, 101, 201, directory, "f", S_IFREG | 0644);
	show_both(&f);
	assert_owner(&f, ROOT_INODE, SHOWN_UID, SHOWN_GID);
	assert_owner(&f, directory, SHOWN_UID, SHOWN_GID);
	assert_owner(&f, file, SHOWN_UID, SHOWN_GID);
	assert_int_equal(fs_lookup(f.fs, directory, fixture_name("f"), &attr), 0);
	assert_int_equal(attr.uid, SHOWN_UID);
	assert_int_equal(fs_link(f.fs, file, directory, fixture_name("g"), &attr), 0);
	assert_int_equal(attr.gid, SHOWN_GID);
	show(&f, (struct fs_shown_owner){.has_uid = true, .uid = SHOWN_UID});
	assert_owner(&f, file, SHOWN_UID, 201);
	show(&f, (struct fs_shown_owner){.has_gid = true, .gid = SHOWN_GID});
	assert_owner(&f, file, 101, SHOWN_GID);
	show_none(&f);
	assert_owner(&f, file, 101, 201);
	fixture_close(&f);
}

static void test_chown(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f);
	uint64_t file = make_as(&f, 101, 201, ROOT_INODE, "f", S_IFREG | 06755);
	uint64_t guarded = make_as(&f, 101, 201, ROOT_INODE, "g", S_IFREG | 0644);
	assert_int_equal(fs_set_flags(f.fs, guarded, INODE_IMMUTABLE, true), 0);
	set(&f, file, (struct fs_set){.what = FS_SET_CTIME, .ctime = {.tv_sec = 1}});
	show_both(&f);
	struct fs_attr attr =
	    set(&f, file, (struct fs_set){.what = FS_SET_UID | FS_SET_GID, .uid = 55, .gid = 66});
	assert_int_equal(attr.uid, SHOWN_UID);
	assert_int_equal(attr.gid, SHOWN_GID);
	assert_true(attr.ctime.tv_sec > 1);
	assert_int_equal(attr.mode, S_IFREG | 0755);
	struct fs_set refused = {.what = FS_SET_UID, .uid = 55};
	assert_int_equal(fs_setattr(f.fs, guarded, &refused, &attr), -EPERM);
	/* With other changes of the same request. */
	attr = set(&f, file,
		   (struct fs_set){
		       .what = FS_SET_UID | FS_SET_MODE | FS_SET_SIZE, .uid = 55, .mode = 0600, .size = 10});
	assert_int_equal(attr.mode, S_IFREG | 0600);
	assert_int_equal(attr.size, 10);
	/* One of the two is stored. */
	show(&f, (struct fs_shown_owner){.has_uid = true, .uid = SHOWN_UID});
	set(&f, file, (struct fs_set){.what = FS_SET_UID | FS_SET_GID, .uid = 55, .gid = 66});
	show_none(&f);
	assert_owner(&f, file, 101, 66);
	assert_owner(&f, guarded, 101, 201);
	assert_int_equal(fs_set_flags(f.fs, guarded, 0, true), 0);
	fixture_close(&f);
}

static void test_new_files(void **state)
{
	struct fs_caller caller = {.uid = SHOWN_UID, .gid = SHOWN_GID};
	struct fixture f;
	struct fs_attr attr;

	(void)state;
	fixture_open(&f);
	uint64_t directory = make_as(&f, 100, 200, ROOT_INODE, "d", S_IFDIR | 0755);
	show_both(&f);
	uint64_t file = make_as(&f, SHOWN_UID, SHOWN_GID, directory, "f", S_IFREG | 0644);
	uint64_t below = make_as(&f, 5, 6, directory, "below", S_IFDIR | 02755);
	uint64_t deep = make_as(&f, 5, 6, below, "deep", S_IFREG | 0644);
	assert_int_equal(fs_symlink(f.fs, &caller, directory, fixture_name("s"), "f", &attr), 0);
	assert_int_equal(attr.uid, SHOWN_UID);
	uint64_t symlink = attr.inode;
	assert_int_equal(fs_tmpfile(f.fs, &caller, directory, S_IFREG | 0600, &attr), 0);
	assert_int_equal(attr.gid, SHOWN_GID);
	assert_int_equal(fs_link(f.fs, attr.inode, directory, fixture_name("t"), &attr), 0);
	uint64_t unnamed = attr.inode;
	assert_owner(&f, deep, SHOWN_UID, SHOWN_GID);
	show(&f, (struct fs_shown_owner){.has_uid = true, .uid = SHOWN_UID});
	uint64_t half = make_as(&f, 5, 6, directory, "half", S_IFREG | 0644);
	assert_owner(&f, half, SHOWN_UID, 6);
	show_none(&f);
	assert_owner(&f, file, 100, 200);
	assert_owner(&f, below, 100, 200);
	assert_owner(&f, deep, 100, 200);
	assert_owner(&f, symlink, 100, 200);
	assert_owner(&f, unnamed, 100, 200);
	assert_owner(&f, half, 100, 6);
	assert_int_equal(fixture_attr(&f, below).mode, S_IFDIR | 02755);
	fixture_close(&f);
}

/* Who is shown as the owner cannot make programs that run as the stored one. */
static void test_set_id(void **state)
{
	static const uint8_t acl[] = {2, 0, 0,	 0,   1,   0,	7,  0, 255, 255, 255, 255, 4,	0,
				      5, 0, 255, 255, 255, 255, 32, 0, 5,   0,	 255, 255, 255, 255};
	struct fixture f;

	(void)state;
	fixture_open(&f);
	uint64_t old = make_as(&f, 0, 0, ROOT_INODE, "old", S_IFREG | 06644);
	uint64_t with_acl = make_as(&f, 0, 0, ROOT_INODE, "acl", S_IFREG | 06644);
	show_both(&f);
	assert_int_equal(fixture_attr(&f, old).mode, S_IFREG | 06644);
	assert_int_equal(set(&f, old, (struct fs_set){.what = FS_SET_MODE, .mode = 06755}).mode,
			 S_IFREG | 0755);
	assert_int_equal(fs_set_acl(f.fs, with_acl, false, acl, sizeof(acl), true), 0);
	assert_int_equal(fixture_attr(&f, with_acl).mode, S_IFREG | 0755);
	uint64_t made = make_as(&f, SHOWN_UID, SHOWN_GID, ROOT_INODE, "new", S_IFREG | 06755);
	assert_int_equal(fixture_attr(&f, made).mode, S_IFREG | 0755);
	uint64_t directory = make_as(&f, SHOWN_UID, SHOWN_GID, ROOT_INODE, "d", S_IFDIR | 0755);
	assert_int_equal(set(&f, directory, (struct fs_set){.what = FS_SET_MODE, .mode = 03775}).mode,
			 S_IFDIR | 03775);
	/* Each bit goes with its id. */
	show(&f, (struct fs_shown_owner){.has_uid = true, .uid = SHOWN_UID});
	assert_int_equal(set(&f, old, (struct fs_set){.what = FS_SET_MODE, .mode = 06755}).mode,
			 S_IFREG | 02755);
	show_none(&f);
	assert_int_equal(set(&f, old, (struct fs_set){.what = FS_SET_MODE, .mode = 06755}).mode,
			 S_IFREG | 06755);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shown),
	    cmocka_unit_test(test_chown),
	    cmocka_unit_test(test_new_files),
	    cmocka_unit_test(test_set_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
