/* SEEK_DATA and SEEK_HOLE, exactly as the extents are; unwritten blocks count as a hole. */
#include "file_i.h"

#include <unistd.h>

#define SEEK_PIECES 16u

/* The first byte at or behind `offset` that is data, or is not; the file's size if there is none. */
static int seek_locked(struct fs *fs, const struct inode *inode, uint64_t offset, bool data,
		       uint64_t *ret_offset)
{
	uint64_t block = blocks_down(offset), end = blocks_up(inode->size);
	if (block == 0 && inode->inline_length > 0) {
		if (data) {
			*ret_offset = offset;
			return 0;
		}
		block = 1;
	}
	while (block < end) {
		struct piece pieces[SEEK_PIECES];
		size_t count;
		int result = piece_map(fs, inode->number, block, end, pieces, SEEK_PIECES, &count);
		if (result)
			return result;
		for (size_t i = 0; i < count; i++) {
			if ((pieces[i].kind == PIECE_WRITTEN) == data) {
				uint64_t found = larger(offset, pieces[i].logical << BLOCK_SHIFT);
				*ret_offset = smaller(found, inode->size);
				return 0;
			}
			block = piece_end(&pieces[i]);
		}
	}
	*ret_offset = inode->size;
	return 0;
}

int fs_seek(struct fs *fs, uint64_t number, uint64_t offset, int whence, uint64_t *ret_offset)
{
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	struct inode inode;
	uint64_t found;
	inode_lock_shared(fs, number);
	int result = file_load_for_reading(fs, number, &inode);
	if (!result && offset >= inode.size)
		result = -ENXIO;
	if (!result)
		result = seek_locked(fs, &inode, offset, whence == SEEK_DATA, &found);
	if (!result && whence == SEEK_DATA && found >= inode.size)
		result = -ENXIO;
	if (!result)
		*ret_offset = found;
	inode_unlock(fs, number);
	return result;
}
