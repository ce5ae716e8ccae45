/*
 * Cutting bad nodes out of a tree, and putting back what whole leaves below them hold.
 *
 * Those leaves are found by looking at every block of a METADATA group that is marked in use and belongs to
 * no tree: a healthy image has none. The mark roots_disk.salvage, set by the transaction that cuts and
 * cleared when all is back, tells a repair that is started again that it has to look. What the tree holds
 * already always counts.
 */
#include "fsck.h"

#include "../common/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_AT_ONCE 16u

/* Where leaves come from, the most trusted first. */
enum source {
	SOURCE_WHOLE,
	SOURCE_MAP_REBUILT, /* a map that was lost says that it is in use: it may be an old one */
	SOURCE_DOUBTFUL,    /* its checksum is wrong: something in it is too, but not all */
	SOURCES
};

int fix_cut(struct fsck *fsck, const struct fix *fix)
{
	struct txn *txn;
	int result = repair_begin(fsck->image, REPAIR_CUT_BLOCKS, &txn);

	if (result < 0)
		return result;
	return fix_end(txn, repair_cut(txn, fix->a, fix->at.key, fix->at.level));
}

/* ---- putting back ---- */

static int leaf_read(struct fsck *fsck, uint64_t block, enum source source, const struct node_disk **ret_leaf)
{
	return source == SOURCE_DOUBTFUL ? repair_node_doubtful(fsck->image, block, ret_leaf)
					 : repair_node(fsck->image, block, ret_leaf);
}

static bool leaf_lost(struct fsck *fsck, uint64_t block, enum source source)
{
	const struct node_disk *node;

	return !maps_bit(fsck->owned, block) && leaf_read(fsck, block, source, &node) == 0 &&
	       le32_get(node->tree) == TREE_FILES && le16_get(node->level) == 0;
}

static void leaves_find(struct fsck *fsck, enum source source, struct number_list *list)
{
	for (uint64_t zone = 0; zone < fsck->zones; zone++) {
		uint64_t start = fsck->zone_first + zone * ZONE_BLOCKS;
		const void *bytes;
		const struct map_disk *map;

		if (image_block(fsck->image, start, MAGIC_MAP, &bytes))
			continue;
		map = bytes;
		if (source != SOURCE_DOUBTFUL && (source == SOURCE_MAP_REBUILT) != (map->rebuilt != 0))
			continue;
		for (unsigned at = 1; at < ZONE_BLOCKS && start + at < fsck->size_blocks; at++)
			if (map->group_type[at / GROUP_BLOCKS] == GROUP_METADATA &&
			    maps_bit(map->bitmap, at) && leaf_lost(fsck, start + at, source))
				numbers_add(fsck, list, start + at);
	}
}

/* Are these blocks of a file, by the map? */
static bool blocks_in_use(struct fsck *fsck, uint64_t start, uint32_t count)
{
	uint64_t zone = (start - fsck->zone_first) / ZONE_BLOCKS;
	uint64_t at = (start - fsck->zone_first) % ZONE_BLOCKS;
	const struct map_disk *map;
	const void *bytes;

	if (image_block(fsck->image, fsck->zone_first + zone * ZONE_BLOCKS, MAGIC_MAP, &bytes))
		return false;
	map = bytes;
	for (uint32_t i = 0; i < count; i++)
		if (!maps_bit(map->bitmap, at + i) ||
		    (map->group_type[(at + i) / GROUP_BLOCKS] != GROUP_DATA && !map->rebuilt))
			return false;
	return true;
}

/* An extent whose blocks are free, or have found an owner meanwhile, is an old one or a wrong one. Notes the
 * owner otherwise. */
static bool extent_free(struct fsck *fsck, const void *bytes, size_t size)
{
	struct extent_disk extent;
	uint64_t start;

	if (size != sizeof(extent))
		return false;
	memcpy(&extent, bytes, sizeof(extent));
	start = le64_get(extent.physical);
	if (maps_claimable(fsck, start, le32_get(extent.length)) ||
	    !blocks_in_use(fsck, start, le32_get(extent.length)))
		return false;
	for (uint64_t block = start; block < start + le32_get(extent.length); block++)
		fsck->owned[block / 8] = (uint8_t)(fsck->owned[block / 8] | 1u << block % 8);
	return true;
}

static int item_put_back(struct fsck *fsck, struct txn *txn, const struct node_disk *leaf, unsigned index)
{
	const struct slot_disk *slot = node_slot(leaf, index);
	const uint8_t *bytes = (const uint8_t *)leaf + le16_get(slot->at);
	struct key key = {
	    .object = le64_get(slot->object), .type = slot->type, .offset = le64_get(slot->offset)};
	uint8_t present[ITEM_MAX];
	int result = fix_read(fsck, key, present, sizeof(present), NULL);

	if (result <= 0)
		return result;
	if (key.type == ITEM_EXTENT && !extent_free(fsck, bytes, le16_get(slot->size)))
		return 0;
	return tree_put(txn, TREE_FILES, key, bytes, le16_get(slot->size));
}

static int leaf_put_back(struct fsck *fsck, uint64_t block, enum source source)
{
	_Alignas(16) uint8_t copy[BLOCK_SIZE];
	const struct node_disk *leaf = (const void *)copy, *node;
	unsigned count, done = 0;
	int result;

	image_read_lock(fsck->image);
	result = leaf_read(fsck, block, source, &node);
	if (result == 0)
		memcpy(copy, node, BLOCK_SIZE);
	image_read_unlock(fsck->image);
	if (result < 0)
		return result;
	count = le16_get(leaf->count);
	while (result == 0 && done < count) {
		struct txn *txn;
		unsigned end = done + ITEMS_AT_ONCE < count ? done + ITEMS_AT_ONCE : count;

		result = fix_begin(fsck, ITEMS_AT_ONCE, &txn);
		if (result < 0)
			return result;
		for (; done < end && result == 0; done++)
			result = item_put_back(fsck, txn, leaf, done);
		result = fix_end(txn, result);
	}
	return result;
}

static int salvage_ended(struct fsck *fsck)
{
	struct roots_disk *roots;
	struct txn *txn;
	int result = repair_begin(fsck->image, 2, &txn);

	if (result < 0)
		return result;
	result = repair_roots(txn, &roots);
	if (result == 0)
		roots->salvage = le64_of(0);
	return fix_end(txn, result);
}

/* All lists are made before anything is put back: that takes blocks, which are not lost leaves. */
static int leaves_put_back(struct fsck *fsck, const struct number_list *lists)
{
	for (unsigned source = 0; source < SOURCES; source++) {
		for (size_t i = 0; i < lists[source].count; i++) {
			int result = leaf_put_back(fsck, lists[source].numbers[i], source);

			progress_stage("salvage", i, lists[source].count);
			if (result < 0)
				return result;
		}
	}
	return 0;
}

int fix_salvage(struct fsck *fsck, const struct fix *fix)
{
	struct number_list lists[SOURCES] = {0};
	int result;

	(void)fix;
	image_read_lock(fsck->image);
	for (unsigned source = 0; source < SOURCES; source++)
		leaves_find(fsck, source, &lists[source]);
	image_read_unlock(fsck->image);
	result = fsck->out_of_memory ? -ENOMEM : leaves_put_back(fsck, lists);
	for (unsigned source = 0; source < SOURCES; source++)
		free(lists[source].numbers);
	return result < 0 ? result : salvage_ended(fsck);
}
