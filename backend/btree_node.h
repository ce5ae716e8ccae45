/*
 * One node of a B+tree (format.h): slots behind the header, item bytes at the end. An index counts slots in
 * key order. Nothing here checks what comes from the image: block_read did. Functions that change a node
 * expect that there is room.
 */
#ifndef MMFS_BTREE_NODE_H
#define MMFS_BTREE_NODE_H

#include "backend.h"

/* Bytes for slots and items. */
static inline unsigned node_room(const struct node_disk *node)
{
	return (unsigned)(BLOCK_SIZE - sizeof(*node)) - le32_get(node->order);
}

static inline unsigned node_count(const struct node_disk *node)
{
	return le16_get(node->count);
}

static inline struct key node_key(const struct node_disk *node, unsigned index)
{
	const struct slot_disk *slot = node_slot(node, index);

	return (struct key){
	    .object = le64_get(slot->object), .type = slot->type, .offset = le64_get(slot->offset)};
}

static inline unsigned node_item_size(const struct node_disk *node, unsigned index)
{
	return le16_get(node_slot(node, index)->size);
}

static inline const void *node_item(const struct node_disk *node, unsigned index)
{
	return (const uint8_t *)node + le16_get(node_slot(node, index)->at);
}

/* Bytes that an item takes in a node. */
static inline unsigned node_cost(unsigned size)
{
	return (unsigned)sizeof(struct slot_disk) + size;
}

/* Bytes that slots and items take. */
static inline unsigned node_used(const struct node_disk *node)
{
	return node_count(node) * (unsigned)sizeof(struct slot_disk) + le16_get(node->heap_used);
}

static inline bool node_fits(const struct node_disk *node, unsigned size)
{
	return node_used(node) + node_cost(size) <= node_room(node);
}

/* The first slot with a key >= `key`; the count if there is none. */
unsigned node_search(const struct node_disk *node, struct key key, bool *ret_exact);
/* Of an inner node: the slot of the child where the key belongs. */
unsigned node_search_child(const struct node_disk *node, struct key key);
/* The child that a slot of an inner node points to. */
void node_child(const struct node_disk *node, unsigned index, uint64_t *ret_block, uint64_t *ret_birth);

/* Makes an empty node of a new block, whose head is set, for an image with these features. */
void node_start(struct node_disk *node, enum tree_id tree, unsigned level, uint64_t incompat);
void node_insert(struct node_disk *node, unsigned index, struct key key, const void *bytes, unsigned size);
void node_remove(struct node_disk *node, unsigned index);
/* Other bytes for an item. false: there is no room, nothing has changed. */
bool node_replace(struct node_disk *node, unsigned index, const void *bytes, unsigned size);
void node_set_key(struct node_disk *node, unsigned index, struct key key);
/* Appends slots [first, first + count) of another node. */
void node_append(struct node_disk *node, const struct node_disk *from, unsigned first, unsigned count);
/*
 * Divides a full node into itself and the empty `right`, with an item put in at `index` that did not fit. An
 * item that comes last gets the right node for itself, so that nodes get full when keys ascend.
 */
void node_split(struct node_disk *node, struct node_disk *right, unsigned index, struct key key,
		const void *bytes, unsigned size);

#endif
