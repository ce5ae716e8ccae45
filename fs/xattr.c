/*
 * Extended attributes. An item holds all attributes of an inode whose names have the same 64-bit hash: packed
 * xattr_disk + name + value. A large value is kept in pieces below an object number of its own; a new value
 * for the same name takes over that number, so that old and new pieces are exchanged in place within one
 * record.
 */
#include "fs_i.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#define CAPABILITY     "security.capability"
#define NAME_MAX_XATTR 255u

struct item {
	struct key key;
	size_t size; /* 0: there is none */
	uint8_t bytes[ITEM_MAX];
};

/* One attribute in an item, pointing into its bytes. */
struct view {
	size_t start, end; /* of the whole, in the item */
	const char *name;
	size_t name_length;
	const uint8_t *value; /* inline */
	uint32_t length;      /* of the value */
	uint64_t object;      /* of a value in pieces; 0: inline */
};

/* ---- names ---- */

static bool starts_with(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* -ERANGE, -EOPNOTSUPP, -EINVAL (nothing behind the prefix). */
static int name_check(const char *name)
{
	static const char *const prefixes[] = {"user.", "trusted.", "security."};
	size_t length = strnlen(name, NAME_MAX_XATTR + 1);
	if (!length || length > NAME_MAX_XATTR)
		return -ERANGE;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (starts_with(name, prefixes[i]))
			return name[strlen(prefixes[i])] ? 0 : -EINVAL;
	}
	if (!strcmp(name, "system.posix_acl_access") || !strcmp(name, "system.posix_acl_default"))
		return 0;
	return -EOPNOTSUPP;
}

/* xattr(7): user attributes are for regular files and directories only. */
static bool name_allowed(const char *name, const struct inode *inode)
{
	return !starts_with(name, "user.") || S_ISREG(inode->mode) || S_ISDIR(inode->mode);
}

/* ---- items ---- */

static int damaged(struct fs *fs, struct key key, const char *what)
{
	return image_damaged(fs->image, "inode %llu: xattr at hash %llx: %s", (unsigned long long)key.object,
			     (unsigned long long)key.offset, what);
}

/* Decodes and checks the attribute at `at`, which is below `size`. */
static int decode(struct fs *fs, struct key key, const uint8_t *bytes, size_t size, size_t at,
		  struct view *ret_view)
{
	struct xattr_disk disk;
	if (size - at < sizeof(disk))
		return damaged(fs, key, "cut off");
	memcpy(&disk, bytes + at, sizeof(disk));
	size_t inline_length = le16_get(disk.inline_length), name_at = at + sizeof(disk);
	struct view view = {
	    .start = at,
	    .end = name_at + disk.name_length + inline_length,
	    .name = (const char *)bytes + name_at,
	    .name_length = disk.name_length,
	    .value = bytes + name_at + disk.name_length,
	    .length = le32_get(disk.value_length),
	    .object = le64_get(disk.value_object),
	};
	if (view.end > size)
		return damaged(fs, key, "name or value cut off");
	if (!view.name_length || memchr(view.name, '\0', view.name_length))
		return damaged(fs, key, "bad name");
	if (view.object >= INODE_LIMIT)
		return damaged(fs, key, "value number");
	if (view.object ? inline_length || !view.length || view.length > FS_XATTR_SIZE_MAX
			: view.length != inline_length)
		return damaged(fs, key, "length of value");
	*ret_view = view;
	return 0;
}

static int item_read(struct fs *fs, uint64_t inode, const char *name, struct item *item)
{
	item->key = (struct key){
	    .object = inode, .type = ITEM_XATTR, .offset = image_hash(fs->image, name, strlen(name))};
	int result =
	    tree_get(fs->image, TREE_FILES, item->key, item->bytes, sizeof(item->bytes), &item->size);
	if (result == -ENOENT) {
		item->size = 0;
		return 0;
	}
	if (result == -ERANGE || (!result && !item->size))
		return damaged(fs, item->key, "item size");
	return result;
}

/* -ENODATA if the item does not hold that name. */
static int item_find(struct fs *fs, const struct item *item, const char *name, struct view *ret_view)
{
	size_t length = strlen(name);
	for (size_t at = 0; at < item->size;) {
		struct view view;
		int result = decode(fs, item->key, item->bytes, item->size, at, &view);
		if (result)
			return result;
		if (view.name_length == length && !memcmp(view.name, name, length)) {
			*ret_view = view;
			return 0;
		}
		at = view.end;
	}
	return -ENODATA;
}

static void item_cut(struct item *item, const struct view *view)
{
	memmove(item->bytes + view->start, item->bytes + view->end, item->size - view->end);
	item->size -= view->end - view->start;
}

static int item_put(struct txn *txn, const struct item *item)
{
	if (!item->size)
		return tree_delete(txn, TREE_FILES, item->key);
	return tree_put(txn, TREE_FILES, item->key, item->bytes, item->size);
}

/* ---- values in pieces ---- */

static unsigned piece_count(uint64_t object, size_t length)
{
	return object ? (unsigned)((length + XATTR_PIECE - 1) / XATTR_PIECE) : 0;
}

static struct key piece_key(uint64_t object, unsigned piece)
{
	return (struct key){.object = object, .type = ITEM_XATTR_VALUE, .offset = piece};
}

static size_t piece_length(size_t length, unsigned piece)
{
	size_t left = length - (size_t)piece * XATTR_PIECE;
	return left < XATTR_PIECE ? left : XATTR_PIECE;
}

static int pieces_read(struct fs *fs, struct key owner, const struct view *view, uint8_t *value)
{
	unsigned count = piece_count(view->object, view->length);
	for (unsigned i = 0; i < count; i++) {
		size_t expected = piece_length(view->length, i), size;
		int result = tree_get(fs->image, TREE_FILES, piece_key(view->object, i),
				      value + (size_t)i * XATTR_PIECE, expected, &size);
		if (result == -ENOENT || result == -ERANGE || (!result && size != expected))
			return damaged(fs, owner, "piece of value");
		if (result)
			return result;
	}
	return 0;
}

static int pieces_write(struct txn *txn, uint64_t object, const uint8_t *value, size_t length)
{
	int result = 0;
	for (unsigned i = 0; i < piece_count(object, length) && !result; i++)
		result = tree_put(txn, TREE_FILES, piece_key(object, i), value + (size_t)i * XATTR_PIECE,
				  piece_length(length, i));
	return result;
}

static int pieces_delete(struct txn *txn, uint64_t object, unsigned from, unsigned to)
{
	int result = 0;
	for (unsigned i = from; i < to && !result; i++) {
		result = tree_delete(txn, TREE_FILES, piece_key(object, i));
		if (result == -ENOENT)
			result = 0; /* it was to go anyway */
	}
	return result;
}

/* ---- listing ---- */

struct listing {
	struct fs *fs;
	char *names; /* NULL: only count */
	size_t room, length;
	bool with_trusted;
};

static int list_item(void *context, struct key key, const void *bytes, size_t size)
{
	struct listing *listing = context;
	struct view view;
	if (!size)
		return damaged(listing->fs, key, "item size");
	for (size_t at = 0; at < size; at = view.end) {
		int result = decode(listing->fs, key, bytes, size, at, &view);
		if (result)
			return result;
		if (!listing->with_trusted && view.name_length > strlen("trusted.") &&
		    starts_with(view.name, "trusted."))
			continue;
		size_t length = listing->length;
		listing->length += view.name_length + 1;
		if (!listing->names)
			continue;
		if (listing->length > listing->room)
			return -ERANGE;
		memcpy(listing->names + length, view.name, view.name_length);
		listing->names[length + view.name_length] = '\0';
	}
	return 0;
}

static int list_all(struct listing *listing, uint64_t inode)
{
	struct key from = {.object = inode, .type = ITEM_XATTR, .offset = 0};
	struct key to = {.object = inode, .type = ITEM_XATTR, .offset = UINT64_MAX};
	return tree_scan(listing->fs->image, TREE_FILES, from, to, list_item, listing);
}

int fs_listxattr(struct fs *fs, uint64_t number, char *names, size_t room, bool with_trusted,
		 size_t *ret_length)
{
	struct listing listing = {
	    .fs = fs, .names = room ? names : NULL, .room = room, .with_trusted = with_trusted};
	struct inode inode;
	inode_lock_shared(fs, number);
	image_read_lock(fs->image);
	int result = inode_load(fs, number, &inode);
	if (!result && inode.xattrs)
		result = list_all(&listing, number);
	image_read_unlock(fs->image);
	inode_unlock(fs, number);
	if (!result)
		*ret_length = listing.length;
	return result;
}

/* listxattr(2) cannot show more than that many bytes of names. */
static int check_list_room(struct fs *fs, const struct inode *inode, size_t name_length)
{
	if ((inode->xattrs + UINT64_C(1)) * (NAME_MAX_XATTR + 1) <= FS_XATTR_LIST_MAX)
		return 0;
	struct listing listing = {.fs = fs, .with_trusted = true};
	int result = list_all(&listing, inode->number);
	if (!result && listing.length + name_length + 1 > FS_XATTR_LIST_MAX)
		result = -ENOSPC;
	return result;
}

/* ---- reading one ---- */

/* Inode and tree are locked. */
static int get_locked(struct fs *fs, uint64_t number, const char *name, void *value, size_t room,
		      size_t *ret_length)
{
	struct inode inode;
	int result = inode_load(fs, number, &inode);
	if (result)
		return result;
	if (!inode.xattrs || !name_allowed(name, &inode))
		return -ENODATA;
	struct item item;
	struct view view;
	result = item_read(fs, number, name, &item);
	if (!result)
		result = item_find(fs, &item, name, &view);
	if (result)
		return result;
	if (room && view.length > room)
		return -ERANGE;
	if (room && view.object)
		result = pieces_read(fs, item.key, &view, value);
	else if (room && view.length)
		memcpy(value, view.value, view.length);
	if (!result)
		*ret_length = view.length;
	return result;
}

int fs_getxattr(struct fs *fs, uint64_t inode, const char *name, void *value, size_t room, size_t *ret_length)
{
	int result = name_check(name);
	if (result)
		return result;
	inode_lock_shared(fs, inode);
	image_read_lock(fs->image);
	result = get_locked(fs, inode, name, value, room, ret_length);
	image_read_unlock(fs->image);
	inode_unlock(fs, inode);
	return result;
}

/* ---- changing one ---- */

/* A change of one attribute: planned under the inode lock, then made in one transaction. */
struct change {
	struct inode inode;
	struct item item; /* as it is to be, but for the object number of a new value in pieces */
	size_t object_at; /* where that number is to be put; 0: nowhere */
	uint64_t old_object;
	unsigned old_pieces, new_pieces;
	const uint8_t *value;
	size_t length;
};

/* Appends the attribute to the item. */
static int plan_value(struct change *change, const char *name)
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
	change->new_pieces = inlined ? 0 : piece_count(1, change->length);
	change->item.size += least + (inlined ? change->length : 0);
	return 0;
}

/* The inode is locked, and the tree for reading. */
static int plan(struct fs *fs, uint64_t number, const char *name, int flags, bool removal,
		struct change *change)
{
	int result = inode_load(fs, number, &change->inode);
	if (result)
		return result;
	if (!name_allowed(name, &change->inode))
		return -EPERM;
	struct view old;
	result = item_read(fs, number, name, &change->item);
	if (!result)
		result = item_find(fs, &change->item, name, &old);
	if (result && result != -ENODATA)
		return result;
	bool exists = !result;
	if (exists && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!exists && (removal || (flags & XATTR_REPLACE)))
		return -ENODATA;
	if (exists) {
		change->old_object = old.object;
		change->old_pieces = piece_count(old.object, old.length);
		item_cut(&change->item, &old);
		if (!change->inode.xattrs)
			return damaged(fs, change->item.key, "more than the inode counts");
	}
	if (removal) {
		change->inode.xattrs--;
		return 0;
	}
	if (!exists) {
		result = check_list_room(fs, &change->inode, strlen(name));
		if (result)
			return result;
		change->inode.xattrs++;
	}
	return plan_value(change, name);
}

static int make_change(struct txn *txn, struct change *change)
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
	if (!result)
		result = item_put(txn, &change->item);
	change->inode.ctime = inode_now();
	return result ? result : inode_store(txn, &change->inode);
}

static int change_xattr(struct fs *fs, uint64_t number, const char *name, int flags, bool removal,
			struct change *change)
{
	inode_lock(fs, number);
	image_read_lock(fs->image);
	int result = plan(fs, number, name, flags, removal, change);
	image_read_unlock(fs->image);
	struct txn *txn = NULL;
	if (!result) {
		unsigned pieces =
		    change->old_pieces > change->new_pieces ? change->old_pieces : change->new_pieces;
		result = txn_begin(fs->image, pieces + 2, removal ? TXN_RELEASES : 0, &txn);
	}
	if (!result) {
		result = make_change(txn, change);
		if (result)
			txn_abort(txn);
		else
			result = txn_commit(txn, NULL);
	}
	inode_unlock(fs, number);
	return result;
}

int fs_setxattr(struct fs *fs, uint64_t inode, const char *name, const void *value, size_t length, int flags)
{
	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int result = name_check(name);
	if (result)
		return result;
	if (length > FS_XATTR_SIZE_MAX)
		return -E2BIG;
	if (fs->options.read_only)
		return -EROFS;
	struct change change = {.value = value, .length = length};
	return change_xattr(fs, inode, name, flags, false, &change);
}

int fs_removexattr(struct fs *fs, uint64_t inode, const char *name)
{
	int result = name_check(name);
	if (result)
		return result;
	if (fs->options.read_only)
		return -EROFS;
	struct change change = {.value = NULL};
	return change_xattr(fs, inode, name, 0, true, &change);
}

int xattr_drop_capability(struct txn *txn, struct fs *fs, struct inode *inode)
{
	if (!inode->xattrs)
		return 0;
	struct item item;
	struct view view;
	int result = item_read(fs, inode->number, CAPABILITY, &item);
	if (!result)
		result = item_find(fs, &item, CAPABILITY, &view);
	if (result)
		return result == -ENODATA ? 0 : result;
	if (view.object)
		return damaged(fs, item.key, "capability too large");
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
	struct item item;
	struct view view;
	struct key from = {.object = inode->number, .type = ITEM_XATTR, .offset = 0};
	int result =
	    tree_next(fs->image, TREE_FILES, from, &item.key, item.bytes, sizeof(item.bytes), &item.size);
	if (result == -ENOENT)
		return 0;
	if (result == -ERANGE)
		return damaged(fs, from, "item size");
	if (result)
		return result;
	if (item.key.object != inode->number || item.key.type != ITEM_XATTR)
		return 0;
	if (!item.size)
		return damaged(fs, item.key, "item size");
	result = decode(fs, item.key, item.bytes, item.size, 0, &view);
	if (result)
		return result;
	unsigned pieces = piece_count(view.object, view.length);
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
