/* Data blocks: reserving, claiming and freeing them, and the bytes in them. */
#include "alloc_i.h"
#include "guard.h"

#include <errno.h>
#include <inttypes.h>

#define LOOK_RUNS 1024u
#define FEW_ZONES 4u /* with space but without a good run, before the best of them is taken */

struct found_run {
	struct alloc_zone *zone;
	uint64_t index;
	unsigned at, count;
};

/* ---- finding ---- */

static void data_find_at_goal(struct image *image, uint64_t goal, unsigned want, struct found_run *run)
{
	unsigned at;
	struct alloc_zone *zone = alloc_zone_of(image, goal, &at);

	if (!zone)
		return;
	run->count = zone_run(zone, at, want);
	run->zone = zone;
	run->at = at;
	run->index = (goal - image->zone_first) / ZONE_BLOCKS;
}

static void data_find_recent(struct image *image, unsigned want, struct found_run *run)
{
	struct alloc_zone *zone = recent_find(image, want, &run->at);

	if (!zone)
		return;
	run->zone = zone;
	run->index = (zone->start - image->zone_first) / ZONE_BLOCKS;
	run->count = want;
}

static void data_find_anywhere(struct alloc *alloc, uint64_t first, unsigned want, struct found_run *run)
{
	uint64_t count = atomic_load(&alloc->zone_count);
	unsigned enough = want < 16 ? want : 16, looked = 0;

	for (uint64_t i = 0; i < count && looked < FEW_ZONES && run->count < enough; i++) {
		uint64_t index = (first + i) % count;
		unsigned at, length = zone_find(alloc->zones[index], want, &at);

		if (length == 0)
			continue;
		looked++;
		if (length <= run->count)
			continue;
		run->zone = alloc->zones[index];
		run->index = index;
		run->at = at;
		run->count = length;
	}
}

static void data_take(struct alloc *alloc, const struct found_run *run)
{
	for (unsigned group = run->at / GROUP_BLOCKS; group <= (run->at + run->count - 1) / GROUP_BLOCKS;
	     group++)
		if (run->zone->groups[group].type == GROUP_NONE)
			zone_set_type(alloc, run->zone, group, GROUP_DATA);
	zone_take(alloc, run->zone, run->at, run->count);
	alloc->free_in_zones -= run->count;
	run->zone->cursor = run->at + run->count;
	alloc->data_hint = run->index;
}

/* A zone's cursor is where new files go, behind the one that was put there last. A file that goes on at its
 * goal, or gets what was freed lately, takes the cursor along only if it stands there. */
static void data_move_cursor(const struct found_run *run, unsigned before, bool at_place, unsigned ahead)
{
	if (!at_place)
		run->zone->cursor += ahead; /* behind the end it means the start */
	else if (before < run->at || before > run->at + run->count)
		run->zone->cursor = before;
}

/* Takes a run in memory. false: there is no free block. *ret_backed: it has host space. */
static bool data_find(struct image *image, uint64_t goal, unsigned want, unsigned ahead,
		      struct found_run *run, bool *ret_backed)
{
	struct alloc *alloc = &image->alloc;
	bool at_place;

	*run = (struct found_run){0};
	pthread_mutex_lock(&alloc->lock);
	if (goal)
		data_find_at_goal(image, goal, want, run);
	else
		data_find_recent(image, want, run);
	at_place = run->count > 0;
	if (!at_place)
		data_find_anywhere(alloc, run->zone ? run->index : alloc->data_hint, want, run);
	if (run->count > 0) {
		unsigned cursor = run->zone->cursor;
		uint64_t hint = alloc->data_hint;

		data_take(alloc, run);
		if (at_place && !goal)
			alloc->data_hint = hint; /* where it was freed is not where new files go */
		data_move_cursor(run, cursor, at_place, goal ? ahead : 0);
		*ret_backed = zone_range_backed(run->zone, run->at, run->count);
	}
	pthread_mutex_unlock(&alloc->lock);
	return run->count > 0;
}

/* How many of `count` blocks from `at` on lie in chunks that have host space, without a gap. */
static unsigned data_backed_part(const struct alloc_zone *zone, unsigned at, unsigned count)
{
	unsigned end = at;

	while (end < at + count && zone_is_backed(zone, end / CHUNK_BLOCKS))
		end = (end / CHUNK_BLOCKS + 1) * CHUNK_BLOCKS;
	return end - at < count ? end - at : count;
}

/* On a full host: takes free blocks that have host space already, wherever they are. */
static bool data_find_backed(struct image *image, unsigned want, struct found_run *run)
{
	struct alloc *alloc = &image->alloc;
	uint64_t zones = atomic_load(&alloc->zone_count);

	*run = (struct found_run){0};
	pthread_mutex_lock(&alloc->lock);
	for (uint64_t index = 0; index < zones && run->count == 0; index++) {
		struct alloc_zone *zone = alloc->zones[index];
		unsigned at = 0;

		while (run->count == 0 && (at = zone_next_free(zone, at)) < ZONE_BLOCKS) {
			*run = (struct found_run){.zone = zone, .index = index, .at = at};
			run->count = data_backed_part(zone, at, zone_run(zone, at, want));
			at = (at / CHUNK_BLOCKS + 1) * CHUNK_BLOCKS;
		}
	}
	if (run->count > 0)
		data_take(alloc, run);
	pthread_mutex_unlock(&alloc->lock);
	return run->count > 0;
}

/* Takes the first run of `want` blocks before `end`, else the longest of those looked at. */
static bool data_find_below(struct image *image, uint64_t end, unsigned want, struct found_run *run)
{
	struct alloc *alloc = &image->alloc;
	uint64_t zones = atomic_load(&alloc->zone_count);
	unsigned looked = 0, enough = want < CHUNK_BLOCKS ? want : CHUNK_BLOCKS;

	*run = (struct found_run){0};
	pthread_mutex_lock(&alloc->lock);
	for (uint64_t index = 0; index < zones && alloc->zones[index]->start < end && run->count < enough;
	     index++) {
		struct alloc_zone *zone = alloc->zones[index];
		unsigned length, at = 0;

		while (run->count < enough && looked < LOOK_RUNS &&
		       (at = zone_next_free(zone, at)) < ZONE_BLOCKS && zone->start + at < end) {
			length = zone_run(zone, at, want);
			if (length > end - (zone->start + at))
				length = (unsigned)(end - (zone->start + at));
			if (length > run->count)
				*run = (struct found_run){
				    .zone = zone, .index = index, .at = at, .count = length};
			at += length;
			looked += run->count > 0;
		}
	}
	if (run->count > 0)
		data_take(alloc, run);
	pthread_mutex_unlock(&alloc->lock);
	return run->count > 0;
}

static void data_give_back(struct image *image, struct alloc_zone *zone, unsigned at, unsigned count)
{
	if (count == 0)
		return;
	pthread_mutex_lock(&image->alloc.lock);
	zone_release(&image->alloc, zone, at, count);
	image->alloc.free_in_zones += count;
	pthread_mutex_unlock(&image->alloc.lock);
}

/* Host space for a run just taken; what the host has no room for is given back. */
static int data_back(struct image *image, struct found_run *run)
{
	unsigned count = run->count;
	int result = space_back_data(image, run->zone, run->at, &count);

	if (result < 0)
		count = 0;
	data_give_back(image, run->zone, run->at + count, run->count - count);
	run->count = count;
	return result;
}

int data_reserve(struct image *image, uint64_t goal, uint64_t want, struct block_range *ret_range)
{
	return data_reserve_ahead(image, goal, want, 0, ret_range);
}

int data_reserve_ahead(struct image *image, uint64_t goal, uint64_t want, unsigned ahead,
		       struct block_range *ret_range)
{
	unsigned stage = 0, most = want < ZONE_BLOCKS ? (unsigned)want : ZONE_BLOCKS;
	int result;

	if (image->read_only)
		return -EROFS;
	if (image_failure(image))
		return -EIO;
	if (want == 0)
		return -EINVAL;
	/* What is left may be for metadata: without that no transaction could claim it anyway. */
	result = alloc_prepare_metadata(image, 0, false);
	if (result < 0)
		return result;
	for (;;) {
		struct found_run run;
		bool backed = false, found = data_find(image, goal, most, ahead, &run, &backed);

		if (!found)
			result = alloc_add_zone(image);
		else
			result = backed ? 0 : data_back(image, &run);
		if (result == -ENOSPC && !alloc_make_room(image, &stage)) {
			if (!data_find_backed(image, most, &run))
				return -ENOSPC;
			found = true;
			result = 0;
		}
		if (result < 0 && result != -ENOSPC)
			return result;
		if (found && result == 0) {
			*ret_range =
			    (struct block_range){.start = run.zone->start + run.at, .count = run.count};
			return 0;
		}
	}
}

int data_reserve_below(struct image *image, uint64_t end, uint64_t want, struct block_range *ret_range)
{
	unsigned most = want < ZONE_BLOCKS ? (unsigned)want : ZONE_BLOCKS;
	struct found_run run;
	int result;

	if (image_failure(image))
		return -EIO;
	if (!data_find_below(image, end, most, &run))
		return -ENOSPC;
	result = data_back(image, &run);
	if (result == 0)
		*ret_range = (struct block_range){.start = run.zone->start + run.at, .count = run.count};
	return result;
}

void data_release(struct image *image, struct block_range range)
{
	unsigned at;
	struct alloc_zone *zone = alloc_zone_of(image, range.start, &at);

	if (zone && range.count <= ZONE_BLOCKS - at)
		data_give_back(image, zone, at, (unsigned)range.count);
}

/* ---- in a transaction ---- */

/* Map and roots for writing, of a range that lies in one zone and outside of maps. */
static int data_edit(struct txn *txn, struct block_range range, struct map_disk **ret_map,
		     struct roots_disk **ret_roots, unsigned *ret_at)
{
	struct alloc_zone *zone = alloc_zone_of(txn->image, range.start, ret_at);
	int result;

	if (!zone || !data_valid(txn->image, range.start, range.count))
		return image_damaged(txn->image, "blocks %" PRIu64 "+%" PRIu64 ": not a place for data",
				     range.start, range.count);
	result = txn_edit(txn, zone->start, MAGIC_MAP, (void **)ret_map);
	return result < 0 ? result : txn_roots(txn, ret_roots);
}

int data_claim(struct txn *txn, struct block_range range)
{
	struct roots_disk *roots;
	struct map_disk *map;
	unsigned at;
	int result = data_edit(txn, range, &map, &roots, &at);

	if (result < 0)
		return result;
	if (!zone_all_taken(alloc_zone_of(txn->image, range.start, &at), at, (unsigned)range.count))
		return -EINVAL; /* not reserved */
	if (!map_set(map, at, (unsigned)range.count))
		return image_damaged(txn->image, "blocks %" PRIu64 "+%" PRIu64 ": taken twice", range.start,
				     range.count);
	for (unsigned group = at / GROUP_BLOCKS; group <= (at + range.count - 1) / GROUP_BLOCKS; group++)
		map->group_type[group] = GROUP_DATA;
	roots->data_blocks = le64_of(le64_get(roots->data_blocks) + range.count);
	return 0;
}

/* Joins the range to the last one freed if that is data of the same zone and lies next to it. */
static bool data_join_freed(struct txn *txn, const struct alloc_zone *zone, struct block_range range)
{
	struct block_range *last = txn->freed_count ? &txn->freed[txn->freed_count - 1] : NULL;
	unsigned at;

	if (!last || alloc_zone_of(txn->image, last->start, &at) != zone ||
	    zone_type(zone, at / GROUP_BLOCKS) != GROUP_DATA)
		return false;
	if (range.start + range.count == last->start)
		last->start = range.start;
	else if (last->start + last->count != range.start)
		return false;
	last->count += range.count;
	return true;
}

int data_free(struct txn *txn, struct block_range range)
{
	struct roots_disk *roots;
	struct map_disk *map;
	unsigned at;
	int result = data_edit(txn, range, &map, &roots, &at);

	if (result < 0)
		return result;
	if (!map_clear(map, at, (unsigned)range.count) || le64_get(roots->data_blocks) < range.count)
		return image_damaged(txn->image, "blocks %" PRIu64 "+%" PRIu64 ": freed but not in use",
				     range.start, range.count);
	roots->data_blocks = le64_of(le64_get(roots->data_blocks) - range.count);
	if (data_join_freed(txn, alloc_zone_of(txn->image, range.start, &at), range))
		return 0;
	if (txn->freed_count == TXN_MAX_FREES)
		return -EFBIG;
	txn->freed[txn->freed_count++] = range;
	return 0;
}

/* ---- bytes ---- */

/* A sync of everything has something to do from now on. */
static void data_note_overwritten(struct image *image)
{
	if (!atomic_load_explicit(&image->syncer.overwritten, memory_order_relaxed))
		atomic_store(&image->syncer.overwritten, true);
	cache_note_used(image);
}

static int data_check_bytes(const struct image *image, uint64_t offset, size_t length)
{
	uint64_t size = store_size(image->store);

	return offset > size || length > size - offset ? -EIO : 0;
}

/* In a scratch store what is overwritten takes memory as new blocks do. */
static int data_prepare(struct image *image, uint64_t offset, size_t length)
{
	int result = data_check_bytes(image, offset, length);

	if (result == 0 && image->store->scratch)
		result = store_reserve(image->store, offset, length);
	return result;
}

int data_write(struct image *image, uint64_t offset, const void *bytes, size_t length)
{
	int result = data_prepare(image, offset, length);

	if (result < 0)
		return result;
	result = store_write(image->store, offset, bytes, length);
	data_note_overwritten(image);
	return result;
}

int data_zero(struct image *image, uint64_t offset, size_t length)
{
	int result = data_prepare(image, offset, length);

	if (result < 0)
		return result;
	result = store_zero(image->store, offset, length);
	data_note_overwritten(image);
	return result;
}

const void *data_at(const struct image *image, uint64_t offset)
{
	return store_at(image->store, offset);
}

void data_prefault(const struct image *image, uint64_t offset, size_t length)
{
	store_prefault(image->store, offset, length);
}

int data_read(const struct image *image, uint64_t offset, void *bytes, size_t length)
{
	int result = data_check_bytes(image, offset, length);

	return result < 0 ? result : guard_copy(bytes, store_at(image->store, offset), length);
}
