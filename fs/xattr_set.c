/*
 * Changing extended attributes. A new value for a name takes over the object number below which the old one
 * has its pieces, so that old and new pieces are exchanged in place within one record.
 */
#include "flags.h"
#include "xattr_i.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#define CAPABILITY "security.capability"

static void item_cut(struct xattr_item *item, const struct xattr_view *view)
{
	memmove(item->bytes + view->start, item->bytes + view->end, item->size - view->end);
	item->size -= view->end - view->start;
}

static int item_put(struct txn *txn, const struct xattr_item *item)
{
	if (!item->size)
		return tree_delete(txn, TREE_FILES, item->key);
	return tree_put(txn, TREE_FILES, item->key, item->bytes, item->size);
}

static int pieces_write(struct txn *txn, uint64_t object, const uint8_t *value, size_t length)
{
	int result = 0;
	for (unsigned i = 0; i < xattr_piece_count(object, length) && !result; i++)
		result = tree_put(txn, TREE_FILES, xattr_piece_key(object, i),
				  value + (size_t)i * XATTR_PIECE, xattr_piece_length(length, i));
	return result;
}

static int pieces_delete(struct txn *txn, uint64_t object, unsigned from, unsigned to)
{
	int result = 0;
	for (unsigned i = from; i < to && !result; i++) {
		result = tree_delete(txn, TREE_FILES, xattr_piece_key(object, i));
		if (result == -ENOENT)
			result = 0; /* it was to go anyway */
	}
	return result;
}

/* ---- changing one ---- */

/* Appends the attribute to the item. */
static int plan_value(struct xattr_change *change, const char *name)
{
	size_t name_length = strlen(name), room = ITEM_MAX - change->item.size;
	size_t least = sizeof(struct xattr_disk) + name_length;
	bool inlined = change->length <= XATTR_INLINE && least + change->length <= room;
	if (least > room)
		return -ENOSPC;
	if (!inlined && !strcmp(name, CAPABILITY))
		return -EINVAL; /* so that xattr_drop_capability has no pieces to delete; real ones have 24
				   bytes */
	struct xattr_disk disk = {
	    .name_length = (uint8_t)name_length,
	    .inline_length = le16_of(inlined ? (uint16_t)change->length : 0),
	    .value_length = le32_of((uint32_t)change->length),
	    .value_object = le64_of(inlined ? 0 : change->old_object),
	};
	uint8_t *to = change->item.bytes + change->item.size;
	memcpy(to, &disk, sizeof(disk));
	memcpy(to + sizeof(disk), name, name_length);
	if (inlined && change->length)
		memcpy(to + least, change->value, change->length);
	change->object_at = inlined ? 0 : change->item.size + offsetof(struct xattr_disk, value_object);
	change->new_pieces = inlined ? 0 : xattr_piece_count(1, change->length);
	change->item.size += least + (inlined ? change->length : 0);
	return 0;
}

int xattr_plan(struct fs *fs, struct inode *inode, const char *name, int flags, struct xattr_change *change)
{
	if (!xattr_name_allowed(name, inode))
		return -EPERM;
	struct xattr_view old;
	int result = xattr_item_read(fs, inode->number, name, &change->item);
	if (!result)
		result = xattr_item_find(fs, &change->item, name, &old);
	if (result && result != -ENODATA)
		return result;
	bool exists = !result;
	if (exists && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!exists && (change->removal || (flags & XATTR_REPLACE)))
		return -ENODATA;
	if (exists) {
		change->old_object = old.object;
		change->old_pieces = xattr_piece_count(old.object, old.length);
		item_cut(&change->item, &old);
		if (!inode->xattrs)
			return xattr_damaged(fs, change->item.key, "more than the inode counts");
	}
	if (change->removal) {
		inode->xattrs--;
		return 0;
	}
	if (!exists) {
		result = xattr_check_list_room(fs, inode, strlen(name));
		if (result)
			return result;
		inode->xattrs++;
	}
	return plan_value(change, name);
}

unsigned xattr_change_count(const struct xattr_change *change)
{
	return 1 + (change->old_pieces > change->new_pieces ? change->old_pieces : change->new_pieces);
}

int xattr_make(struct txn *txn, struct xattr_change *change)
{
	uint64_t object = change->old_object;
	int result = 0;
	if (change->object_at && !object) {
		result = txn_new_inode(txn, &object);
		le64 number = le64_of(object);
		if (!result)
			memcpy(change->item.bytes + change->object_at, &number, sizeof(number));
	}
	if (!result && change->object_at)
		result = pieces_write(txn, object, change->value, change->length);
	if (!result)
		result = pieces_delete(txn, object, change->new_pieces, change->old_pieces);
	return result ? result : item_put(txn, &change->item);
}

/* The inode is locked. */
static int change_locked(struct fs *fs, uint64_t number, const char *name, int flags,
			 struct xattr_change *change)
{
	struct inode inode;
	image_read_lock(fs->image);
	int result = inode_load(fs, number, &inode);
	if (!result)
		result = flags_check_xattr(&inode);
	if (!result)
		result = xattr_plan(fs, &inode, name, flags, change);
	image_read_unlock(fs->image);
	struct txn *txn;
	if (!result)
		result = txn_begin(fs->image, xattr_change_count(change) + 1,
				   change->removal ? TXN_RELEASES : 0, &txn);
	if (result)
		return result;
	result = xattr_make(txn, change);
	inode.ctime = inode_now();
	if (!result)
		result = inode_store(txn, &inode);
	if (!result)
		return txn_commit(txn, NULL);
	txn_abort(txn);
	return result;
}

static int change_xattr(struct fs *fs, uint64_t number, const char *name, int flags,
			struct xattr_change *change)
{
	inode_lock(fs, number);
	int result = change_locked(fs, number, name, flags, change);
	inode_unlock(fs, number);
	return result;
}

int fs_setxattr(struct fs *fs, uint64_t inode, const char *name, const void *value, size_t length, int flags)
{
	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int result = xattr_name_check(name);
	if (result)
		return result;
	if (length > FS_XATTR_SIZE_MAX)
		return -E2BIG;
	if (fs->options.read_only)
		return -EROFS;
	struct xattr_change change = {.value = value, .length = length};
	return change_xattr(fs, inode, name, flags, &change);
}

int fs_removexattr(struct fs *fs, uint64_t inode, const char *name)
{
	int result = xattr_name_check(name);
	if (result)
		return result;
	if (fs->options.read_only)
		return -EROFS;
	struct xattr_change change = {.removal = true};
	return change_xattr(fs, inode, name, 0, &change);
}

int xattr_drop_capability(struct txn *txn, struct fs *fs, struct inode *inode)
{
	if (!inode->xattrs)
		return 0;
	struct xattr_item item;
	struct xattr_view view;
	int result = xattr_item_read(fs, inode->number, CAPABILITY, &item);
	if (!result)
		result = xattr_item_find(fs, &item, CAPABILITY, &view);
	if (result)
		return result == -ENODATA ? 0 : result;
	if (view.object)
		return xattr_damaged(fs, item.key, "capability too large");
	item_cut(&item, &view);
	inode->xattrs--;
	return item_put(txn, &item);
}

/* ---- deleting all ---- */

/* Enough for the largest value: its pieces, the item, the inode. */
#define DELETE_CHANGES 48u

static_assert((FS_XATTR_SIZE_MAX + XATTR_PIECE - 1) / XATTR_PIECE + 2 <= DELETE_CHANGES, "changes");

/* Deletes the first attribute if it takes no more than `*budget` changes, which go down. 1: done, 0: there is
 * none, -EAGAIN: over the budget. */
static int delete_first(struct txn *txn, struct fs *fs, struct inode *inode, unsigned *budget)
{
	struct xattr_item item;
	struct xattr_view view;
	struct key from = {.object = inode->number, .type = ITEM_XATTR, .offset = 0};
	int result =
	    tree_next(fs->image, TREE_FILES, from, &item.key, item.bytes, sizeof(item.bytes), &item.size);
	if (result == -ENOENT)
		return 0;
	if (result == -ERANGE)
		return xattr_damaged(fs, from, "item size");
	if (result)
		return result;
	if (item.key.object != inode->number || item.key.type != ITEM_XATTR)
		return 0;
	if (!item.size)
		return xattr_damaged(fs, item.key, "item size");
	result = xattr_decode(fs, item.key, item.bytes, item.size, 0, &view);
	if (result)
		return result;
	unsigned pieces = xattr_piece_count(view.object, view.length);
	if (pieces + 1 > *budget)
		return -EAGAIN;
	*budget -= pieces + 1;
	result = pieces_delete(txn, view.object, 0, pieces);
	item_cut(&item, &view);
	if (!result)
		result = item_put(txn, &item);
	if (!result && inode->xattrs)
		inode->xattrs--;
	return result ? result : 1;
}

static int delete_some(struct fs *fs, uint64_t number, bool *ret_done)
{
	struct txn *txn;
	int result = txn_begin(fs->image, DELETE_CHANGES, TXN_RELEASES, &txn);
	if (result)
		return result;
	struct inode inode;
	unsigned budget = DELETE_CHANGES - 1;
	result = inode_load(fs, number, &inode);
	if (!result) {
		do
			result = delete_first(txn, fs, &inode, &budget);
		while (result > 0);
	}
	bool done = !result;
	if (done)
		inode.xattrs = 0; /* whatever it said */
	if (done || result == -EAGAIN)
		result = inode_store(txn, &inode);
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_reply(txn, 0, 0, false); /* no request has asked for this */
	result = txn_commit(txn, NULL);
	if (!result)
		*ret_done = done;
	return result;
}

int xattr_delete_all(struct fs *fs, uint64_t inode)
{
	bool done = false;
	int result = 0;
	while (!done && !result)
		result = delete_some(fs, inode, &done);
	return result;
}
