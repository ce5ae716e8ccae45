/* See facts.h. */
#include "facts.h"

#include <string.h>

int facts_of_image(struct image *image, struct control_info *ret_info)
{
	struct image_space space;
	struct super_disk super;
	int error = image_space(image, &space);

	if (error)
		return error;
	image_super_copy(image, &super);
	*ret_info = (struct control_info){
	    .magic = CONTROL_MAGIC,
	    .format_version = le32_get(super.version),
	    .read_only = image_read_only(image),
	    .fixed_size = image_fixed_size(image),
	    .clean = (le64_get(super.flags) & SUPER_CLEAN) != 0,
	    .failed = image_failure(image) != 0 || (le64_get(super.flags) & SUPER_FAILED),
	    .created_seconds = le64_get(super.created_seconds),
	    .size = image_size_blocks(image) << BLOCK_SHIFT,
	    .limit = le64_get(super.limit_blocks) << BLOCK_SHIFT,
	    .journal = le64_get(super.ring_blocks) << BLOCK_SHIFT,
	    .used = space.used_blocks << BLOCK_SHIFT,
	    .free = space.free_blocks << BLOCK_SHIFT,
	    .inodes = space.inodes,
	};
	memcpy(ret_info->uuid, super.uuid, sizeof(ret_info->uuid));
	memcpy(ret_info->label, super.label, sizeof(ret_info->label));
	return 0;
}

struct fs_compaction facts_to_compaction(const struct control_compaction *given)
{
	return (struct fs_compaction){
	    .stage = given->stage,
	    .round = given->round,
	    .end = given->end,
	    .above_blocks = given->above_blocks,
	    .moved_blocks = given->moved_blocks,
	    .total_moved = given->total_moved,
	    .inode = given->inode,
	    .logical = given->logical,
	    .type = given->type,
	};
}

struct control_compaction facts_of_compaction(const struct fs_compaction *compaction)
{
	return (struct control_compaction){
	    .magic = CONTROL_MAGIC,
	    .stage = compaction->stage,
	    .round = compaction->round,
	    .end = compaction->end,
	    .above_blocks = compaction->above_blocks,
	    .moved_blocks = compaction->moved_blocks,
	    .total_moved = compaction->total_moved,
	    .inode = compaction->inode,
	    .logical = compaction->logical,
	    .type = compaction->type,
	};
}
