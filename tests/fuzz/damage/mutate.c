/* Which mutation a mutant gets, and those of superblocks, roots, maps and whole blocks. */
#include "damage.h"

#include "../../../backend/checksum.h"
#include "../../sim/power.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

uint64_t mutant_random(struct mutant *mutant, uint64_t below)
{
	return random_next(&mutant->random) % below;
}

void mutant_note(struct mutant *mutant, const char *format, ...)
{
	size_t used = strlen(mutant->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(mutant->text + used, sizeof(mutant->text) - used, format, arguments);
	va_end(arguments);
}

uint8_t *mutant_block(const struct mutant *mutant, uint64_t block)
{
	return mutant->bytes + block * BLOCK_SIZE;
}

uint64_t mutant_any(struct mutant *mutant, const struct block_list *list)
{
	return list->numbers[mutant_random(mutant, list->count)];
}

/* ---- one field ---- */

/* Numbers that are limits of something, or one beside them; such as fit, mostly. */
static uint64_t extreme(struct mutant *mutant, unsigned width)
{
	static const uint64_t numbers[] = {0,
					   1,
					   2,
					   3,
					   7,
					   8,
					   16,
					   0x7f,
					   0x80,
					   0xff,
					   0x100,
					   0x7ff,
					   0xfff,
					   0x1000,
					   0x1001,
					   0x7fff,
					   0x8000,
					   0xffff,
					   ITEM_MAX,
					   ITEM_MAX + 1,
					   UINT32_MAX,
					   INT32_MAX,
					   UINT64_C(1) << 31,
					   UINT64_C(1) << 32,
					   INODE_LIMIT,
					   INODE_LIMIT - 1,
					   MAX_BLOCKS,
					   MAX_BLOCKS - 1,
					   UINT64_C(1) << 44,
					   (UINT64_C(1) << 44) - 1,
					   UINT64_C(1) << 52,
					   UINT64_C(1) << 62,
					   INT64_MAX,
					   UINT64_C(1) << 63,
					   UINT64_MAX,
					   UINT64_MAX - 1,
					   UINT64_MAX - 4095,
					   EXTENT_MAX_BLOCKS,
					   EXTENT_MAX_BLOCKS + 1,
					   ZONE_BLOCKS,
					   GROUP_BLOCKS};
	uint64_t number = 0;

	for (unsigned tries = 0; tries < 8; tries++) {
		number = numbers[mutant_random(mutant, sizeof(numbers) / sizeof(numbers[0]))];
		if (width == 8 || number >> width * 8 == 0)
			break;
	}
	/* in a block, and near its end */
	if (width == 2 && mutant_random(mutant, 2))
		number = BLOCK_SIZE - mutant_random(mutant, 200);
	return mutant_random(mutant, 4) ? number : number + mutant_random(mutant, 3) - 1;
}

/* A number that means something in this image. */
static uint64_t meaningful(struct mutant *mutant)
{
	const struct base *base = mutant->base;

	switch (mutant_random(mutant, 8)) {
	case 0:
		return base->size / BLOCK_SIZE - mutant_random(mutant, 3) + 1;
	case 1:
		return base->zone_first + mutant_random(mutant, 4);
	case 2:
		return base->nodes.count ? mutant_any(mutant, &base->nodes) : base->zone_first;
	case 3:
		return mutant_any(mutant, &base->maps);
	case 4:
		return mutant_any(mutant, &base->used);
	case 5:
		return FIRST_INODE + mutant_random(mutant, 150);
	case 6:
		return base->size - mutant_random(mutant, 2) * 8;
	default:
		return RING_START + mutant_random(mutant, 300);
	}
}

void mutant_set(struct mutant *mutant, uint8_t *field, unsigned width)
{
	uint64_t old = 0, value;

	memcpy(&old, field, width);
	switch (mutant_random(mutant, 8)) {
	case 0:
	case 1:
		value = meaningful(mutant);
		break;
	case 2:
		value = old ^ UINT64_C(1) << mutant_random(mutant, width * 8);
		break;
	case 3:
		value = old + 1 - 2 * mutant_random(mutant, 2);
		break;
	case 4:
		value = random_next(&mutant->random);
		break;
	default:
		value = extreme(mutant, width);
	}
	memcpy(field, &value, width);
	mutant_note(mutant, " %#llx -> %#llx;", (unsigned long long)old,
		    (unsigned long long)(width == 8 ? value : value & ((UINT64_C(1) << width * 8) - 1)));
}

void mutant_seal(const struct mutant *mutant, uint64_t block)
{
	uint8_t *bytes = mutant_block(mutant, block);

	if (block < 2)
		((struct super_disk *)bytes)->checksum = le64_of(super_checksum((struct super_disk *)bytes));
	else
		((struct block_head *)bytes)->checksum =
		    le64_of(block_checksum(mutant->base->hash_seed, bytes));
}

/* Some field of the first `size` bytes of a block. */
static void set_somewhere(struct mutant *mutant, uint64_t block, size_t size)
{
	unsigned width = 1u << mutant_random(mutant, 4);
	size_t at = mutant_random(mutant, size / width) * width;

	mutant_note(mutant, " block %llu, %u bytes at %zu:", (unsigned long long)block, width, at);
	mutant_set(mutant, mutant_block(mutant, block) + at, width);
}

/* ---- superblocks ---- */

struct field {
	size_t at;
	unsigned width;
};
#define FIELD(type, name)                                                                                    \
	{                                                                                                    \
		offsetof(struct type, name), sizeof(((struct type *)0)->name)                                \
	}

static void mutate_super(struct mutant *mutant)
{
	static const struct field fields[] = {
	    FIELD(super_disk, version),	     FIELD(super_disk, block_size),
	    FIELD(super_disk, compat),	     FIELD(super_disk, ro_compat),
	    FIELD(super_disk, incompat),     FIELD(super_disk, generation),
	    FIELD(super_disk, epoch),	     FIELD(super_disk, hash_seed),
	    FIELD(super_disk, limit_blocks), FIELD(super_disk, ring_blocks),
	    FIELD(super_disk, tail_lsn),     FIELD(super_disk, tail_checksum),
	    FIELD(super_disk, flags),	     FIELD(super_disk, created_seconds)};
	unsigned slots = 1 + (unsigned)mutant_random(mutant, 3); /* bits */
	struct field field = fields[mutant_random(mutant, sizeof(fields) / sizeof(fields[0]))];
	uint64_t before = mutant->random;

	for (unsigned slot = 0; slot < 2; slot++) {
		if (!(slots >> slot & 1))
			continue;
		mutant->random = before; /* the same in both */
		mutant_note(mutant, " slot %u, byte %zu:", slot, field.at);
		if (mutant_random(mutant, 5))
			mutant_set(mutant, mutant_block(mutant, slot) + field.at, field.width);
		else
			set_somewhere(mutant, slot, sizeof(struct super_disk));
		if (mutant_random(mutant, 10))
			mutant_seal(mutant, slot);
	}
}

/* The session of this file, so that what stands in the journal counts. */
static void make_warm(const struct mutant *mutant, int file)
{
	struct session_disk session;

	image_session_of(file, &session);
	for (unsigned slot = 0; slot < 2; slot++) {
		((struct super_disk *)mutant_block(mutant, slot))->session = session;
		mutant_seal(mutant, slot);
	}
}

/* ---- roots, maps ---- */

static void mutate_roots(struct mutant *mutant)
{
	uint64_t block = mutant->base->zone_first + ROOTS_OFFSET;
	size_t at = sizeof(struct block_head) + mutant_random(mutant, 7) * sizeof(le64);
	unsigned tree = mutant_random(mutant, 4) ? TREE_FILES : (unsigned)mutant_random(mutant, TREE_COUNT);

	mutant_note(mutant, " roots");
	if (mutant_random(mutant, 2))
		at = offsetof(struct roots_disk, roots) + tree * sizeof(struct root_disk) +
		     mutant_random(mutant, 4) * sizeof(le64);
	if (!mutant_random(mutant, 4)) {
		set_somewhere(mutant, block, sizeof(struct roots_disk) / 10);
	} else {
		mutant_note(mutant, " byte %zu:", at);
		mutant_set(mutant, mutant_block(mutant, block) + at, sizeof(le64));
	}
	if (mutant_random(mutant, 12))
		mutant_seal(mutant, block);
}

static void mutate_map(struct mutant *mutant)
{
	uint64_t block = mutant_any(mutant, &mutant->base->maps), bit;
	struct map_disk *map = (void *)mutant_block(mutant, block);

	switch (mutant_random(mutant, 5)) {
	case 0:
		bit = mutant_random(mutant, ZONE_GROUPS);
		mutant_note(mutant, " map %llu, type of group %llu:", (unsigned long long)block,
			    (unsigned long long)bit);
		mutant_set(mutant, &map->group_type[bit], 1);
		break;
	case 1:
		set_somewhere(mutant, block, BLOCK_SIZE);
		break;
	case 2: /* one that may be in use */
		bit = mutant_any(mutant, &mutant->base->used) % ZONE_BLOCKS;
		mutant_note(mutant, " map %llu, bit %llu;", (unsigned long long)block,
			    (unsigned long long)bit);
		map->bitmap[bit / 8] ^= (uint8_t)(1u << bit % 8);
		break;
	case 3:
		bit = mutant_random(mutant, ZONE_BLOCKS);
		mutant_note(mutant, " map %llu, bit %llu;", (unsigned long long)block,
			    (unsigned long long)bit);
		map->bitmap[bit / 8] ^= (uint8_t)(1u << bit % 8);
		break;
	default:
		bit = mutant_random(mutant, ZONE_GROUPS) * (GROUP_BLOCKS / 8);
		mutant_note(mutant, " map %llu, bytes %llu on;", (unsigned long long)block,
			    (unsigned long long)bit);
		memset(map->bitmap + bit, mutant_random(mutant, 2) ? 0xff : 0, GROUP_BLOCKS / 8);
	}
	if (mutant_random(mutant, 10))
		mutant_seal(mutant, block);
}

/* ---- whole blocks ---- */

/* Metadata more often than its share. */
static uint64_t any_block(struct mutant *mutant)
{
	const struct base *base = mutant->base;

	switch (mutant_random(mutant, 4)) {
	case 0:
		return base->zone_first + mutant_random(mutant, 2);
	case 1:
	case 2:
		return base->nodes.count ? mutant_any(mutant, &base->nodes) : base->zone_first;
	default:
		return mutant_any(mutant, &base->used);
	}
}

static void mutate_blocks(struct mutant *mutant)
{
	uint64_t a = any_block(mutant), b = any_block(mutant);
	uint8_t copy[BLOCK_SIZE], *at = mutant_block(mutant, a), *other = mutant_block(mutant, b);
	unsigned what = (unsigned)mutant_random(mutant, 4);
	static const char *const names[] = {"swapped with", "copied to", "becomes zeros, not",
					    "becomes random, not"};

	mutant_note(mutant, " block %llu %s %llu;", (unsigned long long)a, names[what],
		    (unsigned long long)b);
	memcpy(copy, at, BLOCK_SIZE);
	if (what == 0)
		memcpy(at, other, BLOCK_SIZE);
	if (what <= 1)
		memcpy(other, copy, BLOCK_SIZE);
	if (what == 2)
		memset(at, 0, BLOCK_SIZE);
	for (size_t i = 0; what == 3 && i < BLOCK_SIZE; i++)
		at[i] = (uint8_t)random_next(&mutant->random);
	if (a < 2 || b < 2 || !mutant_random(mutant, 3))
		return;
	/* they say that they belong there */
	mutant_note(mutant, " with its number;");
	((struct block_head *)at)->block = le64_of(a);
	((struct block_head *)other)->block = le64_of(b);
	mutant_seal(mutant, a);
	mutant_seal(mutant, b);
}

static void mutate_bits(struct mutant *mutant)
{
	uint64_t block = any_block(mutant), at = mutant_random(mutant, BLOCK_SIZE);

	if (!mutant_random(mutant, 4))
		block = mutant_random(mutant, 2);
	mutant_note(mutant, " bit of byte %llu of block %llu;", (unsigned long long)at,
		    (unsigned long long)block);
	mutant_block(mutant, block)[at] ^= (uint8_t)(1u << mutant_random(mutant, 8));
}

static void mutate_size(struct mutant *mutant, int file)
{
	uint64_t size = mutant->base->size;

	switch (mutant_random(mutant, 4)) {
	case 0:
		size = mutant_random(mutant, size);
		break;
	case 1:
		size -= mutant_random(mutant, 64) * BLOCK_SIZE;
		break;
	case 2:
		size += mutant_random(mutant, UINT64_C(1) << 32);
		break;
	default:
		size = mutant->base->zone_first * BLOCK_SIZE + mutant_random(mutant, 4) * BLOCK_SIZE;
	}
	mutant_note(mutant, " size %llu;", (unsigned long long)size);
	if (ftruncate(file, (off_t)size))
		base_failed("ftruncate", -errno);
}

/* ---- a mutant ---- */

static void mutate_once(struct mutant *mutant, int file)
{
	unsigned kind = (unsigned)mutant_random(mutant, 100);

	if (kind < 35 && mutant->base->nodes.count)
		mutate_node(mutant);
	else if (kind < 43)
		mutate_roots(mutant);
	else if (kind < 51)
		mutate_map(mutant);
	else if (kind < 60)
		mutate_super(mutant);
	else if (kind < 75)
		mutate_ring(mutant);
	else if (kind < 85)
		mutate_bits(mutant);
	else if (kind < 96)
		mutate_blocks(mutant);
	else
		mutate_size(mutant, file);
}

static void mutant_open(struct mutant *mutant, const struct base *base, int file)
{
	mutant->base = base;
	mutant->text[0] = '\0';
	mutant_note(mutant, "%s:", base->name);
	base_restore(base, file);
	mutant->bytes = mmap(NULL, base->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mutant->bytes == MAP_FAILED)
		base_failed("mmap", -errno);
}

void mutate(struct mutant *mutant, const struct base *bases, unsigned base_count, uint64_t seed,
	    uint64_t number, int file)
{
	unsigned times = 1;

	mutant->random = random_mix(seed, number);
	mutant_open(mutant, &bases[mutant_random(mutant, base_count)], file);
	if (mutant_random(mutant, 2))
		make_warm(mutant, file);
	if (!mutant_random(mutant, 3))
		times = 2 + (unsigned)mutant_random(mutant, mutant_random(mutant, 2) ? 2 : 7);
	/* the size last: what lies behind it could not be reached */
	for (unsigned i = 0; i < times && (uint64_t)lseek(file, 0, SEEK_END) == mutant->base->size; i++)
		mutate_once(mutant, file);
	munmap(mutant->bytes, mutant->base->size);
}

void mutate_nothing(struct mutant *mutant, const struct base *base, int file)
{
	mutant_open(mutant, base, file);
	munmap(mutant->bytes, base->size);
}
