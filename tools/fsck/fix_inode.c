/* Inodes, their numbers and counts, and items that have no inode or one of another kind. */
#include "fsck.h"

#include "../../fs/fs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

static struct key inode_key(uint64_t number)
{
	return (struct key){.object = number, .type = ITEM_INODE};
}

int fix_inode_read(struct fsck *fsck, uint64_t number, struct inode_disk *ret_disk)
{
	size_t size;
	int result = fix_read(fsck, inode_key(number), ret_disk, sizeof(*ret_disk), &size);

	if (result == -ERANGE || (result == 0 && size != sizeof(*ret_disk)))
		return 1; /* an item of a wrong size is no inode: it is removed */
	return result;
}

int fix_inode_put(struct txn *txn, uint64_t number, const struct inode_disk *disk)
{
	return tree_put(txn, TREE_FILES, inode_key(number), disk, sizeof(*disk));
}

void fix_inode_make(struct fsck *fsck, uint64_t number, uint32_t mode, struct inode_disk *ret_disk)
{
	le64 seconds = le64_of((uint64_t)time(NULL));

	*ret_disk = (struct inode_disk){
	    .mode = le32_of(mode),
	    .nlink = le32_of(S_ISDIR(mode) ? 2 : 1),
	    .parent = le64_of(S_ISDIR(mode) ? ROOT_INODE : 0),
	    .atime = seconds,
	    .mtime = seconds,
	    .ctime = seconds,
	    .btime = seconds,
	    .generation = le64_of(image_hash(fsck->image, &number, sizeof(number))),
	};
}

/* Has it an item of that type? 1, 0 or an error. */
static int has_item(struct fsck *fsck, uint64_t number, uint8_t type)
{
	struct key key, from = {.object = number, .type = type};
	int result = tree_next(fsck->image, TREE_FILES, from, &key, NULL, 0, NULL);

	if (result == -ENOENT)
		return 0;
	return result < 0 ? result : key.object == number && key.type == type;
}

/* Behind its last extent, in bytes. */
static int extents_end(struct fsck *fsck, uint64_t number, uint64_t *ret_end)
{
	struct key key, last = {.object = number, .type = ITEM_EXTENT, .offset = UINT64_MAX};
	struct extent_disk extent;
	size_t size;
	int result = tree_previous(fsck->image, TREE_FILES, last, &key, NULL, 0, NULL);

	*ret_end = 0;
	if (result < 0 || key.object != number || key.type != ITEM_EXTENT)
		return result == -ENOENT ? 0 : result;
	result = fix_read(fsck, key, &extent, sizeof(extent), &size);
	if (result == 0 && size == sizeof(extent) && key.offset < FILE_BLOCKS_MAX)
		*ret_end = (key.offset + le32_get(extent.length)) * BLOCK_SIZE;
	if (*ret_end > FILE_SIZE_MAX)
		*ret_end = FILE_SIZE_MAX;
	return result < 0 && result != -ERANGE ? result : 0;
}

/* What kind of file it is, by its items: they outvote a mode that goes with none of them. */
static int mode_right(struct fsck *fsck, uint64_t number, uint32_t *mode)
{
	static const struct {
		uint32_t format;
		uint8_t type;
	} kinds[] = {
	    {S_IFDIR, ITEM_DIRENT}, {S_IFREG, ITEM_EXTENT}, {S_IFREG, ITEM_INLINE}, {S_IFLNK, ITEM_SYMLINK}};
	uint32_t found = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int has = has_item(fsck, number, kinds[i].type);
		if (has < 0)
			return has;
		if (has && (*mode & S_IFMT) == kinds[i].format)
			found = kinds[i].format;
		if (has && !found)
			found = kinds[i].format;
	}
	if (!inode_mode_known((*mode & 07777) | (*mode & S_IFMT)))
		*mode = (*mode & 07777) | S_IFREG;
	if (found)
		*mode = (*mode & ~(uint32_t)S_IFMT) | found;
	*mode &= S_IFMT | 07777;
	return 0;
}

static int size_right(struct fsck *fsck, uint64_t number, uint32_t mode, struct inode_disk *disk)
{
	uint64_t size = le64_get(disk->size), end;
	int result;

	switch (mode & S_IFMT) {
	case S_IFREG:
		if (size <= FILE_SIZE_MAX)
			return 0;
		result = extents_end(fsck, number, &end);
		if (result == 0)
			disk->size = le64_of(end ? end : le32_get(disk->inline_length));
		return result;
	case S_IFLNK:
		if (size == 0 || size >= PATH_MAX)
			disk->size = le64_of(1); /* fix_symlink finds the right one */
		return 0;
	case S_IFDIR:
		return 0;
	default:
		disk->size = le64_of(0);
		return 0;
	}
}

static void times_right(struct inode_disk *disk)
{
	le32 *parts[] = {&disk->atime_nanoseconds, &disk->mtime_nanoseconds, &disk->ctime_nanoseconds,
			 &disk->btime_nanoseconds};

	for (unsigned i = 0; i < 4; i++)
		if (le32_get(*parts[i]) >= 1000000000)
			*parts[i] = le32_of(0);
}

static int inode_right(struct fsck *fsck, uint64_t number, struct inode_disk *disk)
{
	uint32_t mode = le32_get(disk->mode);
	uint64_t parent = le64_get(disk->parent);
	int result = mode_right(fsck, number, &mode);

	if (result == 0)
		result = size_right(fsck, number, mode, disk);
	if (result < 0)
		return result;
	disk->mode = le32_of(mode);
	if (!S_ISDIR(mode))
		disk->parent = le64_of(0);
	else if (number == ROOT_INODE || parent == 0 || parent >= fsck->next_inode)
		disk->parent = le64_of(ROOT_INODE); /* its name tells better, if it has one */
	times_right(disk);
	disk->flags = le32_of(le32_get(disk->flags) & INODE_FLAGS);
	disk->rdev_major = le64_of((uint32_t)le64_get(disk->rdev_major));
	disk->rdev_minor = le64_of((uint32_t)le64_get(disk->rdev_minor));
	memset(disk->unused, 0, sizeof(disk->unused));
	return 0;
}

int fix_inode(struct fsck *fsck, const struct fix *fix)
{
	uint64_t number = fix->at.key.object;
	struct inode_disk disk, before;
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	if (result < 0)
		return result;
	result = fix_inode_read(fsck, number, &disk);
	if (result == 0) {
		before = disk;
		result = inode_right(fsck, number, &disk);
	}
	if (result == 0 && !memcmp(&before, &disk, sizeof(disk)))
		return fix_end(txn, 1) < 0 ? -EIO : 0; /* an earlier problem of this inode mended all */
	if (result == 0)
		result = fix_inode_put(txn, number, &disk);
	return fix_end(txn, result);
}

/* Reserved numbers, and those that do not exist: what belongs to it is found stray, and removed. */
int fix_number(struct fsck *fsck, const struct fix *fix)
{
	return fix_delete(fsck, fix);
}

/* ---- items without a right inode ---- */

static bool number_possible(uint64_t number)
{
	return number == ROOT_INODE || (number >= FIRST_INODE && number < INODE_LIMIT - 1);
}

static int inode_make(struct fsck *fsck, struct txn *txn, uint64_t number, uint8_t type)
{
	struct inode_disk disk;
	uint64_t end;
	int result;

	fix_inode_make(fsck, number, type == ITEM_DIRENT ? S_IFDIR | 0700 : S_IFREG | 0600, &disk);
	if (type == ITEM_EXTENT) {
		result = extents_end(fsck, number, &end);
		if (result < 0)
			return result;
		disk.size = le64_of(end);
	} else if (type == ITEM_INLINE) {
		/* looked at once more when it is compared with the item */
		disk.size = le64_of(1);
		disk.inline_length = le32_of(1);
	}
	return fix_inode_put(txn, number, &disk);
}

/* Names and contents get an inode anew: it was lost with its node. Others are worth nothing without. */
int fix_stray(struct fsck *fsck, const struct fix *fix)
{
	struct key key = fix->at.key;
	struct inode_disk disk;
	struct txn *txn;
	int result = fix_begin(fsck, 2, &txn);

	if (result < 0)
		return result;
	result = fix_inode_read(fsck, key.object, &disk);
	if (result == 0)
		return fix_end(txn, 1); /* an item before brought it back */
	if (result > 0 && number_possible(key.object) &&
	    (key.type == ITEM_DIRENT ||
	     ((key.type == ITEM_EXTENT || key.type == ITEM_INLINE) && key.object != ROOT_INODE)))
		result = inode_make(fsck, txn, key.object, key.type);
	else if (result > 0)
		result = tree_delete(txn, TREE_FILES, key);
	return fix_end(txn, result == -ENOENT ? 1 : result);
}

static bool kind_right(uint32_t mode, uint8_t type)
{
	return (S_ISDIR(mode) && type == ITEM_DIRENT) ||
	       (S_ISREG(mode) && (type == ITEM_EXTENT || type == ITEM_INLINE)) ||
	       (S_ISLNK(mode) && type == ITEM_SYMLINK);
}

int fix_kind(struct fsck *fsck, const struct fix *fix)
{
	struct inode_disk disk;
	struct txn *txn;
	uint32_t mode;
	int result = fix_begin(fsck, 2, &txn);

	if (result < 0)
		return result;
	result = fix_inode_read(fsck, fix->at.key.object, &disk);
	mode = result == 0 ? le32_get(disk.mode) : 0;
	if (result == 0)
		result = mode_right(fsck, fix->at.key.object, &mode);
	if (result == 0 && mode != le32_get(disk.mode)) {
		disk.mode = le32_of(mode);
		result = fix_inode_put(txn, fix->at.key.object, &disk);
	}
	if (result == 0 && !kind_right(mode, fix->at.key.type))
		result = tree_delete(txn, TREE_FILES, fix->at.key);
	return fix_end(txn, result == -ENOENT ? 1 : result);
}

int fix_no_root(struct fsck *fsck, const struct fix *fix)
{
	struct inode_disk disk;
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	(void)fix;
	if (result < 0)
		return result;
	fix_inode_make(fsck, ROOT_INODE, S_IFDIR | 0755, &disk);
	return fix_end(txn, fix_inode_put(txn, ROOT_INODE, &disk));
}

/* ---- counts ---- */

static void count_set(struct fsck *fsck, const struct fix *fix, struct inode_disk *disk)
{
	(void)fsck;
	switch (fix->code) {
	case PROBLEM_INODE_BLOCKS:
		disk->blocks = le64_of(fix->c);
		break;
	case PROBLEM_INODE_XATTRS:
		disk->xattrs = le32_of((uint32_t)fix->c);
		break;
	case PROBLEM_DIR_ENTRIES:
		disk->size = le64_of(fix->c);
		break;
	default: /* PROBLEM_DIR_NLINK, PROBLEM_NLINK */
		disk->nlink = le32_of((uint32_t)fix->c);
	}
}

int fix_count(struct fsck *fsck, const struct fix *fix)
{
	struct inode_disk disk;
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	if (result < 0)
		return result;
	result = fix_inode_read(fsck, fix->a, &disk);
	if (result == 0) {
		count_set(fsck, fix, &disk);
		result = fix_inode_put(txn, fix->a, &disk);
	}
	return fix_end(txn, result);
}

/* One that has a name again is none. One without is: its links go with the count of its names. */
int fix_orphan_listing(struct fsck *fsck, const struct fix *fix)
{
	const struct inode_note *note = inodes_find(fsck, fix->a);

	return note && !note->names ? 1 : fix_delete(fsck, fix);
}

/* ---- extents ---- */

int fix_extent(struct fsck *fsck, const struct fix *fix)
{
	struct extent_disk extent;
	size_t size, bad;
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	if (result < 0)
		return result;
	result = fix_read(fsck, fix->at.key, &extent, sizeof(extent), &size);
	if (result == 0 && size == sizeof(extent)) {
		extent.flags = le32_of(le32_get(extent.flags) & EXTENT_UNWRITTEN);
		if (le64_get(extent.birth) == 0 || le64_get(extent.birth) > fsck->generation)
			extent.birth = le64_of(fsck->generation);
		bad = extent_bad_field(fsck, fix->at.key.offset, &extent);
		result = bad ? tree_delete(txn, TREE_FILES, fix->at.key)
			     : tree_put(txn, TREE_FILES, fix->at.key, &extent, sizeof(extent));
	}
	return fix_end(txn, result);
}
