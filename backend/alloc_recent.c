/*
 * What was freed lately keeps its host space for a while. Small things that are deleted were mostly written a
 * moment ago, as the journal of a database is for each of its transactions, and soon as much is wanted again.
 * A block that was punched has to be asked of the host anew, and its first sync then waits for a commit of
 * the host's own journal; both together take longer than all else that such a transaction syncs. So the last
 * small ranges that were freed are remembered, are given to whoever asks for blocks without saying where, and
 * are punched when nobody has done so for a while.
 *
 * Their blocks are free, and may be taken in other ways too: what is remembered is looked at again before
 * use.
 */
#include "alloc_i.h"

#include <string.h>

/* alloc.lock is held. */
static void recent_remove(struct alloc *alloc, unsigned index)
{
	alloc->recent_count--;
	memmove(alloc->recent + index, alloc->recent + index + 1,
		(alloc->recent_count - index) * sizeof(*alloc->recent));
}

static bool ranges_overlap(struct block_range a, struct block_range b)
{
	return a.start < b.start + b.count && b.start < a.start + a.count;
}

static struct block_range ranges_union(struct block_range a, struct block_range b)
{
	uint64_t start = a.start < b.start ? a.start : b.start;
	uint64_t a_end = a.start + a.count, b_end = b.start + b.count;

	return (struct block_range){.start = start, .count = (a_end > b_end ? a_end : b_end) - start};
}

struct block_range recent_add(struct alloc *alloc, struct block_range range)
{
	struct block_range oldest = {0};

	/* Blocks that were taken and are freed again are there already, maybe with others around them. */
	for (unsigned i = alloc->recent_count; i-- > 0;) {
		struct block_range both = ranges_union(alloc->recent[i].range, range);

		if (!ranges_overlap(alloc->recent[i].range, range) || both.count > RECENT_LARGEST)
			continue;
		recent_remove(alloc, i);
		range = both;
	}
	if (alloc->recent_count == ALLOC_RECENT) {
		oldest = alloc->recent[0].range;
		recent_remove(alloc, 0);
	}
	alloc->recent[alloc->recent_count++] =
	    (struct recent_range){.range = range, .tick = alloc->recent_tick};
	return oldest;
}

struct alloc_zone *recent_find(struct image *image, unsigned want, unsigned *ret_at)
{
	struct alloc *alloc = &image->alloc;

	for (unsigned i = alloc->recent_count; i-- > 0;) {
		struct block_range *range = &alloc->recent[i].range;
		unsigned start, at;
		struct alloc_zone *zone = alloc_zone_of(image, range->start, &start);

		if (!zone)
			continue;
		unsigned end = start + (unsigned)range->count;
		at = zone_next_free(zone, start);
		if (at > end || end - at < want || zone_run(zone, at, want) < want)
			continue;
		range->start += at + want - start;
		range->count = end - at - want;
		if (range->count == 0)
			recent_remove(alloc, i);
		*ret_at = at;
		return zone;
	}
	return NULL;
}

/* The oldest range, if it was added before that tick; else one of no blocks. */
static struct block_range recent_take_oldest(struct alloc *alloc, uint64_t before)
{
	struct block_range range = {0};

	pthread_mutex_lock(&alloc->lock);
	if (alloc->recent_count > 0 && alloc->recent[0].tick < before) {
		range = alloc->recent[0].range;
		recent_remove(alloc, 0);
	}
	pthread_mutex_unlock(&alloc->lock);
	return range;
}

/* Returns whether there were any. Others add to them meanwhile: those are not waited for. */
static bool recent_punch(struct image *image, uint64_t before)
{
	struct block_range range;
	unsigned punched = 0;

	/* so that alloc_make_room waits for the end of it */
	pthread_mutex_lock(&image->syncer.release_lock);
	while (punched < ALLOC_RECENT && (range = recent_take_oldest(&image->alloc, before)).count > 0) {
		alloc_punch_free(image, range);
		punched++;
	}
	pthread_mutex_unlock(&image->syncer.release_lock);
	return punched > 0;
}

void alloc_recent_tick(struct image *image)
{
	struct alloc *alloc = &image->alloc;

	if (image->read_only || image->repairing || !alloc->zones)
		return;
	pthread_mutex_lock(&alloc->lock);
	uint64_t tick = alloc->recent_tick++;
	pthread_mutex_unlock(&alloc->lock);
	recent_punch(image, tick);
}

bool alloc_recent_give_up(struct image *image)
{
	return recent_punch(image, UINT64_MAX);
}
