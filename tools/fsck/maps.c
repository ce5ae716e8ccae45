/* The zones' maps, and who owns what they say is in use. */
#include "fsck.h"

#include "../common/progress.h"

#include <stddef.h>
#include <stdlib.h>

bool maps_bit(const uint8_t *bitmap, uint64_t bit)
{
	return bitmap[bit / 8] >> (bit % 8) & 1;
}

static void bit_set(uint8_t *bitmap, uint64_t bit)
{
	bitmap[bit / 8] = (uint8_t)(bitmap[bit / 8] | 1u << bit % 8);
}

static void map_fields_check(struct fsck *fsck, uint64_t zone, const struct map_disk *map)
{
	size_t bad = 0;

	if (le32_get(map->zone) != zone)
		bad = offsetof(struct map_disk, zone);
	else if (le32_get(map->reserved))
		bad = offsetof(struct map_disk, reserved);
	for (size_t i = 0; !bad && i < sizeof(map->unused); i++)
		if (map->unused[i])
			bad = offsetof(struct map_disk, unused) + i;
	for (size_t i = 0; !bad && i < sizeof(map->unused_end); i++)
		if (map->unused_end[i])
			bad = offsetof(struct map_disk, unused_end) + i;
	if (bad)
		problem_report(fsck, PROBLEM_MAP_FIELDS, zone, bad, 0);
}

/* What else could be wrong with a map was seen by image_open, which made it anew. */
static void map_check(struct fsck *fsck, uint64_t zone, const struct map_disk *map)
{
	uint64_t start = fsck->zone_first + zone * ZONE_BLOCKS;
	unsigned own_blocks = zone ? 1 : ROOTS_OFFSET + 1; /* the map, and in zone 0 the roots block */

	map_fields_check(fsck, zone, map);
	if (map->rebuilt)
		problem_report(fsck, PROBLEM_MAP_REBUILT, zone, 0, 0);
	for (unsigned block = 0; block < own_blocks; block++)
		bit_set(fsck->owned, start + block);
}

static bool maps_memory(struct fsck *fsck)
{
	fsck->maps = calloc(fsck->zones + 1, sizeof(const struct map_disk *));
	fsck->owned = calloc(fsck->size_blocks / 8 + 1, 1);
	fsck->group_kinds = calloc(fsck->zones + 1, ZONE_GROUPS);
	if (fsck->maps && fsck->owned && fsck->group_kinds)
		return true;
	fsck->out_of_memory = true;
	return false;
}

uint64_t maps_check(struct fsck *fsck)
{
	uint64_t before = fsck->problems;

	fsck->zones = fsck->roots ? le64_get(fsck->roots->zones) : 0;
	if (!maps_memory(fsck))
		return 0;
	for (uint64_t zone = 0; zone < fsck->zones; zone++) {
		uint64_t block = fsck->zone_first + zone * ZONE_BLOCKS;
		const void *bytes;
		progress_stage("maps", zone, fsck->zones);
		if (image_block(fsck->image, block, MAGIC_MAP, &bytes)) {
			problem_report_block(fsck, PROBLEM_MAP, block, zone, image_damage(fsck->image));
			fsck->incomplete = true;
			continue;
		}
		fsck->maps[zone] = bytes;
		map_check(fsck, zone, fsck->maps[zone]);
	}
	return fsck->problems - before;
}

/* May a file or tree have it, as far as its place goes? */
static bool place_right(const struct fsck *fsck, uint64_t start, uint64_t count)
{
	if (count == 0 || start < fsck->zone_first || start >= fsck->size_blocks ||
	    count > fsck->size_blocks - start)
		return false;
	uint64_t zone = (start - fsck->zone_first) / ZONE_BLOCKS;
	uint64_t in_zone = (start - fsck->zone_first) % ZONE_BLOCKS;
	unsigned own_blocks = zone ? 1 : ROOTS_OFFSET + 1;
	return zone < fsck->zones && in_zone >= own_blocks && in_zone + count <= ZONE_BLOCKS;
}

unsigned maps_claimable(const struct fsck *fsck, uint64_t start, uint64_t count)
{
	if (!place_right(fsck, start, count))
		return CLAIM_OUTSIDE;
	for (uint64_t i = 0; i < count; i++)
		if (maps_bit(fsck->owned, start + i))
			return CLAIM_TWICE;
	return 0;
}

void maps_claim(struct fsck *fsck, uint64_t start, uint64_t count, enum group_type type)
{
	uint64_t zone = (start - fsck->zone_first) / ZONE_BLOCKS;
	uint64_t in_zone = (start - fsck->zone_first) % ZONE_BLOCKS;
	const struct map_disk *map = fsck->maps[zone];
	bool is_free = false, is_other = false;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t group = (in_zone + i) / GROUP_BLOCKS;
		uint8_t *kinds = &fsck->group_kinds[zone * ZONE_GROUPS + group];
		bit_set(fsck->owned, start + i);
		*kinds = (uint8_t)(*kinds | 1u << type);
		if (!map)
			continue;
		is_free |= !maps_bit(map->bitmap, in_zone + i);
		is_other |= map->group_type[group] != type;
	}
	if (is_free)
		problem_report(fsck, PROBLEM_BLOCK_FREE, start, start + count - 1, 0);
	if (is_other)
		problem_report(fsck, PROBLEM_BLOCK_GROUP, start, start + count - 1, type);
}
