/*
 * Writing file contents. Data goes into its blocks first and the transaction that makes them part of the file
 * comes after (R8): blocks owned and written are overwritten in place (R12: allocation gives no block to
 * another file before the record that freed it is sealed, so the last sealed state maps it here or nowhere),
 * new and unwritten ones are stored whole, what the caller did not give being zero.
 */
#include "file_i.h"
#include "flags.h"

#define WRITE_CHUNK		      (UINT64_C(4) << 20) /* bytes for one transaction, if its pieces allow */
#define WRITE_PIECES		      16u
#define WRITE_DROP_CAPABILITY_CHANGES 2u

/* One chunk on its way. */
struct write_plan {
	struct piece pieces[WRITE_PIECES];
	size_t count;
	uint64_t offset, end;			/* bytes of the file: no further than the pieces reach */
	const uint8_t *bytes;			/* NULL: zeros */
	struct byte_range zeroed;		/* behind the old end of the file */
	struct byte_range stored[WRITE_PIECES]; /* to be durable with the record; length 0: none */
	struct block_range prepared;		/* free blocks behind the pieces (prepare.c) */
	bool tight;				/* the record may take no block */
};

/* On a full image: only the first piece, which must be owned. If it is unwritten, all of its extent, which
 * becomes a written one by a record that takes no block, as splitting it might: what was allocated before can
 * always be written to (fallocate(2)). */
static int write_tighten(struct fs *fs, uint64_t inode, struct piece *piece)
{
	if (piece->kind == PIECE_HOLE)
		return -ENOSPC;
	if (piece->kind == PIECE_WRITTEN)
		return 0;
	struct extent extent;
	image_read_lock(fs->image);
	int result = extent_find(fs, inode, piece->logical, &extent);
	image_read_unlock(fs->image);
	if (!result)
		*piece = (struct piece){.logical = extent.logical,
					.physical = extent.physical,
					.length = extent.length,
					.kind = PIECE_UNWRITTEN};
	return result;
}

/* Which blocks; new ones reserved. */
static int write_plan(struct fs *fs, const struct inode *inode, const struct write_request *request,
		      uint64_t done, bool tight, struct write_plan *ret_plan)
{
	struct write_plan plan = {.offset = request->offset + done,
				  .bytes = request->bytes ? request->bytes + done : NULL,
				  .tight = tight};
	/* chunks end at their multiples, so that the following ones begin with whole blocks */
	plan.end = smaller(request->offset + request->length, (plan.offset / WRITE_CHUNK + 1) * WRITE_CHUNK);
	struct piece pieces[WRITE_PIECES];
	size_t count;
	int result = piece_map(fs, inode->number, blocks_down(plan.offset), blocks_up(plan.end), pieces,
			       tight ? 1 : WRITE_PIECES, &count);
	if (!result && tight)
		result = write_tighten(fs, inode->number, pieces);
	if (!result)
		result = piece_reserve(fs, pieces, count, plan.pieces, WRITE_PIECES, &plan.count);
	if (result)
		return result;
	plan.end = smaller(plan.end, piece_end(&plan.pieces[plan.count - 1]) << BLOCK_SHIFT);
	*ret_plan = plan;
	return 0;
}

static int write_bytes(struct fs *fs, uint64_t at, const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	return bytes ? data_write(fs->image, at, bytes, length) : data_zero(fs->image, at, length);
}

/* Stores bytes [from, to) of the file into a piece, and zeros into the rest of it if it is to be `whole`. */
static int write_piece(struct fs *fs, const struct write_plan *plan, const struct piece *piece, uint64_t from,
		       uint64_t to, bool whole)
{
	uint64_t start = piece->logical << BLOCK_SHIFT, end = piece_end(piece) << BLOCK_SHIFT;
	uint64_t at = piece->physical << BLOCK_SHIFT;
	int result = 0;
	if (whole)
		result = write_bytes(fs, at, NULL, from - start);
	if (!result)
		result = write_bytes(fs, at + (from - start),
				     plan->bytes ? plan->bytes + (from - plan->offset) : NULL, to - from);
	if (!result && whole)
		result = write_bytes(fs, at + (to - start), NULL, end - to);
	return result;
}

/* Stores the chunk's data. Notes what an fsync has to cover (overwrites) and what the record has (the rest).
 */
static int write_store(struct fs *fs, const struct inode *inode, struct write_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct piece *piece = &plan->pieces[i];
		uint64_t start = piece->logical << BLOCK_SHIFT, at = piece->physical << BLOCK_SHIFT;
		uint64_t from = larger(plan->offset, start);
		uint64_t to = smaller(plan->end, piece_end(piece) << BLOCK_SHIFT);
		bool whole = piece->kind != PIECE_WRITTEN;
		int result = write_piece(fs, plan, piece, from, to, whole && !MUTANT(R8_BLOCK_NOT_WHOLE));
		if (whole) {
			plan->stored[i] =
			    (struct byte_range){.offset = at, .length = piece->length << BLOCK_SHIFT};
		} else {
			uint64_t behind = larger(from, inode->size);
			if (from < inode->size)
				dirty_add(fs->dirty, inode->number, at + (from - start),
					  smaller(to, inode->size) - from);
			if (behind < to)
				plan->stored[i] = (struct byte_range){.offset = at + (behind - start),
								      .length = to - behind};
		}
		if (result)
			return result;
	}
	return 0;
}

static bool write_drop_set_id(struct inode *inode)
{
	uint32_t mode = inode->mode & ~(uint32_t)S_ISUID;
	if (mode & S_IXGRP)
		mode &= ~(uint32_t)S_ISGID;
	bool changed = mode != inode->mode;
	inode->mode = mode;
	return changed;
}

static int write_fill_txn(struct txn *txn, struct fs *fs, struct inode *inode, const struct write_plan *plan,
			  bool drop_capability)
{
	int result = piece_record(txn, fs, inode, plan->pieces, plan->count, true);
	for (size_t i = 0; i < plan->count && !result; i++)
		if (plan->stored[i].length > 0)
			result = data_stored(txn, plan->stored[i].offset, plan->stored[i].length);
	if (!result && plan->prepared.count > 0)
		result = data_stored(txn, plan->prepared.start << BLOCK_SHIFT,
				     plan->prepared.count << BLOCK_SHIFT);
	if (!result && plan->zeroed.length > 0 && !MUTANT(R8_TAIL_NOT_NOTED))
		result = data_stored(txn, plan->zeroed.offset, plan->zeroed.length);
	if (!result && drop_capability)
		result = xattr_drop_capability(txn, fs, inode);
	if (!result)
		result = inode_store(txn, inode);
	return result;
}

/* The chunk's transaction, if anything of the file's metadata changes. */
static int write_record(struct fs *fs, struct inode *inode, const struct write_plan *plan,
			const struct write_request *request)
{
	struct inode changed = *inode;
	unsigned changes = piece_changes(plan->pieces, plan->count, true);
	bool drop_capability = request->kill_set_id && inode->xattrs > 0;
	bool mapped = changes > 0 || plan->end > inode->size;
	bool dropped = request->kill_set_id && write_drop_set_id(&changed);
	changed.size = larger(changed.size, plan->end);
	if (!request->keep_times)
		changed.mtime = changed.ctime = inode_now();
	if (!mapped && !dropped && !drop_capability && time_equal(changed.mtime, inode->mtime) &&
	    time_equal(changed.ctime, inode->ctime))
		return 0;
	struct txn *txn;
	unsigned dropping = drop_capability ? WRITE_DROP_CAPABILITY_CHANGES : 0;
	int result = txn_begin(fs->image, changes + dropping + 1,
			       changes == 0 || plan->tight ? TXN_REPLACES : 0, &txn);
	if (result)
		return result;
	result = write_fill_txn(txn, fs, &changed, plan, drop_capability);
	if (result) {
		txn_abort(txn);
		return result;
	}
	uint64_t end = request->offset + request->length, lsn;
	txn_reply(txn, inode->number, request->before + (plan->end - request->offset),
		  plan->end == end && !request->more);
	result = txn_commit(txn, &lsn);
	if (result)
		return result;
	if (mapped)
		dirty_note_lsn(fs->dirty, inode->number, lsn);
	*inode = changed;
	return 0;
}

static int write_chunk(struct fs *fs, struct inode *inode, const struct write_request *request, uint64_t done,
		       uint64_t *ret_length)
{
	struct write_plan plan;
	struct byte_range zeroed = {0};
	uint64_t offset = request->offset + done;
	int result = 0;
	if (request->offset + request->length > inode->size)
		result = truncate_before_growth(fs, inode, larger(offset, inode->size), &zeroed);
	for (bool tight = false; !result; tight = true) {
		result = write_plan(fs, inode, request, done, tight, &plan);
		if (result)
			break;
		plan.zeroed = zeroed;
		result = write_store(fs, inode, &plan);
		bool stored = !result;
		if (stored) {
			prepare_blocks(fs, inode, &plan.pieces[plan.count - 1], &plan.prepared);
			result = write_record(fs, inode, &plan, request);
			prepare_done(fs, inode, plan.prepared, !result);
		}
		if (!result) {
			*ret_length = plan.end - plan.offset;
			break;
		}
		piece_release(fs, plan.pieces, plan.count);
		if (result == -ENOSPC && stored && !tight)
			result = 0; /* once more */
	}
	return result;
}

/* All of the request, which ends within INLINE_MAX, in one record. */
static int write_inline(struct fs *fs, struct inode *inode, const struct write_request *request)
{
	uint64_t end = request->offset + request->length;
	struct inode changed = *inode;
	bool drop_capability = request->kill_set_id && inode->xattrs > 0;
	unsigned changes = INLINE_CHANGES + 1 + (drop_capability ? WRITE_DROP_CAPABILITY_CHANGES : 0);
	struct txn *txn;
	if (request->kill_set_id)
		(void)write_drop_set_id(&changed);
	changed.size = larger(changed.size, end);
	if (!request->keep_times)
		changed.mtime = changed.ctime = inode_now();
	int result = txn_begin(fs->image, changes, end <= inode->inline_length ? TXN_REPLACES : 0, &txn);
	if (result)
		return result;
	result = inline_put(txn, fs, &changed, request->offset, request->bytes, request->length);
	if (!result && drop_capability)
		result = xattr_drop_capability(txn, fs, &changed);
	return file_commit(
	    txn, fs, inode, &changed,
	    &(struct file_reply){.count = request->before + request->length, .more = request->more}, result);
}

ssize_t write_locked(struct fs *fs, struct inode *inode, const struct write_request *request)
{
	uint64_t done = 0;
	int result = 0;
	if (request->length > 0 && inline_fits(fs, inode, request->offset + request->length)) {
		result = write_inline(fs, inode, request);
		return result ? result : (ssize_t)request->length;
	}
	if (request->length > 0 && inode->inline_length > 0)
		result = inline_convert(fs, inode);
	if (result)
		return result;
	while (done < request->length) {
		uint64_t length;
		result = write_chunk(fs, inode, request, done, &length);
		if (result)
			return done > 0 ? (ssize_t)done : result;
		done += length;
	}
	return (ssize_t)done;
}

ssize_t fs_write(struct fs *fs, uint64_t number, uint64_t offset, const void *bytes, size_t length,
		 unsigned flags)
{
	struct inode inode;
	inode_lock(fs, number);
	ssize_t result = file_load(fs, number, &inode);
	if (!result && !(flags & FS_WRITE_CACHED))
		result = flags_check_write(&inode, flags & (FS_WRITE_APPEND | FS_WRITE_APPENDS));
	if (result)
		goto unlock;
	if (flags & FS_WRITE_APPEND)
		offset = inode.size;
	if (length > 0 && offset >= FILE_SIZE_MAX) {
		result = -EFBIG;
		goto unlock;
	}
	struct write_request request = {.offset = offset,
					.bytes = bytes,
					.length = length > 0 ? smaller(length, FILE_SIZE_MAX - offset) : 0,
					.kill_set_id = flags & FS_WRITE_KILL_SET_ID,
					.keep_times = flags & FS_WRITE_CACHED};
	result = write_locked(fs, &inode, &request);
unlock:
	inode_unlock(fs, number);
	return result;
}
