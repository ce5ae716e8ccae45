/*
 * What is read and written through a mount is cached twice: as pages of the mount, which answer the next
 * read without a message, and as pages of the image, which nobody needs as long as the kernel has the first.
 * Where memory is short (pressure.c), the second ones go, so that there is room for more of the first.
 *
 * Only pages of data groups go, and of these only what the disk has: tree nodes, maps and the ring stay, and
 * nothing is lost. Whoever needs a page again reads it from the disk.
 *
 * A page that the kernel copies a reply from must stay mapped (data_prefault). So readers say when they begin
 * and end, each thread in a place of its own; while a part is dropped no reader begins, and if one that has
 * begun does not end soon, that part stays. Whoever reads first raises its place and then looks at
 * `dropping`, whoever drops sets that first and then looks at the places: one of them sees the other.
 */
#include "alloc_i.h"

#include <time.h>

#define WAIT_NS	  100000 /* for readers to end, so many times */
#define WAIT_MOST 10u

static atomic_uint threads;		    /* that have read anything */
static _Thread_local unsigned thread_place; /* + 1; 0: none yet */

void cache_note_used(struct image *image)
{
	if (!atomic_load_explicit(&image->cache.used, memory_order_relaxed))
		atomic_store(&image->cache.used, true);
}

/* Threads may share one. */
static atomic_uint *place_of_thread(struct image *image)
{
	if (thread_place == 0)
		thread_place = atomic_fetch_add(&threads, 1) % CACHE_READERS + 1;
	return &image->cache.readers[thread_place - 1].count;
}

void data_read_begin(struct image *image)
{
	struct cache *cache = &image->cache;
	atomic_uint *count = place_of_thread(image);

	atomic_fetch_add(count, 1);
	while (atomic_load(&cache->dropping)) {
		atomic_fetch_sub(count, 1);
		pthread_mutex_lock(&cache->lock); /* until it is over */
		pthread_mutex_unlock(&cache->lock);
		atomic_fetch_add(count, 1);
	}
	cache_note_used(image);
}

void data_read_end(struct image *image)
{
	atomic_fetch_sub(place_of_thread(image), 1);
}

static bool readers_end(struct cache *cache)
{
	const struct timespec pause = {.tv_nsec = WAIT_NS};

	for (unsigned i = 0, waited = 0; i < CACHE_READERS; i++) {
		while (atomic_load(&cache->readers[i].count) > 0) {
			if (waited++ == WAIT_MOST)
				return false;
			nanosleep(&pause, NULL);
		}
	}
	return true;
}

static void drop_group(struct image *image, uint64_t block)
{
	struct cache *cache = &image->cache;
	uint64_t offset = block << BLOCK_SHIFT, size = store_size(image->store);
	uint64_t length = (uint64_t)GROUP_BLOCKS << BLOCK_SHIFT;

	if (offset >= size)
		return;
	if (length > size - offset)
		length = size - offset;
	pthread_mutex_lock(&cache->lock);
	atomic_store(&cache->dropping, true);
	if (readers_end(cache))
		store_drop(image->store, offset, length);
	atomic_store(&cache->dropping, false);
	pthread_mutex_unlock(&cache->lock);
}

/* Is it time to? What nobody has touched since the last pass is not cached anew. */
static bool drop_wanted(struct image *image)
{
	struct cache *cache = &image->cache;
	bool is_short = cache->policy == IMAGE_CACHE_AUTO && pressure_is_high(&cache->pressure);

	if (image->store->scratch || cache->policy == IMAGE_CACHE_KEEP)
		return false;
	return (is_short || cache->policy == IMAGE_CACHE_DROP) &&
	       (cache->at > 0 || atomic_load(&cache->used));
}

void cache_drop(struct image *image, bool (*stop)(struct image *image))
{
	struct cache *cache = &image->cache;
	struct alloc *alloc = &image->alloc;
	/* Zones are neither moved nor freed, and a group that becomes one of nodes loses no more than the
	 * others. */
	uint64_t groups = atomic_load(&alloc->zone_count) * ZONE_GROUPS;

	if (!drop_wanted(image))
		return;
	if (cache->at == 0)
		atomic_store(&cache->used, false);
	for (; cache->at < groups && !stop(image); cache->at++) {
		const struct alloc_zone *zone = alloc->zones[cache->at / ZONE_GROUPS];
		unsigned group = (unsigned)(cache->at % ZONE_GROUPS);

		if (zone_type(zone, group) == GROUP_DATA)
			drop_group(image, zone->start + (uint64_t)group * GROUP_BLOCKS);
	}
	if (cache->at < groups)
		return; /* it goes on from there */
	cache->at = 0;
	atomic_fetch_add(&cache->passes, 1);
}
