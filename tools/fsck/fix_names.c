/* Directory entries, and inodes with too many names or none. */
#include "fsck.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is done with entries that are right in themselves. */
struct filter {
	uint64_t drop; /* those that lead to this inode; 0: none */
	bool keep_one; /* but for the first */
};

/* Is the entry to stay? Its type becomes the inode's. 1, 0, or an error. */
static int entry_right(struct fsck *fsck, struct key key, struct filter *filter, struct dirent_disk *entry,
		       const char *name)
{
	uint64_t number = le64_get(entry->inode);
	struct inode_disk disk;
	int result;

	if (!dirent_name_possible(name, entry->name_length) || number == ROOT_INODE ||
	    image_hash(fsck->image, name, entry->name_length) >> 16 != key.offset)
		return 0;
	if (filter->drop == number && !filter->keep_one)
		return 0;
	result = fix_inode_read(fsck, number, &disk);
	if (result != 0)
		return result < 0 ? result : 0;
	if (filter->drop == number)
		filter->keep_one = false;
	entry->type = (le32_get(disk.mode) & S_IFMT) >> 12;
	entry->reserved = le16_of(0);
	return 1;
}

/* Copies the entries that stay; bad indices are given anew to all. *ret_size: of `to`. */
static int entries_filter(struct fsck *fsck, struct key key, const uint8_t *bytes, size_t size,
			  struct filter *filter, uint8_t *to, size_t *ret_size)
{
	struct dirent_disk entry;
	const char *name;
	size_t at = 0, kept = 0;
	unsigned count = 0;
	uint32_t least = 0;
	bool again = false;

	while (dirent_next(bytes, size, &at, &entry, &name)) {
		int result = entry_right(fsck, key, filter, &entry, name);

		if (result < 0)
			return result;
		if (result == 0 || dirent_again(to, kept, 0, name, entry.name_length))
			continue;
		again |= le16_get(entry.index) >= DIRENT_INDEX_LIMIT || le16_get(entry.index) < least ||
			 !dirent_next_possible(&entry);
		least = le16_get(entry.index) + 1u;
		memcpy(to + kept, &entry, sizeof(entry));
		memcpy(to + kept + sizeof(entry), name, entry.name_length);
		kept += sizeof(entry) + entry.name_length;
	}
	for (size_t place = 0; again && place < kept; count++) {
		memcpy(&entry, to + place, sizeof(entry));
		entry.index = le16_of((uint16_t)count);
		entry.next_index = le16_of(0);
		memcpy(to + place, &entry, sizeof(entry));
		place += sizeof(entry) + entry.name_length;
	}
	*ret_size = kept;
	return 0;
}

/* Rewrites a directory's item with what stays of it. */
static int item_filter(struct fsck *fsck, struct key key, struct filter *filter)
{
	uint8_t bytes[ITEM_MAX], to[ITEM_MAX];
	size_t size, kept;
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	if (result < 0)
		return result;
	result = fix_read(fsck, key, bytes, sizeof(bytes), &size);
	if (result == 0)
		result = entries_filter(fsck, key, bytes, size, filter, to, &kept);
	if (result == 0)
		result = kept ? tree_put(txn, TREE_FILES, key, to, kept) : tree_delete(txn, TREE_FILES, key);
	return fix_end(txn, result);
}

int fix_dirent(struct fsck *fsck, const struct fix *fix)
{
	struct filter filter = {0};

	return item_filter(fsck, fix->at.key, &filter);
}

/* ---- directories, which have one name each ---- */

struct names {
	struct fsck *fsck;
	uint64_t target;
	struct number_list hashes; /* of the items with a name of it */
};

static int names_visit(void *context, struct key key, const void *bytes, size_t size)
{
	struct names *names = context;
	struct dirent_disk entry;
	const char *name;
	size_t at = 0;

	while (dirent_next(bytes, size, &at, &entry, &name)) {
		if (le64_get(entry.inode) == names->target) {
			numbers_add(names->fsck, &names->hashes, key.offset);
			break;
		}
	}
	return names->fsck->out_of_memory ? -ENOMEM : 0;
}

/* The items of a directory in which `target` has names. */
static int names_find(struct fsck *fsck, uint64_t directory, uint64_t target, struct number_list *ret_hashes)
{
	struct names names = {.fsck = fsck, .target = target};
	struct key from = {.object = directory, .type = ITEM_DIRENT}, to = from;
	int result;

	to.offset = UINT64_MAX;
	image_read_lock(fsck->image);
	result = tree_scan(fsck->image, TREE_FILES, from, to, names_visit, &names);
	image_read_unlock(fsck->image);
	if (result < 0)
		free(names.hashes.numbers);
	else
		*ret_hashes = names.hashes;
	return result;
}

/* Takes names of `target` out of a directory, all or all but the first. */
static int names_drop(struct fsck *fsck, uint64_t directory, uint64_t target, bool keep_one)
{
	struct filter filter = {.drop = target, .keep_one = keep_one};
	struct number_list hashes = {0};
	int result = names_find(fsck, directory, target, &hashes);

	for (size_t i = 0; i < hashes.count && result == 0; i++) {
		struct key key = {.object = directory, .type = ITEM_DIRENT, .offset = hashes.numbers[i]};
		result = item_filter(fsck, key, &filter);
	}
	free(hashes.numbers);
	return result;
}

/* 1: it is a directory; 0: it is not. */
static int is_directory(struct fsck *fsck, uint64_t number)
{
	struct inode_disk disk;
	int result;

	image_read_lock(fsck->image);
	result = fix_inode_read(fsck, number, &disk);
	image_read_unlock(fsck->image);
	return result < 0 ? result : result == 0 && S_ISDIR(le32_get(disk.mode));
}

static int parent_set(struct fsck *fsck, uint64_t number, uint64_t parent)
{
	struct inode_disk disk;
	struct txn *txn;
	int result = fix_begin(fsck, 1, &txn);

	if (result < 0)
		return result;
	result = fix_inode_read(fsck, number, &disk);
	if (result == 0) {
		disk.parent = le64_of(parent);
		result = fix_inode_put(txn, number, &disk);
	}
	return fix_end(txn, result);
}

/* Found in a directory that is not its parent: if the parent has a name of it too, that one counts. */
int fix_parent(struct fsck *fsck, const struct fix *fix)
{
	struct number_list hashes = {0};
	struct filter filter = {.drop = fix->a};
	bool elsewhere;
	int result;

	if (fix->a == ROOT_INODE)
		return fix_dirent(fsck, fix);
	result = is_directory(fsck, fix->c);
	if (result > 0)
		result = names_find(fsck, fix->c, fix->a, &hashes);
	if (result < 0)
		return result;
	elsewhere = hashes.count > 0;
	free(hashes.numbers);
	return elsewhere ? item_filter(fsck, fix->at.key, &filter) : parent_set(fsck, fix->a, fix->b);
}

int fix_names(struct fsck *fsck, const struct fix *fix)
{
	const struct inode_note *note = inodes_find(fsck, fix->a);

	if (!note || note->number == ROOT_INODE || note->names == 1)
		return 1; /* names of the root are mended where they stand, links by their count */
	if (note->names > 1)
		return names_drop(fsck, note->parent, note->number, true);
	return numbers_hold(&fsck->orphans, note->number) ? 1 : found_link(fsck, note->number);
}

int fix_loop(struct fsck *fsck, const struct fix *fix)
{
	const struct inode_note *note = inodes_find(fsck, fix->a);
	int result;

	if (!note)
		return 1;
	result = names_drop(fsck, note->parent, note->number, false);
	return result < 0 ? result : found_link(fsck, note->number);
}

int fix_unnamed(struct fsck *fsck, const struct fix *fix)
{
	const struct inode_note *note = inodes_find(fsck, fix->a);

	return !note || note->names ? 1 : found_link(fsck, note->number);
}
