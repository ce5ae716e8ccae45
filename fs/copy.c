/*
 * Copying between files: source pieces are written from where they stand in the mapping, by the code of
 * fs_write. A hole in the source needs nothing where the target reads as zeros already.
 */
#include "file_i.h"
#include "flags.h"

#define COPY_CHUNK (UINT64_C(1) << 20)	/* written at once */
#define COPY_MAX   (UINT64_C(64) << 20) /* written by one call, so that others get at the files in between */
#define HOLE_COST  BLOCK_SIZE		/* looking up a piece counts as if so much were written */

struct copy {
	struct inode *from, *to; /* the same one, if it is one file */
	uint64_t from_offset, to_offset;
	uint64_t length, done; /* bytes */
	uint64_t room;	       /* bytes that this call may still write: holes cost next to nothing */
};

static uint64_t copy_chunk(const struct copy *copy, uint64_t length)
{
	return smaller(length, smaller(COPY_CHUNK, copy->room));
}

static void copy_spend(struct copy *copy, uint64_t bytes)
{
	copy->room -= smaller(copy->room, bytes);
}

/* Zeros over [offset, offset+length) of the target where it owns written blocks; *ret_length bytes are right
 * then. */
static int copy_hole(struct fs *fs, struct copy *copy, uint64_t length, uint64_t *ret_length)
{
	uint64_t offset = copy->to_offset + copy->done;
	struct piece piece;
	size_t count;
	int result = piece_map(fs, copy->to->number, blocks_down(offset), blocks_up(offset + length), &piece,
			       1, &count);
	if (result)
		return result;
	length = smaller(length, (piece_end(&piece) << BLOCK_SHIFT) - offset);
	uint64_t end = piece.kind == PIECE_WRITTEN ? copy->to->size : copy->to->inline_length;
	if (offset < end) {
		struct write_request request = {.offset = offset,
						.length = copy_chunk(copy, smaller(length, end - offset)),
						.more = true,
						.before = copy->done};
		ssize_t written = write_locked(fs, copy->to, &request);
		if (written < 0)
			return (int)written;
		length = (uint64_t)written;
		copy_spend(copy, length);
	}
	*ret_length = length;
	return 0;
}

static int copy_bytes(struct fs *fs, struct copy *copy, const uint8_t *bytes, uint64_t length,
		      uint64_t *ret_length)
{
	struct write_request request = {.offset = copy->to_offset + copy->done,
					.bytes = bytes,
					.length = copy_chunk(copy, length),
					.more = true,
					.before = copy->done};
	ssize_t written = write_locked(fs, copy->to, &request);
	if (written < 0)
		return (int)written;
	*ret_length = (uint64_t)written;
	copy_spend(copy, (uint64_t)written);
	return 0;
}

static int copy_inline(struct fs *fs, struct copy *copy, uint64_t length, uint64_t *ret_length)
{
	uint8_t bytes[BLOCK_SIZE];
	int result = inline_read(fs, copy->from, copy->from_offset + copy->done, bytes, length);
	return result ? result : copy_bytes(fs, copy, bytes, length, ret_length);
}

/* The next part of it: one piece of the source, or less. */
static int copy_part(struct fs *fs, struct copy *copy, uint64_t *ret_length)
{
	uint64_t offset = copy->from_offset + copy->done, length = copy->length - copy->done;
	struct piece piece;
	size_t count;
	if (copy->from->inline_length > 0 && offset < BLOCK_SIZE)
		return copy_inline(fs, copy, smaller(length, BLOCK_SIZE - offset), ret_length);
	int result = piece_map(fs, copy->from->number, blocks_down(offset), blocks_up(offset + length),
			       &piece, 1, &count);
	if (result)
		return result;
	length = smaller(length, (piece_end(&piece) << BLOCK_SHIFT) - offset);
	if (piece.kind != PIECE_WRITTEN)
		return copy_hole(fs, copy, length, ret_length);
	uint64_t at = (piece.physical << BLOCK_SHIFT) + (offset - (piece.logical << BLOCK_SHIFT));
	/* so little may become inline: a fault of the mapping must not strike in a transaction */
	if (copy_chunk(copy, length) > INLINE_MAX)
		return copy_bytes(fs, copy, data_at(fs->image, at), length, ret_length);
	uint8_t bytes[INLINE_MAX];
	length = copy_chunk(copy, length);
	result = data_read(fs->image, at, bytes, length);
	return result ? result : copy_bytes(fs, copy, bytes, length, ret_length);
}

/* The last record: the size, where the copy ended with a hole, and the times. */
static int copy_finish(struct fs *fs, const struct copy *copy)
{
	struct inode *to = copy->to;
	uint64_t end = copy->to_offset + copy->done;
	to->mtime = to->ctime = inode_now();
	if (end > to->size)
		return truncate_grow(fs, to, end, copy->done);
	struct txn *txn;
	int result = txn_begin(fs->image, 1, TXN_REPLACES, &txn);
	if (result)
		return result;
	result = inode_store(txn, to);
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_reply(txn, to->number, copy->done, true);
	return txn_commit(txn, NULL);
}

static ssize_t copy_locked(struct fs *fs, struct copy *copy)
{
	int result = 0;
	while (copy->done < copy->length && copy->room) {
		uint64_t length = 0;
		result = copy_part(fs, copy, &length);
		if (result)
			break;
		copy->done += length;
		copy_spend(copy, HOLE_COST);
	}
	if (copy->done > 0)
		result = copy_finish(fs, copy);
	return result ? result : (ssize_t)copy->done;
}

static int copy_load(struct fs *fs, uint64_t from, uint64_t to, struct inode *ret_from, struct inode *ret_to)
{
	int result = file_load(fs, from, ret_from);
	if (!result)
		result = file_load(fs, to, ret_to);
	if (!result)
		result = flags_check_write(ret_to, false);
	return result;
}

ssize_t fs_copy(struct fs *fs, uint64_t from, uint64_t from_offset, uint64_t to, uint64_t to_offset,
		uint64_t length)
{
	const uint64_t numbers[2] = {from, to};
	struct inode source, target;
	inode_lock_several(fs, numbers, 2);
	ssize_t result = copy_load(fs, from, to, &source, &target);
	if (result)
		goto unlock;
	length = from_offset >= source.size ? 0 : smaller(length, source.size - from_offset);
	if (length == 0)
		goto unlock;
	result = -EFBIG;
	if (to_offset >= FILE_SIZE_MAX)
		goto unlock;
	length = smaller(length, FILE_SIZE_MAX - to_offset);
	result = -EINVAL;
	if (from == to && from_offset < to_offset + length && to_offset < from_offset + length)
		goto unlock;
	struct copy copy = {.from = from == to ? &target : &source,
			    .to = &target,
			    .from_offset = from_offset,
			    .to_offset = to_offset,
			    .length = length,
			    .room = COPY_MAX};
	result = copy_locked(fs, &copy);
unlock:
	inode_unlock_several(fs, numbers, 2);
	return result;
}
