/* Mutations of tree nodes that know what a node is: most leave it whole, and only what it says is wrong. */
#include "damage.h"

#include "../../../backend/btree_node.h"

#include <stddef.h>
#include <string.h>

struct target {
	uint64_t block;
	struct node_disk *node;
	unsigned count;
};

static struct slot_disk *any_slot(struct mutant *mutant, const struct target *target)
{
	return node_slot(target->node, (unsigned)mutant_random(mutant, target->count));
}

static uint8_t *item_of(const struct target *target, const struct slot_disk *slot)
{
	return (uint8_t *)target->node + le16_get(slot->at);
}

static void note_slot(struct mutant *mutant, const struct target *target, const struct slot_disk *slot,
		      const char *what)
{
	mutant_note(mutant, " node %llu, item (%llu, %u, %llu): %s", (unsigned long long)target->block,
		    (unsigned long long)le64_get(slot->object), slot->type,
		    (unsigned long long)le64_get(slot->offset), what);
}

static void change_header(struct mutant *mutant, const struct target *target)
{
	static const struct {
		size_t at;
		unsigned width;
	} fields[] = {{0, 4}, {4, 4}, {16, 8}, {24, 8}, {32, 4}, {36, 2}, {38, 2}, {40, 2}, {42, 2}, {44, 4}};
	unsigned i = (unsigned)mutant_random(mutant, sizeof(fields) / sizeof(fields[0]));

	mutant_note(mutant, " node %llu, header byte %zu:", (unsigned long long)target->block, fields[i].at);
	mutant_set(mutant, (uint8_t *)target->node + fields[i].at, fields[i].width);
}

static void change_slot(struct mutant *mutant, const struct target *target)
{
	static const struct {
		size_t at;
		unsigned width;
	} fields[] = {{0, 8}, {8, 8}, {16, 1}, {17, 1}, {18, 2}, {20, 2}, {22, 2}};
	struct slot_disk *slot = any_slot(mutant, target);
	unsigned i = (unsigned)mutant_random(mutant, sizeof(fields) / sizeof(fields[0]));

	note_slot(mutant, target, slot, "slot");
	mutant_note(mutant, " byte %zu:", fields[i].at);
	mutant_set(mutant, (uint8_t *)slot + fields[i].at, fields[i].width);
}

/* A field of an item, at its natural place. */
static void change_item(struct mutant *mutant, const struct target *target)
{
	struct slot_disk *slot = any_slot(mutant, target);
	unsigned width = 1u << mutant_random(mutant, 4), size = le16_get(slot->size), at;

	if (size < width)
		return;
	/* the head of an item tells more than the text behind it */
	at = (unsigned)mutant_random(mutant, (size > 160 ? 160 : size) / width) * width;
	note_slot(mutant, target, slot, "byte");
	mutant_note(mutant, " %u:", at);
	mutant_set(mutant, item_of(target, slot) + at, width);
}

/* The size of an item, and the count of bytes in use with it. */
static void resize_item(struct mutant *mutant, const struct target *target)
{
	struct slot_disk *slot = any_slot(mutant, target);
	unsigned size = le16_get(slot->size), less = (unsigned)mutant_random(mutant, size + 1u);

	if (mutant_random(mutant, 2) && less > 8)
		less = (unsigned)mutant_random(mutant, 8);
	note_slot(mutant, target, slot, "less bytes:");
	mutant_note(mutant, " %u;", less);
	slot->size = le16_of((uint16_t)(size - less));
	target->node->heap_used = le16_of((uint16_t)(le16_get(target->node->heap_used) - less));
}

/* Two slots get each other's items. */
static void swap_items(struct mutant *mutant, const struct target *target)
{
	struct slot_disk *a = any_slot(mutant, target), *b = any_slot(mutant, target);
	le16 at = a->at, size = a->size;

	note_slot(mutant, target, a, "swapped with");
	note_slot(mutant, target, b, "of;");
	a->at = b->at;
	a->size = b->size;
	b->at = at;
	b->size = size;
}

/* An item becomes a copy of another of its kind: two owners of a block, two parents of a node. */
static void copy_item(struct mutant *mutant, const struct target *target)
{
	struct slot_disk *from = any_slot(mutant, target);
	unsigned start = (unsigned)mutant_random(mutant, target->count);

	for (unsigned i = 0; i < target->count; i++) {
		struct slot_disk *to = node_slot(target->node, (start + i) % target->count);

		if (to == from || to->type != from->type || le16_get(to->size) != le16_get(from->size))
			continue;
		note_slot(mutant, target, to, "copy of");
		note_slot(mutant, target, from, ";");
		memmove(item_of(target, to), item_of(target, from), le16_get(from->size));
		return;
	}
}

/* An item goes; the node is as if it had never been there. */
static void drop_item(struct mutant *mutant, const struct target *target)
{
	unsigned index = (unsigned)mutant_random(mutant, target->count);

	if (target->count < 2)
		return;
	note_slot(mutant, target, node_slot(target->node, index), "dropped;");
	node_remove(target->node, index);
}

/* One more item, a copy of another under the next key. */
static void add_item(struct mutant *mutant, const struct target *target)
{
	unsigned index = (unsigned)mutant_random(mutant, target->count);
	const struct slot_disk *slot = node_slot(target->node, index);
	struct key key = node_key(target->node, index);
	unsigned size = le16_get(slot->size), heap = le16_get(target->node->heap);
	uint8_t bytes[BLOCK_SIZE];

	if (heap > BLOCK_SIZE ||
	    BLOCK_SIZE - node_room(target->node) + (target->count + 1) * sizeof(*slot) + size > heap)
		return;
	note_slot(mutant, target, slot, "twice:");
	memcpy(bytes, item_of(target, slot), size);
	node_insert(target->node, index + 1, key, bytes, size);
	if (mutant_random(mutant, 2))
		key.offset++;
	else if (mutant_random(mutant, 2))
		key.object++;
	else
		mutant_set(mutant, (uint8_t *)&node_slot(target->node, index + 1)->offset, sizeof(le64));
	if (key_compare(key, node_key(target->node, index)))
		node_set_key(target->node, index + 1, key);
}

/* Two of the table, or one byte of it. */
static void change_order(struct mutant *mutant, const struct target *target)
{
	uint8_t *order = node_order(target->node), *at = order + mutant_random(mutant, target->count);
	uint8_t *other = order + mutant_random(mutant, target->count), before = *at;

	if (!le32_get(target->node->order))
		return;
	mutant_note(mutant, " node %llu, order of slot %zu:", (unsigned long long)target->block,
		    (size_t)(at - order));
	if (mutant_random(mutant, 2)) {
		mutant_set(mutant, at, 1);
		return;
	}
	mutant_note(mutant, " swapped with %zu;", (size_t)(other - order));
	*at = *other;
	*other = before;
}

/* A child pointer leads to another node: a loop, or a node with two parents. */
static void turn_child(struct mutant *mutant, const struct target *target)
{
	struct slot_disk *slot = any_slot(mutant, target);
	uint64_t other = mutant_any(mutant, &mutant->base->nodes);
	struct child_disk child = {
	    .block = le64_of(other),
	    .birth = ((const struct block_head *)mutant_block(mutant, other))->birth,
	};

	if (le16_get(slot->size) != sizeof(child))
		return;
	note_slot(mutant, target, slot, "leads to");
	mutant_note(mutant, " %llu;", (unsigned long long)other);
	memcpy(item_of(target, slot), &child, sizeof(child));
}

void mutate_node(struct mutant *mutant)
{
	static void (*const kinds[])(struct mutant * mutant, const struct target *target) = {
	    change_item, change_item, change_item, change_item, change_slot, change_slot, change_header,
	    resize_item, swap_items,  copy_item,   drop_item,	add_item,    turn_child,  change_order};
	struct target target;

	/* nodes above the leaves are few: look for one now and then */
	for (unsigned tries = 0; tries < 8; tries++) {
		target.block = mutant_any(mutant, &mutant->base->nodes);
		target.node = (void *)mutant_block(mutant, target.block);
		if (le16_get(target.node->level) || tries >= 4 || mutant_random(mutant, 2))
			break;
	}
	target.count = le16_get(target.node->count);
	/* an earlier mutation of this one may have made it something else */
	if (target.count == 0 || target.count > 160)
		return;
	if (!node_order_right(target.node, le32_get(target.node->order) ? FEATURE_ORDER : 0))
		return;
	for (unsigned i = 0; i < target.count; i++) {
		const struct slot_disk *slot = node_slot(target.node, i);
		if (le16_get(slot->at) + le16_get(slot->size) > BLOCK_SIZE)
			return;
	}
	kinds[mutant_random(mutant, sizeof(kinds) / sizeof(kinds[0]))](mutant, &target);
	if (mutant_random(mutant, 12))
		mutant_seal(mutant, target.block);
}
