/*
 * What transactions took and freed. Freed blocks wait in quarantine until the record that freed them is
 * sealed (R11): their bits stay set in memory. Then data is punched in large ranges, small ones a while
 * later, and all may be taken again.
 */
#include "alloc_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int alloc_reserve_quarantine(struct image *image, size_t count)
{
	struct alloc *alloc = &image->alloc;
	size_t need, capacity;
	struct quarantined *bigger;
	int result = 0;

	pthread_mutex_lock(&alloc->lock);
	need = alloc->quarantine_count + count;
	if (need > alloc->quarantine_capacity) {
		capacity = need * 2;
		bigger = realloc(alloc->quarantine, capacity * sizeof(*bigger));
		if (bigger) {
			alloc->quarantine = bigger;
			alloc->quarantine_capacity = capacity;
		} else {
			result = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&alloc->lock);
	return result;
}

void alloc_commit(struct txn *txn, uint64_t lsn)
{
	struct image *image = txn->image;
	struct alloc *alloc = &image->alloc;

	pthread_mutex_lock(&alloc->lock);
	for (unsigned i = 0; i < txn->freed_count; i++) {
		struct block_range range = txn->freed[i];
		unsigned at;
		struct alloc_zone *zone = alloc_zone_of(image, range.start, &at);
		struct alloc_group *group = &zone->groups[at / GROUP_BLOCKS];
		bool metadata = group->type == GROUP_METADATA;

		if (MUTANT(R11_PUNCHED_EARLY) && !metadata)
			(void)!store_punch(image->store, range.start << BLOCK_SHIFT,
					   range.count << BLOCK_SHIFT);
		if (metadata) {
			group->last_free_lsn = lsn;
			for (uint64_t block = 0; block < range.count; block++)
				block_forget(image, range.start + block);
		}
		alloc->quarantine[alloc->quarantine_count++] =
		    (struct quarantined){.range = range, .lsn = lsn, .metadata = metadata};
		alloc->free_in_zones += range.count;
	}
	alloc->meta_promised -= txn->meta_promised;
	txn->meta_promised = 0;
	pthread_mutex_unlock(&alloc->lock);
}

void alloc_abort(struct txn *txn)
{
	struct image *image = txn->image;
	struct alloc *alloc = &image->alloc;

	pthread_mutex_lock(&alloc->lock);
	for (unsigned i = 0; i < txn->taken_count; i++) {
		unsigned at;
		struct alloc_zone *zone = alloc_zone_of(image, txn->taken[i].start, &at);

		zone_release(alloc, zone, at, (unsigned)txn->taken[i].count);
		alloc->free_in_zones += txn->taken[i].count;
	}
	alloc->meta_promised -= txn->meta_promised;
	txn->meta_promised = 0;
	pthread_mutex_unlock(&alloc->lock);
}

/* ---- after a seal ---- */

static int by_start(const void *a, const void *b)
{
	uint64_t left = ((const struct quarantined *)a)->range.start;
	uint64_t right = ((const struct quarantined *)b)->range.start;

	return left < right ? -1 : left > right;
}

/* Takes out of quarantine what records before `sealed` freed: it was put in by LSN. NULL: nothing, or no
 * memory now: the next seal will do. */
static struct quarantined *alloc_take_sealed(struct alloc *alloc, uint64_t sealed, size_t *ret_count)
{
	struct quarantined *taken;
	size_t count = 0;

	while (count < alloc->quarantine_count && alloc->quarantine[count].lsn <= sealed)
		count++;
	taken = count > 0 ? malloc(count * sizeof(*taken)) : NULL;
	if (!taken)
		return NULL;
	memcpy(taken, alloc->quarantine, count * sizeof(*taken));
	alloc->quarantine_count -= count;
	memmove(alloc->quarantine, alloc->quarantine + count,
		alloc->quarantine_count * sizeof(*alloc->quarantine));
	*ret_count = count;
	return taken;
}

/* Widens a range of a zone to whole chunks where their other blocks are free, taking these. */
static void alloc_widen(struct alloc *alloc, struct alloc_zone *zone, unsigned *at, unsigned *count)
{
	unsigned start = *at / CHUNK_BLOCKS * CHUNK_BLOCKS;
	unsigned end = *at + *count;
	unsigned chunk_end = (end + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS * CHUNK_BLOCKS;

	if (start < *at && zone_all_free(zone, start, *at - start)) {
		zone_take(alloc, zone, start, *at - start);
		*at = start;
	}
	if (chunk_end > end && zone_all_free(zone, end, chunk_end - end)) {
		zone_take(alloc, zone, end, chunk_end - end);
		end = chunk_end;
	}
	*count = end - *at;
}

static bool alloc_worth_punching(unsigned at, unsigned count)
{
	unsigned first_chunk = (at + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS;

	return count >= PUNCH_LEAST || (first_chunk + 1) * CHUNK_BLOCKS <= at + count;
}

/* Punches blocks that the caller has taken, so nobody can get them before that is done (R11), and what is
 * free around them; or gives them back, if that is not worth the call. Returns the end. grow_lock and
 * alloc.lock are held; the latter is let go of. */
static unsigned alloc_punch_taken(struct image *image, struct alloc_zone *zone, unsigned at, unsigned count)
{
	struct alloc *alloc = &image->alloc;

	alloc_widen(alloc, zone, &at, &count);
	bool worth = alloc_worth_punching(at, count);
	if (!worth)
		zone_release(alloc, zone, at, count);
	pthread_mutex_unlock(&alloc->lock);
	if (worth)
		space_punch(image, zone, at, count);
	return at + count;
}

void alloc_punch_free(struct image *image, struct block_range range)
{
	struct alloc *alloc = &image->alloc;
	unsigned done = 0, start;

	pthread_mutex_lock(&alloc->grow_lock);
	for (;;) {
		pthread_mutex_lock(&alloc->lock);
		/* Each time: a zone that is empty may be dropped, and come back, while the lock is free. */
		struct alloc_zone *zone = alloc_zone_of(image, range.start, &start);
		unsigned end = start + (unsigned)range.count;
		unsigned at = zone ? zone_next_free(zone, done > start ? done : start) : end;

		if (!zone || at >= end) {
			pthread_mutex_unlock(&alloc->lock);
			break;
		}
		unsigned count = zone_run(zone, at, end - at);
		if (zone_is_punched(zone, at, count)) {
			pthread_mutex_unlock(&alloc->lock);
			done = at + count;
			continue;
		}
		zone_take(alloc, zone, at, count);
		done = alloc_punch_taken(image, zone, at, count);
	}
	pthread_mutex_unlock(&alloc->grow_lock);
}

/* A data range whose freeing is sealed. */
static void alloc_release_data(struct image *image, struct block_range range)
{
	struct alloc *alloc = &image->alloc;
	struct block_range oldest;
	unsigned at;
	struct alloc_zone *zone = alloc_zone_of(image, range.start, &at);

	if (!zone)
		return;
	if (range.count > RECENT_LARGEST) {
		pthread_mutex_lock(&alloc->grow_lock);
		pthread_mutex_lock(&alloc->lock);
		(void)alloc_punch_taken(image, zone, at, (unsigned)range.count);
		pthread_mutex_unlock(&alloc->grow_lock);
		return;
	}
	pthread_mutex_lock(&alloc->lock);
	zone_release(alloc, zone, at, (unsigned)range.count);
	oldest = recent_add(alloc, range);
	pthread_mutex_unlock(&alloc->lock);
	if (oldest.count > 0)
		alloc_punch_free(image, oldest);
}

static void alloc_release_metadata(struct image *image, struct block_range range)
{
	unsigned at;
	struct alloc_zone *zone = alloc_zone_of(image, range.start, &at);

	if (!zone)
		return;
	pthread_mutex_lock(&image->alloc.lock);
	zone_release(&image->alloc, zone, at, (unsigned)range.count);
	pthread_mutex_unlock(&image->alloc.lock);
}

static bool same_zone(const struct image *image, uint64_t a, uint64_t b)
{
	return (a - image->zone_first) / ZONE_BLOCKS == (b - image->zone_first) / ZONE_BLOCKS;
}

void alloc_sealed(struct image *image, uint64_t sealed)
{
	struct alloc *alloc = &image->alloc;
	struct quarantined *taken;
	size_t count = 0, next;

	if (image->read_only || image->repairing || !alloc->zones)
		return;
	pthread_mutex_lock(&alloc->lock);
	taken = alloc_take_sealed(alloc, sealed, &count);
	pthread_mutex_unlock(&alloc->lock);
	if (!taken)
		return;
	qsort(taken, count, sizeof(*taken), by_start);
	for (size_t i = 0; i < count; i = next) {
		struct block_range range = taken[i].range;

		for (next = i + 1; next < count && !taken[i].metadata && !taken[next].metadata &&
				   taken[next].range.start == range.start + range.count &&
				   same_zone(image, range.start, taken[next].range.start);
		     next++)
			range.count += taken[next].range.count;
		if (taken[i].metadata)
			alloc_release_metadata(image, range);
		else
			alloc_release_data(image, range);
	}
	free(taken);
	if (MUTANT(R2_TAKEN_BEFORE_TAIL))
		alloc_checkpointed(image, UINT64_MAX);
}

/* ---- after a checkpoint ---- */

/* Takes all blocks of an empty metadata group that nothing holds to its type, and makes it NONE; false: it
 * has to stay. *ret_at, *ret_count: what was taken. alloc.lock is held. */
static bool alloc_take_group(struct alloc *alloc, struct alloc_zone *zone, unsigned index, uint64_t tail,
			     unsigned *ret_at, unsigned *ret_count)
{
	struct alloc_group *group = &zone->groups[index];
	unsigned ready;

	if (group->type != GROUP_METADATA || group->used > 0 || group->last_free_lsn > tail ||
	    group->free == 0)
		return false;
	ready = zone_ready(zone, index);
	if (alloc->meta_ready < ready + alloc->meta_promised + META_KEPT)
		return false;
	zone_set_type(alloc, zone, index, GROUP_NONE);
	/* free blocks of an empty group are one run: before it the map and roots block, behind it the limit
	 */
	*ret_at = zone_next_free(zone, index * GROUP_BLOCKS);
	*ret_count = group->free;
	zone_take(alloc, zone, *ret_at, *ret_count);
	return true;
}

static bool alloc_any_backed(const struct alloc_zone *zone, unsigned at, unsigned count)
{
	for (unsigned chunk = at / CHUNK_BLOCKS; chunk <= (at + count - 1) / CHUNK_BLOCKS; chunk++)
		if (zone_is_backed(zone, chunk))
			return true;
	return false;
}

static void alloc_convert_group(struct image *image, uint64_t zone_index, unsigned index, uint64_t tail)
{
	struct alloc *alloc = &image->alloc;
	struct alloc_zone *zone = alloc->zones[zone_index];
	unsigned at = 0, count = 0;
	bool taken;

	pthread_mutex_lock(&alloc->lock);
	taken = zone_index < atomic_load(&alloc->zone_count) &&
		alloc_take_group(alloc, zone, index, tail, &at, &count);
	if (taken && !alloc_any_backed(zone, at, count)) {
		zone_release(alloc, zone, at, count);
		taken = false;
	}
	pthread_mutex_unlock(&alloc->lock);
	if (taken)
		space_punch(image, zone, at, count);
}

void alloc_checkpointed(struct image *image, uint64_t tail)
{
	struct alloc *alloc = &image->alloc;

	if (image->read_only || image->repairing || !alloc->zones)
		return;
	/* From the end: what is left is to hold the file no longer than need be. */
	for (uint64_t i = atomic_load(&alloc->zone_count); i-- > 0;) {
		for (unsigned group = ZONE_GROUPS; group-- > 0;) {
			if (zone_type(alloc->zones[i], group) != GROUP_METADATA)
				continue;
			pthread_mutex_lock(&alloc->grow_lock);
			alloc_convert_group(image, i, group, tail);
			pthread_mutex_unlock(&alloc->grow_lock);
		}
	}
}
