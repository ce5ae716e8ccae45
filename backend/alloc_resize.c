/*
 * Another limit, and the free end of the file, while the image is in use.
 *
 * The file is cut in three steps. First all free blocks at its end are taken, so that nobody gets one of them
 * (a fence). Then a checkpoint brings the tail past every record that was there by then; no later one touches
 * what lies behind the fence. Then the file is cut (R11), and the fence goes.
 */
#include "alloc_i.h"

#include <errno.h>
#include <inttypes.h>

/* ---- the limit ---- */

static unsigned usable_blocks(const struct alloc_zone *zone, uint64_t limit_blocks)
{
	if (limit_blocks <= zone->start)
		return 0;
	return limit_blocks - zone->start < ZONE_BLOCKS ? (unsigned)(limit_blocks - zone->start)
							: ZONE_BLOCKS;
}

/* Free blocks with host space that metadata would lose. */
static unsigned ready_from(const struct alloc_zone *zone, unsigned from)
{
	unsigned count = 0;

	for (unsigned at = from; at < zone->usable; at++)
		count += !bitmap_get(zone->bits, at) && zone_is_backed(zone, at / CHUNK_BLOCKS) &&
			 zone_type(zone, at / GROUP_BLOCKS) == GROUP_METADATA;
	return count;
}

/* Blocks that cannot be had count neither as used nor as free. */
static void zone_lower(struct alloc *alloc, struct alloc_zone *zone, unsigned usable)
{
	for (unsigned at = usable; at < zone->usable; at++) {
		if (bitmap_get(zone->bits, at))
			continue;
		zone_take(alloc, zone, at, 1);
		zone->groups[at / GROUP_BLOCKS].used--;
		alloc->free_in_zones--;
	}
	zone->usable = usable;
}

static bool is_quarantined(const struct alloc *alloc, uint64_t block)
{
	for (size_t i = 0; i < alloc->quarantine_count; i++)
		if (block - alloc->quarantine[i].range.start < alloc->quarantine[i].range.count)
			return true;
	return false;
}

/* `map` tells which of them are in use from before the limit was set. */
static void zone_raise(struct alloc *alloc, struct alloc_zone *zone, const struct map_disk *map,
		       unsigned usable)
{
	unsigned from = zone->usable;

	zone->usable = usable;
	for (unsigned at = from; at < usable; at++) {
		bool used = map->bitmap[at / 8] >> (at % 8) & 1;

		if (used || is_quarantined(alloc, zone->start + at))
			continue;
		zone->groups[at / GROUP_BLOCKS].used++;
		zone_release(alloc, zone, at, 1);
		alloc->free_in_zones++;
	}
	if (usable >= zone->beyond)
		zone->beyond = 0;
}

/* Behind the last block in use, reserved or quarantined. alloc.lock is held. */
static uint64_t used_end(const struct alloc *alloc)
{
	uint64_t count = atomic_load(&alloc->zone_count);

	while (count > 1 && zone_is_empty(alloc->zones[count - 1]))
		count--;
	return alloc->zones[count - 1]->start + zone_end(alloc->zones[count - 1]);
}

/* May the limit fall to that? Metadata blocks that transactions were promised have to stay. */
static bool may_lower(const struct alloc *alloc, uint64_t limit_blocks)
{
	uint64_t ready = 0;

	for (uint64_t i = 0; i < atomic_load(&alloc->zone_count); i++) {
		const struct alloc_zone *zone = alloc->zones[i];

		ready += ready_from(zone, usable_blocks(zone, limit_blocks));
	}
	return used_end(alloc) <= limit_blocks && alloc->meta_ready >= alloc->meta_promised + ready;
}

/* All locks are held. */
static int set_limit_locked(struct image *image, uint64_t limit_blocks)
{
	struct alloc *alloc = &image->alloc;

	if (limit_blocks < alloc->limit_blocks && !may_lower(alloc, limit_blocks))
		return -EBUSY;
	for (uint64_t i = 0; i < atomic_load(&alloc->zone_count); i++) {
		struct alloc_zone *zone = alloc->zones[i];
		unsigned usable = usable_blocks(zone, limit_blocks);
		const struct map_disk *map;
		int result = 0;

		if (usable < zone->usable)
			zone_lower(alloc, zone, usable);
		else if (usable > zone->usable)
			result = block_read(image, zone->start, MAGIC_MAP, (const void **)&map);
		if (result < 0)
			return result;
		if (usable > zone->usable)
			zone_raise(alloc, zone, map, usable);
	}
	alloc->limit_blocks = limit_blocks;
	return 0;
}

int alloc_set_limit(struct image *image, uint64_t limit_blocks, uint64_t *ret_end)
{
	struct alloc *alloc = &image->alloc;
	uint64_t before = image->limit_blocks;
	int result;

	pthread_mutex_lock(&alloc->zone_lock);
	image_read_lock(image);
	pthread_mutex_lock(&alloc->grow_lock);
	pthread_mutex_lock(&alloc->lock);
	__atomic_store_n(&image->limit_blocks, limit_blocks, __ATOMIC_RELAXED);
	result = set_limit_locked(image, alloc_limit(image));
	if (result < 0)
		__atomic_store_n(&image->limit_blocks, before, __ATOMIC_RELAXED);
	*ret_end = used_end(alloc);
	pthread_mutex_unlock(&alloc->lock);
	pthread_mutex_unlock(&alloc->grow_lock);
	image_read_unlock(image);
	pthread_mutex_unlock(&alloc->zone_lock);
	return result;
}

/* ---- the free end of the file ---- */

struct fence {
	struct alloc_zone *zone; /* NULL: there is none */
	unsigned at, count;	 /* blocks of it that are taken */
	uint64_t head;		 /* no record behind this LSN touches what lies behind it */
};

uint64_t alloc_slack(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	uint64_t size = store_size(image->store) >> BLOCK_SHIFT, end;

	pthread_mutex_lock(&alloc->lock);
	end = used_end(alloc);
	pthread_mutex_unlock(&alloc->lock);
	return size > end ? (size - end) << BLOCK_SHIFT : 0;
}

/* zone_lock is held, so the last zone stays that. */
static void fence_set(struct image *image, struct fence *fence)
{
	struct alloc *alloc = &image->alloc;
	struct alloc_zone *last = alloc->zones[atomic_load(&alloc->zone_count) - 1];
	unsigned end;

	pthread_mutex_lock(&alloc->lock);
	end = (unsigned)(space_needed(alloc, last) - last->start);
	if (!last->beyond && end <= last->usable && !space_left_by_cut(image) &&
	    last->start + end < store_size(image->store) >> BLOCK_SHIFT &&
	    alloc->meta_ready >= ready_from(last, end) + alloc->meta_promised + META_LEFT) {
		*fence = (struct fence){.zone = last, .at = end, .count = last->usable - end};
		if (fence->count > 0)
			zone_take(alloc, last, end, fence->count);
		alloc->free_in_zones -= fence->count;
	}
	fence->head = image_head(image);
	pthread_mutex_unlock(&alloc->lock);
}

/* alloc.lock is held. */
static void fence_lift(struct alloc *alloc, const struct fence *fence)
{
	if (fence->count > 0)
		zone_release(alloc, fence->zone, fence->at, fence->count);
	alloc->free_in_zones += fence->count;
}

static int shrink_locked(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	struct fence fence = {0};
	int result = alloc_find_kept(image);

	if (result == 0)
		result = alloc_drop_empty_zones(image);
	if (result < 0)
		return result == -ENOSPC ? 0 : result;
	pthread_mutex_lock(&alloc->zone_lock);
	fence_set(image, &fence);
	if (fence.zone) {
		result = image_checkpoint(image);
		pthread_mutex_lock(&alloc->grow_lock);
		pthread_mutex_lock(&alloc->lock);
		fence_lift(alloc, &fence);
		if (result == 0 && atomic_load(&image->ring.tail) >= fence.head)
			result = space_cut(image, fence.zone);
		pthread_mutex_unlock(&alloc->lock);
		pthread_mutex_unlock(&alloc->grow_lock);
	}
	pthread_mutex_unlock(&alloc->zone_lock);
	return result;
}

int image_shrink(struct image *image)
{
	int result;

	if (image->read_only)
		return -EROFS;
	if (image->repairing || image->store->fixed_size || image->store->scratch)
		return 0;
	result = syncer_seal(image); /* what was freed until now is released */
	return result < 0 ? result : shrink_locked(image);
}
