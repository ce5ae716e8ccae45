/*
 * Contents in the tree: up to INLINE_MAX bytes of a file that owns no blocks stand in an item of their own,
 * next to the inode's, whose length the inode tells (0: no such item). They read as block 0 would: bytes
 * behind them are zeros, and for SEEK_DATA all of the block is data. A file becomes inline by its first
 * write, if that ends within INLINE_MAX, and stays so until something needs a block of it: a write behind
 * INLINE_MAX, or fallocate. Then inline_convert puts block 0 in place of the item, in one record.
 *
 * These bytes are metadata: stored by records only (R3), so what is read back after a power cut is what the
 * sealed state says, without a sync of data before the seal (R8) and without overwriting in place (R12).
 */
#include "file_i.h"

#include <inttypes.h>
#include <string.h>

static struct key inline_key(uint64_t inode)
{
	return (struct key){.object = inode, .type = ITEM_INLINE, .offset = 0};
}

bool inline_fits(const struct fs *fs, const struct inode *inode, uint64_t end)
{
	if (end > INLINE_MAX)
		return false;
	return inode->inline_length > 0 || (fs->inlines && inode->blocks == 0 && inode->size <= INLINE_MAX);
}

/* The item's bytes, and zeros up to INLINE_MAX. The tree lock is held, or a transaction open. */
static int inline_get(struct fs *fs, const struct inode *inode, uint8_t bytes[INLINE_MAX])
{
	size_t size = 0;
	int result = 0;
	if (inode->inline_length > 0)
		result = tree_get(fs->image, TREE_FILES, inline_key(inode->number), bytes, INLINE_MAX, &size);
	if (result == -ENOENT || result == -ERANGE || (!result && size != inode->inline_length))
		return image_damaged(fs->image, "inode %" PRIu64 ": inline contents: not %" PRIu32 " bytes",
				     inode->number, inode->inline_length);
	if (!result)
		memset(bytes + size, 0, INLINE_MAX - size);
	return result;
}

int inline_read(struct fs *fs, const struct inode *inode, uint64_t offset, void *bytes, size_t length)
{
	uint8_t all[INLINE_MAX];
	image_read_lock(fs->image);
	int result = inline_get(fs, inode, all);
	image_read_unlock(fs->image);
	if (result)
		return result;
	size_t there = offset < INLINE_MAX ? smaller(length, INLINE_MAX - offset) : 0;
	if (there > 0)
		memcpy(bytes, all + offset, there);
	memset((uint8_t *)bytes + there, 0, length - there);
	return 0;
}

int inline_put(struct txn *txn, struct fs *fs, struct inode *inode, uint64_t offset, const void *bytes,
	       size_t length)
{
	uint8_t all[INLINE_MAX];
	int result = inline_get(fs, inode, all);
	if (result)
		return result;
	if (bytes)
		memcpy(all + offset, bytes, length);
	else
		memset(all + offset, 0, length);
	inode->inline_length = (uint32_t)larger(inode->inline_length, offset + length);
	return tree_put(txn, TREE_FILES, inline_key(inode->number), all, inode->inline_length);
}

int inline_cut(struct txn *txn, struct fs *fs, struct inode *inode, uint64_t length)
{
	uint8_t all[INLINE_MAX];
	if (length >= inode->inline_length)
		return 0;
	int result = inline_get(fs, inode, all);
	if (result)
		return result;
	inode->inline_length = (uint32_t)length;
	if (length == 0)
		return tree_delete(txn, TREE_FILES, inline_key(inode->number));
	return tree_put(txn, TREE_FILES, inline_key(inode->number), all, length);
}

int inline_punch(struct fs *fs, struct inode *inode, uint64_t offset, uint64_t end)
{
	if (offset >= inode->inline_length)
		return 0;
	struct inode changed = *inode;
	struct txn *txn;
	int result = txn_begin(fs->image, INLINE_CHANGES + 1, TXN_REPLACES, &txn);
	if (result)
		return result;
	/* Nothing of the block remains. */
	if (offset == 0 && (end >= BLOCK_SIZE || end >= inode->size))
		result = inline_cut(txn, fs, &changed, 0);
	else
		result =
		    inline_put(txn, fs, &changed, offset, NULL, smaller(end, inode->inline_length) - offset);
	return file_commit(txn, fs, inode, &changed, &(struct file_reply){.more = true}, result);
}

/* The record of inline_convert. */
static int inline_convert_record(struct fs *fs, struct inode *inode, const struct piece *block)
{
	struct inode changed = *inode;
	struct txn *txn;
	int result = txn_begin(fs->image, INLINE_CHANGES + piece_changes(block, 1, true) + 1, 0, &txn);
	if (result)
		return result;
	result = inline_cut(txn, fs, &changed, 0);
	if (!result)
		result = piece_record(txn, fs, &changed, block, 1, true);
	if (!result)
		result = data_stored(txn, block->physical << BLOCK_SHIFT, BLOCK_SIZE);
	return file_commit(txn, fs, inode, &changed, &(struct file_reply){.more = true}, result);
}

int inline_convert(struct fs *fs, struct inode *inode)
{
	const struct piece hole = {.length = 1, .kind = PIECE_HOLE};
	struct piece block;
	uint8_t bytes[BLOCK_SIZE];
	size_t count;
	int result = inline_read(fs, inode, 0, bytes, sizeof(bytes));
	if (!result)
		result = piece_reserve(fs, &hole, 1, &block, 1, &count);
	if (result)
		return result;
	result = data_write(fs->image, block.physical << BLOCK_SHIFT, bytes, sizeof(bytes));
	if (!result)
		result = inline_convert_record(fs, inode, &block);
	if (result)
		piece_release(fs, &block, 1);
	return result;
}

int inline_erase(struct txn *txn, const struct inode *inode)
{
	int result = inode->inline_length > 0 ? tree_delete(txn, TREE_FILES, inline_key(inode->number)) : 0;
	return result == -ENOENT ? 0 : result;
}
