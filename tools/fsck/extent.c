/* Extents: in order, apart from each other, in data blocks that nobody else has. */
#include "fsck.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BLOCKS_MAX (UINT64_C(1) << 44)

static size_t extent_bad_field(const struct fsck *fsck, uint64_t logical, const struct extent_disk *extent)
{
	uint32_t length = le32_get(extent->length);

	if (length == 0 || length > EXTENT_MAX_BLOCKS || logical >= FILE_BLOCKS_MAX ||
	    length > FILE_BLOCKS_MAX - logical)
		return offsetof(struct extent_disk, length);
	if (le32_get(extent->flags) & ~EXTENT_UNWRITTEN)
		return offsetof(struct extent_disk, flags);
	if (le64_get(extent->birth) == 0 || le64_get(extent->birth) > fsck->generation)
		return offsetof(struct extent_disk, birth);
	return 0;
}

void extent_item(struct fsck *fsck, struct object *object, struct key key, const uint8_t *bytes, size_t size)
{
	struct extent_disk extent;

	if (!S_ISREG(object->mode)) {
		problem_report(fsck, PROBLEM_ITEM_STRAY, key.object, key.type, key.offset);
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
		problem_report(fsck, PROBLEM_EXTENT, key.object, key.offset, bad);
		if (bad == offsetof(struct extent_disk, length))
			return;
	}
	if (key.offset < object->extent_end)
		problem_report(fsck, PROBLEM_EXTENT_OVERLAP, key.object, key.offset, object->extent_end);
	object->extent_end = key.offset + length;
	object->extent_blocks += length;
	if (maps_claim(fsck, le64_get(extent.physical), length, GROUP_DATA))
		fsck->data_blocks += length;
}
