/* An independent look at space: who owns each block, and does the allocation bitmap say the same? */
#include "verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct space {
	struct image *image;
	uint64_t first, blocks; /* zone_first; blocks of the image */
	uint8_t *owned;		/* one bit for each block */
	uint64_t data, meta, inodes, orphans;
	uint64_t file_blocks, file_inode, file_told; /* of the inode whose items are being passed */
	uint64_t file_inline, file_told_inline;	     /* bytes of its contents in the tree */
	struct key previous;
	bool has_previous;
	char *why;
	size_t room;
};

static int complain(struct space *space, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int complain(struct space *space, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(space->why, space->room, format, arguments);
	va_end(arguments);
	return 1;
}

static int own(struct space *space, uint64_t start, uint64_t count, const char *what)
{
	if (start < space->first || start >= space->blocks || count > space->blocks - start)
		return complain(space, "%s: blocks %lu+%lu are outside of %lu..%lu", what, start, count,
				space->first, space->blocks);
	for (uint64_t block = start; block < start + count; block++) {
		if (space->owned[block / 8] >> (block % 8) & 1)
			return complain(space, "%s: block %lu has a second owner", what, block);
		space->owned[block / 8] |= (uint8_t)(1u << (block % 8));
	}
	return 0;
}

static int end_file(struct space *space)
{
	if (space->file_inode && space->file_blocks != space->file_told)
		return complain(space, "inode %lu: says it has %lu blocks, has %lu", space->file_inode,
				space->file_told, space->file_blocks);
	if (space->file_inode &&
	    (space->file_inline != space->file_told_inline || (space->file_inline && space->file_blocks)))
		return complain(space, "inode %lu: says it has %lu inline bytes, has %lu, and %lu blocks",
				space->file_inode, space->file_told_inline, space->file_inline,
				space->file_blocks);
	return 0;
}

static int see_item(struct space *space, struct key key, const void *bytes, size_t size)
{
	int error = 0;

	if (space->has_previous && key_compare(space->previous, key) >= 0)
		return complain(space, "keys out of order at %lu,%u,%lu", key.object, key.type, key.offset);
	space->previous = key;
	space->has_previous = true;
	if (key.type == ITEM_INODE) {
		const struct inode_disk *inode = bytes;

		if (size != sizeof(*inode))
			return complain(space, "inode %lu: %zu bytes", key.object, size);
		error = end_file(space);
		space->file_inode = key.object;
		space->file_told = le64_get(inode->blocks);
		space->file_blocks = 0;
		space->file_told_inline = le32_get(inode->inline_length);
		space->file_inline = 0;
		space->inodes++;
	}
	if (key.type == ITEM_INLINE) {
		if (key.object != space->file_inode || !size || size > INLINE_MAX)
			return complain(space, "%zu inline bytes of %lu", size, key.object);
		space->file_inline = size;
	}
	if (key.type == ITEM_ORPHAN)
		space->orphans++;
	if (key.type == ITEM_EXTENT) {
		const struct extent_disk *extent = bytes;
		uint64_t length = le32_get(extent->length);

		if (size != sizeof(*extent) || key.object != space->file_inode)
			return complain(space, "extent %lu,%lu without an inode", key.object, key.offset);
		error = own(space, le64_get(extent->physical), length, "extent");
		space->file_blocks += length;
		space->data += length;
	}
	return error;
}

static int see_node(struct space *space, uint64_t block, unsigned level)
{
	const struct node_disk *node;
	const void *bytes;
	int error = image_block(space->image, block, MAGIC_NODE, &bytes);

	if (error)
		return complain(space, "node %lu: %s (%s)", block, strerror(-error),
				image_damage(space->image));
	node = bytes;
	if (le16_get(node->level) != level)
		return complain(space, "node %lu: level %u, should be %u", block, le16_get(node->level),
				level);
	space->meta++;
	error = own(space, block, 1, "node");
	for (unsigned i = 0; i < le16_get(node->count) && !error; i++) {
		const struct slot_disk *slot = node_slot(node, i);
		const uint8_t *item = (const uint8_t *)bytes + le16_get(slot->at);

		if (level) {
			struct child_disk child;

			memcpy(&child, item, sizeof(child));
			error = see_node(space, le64_get(child.block), level - 1);
		} else {
			struct key key = {.object = le64_get(slot->object),
					  .type = slot->type,
					  .offset = le64_get(slot->offset)};
			_Alignas(8) uint8_t copy[BLOCK_SIZE];

			memcpy(copy, item, le16_get(slot->size));
			error = see_item(space, key, copy, le16_get(slot->size));
		}
	}
	return error;
}

static int check_maps(struct space *space, uint64_t zones)
{
	for (uint64_t zone = 0; zone < zones; zone++) {
		uint64_t start = space->first + zone * ZONE_BLOCKS;
		const struct map_disk *map;
		const void *bytes;
		int error = image_block(space->image, start, MAGIC_MAP, &bytes);

		if (error)
			return complain(space, "map %lu: %s (%s)", start, strerror(-error),
					image_damage(space->image));
		map = bytes;
		for (uint64_t i = 0; i < ZONE_BLOCKS; i++) {
			uint64_t block = start + i;
			bool used = map->bitmap[i / 8] >> (i % 8) & 1;
			bool owned = block < space->blocks && (space->owned[block / 8] >> (block % 8) & 1);

			if (i == 0 || (zone == 0 && i == ROOTS_OFFSET))
				continue;
			if (used != owned)
				return complain(space, "block %lu is %s but has %s owner", block,
						used ? "in use" : "free", owned ? "an" : "no");
		}
	}
	return 0;
}

static int check_counters(struct space *space, const struct roots_disk *roots)
{
	if (le64_get(roots->data_blocks) != space->data)
		return complain(space, "data blocks: says %lu, has %lu", le64_get(roots->data_blocks),
				space->data);
	if (le64_get(roots->meta_blocks) != space->meta)
		return complain(space, "tree nodes: says %lu, has %lu", le64_get(roots->meta_blocks),
				space->meta);
	if (le64_get(roots->inodes) != space->inodes)
		return complain(space, "inodes: says %lu, has %lu", le64_get(roots->inodes), space->inodes);
	return 0;
}

static int check_locked(struct space *space)
{
	const struct roots_disk *roots;
	const void *bytes;
	int error = image_block(space->image, image_roots_block(space->image), MAGIC_ROOTS, &bytes);

	if (error)
		return complain(space, "roots: %s (%s)", strerror(-error), image_damage(space->image));
	roots = bytes;
	for (unsigned tree = 0; tree < TREE_COUNT && !error; tree++) {
		const struct root_disk *root = &roots->roots[tree];

		space->has_previous = false;
		space->file_inode = 0;
		if (le64_get(root->block))
			error = see_node(space, le64_get(root->block), le32_get(root->level));
		if (!error)
			error = end_file(space);
	}
	if (!error)
		error = check_maps(space, le64_get(roots->zones));
	return error ? error : check_counters(space, roots);
}

int verify_space(struct mount *mount, char *why, size_t room)
{
	struct space space = {.image = mount->image,
			      .first = image_zone_first(mount->image),
			      .blocks = image_size_blocks(mount->image),
			      .why = why,
			      .room = room};
	int error;

	space.owned = calloc(space.blocks / 8 + 1, 1);
	if (!space.owned)
		abort();
	image_read_lock(mount->image);
	error = check_locked(&space);
	image_read_unlock(mount->image);
	free(space.owned);
	return error;
}
