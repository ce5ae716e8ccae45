/* The B+tree: finding and walking. Never recursive; every walk is bounded by TREE_MAX_LEVEL and by keys that
 * ascend. */
#include "btree_i.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int tree_damaged(struct image *image, enum tree_id tree, uint64_t block, const char *why)
{
	if (image_failure(image))
		return -EIO;
	return image_damaged(image, "tree %d, node %" PRIu64 ": %s", (int)tree, block, why);
}

int tree_node(struct image *image, enum tree_id tree, uint64_t block, uint64_t birth, unsigned level,
	      struct key low, const struct key *high, const struct node_disk **ret_node)
{
	const struct node_disk *node;
	int order, result = block_read(image, block, MAGIC_NODE, (const void **)&node);

	if (result < 0)
		return result;
	if (le16_get(node->level) != level || le32_get(node->tree) != (uint32_t)tree)
		return tree_damaged(image, tree, block, "of another level or tree than its parent says");
	if (le64_get(node->head.birth) != birth)
		return tree_damaged(image, tree, block, "birth differs from what its parent says");
	if (node_count(node) == 0)
		return tree_damaged(image, tree, block, "empty");
	order = key_compare(node_key(node, 0), low);
	if (level > 0 ? order != 0 : order < 0)
		return tree_damaged(image, tree, block, "first key is not what its parent says");
	if (high && key_compare(node_key(node, node_count(node) - 1), *high) >= 0)
		return tree_damaged(image, tree, block, "last key is not below the next node");
	*ret_node = node;
	return 0;
}

int tree_descend(struct image *image, enum tree_id tree, struct key key, struct tree_path *path)
{
	const struct roots_disk *roots;
	uint64_t block, birth;
	unsigned level;
	int result;

	if ((unsigned)tree >= TREE_COUNT)
		return -EINVAL;
	result = block_read(image, image->roots_block, MAGIC_ROOTS, (const void **)&roots);
	if (result < 0)
		return result;
	block = le64_get(roots->roots[tree].block);
	birth = le64_get(roots->roots[tree].birth);
	level = le32_get(roots->roots[tree].level);
	if (block == 0)
		return -ENOENT;
	if (level >= TREE_MAX_LEVEL)
		return tree_damaged(image, tree, block, "too high");
	path->height = level + 1;
	path->low = (struct key){0};
	path->bounded = false;
	for (;; level--) {
		struct tree_step *step = &path->steps[level];

		step->block = block;
		result = tree_node(image, tree, block, birth, level, path->low,
				   path->bounded ? &path->high : NULL, &step->node);
		if (result < 0)
			return result;
		if (level == 0) {
			step->index = node_search(step->node, key, &path->exact);
			return 0;
		}
		step->index = node_search_child(step->node, key);
		path->low = node_key(step->node, step->index);
		if (step->index + 1 < node_count(step->node)) {
			path->high = node_key(step->node, step->index + 1);
			path->bounded = true;
		}
		node_child(step->node, step->index, &block, &birth);
	}
}

/* Hands out the item at `index` of a leaf. */
static int tree_item(const struct node_disk *leaf, unsigned index, struct key *ret_key, void *bytes,
		     size_t room, size_t *ret_size)
{
	unsigned size = node_item_size(leaf, index);

	if (bytes) {
		if (size > room)
			return -ERANGE;
		memcpy(bytes, node_item(leaf, index), size);
	}
	if (ret_key)
		*ret_key = node_key(leaf, index);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int tree_get(struct image *image, enum tree_id tree, struct key key, void *bytes, size_t room,
	     size_t *ret_size)
{
	struct tree_path path;
	int result = tree_descend(image, tree, key, &path);

	if (result < 0)
		return result;
	if (!path.exact)
		return -ENOENT;
	return tree_item(path.steps[0].node, path.steps[0].index, NULL, bytes, room, ret_size);
}

int tree_next(struct image *image, enum tree_id tree, struct key from, struct key *ret_key, void *bytes,
	      size_t room, size_t *ret_size)
{
	struct tree_path path;
	int result = tree_descend(image, tree, from, &path);

	if (result < 0)
		return result;
	if (path.steps[0].index == node_count(path.steps[0].node)) {
		if (!path.bounded)
			return -ENOENT;
		/* the next leaf has a key, and its first is not below the bound */
		result = tree_descend(image, tree, path.high, &path);
		if (result < 0)
			return result;
	}
	return tree_item(path.steps[0].node, path.steps[0].index, ret_key, bytes, room, ret_size);
}

/* The greatest key below `*key`; false: there is none. */
static bool key_before(struct key *key)
{
	if (key->offset > 0) {
		key->offset--;
	} else if (key->type > 0) {
		key->type--;
		key->offset = UINT64_MAX;
	} else if (key->object > 0) {
		key->object--;
		key->type = UINT8_MAX;
		key->offset = UINT64_MAX;
	} else {
		return false;
	}
	return true;
}

int tree_previous(struct image *image, enum tree_id tree, struct key from, struct key *ret_key, void *bytes,
		  size_t room, size_t *ret_size)
{
	struct tree_path path;
	struct key key;
	int result = tree_descend(image, tree, from, &path);

	if (result < 0)
		return result;
	if (path.exact)
		return tree_item(path.steps[0].node, path.steps[0].index, ret_key, bytes, room, ret_size);
	if (path.steps[0].index == 0) {
		key = path.low;
		if (!key_before(&key))
			return -ENOENT;
		/* every key of the leaf before is at most this */
		result = tree_descend(image, tree, key, &path);
		if (result < 0)
			return result;
		path.steps[0].index = node_count(path.steps[0].node);
	}
	return tree_item(path.steps[0].node, path.steps[0].index - 1, ret_key, bytes, room, ret_size);
}

int tree_scan(struct image *image, enum tree_id tree, struct key from, struct key to, tree_visit visit,
	      void *context)
{
	while (key_compare(from, to) <= 0) {
		struct tree_path path;
		const struct node_disk *leaf;
		int result = tree_descend(image, tree, from, &path);

		if (result < 0)
			return result == -ENOENT ? 0 : result;
		leaf = path.steps[0].node;
		for (unsigned i = path.steps[0].index; i < node_count(leaf); i++) {
			struct key key = node_key(leaf, i);

			if (key_compare(key, to) > 0)
				return 0;
			result = visit(context, key, node_item(leaf, i), node_item_size(leaf, i));
			if (result != 0)
				return result;
		}
		if (!path.bounded)
			return 0;
		from = path.high;
	}
	return 0;
}
