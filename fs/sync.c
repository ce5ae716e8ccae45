/* fsync and fdatasync of one file. */
#include "file_i.h"

/* `range` cut to the image. */
static struct byte_range sync_clip(struct fs *fs, struct byte_range range)
{
	uint64_t size = image_size_blocks(fs->image) << BLOCK_SHIFT;
	range.offset = smaller(range.offset, size);
	range.length = smaller(range.length, size - range.offset);
	return range;
}

int fs_sync(struct fs *fs, uint64_t number, bool data_only)
{
	struct byte_range ranges[DIRTY_RANGES];
	size_t count = 0;
	uint64_t lsn = UINT64_MAX, ticket = 0;
	struct inode inode;
	/* Under the lock, no write is between its data and its entry in the table. The sync itself runs
	 * without: what is written from now on is not this fsync's. */
	inode_lock_shared(fs, number);
	image_read_lock(fs->image);
	int result = inode_load(fs, number, &inode);
	image_read_unlock(fs->image);
	bool nothing = result || image_read_only(fs->image);
	if (!nothing)
		ticket = dirty_take(fs->dirty, number, ranges, DIRTY_RANGES, &count, &lsn);
	if (!nothing && (!data_only || !S_ISREG(inode.mode) || lsn == UINT64_MAX))
		lsn = image_head(fs->image);
	inode_unlock(fs, number);
	if (nothing)
		return result;
	for (size_t i = 0; i < count; i++)
		ranges[i] = sync_clip(fs, ranges[i]);
	result = image_sync(fs->image, lsn, ranges, count);
	if (!result)
		dirty_synced(fs->dirty, number, ticket, lsn);
	return result;
}
