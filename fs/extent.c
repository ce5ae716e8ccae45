/*
 * The extents of a file: items that map runs of logical blocks to runs of physical ones. An extent lies
 * within one zone (allocation gives no range across zones, and physical neighbours in different zones have a
 * map block between them), so each is freed as one range.
 */
#include "file_i.h"

#include <inttypes.h>
#include <string.h>

static struct key extent_key(uint64_t inode, uint64_t logical)
{
	return (struct key){.object = inode, .type = ITEM_EXTENT, .offset = logical};
}

static uint64_t extent_end(const struct extent *extent)
{
	return extent->logical + extent->length;
}

static bool extent_within_zone(struct fs *fs, uint64_t physical, uint64_t length)
{
	uint64_t first = image_zone_first(fs->image);
	if (physical < first)
		return false;
	return (physical - first) / ZONE_BLOCKS == (physical + length - 1 - first) / ZONE_BLOCKS;
}

static int extent_damaged(struct fs *fs, uint64_t inode, uint64_t logical, const char *what)
{
	return image_damaged(fs->image, "inode %" PRIu64 ": extent at block %" PRIu64 ": %s", inode, logical,
			     what);
}

static int extent_decode(struct fs *fs, struct key key, const void *bytes, size_t size,
			 struct extent *ret_extent)
{
	struct extent_disk disk;
	if (size != sizeof(disk))
		return extent_damaged(fs, key.object, key.offset, "wrong item size");
	memcpy(&disk, bytes, sizeof(disk));
	uint64_t physical = le64_get(disk.physical);
	uint32_t length = le32_get(disk.length), flags = le32_get(disk.flags);
	if (length == 0 || length > EXTENT_MAX_BLOCKS)
		return extent_damaged(fs, key.object, key.offset, "bad length");
	if (key.offset >= FILE_BLOCKS_MAX || key.offset + length > FILE_BLOCKS_MAX)
		return extent_damaged(fs, key.object, key.offset, "behind the largest file");
	if (flags & ~EXTENT_UNWRITTEN)
		return extent_damaged(fs, key.object, key.offset, "unknown flags");
	if (physical >= MAX_BLOCKS || !data_valid(fs->image, physical, length) ||
	    !extent_within_zone(fs, physical, length))
		return extent_damaged(fs, key.object, key.offset, "its blocks cannot hold data");
	*ret_extent = (struct extent){.logical = key.offset,
				      .physical = physical,
				      .length = length,
				      .unwritten = flags & EXTENT_UNWRITTEN};
	return 0;
}

static int extent_put(struct txn *txn, uint64_t inode, const struct extent *extent)
{
	struct extent_disk disk = {.physical = le64_of(extent->physical),
				   .length = le32_of(extent->length),
				   .flags = le32_of(extent->unwritten ? EXTENT_UNWRITTEN : 0),
				   .birth = le64_of(1)};
	return tree_put(txn, TREE_FILES, extent_key(inode, extent->logical), &disk, sizeof(disk));
}

int extent_before(struct fs *fs, uint64_t inode, uint64_t logical, struct extent *ret_extent)
{
	uint8_t bytes[ITEM_MAX]; /* what stands before may be an item of another type */
	struct key key;
	size_t size;
	int result = tree_previous(fs->image, TREE_FILES, extent_key(inode, logical), &key, bytes,
				   sizeof(bytes), &size);
	if (result)
		return result;
	if (key.object != inode || key.type != ITEM_EXTENT)
		return -ENOENT;
	return extent_decode(fs, key, bytes, size, ret_extent);
}

int extent_after(struct fs *fs, uint64_t inode, uint64_t logical, struct extent *ret_extent)
{
	uint8_t bytes[ITEM_MAX];
	struct key key;
	size_t size;
	int result =
	    tree_next(fs->image, TREE_FILES, extent_key(inode, logical), &key, bytes, sizeof(bytes), &size);
	if (result)
		return result;
	if (key.object != inode || key.type != ITEM_EXTENT)
		return -ENOENT;
	return extent_decode(fs, key, bytes, size, ret_extent);
}

int extent_find(struct fs *fs, uint64_t inode, uint64_t logical, struct extent *ret_extent)
{
	struct extent before = {0};
	int result = extent_before(fs, inode, logical, &before);
	if (result == 0 && extent_end(&before) > logical) {
		*ret_extent = before;
		return 0;
	}
	if (result && result != -ENOENT)
		return result;
	return extent_after(fs, inode, logical, ret_extent);
}

/* Does `second` go on where `first` ends, so that one extent can hold both? */
static bool extent_continues(const struct extent *first, const struct extent *second)
{
	return extent_end(first) == second->logical && first->physical + first->length == second->physical &&
	       first->unwritten == second->unwritten &&
	       (uint64_t)first->length + second->length <= EXTENT_MAX_BLOCKS;
}

/* The extents next to `extent`, which is in the map already (`there`) or is to stand in a hole; length 0:
 * there is none. */
static int extent_neighbours(struct fs *fs, uint64_t inode, const struct extent *extent, bool there,
			     struct extent *ret_before, struct extent *ret_after)
{
	uint64_t logical = extent->logical;
	*ret_before = *ret_after = (struct extent){0};
	int result = logical > 0 ? extent_before(fs, inode, logical - 1, ret_before) : -ENOENT;
	if (result && result != -ENOENT)
		return result;
	result = extent_after(fs, inode, logical + there, ret_after);
	if (result && result != -ENOENT)
		return result;
	if ((ret_before->length > 0 && extent_end(ret_before) > logical) ||
	    (ret_after->length > 0 && ret_after->logical < extent_end(extent)))
		return extent_damaged(fs, inode, logical, "overlaps another one");
	return 0;
}

int extent_insert(struct txn *txn, struct fs *fs, uint64_t inode, struct extent extent)
{
	if (extent.length == 0 || extent.length > EXTENT_MAX_BLOCKS || extent.logical >= FILE_BLOCKS_MAX ||
	    extent_end(&extent) > FILE_BLOCKS_MAX)
		return -EFBIG;
	struct extent before, after;
	int result = extent_neighbours(fs, inode, &extent, false, &before, &after);
	if (result)
		return result;
	if (before.length > 0 && extent_continues(&before, &extent)) {
		before.length += extent.length;
		extent = before;
	}
	if (after.length > 0 && extent_continues(&extent, &after)) {
		result = tree_delete(txn, TREE_FILES, extent_key(inode, after.logical));
		if (result)
			return result;
		extent.length += after.length;
	}
	return extent_put(txn, inode, &extent);
}

/* Puts `extent` in place of one with the same blocks, joined with neighbours that it now continues. Items
 * keep their size or go, in this order, so that it takes no block. */
static int extent_replace(struct txn *txn, struct fs *fs, uint64_t inode, struct extent extent)
{
	struct extent before, after, own = extent;
	int result = extent_neighbours(fs, inode, &extent, true, &before, &after);
	if (result)
		return result;
	bool joins_before = before.length > 0 && extent_continues(&before, &extent);
	if (joins_before) {
		before.length += extent.length;
		extent = before;
	}
	bool joins_after = after.length > 0 && extent_continues(&extent, &after);
	if (joins_after)
		extent.length += after.length;
	result = extent_put(txn, inode, &extent);
	if (!result && joins_before)
		result = tree_delete(txn, TREE_FILES, extent_key(inode, own.logical));
	if (!result && joins_after)
		result = tree_delete(txn, TREE_FILES, extent_key(inode, after.logical));
	return result;
}

/* Takes blocks [from, to), which lie within `extent`, out of the map. At most two tree changes. */
static int extent_cut(struct txn *txn, uint64_t inode, const struct extent *extent, uint64_t from,
		      uint64_t to)
{
	if (to < extent_end(extent)) {
		struct extent right = {.logical = to,
				       .physical = extent->physical + (to - extent->logical),
				       .length = (uint32_t)(extent_end(extent) - to),
				       .unwritten = extent->unwritten};
		int result = extent_put(txn, inode, &right);
		if (result)
			return result;
	}
	if (from == extent->logical)
		return tree_delete(txn, TREE_FILES, extent_key(inode, extent->logical));
	struct extent left = *extent;
	left.length = (uint32_t)(from - extent->logical);
	return extent_put(txn, inode, &left);
}

int extent_remove(struct txn *txn, struct fs *fs, uint64_t inode, uint64_t from, uint64_t to,
		  unsigned limit_extents, uint64_t *ret_freed, bool *ret_done)
{
	uint64_t freed = 0, bound = FILE_BLOCKS_MAX;
	bool done = true;
	for (unsigned removed = 0; from < to; removed++) {
		struct extent extent;
		int result = extent_before(fs, inode, to - 1, &extent);
		if (result == -ENOENT || (result == 0 && extent_end(&extent) <= from))
			break;
		if (result)
			return result;
		if (extent_end(&extent) > bound)
			return extent_damaged(fs, inode, extent.logical, "overlaps another one");
		if (removed == limit_extents) {
			done = false;
			break;
		}
		uint64_t cut_from = larger(from, extent.logical), cut_to = smaller(to, extent_end(&extent));
		struct block_range range = {.start = extent.physical + (cut_from - extent.logical),
					    .count = cut_to - cut_from};
		result = data_free(txn, range);
		if (result)
			return result;
		result = extent_cut(txn, inode, &extent, cut_from, cut_to);
		if (result)
			return result;
		freed += range.count;
		to = bound = cut_from;
	}
	*ret_freed = freed;
	*ret_done = done;
	return 0;
}

int extent_mark(struct txn *txn, struct fs *fs, uint64_t inode, uint64_t logical, uint32_t length,
		bool unwritten)
{
	struct extent old;
	int result = extent_before(fs, inode, logical, &old);
	if (result && result != -ENOENT)
		return result;
	if (result == -ENOENT || old.unwritten == unwritten || length == 0 ||
	    logical + length > extent_end(&old))
		return extent_damaged(fs, inode, logical, unwritten ? "is not written" : "is not unwritten");
	struct extent marked = {.logical = logical,
				.physical = old.physical + (logical - old.logical),
				.length = length,
				.unwritten = unwritten};
	if (length == old.length)
		return extent_replace(txn, fs, inode, marked);
	result = extent_cut(txn, inode, &old, logical, logical + length);
	return result ? result : extent_insert(txn, fs, inode, marked);
}

int extent_move(struct txn *txn, struct fs *fs, uint64_t inode, uint64_t logical, uint32_t length,
		uint64_t physical)
{
	struct extent old;
	int result = extent_before(fs, inode, logical, &old);
	if (result && result != -ENOENT)
		return result;
	if (result == -ENOENT || length == 0 || logical + length > extent_end(&old))
		return extent_damaged(fs, inode, logical, "is not there");
	struct extent moved = {
	    .logical = logical, .physical = physical, .length = length, .unwritten = old.unwritten};
	struct block_range from = {.start = old.physical + (logical - old.logical), .count = length};
	result = data_free(txn, from);
	if (!result)
		result = extent_cut(txn, inode, &old, logical, logical + length);
	return result ? result : extent_insert(txn, fs, inode, moved);
}
