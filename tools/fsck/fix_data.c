/* Contents in the tree, symlinks and xattrs: items that are made of pieces or of several entries. */
#include "fsck.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* ---- contents in the tree ---- */

/* An inode without extents that says it has such contents has what its item holds, and is large enough for
 * it. Otherwise the item is an old one. */
static int inline_right(struct fsck *fsck, struct txn *txn, uint64_t number)
{
	struct key key = {.object = number, .type = ITEM_INLINE}, extent;
	uint8_t bytes[ITEM_MAX];
	struct inode_disk disk;
	size_t size = 0;
	int result = fix_inode_read(fsck, number, &disk);

	if (result == 0)
		result =
		    tree_next(fsck->image, TREE_FILES, (struct key){.object = number, .type = ITEM_EXTENT},
			      &extent, NULL, 0, NULL);
	if (result != 0 && result != -ENOENT)
		return result;
	bool extents = result == 0 && extent.object == number && extent.type == ITEM_EXTENT;
	result = fix_read(fsck, key, bytes, sizeof(bytes), &size);
	if (result < 0)
		return result;
	if (extents || le32_get(disk.inline_length) == 0 || size > INLINE_MAX ||
	    !S_ISREG(le32_get(disk.mode))) {
		result = size > 0 ? tree_delete(txn, TREE_FILES, key) : 0;
		size = 0;
	} else {
		result = 0;
	}
	disk.inline_length = le32_of((uint32_t)size);
	if (le64_get(disk.size) < size)
		disk.size = le64_of(size);
	return result ? result : fix_inode_put(txn, number, &disk);
}

int fix_inline(struct fsck *fsck, const struct fix *fix)
{
	struct txn *txn;
	int result = fix_begin(fsck, 2, &txn);

	return result < 0 ? result : fix_end(txn, inline_right(fsck, txn, fix->a));
}

/* ---- symlinks ---- */

static struct key piece_key(uint64_t number, uint8_t type, uint64_t piece)
{
	return (struct key){.object = number, .type = type, .offset = piece};
}

/* The target as far as its pieces go on without a gap. */
static int target_read(struct fsck *fsck, uint64_t number, char *target, size_t *ret_length)
{
	size_t length = 0, size = SYMLINK_PIECE;

	for (uint64_t piece = 0; size == SYMLINK_PIECE && length + SYMLINK_PIECE < 2 * PATH_MAX; piece++) {
		int result = fix_read(fsck, piece_key(number, ITEM_SYMLINK, piece), target + length,
				      SYMLINK_PIECE, &size);
		if (result < 0 && result != -ERANGE)
			return result;
		if (result != 0)
			break;
		length += size;
	}
	if (length > PATH_MAX - 1)
		length = PATH_MAX - 1;
	*ret_length = strnlen(target, length);
	return 0;
}

/* Removes all items of a type; at most as many as a transaction takes: the next round does the rest. */
static int items_delete(struct fsck *fsck, struct txn *txn, uint64_t number, uint8_t type)
{
	for (unsigned i = 0; i < 64; i++) {
		struct key key;
		int result =
		    tree_next(fsck->image, TREE_FILES, piece_key(number, type, 0), &key, NULL, 0, NULL);

		if (result == -ENOENT || (result == 0 && (key.object != number || key.type != type)))
			return 0;
		if (result == 0)
			result = tree_delete(txn, TREE_FILES, key);
		if (result < 0)
			return result;
	}
	return 0;
}

static int target_write(struct txn *txn, uint64_t number, const char *target, size_t length)
{
	int result = 0;

	for (size_t at = 0; at < length && result == 0; at += SYMLINK_PIECE) {
		size_t size = length - at < SYMLINK_PIECE ? length - at : SYMLINK_PIECE;
		result = tree_put(txn, TREE_FILES, piece_key(number, ITEM_SYMLINK, at / SYMLINK_PIECE),
				  target + at, size);
	}
	return result;
}

/* A symlink is what its pieces say; without any it is gone, and so will be its names. */
static int symlink_right(struct fsck *fsck, struct txn *txn, uint64_t number)
{
	char target[3 * PATH_MAX];
	struct inode_disk disk;
	size_t length;
	int result = fix_inode_read(fsck, number, &disk);

	if (result == 0)
		result = target_read(fsck, number, target, &length);
	if (result != 0)
		return result;
	result = items_delete(fsck, txn, number, ITEM_SYMLINK);
	if (result == 0 && length == 0)
		return tree_delete(txn, TREE_FILES, piece_key(number, ITEM_INODE, 0));
	if (result == 0)
		result = target_write(txn, number, target, length);
	disk.size = le64_of(length);
	return result < 0 ? result : fix_inode_put(txn, number, &disk);
}

int fix_symlink(struct fsck *fsck, const struct fix *fix)
{
	struct txn *txn;
	int result = fix_begin(fsck, 80, &txn);

	return result < 0 ? result : fix_end(txn, symlink_right(fsck, txn, fix->a));
}

/* ---- xattrs ---- */

/* Keeps the xattrs of an item that are right, and do not have `drop` (if not 0) as their value. */
static size_t xattrs_filter(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size,
			    uint64_t drop, uint8_t *to)
{
	struct xattr_disk xattr;
	const char *name;
	size_t at = 0, start = 0, kept = 0;

	for (; xattr_next(bytes, size, &at, &xattr, &name); start = at) {
		if (!xattr_possible(fsck, &xattr, name) ||
		    image_hash(fsck->image, name, xattr.name_length) != key.offset ||
		    xattr_again(to, kept, 0, name, xattr.name_length) ||
		    (drop && le64_get(xattr.value_object) == drop))
			continue;
		memcpy(to + kept, bytes + start, at - start);
		kept += at - start;
	}
	return kept;
}

static int xattr_right(struct fsck *fsck, struct key key, uint64_t drop)
{
	uint8_t bytes[ITEM_MAX], to[ITEM_MAX];
	size_t size, kept;
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	if (result < 0)
		return result;
	result = fix_read(fsck, key, bytes, sizeof(bytes), &size);
	if (result == 0) {
		kept = xattrs_filter(fsck, key, bytes, size, drop, to);
		result = kept ? tree_put(txn, TREE_FILES, key, to, kept) : tree_delete(txn, TREE_FILES, key);
	}
	return fix_end(txn, result);
}

int fix_xattr(struct fsck *fsck, const struct fix *fix)
{
	return xattr_right(fsck, fix->at.key, 0);
}

int fix_xattr_value(struct fsck *fsck, const struct fix *fix)
{
	return xattr_right(fsck, fix->at.key, fix->a);
}

int fix_value(struct fsck *fsck, const struct fix *fix)
{
	struct txn *txn;
	int result = fix_begin(fsck, 64, &txn);

	return result < 0 ? result : fix_end(txn, items_delete(fsck, txn, fix->a, ITEM_XATTR_VALUE));
}
