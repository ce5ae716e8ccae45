/*
 * Preallocation, holes, zeroed ranges: by as many records as it takes, and without an intent (R7). Each
 * record leaves a file that is right as far as it has come: a part of the range is allocated, or reads as
 * zeros, and nothing else has changed. So a crash between two of them leaves what a shorter request would
 * have left; no standard promises more, and ext4 goes on no further than that either (ext4_punch_hole
 * restarts its transaction; only truncation is put on the orphan list, since a size has to go with its
 * blocks).
 *
 * For the same reason the file is let go of between steps, so that a range of any size keeps nobody waiting
 * for long. Room is asked for before anything has changed; blocks come first, as only they can be refused,
 * and what is to be zeroed stays owned and is zeroed then.
 */
#include "file_i.h"
#include "flags.h"

#include <fcntl.h>
#include <inttypes.h>

#define FALLOCATE_PIECES  16u	     /* by one transaction */
#define FALLOCATE_EXTENTS 16u	     /* removed by one transaction */
#define FALLOCATE_BLOCKS  (1u << 14) /* 64 MiB: looked at by one transaction */
#define FALLOCATE_RECORDS 8u	     /* by one step */

/* In this order; each leaves out what its mode does not need. */
enum fallocate_stage {
	STAGE_BEGIN,
	STAGE_HOLES,
	STAGE_EDGES,
	STAGE_ZERO,
	STAGE_PUNCH,
	STAGE_FINISH,
	STAGE_DONE
};

static bool fallocate_punches(const struct fs_fallocation *f)
{
	return f->mode & FALLOC_FL_PUNCH_HOLE;
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

static int fallocate_begin(struct fs *fs, struct inode *inode, const struct fs_fallocation *f)
{
	struct byte_range zeroed;
	if (fallocate_punches(f))
		return 0;
	/* what an interrupted truncate left behind the end must not come to light in a larger file */
	int result = truncate_before_growth(fs, inode, inode->size, &zeroed);
	if (!result)
		result =
		    fallocate_check_room(fs, inode, blocks_down(f->offset), blocks_up(f->offset + f->length));
	return result;
}

/* Ends a transaction that changed the file's extents. */
static int fallocate_commit(struct txn *txn, struct fs *fs, struct inode *inode, struct inode *changed,
			    int result)
{
	/* fallocate_finish has the last record */
	return file_commit(txn, fs, inode, changed, &(struct file_reply){.more = true}, result);
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
	unsigned changes = piece_changes(pieces, count, false);
	if (changes > 0) {
		struct txn *txn;
		struct inode changed = *inode;
		result = txn_begin(fs->image, changes + 1, 0, &txn);
		if (!result) {
			result = piece_record(txn, fs, &changed, pieces, count, false);
			result = fallocate_commit(txn, fs, inode, &changed, result);
		}
	}
	if (result)
		piece_release(fs, pieces, count);
	else
		*ret_end = piece_end(&pieces[count - 1]);
	return result;
}

/* Unwritten blocks for the next holes before block `to`. */
static int fallocate_holes(struct fs *fs, struct inode *inode, uint64_t *at, uint64_t to)
{
	struct piece pieces[FALLOCATE_PIECES];
	size_t count;
	int result = piece_map(fs, inode->number, *at, smaller(to, *at + FALLOCATE_BLOCKS), pieces,
			       FALLOCATE_PIECES, &count);
	return result ? result : fallocate_pieces(fs, inode, pieces, count, at);
}

/* Without metadata: an overwrite. */
static int fallocate_zero_in_place(struct fs *fs, const struct inode *inode, const struct piece *piece)
{
	uint64_t at = piece->physical << BLOCK_SHIFT, length = piece->length << BLOCK_SHIFT;
	dirty_add(fs->dirty, inode->number, at, length);
	return data_zero(fs->image, at, length);
}

static int fallocate_unwrite(struct fs *fs, struct inode *inode, const struct piece *pieces, size_t count,
			     unsigned written)
{
	struct inode changed = *inode;
	struct txn *txn;
	changed.mtime = changed.ctime = inode_now();
	int result = txn_begin(fs->image, EXTENT_MARK_CHANGES * written + 1, 0, &txn);
	if (result)
		return result;
	for (size_t i = 0; i < count && !result; i++)
		if (pieces[i].kind == PIECE_WRITTEN)
			result = extent_mark(txn, fs, inode->number, pieces[i].logical,
					     (uint32_t)pieces[i].length, true);
	return fallocate_commit(txn, fs, inode, &changed, result);
}

/* The next written pieces before block `to` become unwritten ones. The last sealed state maps these blocks
 * here, so writing them again later is an overwrite in place (R12). */
static int fallocate_zero(struct fs *fs, struct inode *inode, uint64_t *at, uint64_t to)
{
	struct piece pieces[FALLOCATE_PIECES];
	size_t count;
	unsigned written = 0;
	int result = piece_map(fs, inode->number, *at, smaller(to, *at + FALLOCATE_BLOCKS), pieces,
			       FALLOCATE_PIECES, &count);
	if (result)
		return result;
	for (size_t i = 0; i < count; i++)
		written += pieces[i].kind == PIECE_WRITTEN;
	if (written > 0)
		result = fallocate_unwrite(fs, inode, pieces, count, written);
	/* Split extents may take a block of metadata. */
	if (result == -ENOSPC) {
		result = 0;
		for (size_t i = 0; i < count && !result; i++)
			if (pieces[i].kind == PIECE_WRITTEN)
				result = fallocate_zero_in_place(fs, inode, &pieces[i]);
	}
	if (!result)
		*at = piece_end(&pieces[count - 1]);
	return result;
}

/* Removes the last extents of blocks [from, to). */
static int fallocate_punch(struct fs *fs, struct inode *inode, uint64_t from, uint64_t to, bool *ret_done)
{
	struct inode changed = *inode;
	struct txn *txn;
	uint64_t freed;
	bool done;
	changed.mtime = changed.ctime = inode_now();
	int result = txn_begin(fs->image, EXTENT_REMOVE_CHANGES(FALLOCATE_EXTENTS) + 1,
			       TXN_RELEASES | TXN_SPARES, &txn);
	if (result)
		return result;
	result = extent_remove(txn, fs, inode->number, from, to, FALLOCATE_EXTENTS, &freed, &done);
	if (!result && freed > changed.blocks)
		result = image_damaged(fs->image, "inode %" PRIu64 ": owns more blocks than it counts",
				       inode->number);
	if (!result)
		changed.blocks -= freed;
	result = fallocate_commit(txn, fs, inode, &changed, result);
	if (!result)
		*ret_done = done;
	return result;
}

/* Behind the last block that the range takes away: the one that holds the file's end goes with what the file
 * has in it. */
static uint64_t fallocate_punch_end(const struct inode *inode, const struct fs_fallocation *f)
{
	uint64_t end = f->offset + f->length;
	bool last = end >= inode->size && blocks_down(end) < blocks_up(inode->size);
	return last ? blocks_up(end) : blocks_down(end);
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

/* Zeroes what is not whole blocks. */
static int fallocate_edges(struct fs *fs, const struct inode *inode, uint64_t offset, uint64_t end)
{
	uint64_t from = blocks_up(offset), to = blocks_down(end);
	if (from > to) /* within one block */
		return fallocate_zero_edge(fs, inode, offset, end - offset);
	int result = fallocate_zero_edge(fs, inode, offset, (from << BLOCK_SHIFT) - offset);
	if (!result)
		result = fallocate_zero_edge(fs, inode, to << BLOCK_SHIFT, end - (to << BLOCK_SHIFT));
	return result;
}

/* The last record: times, and the size if it grows. */
static int fallocate_finish(struct fs *fs, struct inode *inode, const struct fs_fallocation *f)
{
	struct inode changed = *inode;
	uint64_t end = f->offset + f->length;
	changed.mtime = changed.ctime = inode_now();
	if (!(f->mode & FALLOC_FL_KEEP_SIZE) && end > inode->size)
		return truncate_grow(fs, &changed, end, 0);
	struct txn *txn;
	int result = txn_begin(fs->image, 1, TXN_REPLACES, &txn);
	return result ? result : file_commit(txn, fs, inode, &changed, &(struct file_reply){0}, 0);
}

/* Where contents are inline, which they may also have become between two steps: a hole is punched there, all
 * else needs blocks. */
static int fallocate_inline(struct fs *fs, struct inode *inode, const struct fs_fallocation *f)
{
	if (!fallocate_punches(f))
		return f->stage == STAGE_FINISH ? 0 : inline_convert(fs, inode);
	return f->stage == STAGE_EDGES ? inline_punch(fs, inode, f->offset, f->offset + f->length) : 0;
}

/* One record of the present stage, at most; *ret_done: the stage is over. */
static int fallocate_record(struct fs *fs, struct inode *inode, struct fs_fallocation *f, bool *ret_done)
{
	uint64_t end = f->offset + f->length,
		 to = f->stage == STAGE_HOLES ? blocks_up(end) : blocks_down(end);
	int result = 0;
	*ret_done = true;
	if (inode->inline_length > 0 && f->stage != STAGE_BEGIN)
		result = fallocate_inline(fs, inode, f);
	if (result)
		return result;
	switch ((enum fallocate_stage)f->stage) {
	case STAGE_BEGIN:
		result = fallocate_begin(fs, inode, f);
		f->at = blocks_down(f->offset);
		break;
	case STAGE_HOLES:
		if (!fallocate_punches(f) && f->at < to)
			result = fallocate_holes(fs, inode, &f->at, to);
		*ret_done = fallocate_punches(f) || f->at >= to;
		break;
	case STAGE_EDGES:
		if (f->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
			result = fallocate_edges(fs, inode, f->offset, end);
		f->at = blocks_up(f->offset);
		break;
	case STAGE_ZERO:
		if ((f->mode & FALLOC_FL_ZERO_RANGE) && f->at < to)
			result = fallocate_zero(fs, inode, &f->at, to);
		*ret_done = !(f->mode & FALLOC_FL_ZERO_RANGE) || f->at >= to;
		break;
	case STAGE_PUNCH:
		to = fallocate_punch_end(inode, f);
		if (fallocate_punches(f) && f->at < to)
			result = fallocate_punch(fs, inode, f->at, to, ret_done);
		break;
	case STAGE_FINISH:
		result = fallocate_finish(fs, inode, f);
		break;
	case STAGE_DONE:
		break;
	}
	return result;
}

static int fallocate_locked(struct fs *fs, struct inode *inode, struct fs_fallocation *f)
{
	for (unsigned records = 0; records < FALLOCATE_RECORDS && f->stage != STAGE_DONE; records++) {
		bool done;
		int result = fallocate_record(fs, inode, f, &done);
		if (result)
			return result;
		f->stage += done;
	}
	return f->stage != STAGE_DONE;
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

int fs_fallocate_step(struct fs *fs, uint64_t number, struct fs_fallocation *f)
{
	struct inode inode;
	if (!fallocate_mode_known(f->mode))
		return -EOPNOTSUPP;
	if (f->length == 0)
		return -EINVAL;
	if (atomic_load_explicit(&fs->stopping, memory_order_relaxed))
		return -EINTR;
	if (f->offset > FILE_SIZE_MAX || f->length > FILE_SIZE_MAX - f->offset)
		return -EFBIG;
	inode_lock(fs, number);
	int result = file_load(fs, number, &inode);
	if (result == -EINVAL) /* fallocate(2) on what is not a regular file */
		result = -ENODEV;
	/* Room may be had behind what an append-only file has. */
	if (!result)
		result = flags_check_write(&inode, !(f->mode & ~FALLOC_FL_KEEP_SIZE));
	if (!result)
		result = fallocate_locked(fs, &inode, f);
	inode_unlock(fs, number);
	return result;
}

int fs_fallocate(struct fs *fs, uint64_t number, int mode, uint64_t offset, uint64_t length)
{
	struct fs_fallocation fallocation = {.mode = mode, .offset = offset, .length = length};
	int result;
	do
		result = fs_fallocate_step(fs, number, &fallocation);
	while (result > 0);
	return result;
}
