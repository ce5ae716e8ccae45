#include "btree_node.h"

#include <string.h>

unsigned node_search(const struct node_disk *node, struct key key, bool *ret_exact)
{
	unsigned low = 0, high = node_count(node);

	*ret_exact = false;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = key_compare(node_key(node, middle), key);

		if (order == 0) {
			*ret_exact = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

unsigned node_search_child(const struct node_disk *node, struct key key)
{
	bool exact;
	unsigned index = node_search(node, key, &exact);

	return exact || index == 0 ? index : index - 1;
}

void node_child(const struct node_disk *node, unsigned index, uint64_t *ret_block, uint64_t *ret_birth)
{
	struct child_disk child;

	memcpy(&child, node_item(node, index), sizeof(child));
	*ret_block = le64_get(child.block);
	*ret_birth = le64_get(child.birth);
}

void node_start(struct node_disk *node, enum tree_id tree, unsigned level, uint64_t incompat)
{
	node->tree = le32_of(tree);
	node->level = le16_of((uint16_t)level);
	node->count = le16_of(0);
	node->heap = le16_of(BLOCK_SIZE);
	node->heap_used = le16_of(0);
	node->order = le32_of(incompat & FEATURE_ORDER ? NODE_ORDER : 0);
}

void node_set_key(struct node_disk *node, unsigned index, struct key key)
{
	struct slot_disk *slot = node_slot(node, index);

	slot->object = le64_of(key.object);
	slot->type = key.type;
	slot->offset = le64_of(key.offset);
}

/* Moves all items to the end of the block, so that the free room is in one piece. */
static void node_compact(struct node_disk *node)
{
	uint8_t copy[BLOCK_SIZE];
	unsigned heap = BLOCK_SIZE;

	memcpy(copy, node, BLOCK_SIZE);
	for (unsigned i = 0; i < node_count(node); i++) {
		struct slot_disk *slot = node_slot(node, i);
		unsigned size = le16_get(slot->size);

		heap -= size;
		memcpy((uint8_t *)node + heap, copy + le16_get(slot->at), size);
		slot->at = le16_of((uint16_t)heap);
	}
	node->heap = le16_of((uint16_t)heap);
}

/* Takes `size` bytes of the heap for an item; `slots` is how many slots there will be. */
static unsigned node_take(struct node_disk *node, unsigned slots, unsigned size)
{
	unsigned heap;

	if (BLOCK_SIZE - node_room(node) + slots * sizeof(struct slot_disk) + size > le16_get(node->heap))
		node_compact(node);
	heap = le16_get(node->heap) - size;
	node->heap = le16_of((uint16_t)heap);
	node->heap_used = le16_of((uint16_t)(le16_get(node->heap_used) + size));
	return heap;
}

/* Forgets an item's bytes. */
static void node_give(struct node_disk *node, unsigned index)
{
	struct slot_disk *slot = node_slot(node, index);
	unsigned size = le16_get(slot->size);

	node->heap_used = le16_of((uint16_t)(le16_get(node->heap_used) - size));
	if (le16_get(slot->at) == le16_get(node->heap))
		node->heap = le16_of((uint16_t)(le16_get(node->heap) + size));
	slot->size = le16_of(0);
}

/* A slot for a new item at `index`. */
static struct slot_disk *slot_add(struct node_disk *node, unsigned index)
{
	unsigned count = node_count(node);
	struct slot_disk *slots = node_slots(node);
	uint8_t *order = node_order(node);

	if (le32_get(node->order)) {
		memmove(order + index + 1, order + index, count - index);
		order[index] = (uint8_t)count;
	} else {
		memmove(slots + index + 1, slots + index, (count - index) * sizeof(*slots));
	}
	node->count = le16_of((uint16_t)(count + 1));
	return node_slot(node, index);
}

/* Takes the slot at `index` away; with an order table the last one goes to its place. */
static void slot_drop(struct node_disk *node, unsigned index)
{
	unsigned last = node_count(node) - 1;
	struct slot_disk *slots = node_slots(node);
	uint8_t *order = node_order(node);

	if (le32_get(node->order)) {
		unsigned gone = order[index];

		if (gone != last) {
			slots[gone] = slots[last];
			*(uint8_t *)memchr(order, (int)last, last + 1) = (uint8_t)gone;
		}
		memmove(order + index, order + index + 1, last - index);
		order[last] = 0;
	} else {
		memmove(slots + index, slots + index + 1, (last - index) * sizeof(*slots));
	}
	memset(&slots[last], 0, sizeof(*slots));
	node->count = le16_of((uint16_t)last);
}

void node_insert(struct node_disk *node, unsigned index, struct key key, const void *bytes, unsigned size)
{
	unsigned at = node_take(node, node_count(node) + 1, size);
	struct slot_disk *slot = slot_add(node, index);

	memset(slot, 0, sizeof(*slot));
	node_set_key(node, index, key);
	slot->at = le16_of((uint16_t)at);
	slot->size = le16_of((uint16_t)size);
	if (size > 0)
		memcpy((uint8_t *)node + at, bytes, size);
}

void node_remove(struct node_disk *node, unsigned index)
{
	node_give(node, index);
	slot_drop(node, index);
}

bool node_replace(struct node_disk *node, unsigned index, const void *bytes, unsigned size)
{
	struct slot_disk *slot = node_slot(node, index);
	unsigned old = le16_get(slot->size), at = le16_get(slot->at);

	if (node_used(node) - old + size > node_room(node))
		return false;
	if (size > old) {
		node_give(node, index);
		at = node_take(node, node_count(node), size);
		slot->at = le16_of((uint16_t)at);
	} else {
		node->heap_used = le16_of((uint16_t)(le16_get(node->heap_used) - (old - size)));
	}
	slot->size = le16_of((uint16_t)size);
	if (size > 0)
		memcpy((uint8_t *)node + at, bytes, size);
	return true;
}

void node_append(struct node_disk *node, const struct node_disk *from, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		node_insert(node, node_count(node), node_key(from, i), node_item(from, i),
			    node_item_size(from, i));
}

/* Keeps the first `count` slots only, which come to stand in key order. */
static void node_truncate(struct node_disk *node, unsigned count)
{
	unsigned heap = BLOCK_SIZE, used = 0, before = node_count(node);
	struct slot_disk kept[NODE_ORDER] = {0};

	for (unsigned i = 0; i < count; i++) {
		kept[i] = *node_slot(node, i);
		used += le16_get(kept[i].size);
		if (le16_get(kept[i].size) > 0 && le16_get(kept[i].at) < heap)
			heap = le16_get(kept[i].at);
	}
	memset(node_slots(node), 0, before * sizeof(kept[0]));
	memcpy(node_slots(node), kept, count * sizeof(kept[0]));
	for (unsigned i = 0; le32_get(node->order) && i < before; i++)
		node_order(node)[i] = (uint8_t)(i < count ? i : 0);
	node->count = le16_of((uint16_t)count);
	node->heap = le16_of((uint16_t)heap);
	node->heap_used = le16_of((uint16_t)used);
}

/*
 * How many of the items, the new one at `index` included, stay in the left node: the most even division. Both
 * sides fit, since no item takes more than half a node (ITEM_MAX).
 */
static unsigned split_point(const struct node_disk *node, unsigned index, unsigned size)
{
	unsigned count = node_count(node), total = node_used(node) + node_cost(size);
	unsigned left = 0, best = count, best_difference = total;

	if (index == count)
		return count;
	for (unsigned i = 0; i < count; i++) {
		unsigned old = i < index ? i : i - 1;
		unsigned right, difference;

		left += node_cost(i == index ? size : node_item_size(node, old));
		right = total - left;
		difference = left > right ? left - right : right - left;
		if (left <= node_room(node) && right <= node_room(node) && difference < best_difference) {
			best = i + 1;
			best_difference = difference;
		}
	}
	return best;
}

void node_split(struct node_disk *node, struct node_disk *right, unsigned index, struct key key,
		const void *bytes, unsigned size)
{
	unsigned count = node_count(node), keep = split_point(node, index, size);

	if (index < keep) {
		node_append(right, node, keep - 1, count - (keep - 1));
		node_truncate(node, keep - 1);
		node_insert(node, index, key, bytes, size);
		return;
	}
	node_append(right, node, keep, index - keep);
	node_insert(right, node_count(right), key, bytes, size);
	node_append(right, node, index, count - index);
	node_truncate(node, keep);
}
