/* /lost+found: names for what has none, "#NUMBER". */
#include "fsck.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES 100u

/* The entry's place at the end of its item, and what stands there already. */
static int entry_append(uint8_t *bytes, size_t *size, const char *name, uint64_t inode, uint32_t mode)
{
	struct dirent_disk entry;
	const char *other;
	size_t at = 0, length = strlen(name);
	uint32_t index = 0;

	while (dirent_next(bytes, *size, &at, &entry, &other)) {
		if (entry.name_length == length && !memcmp(other, name, length))
			return le64_get(entry.inode) == inode ? 1 : -EEXIST;
		index = le16_get(entry.index) + 1u;
	}
	if (at != *size || index >= DIRENT_INDEX_LIMIT || *size + sizeof(entry) + length > ITEM_MAX)
		return -EEXIST; /* as good as taken */
	entry = (struct dirent_disk){.inode = le64_of(inode),
				     .index = le16_of((uint16_t)index),
				     .type = (mode & S_IFMT) >> 12,
				     .name_length = (uint8_t)length};
	memcpy(bytes + *size, &entry, sizeof(entry));
	memcpy(bytes + *size + sizeof(entry), name, length);
	*size += sizeof(entry) + length;
	return 0;
}

int found_add(struct fsck *fsck, struct txn *txn, uint64_t directory, const char *name, uint64_t inode,
	      uint32_t mode)
{
	struct key key = {.object = directory,
			  .type = ITEM_DIRENT,
			  .offset = image_hash(fsck->image, name, strlen(name)) >> 16};
	uint8_t bytes[ITEM_MAX];
	size_t size = 0;
	int result = fix_read(fsck, key, bytes, sizeof(bytes), &size);

	if (result < 0)
		return result;
	result = entry_append(bytes, &size, name, inode, mode);
	return result ? result : tree_put(txn, TREE_FILES, key, bytes, size);
}

/* The inode that the root directory has under that name, if it is a directory. 1: nothing has that name;
 * -EEXIST: something else. */
static int found_look(struct fsck *fsck, const char *name, uint64_t *ret_inode)
{
	struct key key = {.object = ROOT_INODE,
			  .type = ITEM_DIRENT,
			  .offset = image_hash(fsck->image, name, strlen(name)) >> 16};
	struct dirent_disk entry;
	struct inode_disk disk;
	uint8_t bytes[ITEM_MAX];
	const char *other;
	size_t size, at = 0;
	int result = fix_read(fsck, key, bytes, sizeof(bytes), &size);

	if (result != 0)
		return result;
	while (dirent_next(bytes, size, &at, &entry, &other)) {
		if (entry.name_length != strlen(name) || memcmp(other, name, strlen(name)))
			continue;
		result = fix_inode_read(fsck, le64_get(entry.inode), &disk);
		if (result < 0)
			return result;
		*ret_inode = le64_get(entry.inode);
		return result == 0 && S_ISDIR(le32_get(disk.mode)) ? 0 : -EEXIST;
	}
	return 1;
}

static int found_make(struct fsck *fsck, struct txn *txn, const char *name, uint64_t *ret_inode)
{
	struct inode_disk disk;
	int result = txn_new_inode(txn, ret_inode);

	if (result < 0)
		return result;
	fix_inode_make(fsck, *ret_inode, S_IFDIR | 0700, &disk);
	result = fix_inode_put(txn, *ret_inode, &disk);
	return result < 0 ? result : found_add(fsck, txn, ROOT_INODE, name, *ret_inode, S_IFDIR);
}

/* The directory, made if it is not there. Counts of it and its parent are mended later. */
static int found_directory(struct fsck *fsck, struct txn *txn)
{
	for (unsigned i = 0; i < TRIES && fsck->lost_found == 0; i++) {
		uint64_t inode = 0;
		char name[32] = "lost+found";
		int result;

		if (i)
			snprintf(name, sizeof(name), "lost+found.%u", i);
		result = found_look(fsck, name, &inode);
		if (result == 1)
			result = found_make(fsck, txn, name, &inode);
		if (result < 0 && result != -EEXIST)
			return result;
		if (result == 0)
			fsck->lost_found = inode;
	}
	return fsck->lost_found ? 0 : -EUCLEAN;
}

static int found_name(struct fsck *fsck, struct txn *txn, uint64_t number, uint32_t mode)
{
	for (unsigned i = 0; i < TRIES; i++) {
		char name[64];
		int result;

		snprintf(name, sizeof(name), i ? "#%llu.%u" : "#%llu", (unsigned long long)number, i);
		result = found_add(fsck, txn, fsck->lost_found, name, number, mode);
		if (result != -EEXIST)
			return result < 0 ? result : 0;
	}
	return -EUCLEAN;
}

int found_link(struct fsck *fsck, uint64_t number)
{
	uint64_t before = fsck->lost_found;
	struct inode_disk disk;
	struct txn *txn;
	int result = fix_begin(fsck, 5, &txn);

	if (result < 0)
		return result;
	result = fix_inode_read(fsck, number, &disk);
	if (result == 0)
		result = found_directory(fsck, txn);
	if (result == 0)
		result = found_name(fsck, txn, number, le32_get(disk.mode));
	if (result == 0 && S_ISDIR(le32_get(disk.mode))) {
		disk.parent = le64_of(fsck->lost_found);
		result = fix_inode_put(txn, number, &disk);
	}
	result = fix_end(txn, result);
	if (result != 0)
		fsck->lost_found = before; /* a directory made by this transaction is not there */
	return result;
}
