/*
 * Reading metadata blocks and checking them. A block is checked whole on its first use (checksum, own number,
 * structure); after that only its magic and number are looked at, since what it holds came from ourselves.
 * The bits that remember this are made zone by zone when they are first needed.
 */
#include "image_i.h"
#include "btree_node.h"
#include "checksum.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ZONE_WORDS (ZONE_BLOCKS / 64)

struct verified_table {
	size_t count;
	atomic_size_t used;		  /* no words behind so many: to look at all of them takes long */
	_Atomic(atomic_ullong *) zones[]; /* ZONE_WORDS words for each ZONE_BLOCKS blocks of the mapping */
};

static struct verified_table *verified_table(struct image *image)
{
	struct verified_table *table = atomic_load_explicit(&image->verified, memory_order_acquire);
	size_t count = (image->store->map_size >> BLOCK_SHIFT) / ZONE_BLOCKS + 1;
	void *other = NULL;

	if (table)
		return table;
	table = calloc(1, sizeof(*table) + count * sizeof(table->zones[0]));
	if (!table)
		return NULL;
	table->count = count;
	if (!atomic_compare_exchange_strong(&image->verified, &other, (void *)table)) {
		free(table);
		return other;
	}
	return table;
}

/* The word with the block's bit; NULL if there is none yet. */
static atomic_ullong *verified_word(struct image *image, uint64_t block)
{
	struct verified_table *table = atomic_load_explicit(&image->verified, memory_order_acquire);
	atomic_ullong *words;

	if (!table || block / ZONE_BLOCKS >= table->count)
		return NULL;
	words = atomic_load_explicit(&table->zones[block / ZONE_BLOCKS], memory_order_acquire);
	return words ? &words[block % ZONE_BLOCKS / 64] : NULL;
}

static bool block_is_verified(struct image *image, uint64_t block)
{
	atomic_ullong *word = verified_word(image, block);

	return word && (atomic_load_explicit(word, memory_order_relaxed) >> (block % 64) & 1);
}

static int verified_add(struct verified_table *table, size_t index)
{
	atomic_ullong *words = calloc(ZONE_WORDS, sizeof(*words)), *none = NULL;
	size_t used = atomic_load(&table->used);

	if (!words)
		return -ENOMEM;
	while (used <= index && !atomic_compare_exchange_weak(&table->used, &used, index + 1))
		;
	if (!atomic_compare_exchange_strong(&table->zones[index], &none, words))
		free(words);
	return 0;
}

int block_set_verified(struct image *image, uint64_t block)
{
	struct verified_table *table = verified_table(image);

	if (!table)
		return -ENOMEM;
	if (block / ZONE_BLOCKS >= table->count)
		return image_damaged(image, "block %" PRIu64 " lies outside of the image", block);
	if (!atomic_load_explicit(&table->zones[block / ZONE_BLOCKS], memory_order_acquire) &&
	    verified_add(table, block / ZONE_BLOCKS) < 0)
		return -ENOMEM;
	atomic_fetch_or_explicit(verified_word(image, block), 1ull << (block % 64), memory_order_relaxed);
	return 0;
}

void block_forget(struct image *image, uint64_t block)
{
	atomic_ullong *word = verified_word(image, block);

	if (word)
		atomic_fetch_and_explicit(word, ~(1ull << (block % 64)), memory_order_relaxed);
}

void block_cleanup(struct image *image)
{
	struct verified_table *table = atomic_exchange(&image->verified, NULL);

	for (size_t i = 0; table && i < atomic_load(&table->used); i++)
		free(atomic_load(&table->zones[i]));
	free(table);
}

void block_set_checksum(const struct image *image, void *bytes)
{
	block_seal(image->hash_seed, bytes);
}

bool block_checksum_right(const struct image *image, const void *bytes)
{
	const struct block_head *head = bytes;

	return le64_get(head->checksum) == block_checksum(image->hash_seed, bytes);
}

/* ---- structure of each kind ---- */

/* Marks [at, at + size) of a block's bytes as taken; false if some were. */
static bool mark_bytes(uint64_t marks[BLOCK_SIZE / 64], unsigned at, unsigned size)
{
	while (size > 0) {
		unsigned bit = at % 64;
		unsigned part = size < 64 - bit ? size : 64 - bit;
		uint64_t mask = (part == 64 ? UINT64_MAX : (UINT64_C(1) << part) - 1) << bit;

		if (marks[at / 64] & mask)
			return false;
		marks[at / 64] |= mask;
		at += part;
		size -= part;
	}
	return true;
}

static const char *node_fault(const struct image *image, const struct node_disk *node)
{
	uint64_t marks[BLOCK_SIZE / 64] = {0};
	unsigned count = le16_get(node->count), heap = le16_get(node->heap);
	unsigned level = le16_get(node->level), used = 0;

	if (level >= TREE_MAX_LEVEL || le32_get(node->tree) >= TREE_COUNT)
		return "level or tree out of range";
	if (count == 0)
		return "empty";
	if (!node_order_right(node, le64_get(image->super.incompat)))
		return "order of slots is wrong";
	if (heap > BLOCK_SIZE || BLOCK_SIZE - node_room(node) + count * sizeof(struct slot_disk) > heap)
		return "slots and items overlap";
	for (unsigned i = 0; i < count; i++) {
		const struct slot_disk *slot = node_slot(node, i);
		unsigned at = le16_get(slot->at), size = le16_get(slot->size);

		if (level > 0 ? size != sizeof(struct child_disk) : size > ITEM_MAX)
			return "item of a wrong size";
		if (size > 0 && (at < heap || at + size > BLOCK_SIZE))
			return "item out of bounds";
		if (at > BLOCK_SIZE || !mark_bytes(marks, at, size))
			return "items overlap";
		if (i > 0 && key_compare(node_key(node, i - 1), node_key(node, i)) >= 0)
			return "keys out of order";
		used += size;
	}
	return used == le16_get(node->heap_used) ? NULL : "wrong number of bytes in use";
}

int node_check(const struct image *image, const struct node_disk *node, const char **why)
{
	*why = node_fault(image, node);
	return *why ? -EUCLEAN : 0;
}

static const char *map_fault(const struct image *image, const struct map_disk *map)
{
	uint64_t zone = le32_get(map->zone);

	if (le64_get(map->head.block) != image->zone_first + zone * ZONE_BLOCKS)
		return "of another zone";
	if (!(map->bitmap[0] & 1) || (zone == 0 && !(map->bitmap[0] & 1u << ROOTS_OFFSET)))
		return "its own block is marked free";
	for (unsigned group = 0; group < ZONE_GROUPS; group++) {
		const uint8_t *bits = map->bitmap + group * (GROUP_BLOCKS / 8);
		uint8_t fixed = group > 0 ? 0 : zone > 0 ? 1 : 1 | 1u << ROOTS_OFFSET;

		if (map->group_type[group] > GROUP_DATA)
			return "unknown group type";
		if (map->group_type[group] != GROUP_NONE)
			continue;
		for (unsigned i = 0; i < GROUP_BLOCKS / 8; i++)
			if (bits[i] & ~(i == 0 ? fixed : 0))
				return "blocks in use in a group without type";
	}
	return NULL;
}

static const char *roots_fault(const struct image *image, const struct roots_disk *roots)
{
	uint64_t size_blocks = store_size(image->store) >> BLOCK_SHIFT;
	uint64_t zones = le64_get(roots->zones);

	if (zones == 0 || zones > (size_blocks - image->zone_first + ZONE_BLOCKS - 1) / ZONE_BLOCKS)
		return "number of zones does not fit the image's size (was it cut off?)";
	if (le64_get(roots->generation) == 0)
		return "generation 0";
	if (le64_get(roots->next_inode) == 0 || le64_get(roots->next_inode) > INODE_LIMIT)
		return "next inode number out of range";
	for (unsigned i = 0; i < TREE_COUNT; i++) {
		uint64_t block = le64_get(roots->roots[i].block);

		if (le32_get(roots->roots[i].level) >= TREE_MAX_LEVEL)
			return "a tree is too high";
		if (block == 0 ? le32_get(roots->roots[i].level) != 0
			       : block <= image->roots_block || block >= size_blocks)
			return "a root lies outside of the image";
	}
	return NULL;
}

static const char *magic_name(uint32_t magic)
{
	return magic == MAGIC_NODE ? "tree node" : magic == MAGIC_MAP ? "zone map" : "roots block";
}

const char *block_fault(const struct image *image, uint64_t block, uint32_t magic, const void *bytes)
{
	switch (magic) {
	case MAGIC_NODE:
		return alloc_is_metadata_place(image, block) ? node_fault(image, bytes)
							     : "not in a place for tree nodes";
	case MAGIC_MAP:
		return map_fault(image, bytes);
	default:
		return block == image->roots_block ? roots_fault(image, bytes) : "in a wrong place";
	}
}

/* A fault while reading shows zeros (guard.h) and sets the failure: then it is no damage of the image. */
static int block_bad(struct image *image, uint64_t block, uint32_t magic, const char *why)
{
	if (image_failure(image))
		return -EIO;
	return image_damaged(image, "%s %" PRIu64 ": %s", magic_name(magic), block, why);
}

static bool block_head_right(const struct block_head *head, uint64_t block, uint32_t magic)
{
	return le32_get(head->magic) == magic && le64_get(head->block) == block;
}

static int block_verify(struct image *image, uint64_t block, uint32_t magic, const void *bytes)
{
	const char *why;

	if (!image->replayed && magic == MAGIC_NODE)
		return -EUCLEAN;
	if (!block_head_right(bytes, block, magic))
		return block_bad(image, block, magic, "magic or own number is wrong");
	if (!block_checksum_right(image, bytes))
		return block_bad(image, block, magic, "checksum is wrong");
	why = block_fault(image, block, magic, bytes);
	if (why)
		return block_bad(image, block, magic, why);
	return block_set_verified(image, block);
}

int block_read(struct image *image, uint64_t block, uint32_t magic, const void **ret_bytes)
{
	const struct overlay_block *overlay = overlay_find(&image->overlay, block);
	const void *bytes;
	int result;

	if (!block_is_verified(image, block)) {
		if (block < image->zone_first || block >= store_size(image->store) >> BLOCK_SHIFT)
			return block_bad(image, block, magic, "outside of the image");
		bytes = overlay ? overlay->bytes : store_at(image->store, block << BLOCK_SHIFT);
		result = block_verify(image, block, magic, bytes);
		if (result < 0)
			return result;
	} else {
		if (MUTANT(R3_READ_BYPASSES_OVERLAY))
			overlay = NULL;
		bytes = overlay ? overlay->bytes : store_at(image->store, block << BLOCK_SHIFT);
		if (!block_head_right(bytes, block, magic))
			return block_bad(image, block, magic, "magic or own number is wrong");
	}
	*ret_bytes = bytes;
	return 0;
}
