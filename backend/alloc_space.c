/* The size of the file and its space on the host. */
#include "alloc_i.h"

#include <errno.h>

#define AHEAD_CHUNKS 8u
#define CUT_LEAVES   (2 * CHUNK_BLOCKS)
#define GROW_LEAST   (UINT64_C(1) << 20)
#define GROW_MOST    (UINT64_C(1) << 30)
#define SIZE_STEP    (UINT64_C(64) << 10) /* the file's size is a multiple of the page size, whatever it is */

/* Growing is synced (R13), so it is done in large steps: a quarter of what there is. */
int space_ensure_size(struct image *image, uint64_t end)
{
	uint64_t size = store_size(image->store), need = end << BLOCK_SHIFT;
	uint64_t limit = image->alloc.limit_blocks << BLOCK_SHIFT;
	uint64_t step = size / 4, target;
	int result;

	if (need <= size)
		return 0;
	if (need > limit)
		return -ENOSPC;
	step = step < GROW_LEAST ? GROW_LEAST : step > GROW_MOST ? GROW_MOST : step;
	target = need > size + step ? need : size + step;
	target = (target + SIZE_STEP - 1) & ~(SIZE_STEP - 1);
	if (target > limit)
		target = limit;
	result = store_set_size(image->store, target);
	if ((result == -ENOSPC || result == -EFBIG) && target > need && !store_faulted(image->store))
		result = store_set_size(image->store, need);
	/* The sync of a larger file failed, be it with ENOSPC: that is no lack of room, and another try would
	 * lie (R16). */
	return result < 0 && store_faulted(image->store) ? image_fail(image, result) : result;
}

static int space_reserve(struct image *image, const struct alloc_zone *zone, unsigned at, unsigned end)
{
	int result = space_ensure_size(image, zone->start + end);

	if (result < 0)
		return result;
	result = store_reserve(image->store, (zone->start + at) << BLOCK_SHIFT,
			       (uint64_t)(end - at) << BLOCK_SHIFT);
	return result == -EOPNOTSUPP ? 0 : result;
}

static void space_mark_backed(struct image *image, struct alloc_zone *zone, unsigned first, unsigned end)
{
	pthread_mutex_lock(&image->alloc.lock);
	for (unsigned chunk = first; chunk < end; chunk++)
		zone_set_backed(&image->alloc, zone, chunk, true);
	pthread_mutex_unlock(&image->alloc.lock);
}

/* Chunks [first, end) clipped to the blocks that may be used. */
static int space_reserve_chunks(struct image *image, const struct alloc_zone *zone, unsigned first,
				unsigned end)
{
	unsigned to = end * CHUNK_BLOCKS < zone->usable ? end * CHUNK_BLOCKS : zone->usable;

	if (to <= first * CHUNK_BLOCKS)
		return -ENOSPC;
	return space_reserve(image, zone, first * CHUNK_BLOCKS, to);
}

int space_back_chunks(struct image *image, struct alloc_zone *zone, unsigned first, unsigned end)
{
	uint64_t offset = (zone->start + (uint64_t)first * CHUNK_BLOCKS) << BLOCK_SHIFT;
	int result = space_reserve_chunks(image, zone, first, end);

	if (result < 0)
		return result;
	/* space for metadata is durable before a record uses it (R6) */
	result =
	    store_sync_range(image->store, offset, (uint64_t)(end - first) * CHUNK_BLOCKS << BLOCK_SHIFT);
	if (result < 0)
		return image_fail(image, result);
	space_mark_backed(image, zone, first, end);
	return 0;
}

/* Chunks behind `end` to take host space for by the same call: those that are likely next. */
static unsigned space_ahead(const struct image *image, const struct alloc_zone *zone, unsigned end)
{
	uint64_t size = store_size(image->store) >> BLOCK_SHIFT;
	unsigned ahead = end;

	while (ahead < ZONE_CHUNKS && ahead - end < AHEAD_CHUNKS && !zone_is_backed(zone, ahead) &&
	       zone_type(zone, ahead / GROUP_CHUNKS) != GROUP_METADATA &&
	       (ahead + 1) * CHUNK_BLOCKS <= zone->usable && zone->start + (ahead + 1) * CHUNK_BLOCKS <= size)
		ahead++;
	return ahead;
}

/* Whole chunks for a run; exactly the run, or a part of it, if the host is nearly full. grow_lock is held. */
static int space_back_run(struct image *image, struct alloc_zone *zone, unsigned at, unsigned *count,
			  unsigned first, unsigned end)
{
	unsigned ahead = space_ahead(image, zone, end);
	int result = space_reserve_chunks(image, zone, first, ahead);

	if (result == 0) {
		space_mark_backed(image, zone, first, ahead);
		return 0;
	}
	while (result == -ENOSPC) {
		result = space_reserve(image, zone, at, at + *count);
		if (result != -ENOSPC || *count == 1)
			break;
		*count /= 2;
	}
	return result;
}

int space_back_data(struct image *image, struct alloc_zone *zone, unsigned at, unsigned *count)
{
	unsigned first = at / CHUNK_BLOCKS, end = (at + *count - 1) / CHUNK_BLOCKS + 1;
	int result = 0;

	pthread_mutex_lock(&image->alloc.grow_lock);
	while (first < end && zone_is_backed(zone, first))
		first++;
	while (end > first && zone_is_backed(zone, end - 1))
		end--;
	if (first < end)
		result = space_back_run(image, zone, at, count, first, end);
	pthread_mutex_unlock(&image->alloc.grow_lock);
	return result;
}

void space_punch(struct image *image, struct alloc_zone *zone, unsigned at, unsigned count)
{
	struct alloc *alloc = &image->alloc;
	int result =
	    store_punch(image->store, (zone->start + at) << BLOCK_SHIFT, (uint64_t)count << BLOCK_SHIFT);

	pthread_mutex_lock(&alloc->lock);
	for (unsigned chunk = at / CHUNK_BLOCKS; chunk <= (at + count - 1) / CHUNK_BLOCKS; chunk++) {
		unsigned start = chunk * CHUNK_BLOCKS;

		if (result < 0)
			break;
		zone_set_backed(alloc, zone, chunk, false);
		bitmap_set(zone->punched, chunk, at <= start && start + CHUNK_BLOCKS <= at + count);
	}
	if (result == 0)
		atomic_fetch_add_explicit(&alloc->punched_blocks, count, memory_order_relaxed);
	zone_release(alloc, zone, at, count);
	pthread_mutex_unlock(&alloc->lock);
}

/* ---- cutting ---- */

/* Where the image may be cut: behind the last block in use, and behind as many chunks with host space as make
 * up META_LEFT free metadata blocks, so that deletes work on a host that is full when it is mounted again.
 * alloc.lock is held. */
uint64_t space_needed(const struct alloc *alloc, const struct alloc_zone *last)
{
	uint64_t used = last->start + zone_end(last);
	uint64_t end = (used + RING_ALIGN - 1) & ~(uint64_t)(RING_ALIGN - 1);
	uint64_t left = alloc->meta_ready - zone_ready_all(last);

	for (unsigned chunk = 0; chunk < ZONE_CHUNKS && left < META_LEFT; chunk++) {
		unsigned ready = zone_ready_in_chunk(last, chunk), to = (chunk + 1) * CHUNK_BLOCKS;

		to = to < last->usable ? to : last->usable;
		left += ready;
		if (ready > 0 && last->start + to > end)
			end = last->start + to;
	}
	end = (end + RING_ALIGN - 1) & ~(uint64_t)(RING_ALIGN - 1);
	if (end > alloc->limit_blocks)
		end = used > alloc->limit_blocks ? used : alloc->limit_blocks;
	return end;
}

int space_cut(struct image *image, struct alloc_zone *last)
{
	struct alloc *alloc = &image->alloc;
	uint64_t end = space_needed(alloc, last);
	int result;

	if (end << BLOCK_SHIFT >= store_size(image->store))
		return 0;
	for (unsigned chunk = 0; chunk < ZONE_CHUNKS; chunk++)
		if (last->start + (chunk + 1) * CHUNK_BLOCKS > end)
			zone_set_backed(alloc, last, chunk, false);
	result = store_set_size(image->store, end << BLOCK_SHIFT);
	return result == -ENOSPC ? 0 : result;
}

bool space_left_by_cut(const struct image *image)
{
	const struct alloc *alloc = &image->alloc;
	uint64_t count = atomic_load(&alloc->zone_count);
	const struct alloc_zone *last = alloc->zones[count - 1];
	uint64_t end = last->start + zone_end(last) + CUT_LEAVES;

	return alloc->meta_ready < META_LEFT && store_size(image->store) <= end << BLOCK_SHIFT &&
	       (count == 1 || !zone_is_empty(last));
}

int alloc_cut_tail(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	uint64_t count = atomic_load(&alloc->zone_count);
	int result = 0;

	if (image->read_only || image->store->fixed_size || count == 0)
		return 0;
	pthread_mutex_lock(&alloc->grow_lock);
	pthread_mutex_lock(&alloc->lock);
	if (alloc->meta_promised == 0 && atomic_load(&image->ring.tail) >= atomic_load(&image->ring.head) &&
	    !space_left_by_cut(image))
		result = space_cut(image, alloc->zones[count - 1]);
	pthread_mutex_unlock(&alloc->lock);
	pthread_mutex_unlock(&alloc->grow_lock);
	return result;
}
