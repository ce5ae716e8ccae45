/*
 * Metadata blocks. Transactions get them from groups of type METADATA whose chunks have host space already:
 * alloc_prepare_metadata, called before any lock, sees to that and counts what it has promised.
 */
#include "alloc_i.h"

#include <errno.h>
#include <inttypes.h>

/* Backed at once, since it costs a sync: in a larger image a group; a new image is to take less than 1 MiB.
 */
#define STEP_CHUNKS(alloc) (atomic_load(&(alloc)->zone_count) > 1 ? GROUP_CHUNKS : 6u)

struct meta_place {
	struct alloc_zone *zone;
	unsigned first, end; /* chunks */
	bool was_none;	     /* its group was NONE until now */
};

/* The first chunks of a group with free blocks but without (known) host space; false: there are none. */
static bool meta_find_chunks(const struct alloc *alloc, const struct alloc_zone *zone, unsigned group,
			     struct meta_place *place)
{
	unsigned chunk = group * GROUP_CHUNKS, end = chunk + GROUP_CHUNKS, step = STEP_CHUNKS(alloc);

	if (zone->groups[group].free == 0)
		return false;
	while (chunk < end &&
	       (zone_is_backed(zone, chunk) || zone_all_taken(zone, chunk * CHUNK_BLOCKS, CHUNK_BLOCKS)))
		chunk++;
	if (chunk == end)
		return false;
	place->first = place->end = chunk;
	while (place->end < end && place->end - chunk < step && !zone_is_backed(zone, place->end) &&
	       place->end * CHUNK_BLOCKS < zone->usable)
		place->end++;
	return place->end > place->first;
}

/* A place to get more metadata blocks from: METADATA groups first, then a group of no type, from the zone of
 * the last one on. alloc.lock is held. */
static bool meta_find_place(struct alloc *alloc, enum group_type type, struct meta_place *place)
{
	uint64_t count = atomic_load(&alloc->zone_count);

	for (uint64_t i = 0; i < count; i++) {
		struct alloc_zone *zone = alloc->zones[(alloc->meta_hint + i) % count];

		for (unsigned group = 0; group < ZONE_GROUPS; group++) {
			if (zone->groups[group].type != type ||
			    (type == GROUP_NONE && zone->groups[group].used > 0) ||
			    zone->groups[group].free == 0)
				continue;
			place->zone = zone;
			place->was_none = type == GROUP_NONE;
			if (place->was_none)
				zone_set_type(alloc, zone, group, GROUP_METADATA);
			if (place->was_none && !meta_find_chunks(alloc, zone, group, place)) {
				place->first = place->end = group * GROUP_CHUNKS;
				return true; /* its chunks have host space from an earlier life */
			}
			if (place->was_none || meta_find_chunks(alloc, zone, group, place))
				return true;
		}
	}
	return false;
}

/* Host space for the place; on a nearly full host for its first chunk only. grow_lock is held. */
static int meta_back_place(struct image *image, struct meta_place *place)
{
	struct alloc *alloc = &image->alloc;
	unsigned group = place->first / GROUP_CHUNKS;
	int result =
	    place->first == place->end ? 0 : space_back_chunks(image, place->zone, place->first, place->end);

	if (result == -ENOSPC && place->end - place->first > 1)
		result = space_back_chunks(image, place->zone, place->first, place->first + 1);
	if (result < 0 && place->was_none) {
		pthread_mutex_lock(&alloc->lock);
		if (place->zone->groups[group].used == 0 && zone_ready(place->zone, group) == 0)
			zone_set_type(alloc, place->zone, group, GROUP_NONE);
		pthread_mutex_unlock(&alloc->lock);
	}
	return result;
}

/* Makes more metadata blocks ready. Called without any lock. */
static int meta_extend(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	struct meta_place place = {0};
	bool found;
	int result = 0;

	pthread_mutex_lock(&alloc->grow_lock);
	pthread_mutex_lock(&alloc->lock);
	found = meta_find_place(alloc, GROUP_METADATA, &place) || meta_find_place(alloc, GROUP_NONE, &place);
	pthread_mutex_unlock(&alloc->lock);
	if (found)
		result = meta_back_place(image, &place);
	pthread_mutex_unlock(&alloc->grow_lock);
	return found ? result : alloc_add_zone(image);
}

int alloc_prepare_metadata(struct image *image, unsigned blocks, bool releases)
{
	struct alloc *alloc = &image->alloc;
	uint64_t need = releases ? META_KEPT / 4 : blocks + META_KEPT;
	unsigned stage = 0;

	for (;;) {
		int result;

		pthread_mutex_lock(&alloc->lock);
		if (alloc->meta_ready >= alloc->meta_promised + need) {
			if (!releases)
				alloc->meta_promised += blocks;
			pthread_mutex_unlock(&alloc->lock);
			return 0;
		}
		pthread_mutex_unlock(&alloc->lock);
		result = meta_extend(image);
		/* releasing mostly works without a new node: then it may not fail for want of one */
		if (result == -ENOSPC && releases)
			return 0;
		if (result == -ENOSPC && alloc_make_room(image, &stage))
			continue;
		if (result < 0)
			return result;
	}
}

void alloc_unprepare(struct image *image, unsigned blocks)
{
	pthread_mutex_lock(&image->alloc.lock);
	image->alloc.meta_promised -= blocks;
	pthread_mutex_unlock(&image->alloc.lock);
}

/* ---- in a transaction ---- */

/* The first free block with host space in a group; GROUP_BLOCKS: none. */
static unsigned meta_find_in_group(const struct alloc_zone *zone, unsigned group)
{
	for (unsigned chunk = group * GROUP_CHUNKS; chunk < (group + 1) * GROUP_CHUNKS; chunk++) {
		unsigned shift = chunk % 2 * CHUNK_BLOCKS;
		uint32_t free = (uint32_t)(~zone->bits[chunk / 2] >> shift);

		if (free && zone_is_backed(zone, chunk))
			return chunk * CHUNK_BLOCKS + (unsigned)__builtin_ctz(free) - group * GROUP_BLOCKS;
	}
	return GROUP_BLOCKS;
}

/* Takes a block from the zone of the last one on. alloc.lock is held. */
static bool meta_take(struct alloc *alloc, uint64_t *ret_block)
{
	uint64_t count = atomic_load(&alloc->zone_count);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t index = (alloc->meta_hint + i) % count;
		struct alloc_zone *zone = alloc->zones[index];

		for (unsigned group = 0; group < ZONE_GROUPS; group++) {
			unsigned at;

			if (zone->groups[group].type != GROUP_METADATA || zone->groups[group].free == 0)
				continue;
			at = meta_find_in_group(zone, group);
			if (at == GROUP_BLOCKS)
				continue;
			at += group * GROUP_BLOCKS;
			zone_take(alloc, zone, at, 1);
			alloc->free_in_zones--;
			alloc->meta_hint = index;
			*ret_block = zone->start + at;
			return true;
		}
	}
	return false;
}

static int meta_mark_taken(struct txn *txn, uint64_t block)
{
	unsigned at;
	struct alloc_zone *zone = alloc_zone_of(txn->image, block, &at);
	struct roots_disk *roots;
	struct map_disk *map;
	int result = txn_edit(txn, zone->start, MAGIC_MAP, (void **)&map);

	if (result == 0)
		result = txn_roots(txn, &roots);
	if (result < 0)
		return result;
	if (!map_set(map, at, 1))
		return image_damaged(txn->image, "zone map %" PRIu64 ": differs from its copy in memory",
				     zone->start);
	if (map->group_type[at / GROUP_BLOCKS] != GROUP_METADATA)
		map->group_type[at / GROUP_BLOCKS] = GROUP_METADATA;
	roots->meta_blocks = le64_of(le64_get(roots->meta_blocks) + 1);
	return 0;
}

int alloc_metadata(struct txn *txn, uint64_t *ret_block)
{
	struct alloc *alloc = &txn->image->alloc;
	uint64_t block = 0;
	bool taken = false;
	int result;

	if (txn->taken_count == TXN_MAX_BLOCKS)
		return -EFBIG;
	pthread_mutex_lock(&alloc->lock);
	/* its own promise first; beyond it (releases have none) only what nobody was promised */
	if (txn->meta_promised > 0 || alloc->meta_ready > alloc->meta_promised)
		taken = meta_take(alloc, &block);
	if (taken && txn->meta_promised > 0) {
		txn->meta_promised--;
		alloc->meta_promised--;
	}
	pthread_mutex_unlock(&alloc->lock);
	if (!taken)
		return -ENOSPC;
	txn->taken[txn->taken_count++] = (struct block_range){.start = block, .count = 1};
	result = meta_mark_taken(txn, block);
	if (result == 0)
		*ret_block = block;
	return result;
}

int alloc_free_metadata(struct txn *txn, uint64_t block)
{
	struct image *image = txn->image;
	unsigned at;
	struct alloc_zone *zone = alloc_zone_of(image, block, &at);
	struct roots_disk *roots;
	struct map_disk *map;
	int result;

	if (!alloc_is_metadata_place(image, block))
		return image_damaged(image, "block %" PRIu64 ": to be freed but not for tree nodes", block);
	if (txn->freed_count == TXN_MAX_FREES)
		return -EFBIG;
	result = txn_edit(txn, zone->start, MAGIC_MAP, (void **)&map);
	if (result == 0)
		result = txn_roots(txn, &roots);
	if (result < 0)
		return result;
	if (!map_clear(map, at, 1) || le64_get(roots->meta_blocks) == 0)
		return image_damaged(image, "block %" PRIu64 ": freed twice", block);
	roots->meta_blocks = le64_of(le64_get(roots->meta_blocks) - 1);
	txn->freed[txn->freed_count++] = (struct block_range){.start = block, .count = 1};
	return 0;
}
