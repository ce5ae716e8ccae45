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

int extent_insert(struct txn *txn, struct fs *fs, uint64_t inode, struct extent extent)
{
	if (extent.length == 0 || extent.length > EXTENT_MAX_BLOCKS || extent.logical >= FILE_BLOCKS_MAX ||
	    extent_end(&extent) > FILE_BLOCKS_MAX)
		return -EFBIG;
	struct extent before, after;
	int has_before = extent_before(fs, inode, extent.logical, &before);
	if (has_before && has_before != -ENOENT)
		return has_before;
	int has_after = extent_after(fs, inode, extent.logical, &after);
	if (has_after && has_after != -ENOENT)
		return has_after;
	if ((!has_before && extent_end(&before) > extent.logical) ||
	    (!has_after && after.logical < extent_end(&extent)))
		return extent_damaged(fs, inode, extent.logical, "overlaps another one");
	if (!has_before && extent_continues(&before, &extent)) {
		before.length += extent.length;
		extent = before;
	}
	if (!has_after && extent_continues(&extent, &after)) {
		int result = tree_delete(txn, TREE_FILES, extent_key(inode, after.logical));
		if (result)
			return result;
		extent.length += after.length;
	}
	return extent_put(txn, inode, &extent);
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

int extent_set_written(struct txn *txn, struct fs *fs, uint64_t inode, uint64_t logical, uint32_t length)
{
	struct extent old;
	int result = extent_before(fs, inode, logical, &old);
	if (result && result != -ENOENT)
		return result;
	if (result == -ENOENT || !old.unwritten || length == 0 || logical + length > extent_end(&old))
		return extent_damaged(fs, inode, logical, "is not unwritten");
	result = extent_cut(txn, inode, &old, logical, logical + length);
	if (result)
		return result;
	struct extent written = {.logical = logical,
				 .physical = old.physical + (logical - old.logical),
				 .length = length,
				 .unwritten = false};
	return extent_insert(txn, fs, inode, written);
}
