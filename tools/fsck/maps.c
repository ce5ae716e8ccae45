/* The zones' maps, and who owns what they say is in use. */
#include "fsck.h"

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

static unsigned bits_in_use(const struct map_disk *map, unsigned from, unsigned to)
{
	unsigned count = 0;

	for (unsigned bit = from; bit < to; bit++)
		count += maps_bit(map->bitmap, bit);
	return count;
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

static void map_check(struct fsck *fsck, uint64_t zone, const struct map_disk *map)
{
	uint64_t start = fsck->zone_first + zone * ZONE_BLOCKS;
	uint64_t inside = fsck->size_blocks - start;
	unsigned own_blocks = zone ? 1 : 2; /* the map, and in zone 0 the roots block */

	map_fields_check(fsck, zone, map);
	for (unsigned group = 0; group < ZONE_GROUPS; group++) {
		unsigned first = group * GROUP_BLOCKS;
		unsigned used;
		if (map->group_type[group] > GROUP_DATA)
			problem_report(fsck, PROBLEM_GROUP_TYPE, zone, group, map->group_type[group]);
		if (map->group_type[group] != GROUP_NONE)
			continue;
		/* the map's own block needs no group of a type */
		used = bits_in_use(map, group ? first : own_blocks, first + GROUP_BLOCKS);
		if (used)
			problem_report(fsck, PROBLEM_GROUP_NONE, zone, group, used);
	}
	if (inside < ZONE_BLOCKS) {
		unsigned past = bits_in_use(map, (unsigned)inside, ZONE_BLOCKS);
		if (past)
			problem_report(fsck, PROBLEM_MAP_PAST_END, zone, past, 0);
	}
	for (unsigned block = 0; block < own_blocks; block++)
		if (!maps_bit(map->bitmap, block))
			problem_report(fsck, PROBLEM_MAP_SELF, zone, start + block, 0);
	for (unsigned block = 0; block < own_blocks && start + block < fsck->size_blocks; block++)
		bit_set(fsck->owned, start + block);
}

static uint64_t zones_with_room(const struct fsck *fsck)
{
	if (fsck->size_blocks <= fsck->zone_first)
		return 0;
	return (fsck->size_blocks - fsck->zone_first + ZONE_BLOCKS - 1) / ZONE_BLOCKS;
}

uint64_t maps_check(struct fsck *fsck)
{
	uint64_t before = fsck->problems;
	uint64_t most = zones_with_room(fsck);

	fsck->zones = fsck->roots ? le64_get(fsck->roots->zones) : most;
	if (fsck->zones == 0 || fsck->zones > most) {
		problem_report(fsck, PROBLEM_ZONES, fsck->zones, most, 0);
		fsck->zones = most;
	}
	fsck->maps = calloc(fsck->zones + 1, sizeof(const struct map_disk *));
	fsck->owned = calloc(fsck->size_blocks / 8 + 1, 1);
	if (!fsck->maps || !fsck->owned) {
		fsck->out_of_memory = true;
		return 0;
	}
	for (uint64_t zone = 0; zone < fsck->zones; zone++) {
		uint64_t block = fsck->zone_first + zone * ZONE_BLOCKS;
		const void *bytes;
		if (image_block(fsck->image, block, MAGIC_MAP, &bytes)) {
			problem_report_block(fsck, PROBLEM_MAP, block, zone);
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
	unsigned own_blocks = zone ? 1 : 2;
	return zone < fsck->zones && in_zone >= own_blocks && in_zone + count <= ZONE_BLOCKS;
}

bool maps_claim(struct fsck *fsck, uint64_t start, uint64_t count, enum group_type type)
{
	bool is_free = false, is_other = false, is_twice = false;

	if (!place_right(fsck, start, count)) {
		problem_report(fsck, PROBLEM_BLOCK_RANGE, start, start + count - 1, 0);
		return false;
	}
	uint64_t zone = (start - fsck->zone_first) / ZONE_BLOCKS;
	uint64_t in_zone = (start - fsck->zone_first) % ZONE_BLOCKS;
	const struct map_disk *map = fsck->maps[zone];
	for (uint64_t i = 0; i < count; i++) {
		is_twice |= maps_bit(fsck->owned, start + i);
		bit_set(fsck->owned, start + i);
		if (!map)
			continue;
		is_free |= !maps_bit(map->bitmap, in_zone + i);
		is_other |= map->group_type[(in_zone + i) / GROUP_BLOCKS] != type;
	}
	if (is_twice)
		problem_report(fsck, PROBLEM_BLOCK_TWICE, start, start + count - 1, 0);
	if (is_free)
		problem_report(fsck, PROBLEM_BLOCK_FREE, start, start + count - 1, 0);
	if (is_other)
		problem_report(fsck, PROBLEM_BLOCK_GROUP, start, start + count - 1, type);
	return !is_twice;
}
