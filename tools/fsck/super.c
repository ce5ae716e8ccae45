/* Both superblock slots, and the roots block. */
#include "fsck.h"

#include "../../backend/checksum.h"

#include <stddef.h>
#include <string.h>

static bool all_zeros(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool slot_whole(const struct super_disk *super)
{
	return !memcmp(super->magic, SUPER_MAGIC, sizeof(super->magic)) &&
	       le32_get(super->version) == SUPER_VERSION &&
	       le64_get(super->checksum) == super_checksum(super);
}

#define SLOT_FIELD(field) offsetof(struct super_disk, field)

/* The offset of a field whose value cannot be; 0: none has one. */
static size_t slot_bad_field(unsigned slot, const struct super_disk *super)
{
	uint64_t ring_blocks = le64_get(super->ring_blocks);
	uint64_t limit = le64_get(super->limit_blocks);
	size_t bad = 0;

	if (le32_get(super->block_size) != BLOCK_SIZE)
		bad = SLOT_FIELD(block_size);
	else if (le64_get(super->generation) % 2 != slot)
		bad = SLOT_FIELD(generation);
	else if (ring_blocks % RING_ALIGN || ring_blocks < RING_BLOCKS_MIN || ring_blocks > RING_BLOCKS_MAX)
		bad = SLOT_FIELD(ring_blocks);
	else if (limit > MAX_BLOCKS)
		bad = SLOT_FIELD(limit_blocks);
	else if (le64_get(super->tail_lsn) % 8 || le64_get(super->tail_lsn) > UINT64_C(1) << 62)
		bad = SLOT_FIELD(tail_lsn);
	else if (le64_get(super->flags) & ~(uint64_t)(SUPER_CLEAN | SUPER_FAILED))
		bad = SLOT_FIELD(flags);
	else if (!memchr(super->label, 0, sizeof(super->label)))
		bad = SLOT_FIELD(label);
	else if (!memchr(super->owner.host, 0, sizeof(super->owner.host)))
		bad = SLOT_FIELD(owner);
	else if (!all_zeros(super->unused, sizeof(super->unused)))
		bad = SLOT_FIELD(unused);
	return bad;
}

static void slot_check(struct fsck *fsck, unsigned slot, const struct super_disk *super)
{
	size_t bad = slot_bad_field(slot, super);

	if (bad)
		problem_report(fsck, PROBLEM_SLOT_FIELDS, slot, bad, 0);
}

/* What both slots must have in common. */
static void slots_compare(struct fsck *fsck, const struct super_disk *slots)
{
	size_t bad = 0;

	if (memcmp(slots[0].uuid, slots[1].uuid, sizeof(slots[0].uuid)))
		bad = SLOT_FIELD(uuid);
	else if (slots[0].hash_seed.raw != slots[1].hash_seed.raw)
		bad = SLOT_FIELD(hash_seed);
	else if (slots[0].ring_blocks.raw != slots[1].ring_blocks.raw)
		bad = SLOT_FIELD(ring_blocks);
	else if (slots[0].generation.raw == slots[1].generation.raw)
		bad = SLOT_FIELD(generation);
	if (bad)
		problem_report(fsck, PROBLEM_SLOT_FIELDS, le64_get(fsck->super->generation) % 2 ? 0 : 1, bad,
			       0);
}

bool super_slot_clean(const struct super_disk *a, const struct super_disk *b)
{
	const struct super_disk *last = le64_get(a->generation) > le64_get(b->generation) ? a : b;

	return slot_whole(a) && slot_whole(b) && !slot_bad_field(0, a) && !slot_bad_field(1, b) &&
	       le64_get(last->flags) == SUPER_CLEAN;
}

static void slots_check(struct fsck *fsck)
{
	struct super_disk slots[2];
	unsigned whole = 0;

	for (unsigned slot = 0; slot < 2; slot++) {
		memcpy(&slots[slot], store_at(fsck->store, (uint64_t)slot * BLOCK_SIZE), BLOCK_SIZE);
		if (!slot_whole(&slots[slot])) {
			problem_report(fsck, PROBLEM_SLOT, slot, 0, 0);
			continue;
		}
		whole++;
		/* the other one has been told of when the image was opened */
		if (!fsck->newer_refused || slots[slot].generation.raw == fsck->super->generation.raw)
			slot_check(fsck, slot, &slots[slot]);
	}
	if (whole == 2 && !fsck->newer_refused)
		slots_compare(fsck, slots);
	if (le64_get(fsck->super->flags) & SUPER_FAILED)
		problem_report(fsck, PROBLEM_FAILED, 0, 0, 0);
}

static void root_check(struct fsck *fsck, unsigned tree)
{
	const struct root_disk *root = &fsck->roots->roots[tree];
	uint64_t block = le64_get(root->block);
	uint32_t level = le32_get(root->level);
	bool empty = block == 0;

	if (level >= TREE_MAX_LEVEL || (empty && level) || le32_get(root->reserved) ||
	    le64_get(root->snapshot) > fsck->generation || le64_get(root->birth) > fsck->generation)
		problem_report(fsck, PROBLEM_ROOT, tree, block, level);
	if (!empty && tree != TREE_FILES)
		problem_report(fsck, PROBLEM_UNUSED_TREE, tree, 0, 0);
}

#define ROOTS_FIELD(field) offsetof(struct roots_disk, field)

static void roots_check(struct fsck *fsck)
{
	const struct roots_disk *roots = fsck->roots;
	size_t bad = 0;

	if (fsck->generation == 0)
		bad = ROOTS_FIELD(generation);
	else if (fsck->next_inode < FIRST_INODE || fsck->next_inode > INODE_LIMIT)
		bad = ROOTS_FIELD(next_inode);
	else if (le64_get(roots->salvage) > 1)
		bad = ROOTS_FIELD(salvage);
	else if (le32_get(roots->head.reserved))
		bad = ROOTS_FIELD(head.reserved);
	else if (!all_zeros(roots->unused_end, sizeof(roots->unused_end)))
		bad = ROOTS_FIELD(unused_end);
	if (bad)
		problem_report(fsck, PROBLEM_ROOTS_FIELDS, bad, 0, 0);
	for (unsigned tree = 0; tree < TREE_COUNT; tree++)
		root_check(fsck, tree);
}

uint64_t super_check(struct fsck *fsck)
{
	uint64_t before = fsck->problems;
	const void *bytes;

	slots_check(fsck);
	if (image_block(fsck->image, image_roots_block(fsck->image), MAGIC_ROOTS, &bytes)) {
		problem_report_block(fsck, PROBLEM_ROOTS, image_roots_block(fsck->image), 0,
				     image_damage(fsck->image));
		return fsck->problems - before;
	}
	fsck->roots = bytes;
	fsck->generation = le64_get(fsck->roots->generation);
	fsck->next_inode = le64_get(fsck->roots->next_inode);
	fsck->salvage = le64_get(fsck->roots->salvage) != 0;
	if (fsck->salvage)
		problem_report(fsck, PROBLEM_SALVAGE, 0, 0, 0);
	roots_check(fsck);
	return fsck->problems - before;
}
