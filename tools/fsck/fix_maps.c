/*
 * Maps and the roots block, as the walk through the trees found them to be. First (fix_maps) only what is in
 * use is marked so; what seems to be free waits until all else is right (fix_leaks). Only a map that was lost
 * is made exact as soon as the trees are whole: it says that all is in use, and room is needed.
 */
#include "fsck.h"

#include <errno.h>
#include <string.h>

/* What a group should be. A type that nodes may have is kept while nodes may lie about. */
static uint8_t type_wanted(const struct fsck *fsck, const struct map_disk *map, uint64_t zone, unsigned group)
{
	uint8_t kinds = fsck->group_kinds[zone * ZONE_GROUPS + group], type = map->group_type[group];

	if (kinds >> GROUP_METADATA & 1)
		return GROUP_METADATA;
	if (!(kinds >> GROUP_DATA & 1))
		return type;
	return type == GROUP_METADATA && !fsck_complete(fsck) ? GROUP_METADATA : GROUP_DATA;
}

/* The map as it should be; `exact`: what nobody owns is free. */
static void map_wanted(const struct fsck *fsck, uint64_t zone, bool exact, struct map_disk *map)
{
	uint64_t start = fsck->zone_first + zone * ZONE_BLOCKS;

	if (fsck_complete(fsck) && map->rebuilt) {
		exact = true;
		map->rebuilt = 0;
	}
	for (unsigned at = 0; at < ZONE_BLOCKS && start + at < fsck->size_blocks; at++) {
		uint8_t *byte = &map->bitmap[at / 8], bit = (uint8_t)(1u << at % 8);
		if (maps_bit(fsck->owned, start + at))
			*byte = (uint8_t)(*byte | bit);
		else if (exact)
			*byte = (uint8_t)(*byte & ~bit);
	}
	for (unsigned group = 0; group < ZONE_GROUPS; group++)
		map->group_type[group] = type_wanted(fsck, map, zone, group);
	map->zone = le32_of((uint32_t)zone);
	map->reserved = le32_of(0);
	memset(map->unused, 0, sizeof(map->unused));
	memset(map->unused_end, 0, sizeof(map->unused_end));
}

static int map_store(struct fsck *fsck, uint64_t zone, const struct map_disk *wanted)
{
	struct map_disk *map;
	struct txn *txn;
	int result = repair_begin(fsck->image, 2, &txn);

	if (result < 0)
		return result;
	result = repair_map(txn, zone, &map);
	if (result == 0)
		memcpy(map, wanted, sizeof(*map));
	return fix_end(txn, result);
}

/* All maps at once. 1: all are as they should be. */
static int maps_store(struct fsck *fsck, bool exact)
{
	int changed = 1;

	for (uint64_t zone = 0; zone < fsck->zones; zone++) {
		uint64_t block = fsck->zone_first + zone * ZONE_BLOCKS;
		struct map_disk map;
		const void *bytes;
		int result;

		image_read_lock(fsck->image);
		result = image_block(fsck->image, block, MAGIC_MAP, &bytes);
		if (result == 0)
			memcpy(&map, bytes, sizeof(map));
		map_wanted(fsck, zone, exact, &map);
		bool same = result == 0 && !memcmp(&map, bytes, sizeof(map));
		image_read_unlock(fsck->image);
		if (result == 0 && !same)
			result = map_store(fsck, zone, &map);
		if (result < 0)
			return result;
		if (!same)
			changed = 0;
	}
	return changed;
}

/* The first of a round mends all maps; the others are mended by it. */
static int maps_once(struct fsck *fsck, bool exact)
{
	int result = fsck->maps_fixed ? 0 : maps_store(fsck, exact);

	fsck->maps_fixed = result == 0;
	return result;
}

int fix_maps(struct fsck *fsck, const struct fix *fix)
{
	(void)fix;
	return maps_once(fsck, false);
}

int fix_leaks(struct fsck *fsck, const struct fix *fix)
{
	(void)fix;
	return maps_once(fsck, true);
}

/* A file's blocks among a tree's: a group cannot have both types, and the tree is worth more. */
int fix_group(struct fsck *fsck, const struct fix *fix)
{
	uint64_t first = fix->a - fsck->zone_first, last = fix->b - fsck->zone_first;

	for (uint64_t group = first / GROUP_BLOCKS; fix->c == GROUP_DATA && group <= last / GROUP_BLOCKS;
	     group++)
		if (fsck->group_kinds[group] >> GROUP_METADATA & 1)
			return fix_delete(fsck, fix);
	return maps_once(fsck, false);
}

/* ---- the roots block ---- */

static void root_right(struct fsck *fsck, unsigned tree, struct root_disk *root)
{
	const struct node_disk *node;

	if (le64_get(root->block) == 0)
		memset(root, 0, sizeof(*root));
	root->reserved = le32_of(0);
	if (le64_get(root->snapshot) > fsck->generation)
		root->snapshot = le64_of(0);
	if (le64_get(root->birth) > fsck->generation && tree == TREE_FILES &&
	    repair_node(fsck->image, le64_get(root->block), &node) == 0)
		root->birth = node->head.birth;
}

static void roots_right(struct fsck *fsck, struct roots_disk *roots)
{
	if (le64_get(roots->next_inode) < FIRST_INODE)
		roots->next_inode = le64_of(FIRST_INODE);
	if (le64_get(roots->next_inode) <= fsck->greatest)
		roots->next_inode = le64_of(fsck->greatest + 1);
	if (le64_get(roots->salvage) > 1)
		roots->salvage = le64_of(1);
	roots->head.reserved = le32_of(0);
	memset(roots->unused_end, 0, sizeof(roots->unused_end));
	for (unsigned tree = 0; tree < TREE_COUNT; tree++)
		root_right(fsck, tree, &roots->roots[tree]);
	if (!fsck_complete(fsck))
		return;
	roots->inodes = le64_of(fsck->inode_count);
	roots->guarded = le64_of(fsck->guarded);
	roots->data_blocks = le64_of(fsck->data_blocks);
	roots->meta_blocks = le64_of(fsck->meta_blocks);
}

int fix_roots(struct fsck *fsck, const struct fix *fix)
{
	struct roots_disk *roots;
	struct txn *txn;
	int result = repair_begin(fsck->image, 2, &txn);

	(void)fix;
	if (result < 0)
		return result;
	result = repair_roots(txn, &roots);
	if (result == 0)
		roots_right(fsck, roots);
	return fix_end(txn, result);
}

int fix_tree(struct fsck *fsck, const struct fix *fix)
{
	struct roots_disk *roots;
	struct txn *txn;
	int result = repair_begin(fsck->image, 2, &txn);

	if (result < 0)
		return result;
	result = repair_roots(txn, &roots);
	if (result == 0)
		memset(&roots->roots[fix->a], 0, sizeof(roots->roots[fix->a]));
	return fix_end(txn, result);
}
