/* An inode's own item, and what its other items must add up to. */
#include "fsck.h"

#include "../../fs/fs.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

static void times_check(struct fsck *fsck, uint64_t number, const struct inode_disk *disk)
{
	const le32 *parts[] = {&disk->atime_nanoseconds, &disk->mtime_nanoseconds, &disk->ctime_nanoseconds,
			       &disk->btime_nanoseconds};

	for (unsigned i = 0; i < 4; i++)
		if (le32_get(*parts[i]) >= 1000000000)
			problem_report(fsck, PROBLEM_INODE_TIME, number, le32_get(*parts[i]), 0);
}

static void reserved_check(struct fsck *fsck, uint64_t number, const struct inode_disk *disk)
{
	size_t bad = 0;

	if (le32_get(disk->flags) & ~INODE_FLAGS)
		bad = offsetof(struct inode_disk, flags);
	else if (le64_get(disk->rdev_major) > UINT32_MAX)
		bad = offsetof(struct inode_disk, rdev_major);
	else if (le64_get(disk->rdev_minor) > UINT32_MAX)
		bad = offsetof(struct inode_disk, rdev_minor);
	for (size_t i = 0; !bad && i < sizeof(disk->unused); i++)
		if (disk->unused[i])
			bad = offsetof(struct inode_disk, unused) + i;
	if (bad)
		problem_report(fsck, PROBLEM_INODE_RESERVED, number, bad, 0);
}

bool inode_mode_known(uint32_t mode)
{
	if (mode & ~(uint32_t)(S_IFMT | 07777))
		return false;
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

static bool size_possible(const struct object *object)
{
	switch (object->mode & S_IFMT) {
	case S_IFREG:
		return object->size <= FILE_SIZE_MAX;
	case S_IFLNK:
		return object->size > 0 && object->size < PATH_MAX;
	case S_IFDIR:
		return true; /* compared with its entries */
	default:
		return object->size == 0;
	}
}

static bool parent_possible(const struct fsck *fsck, const struct object *object)
{
	if (!S_ISDIR(object->mode))
		return object->parent == 0;
	if (object->number == ROOT_INODE)
		return object->parent == ROOT_INODE;
	return object->parent != 0 && object->parent < fsck->next_inode;
}

static bool inline_possible(const struct object *object)
{
	return object->inline_length == 0 || (S_ISREG(object->mode) && object->inline_length <= INLINE_MAX &&
					      object->inline_length <= object->size);
}

static void note_inode(struct fsck *fsck, const struct object *object)
{
	struct inode_note note = {
	    .number = object->number,
	    .type = (object->mode & S_IFMT) >> 12, /* the DT_ values */
	    .parent = object->parent,
	    .nlink = object->nlink,
	};

	if (!inodes_add(fsck, &note))
		fsck->incomplete = true;
}

void inode_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size)
{
	struct inode_disk disk;

	if (key.offset) {
		problem_report(fsck, PROBLEM_ITEM_TYPE, key.object, key.type, key.offset);
		return;
	}
	if (size != sizeof(disk)) {
		problem_report(fsck, PROBLEM_ITEM_SIZE, key.object, key.type, size);
		fsck->incomplete = true;
		return;
	}
	if (key.object >= INODE_LIMIT || (key.object != ROOT_INODE && key.object < FIRST_INODE)) {
		problem_report(fsck, PROBLEM_INODE_NUMBER, key.object, 0, 0);
		fsck->incomplete = true;
		return;
	}
	memcpy(&disk, bytes, sizeof(disk));
	object->has_inode = true;
	object->mode = le32_get(disk.mode);
	object->nlink = le32_get(disk.nlink);
	object->size = le64_get(disk.size);
	object->blocks = le64_get(disk.blocks);
	object->parent = le64_get(disk.parent);
	object->xattrs = le32_get(disk.xattrs);
	object->inline_length = le32_get(disk.inline_length);
	object->orphan = numbers_hold(&fsck->orphans, object->number);
	if (!inode_mode_known(object->mode))
		problem_report(fsck, PROBLEM_INODE_MODE, object->number, object->mode, 0);
	if (!size_possible(object))
		problem_report(fsck, PROBLEM_INODE_SIZE, object->number, object->size, 0);
	if (!parent_possible(fsck, object))
		problem_report(fsck, PROBLEM_INODE_PARENT, object->number, object->parent, 0);
	if (!inline_possible(object))
		problem_report(fsck, PROBLEM_INODE_INLINE, object->number, object->inline_length,
			       object->size);
	times_check(fsck, object->number, &disk);
	reserved_check(fsck, object->number, &disk);
	if (le32_get(disk.flags) & (INODE_IMMUTABLE | INODE_APPEND))
		fsck->guarded++;
	note_inode(fsck, object);
}

static void directory_end(struct fsck *fsck, const struct object *object)
{
	/* A removed one that is still open has no links and no entries. */
	uint64_t links = object->orphan ? 0 : 2 + object->subdirectories;

	if (object->size != object->entries)
		problem_report(fsck, PROBLEM_DIR_ENTRIES, object->number, object->size, object->entries);
	if (object->nlink != links)
		problem_report(fsck, PROBLEM_DIR_NLINK, object->number, object->nlink, links);
}

void inode_end(struct fsck *fsck, const struct object *object)
{
	if (!fsck_complete(fsck))
		return; /* some of its items may stand where nobody could read them */
	if (S_ISDIR(object->mode))
		directory_end(fsck, object);
	if (S_ISLNK(object->mode) && (object->symlink_bad || object->symlink_bytes != object->size))
		problem_report(fsck, PROBLEM_SYMLINK_PIECES, object->number, object->size,
			       object->symlink_bytes);
	if (object->inline_bytes && object->extent_blocks)
		problem_report(fsck, PROBLEM_INLINE_BLOCKS, object->number, object->inline_bytes,
			       object->extent_blocks);
	else if (inline_possible(object) && object->inline_length != object->inline_bytes)
		problem_report(fsck, PROBLEM_INLINE_LENGTH, object->number, object->inline_length,
			       object->inline_bytes);
	if (object->blocks != object->extent_blocks)
		problem_report(fsck, PROBLEM_INODE_BLOCKS, object->number, object->blocks,
			       object->extent_blocks);
	if (object->xattrs != object->xattr_count)
		problem_report(fsck, PROBLEM_INODE_XATTRS, object->number, object->xattrs,
			       object->xattr_count);
}
