/* Extents: in order, apart from each other, in data blocks that nobody else has. */
#include "fsck.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

size_t extent_bad_field(const struct fsck *fsck, uint64_t logical, const struct extent_disk *extent)
{
	uint32_t length = le32_get(extent->length);

	if (length == 0 || length > EXTENT_MAX_BLOCKS || logical >= FILE_BLOCKS_MAX ||
	    length > FILE_BLOCKS_MAX - logical)
		return offsetof(struct extent_disk, length) + 1;
	if (le32_get(extent->flags) & ~EXTENT_UNWRITTEN)
		return offsetof(struct extent_disk, flags) + 1;
	if (le64_get(extent->birth) == 0 || le64_get(extent->birth) > fsck->generation)
		return offsetof(struct extent_disk, birth) + 1;
	return 0;
}

/* Does a tree node stand in one of the blocks? Where groups are not of the type that they should be, this
 * tells a file's blocks from a tree's. */
static bool holds_node(const struct fsck *fsck, uint64_t start, uint32_t length)
{
	const struct node_disk *node;

	for (uint64_t block = start; block < start + length; block++) {
		uint64_t zone = (block - fsck->zone_first) / ZONE_BLOCKS;
		uint64_t group = (block - fsck->zone_first) % ZONE_BLOCKS / GROUP_BLOCKS;
		if (fsck->maps[zone] && fsck->maps[zone]->group_type[group] == GROUP_METADATA &&
		    !repair_node(fsck->image, block, &node))
			return true;
	}
	return false;
}

static void extent_claim(struct fsck *fsck, struct key key, uint64_t physical, uint32_t length)
{
	unsigned why = maps_claimable(fsck, physical, length);

	if (why == CLAIM_OUTSIDE) {
		problem_report(fsck, PROBLEM_EXTENT_PLACE, key.object, key.offset, physical);
	} else if (why == CLAIM_TWICE || holds_node(fsck, physical, length)) {
		problem_report(fsck, PROBLEM_EXTENT_TWICE, key.object, key.offset, physical);
	} else {
		maps_claim(fsck, physical, length, GROUP_DATA);
		fsck->data_blocks += length;
	}
}

void extent_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size)
{
	struct extent_disk extent;

	if (!S_ISREG(object->mode)) {
		problem_report(fsck, PROBLEM_ITEM_KIND, key.object, key.type, key.offset);
		return;
	}
	if (size != sizeof(extent)) {
		problem_report(fsck, PROBLEM_ITEM_SIZE, key.object, key.type, size);
		return;
	}
	memcpy(&extent, bytes, sizeof(extent));
	size_t bad = extent_bad_field(fsck, key.offset, &extent);
	uint32_t length = le32_get(extent.length);
	if (bad) {
		problem_report(fsck, PROBLEM_EXTENT, key.object, key.offset, bad - 1);
		if (bad == offsetof(struct extent_disk, length) + 1)
			return;
	}
	if (key.offset < object->extent_end) {
		problem_report(fsck, PROBLEM_EXTENT_OVERLAP, key.object, key.offset, object->extent_end);
		return;
	}
	object->extent_end = key.offset + length;
	object->extent_blocks += length;
	extent_claim(fsck, key, le64_get(extent.physical), length);
}
