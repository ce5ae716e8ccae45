/* Space: what statvfs(3) tells, and what fstrim(8) asks for. */
#include "fs_i.h"

#include <errno.h>

/* Inodes are made as needed; so that programs that look see no shortage, and no nonsense: about four to a
 * block. */
#define INODES_PER_BLOCK 4u

int fs_statfs(struct fs *fs, struct fs_statfs *ret)
{
	struct image_space space;
	fs_collect(fs);
	int result = image_space(fs->image, &space);
	if (result)
		return result;
	uint64_t left = space.inodes < INODE_LIMIT ? INODE_LIMIT - space.inodes : 0;
	uint64_t fit = space.free_blocks * INODES_PER_BLOCK;
	*ret = (struct fs_statfs){
	    .blocks = space.total_blocks,
	    .free_blocks = space.free_blocks,
	    .inodes = space.inodes,
	    .free_inodes = fit < left ? fit : left,
	};
	return 0;
}

int fs_trim_step(struct fs *fs, struct image_trimming *trimming)
{
	if (atomic_load_explicit(&fs->stopping, memory_order_relaxed))
		return -EINTR;
	fs_collect(fs);
	return image_trim_step(fs->image, trimming);
}
