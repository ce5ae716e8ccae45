/* Attributes. */
#include "fixture.h"
#include "../../fs/fs_i.h"

#include <sys/xattr.h>

static struct fs_attr set(struct fixture *f, uint64_t inode, const struct fs_set *set)
{
	struct fs_attr attr, now;
	assert_int_equal(fs_setattr(f->fs, inode, set, &attr), 0);
	now = fixture_attr(f, inode);
	assert_memory_equal(&attr, &now,
			    offsetof(struct fs_attr, flags) + sizeof(attr.flags)); /* then padding */
	return attr;
}

static int set_result(struct fixture *f, uint64_t inode, const struct fs_set *set)
{
	struct fs_attr attr;
	return fs_setattr(f->fs, inode, set, &attr);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static void modes_and_owners(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
	struct fs_attr was = fixture_attr(&f, file), attr;
	usleep(20000);
	attr = set(&f, file, &(struct fs_set){.what = FS_SET_MODE, .mode = S_IFDIR | 06755});
	assert_int_equal(attr.mode, S_IFREG | 06755);
	assert_true(later(attr.ctime, was.ctime));
	assert_false(later(attr.mtime, was.mtime));
	/* A chown takes set-id bits, whoever does it, ... */
	attr = set(&f, file, &(struct fs_set){.what = FS_SET_UID, .uid = 5});
	assert_int_equal(attr.mode, S_IFREG | 0755);
	assert_int_equal(attr.uid, 5);
	assert_int_equal(attr.gid, 1000);
	/* ... but set-group-ID without group execution is no privilege, ... */
	set(&f, file, &(struct fs_set){.what = FS_SET_MODE, .mode = 06644});
	attr = set(&f, file, &(struct fs_set){.what = FS_SET_GID, .gid = 6});
	assert_int_equal(attr.mode, S_IFREG | 02644);
	assert_int_equal(attr.gid, 6);
	/* ... and a mode that is given counts, ... */
	attr = set(&f, file,
		   &(struct fs_set){.what = FS_SET_MODE | FS_SET_GID, .mode = 06755, .gid = UINT32_MAX - 1});
	assert_int_equal(attr.mode, S_IFREG | 06755);
	assert_int_equal(attr.gid, UINT32_MAX - 1);
	attr = set(&f, file, &(struct fs_set){.what = FS_KILL_SET_ID});
	assert_int_equal(attr.mode, S_IFREG | 0755);
	/* ... and directories keep theirs. */
	set(&f, directory, &(struct fs_set){.what = FS_SET_MODE, .mode = 07777});
	attr = set(&f, directory, &(struct fs_set){.what = FS_SET_UID | FS_SET_GID | FS_KILL_SET_ID});
	assert_int_equal(attr.mode, S_IFDIR | 07777);
	fixture_crash(&f);
	assert_int_equal(fixture_attr(&f, directory).mode, S_IFDIR | 07777);
	assert_int_equal(fixture_attr(&f, file).gid, UINT32_MAX - 1);
	assert_int_equal(set_result(&f, 4711, &(struct fs_set){.what = FS_SET_MODE}), -ESTALE);
	fixture_close(&f);
}

static void times(void **state)
{
	(void)state;
	static const struct timespec all[] = {
	    {0, 0}, {-1, 999999999}, {INT64_MIN, 1}, {INT64_MAX, 999999999}, {UINT32_MAX, 5},
	};
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct timespec other = all[(i + 1) % 5];
		struct fs_set change = {.what = FS_SET_ATIME | FS_SET_MTIME | FS_SET_CTIME,
					.atime = all[i],
					.mtime = other,
					.ctime = all[i]};
		set(&f, file, &change);
		fixture_reopen(&f);
		struct fs_attr attr = fixture_attr(&f, file);
		assert_memory_equal(&attr.atime, &all[i], sizeof(other));
		assert_memory_equal(&attr.mtime, &other, sizeof(other));
		assert_memory_equal(&attr.ctime, &all[i], sizeof(other));
	}
	struct fs_attr attr = set(&f, file, &(struct fs_set){.what = FS_SET_ATIME_NOW});
	struct timespec now = inode_now();
	assert_true(attr.atime.tv_sec >= now.tv_sec - 5 && attr.atime.tv_sec <= now.tv_sec);
	assert_int_equal(attr.mtime.tv_sec, 0);
	assert_memory_equal(&attr.ctime, &attr.atime, sizeof(now));
	attr = set(&f, file, &(struct fs_set){.what = FS_SET_MTIME_NOW});
	assert_true(attr.mtime.tv_sec >= now.tv_sec);
	struct fs_set bad = {.what = FS_SET_MTIME, .mtime = {0, 1000000000}};
	assert_int_equal(set_result(&f, file, &bad), -EINVAL);
	bad.mtime.tv_nsec = -1;
	assert_int_equal(set_result(&f, file, &bad), -EINVAL);
	fixture_close(&f);
}

static void sizes(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	const struct fs_caller caller = {.uid = 1};
	char bytes[16];
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 04755);
	uint64_t pipe = fixture_make(&f, ROOT_INODE, "pipe", S_IFIFO | 0644);
	assert_int_equal(fs_symlink(f.fs, &caller, ROOT_INODE, fixture_name("link"), "target", &attr), 0);
	struct fs_set change = {.what = FS_SET_SIZE, .size = 5};
	assert_int_equal(set_result(&f, ROOT_INODE, &change), -EISDIR);
	assert_int_equal(set_result(&f, pipe, &change), -EINVAL);
	assert_int_equal(set_result(&f, attr.inode, &change), -EINVAL);
	change.size = UINT64_MAX;
	assert_int_equal(set_result(&f, file, &change), -EFBIG);
	change.size = 1000000;
	attr = set(&f, file, &change);
	assert_int_equal(attr.size, 1000000);
	assert_int_equal(attr.blocks512, 0);
	assert_int_equal(fs_write(f.fs, file, 0, "0123456789", 10, 0), 10);
	/* All at once: size, mode and times. */
	change = (struct fs_set){.what = FS_SET_SIZE | FS_SET_UID | FS_SET_MTIME | FS_KILL_SET_ID,
				 .size = 4,
				 .uid = 9,
				 .mtime = {77, 7}};
	attr = set(&f, file, &change);
	assert_int_equal(attr.size, 4);
	assert_int_equal(attr.uid, 9);
	assert_int_equal(attr.mode, S_IFREG | 0755);
	assert_int_equal(attr.mtime.tv_sec, 77);
	change = (struct fs_set){.what = FS_SET_SIZE, .size = 10};
	attr = set(&f, file, &change);
	assert_true(attr.mtime.tv_sec > 77);
	fixture_crash(&f);
	assert_int_equal(fs_read_copy(f.fs, file, 0, bytes, sizeof(bytes)), 10);
	assert_memory_equal(bytes, "0123\0\0\0\0\0\0", 10);
	/* The same size is a change too. */
	change = (struct fs_set){.what = FS_SET_MTIME, .mtime = {1, 1}};
	set(&f, file, &change);
	change = (struct fs_set){.what = FS_SET_SIZE, .size = 10};
	attr = set(&f, file, &change);
	assert_true(attr.mtime.tv_sec > 1);
	fixture_close(&f);
}

/* A size that no file can have: nothing is changed, though a record of its own would come before the size. */
static void too_large_size(void **state)
{
	(void)state;
	struct fixture f;
	size_t length;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 04755);
	assert_int_equal(fs_setxattr(f.fs, file, "security.capability", "x", 1, 0), 0);
	struct fs_attr before = fixture_attr(&f, file), after;
	const uint64_t sizes[] = {FS_SIZE_MAX + 1, UINT64_C(1) << 60, UINT64_MAX};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fs_set set = {.what = FS_SET_UID | FS_SET_SIZE, .uid = 7, .size = sizes[i]};
		assert_int_equal(fs_setattr(f.fs, file, &set, &after), -EFBIG);
	}
	after = fixture_attr(&f, file);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(fs_getxattr(f.fs, file, "security.capability", NULL, 0, &length), 0);
	fixture_close(&f);
}

static void capabilities(void **state)
{
	(void)state;
	struct fixture f;
	char value[32];
	size_t length;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0755);
	const struct fs_set changes[] = {
	    {.what = FS_SET_UID, .uid = 3},
	    {.what = FS_KILL_SET_ID | FS_SET_SIZE, .size = 100},
	    {.what = FS_KILL_SET_ID},
	};
	assert_int_equal(fs_setxattr(f.fs, file, "user.other", "x", 1, 0), 0);
	for (unsigned i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		assert_int_equal(
		    fs_setxattr(f.fs, file, "security.capability", "12345678901234567890", 20, 0), 0);
		set(&f, file, &(struct fs_set){.what = FS_SET_MODE, .mode = 0711});
		assert_int_equal(fs_getxattr(f.fs, file, "security.capability", value, 32, &length), 0);
		set(&f, file, &changes[i]);
		assert_int_equal(fs_getxattr(f.fs, file, "security.capability", value, 32, &length),
				 -ENODATA);
		assert_int_equal(fs_getxattr(f.fs, file, "user.other", value, 32, &length), 0);
	}
	assert_int_equal(fixture_attr(&f, file).size, 100);
	fixture_close(&f);
}

static void hostile_inodes(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	struct key key = {.object = file, .type = ITEM_INODE};
	struct inode_disk good, bad;
	image_read_lock(f.image);
	assert_int_equal(tree_get(f.image, TREE_FILES, key, &good, sizeof(good), NULL), 0);
	image_read_unlock(f.image);
	for (unsigned kind = 0; kind < 9; kind++) {
		size_t size = sizeof(bad);
		struct txn *txn;
		bad = good;
		switch (kind) {
		case 0:
			bad.mode = le32_of(0644);
			break;
		case 1:
			bad.mode = le32_of(S_IFREG | 0x100000);
			break;
		case 2:
			bad.mtime_nanoseconds = le32_of(1000000000);
			break;
		case 3:
			bad.size = le64_of(UINT64_MAX);
			break;
		case 4:
			bad.nlink = le32_of(FS_LINK_MAX + 1);
			break;
		case 5:
			bad.parent = le64_of(1);
			break;
		case 6:
			bad.mode = le32_of(S_IFDIR | 0755); /* without a parent */
			break;
		case 7:
			bad.rdev_major = le64_of(UINT64_MAX);
			break;
		default:
			size--;
			break;
		}
		assert_int_equal(txn_begin(f.image, 1, 0, &txn), 0);
		assert_int_equal(tree_put(txn, TREE_FILES, key, &bad, size), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		assert_int_equal(fs_getattr(f.fs, file, &attr), -EUCLEAN);
		assert_int_equal(fs_lookup(f.fs, ROOT_INODE, fixture_name("file"), &attr), -EUCLEAN);
		assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), -EUCLEAN);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modes_and_owners),
	    cmocka_unit_test(times),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(capabilities),
	    cmocka_unit_test(hostile_inodes),
	    cmocka_unit_test(too_large_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
