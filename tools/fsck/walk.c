/* Walking a tree: every node in its place, every item in key order. Without recursion, each block once. */
#include "fsck.h"

#include "../common/progress.h"

#include <string.h>

struct step {
	const struct node_disk *node;
	uint64_t block;
	unsigned index;	  /* of the next slot */
	struct key least; /* no key may be below it */
	struct key limit; /* nor at or above this one, if has_limit */
	bool has_limit;
};

struct walk {
	struct fsck *fsck;
	enum tree_id tree;
	bool check;
	walk_visit visit;
	uint64_t nodes; /* seen */
	unsigned depth;
	struct step steps[TREE_MAX_LEVEL + 1];
};

static struct key slot_key(const struct slot_disk *slot)
{
	return (struct key){
	    .object = le64_get(slot->object), .type = slot->type, .offset = le64_get(slot->offset)};
}

static void say(struct walk *walk, enum problem_code code, uint64_t block, uint64_t what)
{
	problem_report(walk->fsck, code, walk->tree, block, what);
	walk->fsck->incomplete = true;
}

static bool header_right(struct walk *walk, const struct node_disk *node, uint64_t block, uint64_t birth,
			 unsigned level)
{
	if (le16_get(node->level) != level)
		say(walk, PROBLEM_NODE_LEVEL, block, le16_get(node->level));
	else if (le64_get(node->head.birth) != birth || birth == 0 || birth > walk->fsck->generation)
		say(walk, PROBLEM_NODE_BIRTH, block, le64_get(node->head.birth));
	else if (le32_get(node->tree) != walk->tree)
		say(walk, PROBLEM_NODE_FIELDS, block, offsetof(struct node_disk, tree));
	else if (le16_get(node->count) == 0)
		say(walk, PROBLEM_NODE_FIELDS, block, offsetof(struct node_disk, count));
	else if (le32_get(node->head.reserved))
		say(walk, PROBLEM_NODE_FIELDS, block, offsetof(struct block_head, reserved));
	else if (!node_order_right(node, le64_get(image_super(walk->fsck->image)->incompat)))
		say(walk, PROBLEM_NODE_FIELDS, block, offsetof(struct node_disk, order));
	else
		return true;
	return false;
}

/* Keys in order and within the bounds that the parent gives (the first of an inner node is the parent's);
 * items inside the block and apart from each other. */
static bool slots_right(struct walk *walk, const struct step *step)
{
	const struct node_disk *node = step->node;
	unsigned count = le16_get(node->count), heap = le16_get(node->heap), used = 0;
	unsigned level = le16_get(node->level);
	size_t slots_end = sizeof(*node) + le32_get(node->order) + count * sizeof(struct slot_disk);
	struct key previous = step->least;

	if (slots_end > BLOCK_SIZE || heap < slots_end || heap > BLOCK_SIZE) {
		say(walk, PROBLEM_NODE_FIELDS, step->block, offsetof(struct node_disk, heap));
		return false;
	}
	for (unsigned i = 0; i < count; i++) {
		const struct slot_disk *slot = node_slot(node, i);
		struct key key = slot_key(slot);
		unsigned at = le16_get(slot->at), size = le16_get(slot->size);
		int order = key_compare(previous, key);
		used += size;
		if (order > 0 || (order == 0 && i > 0) || (order != 0 && i == 0 && level > 0) ||
		    (step->has_limit && key_compare(key, step->limit) >= 0)) {
			say(walk, PROBLEM_NODE_KEYS, step->block, i);
			return false;
		}
		if (at + size > BLOCK_SIZE || (size && at < heap) || size > ITEM_MAX || slot->reserved ||
		    le16_get(slot->reserved2)) {
			say(walk, PROBLEM_NODE_FIELDS, step->block,
			    (uint64_t)((const uint8_t *)slot - (const uint8_t *)node));
			return false;
		}
		previous = key;
	}
	if (used != le16_get(node->heap_used) || used > BLOCK_SIZE - heap) {
		say(walk, PROBLEM_NODE_FIELDS, step->block, offsetof(struct node_disk, heap_used));
		return false;
	}
	return true;
}

static bool items_apart(struct walk *walk, const struct step *step)
{
	const struct node_disk *node = step->node;
	uint8_t taken[BLOCK_SIZE / 8] = {0};

	for (unsigned i = 0; i < le16_get(node->count); i++) {
		const struct slot_disk *slot = node_slot(node, i);
		unsigned at = le16_get(slot->at), size = le16_get(slot->size);
		for (unsigned byte = at; byte < at + size; byte++) {
			if (maps_bit(taken, byte)) {
				say(walk, PROBLEM_NODE_FIELDS, step->block, byte);
				return false;
			}
			taken[byte / 8] = (uint8_t)(taken[byte / 8] | 1u << byte % 8);
		}
	}
	return true;
}

/* Reads, checks and claims the node that `step` describes; false: it cannot be walked. Claimed is only what
 * is whole, so that a wrong pointer takes no block from its owner. */
static bool step_open(struct walk *walk, struct step *step, uint64_t birth, unsigned level)
{
	struct fsck *fsck = walk->fsck;

	fsck->at = (struct place){.key = step->least, .level = level};
	if (walk->check && maps_claimable(fsck, step->block, 1)) {
		say(walk, PROBLEM_NODE_PLACE, step->block, 0);
		return false;
	}
	if (repair_node(fsck->image, step->block, &step->node)) {
		problem_report_block(fsck, PROBLEM_NODE, walk->tree, step->block, image_damage(fsck->image));
		fsck->incomplete = true;
		return false;
	}
	if (walk->check) {
		if (!header_right(walk, step->node, step->block, birth, level) || !slots_right(walk, step) ||
		    !items_apart(walk, step))
			return false;
		maps_claim(fsck, step->block, 1, GROUP_METADATA);
		fsck->meta_blocks++;
	}
	walk->nodes++;
	progress_stage(walk->check ? "trees" : "names", walk->nodes, le64_get(fsck->roots->meta_blocks));
	return true;
}

/* Goes down to the child in the present slot; its size was checked with the node. */
static void walk_descend(struct walk *walk, struct step *parent)
{
	const struct slot_disk *slot = node_slot(parent->node, parent->index);
	struct child_disk child;
	struct step *step = &walk->steps[walk->depth];
	unsigned level = le16_get(parent->node->level);

	parent->index++;
	memcpy(&child, (const uint8_t *)parent->node + le16_get(slot->at), sizeof(child));
	*step = (struct step){.block = le64_get(child.block), .least = slot_key(slot)};
	if (parent->index < le16_get(parent->node->count)) {
		step->limit = slot_key(node_slot(parent->node, parent->index));
		step->has_limit = true;
	} else {
		step->limit = parent->limit;
		step->has_limit = parent->has_limit;
	}
	if (step_open(walk, step, le64_get(child.birth), level - 1))
		walk->depth++;
}

static void walk_leaf(struct walk *walk, const struct step *leaf)
{
	for (unsigned i = 0; i < le16_get(leaf->node->count); i++) {
		const struct slot_disk *slot = node_slot(leaf->node, i);
		walk->fsck->at.key = slot_key(slot);
		walk->visit(walk->fsck, slot_key(slot), (const uint8_t *)leaf->node + le16_get(slot->at),
			    le16_get(slot->size));
	}
}

void walk_nodes(struct fsck *fsck, enum tree_id tree, bool check, walk_visit visit)
{
	const struct root_disk *root = &fsck->roots->roots[tree];
	struct walk walk = {.fsck = fsck, .tree = tree, .check = check, .visit = visit};
	uint32_t level = le32_get(root->level);

	walk.steps[0] = (struct step){.block = le64_get(root->block)};
	if (walk.steps[0].block == 0)
		return;
	if (level >= TREE_MAX_LEVEL) {
		fsck->incomplete = true; /* said by super_check */
		return;
	}
	if (!step_open(&walk, &walk.steps[0], le64_get(root->birth), level))
		return;
	walk.depth = 1;
	/* A child's level is its parent's less one, so that the depth never passes steps[]. */
	while (walk.depth && !fsck->out_of_memory) {
		struct step *step = &walk.steps[walk.depth - 1];
		if (le16_get(step->node->level) == 0) {
			walk_leaf(&walk, step);
			walk.depth--;
		} else if (step->index < le16_get(step->node->count)) {
			walk_descend(&walk, step);
		} else {
			walk.depth--;
		}
	}
}
