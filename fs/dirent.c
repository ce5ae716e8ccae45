/*
 * Directory items. All names of a directory with the same 48-bit hash share one item: packed dirent_disk +
 * name, in ascending order of their index, since a new name goes to the end with an index above all others.
 */
#include "fs_i.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

/* An item being looked at or changed. */
struct item {
	struct key key;
	size_t size; /* 0: there is none */
	uint8_t bytes[ITEM_MAX];
};

int dirent_name_check(struct fs_name name)
{
	if (name.length == 0)
		return -ENOENT;
	if (name.length > FS_NAME_MAX)
		return -ENAMETOOLONG;
	if (memchr(name.bytes, '/', name.length) || memchr(name.bytes, '\0', name.length))
		return -EINVAL;
	return 0;
}

static bool type_valid(uint8_t type)
{
	switch (type) {
	case DT_REG:
	case DT_DIR:
	case DT_LNK:
	case DT_CHR:
	case DT_BLK:
	case DT_FIFO:
	case DT_SOCK:
		return true;
	default:
		return false;
	}
}

static int damaged(struct fs *fs, struct key key, const char *what)
{
	return image_damaged(fs->image, "directory %llu: entry at hash %llx: %s",
			     (unsigned long long)key.object, (unsigned long long)key.offset, what);
}

int dirent_decode(struct fs *fs, struct key key, const uint8_t *bytes, size_t size, size_t *at,
		  struct dirent_view *ret_view)
{
	if (key.offset >> 48)
		return damaged(fs, key, "hash too large");
	if (*at == size)
		return size ? 0 : damaged(fs, key, "empty");
	struct dirent_disk disk;
	if (size - *at < sizeof(disk))
		return damaged(fs, key, "cut off");
	memcpy(&disk, bytes + *at, sizeof(disk));
	struct dirent_view view = {
	    .inode = le64_get(disk.inode),
	    .name = (const char *)bytes + *at + sizeof(disk),
	    .name_length = disk.name_length,
	    .index = le16_get(disk.index),
	    .type = disk.type,
	};
	if (size - *at - sizeof(disk) < view.name_length)
		return damaged(fs, key, "name cut off");
	struct fs_name name = {.bytes = view.name, .length = view.name_length};
	if (dirent_name_check(name))
		return damaged(fs, key, "bad name");
	if (!view.inode || view.inode >= INODE_LIMIT)
		return damaged(fs, key, "inode number");
	if (view.index >= DIRENT_INDEX_LIMIT)
		return damaged(fs, key, "index");
	if (!type_valid(view.type))
		return damaged(fs, key, "type");
	*at += sizeof(disk) + view.name_length;
	*ret_view = view;
	return 1;
}

/* Reads and checks the item where `name` belongs. Size 0 if there is none. */
static int item_read(struct fs *fs, uint64_t directory, struct fs_name name, struct item *item)
{
	item->key = (struct key){.object = directory,
				 .type = ITEM_DIRENT,
				 .offset = image_hash(fs->image, name.bytes, name.length) >> 16};
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

/* The entry of that name: *ret_start is its place in the item, *ret_end behind it. -ENOENT; then *ret_end is
 * the next free index. */
static int item_find(struct fs *fs, const struct item *item, struct fs_name name, size_t *ret_start,
		     size_t *ret_end, struct dirent_view *ret_view)
{
	size_t at = 0, next_index = 0;
	while (at < item->size) {
		size_t start = at;
		struct dirent_view view;
		int result = dirent_decode(fs, item->key, item->bytes, item->size, &at, &view);
		if (result < 0)
			return result;
		if (view.index < next_index)
			return damaged(fs, item->key, "order of indices");
		next_index = view.index + 1u;
		if (view.name_length == name.length && !memcmp(view.name, name.bytes, name.length)) {
			*ret_start = start;
			*ret_end = at;
			*ret_view = view;
			return 0;
		}
	}
	*ret_end = next_index;
	return -ENOENT;
}

/* The item where `name` belongs, and the entry of that name in it, as item_find. */
static int item_read_entry(struct fs *fs, uint64_t directory, struct fs_name name, struct item *item,
			   size_t *ret_start, size_t *ret_end, struct dirent_view *ret_view)
{
	int result = item_read(fs, directory, name, item);
	return result ? result : item_find(fs, item, name, ret_start, ret_end, ret_view);
}

static int item_put(struct txn *txn, const struct item *item)
{
	if (!item->size)
		return tree_delete(txn, TREE_FILES, item->key);
	return tree_put(txn, TREE_FILES, item->key, item->bytes, item->size);
}

int dirent_find(struct fs *fs, uint64_t directory, struct fs_name name, uint64_t *ret_inode,
		uint8_t *ret_type)
{
	struct item item;
	struct dirent_view view;
	size_t start, end;
	int result = item_read_entry(fs, directory, name, &item, &start, &end, &view);
	if (result)
		return result;
	*ret_inode = view.inode;
	if (ret_type)
		*ret_type = view.type;
	return 0;
}

int dirent_add(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name, uint64_t inode,
	       uint8_t type)
{
	struct item item;
	struct dirent_view view;
	size_t start, next_index;
	int result = item_read_entry(fs, directory, name, &item, &start, &next_index, &view);
	if (result != -ENOENT)
		return result ? result : -EEXIST;
	struct dirent_disk disk = {
	    .inode = le64_of(inode),
	    .index = le16_of((uint16_t)next_index),
	    .type = type,
	    .name_length = (uint8_t)name.length,
	};
	if (next_index >= DIRENT_INDEX_LIMIT || item.size + sizeof(disk) + name.length > ITEM_MAX)
		return -ENOSPC;
	memcpy(item.bytes + item.size, &disk, sizeof(disk));
	memcpy(item.bytes + item.size + sizeof(disk), name.bytes, name.length);
	item.size += sizeof(disk) + name.length;
	return item_put(txn, &item);
}

int dirent_remove(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name)
{
	struct item item;
	struct dirent_view view;
	size_t start, end;
	int result = item_read_entry(fs, directory, name, &item, &start, &end, &view);
	if (result)
		return result;
	memmove(item.bytes + start, item.bytes + end, item.size - end);
	item.size -= end - start;
	return item_put(txn, &item);
}

int dirent_replace(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name, uint64_t inode,
		   uint8_t type)
{
	struct item item;
	struct dirent_view view;
	size_t start, end;
	int result = item_read_entry(fs, directory, name, &item, &start, &end, &view);
	if (result)
		return result;
	struct dirent_disk disk;
	memcpy(&disk, item.bytes + start, sizeof(disk));
	disk.inode = le64_of(inode);
	disk.type = type;
	memcpy(item.bytes + start, &disk, sizeof(disk));
	return item_put(txn, &item);
}

int dirent_any(struct fs *fs, uint64_t directory)
{
	struct key from = {.object = directory, .type = ITEM_DIRENT, .offset = 0}, key;
	int result = tree_next(fs->image, TREE_FILES, from, &key, NULL, 0, NULL);
	if (result == -ENOENT)
		return 0;
	if (result)
		return result;
	return key.object == directory && key.type == ITEM_DIRENT;
}
