/*
 * For fsck.mmfs: opening an image whose journal, roots block or maps are damaged, and changing metadata as it
 * stands (repair.h).
 *
 * What image_open makes anew is stored into the home blocks directly. The ring is empty then, so that nothing
 * will be replayed over it; and what is replaced was damaged, so that being stopped half-way makes nothing
 * worse: the next repair finds it damaged still.
 */
#include "repair.h"
#include "btree_i.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool ask(const struct image_options *options, enum image_part part, uint64_t block, const char *why)
{
	return options->repair(options->repair_context, part, block, why);
}

/* ---- blocks as they stand ---- */

static const void *block_bytes(const struct image *image, uint64_t block)
{
	const struct overlay_block *overlay = overlay_find(&image->overlay, block);

	return overlay ? overlay->bytes : store_at(image->store, block << BLOCK_SHIFT);
}

/* What is wrong with its head or checksum; NULL: nothing. */
static const char *block_broken(const struct image *image, uint64_t block, uint32_t magic)
{
	const struct block_head *head = block_bytes(image, block);

	if (le32_get(head->magic) != magic || le64_get(head->block) != block)
		return "magic or own number is wrong";
	return block_checksum_right(image, head) ? NULL : "checksum is wrong";
}

/* Gives a damaged block other contents: at home, or in memory if the image is read-only. */
static int block_replace(struct image *image, uint64_t block, void *bytes)
{
	struct overlay_block *overlay = overlay_find(&image->overlay, block);

	block_set_checksum(image, bytes);
	if (!overlay && image->read_only)
		overlay = overlay_add(&image->overlay, block);
	if (overlay)
		memcpy(overlay->bytes, bytes, BLOCK_SIZE);
	else if (image->read_only)
		return -ENOMEM;
	block_forget(image, block);
	return image->read_only ? 0 : store_write(image->store, block << BLOCK_SHIFT, bytes, BLOCK_SIZE);
}

static void head_fill(struct block_head *head, uint64_t block, uint32_t magic)
{
	head->magic = le32_of(magic);
	head->reserved = le32_of(0);
	head->block = le64_of(block);
	head->birth = le64_of(1);
}

static uint64_t size_blocks(const struct image *image)
{
	return store_size(image->store) >> BLOCK_SHIFT;
}

static uint64_t zone_start(const struct image *image, uint64_t zone)
{
	return image->zone_first + zone * ZONE_BLOCKS;
}

int repair_node(struct image *image, uint64_t block, const struct node_disk **ret_node)
{
	const char *why;

	if (block <= image->roots_block || block >= size_blocks(image))
		return image_damaged(image, "block %" PRIu64 " lies outside of the image", block);
	why = block_broken(image, block, MAGIC_NODE);
	if (!why && node_check(image, block_bytes(image, block), &why) == 0) {
		*ret_node = block_bytes(image, block);
		return 0;
	}
	if (image_failure(image))
		return -EIO;
	return image_damaged(image, "tree node %" PRIu64 ": %s", block, why);
}

int repair_node_doubtful(struct image *image, uint64_t block, const struct node_disk **ret_node)
{
	const struct node_disk *node;
	const char *why;

	if (block <= image->roots_block || block >= size_blocks(image))
		return -EUCLEAN;
	node = block_bytes(image, block);
	if (le32_get(node->head.magic) != MAGIC_NODE || le64_get(node->head.block) != block ||
	    block_checksum_right(image, node) || node_check(image, node, &why) < 0)
		return -EUCLEAN;
	*ret_node = node;
	return 0;
}

/* ---- the superblock ---- */

/* The newer slot cannot be, though its checksum is right. What the older one says is as good as after a torn
 * write of the newer: check_stale refuses it if the ring has been used again since (R1). */
static int repair_slot(struct image *image, const struct image_options *options, struct image_report *report)
{
	struct image_report of_newer = *report;
	unsigned newer = 0;

	if (super_read_older(image->store, &image->super, &newer, report) < 0)
		return -EUCLEAN;
	if (!ask(options, IMAGE_SUPER, newer, of_newer.text))
		return -EUCLEAN;
	report->bad_slots = 1;
	report->text[0] = 0;
	return 0;
}

int repair_super(struct image *image, const struct image_options *options, struct image_report *report)
{
	int error = super_read(image->store, &image->super, &report->bad_slots, report);

	if (error == -EUCLEAN)
		error = repair_slot(image, options, report);
	if (error < 0)
		return error;
	error = super_check_room(&image->super, report);
	if (error == -EUCLEAN &&
	    ask(options, IMAGE_POSITION, le64_get(image->super.generation) % 2, report->text)) {
		image->counts_anew = !image->read_only;
		report->text[0] = 0;
		error = 0;
	}
	return error;
}

/* Records that stand in the ring would show a small position to be stale, so they go first: the superblock
 * says that none of them is wanted any more. Both slots are written, since none with a large position may
 * ever count again: what stands behind a small one would not show it to be stale. */
int repair_position(struct image *image)
{
	struct ring *ring = &image->ring;
	int error = 0;

	if (atomic_load(&ring->tail) != atomic_load(&ring->head))
		return image_damaged(image, "journal: cannot be emptied");
	error = store_zero(image->store, ring->start, ring->size);
	if (error == 0)
		error = store_sync_all(image->store);
	if (error < 0)
		return error;
	session_random(&ring->epoch, sizeof(ring->epoch));
	image->super.epoch = le64_of(ring->epoch);
	image->super.tail_lsn = le64_of(BLOCK_SIZE);
	image->super.tail_checksum = le64_of(0);
	error = super_count_anew(image);
	if (error == 0)
		journal_restart(image, BLOCK_SIZE, 0);
	return error;
}

/* ---- the journal ---- */

/* Behind every record that stands in the ring, whatever it belongs to. */
static uint64_t journal_last_lsn(struct image *image)
{
	const struct ring *ring = &image->ring;
	uint64_t tail = atomic_load(&ring->tail), last = tail, hashed = 0;

	for (uint64_t at = 0; at < ring->size && hashed <= 4 * ring->size; at += 8) {
		uint64_t lsn, epoch;
		uint32_t length;
		le32 magic;

		memcpy(&magic, store_at(image->store, ring->start + (tail + at) % ring->size), sizeof(magic));
		if (le32_get(magic) != RECORD_MAGIC || !record_peek(image, tail + at, &lsn, &epoch, &length))
			continue;
		hashed += length;
		if (lsn + length > last && lsn < UINT64_C(1) << 60) /* see super_check_room */
			last = lsn + length;
	}
	return (last + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
}

int repair_journal(struct image *image, const struct image_options *options, struct image_report *report)
{
	uint64_t start;

	if (!ask(options, IMAGE_JOURNAL, RING_START, image->damage))
		return -EUCLEAN;
	/* recover_finish goes on one lap further, in a new epoch: no record that stands there counts again */
	start = journal_last_lsn(image);
	overlay_drop_applied(&image->overlay, UINT64_MAX - 1);
	journal_restart(image, start, 0);
	image->recovered_seal = start;
	image->recovered_last_block = 0;
	image->recovered_seal_last = false;
	report->was_clean = report->warm = false;
	report->cold = COLD_DAMAGED;
	report->records_replayed = 0;
	report->text[0] = 0;
	return store_faulted(image->store) ? -EIO : 0;
}

/* ---- the roots block ---- */

struct search {
	uint64_t block, birth; /* of the highest node of the tree of files */
	unsigned level, count; /* its level; how many there are of that */
	uint64_t greatest;     /* object with an item */
};

static void search_node(struct search *search, const struct node_disk *node)
{
	unsigned level = le16_get(node->level);
	uint64_t greatest = node_key(node, node_count(node) - 1).object;

	if (level == 0 && greatest > search->greatest && greatest < INODE_LIMIT)
		search->greatest = greatest;
	if (search->count > 0 && level < search->level)
		return;
	if (search->count == 0 || level > search->level) {
		search->count = 0;
		search->level = level;
		search->block = le64_get(node->head.block);
		search->birth = le64_get(node->head.birth);
	}
	search->count++;
}

/* Looks at the nodes that a map says are in use; false: it is lost. */
static bool search_zone(struct image *image, uint64_t zone, struct search *search)
{
	uint64_t start = zone_start(image, zone);
	const struct map_disk *map = block_bytes(image, start);

	if (block_broken(image, start, MAGIC_MAP))
		return false;
	for (unsigned at = 1; at < ZONE_BLOCKS && start + at < size_blocks(image); at++) {
		const struct node_disk *node;

		if (map->group_type[at / GROUP_BLOCKS] == GROUP_METADATA &&
		    (map->bitmap[at / 8] >> (at % 8) & 1) && repair_node(image, start + at, &node) == 0 &&
		    le32_get(node->tree) == TREE_FILES)
			search_node(search, node);
	}
	return true;
}

/* Zones with room for their map. */
static uint64_t zones_most(const struct image *image)
{
	return (size_blocks(image) - image->zone_first + ZONE_BLOCKS - 1) / ZONE_BLOCKS;
}

/* Zones up to the last whose map is whole. Looks at blocks that may never have been written: a full tmpfs
 * cannot even read those through a mapping, so a sound image is not asked. */
static uint64_t zones_with_map(const struct image *image)
{
	uint64_t zones = zones_most(image);

	while (zones > 1 && block_broken(image, zone_start(image, zones - 1), MAGIC_MAP))
		zones--;
	return zones;
}

/* The root is the one node above all others. If it cannot be told, the tree is empty, and all leaves wait to
 * be put back. If a map was lost, there may be nodes above the one found. */
static void roots_find_tree(struct image *image, struct roots_disk *roots)
{
	struct search search = {.greatest = FIRST_INODE - 1};
	struct root_disk *root = &roots->roots[TREE_FILES];

	bool whole = true;

	for (uint64_t zone = 0; zone < le64_get(roots->zones); zone++)
		whole &= search_zone(image, zone, &search);
	memset(root, 0, sizeof(*root));
	if (search.count == 1) {
		root->block = le64_of(search.block);
		root->birth = le64_of(search.birth);
		root->level = le32_of(search.level);
	}
	if (search.count != 1 || !whole)
		roots->salvage = le64_of(1);
	if (le64_get(roots->next_inode) <= search.greatest)
		roots->next_inode = le64_of(search.greatest + 1);
}

static bool root_possible(const struct image *image, const struct root_disk *root)
{
	uint64_t block = le64_get(root->block);

	if (block == 0)
		return le32_get(root->level) == 0;
	return le32_get(root->level) < TREE_MAX_LEVEL && block > image->roots_block &&
	       block < size_blocks(image);
}

/* 1: it was made anew. */
static int repair_roots_block(struct image *image, const struct image_options *options)
{
	uint64_t block = image->roots_block;
	const char *why = block_broken(image, block, MAGIC_ROOTS);
	struct roots_disk roots = {0};
	bool lost = why != NULL;

	if (!why)
		why = block_fault(image, block, MAGIC_ROOTS, block_bytes(image, block));
	if (!why)
		return 0;
	if (!ask(options, IMAGE_ROOTS, block, why))
		return image_damaged(image, "roots block %" PRIu64 ": %s", block, why);
	if (!lost)
		memcpy(&roots, block_bytes(image, block), sizeof(roots));
	head_fill(&roots.head, block, MAGIC_ROOTS);
	if (le64_get(roots.generation) == 0)
		roots.generation = le64_of(1);
	if (le64_get(roots.next_inode) < FIRST_INODE || le64_get(roots.next_inode) > INODE_LIMIT)
		roots.next_inode = le64_of(FIRST_INODE);
	if (le64_get(roots.zones) == 0 || le64_get(roots.zones) > zones_most(image))
		roots.zones = le64_of(zones_with_map(image));
	for (unsigned tree = 0; tree < TREE_COUNT; tree++) {
		lost |= tree == TREE_FILES && !root_possible(image, &roots.roots[tree]);
		if (!root_possible(image, &roots.roots[tree]))
			memset(&roots.roots[tree], 0, sizeof(roots.roots[tree]));
	}
	if (lost)
		roots_find_tree(image, &roots);
	int error = block_replace(image, block, &roots);
	return error < 0 ? error : 1;
}

/* ---- maps ---- */

static void bit_set(uint8_t *bitmap, unsigned bit, bool value)
{
	uint8_t mask = (uint8_t)(1u << (bit % 8));

	bitmap[bit / 8] = (uint8_t)(value ? bitmap[bit / 8] | mask : bitmap[bit / 8] & ~mask);
}

/* Blocks of the zone that lie in the file. */
static unsigned zone_inside(const struct image *image, uint64_t zone)
{
	uint64_t left = size_blocks(image) - zone_start(image, zone);

	return left < ZONE_BLOCKS ? (unsigned)left : ZONE_BLOCKS;
}

static bool bits_past(const struct map_disk *map, unsigned from)
{
	for (unsigned at = from; at < ZONE_BLOCKS; at++)
		if (map->bitmap[at / 8] >> (at % 8) & 1)
			return true;
	return false;
}

static enum group_type group_guess(struct image *image, uint64_t zone, unsigned group)
{
	uint64_t first = zone_start(image, zone) + (uint64_t)group * GROUP_BLOCKS;
	const struct node_disk *node;

	for (unsigned i = 0; i < GROUP_BLOCKS; i++)
		if (repair_node(image, first + i, &node) == 0)
			return GROUP_METADATA;
	return GROUP_DATA;
}

/* A map that lost nothing but its sense keeps its bits. Of one that is lost every block counts as in use, so
 * that nothing is overwritten before fsck.mmfs has found out which are. */
static void map_make(struct image *image, uint64_t zone, bool lost, struct map_disk *map)
{
	unsigned inside = zone_inside(image, zone), fixed = zone == 0 ? ROOTS_OFFSET + 1 : 1;

	head_fill(&map->head, zone_start(image, zone), MAGIC_MAP);
	map->zone = le32_of((uint32_t)zone);
	if (lost)
		map->rebuilt = 1;
	for (unsigned at = 0; at < ZONE_BLOCKS; at++) {
		if (at >= inside)
			bit_set(map->bitmap, at, false);
		else if (lost || at < fixed)
			bit_set(map->bitmap, at, true);
	}
	for (unsigned group = 0; group < ZONE_GROUPS; group++) {
		if (group * GROUP_BLOCKS >= inside)
			map->group_type[group] = GROUP_NONE;
		else if (lost || map->group_type[group] > GROUP_DATA || map->group_type[group] == GROUP_NONE)
			map->group_type[group] = (uint8_t)group_guess(image, zone, group);
	}
}

/* 1: it was made anew. */
static int repair_map_block(struct image *image, const struct image_options *options, uint64_t zone)
{
	uint64_t block = zone_start(image, zone);
	const char *why = block_broken(image, block, MAGIC_MAP);
	struct map_disk map = {0};
	bool lost = why != NULL;

	if (!lost) {
		memcpy(&map, block_bytes(image, block), sizeof(map));
		why = block_fault(image, block, MAGIC_MAP, &map);
		if (!why && bits_past(&map, zone_inside(image, zone)))
			why = "blocks in use lie past the end of the image: it was cut off";
	}
	if (!why)
		return 0;
	if (!ask(options, IMAGE_MAP, block, why))
		return image_damaged(image, "zone map %" PRIu64 ": %s", block, why);
	map_make(image, zone, lost, &map);
	int error = block_replace(image, block, &map);
	return error < 0 ? error : 1;
}

int repair_blocks(struct image *image, const struct image_options *options)
{
	const struct roots_disk *roots;
	int result = repair_roots_block(image, options), error;
	bool changed = result > 0;

	if (result < 0)
		return result;
	error = block_read(image, image->roots_block, MAGIC_ROOTS, (const void **)&roots);
	for (uint64_t zone = 0; error == 0 && zone < le64_get(roots->zones); zone++) {
		result = repair_map_block(image, options, zone);
		changed |= result > 0;
		error = result < 0 ? result : 0;
	}
	if (error == 0 && changed && !image->read_only)
		error = store_sync_all(image->store);
	return store_faulted(image->store) ? -EIO : error;
}

/* ---- changes ---- */

int repair_begin(struct image *image, unsigned blocks, struct txn **ret_txn)
{
	return txn_begin_bare(image, blocks, ret_txn);
}

int repair_roots(struct txn *txn, struct roots_disk **ret_roots)
{
	return txn_roots(txn, ret_roots);
}

int repair_map(struct txn *txn, uint64_t zone, struct map_disk **ret_map)
{
	return txn_edit(txn, zone_start(txn->image, zone), MAGIC_MAP, (void **)ret_map);
}

/* From the root down to the node above the one to be cut, whose step has its place there. */
static int cut_descend(struct image *image, enum tree_id tree, const struct root_disk *root, struct key key,
		       unsigned level, struct tree_path *path)
{
	uint64_t block = le64_get(root->block), birth = le64_get(root->birth);

	path->low = (struct key){0};
	path->bounded = false;
	for (unsigned at = le32_get(root->level); at > level; at--) {
		struct tree_step *step = &path->steps[at];
		int result = tree_node(image, tree, block, birth, at, path->low,
				       path->bounded ? &path->high : NULL, &step->node);

		if (result < 0)
			return result;
		step->block = block;
		step->index = node_search_child(step->node, key);
		path->low = node_key(step->node, step->index);
		if (step->index + 1 < node_count(step->node)) {
			path->high = node_key(step->node, step->index + 1);
			path->bounded = true;
		}
		node_child(step->node, step->index, &block, &birth);
	}
	return 0;
}

int repair_cut(struct txn *txn, enum tree_id tree, struct key key, unsigned level)
{
	struct roots_disk *roots;
	struct tree_path path;
	unsigned height;
	int result = txn_roots(txn, &roots);

	if (result < 0)
		return result;
	if (tree == TREE_FILES)
		roots->salvage = le64_of(1);
	height = le32_get(roots->roots[tree].level) + 1;
	if (level >= height || height > TREE_MAX_LEVEL)
		return -EINVAL;
	result = cut_descend(txn->image, tree, &roots->roots[tree], key, level, &path);
	if (result < 0)
		return result;
	while (++level < height) {
		const struct tree_step *step = &path.steps[level];
		const struct node_disk *node;

		result = tree_remove_child(txn, tree, step->block, level, step->index);
		if (result < 0)
			return result;
		result = block_read(txn->image, step->block, MAGIC_NODE, (const void **)&node);
		if (result < 0)
			return result;
		if (node_count(node) > 0)
			return 0;
	}
	return tree_set_root(txn, tree, 0, 0, 0);
}
