/* The B+tree: inserting and replacing. An error leaves the transaction to be aborted. */
#include "btree_i.h"

#include <errno.h>
#include <string.h>

int tree_edit(struct txn *txn, uint64_t block, struct node_disk **ret_node)
{
	return txn_edit(txn, block, MAGIC_NODE, (void **)ret_node);
}

int tree_set_root(struct txn *txn, enum tree_id tree, uint64_t block, uint64_t birth, unsigned level)
{
	struct roots_disk *roots;
	int result = txn_roots(txn, &roots);

	if (result < 0)
		return result;
	roots->roots[tree].block = le64_of(block);
	roots->roots[tree].birth = le64_of(birth);
	roots->roots[tree].level = le32_of(level);
	return 0;
}

static int tree_new_node(struct txn *txn, enum tree_id tree, unsigned level, struct node_disk **ret_node)
{
	uint64_t block;
	int result = alloc_metadata(txn, &block);

	if (result == 0)
		result = txn_edit_new(txn, block, MAGIC_NODE, (void **)ret_node);
	if (result == 0)
		node_start(*ret_node, tree, level, le64_get(txn->image->super.incompat));
	return result;
}

static struct child_disk child_of(const struct node_disk *node)
{
	return (struct child_disk){.block = node->head.block, .birth = node->head.birth};
}

/* The first item of a tree. */
static int tree_plant(struct txn *txn, enum tree_id tree, struct key key, const void *bytes, unsigned size)
{
	struct node_disk *leaf;
	int result = tree_new_node(txn, tree, 0, &leaf);

	if (result < 0)
		return result;
	node_insert(leaf, 0, key, bytes, size);
	return tree_set_root(txn, tree, le64_get(leaf->head.block), le64_get(leaf->head.birth), 0);
}

/* A new root above the old one, which has been split. */
static int tree_raise(struct txn *txn, enum tree_id tree, unsigned level, const struct node_disk *left,
		      const struct node_disk *right)
{
	struct child_disk children[2] = {child_of(left), child_of(right)};
	struct node_disk *root;
	int result;

	if (level >= TREE_MAX_LEVEL)
		return -EFBIG;
	result = tree_new_node(txn, tree, level, &root);
	if (result < 0)
		return result;
	node_insert(root, 0, (struct key){0}, &children[0], sizeof(children[0]));
	node_insert(root, 1, node_key(right, 0), &children[1], sizeof(children[1]));
	return tree_set_root(txn, tree, le64_get(root->head.block), le64_get(root->head.birth), level);
}

/* Inserts at the path's leaf, splitting nodes upwards as far as they are full. */
static int tree_insert(struct txn *txn, enum tree_id tree, const struct tree_path *path, struct key key,
		       const void *bytes, unsigned size)
{
	struct child_disk child;

	for (unsigned level = 0;; level++) {
		const struct tree_step *step = &path->steps[level];
		unsigned index = level == 0 ? step->index : step->index + 1;
		struct node_disk *node, *right;
		int result = tree_edit(txn, step->block, &node);

		if (result < 0)
			return result;
		if (node_fits(node, size)) {
			node_insert(node, index, key, bytes, size);
			return 0;
		}
		result = tree_new_node(txn, tree, level, &right);
		if (result < 0)
			return result;
		node_split(node, right, index, key, bytes, size);
		if (level + 1 == path->height)
			return tree_raise(txn, tree, level + 1, node, right);
		child = child_of(right);
		key = node_key(right, 0);
		bytes = &child;
		size = sizeof(child);
	}
}

int tree_put(struct txn *txn, enum tree_id tree, struct key key, const void *bytes, size_t size)
{
	struct tree_path path;
	struct node_disk *leaf;
	int result;

	if (size > ITEM_MAX || !txn->open)
		return -EINVAL;
	result = tree_descend(txn->image, tree, key, &path);
	if (result == -ENOENT)
		return tree_plant(txn, tree, key, bytes, (unsigned)size);
	if (result < 0)
		return result;
	if (path.exact) {
		result = tree_edit(txn, path.steps[0].block, &leaf);
		if (result < 0)
			return result;
		if (node_replace(leaf, path.steps[0].index, bytes, (unsigned)size))
			return 0;
		node_remove(leaf, path.steps[0].index);
	}
	return tree_insert(txn, tree, &path, key, bytes, (unsigned)size);
}
