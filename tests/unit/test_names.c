/* Finding, making, linking and removing names; orphans. */
#include "fixture.h"
#include "../../fs/fs_i.h"

#include <limits.h>

static const struct fs_caller caller = {.uid = 1000, .gid = 1000};

static int make_result(struct fixture *f, uint64_t parent, const char *name, uint32_t mode)
{
	struct fs_attr attr;
	return fs_make(f->fs, &caller, parent, fixture_name(name), mode, 0, 0, &attr);
}

static int lookup_result(struct fixture *f, uint64_t parent, const char *name)
{
	struct fs_attr attr;
	int result = fs_lookup(f->fs, parent, fixture_name(name), &attr);
	if (!result)
		fs_forget(f->fs, attr.inode, 1);
	return result;
}

static void check_made(struct fixture *f, uint64_t directory)
{
	struct fs_attr root = fixture_attr(f, ROOT_INODE), attr = fixture_attr(f, directory);
	assert_int_equal(root.mode, S_IFDIR | 0755);
	assert_int_equal(root.uid, 1000);
	assert_int_equal(root.nlink, 3);
	assert_int_equal(root.size, 1);
	assert_int_equal(attr.mode, S_IFDIR | 0750);
	assert_int_equal(attr.nlink, 2);
	assert_int_equal(attr.size, 4);
	attr = fixture_attr(f, fixture_find(f, directory, "file"));
	assert_int_equal(attr.mode, S_IFREG | 04644);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(attr.size, 0);
	assert_true(attr.btime.tv_sec > 0);
	attr = fixture_attr(f, fixture_find(f, directory, "device"));
	assert_int_equal(attr.mode, S_IFCHR | 0600);
	assert_int_equal(attr.rdev_major, 259);
	assert_int_equal(attr.rdev_minor, 0xfffff);
	assert_int_equal(fixture_attr(f, fixture_find(f, directory, "pipe")).mode, S_IFIFO | 0600);
	assert_int_equal(fixture_attr(f, fixture_find(f, directory, "socket")).mode, S_IFSOCK | 0600);
	assert_int_equal(fixture_find(f, directory, "."), directory);
	assert_int_equal(fixture_find(f, directory, ".."), ROOT_INODE);
	assert_int_equal(fixture_find(f, ROOT_INODE, ".."), ROOT_INODE);
	assert_int_equal(fixture_inodes(f), 6);
}

static void making(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0750);
	struct fs_attr attr;
	assert_int_equal(make_result(&f, directory, "file", S_IFREG | 04644), 0);
	assert_int_equal(make_result(&f, directory, "pipe", S_IFIFO | 0600), 0);
	assert_int_equal(make_result(&f, directory, "socket", S_IFSOCK | 0600), 0);
	assert_int_equal(
	    fs_make(f.fs, &caller, directory, fixture_name("device"), S_IFCHR | 0600, 259, 0xfffff, &attr),
	    0);
	check_made(&f, directory);
	fixture_crash(&f);
	check_made(&f, directory);
	fixture_reopen(&f);
	check_made(&f, directory);
	fixture_close(&f);
}

static void refused_names(void **state)
{
	(void)state;
	struct fixture f;
	char name[258];
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	assert_int_equal(make_result(&f, ROOT_INODE, "file", S_IFREG | 0644), -EEXIST);
	assert_int_equal(make_result(&f, ROOT_INODE, ".", S_IFDIR | 0755), -EEXIST);
	assert_int_equal(make_result(&f, ROOT_INODE, "..", S_IFDIR | 0755), -EEXIST);
	assert_int_equal(make_result(&f, ROOT_INODE, "a/b", S_IFREG | 0644), -EINVAL);
	assert_int_equal(make_result(&f, ROOT_INODE, "", S_IFREG | 0644), -ENOENT);
	assert_int_equal(make_result(&f, ROOT_INODE, "link", S_IFLNK | 0777), -EINVAL);
	assert_int_equal(make_result(&f, file, "below", S_IFREG | 0644), -ENOTDIR);
	assert_int_equal(make_result(&f, 12345, "below", S_IFREG | 0644), -ESTALE);
	assert_int_equal(lookup_result(&f, ROOT_INODE, "none"), -ENOENT);
	assert_int_equal(lookup_result(&f, file, "none"), -ENOTDIR);
	assert_int_equal(lookup_result(&f, UINT64_MAX, "none"), -ESTALE);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(make_result(&f, ROOT_INODE, name, S_IFREG | 0644), -ENAMETOOLONG);
	assert_int_equal(lookup_result(&f, ROOT_INODE, name), -ENAMETOOLONG);
	name[255] = '\0';
	assert_int_equal(make_result(&f, ROOT_INODE, name, S_IFREG | 0644), 0);
	assert_int_equal(lookup_result(&f, ROOT_INODE, name), 0);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, 2);
	assert_int_equal(fixture_inodes(&f), 3);
	fixture_close(&f);
}

static void set_group_id(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	const struct fs_caller other = {.uid = 7, .gid = 8};
	fixture_open(&f);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "shared", S_IFDIR | S_ISGID | 0775);
	assert_int_equal(fs_make(f.fs, &other, directory, fixture_name("file"), S_IFREG | 0644, 0, 0, &attr),
			 0);
	assert_int_equal(attr.uid, 7);
	assert_int_equal(attr.gid, 1000);
	assert_int_equal(attr.mode, S_IFREG | 0644);
	assert_int_equal(fs_make(f.fs, &other, directory, fixture_name("sub"), S_IFDIR | 0755, 0, 0, &attr),
			 0);
	assert_int_equal(attr.gid, 1000);
	assert_int_equal(attr.mode, S_IFDIR | S_ISGID | 0755);
	/* a program that runs with the directory's group: only by members of it */
	const struct fs_caller member = {.uid = 7, .gid = 8, .may_keep_setgid = true};
	const struct {
		const struct fs_caller *caller;
		uint64_t parent;
		uint32_t mode, expected;
	} cases[] = {
	    {&other, directory, S_IFREG | S_ISGID | 0755, S_IFREG | 0755},
	    {&other, directory, S_IFREG | S_ISGID | 0745, S_IFREG | S_ISGID | 0745},
	    {&other, directory, S_IFIFO | S_ISGID | S_ISUID | 0755, S_IFIFO | S_ISUID | 0755},
	    {&member, directory, S_IFREG | S_ISGID | 0755, S_IFREG | S_ISGID | 0755},
	    {&other, ROOT_INODE, S_IFREG | S_ISGID | 0755, S_IFREG | S_ISGID | 0755},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[] = {'p', (char)('0' + i), 0};
		assert_int_equal(fs_make(f.fs, cases[i].caller, cases[i].parent, fixture_name(name),
					 cases[i].mode, 0, 0, &attr),
				 0);
		assert_int_equal(attr.mode, cases[i].expected);
	}
	fixture_close(&f);
}

static void check_target(struct fixture *f, uint64_t link, const char *target)
{
	char got[PATH_MAX];
	size_t length;
	assert_int_equal(fs_readlink(f->fs, link, got, sizeof(got), &length), 0);
	assert_int_equal(length, strlen(target));
	assert_memory_equal(got, target, length);
	assert_int_equal(fixture_attr(f, link).size, length);
	assert_int_equal(fs_readlink(f->fs, link, got, 1, &length), 0);
	assert_int_equal(length, 1);
}

static void symlinks(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	static const size_t lengths[] = {1, 100, 1799, 1800, 1801, 3600, 3601, 4095};
	enum { COUNT = sizeof(lengths) / sizeof(*lengths) };
	char target[PATH_MAX + 1], name[16];
	uint64_t links[COUNT];
	size_t length;
	fixture_open(&f);
	for (size_t i = 0; i < sizeof(target); i++)
		target[i] = (char)('a' + i % 23);
	target[PATH_MAX] = '\0';
	assert_int_equal(fs_symlink(f.fs, &caller, ROOT_INODE, fixture_name("x"), target, &attr),
			 -ENAMETOOLONG);
	assert_int_equal(fs_symlink(f.fs, &caller, ROOT_INODE, fixture_name("x"), "", &attr), -ENOENT);
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "link%u", i);
		assert_int_equal(fs_symlink(f.fs, &caller, ROOT_INODE, fixture_name(name),
					    target + sizeof(target) - 1 - lengths[i], &attr),
				 0);
		links[i] = attr.inode;
		assert_int_equal(attr.mode, S_IFLNK | 0777);
	}
	fixture_crash(&f);
	for (unsigned i = 0; i < COUNT; i++)
		check_target(&f, links[i], target + sizeof(target) - 1 - lengths[i]);
	assert_int_equal(fs_readlink(f.fs, ROOT_INODE, target, sizeof(target), &length), -EINVAL);
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "link%u", i);
		assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name(name)), 0);
	}
	/* Nothing of them is left: the pieces went too. */
	struct key from = {.object = FIRST_INODE}, key;
	image_read_lock(f.image);
	assert_int_equal(tree_next(f.image, TREE_FILES, from, &key, NULL, 0, NULL), -ENOENT);
	image_read_unlock(f.image);
	assert_int_equal(fixture_inodes(&f), 1);
	fixture_close(&f);
}

static void links(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
	assert_int_equal(fs_link(f.fs, file, directory, fixture_name("second"), &attr), 0);
	assert_int_equal(attr.nlink, 2);
	assert_int_equal(attr.inode, file);
	assert_int_equal(fs_link(f.fs, file, directory, fixture_name("second"), &attr), -EEXIST);
	assert_int_equal(fs_link(f.fs, directory, ROOT_INODE, fixture_name("third"), &attr), -EPERM);
	assert_int_equal(fs_link(f.fs, file, file, fixture_name("third"), &attr), -ENOTDIR);
	assert_int_equal(fs_link(f.fs, 999, ROOT_INODE, fixture_name("third"), &attr), -ESTALE);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), 0);
	assert_int_equal(fixture_attr(&f, file).nlink, 1);
	assert_int_equal(fixture_find(&f, directory, "second"), file);

	struct inode inode;
	struct txn *txn;
	assert_int_equal(txn_begin(f.image, 1, 0, &txn), 0);
	assert_int_equal(inode_load(f.fs, file, &inode), 0);
	inode.nlink = FS_LINK_MAX - 1;
	assert_int_equal(inode_store(txn, &inode), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
	assert_int_equal(fs_link(f.fs, file, ROOT_INODE, fixture_name("third"), &attr), 0);
	assert_int_equal(fs_link(f.fs, file, ROOT_INODE, fixture_name("fourth"), &attr), -EMLINK);
	assert_int_equal(fs_link(f.fs, file, ROOT_INODE, fixture_name("third"), &attr), -EEXIST);
	fixture_close(&f);
}

static void removing(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
	fixture_make(&f, directory, "file", S_IFREG | 0644);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("directory")), -EISDIR);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("none")), -ENOENT);
	assert_int_equal(fs_rmdir(f.fs, directory, fixture_name("file")), -ENOTDIR);
	assert_int_equal(fs_rmdir(f.fs, ROOT_INODE, fixture_name("directory")), -ENOTEMPTY);
	assert_int_equal(fs_rmdir(f.fs, directory, fixture_name(".")), -EINVAL);
	assert_int_equal(fs_rmdir(f.fs, directory, fixture_name("..")), -ENOTEMPTY);
	assert_int_equal(fs_unlink(f.fs, directory, fixture_name("file")), 0);
	assert_int_equal(fs_rmdir(f.fs, ROOT_INODE, fixture_name("directory")), 0);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).nlink, 2);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, 0);
	assert_int_equal(fixture_find(&f, ROOT_INODE, "directory"), 0);

	/* Still known: it is there, without names, and nothing can be made in it. */
	assert_int_equal(fixture_attr(&f, directory).nlink, 0);
	assert_int_equal(make_result(&f, directory, "late", S_IFREG | 0644), -ENOENT);
	assert_int_equal(lookup_result(&f, directory, ".."), -ENOENT);
	fs_forget(f.fs, directory, 1);
	struct fs_attr attr;
	assert_int_equal(fs_getattr(f.fs, directory, &attr), -ESTALE);
	fixture_close(&f);
}

/* A file with `extents` extents and a large xattr. */
static uint64_t make_large(struct fixture *f, const char *name, unsigned extents)
{
	static uint8_t value[FS_XATTR_SIZE_MAX];
	uint64_t file = fixture_make(f, ROOT_INODE, name, S_IFREG | 0644);
	for (unsigned i = 0; i < extents; i++)
		assert_int_equal(fs_write(f->fs, file, i * 3 * UINT64_C(4096), "block", 5, 0), 5);
	assert_int_equal(fs_setxattr(f->fs, file, "user.large", value, sizeof(value), 0), 0);
	assert_int_equal(fs_setxattr(f->fs, file, "user.small", value, 5, 0), 0);
	return file;
}

static void check_nothing_left(struct fixture *f)
{
	struct key from = {.object = 0}, key;
	assert_int_equal(fixture_inodes(f), 1);
	image_read_lock(f->image);
	assert_int_equal(tree_next(f->image, TREE_FILES, from, &key, NULL, 0, NULL), 0);
	assert_int_equal(key.object, ROOT_INODE);
	from = (struct key){.object = ROOT_INODE + 1};
	assert_int_equal(tree_next(f->image, TREE_FILES, from, &key, NULL, 0, NULL), -ENOENT);
	image_read_unlock(f->image);
	assert_int_equal(atomic_load(&f->fs->orphans), 0);
}

static void orphans(void **state)
{
	(void)state;
	struct fixture f;
	char bytes[5];
	struct fs_attr attr;
	fixture_open(&f);

	/* Read while unlinked, gone when forgotten. */
	uint64_t file = make_large(&f, "file", 100);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), 0);
	assert_int_equal(fixture_attr(&f, file).nlink, 0);
	assert_int_equal(fs_read_copy(f.fs, file, 0, bytes, 5), 5);
	assert_memory_equal(bytes, "block", 5);
	assert_int_equal(fs_getattr_lookup(f.fs, file, &attr), -ENOENT);
	fs_forget(f.fs, file, 1);
	assert_int_equal(fs_getattr(f.fs, file, &attr), -ESTALE);
	check_nothing_left(&f);

	/* Not known when unlinked. */
	for (unsigned extents = 0; extents < 20; extents += 4) {
		file = make_large(&f, "file", extents);
		fs_forget(f.fs, file, 1);
		assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), 0);
		check_nothing_left(&f);
	}

	/* Killed, or closed, while unlinked and known. */
	make_large(&f, "file", 40);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), 0);
	fixture_crash(&f);
	check_nothing_left(&f);
	make_large(&f, "file", 40);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), 0);
	fixture_reopen(&f);
	check_nothing_left(&f);
	fixture_close(&f);
}

/* What a deleted file overwrote is nobody's to sync any more, however it went. */
static void deleted_is_not_dirty(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_name name = fixture_name("file"), other = fixture_name("other");
	static const uint8_t bytes[INLINE_MAX + 1];
	fixture_open(&f);
	for (unsigned way = 0; way < 4; way++) {
		struct byte_range ranges[DIRTY_RANGES];
		uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644), lsn;
		size_t count;
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(fs_write(f.fs, file, 0, bytes, sizeof(bytes), 0), sizeof(bytes));
		if (way == 3) { /* it keeps a name, and what is to be synced */
			assert_int_equal(fs_link(f.fs, file, ROOT_INODE, other, &(struct fs_attr){0}), 0);
			fs_forget(f.fs, file, 1);
		}
		if (way != 1)
			fs_forget(f.fs, file, 1);
		if (way == 2) {
			fs_forget(f.fs, fixture_make(&f, ROOT_INODE, "other", S_IFREG | 0644), 1);
			assert_int_equal(fs_rename(f.fs, ROOT_INODE, other, ROOT_INODE, name, 0), 0);
		} else {
			assert_int_equal(fs_unlink(f.fs, ROOT_INODE, name), 0);
		}
		if (way == 1) /* known until now */
			fs_forget(f.fs, file, 1);
		dirty_take(f.fs->dirty, file, ranges, DIRTY_RANGES, &count, &lsn);
		assert_int_equal(count, way == 3 ? 1 : 0);
		assert_true((lsn == UINT64_MAX) == (way != 3));
		if (way == 2)
			assert_int_equal(fs_unlink(f.fs, ROOT_INODE, name), 0);
	}
	fixture_close(&f);
}

/* ---- threads ---- */

struct worker {
	struct fixture *f;
	uint64_t seed;
	unsigned failures;
};

static bool expected(int result)
{
	return !result || result == -ENOENT || result == -EEXIST || result == -EISDIR || result == -ENOTDIR ||
	       result == -ENOTEMPTY || result == -ESTALE;
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct fs *fs = worker->f->fs;
	for (unsigned i = 0; i < 1500; i++) {
		char text[3] = {'a', (char)('a' + fixture_random(&worker->seed) % 12), '\0'};
		char text2[3] = {'a', (char)('a' + fixture_random(&worker->seed) % 12), '\0'};
		struct fs_name name = fixture_name(text), name2 = fixture_name(text2);
		struct fs_attr attr = {.inode = 0}, attr2;
		int result = 0;
		switch (fixture_random(&worker->seed) % 6) {
		case 0:
			result = fs_make(fs, &caller, ROOT_INODE, name, S_IFREG | 0644, 0, 0, &attr);
			break;
		case 1:
			result = fs_make(fs, &caller, ROOT_INODE, name, S_IFDIR | 0755, 0, 0, &attr);
			break;
		case 2:
			result = fs_unlink(fs, ROOT_INODE, name);
			break;
		case 3:
			result = fs_rmdir(fs, ROOT_INODE, name);
			break;
		case 4:
			result = fs_rename(fs, ROOT_INODE, name, ROOT_INODE, name2, 0);
			break;
		default:
			result = fs_lookup(fs, ROOT_INODE, name, &attr);
			if (!result && S_ISREG(attr.mode) &&
			    !fs_link(fs, attr.inode, ROOT_INODE, name2, &attr2))
				fs_forget(fs, attr2.inode, 1);
			break;
		}
		if (!expected(result))
			worker->failures++;
		if (!result && attr.inode) {
			/* What is known stays, whatever the others do. */
			if (fs_getattr(fs, attr.inode, &attr2))
				worker->failures++;
			fs_forget(fs, attr.inode, 1);
		}
	}
	return NULL;
}

static int count_inode(void *context, const struct fs_dirent *entry)
{
	uint64_t *numbers = context;
	if (entry->name[0] == '.')
		return 0;
	for (unsigned i = 1; i <= numbers[0]; i++) {
		if (numbers[i] == entry->inode)
			return 0;
	}
	numbers[++numbers[0]] = entry->inode;
	return 0;
}

static void threads(void **state)
{
	(void)state;
	enum { WORKERS = 4 };
	struct fixture f;
	struct worker workers[WORKERS];
	pthread_t ids[WORKERS];
	fixture_open(&f);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.f = &f, .seed = 100 + i};
		assert_int_equal(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(ids[i], NULL);
		assert_int_equal(workers[i].failures, 0);
	}
	uint64_t numbers[32] = {0};
	assert_int_equal(fs_readdir(f.fs, ROOT_INODE, 0, count_inode, numbers), 0);
	assert_int_equal(fixture_inodes(&f), 1 + numbers[0]);
	assert_int_equal(atomic_load(&f.fs->orphans), 0);
	for (unsigned i = 1; i <= numbers[0]; i++)
		assert_false(lookups_known(f.fs->lookups, numbers[i]));
	fixture_close(&f);
}

/* A full image refuses what takes room, changing nothing, and lets everything be removed. */
static void full(void **state)
{
	(void)state;
	struct fixture f;
	char name[256];
	unsigned made = 0, number = 0;
	int result;
	fixture_open(&f);
	f.limit_bytes = UINT64_C(4) << 20;
	fixture_reopen(&f);
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	do {
		snprintf(name, sizeof(name), "%06u", made);
		name[6] = 'n';
		result = make_result(&f, ROOT_INODE, name, S_IFREG | 0644);
		made += !result;
	} while (!result && made < 100000);
	assert_int_equal(result, -ENOSPC);
	assert_true(made > 500);
	assert_int_equal(fixture_inodes(&f), 1 + made);
	assert_int_equal(fixture_find(&f, ROOT_INODE, name), 0);
	fixture_crash(&f); /* nobody knows them now */
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, made);
	for (; number < made; number++) {
		snprintf(name, sizeof(name), "%06u", number);
		name[6] = 'n';
		assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name(name)), 0);
	}
	check_nothing_left(&f);
	assert_int_equal(image_sync(f.image, image_head(f.image), NULL, 0), 0);
	assert_int_equal(make_result(&f, ROOT_INODE, name, S_IFREG | 0644), 0);
	fixture_close(&f);
}

static void read_only(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	assert_int_equal(fs_close(f.fs), 0);
	struct fs_options options = {.read_only = true};
	assert_int_equal(fs_open(f.image, &options, &f.fs), 0);
	uint64_t file = fixture_find(&f, ROOT_INODE, "file"), head = image_head(f.image);
	assert_int_not_equal(file, 0);
	assert_int_equal(make_result(&f, ROOT_INODE, "other", S_IFREG | 0644), -EROFS);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), -EROFS);
	assert_int_equal(fs_link(f.fs, file, ROOT_INODE, fixture_name("other"), &attr), -EROFS);
	assert_int_equal(fs_setxattr(f.fs, file, "user.x", "", 0, 0), -EROFS);
	assert_int_equal(
	    fs_rename(f.fs, ROOT_INODE, fixture_name("file"), ROOT_INODE, fixture_name("other"), 0), -EROFS);
	assert_int_equal(image_head(f.image), head);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(making),
	    cmocka_unit_test(refused_names),
	    cmocka_unit_test(set_group_id),
	    cmocka_unit_test(symlinks),
	    cmocka_unit_test(links),
	    cmocka_unit_test(removing),
	    cmocka_unit_test(orphans),
	    cmocka_unit_test(threads),
	    cmocka_unit_test(read_only),
	    cmocka_unit_test(full),
	    cmocka_unit_test(deleted_is_not_dirty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
