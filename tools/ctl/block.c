/* Metadata blocks: roots, maps, nodes; and any block as bytes. */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void head_print(const struct block_head *head)
{
	text_line("checksum", "%016llx", (unsigned long long)le64_get(head->checksum));
	text_line("birth", "%llu", (unsigned long long)le64_get(head->birth));
}

int roots_print(const struct source *source)
{
	const struct roots_disk *roots =
	    source_block(source, source_zone_first(source) + ROOTS_OFFSET, MAGIC_ROOTS);

	if (!roots)
		return -EUCLEAN;
	printf("roots block %llu\n", (unsigned long long)le64_get(roots->head.block));
	head_print(&roots->head);
	text_line("generation", "%llu", (unsigned long long)le64_get(roots->generation));
	text_line("zones", "%llu", (unsigned long long)le64_get(roots->zones));
	text_line("next inode", "%llu", (unsigned long long)le64_get(roots->next_inode));
	text_line("inodes", "%llu", (unsigned long long)le64_get(roots->inodes));
	text_line("guarded inodes", "%llu", (unsigned long long)le64_get(roots->guarded));
	text_line("data blocks", "%llu", (unsigned long long)le64_get(roots->data_blocks));
	text_line("tree nodes", "%llu", (unsigned long long)le64_get(roots->meta_blocks));
	text_line("salvage", "%llu", (unsigned long long)le64_get(roots->salvage));
	for (unsigned tree = 0; tree < TREE_COUNT; tree++) {
		const struct root_disk *root = &roots->roots[tree];
		if (!le64_get(root->block) && tree != TREE_FILES)
			continue;
		printf("  tree %u (%s): root block %llu, level %u, birth %llu, newest snapshot %llu\n", tree,
		       text_tree(tree), (unsigned long long)le64_get(root->block), le32_get(root->level),
		       (unsigned long long)le64_get(root->birth),
		       (unsigned long long)le64_get(root->snapshot));
	}
	return 0;
}

static const char *group_name(uint8_t type)
{
	static const char *const names[] = {"none", "metadata", "data"};

	return type <= GROUP_DATA ? names[type] : "unknown";
}

static void group_print(const struct map_disk *map, uint64_t first, unsigned group)
{
	unsigned used = 0, run = 0, bit = group * GROUP_BLOCKS, end = bit + GROUP_BLOCKS;

	for (unsigned at = bit; at < end; at++)
		used += map->bitmap[at / 8] >> at % 8 & 1;
	if (map->group_type[group] == GROUP_NONE && !used)
		return;
	printf("  group %u: %s, %u blocks in use:", group, group_name(map->group_type[group]), used);
	for (unsigned at = bit; at <= end; at++) {
		if (at < end && map->bitmap[at / 8] >> at % 8 & 1) {
			run++;
			continue;
		}
		if (run == 1)
			printf(" %llu", (unsigned long long)first + at - 1);
		else if (run)
			printf(" %llu..%llu", (unsigned long long)first + at - run,
			       (unsigned long long)first + at - 1);
		run = 0;
	}
	putchar('\n');
}

int map_print(const struct source *source, uint64_t zone)
{
	if (zone >= MAX_BLOCKS / ZONE_BLOCKS) {
		fprintf(stderr, PROGRAM ": there is no zone %llu\n", (unsigned long long)zone);
		return -EINVAL;
	}
	uint64_t first = source_zone_first(source) + zone * ZONE_BLOCKS;
	const struct map_disk *map = source_block(source, first, MAGIC_MAP);
	if (!map)
		return -EUCLEAN;
	printf("map of zone %u, block %llu\n", le32_get(map->zone), (unsigned long long)first);
	head_print(&map->head);
	text_line("rebuilt", "%u", map->rebuilt);
	for (unsigned group = 0; group < ZONE_GROUPS; group++)
		group_print(map, first, group);
	return 0;
}

static void child_print(struct key key, const uint8_t *bytes, size_t size)
{
	struct child_disk child;

	printf("  from (%llu, %u, %llx): ", (unsigned long long)key.object, key.type,
	       (unsigned long long)key.offset);
	if (size != sizeof(child)) {
		printf("%zu bytes, no child\n", size);
		return;
	}
	memcpy(&child, bytes, sizeof(child));
	printf("node %llu, birth %llu\n", (unsigned long long)le64_get(child.block),
	       (unsigned long long)le64_get(child.birth));
}

static void slot_print(const struct node_disk *node, unsigned index)
{
	const struct slot_disk *slot = node_slot(node, index);
	struct key key = {
	    .object = le64_get(slot->object), .type = slot->type, .offset = le64_get(slot->offset)};
	unsigned at = le16_get(slot->at), size = le16_get(slot->size);
	const uint8_t *bytes = (const uint8_t *)node + at;

	if (at + size > BLOCK_SIZE)
		printf("  slot %u: its item lies outside of the block\n", index);
	else if (le16_get(node->level))
		child_print(key, bytes, size);
	else
		item_print(le32_get(node->tree), key, bytes, size);
}

int node_print(const struct source *source, uint64_t block)
{
	const struct node_disk *node = source_block(source, block, MAGIC_NODE);

	if (!node)
		return -EUCLEAN;
	unsigned count = le16_get(node->count);
	printf("node %llu of tree %u (%s), level %u\n", (unsigned long long)block, le32_get(node->tree),
	       text_tree(le32_get(node->tree)), le16_get(node->level));
	head_print(&node->head);
	text_line("items", "%u", count);
	text_line("heap", "at %u, %u bytes used", le16_get(node->heap), le16_get(node->heap_used));
	/* One that was not checked may say anything. */
	unsigned room = (BLOCK_SIZE - sizeof(*node) - NODE_ORDER) / sizeof(struct slot_disk);
	uint64_t incompat = le32_get(node->order) ? FEATURE_ORDER : 0;
	if (!node_order_right(node, incompat))
		printf("  the order of its slots is wrong\n");
	for (unsigned i = 0; i < count && i < room && node_order_right(node, incompat); i++)
		slot_print(node, i);
	return 0;
}

int block_print(const struct source *source, uint64_t block)
{
	const void *bytes = source_home(source, block);

	if (!bytes)
		return -EINVAL;
	printf("block %llu, as it stands in the file\n", (unsigned long long)block);
	text_hexdump(block * BLOCK_SIZE, bytes, BLOCK_SIZE);
	return 0;
}
