/* Blocks in use that nobody owns, and the counters in the roots block. */
#include "fsck.h"

static void leak_end(struct fsck *fsck, uint64_t start, uint64_t end, uint8_t type)
{
	if (start < end)
		problem_report(fsck, type == GROUP_METADATA ? PROBLEM_LEAK_META : PROBLEM_LEAK_DATA, start,
			       end - 1, 0);
}

/* Neighbours of one group are said as one range. */
static void zone_check(struct fsck *fsck, uint64_t zone)
{
	const struct map_disk *map = fsck->maps[zone];
	uint64_t first = fsck->zone_first + zone * ZONE_BLOCKS;

	for (unsigned group = 0; group < ZONE_GROUPS; group++) {
		uint64_t start = first + (uint64_t)group * GROUP_BLOCKS, end = start;
		for (unsigned i = 0; i < GROUP_BLOCKS; i++) {
			unsigned in_zone = group * GROUP_BLOCKS + i;
			uint64_t block = first + in_zone;
			if (block >= fsck->size_blocks)
				break;
			if (maps_bit(map->bitmap, in_zone) && !maps_bit(fsck->owned, block)) {
				if (end != block) {
					leak_end(fsck, start, end, map->group_type[group]);
					start = block;
				}
				end = block + 1;
			}
		}
		leak_end(fsck, start, end, map->group_type[group]);
	}
}

static void count_check(struct fsck *fsck, enum problem_code code, le64 said, uint64_t found)
{
	if (le64_get(said) != found)
		problem_report(fsck, code, le64_get(said), found, 0);
}

uint64_t space_check(struct fsck *fsck)
{
	uint64_t before = fsck->problems;

	if (!fsck_complete(fsck))
		return 0;
	for (uint64_t zone = 0; zone < fsck->zones; zone++)
		if (fsck->maps[zone] && !fsck->maps[zone]->rebuilt) /* else said already */
			zone_check(fsck, zone);
	count_check(fsck, PROBLEM_COUNT_INODES, fsck->roots->inodes, fsck->inode_count);
	count_check(fsck, PROBLEM_COUNT_GUARDED, fsck->roots->guarded, fsck->guarded);
	count_check(fsck, PROBLEM_COUNT_DATA, fsck->roots->data_blocks, fsck->data_blocks);
	count_check(fsck, PROBLEM_COUNT_META, fsck->roots->meta_blocks, fsck->meta_blocks);
	return fsck->problems - before;
}
