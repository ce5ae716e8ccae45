/*
 * Making an image shorter: what lies at its end moves to free blocks before. Here is how short it can get,
 * and the moving of tree nodes; file data is moved by whoever knows the files. A move is a transaction like
 * any other: the new place is written, the pointer changed and the old place freed by one record, and the old
 * place keeps its bytes until that is sealed (R11).
 */
#include "alloc_i.h"
#include "btree_i.h"

#include <errno.h>
#include <string.h>

#define SPARE_BLOCKS 128u /* left free before the end, for what the moves themselves take */

/* ---- how short ---- */

struct group_sums {
	uint64_t data, metadata;	   /* in use */
	uint64_t free_data, free_metadata; /* in groups of that type */
	uint64_t free_groups;		   /* free blocks in groups of no type */
};

static void sums_add(struct group_sums *sums, const struct alloc_group *group, bool add)
{
	uint64_t sign = add ? 1 : UINT64_MAX; /* modulo 2^64 that is -1 */

	if (group->type == GROUP_METADATA) {
		sums->metadata += sign * group->used;
		sums->free_metadata += sign * group->free;
	} else if (group->type == GROUP_DATA) {
		sums->data += sign * group->used;
		sums->free_data += sign * group->free;
	} else {
		sums->free_groups += sign * group->free;
	}
}

/* Is there room in `below` for all that is in use in `above`? */
static bool sums_fit(const struct group_sums *below, const struct group_sums *above)
{
	uint64_t room = below->free_data + below->free_groups, groups = 0;

	if (above->metadata + SPARE_BLOCKS > below->free_metadata)
		groups = (above->metadata + SPARE_BLOCKS - below->free_metadata + GROUP_BLOCKS - 1) /
			 GROUP_BLOCKS * GROUP_BLOCKS;
	return groups <= below->free_groups && above->data + SPARE_BLOCKS <= room - groups;
}

uint64_t image_compact_end(struct image *image, uint64_t *ret_above)
{
	struct alloc *alloc = &image->alloc;
	struct group_sums below = {0}, above = {0};
	uint64_t end, at;

	pthread_mutex_lock(&alloc->lock);
	at = atomic_load(&alloc->zone_count) * ZONE_GROUPS;
	for (uint64_t i = 0; i < at; i++)
		sums_add(&below, &alloc->zones[i / ZONE_GROUPS]->groups[i % ZONE_GROUPS], true);
	end = store_size(image->store) >> BLOCK_SHIFT;
	*ret_above = 0;
	while (at-- > 1) {
		const struct alloc_zone *zone = alloc->zones[at / ZONE_GROUPS];
		const struct alloc_group *group = &zone->groups[at % ZONE_GROUPS];

		sums_add(&below, group, false);
		sums_add(&above, group, true);
		if (!sums_fit(&below, &above))
			break;
		if (zone->start + at % ZONE_GROUPS * GROUP_BLOCKS < end) {
			end = zone->start + at % ZONE_GROUPS * GROUP_BLOCKS;
			*ret_above = above.data + above.metadata;
		}
	}
	/* what is allocated meanwhile goes to the front, too */
	if (*ret_above > 0) {
		alloc->data_hint = alloc->meta_hint = 0;
		for (uint64_t i = 0; i < atomic_load(&alloc->zone_count); i++)
			alloc->zones[i]->cursor = 0;
	}
	pthread_mutex_unlock(&alloc->lock);
	return end;
}

/* ---- tree nodes ---- */

/* Copies the path's node at `level` to a new block and points to that instead. */
static int move_node(struct txn *txn, enum tree_id tree, struct tree_path *path, unsigned level)
{
	struct tree_step *step = &path->steps[level];
	uint64_t block, old = step->block;
	struct node_disk *node, *parent;
	const struct node_disk *from;
	int result = alloc_metadata(txn, &block);

	if (result == 0)
		result = txn_edit_new(txn, block, MAGIC_NODE, (void **)&node);
	if (result == 0)
		result = block_read(txn->image, old, MAGIC_NODE, (const void **)&from);
	if (result < 0)
		return result;
	memcpy((uint8_t *)node + sizeof(node->head), (const uint8_t *)from + sizeof(from->head),
	       BLOCK_SIZE - sizeof(node->head));
	if (level + 1 == path->height) {
		result = tree_set_root(txn, tree, block, le64_get(node->head.birth), level);
	} else {
		struct child_disk child = {.block = le64_of(block), .birth = node->head.birth};

		result = tree_edit(txn, path->steps[level + 1].block, &parent);
		if (result == 0 && !node_replace(parent, path->steps[level + 1].index, &child, sizeof(child)))
			result = -EUCLEAN;
	}
	step->block = block;
	return result < 0 ? result : alloc_free_metadata(txn, old);
}

static unsigned nodes_behind(const struct tree_path *path, uint64_t end)
{
	unsigned count = 0;

	for (unsigned level = 0; level < path->height; level++)
		count += path->steps[level].block >= end;
	return count;
}

/* From the root down, so that each parent stands where it stays. */
static int move_path(struct txn *txn, enum tree_id tree, struct key key, uint64_t end, uint64_t *ret_moved)
{
	struct tree_path path;
	int result = tree_descend(txn->image, tree, key, &path);

	*ret_moved = 0;
	if (result < 0)
		return result;
	txn->below = end;
	for (unsigned level = path.height; level-- > 0 && result == 0;) {
		if (path.steps[level].block < end)
			continue;
		result = move_node(txn, tree, &path, level);
		(*ret_moved)++;
	}
	return result;
}

static int move_in_txn(struct image *image, enum tree_id tree, struct key key, uint64_t end,
		       uint64_t *ret_moved)
{
	struct txn *txn;
	int result = txn_begin(image, 1, 0, &txn);

	if (result < 0)
		return result;
	result = move_path(txn, tree, key, end, ret_moved);
	if (result == 0)
		return txn_commit(txn, NULL);
	txn_abort(txn);
	return result;
}

/* Where there are free metadata blocks before the end but none has host space yet, that is taken first. */
static int move_nodes(struct image *image, enum tree_id tree, struct key key, uint64_t end,
		      uint64_t *ret_moved)
{
	for (;;) {
		int result = move_in_txn(image, tree, key, end, ret_moved);

		if (result != -ENOSPC)
			return result == -ENOENT ? 0 : result;
		result = alloc_extend_metadata_below(image, end);
		if (result < 0)
			return result;
	}
}

int tree_compact(struct image *image, enum tree_id tree, uint64_t end, unsigned leaves, struct key *cursor,
		 uint64_t *ret_moved, bool *ret_more)
{
	uint64_t moved = 0, total = 0;
	int result = 0;

	*ret_more = true;
	for (; leaves > 0 && *ret_more && result == 0; leaves--) {
		struct tree_path path = {0};
		struct key here = *cursor;

		image_read_lock(image);
		result = tree_descend(image, tree, here, &path);
		image_read_unlock(image);
		if (result < 0) {
			*ret_more = false;
			result = result == -ENOENT ? 0 : result; /* an empty tree */
			break;
		}
		*ret_more = path.bounded;
		*cursor = path.high;
		if (nodes_behind(&path, end) == 0)
			continue;
		result = move_nodes(image, tree, here, end, &moved);
		total += result == 0 ? moved : 0;
	}
	*ret_moved = total;
	return result;
}
