/* The B+tree: deleting, and keeping nodes from getting too empty. An error leaves the transaction to be
 * aborted. */
#include "btree_i.h"

#include <errno.h>

/* The key of the first slot is the least that may stand below an inner node: when that falls, it falls for
 * the first nodes of all levels down from there. */
static int tree_lower_first(struct txn *txn, enum tree_id tree, uint64_t block, unsigned level,
			    struct key key)
{
	for (; level > 0; level--) {
		struct node_disk *node;
		uint64_t birth;
		int result = tree_edit(txn, block, &node);

		if (result < 0)
			return result;
		if (le16_get(node->level) != level || le32_get(node->tree) != (uint32_t)tree ||
		    node_count(node) == 0)
			return image_damaged(txn->image, "tree %d, node %llu: of another level or tree",
					     (int)tree, (unsigned long long)block);
		node_set_key(node, 0, key);
		node_child(node, 0, &block, &birth);
	}
	return 0;
}

int tree_remove_child(struct txn *txn, enum tree_id tree, uint64_t block, unsigned level, unsigned index)
{
	struct node_disk *node;
	struct key key;
	uint64_t child, birth;
	int result = tree_edit(txn, block, &node);

	if (result < 0)
		return result;
	key = node_key(node, index);
	node_remove(node, index);
	if (index > 0 || node_count(node) == 0)
		return 0;
	node_set_key(node, 0, key);
	node_child(node, 0, &child, &birth);
	return tree_lower_first(txn, tree, child, level - 1, key);
}

/* The child at `index` of the node at `level` of the path, checked. */
static int tree_sibling(struct txn *txn, enum tree_id tree, const struct node_disk *parent, unsigned level,
			unsigned index, uint64_t *ret_block, const struct node_disk **ret_node)
{
	struct key low = node_key(parent, index), high;
	bool bounded = index + 1 < node_count(parent);
	uint64_t birth;

	if (bounded)
		high = node_key(parent, index + 1);
	node_child(parent, index, ret_block, &birth);
	return tree_node(txn->image, tree, *ret_block, birth, level, low, bounded ? &high : NULL, ret_node);
}

/* Merges children `index` and `index + 1` of the parent of the path's node at `level`, if they fit into one.
 * 1: done, 0: they do not fit. */
static int tree_merge(struct txn *txn, enum tree_id tree, const struct tree_path *path, unsigned level,
		      unsigned index)
{
	uint64_t parent_block = path->steps[level + 1].block, left_block, right_block;
	const struct node_disk *parent, *left, *right;
	struct node_disk *node;
	int result = block_read(txn->image, parent_block, MAGIC_NODE, (const void **)&parent);

	if (result == 0)
		result = tree_sibling(txn, tree, parent, level, index, &left_block, &left);
	if (result == 0)
		result = tree_sibling(txn, tree, parent, level, index + 1, &right_block, &right);
	if (result < 0)
		return result;
	if (node_used(left) + node_used(right) > node_room(left))
		return 0;
	result = tree_edit(txn, left_block, &node);
	if (result < 0)
		return result;
	node_append(node, right, 0, node_count(right));
	result = alloc_free_metadata(txn, right_block);
	if (result == 0)
		result = tree_remove_child(txn, tree, parent_block, level + 1, index + 1);
	return result < 0 ? result : 1;
}

/* A node with few items goes together with the neighbour before or behind it. 1: it did. */
static int tree_merge_any(struct txn *txn, enum tree_id tree, const struct tree_path *path, unsigned level)
{
	unsigned index = path->steps[level + 1].index;
	const struct node_disk *parent;
	int result = block_read(txn->image, path->steps[level + 1].block, MAGIC_NODE, (const void **)&parent);

	if (result < 0)
		return result;
	if (index + 1 < node_count(parent)) {
		result = tree_merge(txn, tree, path, level, index);
		if (result != 0)
			return result;
	}
	return index > 0 ? tree_merge(txn, tree, path, level, index - 1) : 0;
}

/* The root has lost items: an empty one goes, and one with a single child hands over to it. */
static int tree_sink(struct txn *txn, enum tree_id tree, uint64_t block, unsigned level)
{
	const struct node_disk *node;
	int result = block_read(txn->image, block, MAGIC_NODE, (const void **)&node);

	if (result < 0)
		return result;
	if (node_count(node) == 0) {
		result = alloc_free_metadata(txn, block);
		return result < 0 ? result : tree_set_root(txn, tree, 0, 0, 0);
	}
	while (level > 0 && node_count(node) == 1) {
		uint64_t child, birth;

		node_child(node, 0, &child, &birth);
		result = alloc_free_metadata(txn, block);
		if (result < 0)
			return result;
		block = child;
		level--;
		result = tree_node(txn->image, tree, block, birth, level, (struct key){0}, NULL, &node);
		if (result == 0)
			result = tree_set_root(txn, tree, block, birth, level);
		if (result < 0)
			return result;
	}
	return 0;
}

/* From the leaf upwards: frees empty nodes and merges those with few items, as long as that changes the level
 * above. */
static int tree_shrink(struct txn *txn, enum tree_id tree, const struct tree_path *path)
{
	for (unsigned level = 0; level + 1 < path->height; level++) {
		const struct tree_step *step = &path->steps[level], *parent = step + 1;
		const struct node_disk *node;
		int result = block_read(txn->image, step->block, MAGIC_NODE, (const void **)&node);

		if (result < 0)
			return result;
		if (node_count(node) == 0) {
			result = alloc_free_metadata(txn, step->block);
			if (result == 0)
				result =
				    tree_remove_child(txn, tree, parent->block, level + 1, parent->index);
			if (result < 0)
				return result;
		} else if (node_used(node) < node_room(node) / 3) {
			result = tree_merge_any(txn, tree, path, level);
			if (result <= 0)
				return result;
		} else {
			return 0;
		}
	}
	return tree_sink(txn, tree, path->steps[path->height - 1].block, path->height - 1);
}

int tree_delete(struct txn *txn, enum tree_id tree, struct key key)
{
	struct tree_path path;
	struct node_disk *leaf;
	int result;

	if (!txn->open)
		return -EINVAL;
	result = tree_descend(txn->image, tree, key, &path);
	if (result < 0)
		return result;
	if (!path.exact)
		return -ENOENT;
	result = tree_edit(txn, path.steps[0].block, &leaf);
	if (result < 0)
		return result;
	node_remove(leaf, path.steps[0].index);
	return tree_shrink(txn, tree, &path);
}
