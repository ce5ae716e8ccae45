/* Building a redo record by comparing blocks with their copies from before. */
#ifndef MMFS_RECORD_BUILD_H
#define MMFS_RECORD_BUILD_H

#include "image_i.h"

/* Most bytes that one block can take in a record: every second word changed, or all of it. */
#define RECORD_BLOCK_ROOM (sizeof(struct record_block) + BLOCK_SIZE + 8)

struct record_builder {
	uint8_t *bytes; /* begins with a record_disk */
	size_t room;
	size_t used; /* a multiple of 8 */
	uint32_t blocks;
};

void record_build_start(struct record_builder *builder, void *bytes, size_t room);
/* Adds what changed in a block from `before` (NULL: it is new and starts from zeros) to `after`; both are
 * aligned to 8. 1: added; 0: nothing differs; -EFBIG: no room. */
int record_build_block(struct record_builder *builder, uint64_t block, const void *before,
		       const void *after) MUST_CHECK;

#endif
