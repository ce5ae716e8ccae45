/*
 * Preallocation, holes, zeroed ranges. Each transaction leaves a consistent file: what was allocated stays
 * allocated, what was punched stays punched, if the next one finds no room or a crash comes between.
 */
#include "file_i.h"

#include <fcntl.h>
#include <inttypes.h>

#define FALLOCATE_PIECES  16u
#define FALLOCATE_EXTENTS 16u /* removed by one transaction */

/* Ends a transaction that changed the file's extents: stores the inode, commits. */
static int fallocate_commit(struct txn *txn, struct fs *fs, struct inode *inode, struct inode *changed,
			    int result)
{
	uint64_t lsn;
	if (!result)
		result = inode_store(txn, changed);
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_reply(txn, inode->number, 0, false); /* fallocate_finish has the last one */
	result = txn_commit(txn, &lsn);
	if (result)
		return result;
	dirty_note_lsn(fs->dirty, inode->number, lsn);
	*inode = *changed;
	return 0;
}

/* Gives blocks to the holes among the pieces. */
static int fallocate_pieces(struct fs *fs, struct inode *inode, const struct piece *holes, size_t hole_count,
			    uint64_t *ret_end)
{
	struct piece pieces[FALLOCATE_PIECES];
	size_t count;
	int result = piece_reserve(fs, holes, hole_count, pieces, FALLOCATE_PIECES, &count);
	if (result)
		return result;
	*ret_end = piece_end(&pieces[count - 1]);
	unsigned changes = piece_changes(pieces, count);
	if (changes == 0)
		return 0;
	struct txn *txn;
	struct inode changed = *inode;
	result = txn_begin(fs->image, changes + 1, 0, &txn);
	if (!result) {
		result = piece_record(txn, fs, &changed, pieces, count, false);
		result = fallocate_commit(txn, fs, inode, &changed, result);
	}
	if (result)
		piece_release(fs, pieces, count);
	return result;
}

/* Unwritten blocks for every hole in blocks [from, to). */
static int fallocate_holes(struct fs *fs, struct inode *inode, uint64_t from, uint64_t to)
{
	int result = 0;
	while (from < to && !result) {
		struct piece pieces[FALLOCATE_PIECES];
		size_t count;
		result = piece_map(fs, inode->number, from, to, pieces, FALLOCATE_PIECES, &count);
		if (!result)
			result = fallocate_pieces(fs, inode, pieces, count, &from);
	}
	return result;
}

/* Is there room for the holes in blocks [from, to)? Asked first, so that a request that cannot succeed takes
 * nothing. */
static int fallocate_check_room(struct fs *fs, const struct inode *inode, uint64_t from, uint64_t to)
{
	struct image_space space;
	uint64_t needed = 0;
	int result = image_space(fs->image, &space);
	while (from < to && !result) {
		struct piece pieces[FALLOCATE_PIECES];
		size_t count;
		result = piece_map(fs, inode->number, from, to, pieces, FALLOCATE_PIECES, &count);
		for (size_t i = 0; i < count && !result; i++) {
			if (pieces[i].kind == PIECE_HOLE)
				needed += pieces[i].length;
			from = piece_end(&pieces[i]);
		}
	}
	if (!result && needed > space.free_blocks)
		result = -ENOSPC;
	return result;
}

/* Removes blocks [from, to). */
static int fallocate_remove(struct fs *fs, struct inode *inode, uint64_t from, uint64_t to)
{
	bool done = from >= to;
	while (!done) {
		struct inode changed = *inode;
		struct txn *txn;
		uint64_t freed;
		int result =
		    txn_begin(fs->image, EXTENT_REMOVE_CHANGES(FALLOCATE_EXTENTS) + 1, TXN_RELEASES, &txn);
		if (result)
			return result;
		result = extent_remove(txn, fs, inode->number, from, to, FALLOCATE_EXTENTS, &freed, &done);
		if (!result && freed > changed.blocks)
			result = image_damaged(
			    fs->image, "inode %" PRIu64 ": owns more blocks than it counts", inode->number);
		if (!result)
			changed.blocks -= freed;
		result = fallocate_commit(txn, fs, inode, &changed, result);
		if (result)
			return result;
	}
	return 0;
}

/* Zeroes [offset, offset+length) of one block in place: an overwrite. */
static int fallocate_zero_edge(struct fs *fs, const struct inode *inode, uint64_t offset, uint64_t length)
{
	struct byte_range zeroed;
	int result = file_zero_in_block(fs, inode->number, offset, length, &zeroed);
	if (!result)
		dirty_add(fs->dirty, inode->number, zeroed.offset, zeroed.length);
	return result;
}

/* Makes [offset, end) read as zeros: whole blocks go, the edges are zeroed. */
static int fallocate_punch(struct fs *fs, struct inode *inode, uint64_t offset, uint64_t end)
{
	uint64_t from = blocks_up(offset), to = blocks_down(end);
	if (from > to) /* within one block */
		return fallocate_zero_edge(fs, inode, offset, end - offset);
	int result = fallocate_zero_edge(fs, inode, offset, (from << BLOCK_SHIFT) - offset);
	if (!result)
		result = fallocate_zero_edge(fs, inode, to << BLOCK_SHIFT, end - (to << BLOCK_SHIFT));
	if (!result)
		result = fallocate_remove(fs, inode, from, to);
	return result;
}

/* The last record: times, and the size if it grows. */
static int fallocate_finish(struct fs *fs, struct inode *inode, uint64_t size)
{
	struct inode changed = *inode;
	changed.mtime = changed.ctime = inode_now();
	if (size > inode->size)
		return truncate_grow(fs, &changed, size, 0);
	struct txn *txn;
	int result = txn_begin(fs->image, 1, TXN_REPLACES, &txn);
	if (result)
		return result;
	result = inode_store(txn, &changed);
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_reply(txn, inode->number, 0, true);
	return txn_commit(txn, NULL);
}

static int fallocate_locked(struct fs *fs, struct inode *inode, int mode, uint64_t offset, uint64_t end)
{
	bool punch = mode & FALLOC_FL_PUNCH_HOLE, zero = mode & FALLOC_FL_ZERO_RANGE;
	uint64_t from = blocks_down(offset), to = blocks_up(end);
	uint64_t size = mode & FALLOC_FL_KEEP_SIZE ? inode->size : larger(inode->size, end);
	int result = 0;
	/* what an interrupted truncate left behind the end must not come to light in a larger file */
	if (!punch) {
		struct byte_range zeroed;
		result = truncate_before_growth(fs, inode, inode->size, &zeroed);
		if (!result)
			result = fallocate_check_room(fs, inode, from, to);
	}
	if (!result && (punch || zero))
		result = fallocate_punch(fs, inode, offset, end);
	if (!result && !punch)
		result = fallocate_holes(fs, inode, from, to);
	if (!result)
		result = fallocate_finish(fs, inode, size);
	return result;
}

static bool fallocate_mode_known(int mode)
{
	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		return true;
	default:
		return false;
	}
}

int fs_fallocate(struct fs *fs, uint64_t number, int mode, uint64_t offset, uint64_t length)
{
	struct inode inode;
	if (!fallocate_mode_known(mode))
		return -EOPNOTSUPP;
	if (length == 0)
		return -EINVAL;
	if (offset > FILE_SIZE_MAX || length > FILE_SIZE_MAX - offset)
		return -EFBIG;
	inode_lock(fs, number);
	int result = file_load(fs, number, &inode);
	if (result == -EINVAL) /* fallocate(2) on what is not a regular file */
		result = -ENODEV;
	if (!result)
		result = fallocate_locked(fs, &inode, mode, offset, offset + length);
	inode_unlock(fs, number);
	return result;
}
