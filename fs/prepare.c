/*
 * Appends that are synced one by one: space on the host, prepared ahead.
 *
 * Host space is taken by fallocate, and the first write of such a block makes the host's fsync wait for a
 * commit of its own journal, which says that the block is written now: several times what the sync of a block
 * that was written before takes. So where a file grows by few blocks at a time and is synced again and again,
 * the free blocks behind its new ones are filled with zeros, with one sync for all of them, and given back at
 * once. The next appends find them there (if nobody else was faster: then they are prepared elsewhere).
 *
 * To the engine this is what any write is that fails before its record: blocks reserved, stored to and
 * released. Nobody relies on what is in a free block (R4, R8).
 */
#include "file_i.h"

#define PREPARE_BLOCKS 31u   /* with the one that is written, a piece in which host space is taken */
#define PREPARE_SMALL  8u    /* larger appends make the host commit less often anyway */
#define PREPARE_FREE   4096u /* with less free room no block is kept from others, however shortly */

void prepare_blocks(struct fs *fs, const struct inode *inode, const struct piece *last,
		    struct block_range *ret_range)
{
	struct block_range range, own = {.start = last->physical, .count = last->length};
	struct image_space space;
	*ret_range = (struct block_range){0};
	if (last->kind != PIECE_NEW || last->length > PREPARE_SMALL ||
	    !dirty_wants_prepared(fs->dirty, inode->number, own))
		return;
	if (image_space(fs->image, &space) || space.free_blocks < PREPARE_FREE)
		return;
	uint64_t next = own.start + own.count;
	if (data_reserve(fs->image, next, PREPARE_BLOCKS, &range))
		return;
	/* What cannot be had just there, or not stored to, is no error: the write itself will tell. */
	if (range.start != next ||
	    data_zero(fs->image, range.start << BLOCK_SHIFT, range.count << BLOCK_SHIFT)) {
		data_release(fs->image, range);
		return;
	}
	*ret_range = range;
}

void prepare_done(struct fs *fs, const struct inode *inode, struct block_range range, bool written)
{
	if (range.count == 0)
		return;
	data_release(fs->image, range);
	if (written)
		dirty_note_prepared(fs->dirty, inode->number, range);
}
