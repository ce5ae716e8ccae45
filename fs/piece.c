/* Pieces: a range of a file's blocks split into what is owned and what is not, and blocks for what is not. */
#include "file_i.h"

#define AHEAD_WRITES 16u
#define AHEAD_MOST   2048u /* blocks: 8 MiB */

/* Appends the part of [from, to) that `extent` covers; the hole before it first. */
static size_t piece_add_extent(const struct extent *extent, uint64_t *from, uint64_t to, uint64_t goal,
			       struct piece *pieces, size_t room)
{
	size_t count = 0;
	if (extent->logical > *from) {
		uint64_t end = smaller(extent->logical, to);
		pieces[count++] = (struct piece){
		    .logical = *from, .physical = goal, .length = end - *from, .kind = PIECE_HOLE};
		*from = end;
	}
	if (*from == to || count == room)
		return count;
	uint64_t skipped = *from - extent->logical;
	uint64_t length = smaller(extent->length - skipped, to - *from);
	pieces[count++] = (struct piece){.logical = *from,
					 .physical = extent->physical + skipped,
					 .length = length,
					 .kind = extent->unwritten ? PIECE_UNWRITTEN : PIECE_WRITTEN};
	*from += length;
	return count;
}

static int piece_map_tree_locked(struct fs *fs, uint64_t inode, uint64_t from, uint64_t to,
				 struct piece *pieces, size_t room, size_t *ret_count)
{
	struct extent extent = {0};
	uint64_t goal = 0;
	size_t count = 0;
	int result = extent_before(fs, inode, from, &extent);
	if (result == 0) {
		goal = extent.physical + extent.length;
		if (extent.logical + extent.length > from)
			count = piece_add_extent(&extent, &from, to, goal, pieces, room);
	}
	while ((result == 0 || result == -ENOENT) && from < to && count < room) {
		result = extent_after(fs, inode, from, &extent);
		if (result && result != -ENOENT)
			break;
		if (result == -ENOENT)
			extent = (struct extent){.logical = to, .length = 1};
		count += piece_add_extent(&extent, &from, to, goal, pieces + count, room - count);
		goal = extent.physical + extent.length;
	}
	if (result && result != -ENOENT)
		return result;
	*ret_count = count;
	return 0;
}

int piece_map(struct fs *fs, uint64_t inode, uint64_t from, uint64_t to, struct piece *ret_pieces,
	      size_t room, size_t *ret_count)
{
	image_read_lock(fs->image);
	int result = piece_map_tree_locked(fs, inode, from, to, ret_pieces, room, ret_count);
	image_read_unlock(fs->image);
	return result;
}

/* Room for as much again as the file has, but not more than a few writes' worth: a write may be somewhere in
 * a hole, and nothing come behind it. */
static unsigned piece_ahead(uint64_t logical, uint64_t want)
{
	return (unsigned)smaller(smaller(logical, AHEAD_WRITES * want), AHEAD_MOST);
}

int piece_reserve(struct fs *fs, const struct piece *pieces, size_t count, struct piece *ret_pieces,
		  size_t room, size_t *ret_count)
{
	size_t taken = 0;
	int result = 0;
	for (size_t i = 0; i < count && taken < room && !result; i++) {
		if (pieces[i].kind != PIECE_HOLE) {
			ret_pieces[taken++] = pieces[i];
			continue;
		}
		uint64_t logical = pieces[i].logical, goal = pieces[i].physical;
		if (taken > 0) /* the block before may be one that was reserved just now */
			goal = ret_pieces[taken - 1].physical + ret_pieces[taken - 1].length;
		while (logical < piece_end(&pieces[i]) && taken < room) {
			uint64_t want = smaller(piece_end(&pieces[i]) - logical, EXTENT_MAX_BLOCKS);
			struct block_range range;
			result =
			    data_reserve_ahead(fs->image, goal, want, piece_ahead(logical, want), &range);
			if (result)
				break;
			ret_pieces[taken++] = (struct piece){.logical = logical,
							     .physical = range.start,
							     .length = range.count,
							     .kind = PIECE_NEW};
			logical += range.count;
			goal = range.start + range.count;
		}
	}
	if (result && (result != -ENOSPC || taken == 0)) {
		piece_release(fs, ret_pieces, taken);
		return result;
	}
	*ret_count = taken;
	return 0;
}

void piece_release(struct fs *fs, const struct piece *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pieces[i].kind == PIECE_NEW)
			data_release(fs->image, (struct block_range){.start = pieces[i].physical,
								     .count = pieces[i].length});
}

unsigned piece_changes(const struct piece *pieces, size_t count, bool written)
{
	unsigned changes = 0;
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].kind == PIECE_NEW)
			changes += EXTENT_INSERT_CHANGES;
		else if (pieces[i].kind == PIECE_UNWRITTEN && written)
			changes += EXTENT_MARK_CHANGES;
	}
	return changes;
}

static int piece_insert(struct txn *txn, struct fs *fs, struct inode *inode, const struct piece *piece,
			bool written)
{
	int result = data_claim(txn, (struct block_range){.start = piece->physical, .count = piece->length});
	if (result)
		return result;
	result = extent_insert(txn, fs, inode->number,
			       (struct extent){.logical = piece->logical,
					       .physical = piece->physical,
					       .length = (uint32_t)piece->length,
					       .unwritten = !written});
	if (result)
		return result;
	inode->blocks += piece->length;
	return 0;
}

int piece_record(struct txn *txn, struct fs *fs, struct inode *inode, const struct piece *pieces,
		 size_t count, bool written)
{
	int result = 0;
	for (size_t i = 0; i < count && !result; i++) {
		if (pieces[i].kind == PIECE_NEW)
			result = piece_insert(txn, fs, inode, &pieces[i], written);
		else if (pieces[i].kind == PIECE_UNWRITTEN && written)
			result = extent_mark(txn, fs, inode->number, pieces[i].logical,
					     (uint32_t)pieces[i].length, false);
	}
	return result;
}
