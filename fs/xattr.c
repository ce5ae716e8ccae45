/*
 * Extended attributes: finding, listing and reading them. An item holds all attributes of an inode whose
 * names have the same 64-bit hash: packed xattr_disk + name + value. A large value is kept in pieces below an
 * object number of its own. Changes are in xattr_set.c.
 */
#include "xattr_i.h"

#include <errno.h>
#include <string.h>

/* ---- names ---- */

static bool starts_with(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* -ERANGE, -EOPNOTSUPP, -EINVAL (nothing behind the prefix). */
int xattr_name_check(const char *name)
{
	static const char *const prefixes[] = {"user.", "trusted.", "security."};
	size_t length = strnlen(name, XATTR_NAME_LENGTH_MAX + 1);
	if (!length || length > XATTR_NAME_LENGTH_MAX)
		return -ERANGE;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (starts_with(name, prefixes[i]))
			return name[strlen(prefixes[i])] ? 0 : -EINVAL;
	}
	return -EOPNOTSUPP;
}

/* xattr(7): user attributes are for regular files and directories only. */
bool xattr_name_allowed(const char *name, const struct inode *inode)
{
	return !starts_with(name, "user.") || S_ISREG(inode->mode) || S_ISDIR(inode->mode);
}

/* ---- items ---- */

int xattr_damaged(struct fs *fs, struct key key, const char *what)
{
	return image_damaged(fs->image, "inode %llu: xattr at hash %llx: %s", (unsigned long long)key.object,
			     (unsigned long long)key.offset, what);
}

/* Decodes and checks the attribute at `at`, which is below `size`. */
int xattr_decode(struct fs *fs, struct key key, const uint8_t *bytes, size_t size, size_t at,
		 struct xattr_view *ret_view)
{
	struct xattr_disk disk;
	if (size - at < sizeof(disk))
		return xattr_damaged(fs, key, "cut off");
	memcpy(&disk, bytes + at, sizeof(disk));
	size_t inline_length = le16_get(disk.inline_length), name_at = at + sizeof(disk);
	struct xattr_view view = {
	    .start = at,
	    .end = name_at + disk.name_length + inline_length,
	    .name = (const char *)bytes + name_at,
	    .name_length = disk.name_length,
	    .value = bytes + name_at + disk.name_length,
	    .length = le32_get(disk.value_length),
	    .object = le64_get(disk.value_object),
	};
	if (view.end > size)
		return xattr_damaged(fs, key, "name or value cut off");
	if (!view.name_length || memchr(view.name, '\0', view.name_length))
		return xattr_damaged(fs, key, "bad name");
	if (view.object >= INODE_LIMIT)
		return xattr_damaged(fs, key, "value number");
	if (view.object ? inline_length || !view.length || view.length > FS_XATTR_SIZE_MAX
			: view.length != inline_length)
		return xattr_damaged(fs, key, "length of value");
	*ret_view = view;
	return 0;
}

int xattr_item_read(struct fs *fs, uint64_t inode, const char *name, struct xattr_item *item)
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
		return xattr_damaged(fs, item->key, "item size");
	return result;
}

/* -ENODATA if the item does not hold that name. */
int xattr_item_find(struct fs *fs, const struct xattr_item *item, const char *name,
		    struct xattr_view *ret_view)
{
	size_t length = strlen(name);
	for (size_t at = 0; at < item->size;) {
		struct xattr_view view;
		int result = xattr_decode(fs, item->key, item->bytes, item->size, at, &view);
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

/* ---- values in pieces ---- */

unsigned xattr_piece_count(uint64_t object, size_t length)
{
	return object ? (unsigned)((length + XATTR_PIECE - 1) / XATTR_PIECE) : 0;
}

struct key xattr_piece_key(uint64_t object, unsigned piece)
{
	return (struct key){.object = object, .type = ITEM_XATTR_VALUE, .offset = piece};
}

size_t xattr_piece_length(size_t length, unsigned piece)
{
	size_t left = length - (size_t)piece * XATTR_PIECE;
	return left < XATTR_PIECE ? left : XATTR_PIECE;
}

static int pieces_read(struct fs *fs, struct key owner, const struct xattr_view *view, uint8_t *value)
{
	unsigned count = xattr_piece_count(view->object, view->length);
	for (unsigned i = 0; i < count; i++) {
		size_t expected = xattr_piece_length(view->length, i), size;
		int result = tree_get(fs->image, TREE_FILES, xattr_piece_key(view->object, i),
				      value + (size_t)i * XATTR_PIECE, expected, &size);
		if (result == -ENOENT || result == -ERANGE || (!result && size != expected))
			return xattr_damaged(fs, owner, "piece of value");
		if (result)
			return result;
	}
	return 0;
}

/* ---- listing ---- */

struct listing {
	struct fs *fs;
	char *names; /* NULL: only count */
	size_t room, length;
	bool with_trusted, with_acls;
};

static bool listed(const struct listing *listing, const struct xattr_view *view)
{
	static const char trusted[] = "trusted.", system[] = "system.";
	if (view->name_length > strlen(trusted) && starts_with(view->name, trusted))
		return listing->with_trusted;
	/* ACLs are the only ones there */
	if (view->name_length > strlen(system) && starts_with(view->name, system))
		return listing->with_acls;
	return true;
}

static int list_item(void *context, struct key key, const void *bytes, size_t size)
{
	struct listing *listing = context;
	struct xattr_view view;
	if (!size)
		return xattr_damaged(listing->fs, key, "item size");
	for (size_t at = 0; at < size; at = view.end) {
		int result = xattr_decode(listing->fs, key, bytes, size, at, &view);
		if (result)
			return result;
		if (!listed(listing, &view))
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
	struct listing listing = {.fs = fs,
				  .names = room ? names : NULL,
				  .room = room,
				  .with_trusted = with_trusted,
				  .with_acls = fs->options.acl};
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
int xattr_check_list_room(struct fs *fs, const struct inode *inode, size_t name_length)
{
	if ((inode->xattrs + UINT64_C(1)) * (XATTR_NAME_LENGTH_MAX + 1) <= FS_XATTR_LIST_MAX)
		return 0;
	struct listing listing = {.fs = fs, .with_trusted = true, .with_acls = true};
	int result = list_all(&listing, inode->number);
	if (!result && listing.length + name_length + 1 > FS_XATTR_LIST_MAX)
		result = -ENOSPC;
	return result;
}

/* ---- reading one ---- */

int xattr_get(struct fs *fs, const struct inode *inode, const char *name, void *value, size_t room,
	      size_t *ret_length)
{
	if (!inode->xattrs || !xattr_name_allowed(name, inode))
		return -ENODATA;
	struct xattr_item item;
	struct xattr_view view;
	int result = xattr_item_read(fs, inode->number, name, &item);
	if (!result)
		result = xattr_item_find(fs, &item, name, &view);
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

int fs_getxattr(struct fs *fs, uint64_t number, const char *name, void *value, size_t room,
		size_t *ret_length)
{
	int result = xattr_name_check(name);
	if (result)
		return result;
	struct inode inode;
	inode_lock_shared(fs, number);
	image_read_lock(fs->image);
	result = inode_load(fs, number, &inode);
	if (!result)
		result = xattr_get(fs, &inode, name, value, room, ret_length);
	image_read_unlock(fs->image);
	inode_unlock(fs, number);
	return result;
}
