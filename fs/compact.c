/*
 * Moving what lies at the end of an image to free blocks before it, so that the file can be cut: by steps of
 * a bounded time, between which nothing is locked, while others work.
 *
 * The blocks of a file are moved under its exclusive lock: nobody reads or writes them meanwhile. The new
 * ones are stored whole and are durable before the record counts (R8); the old ones keep their bytes until it
 * is sealed (R11), so that whatever a crash leaves, the extents of the state that is recovered point to right
 * data. An overwrite after the move goes to the new blocks, which the last sealed state maps to nobody (R12).
 */
#include "file_i.h"

#define MOVE_BLOCKS  256u /* at once: an inode stays locked so long */
#define STEP_BLOCKS  2048u
#define STEP_LOOKUPS 2048u
#define STEP_LEAVES  512u
#define MOVE_CHANGES (EXTENT_INSERT_CHANGES + 2u)
#define ROUNDS	     4u
#define INODE_DONE   UINT64_MAX

/* ---- file data ---- */

/* The next extent from the cursor on that reaches behind the end; *ret_found false: none among so many. Moves
 * the cursor to it, or behind what was looked at. */
static int find_extent(struct fs *fs, struct fs_compaction *compaction, struct extent *ret_extent,
		       bool *ret_found)
{
	int result = 0;
	*ret_found = false;
	image_read_lock(fs->image);
	for (unsigned i = 0; i < STEP_LOOKUPS && !result && compaction->inode != INODE_DONE; i++) {
		struct extent extent;
		result = extent_after(fs, compaction->inode, compaction->logical, &extent);
		if (!result && extent.physical + extent.length > compaction->end) {
			*ret_extent = extent;
			*ret_found = true;
			compaction->logical = extent.logical;
			break;
		}
		if (!result) {
			compaction->logical = extent.logical + extent.length;
			continue;
		}
		if (result != -ENOENT)
			break;
		struct key from = {.object = compaction->inode + 1, .type = 0, .offset = 0}, key;
		result = tree_next(fs->image, TREE_FILES, from, &key, NULL, 0, NULL);
		compaction->inode = result ? INODE_DONE : key.object;
		compaction->logical = 0;
		if (result == -ENOENT)
			result = 0;
	}
	image_read_unlock(fs->image);
	return result;
}

static int copy_blocks(struct fs *fs, const struct extent *extent, struct block_range to)
{
	if (extent->unwritten)
		return 0;
	return data_write(fs->image, to.start << BLOCK_SHIFT,
			  data_at(fs->image, extent->physical << BLOCK_SHIFT), to.count << BLOCK_SHIFT);
}

static int record_move(struct fs *fs, uint64_t inode, const struct extent *extent, struct block_range to)
{
	struct txn *txn;
	uint64_t lsn;
	int result = txn_begin(fs->image, MOVE_CHANGES, 0, &txn);
	if (result)
		return result;
	result = data_claim(txn, to);
	if (!result)
		result = extent_move(txn, fs, inode, extent->logical, (uint32_t)to.count, to.start);
	if (!result && !extent->unwritten)
		result = data_stored(txn, to.start << BLOCK_SHIFT, to.count << BLOCK_SHIFT);
	if (result) {
		txn_abort(txn);
		return result;
	}
	result = txn_commit(txn, &lsn);
	if (!result)
		dirty_note_lsn(fs->dirty, inode, lsn);
	return result;
}

/* Moves blocks of the extent that lie behind the end, as many as one run before it takes. The inode is
 * locked. */
static int move_locked(struct fs *fs, uint64_t inode, uint64_t logical, uint64_t end, uint64_t *ret_moved)
{
	struct extent extent;
	struct block_range to;
	image_read_lock(fs->image);
	int result = extent_find(fs, inode, logical, &extent);
	image_read_unlock(fs->image);
	*ret_moved = 0;
	if (result)
		return result == -ENOENT ? 0 : result;
	if (extent.physical + extent.length <= end)
		return 0;
	if (extent.physical < end) {
		uint32_t skipped = (uint32_t)(end - extent.physical);
		extent.logical += skipped;
		extent.physical += skipped;
		extent.length -= skipped;
	}
	result = data_reserve_below(fs->image, end, smaller(extent.length, MOVE_BLOCKS), &to);
	if (result)
		return result;
	result = copy_blocks(fs, &extent, to);
	if (!result)
		result = record_move(fs, inode, &extent, to);
	if (result)
		data_release(fs->image, to);
	else
		*ret_moved = to.count;
	return result;
}

static int move_data(struct fs *fs, struct fs_compaction *compaction)
{
	uint64_t moved = 0;
	while (moved < STEP_BLOCKS && compaction->inode != INODE_DONE) {
		struct extent extent;
		uint64_t count;
		bool found;
		int result = find_extent(fs, compaction, &extent, &found);
		if (result)
			return result;
		if (!found)
			return 1;
		inode_lock(fs, compaction->inode);
		result = move_locked(fs, compaction->inode, extent.logical, compaction->end, &count);
		inode_unlock(fs, compaction->inode);
		if (result)
			return result;
		if (count == 0) /* somebody else has changed it */
			compaction->logical = extent.logical + 1;
		moved += count;
		compaction->moved_blocks += count;
	}
	return compaction->inode == INODE_DONE ? 0 : 1;
}

/* ---- the whole ---- */

static int move_nodes(struct fs *fs, struct fs_compaction *compaction)
{
	struct key cursor = {
	    .object = compaction->inode, .type = (uint8_t)compaction->type, .offset = compaction->logical};
	uint64_t moved = 0;
	bool more = false;
	int result =
	    tree_compact(fs->image, TREE_FILES, compaction->end, STEP_LEAVES, &cursor, &moved, &more);
	compaction->moved_blocks += moved;
	compaction->inode = cursor.object;
	compaction->type = cursor.type;
	compaction->logical = cursor.offset;
	return result ? result : more;
}

static void next_stage(struct fs_compaction *compaction)
{
	compaction->stage++;
	compaction->inode = compaction->logical = compaction->type = 0;
}

static int begin_round(struct fs *fs, struct fs_compaction *compaction)
{
	/* what was freed until now is room, too */
	int result = image_seal(fs->image);
	if (!result)
		compaction->end = image_compact_end(fs->image, &compaction->above_blocks);
	compaction->moved_blocks = 0;
	next_stage(compaction);
	if (!result && compaction->above_blocks == 0)
		compaction->stage = FS_COMPACT_CUT;
	return result;
}

static int cut(struct fs *fs, struct fs_compaction *compaction)
{
	bool moved = compaction->moved_blocks > 0;
	int result = image_shrink(fs->image);
	/* Metadata groups that were emptied are free for anything once the tail has passed them. */
	compaction->round++;
	compaction->total_moved += compaction->moved_blocks;
	compaction->moved_blocks = 0;
	compaction->stage = moved && compaction->round < ROUNDS ? FS_COMPACT_BEGIN : FS_COMPACT_DONE;
	return result;
}

int fs_compact_step(struct fs *fs, struct fs_compaction *compaction)
{
	int result = 0;
	if (image_read_only(fs->image))
		return -EROFS;
	switch (compaction->stage) {
	case FS_COMPACT_BEGIN:
		result = begin_round(fs, compaction);
		break;
	case FS_COMPACT_DATA:
	case FS_COMPACT_NODES:
		result = compaction->stage == FS_COMPACT_DATA ? move_data(fs, compaction)
							      : move_nodes(fs, compaction);
		/* Others have taken the room: what has been moved helps all the same. */
		if (result == 0 || result == -ENOSPC) {
			result = 0;
			next_stage(compaction);
		}
		break;
	case FS_COMPACT_CUT:
		result = cut(fs, compaction);
		break;
	default:
		return compaction->stage == FS_COMPACT_DONE ? 0 : -EINVAL;
	}
	if (result < 0)
		return result;
	return compaction->stage != FS_COMPACT_DONE;
}
