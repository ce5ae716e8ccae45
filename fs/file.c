/* Reading file contents. Pieces of the mapping are handed out, and copied, under the shared inode lock. */
#include "file_i.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define READ_PIECES 256u
#define ZERO_BYTES  65536u
#define ATIME_LAZY  (24 * 60 * 60) /* seconds: relatime, see mount(8) */

static uint8_t file_zeros[ZERO_BYTES]; /* what holes read as; nobody writes anything else to it */

void file_prefault_zeros(void)
{
	/* Until it is written to, it is the kernel's one zero page, which counts as not mapped. */
	for (volatile uint8_t *at = file_zeros; at < file_zeros + ZERO_BYTES; at += BLOCK_SIZE)
		*at = 0;
}

int file_check_regular(const struct inode *inode)
{
	if (S_ISREG(inode->mode))
		return 0;
	return S_ISDIR(inode->mode) ? -EISDIR : -EINVAL;
}

int file_load_for_reading(struct fs *fs, uint64_t number, struct inode *ret_inode)
{
	struct inode inode;
	image_read_lock(fs->image);
	int result = inode_load(fs, number, &inode);
	image_read_unlock(fs->image);
	if (!result)
		result = file_check_regular(&inode);
	if (!result && inode.size > FILE_SIZE_MAX)
		result = image_damaged(fs->image, "inode %llu: size", (unsigned long long)number);
	if (!result)
		*ret_inode = inode;
	return result;
}

int file_load(struct fs *fs, uint64_t number, struct inode *ret_inode)
{
	if (fs->options.read_only || image_read_only(fs->image))
		return -EROFS;
	return file_load_for_reading(fs, number, ret_inode);
}

static bool file_inline_at(const struct inode *inode, uint64_t offset)
{
	return inode->inline_length > 0 && offset < BLOCK_SIZE;
}

/* One extent at a time, so that it needs no array and the tree lock is never held during a copy. */
int file_copy_out(struct fs *fs, const struct inode *inode, uint64_t offset, void *bytes, size_t length)
{
	uint8_t *to = bytes;
	if (file_inline_at(inode, offset)) {
		size_t part = smaller(length, BLOCK_SIZE - offset);
		int result = inline_read(fs, inode, offset, to, part);
		if (result)
			return result;
		to += part;
		offset += part;
		length -= part;
	}
	while (length > 0) {
		struct piece piece;
		size_t count;
		int result = piece_map(fs, inode->number, blocks_down(offset), blocks_up(offset + length),
				       &piece, 1, &count);
		if (result)
			return result;
		size_t part = smaller(length, (piece_end(&piece) << BLOCK_SHIFT) - offset);
		uint64_t skipped = offset - (piece.logical << BLOCK_SHIFT);
		if (piece.kind == PIECE_WRITTEN)
			result = data_read(fs->image, (piece.physical << BLOCK_SHIFT) + skipped, to, part);
		else
			memset(to, 0, part);
		if (result)
			return result;
		to += part;
		offset += part;
		length -= part;
	}
	return 0;
}

int file_zero_in_block(struct fs *fs, uint64_t inode, uint64_t offset, uint64_t length,
		       struct byte_range *ret_zeroed)
{
	*ret_zeroed = (struct byte_range){0};
	if (length == 0)
		return 0;
	uint64_t block = blocks_down(offset);
	struct piece piece;
	size_t count;
	int result = piece_map(fs, inode, block, block + 1, &piece, 1, &count);
	if (result || piece.kind != PIECE_WRITTEN)
		return result;
	uint64_t at = (piece.physical << BLOCK_SHIFT) + offset % BLOCK_SIZE;
	result = data_zero(fs->image, at, length);
	if (!result)
		*ret_zeroed = (struct byte_range){.offset = at, .length = length};
	return result;
}

int file_commit(struct txn *txn, struct fs *fs, struct inode *inode, const struct inode *changed,
		const struct file_reply *reply, int result)
{
	uint64_t lsn;
	if (!result)
		result = inode_store(txn, changed);
	if (result) {
		txn_abort(txn);
		return result;
	}
	txn_reply(txn, inode->number, reply->count, !reply->more);
	result = txn_commit(txn, &lsn);
	if (result)
		return result;
	dirty_note_lsn(fs->dirty, inode->number, lsn);
	*inode = *changed;
	return 0;
}

static void file_add_zeros(struct iovec *pieces, int *count, int room, size_t length)
{
	while (length > 0 && *count < room) {
		size_t part = smaller(length, ZERO_BYTES);
		pieces[(*count)++] = (struct iovec){.iov_base = file_zeros, .iov_len = part};
		length -= part;
	}
}

/* Points iovecs at [offset, offset+length); *ret_count is 0 if READ_PIECES of them do not suffice. What is
 * inline is copied to `first`, of BLOCK_SIZE bytes. */
static int file_point(struct fs *fs, const struct inode *inode, uint64_t offset, size_t length,
		      uint8_t *first, struct iovec *iovecs, int *ret_count)
{
	int count = 0;
	uint64_t end = offset + length;
	if (file_inline_at(inode, offset)) {
		size_t part = smaller(length, BLOCK_SIZE - offset);
		int result = inline_read(fs, inode, offset, first, part);
		if (result)
			return result;
		iovecs[count++] = (struct iovec){.iov_base = first, .iov_len = part};
		offset += part;
	}
	while (offset < end && count < (int)READ_PIECES) {
		struct piece pieces[8];
		size_t piece_count;
		int result = piece_map(fs, inode->number, blocks_down(offset), blocks_up(end), pieces, 8,
				       &piece_count);
		if (result)
			return result;
		for (size_t i = 0; i < piece_count && count < (int)READ_PIECES; i++) {
			uint64_t skipped = offset - (pieces[i].logical << BLOCK_SHIFT);
			size_t part = smaller(end, piece_end(&pieces[i]) << BLOCK_SHIFT) - offset;
			if (pieces[i].kind == PIECE_WRITTEN) {
				uint64_t from = (pieces[i].physical << BLOCK_SHIFT) + skipped;
				const void *at = data_at(fs->image, from);
				if (fs->options.prefault_reads)
					data_prefault(fs->image, from, part);
				/* struct iovec has no const; it is only read from */
				iovecs[count++] =
				    (struct iovec){.iov_base = (void *)(uintptr_t)at, .iov_len = part};
			} else if (part > (size_t)(READ_PIECES - count) * ZERO_BYTES) {
				count = READ_PIECES;
				break;
			} else {
				file_add_zeros(iovecs, &count, READ_PIECES, part);
			}
			offset += part;
		}
	}
	*ret_count = offset == end ? count : 0;
	return 0;
}

/* For what has too many pieces: a short answer would mean the end of the file. */
static int file_reply_copy(struct fs *fs, const struct inode *inode, uint64_t offset, size_t length,
			   fs_pieces reply, void *context)
{
	uint8_t *bytes = malloc(length);
	if (!bytes)
		return -ENOMEM;
	int result = file_copy_out(fs, inode, offset, bytes, length);
	struct iovec piece = {.iov_base = bytes, .iov_len = length};
	if (!result)
		result = reply(context, &piece, 1, length);
	free(bytes);
	return result;
}

static bool file_time_at_or_before(struct timespec a, struct timespec b)
{
	return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec);
}

static bool file_atime_due(const struct inode *inode, struct timespec now)
{
	if (time_equal(inode->atime, now))
		return false;
	return file_time_at_or_before(inode->atime, inode->mtime) ||
	       file_time_at_or_before(inode->atime, inode->ctime) ||
	       now.tv_sec - inode->atime.tv_sec >= ATIME_LAZY;
}

/* relatime. The shared lock keeps others from changing the inode but other readers, who change nothing but
 * the atime either; it is loaded anew in the transaction. What goes wrong is not the reader's concern. */
static void file_touch_atime(struct fs *fs, const struct inode *seen)
{
	struct timespec now = inode_now();
	if (fs->options.noatime || (seen->flags & INODE_NOATIME) || fs->options.read_only ||
	    image_read_only(fs->image) || !file_atime_due(seen, now))
		return;
	/* Reading again is safe: this record must not look like the request's, which would be answered from
	 * it */
	image_request_none();
	struct txn *txn;
	if (txn_begin(fs->image, 1, TXN_REPLACES, &txn))
		return;
	struct inode inode;
	int result = inode_load(fs, seen->number, &inode);
	if (!result) {
		inode.atime = now;
		result = inode_store(txn, &inode);
	}
	if (!result)
		result = txn_commit(txn, NULL);
	else
		txn_abort(txn);
	(void)result;
}

static size_t file_length_within(const struct inode *inode, uint64_t offset, size_t length)
{
	return offset >= inode->size ? 0 : smaller(length, inode->size - offset);
}

static int file_read(struct fs *fs, uint64_t number, uint64_t offset, size_t length, fs_pieces reply,
		     void *context, bool touch)
{
	struct iovec pieces[READ_PIECES];
	uint8_t first[BLOCK_SIZE];
	struct inode inode;
	int count = 0;
	inode_lock_shared(fs, number);
	data_read_begin(fs->image);
	int result = file_load_for_reading(fs, number, &inode);
	if (result)
		goto unlock;
	length = file_length_within(&inode, offset, length);
	if (length > 0)
		result = file_point(fs, &inode, offset, length, first, pieces, &count);
	if (result)
		goto unlock;
	/* First, or a stat right after the reply could still get the old time, which the kernel then keeps.
	 */
	if (touch && length > 0)
		file_touch_atime(fs, &inode);
	if (length > 0 && count == 0)
		result = file_reply_copy(fs, &inode, offset, length, reply, context);
	else
		result = reply(context, pieces, count, length);
unlock:
	data_read_end(fs->image);
	inode_unlock(fs, number);
	return result;
}

int fs_read(struct fs *fs, uint64_t number, uint64_t offset, size_t length, fs_pieces reply, void *context)
{
	return file_read(fs, number, offset, length, reply, context, true);
}

int fs_read_noatime(struct fs *fs, uint64_t number, uint64_t offset, size_t length, fs_pieces reply,
		    void *context)
{
	return file_read(fs, number, offset, length, reply, context, false);
}

ssize_t fs_read_copy(struct fs *fs, uint64_t number, uint64_t offset, void *bytes, size_t length)
{
	struct inode inode;
	inode_lock_shared(fs, number);
	data_read_begin(fs->image);
	int result = file_load_for_reading(fs, number, &inode);
	if (!result) {
		length = file_length_within(&inode, offset, smaller(length, SSIZE_MAX));
		result = file_copy_out(fs, &inode, offset, bytes, length);
	}
	if (!result && length > 0)
		file_touch_atime(fs, &inode);
	data_read_end(fs->image);
	inode_unlock(fs, number);
	return result ? result : (ssize_t)length;
}
