/* What stands in the base images: every kind of item there is. */
#include "damage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KIB 1024u
#define MIB (1024u * KIB)

static const struct fs_caller caller = {.uid = 1000, .gid = 1000};

static void must(const char *what, int64_t result)
{
	if (result < 0)
		base_failed(what, (int)result);
}

static struct fs_name name_of(const char *text)
{
	return (struct fs_name){.bytes = text, .length = strlen(text)};
}

static uint64_t make(struct fs *fs, uint64_t parent, const char *name, uint32_t mode)
{
	struct fs_attr attr;

	must(name, fs_make(fs, &caller, parent, name_of(name), mode, 3, 4, &attr));
	fs_forget(fs, attr.inode, 1);
	return attr.inode;
}

static uint64_t make_file(struct fs *fs, uint64_t parent, const char *name)
{
	return make(fs, parent, name, S_IFREG | 0644);
}

static uint64_t make_directory(struct fs *fs, uint64_t parent, const char *name)
{
	return make(fs, parent, name, S_IFDIR | 0755);
}

static void put(struct fs *fs, uint64_t inode, uint64_t offset, size_t length)
{
	uint8_t *bytes = malloc(length);

	if (!bytes)
		base_failed("memory", -ENOMEM);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(inode * 7 + (offset + i) / 3 + 1);
	must("writing", fs_write(fs, inode, offset, bytes, length, 0));
	free(bytes);
}

static void set_xattr(struct fs *fs, uint64_t inode, const char *name, size_t length)
{
	uint8_t *value = malloc(length + 1);

	if (!value)
		base_failed("memory", -ENOMEM);
	for (size_t i = 0; i < length; i++)
		value[i] = (uint8_t)(i * (length | 1));
	must(name, fs_setxattr(fs, inode, name, value, length, 0));
	free(value);
}

static void make_symlink(struct fs *fs, uint64_t parent, const char *name, size_t length)
{
	char target[4096];
	struct fs_attr attr;

	memset(target, 't', length);
	target[length] = '\0';
	must(name, fs_symlink(fs, &caller, parent, name_of(name), target, &attr));
	fs_forget(fs, attr.inode, 1);
}

static void link_to(struct fs *fs, uint64_t inode, uint64_t parent, const char *name)
{
	struct fs_attr attr;

	must(name, fs_link(fs, inode, parent, name_of(name), &attr));
	fs_forget(fs, attr.inode, 1);
}

/* ---- everything ---- */

static void add_files(struct fs *fs, uint64_t parent, unsigned count)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		uint64_t inode = make_file(fs, parent, name);
		if (i % 4)
			put(fs, inode, 0, 1 + i * 517 % 9000);
	}
	/* and some go, so that what is free lies between what is not */
	for (unsigned i = 2; i < count; i += 5) {
		snprintf(name, sizeof(name), "file-%u", i);
		must(name, fs_unlink(fs, parent, name_of(name)));
	}
}

/* Their contents stand in the tree. */
static void add_small(struct fs *fs, uint64_t parent)
{
	char name[32];

	for (unsigned i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "small-%u", i);
		put(fs, make_file(fs, parent, name), i % 4 * 50, 1 + i * 24);
	}
}

static void add_extents(struct fs *fs, uint64_t parent)
{
	uint64_t pieces = make_file(fs, parent, "pieces"), sparse = make_file(fs, parent, "sparse");
	uint64_t kept = make_file(fs, parent, "kept"), mixed = make_file(fs, parent, "mixed");

	for (unsigned i = 0; i < 24; i++)
		put(fs, pieces, (uint64_t)i * 2 * BLOCK_SIZE, BLOCK_SIZE / 2);
	put(fs, sparse, UINT64_C(1) << 40, 100);
	put(fs, sparse, UINT64_C(5) << 30, 5000);
	must("fallocate", fs_fallocate(fs, kept, FALLOC_FL_KEEP_SIZE, 0, MIB));
	must("fallocate", fs_fallocate(fs, mixed, 0, 0, 200 * KIB));
	put(fs, mixed, 50000, 20000);
	must("punch", fs_fallocate(fs, mixed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 60 * KIB, 8 * KIB));
}

static void add_xattrs(struct fs *fs, uint64_t parent)
{
	uint64_t file = make_file(fs, parent, "attributed");
	char name[256] = "user.";

	set_xattr(fs, file, "user.small", 5);
	set_xattr(fs, file, "user.empty", 0);
	set_xattr(fs, file, "trusted.inline", 512);
	set_xattr(fs, file, "security.capability", 20);
	set_xattr(fs, file, "user.large", 5000);
	set_xattr(fs, file, "user.pieces", 2 * SYMLINK_PIECE);
	memset(name + 5, 'n', 250);
	set_xattr(fs, file, name, 600);
	set_xattr(fs, parent, "user.directory", 700);
}

static void add_names(struct fs *fs, uint64_t parent)
{
	/* two by two they have the same hash, with base.c's seed */
	static const char *const twins[] = {"twin-1c1f155", "twin-28bef15", "twin-1a1947a", "twin-3cc75b6",
					    "twin-1ffdc16", "twin-3dd36af", "twin-01d9e74", "twin-2230c62"};
	char name[256];

	for (unsigned i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
		make_file(fs, parent, twins[i]);
	for (unsigned i = 0; i < 6; i++) {
		memset(name, 'a' + (int)i, 255);
		name[255] = '\0';
		make_file(fs, parent, name);
	}
}

void populate_rich(struct fs *fs)
{
	uint64_t d = make_directory(fs, ROOT_INODE, "d"), sub = make_directory(fs, d, "sub");
	uint64_t names = make_directory(fs, ROOT_INODE, "names"), file;

	make_directory(fs, make_directory(fs, sub, "deeper"), "deepest");
	make(fs, ROOT_INODE, "shared", S_IFDIR | S_ISGID | 0775);
	make(fs, d, "fifo", S_IFIFO | 0600);
	make(fs, d, "socket", S_IFSOCK | 0600);
	make(fs, d, "block", S_IFBLK | 0600);
	make(fs, d, "character", S_IFCHR | 0600);
	make_symlink(fs, ROOT_INODE, "short", 7);
	make_symlink(fs, d, "long", 3000);
	make_symlink(fs, d, "longest", 4095);
	file = make_file(fs, ROOT_INODE, "linked");
	put(fs, file, 0, 30000);
	link_to(fs, file, d, "again");
	link_to(fs, file, sub, "and-again");
	add_extents(fs, ROOT_INODE);
	add_xattrs(fs, sub);
	add_small(fs, d);
	add_names(fs, names);
	add_files(fs, sub, 60);
}

void populate_deep(struct fs *fs)
{
	char name[32];

	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "tall-%u", i);
		uint64_t inode = make_file(fs, ROOT_INODE, name);
		put(fs, inode, 0, 6000);
		set_xattr(fs, inode, "user.tall", FS_XATTR_SIZE_MAX - i);
	}
	add_files(fs, make_directory(fs, ROOT_INODE, "d"), 20);
}

void populate_zones(struct fs *fs)
{
	uint64_t first = make_file(fs, ROOT_INODE, "first"), second = make_file(fs, ROOT_INODE, "second");

	must("fallocate", fs_fallocate(fs, first, 0, 0, 70 * MIB));
	put(fs, first, 69 * MIB, 9000);
	must("fallocate", fs_fallocate(fs, second, 0, 0, 60 * MIB));
	put(fs, second, 59 * MIB, 9000);
	add_files(fs, ROOT_INODE, 30);
}

/* Some changes of every kind, in what may be there or not; `from` tells one round from another. */
void populate_more(struct fs *fs, unsigned from)
{
	char name[32], other[32];
	uint64_t directory, file;

	snprintf(name, sizeof(name), "more-%u", from);
	directory = make_directory(fs, ROOT_INODE, name);
	add_files(fs, directory, 12);
	add_small(fs, directory);
	add_xattrs(fs, directory);
	add_extents(fs, directory);
	make_symlink(fs, directory, "link", 2000 + from);
	snprintf(other, sizeof(other), "renamed-%u", from);
	must("rename", fs_rename(fs, directory, name_of("file-1"), ROOT_INODE, name_of(other), 0));
	file = make_file(fs, directory, "shrunk");
	put(fs, file, 0, 50000);
	struct fs_set set = {.what = FS_SET_SIZE | FS_SET_MODE, .size = 10000, .mode = 0600};
	struct fs_attr attr;
	must("setattr", fs_setattr(fs, file, &set, &attr));
}

/* ---- what a crash leaves ---- */

static void put_intent(struct fs *fs, uint64_t inode, uint64_t first_block)
{
	struct intent_disk intent = {.kind = le32_of(INTENT_TRUNCATE), .first_block = le64_of(first_block)};
	struct key key = {.object = INTENT_OBJECT, .type = ITEM_INTENT, .offset = inode};
	struct txn *txn;

	must("intent", txn_begin(fs_image(fs), 1, 0, &txn));
	must("intent", tree_put(txn, TREE_FILES, key, &intent, sizeof(intent)));
	must("intent", txn_commit(txn, NULL));
}

/* Unlinked, and yet looked up: it stays until it is forgotten. */
static uint64_t make_orphan(struct fs *fs, const char *name, uint32_t mode)
{
	uint64_t inode = make(fs, ROOT_INODE, name, mode);
	struct fs_attr attr;

	must(name, fs_lookup(fs, ROOT_INODE, name_of(name), &attr));
	if (S_ISREG(mode)) {
		put(fs, inode, 0, 20000);
		set_xattr(fs, inode, "user.large", 4000);
		must(name, fs_unlink(fs, ROOT_INODE, name_of(name)));
	} else {
		must(name, fs_rmdir(fs, ROOT_INODE, name_of(name)));
	}
	return inode;
}

void populate_leftovers(struct fs *fs)
{
	char name[32];
	uint64_t inode;

	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "orphan-%u", i);
		inode = make_orphan(fs, name, S_IFREG | 0600);
		if (i == 1)
			put_intent(fs, inode, 1);
	}
	make_orphan(fs, "orphan-directory", S_IFDIR | 0700);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "cut-%u", i);
		inode = make_file(fs, ROOT_INODE, name);
		put(fs, inode, 0, 6000);
		must("fallocate", fs_fallocate(fs, inode, FALLOC_FL_KEEP_SIZE, 64 * KIB, 64 * KIB));
		put_intent(fs, inode, 2);
	}
}

void populate_ring(struct fs *fs)
{
	struct image *image = fs_image(fs);
	uint64_t size = le64_get(image_super(image)->ring_blocks) * BLOCK_SIZE;
	uint64_t inode = make_file(fs, ROOT_INODE, "turned");

	/* another length each time: what does not differ is not recorded */
	for (unsigned i = 0; image_head(image) % size < size - 40 * KIB; i++) {
		set_xattr(fs, inode, "user.value",
			  (image_head(image) % size < size - 200 * KIB ? 60000 : 3000) + i);
		if (image_head(image) % size < 100 * KIB)
			must("checkpoint", image_checkpoint(image));
	}
	must("checkpoint", image_checkpoint(image));
}
