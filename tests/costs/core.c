/*
 * What operations of the core library cost, without FUSE.
 *
 *   core count IMAGE FILES OPERATIONS   does so many of each in a tree of FILES files: for callgrind, which
 * counts the instructions below the functions measured_NAME core grow IMAGE FILES OPERATIONS    prints, for
 * creates, lookups and unlinks in such a tree, tree nodes read and nanoseconds of processor time each
 *
 * 1000 files to a directory. IMAGE is made, and must not exist.
 */
#include "../../fs/fs.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EACH 1000u
/* Each stays a function of its own, whose name callgrind finds. */
#ifdef __clang__
#define MEASURED __attribute__((noinline))
#else
#define MEASURED __attribute__((noipa))
#endif

struct tree {
	struct image *image;
	struct fs *fs;
	uint64_t files;
	uint64_t *directories;
};

static const struct fs_caller caller = {.uid = 0};
static _Thread_local uint64_t reads; /* not the syncer's */

/* Linked with --wrap=block_read. */
int __real_block_read(struct image *image, uint64_t block, uint32_t magic, const void **ret_bytes);
int __wrap_block_read(struct image *image, uint64_t block, uint32_t magic, const void **ret_bytes);
int __wrap_block_read(struct image *image, uint64_t block, uint32_t magic, const void **ret_bytes)
{
	reads++;
	return __real_block_read(image, block, magic, ret_bytes);
}

static void check(long result, const char *what)
{
	if (result < 0) {
		errno = (int)-result;
		err(1, "%s", what);
	}
}

/* ---- a tree ---- */

static void tree_open(struct tree *tree, const char *path, bool syncer)
{
	struct store_file_options how = {.mode = STORE_WRITE};
	struct image_make_options make = {.journal_bytes = 16u << 20};
	struct image_options options = {.no_syncer = !syncer};
	struct fs_options fs_options = {.track_lookups = true};
	struct image_report report;
	struct store *store;
	int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (file < 0 || close(file))
		err(1, "%s", path);
	check(store_file_open(path, &how, &store), "open");
	check(image_make(store, &make), "make");
	check(image_open(store, &options, &tree->image, &report), report.text);
	check(fs_open(tree->image, &fs_options, &tree->fs), "fs_open");
}

static struct fs_name name_of(char text[32], uint64_t number)
{
	return (struct fs_name){.bytes = text,
				.length = (size_t)sprintf(text, "file-%08llu", (unsigned long long)number)};
}

static uint64_t make(struct tree *tree, uint64_t parent, uint64_t number, uint32_t mode)
{
	struct fs_attr attr;
	char text[32];

	check(fs_make(tree->fs, &caller, parent, name_of(text, number), mode, 0, 0, &attr), "make");
	fs_forget(tree->fs, attr.inode, 1);
	return attr.inode;
}

static uint64_t directory_of(const struct tree *tree, uint64_t number)
{
	return tree->directories[number / EACH];
}

static uint64_t find(struct tree *tree, uint64_t number)
{
	struct fs_attr attr;
	char text[32];

	check(fs_lookup(tree->fs, directory_of(tree, number), name_of(text, number), &attr), "lookup");
	fs_forget(tree->fs, attr.inode, 1);
	return attr.inode;
}

static void tree_fill(struct tree *tree, uint64_t files)
{
	tree->files = files;
	/* One more, for what is measured. */
	tree->directories = calloc(files / EACH + 2, sizeof(*tree->directories));
	if (!tree->directories)
		err(1, "memory");
	for (uint64_t i = 0; i <= files / EACH + 1; i++)
		tree->directories[i] = make(tree, ROOT_INODE, i, S_IFDIR | 0755);
	for (uint64_t i = 0; i < files; i++)
		make(tree, directory_of(tree, i), i, S_IFREG | 0644);
}

static void tree_close(struct tree *tree)
{
	check(fs_close(tree->fs), "fs_close");
	check(image_close(tree->image), "close");
	free(tree->directories);
}

/* Number `i` of different files, which take turns among up to 10 directories all over the tree: so many pages
 * are in use whatever the tree's size. */
static uint64_t spread(const struct tree *tree, uint64_t i)
{
	uint64_t directories = tree->files / EACH, used = directories < 10 ? directories : 10;

	return i % used * (directories / used) * EACH + i / used;
}

/* ---- what is measured: each on `count` files ---- */

MEASURED void measured_create(struct tree *tree, uint64_t count);
void measured_create(struct tree *tree, uint64_t count)
{
	/* Under new names. */
	for (uint64_t i = 0; i < count; i++)
		make(tree, directory_of(tree, spread(tree, i)), 90000000 + i, S_IFREG | 0644);
}

MEASURED void measured_lookup(struct tree *tree, uint64_t count);
void measured_lookup(struct tree *tree, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		find(tree, spread(tree, i));
}

MEASURED void measured_unlink(struct tree *tree, uint64_t count);
void measured_unlink(struct tree *tree, uint64_t count)
{
	char text[32];

	for (uint64_t i = 0; i < count; i++)
		check(fs_unlink(tree->fs, directory_of(tree, spread(tree, i)), name_of(text, 90000000 + i)),
		      "unlink");
}

MEASURED void measured_getattr(struct tree *tree, uint64_t count, const uint64_t *inodes);
void measured_getattr(struct tree *tree, uint64_t count, const uint64_t *inodes)
{
	struct fs_attr attr;

	for (uint64_t i = 0; i < count; i++)
		check(fs_getattr(tree->fs, inodes[i], &attr), "getattr");
}

MEASURED void measured_chmod(struct tree *tree, uint64_t count, const uint64_t *inodes);
void measured_chmod(struct tree *tree, uint64_t count, const uint64_t *inodes)
{
	const struct fs_set set = {.what = FS_SET_MODE, .mode = 0600};
	struct fs_attr attr;

	for (uint64_t i = 0; i < count; i++)
		check(fs_setattr(tree->fs, inodes[i], &set, &attr), "setattr");
}

static int take_entry(void *context, const struct fs_dirent *entry)
{
	*(uint64_t *)context += entry->name_length > 2;
	return 0;
}

/* Entries, not directories, are what is counted. */
MEASURED void measured_readdir(struct tree *tree, uint64_t count);
void measured_readdir(struct tree *tree, uint64_t count)
{
	uint64_t seen = 0;

	for (uint64_t i = 0; i < count; i += EACH)
		check(fs_readdir(tree->fs, directory_of(tree, i), 0, take_entry, &seen), "readdir");
}

static void write_all(struct tree *tree, uint64_t count, const uint64_t *inodes)
{
	static char bytes[4096];

	for (uint64_t i = 0; i < count; i++)
		check(fs_write(tree->fs, inodes[i], 0, bytes, sizeof(bytes), 0), "write");
}

MEASURED void measured_write(struct tree *tree, uint64_t count, const uint64_t *inodes);
void measured_write(struct tree *tree, uint64_t count, const uint64_t *inodes)
{
	write_all(tree, count, inodes);
}

MEASURED void measured_overwrite(struct tree *tree, uint64_t count, const uint64_t *inodes);
void measured_overwrite(struct tree *tree, uint64_t count, const uint64_t *inodes)
{
	write_all(tree, count, inodes);
}

static int take_pieces(void *context, const struct iovec *pieces, int count, size_t total)
{
	(void)context;
	(void)pieces;
	return count == 1 && total == 4096 ? 0 : -EIO;
}

MEASURED void measured_read(struct tree *tree, uint64_t count, const uint64_t *inodes);
void measured_read(struct tree *tree, uint64_t count, const uint64_t *inodes)
{
	for (uint64_t i = 0; i < count; i++)
		check(fs_read_noatime(tree->fs, inodes[i], 0, 4096, take_pieces, NULL), "read");
}

/* Within its directory. */
MEASURED void measured_rename(struct tree *tree, uint64_t count);
void measured_rename(struct tree *tree, uint64_t count)
{
	char from[32], to[32];

	for (uint64_t i = 0; i < count; i++) {
		uint64_t number = spread(tree, i), directory = directory_of(tree, number);

		check(fs_rename(tree->fs, directory, name_of(from, number), directory,
				name_of(to, 80000000 + number), 0),
		      "rename");
	}
}

/* ---- programs ---- */

/* Nothing of what was done before is left to be done. */
static void settle(struct tree *tree)
{
	check(image_sync(tree->image, image_head(tree->image), NULL, 0), "sync");
	check(image_checkpoint(tree->image), "checkpoint");
}

static void count(const char *path, uint64_t files, uint64_t operations)
{
	uint64_t *inodes = calloc(operations, sizeof(*inodes));
	struct tree tree;

	if (!inodes)
		err(1, "memory");
	tree_open(&tree, path, false);
	tree_fill(&tree, files);
	settle(&tree);
	for (uint64_t i = 0; i < operations; i++)
		inodes[i] = find(&tree, spread(&tree, i));
	measured_create(&tree, operations);
	measured_lookup(&tree, operations);
	measured_unlink(&tree, operations);
	settle(&tree);
	measured_getattr(&tree, operations, inodes);
	measured_chmod(&tree, operations, inodes);
	measured_readdir(&tree, operations);
	measured_write(&tree, operations, inodes);
	settle(&tree);
	measured_overwrite(&tree, operations, inodes);
	measured_read(&tree, operations, inodes);
	measured_rename(&tree, operations);
	tree_close(&tree);
	free(inodes);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void grow(const char *path, uint64_t files, uint64_t operations)
{
	static const struct {
		const char *name;
		void (*run)(struct tree *tree, uint64_t count);
	} kinds[] = {{"create", measured_create}, {"lookup", measured_lookup}, {"unlink", measured_unlink}};
	struct tree tree;

	tree_open(&tree, path, true);
	tree_fill(&tree, files);
	check(image_sync(tree.image, image_head(tree.image), NULL, 0), "sync");
	/* What the page table and caches do not have yet is not what grows. */
	measured_lookup(&tree, operations);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t reads_before = reads, start = now_ns();

		kinds[i].run(&tree, operations);
		printf("%s %.2f %.0f\n", kinds[i].name, (double)(reads - reads_before) / (double)operations,
		       (double)(now_ns() - start) / (double)operations);
	}
	tree_close(&tree);
}

int main(int arguments, char **argument)
{
	uint64_t files = arguments == 5 ? strtoull(argument[3], NULL, 10) : 0;
	uint64_t operations = arguments == 5 ? strtoull(argument[4], NULL, 10) : 0;

	if (!operations || files < EACH || operations > files / 2)
		errx(2, "usage: core count|grow IMAGE FILES OPERATIONS");
	if (!strcmp(argument[1], "count"))
		count(argument[2], files, operations);
	else
		grow(argument[2], files, operations);
	return 0;
}
