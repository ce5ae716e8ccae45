/*
 * Directory items. All names of a directory with the same 48-bit hash share one item: packed dirent_disk +
 * name, in ascending order of their index, since a new name goes to the end with an index above all that were
 * ever given in this item. Should 2^14 of them be used up while the item lives, the free ones are given
 * again, for a reader that has stood there so long is less of a harm than a name that cannot be made.
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
	    .next_index = le16_get(disk.next_index),
	    .type = disk.type,
	};
	if (!view.next_index)
		view.next_index = (uint16_t)(view.index + 1u);
	if (size - *at - sizeof(disk) < view.name_length)
		return damaged(fs, key, "name cut off");
	struct fs_name name = {.bytes = view.name, .length = view.name_length};
	if (dirent_name_check(name))
		return damaged(fs, key, "bad name");
	if (!view.inode || view.inode >= INODE_LIMIT)
		return damaged(fs, key, "inode number");
	if (view.index >= DIRENT_INDEX_LIMIT)
		return damaged(fs, key, "index");
	if (view.next_index <= view.index || view.next_index > DIRENT_INDEX_LIMIT)
		return damaged(fs, key, "next index");
	if (!type_valid(view.type))
		return damaged(fs, key, "type");
	*at += sizeof(disk) + view.name_length;
	*ret_view = view;
	return 1;
}

/* The entry as it stands in the item. */
static struct dirent_disk entry_get(const struct item *item, size_t start)
{
	struct dirent_disk disk;
	memcpy(&disk, item->bytes + start, sizeof(disk));
	return disk;
}

static void entry_put(struct item *item, size_t start, const struct dirent_disk *disk)
{
	memcpy(item->bytes + start, disk, sizeof(*disk));
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

/* Where a name stands in its item, or what is known for one that does not. */
struct place {
	size_t start, end;
	size_t before; /* start of the entry before it; none before the first */
	unsigned next_index;
	struct dirent_view view;
};

/* The entry of that name. -ENOENT; then only next_index is set. */
static int item_find(struct fs *fs, const struct item *item, struct fs_name name, struct place *ret_place)
{
	struct place place = {.next_index = 0};
	unsigned least = 0;
	while (place.end < item->size) {
		place.before = place.start;
		place.start = place.end;
		int result = dirent_decode(fs, item->key, item->bytes, item->size, &place.end, &place.view);
		if (result < 0)
			return result;
		if (place.view.index < least)
			return damaged(fs, item->key, "order of indices");
		least = place.view.index + 1u;
		place.next_index = place.view.next_index;
		if (place.view.name_length == name.length &&
		    !memcmp(place.view.name, name.bytes, name.length)) {
			*ret_place = place;
			return 0;
		}
	}
	ret_place->next_index = place.next_index;
	return -ENOENT;
}

/* The item where `name` belongs, and the entry of that name in it, as item_find. */
static int item_read_entry(struct fs *fs, uint64_t directory, struct fs_name name, struct item *item,
			   struct place *ret_place)
{
	int result = item_read(fs, directory, name, item);
	return result ? result : item_find(fs, item, name, ret_place);
}

/* The lowest index that no entry has, and where an entry with it belongs. */
static unsigned item_gap(const struct item *item, size_t *ret_start)
{
	unsigned index = 0;
	size_t at = 0;
	while (at < item->size) {
		struct dirent_disk disk = entry_get(item, at);
		if (le16_get(disk.index) > index)
			break;
		index++;
		at += sizeof(disk) + disk.name_length;
	}
	*ret_start = at;
	return index;
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
	struct place place;
	int result = item_read_entry(fs, directory, name, &item, &place);
	if (result)
		return result;
	*ret_inode = place.view.inode;
	if (ret_type)
		*ret_type = place.view.type;
	return 0;
}

int dirent_add(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name, uint64_t inode,
	       uint8_t type)
{
	struct item item;
	struct place place;
	int result = item_read_entry(fs, directory, name, &item, &place);
	if (result != -ENOENT)
		return result ? result : -EEXIST;
	struct dirent_disk disk = {
	    .inode = le64_of(inode),
	    .index = le16_of((uint16_t)place.next_index),
	    .type = type,
	    .name_length = (uint8_t)name.length,
	};
	size_t start = item.size, size = sizeof(disk) + name.length;
	if (item.size + size > ITEM_MAX)
		return -ENOSPC;
	if (place.next_index == DIRENT_INDEX_LIMIT) {
		disk.index = le16_of((uint16_t)item_gap(&item, &start));
		disk.next_index = le16_of(DIRENT_INDEX_LIMIT);
		memmove(item.bytes + start + size, item.bytes + start, item.size - start);
	}
	entry_put(&item, start, &disk);
	memcpy(item.bytes + start + sizeof(disk), name.bytes, name.length);
	item.size += size;
	return item_put(txn, &item);
}

int dirent_remove(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name)
{
	struct item item;
	struct place place;
	int result = item_read_entry(fs, directory, name, &item, &place);
	if (result)
		return result;
	if (place.end == item.size && place.start > 0) {
		struct dirent_disk last = entry_get(&item, place.before);
		last.next_index = le16_of((uint16_t)place.next_index);
		entry_put(&item, place.before, &last);
	}
	memmove(item.bytes + place.start, item.bytes + place.end, item.size - place.end);
	item.size -= place.end - place.start;
	return item_put(txn, &item);
}

int dirent_replace(struct txn *txn, struct fs *fs, uint64_t directory, struct fs_name name, uint64_t inode,
		   uint8_t type)
{
	struct item item;
	struct place place;
	int result = item_read_entry(fs, directory, name, &item, &place);
	if (result)
		return result;
	struct dirent_disk disk = entry_get(&item, place.start);
	disk.inode = le64_of(inode);
	disk.type = type;
	entry_put(&item, place.start, &disk);
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
