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

/* Places that a full host refuses, before one call gives up; the next goes on behind them. */
#define TRIES	       64u
#define TRIES_RELEASES 4096u /* for transactions that release */

struct meta_place {
	struct alloc_zone *zone;
	unsigned first, end; /* chunks */
	bool was_none;	     /* its group was NONE until now */
};

/* The first chunk of a group from `chunk` on with free blocks but without (known) host space; its end: none.
 */
static unsigned meta_find_chunk(const struct alloc_zone *zone, unsigned group, unsigned chunk)
{
	unsigned end = (group + 1) * GROUP_CHUNKS;

	while (chunk < end && (zone_is_backed(zone, chunk) || chunk * CHUNK_BLOCKS >= zone->usable ||
			       zone_all_taken(zone, chunk * CHUNK_BLOCKS, CHUNK_BLOCKS)))
		chunk++;
	return chunk;
}

static bool meta_group_fits(const struct alloc_group *group, enum group_type type)
{
	return group->type == type && group->free > 0 && (type == GROUP_METADATA || group->used == 0);
}

/* The next place of the zone for the search: METADATA groups in its first pass, groups of no type, which
 * become METADATA, in its second. alloc.lock is held. */
static bool meta_next_in_zone(struct alloc *alloc, struct alloc_zone *zone, struct meta_search *search,
			      struct meta_place *place)
{
	enum group_type type = search->pass == 0 ? GROUP_METADATA : GROUP_NONE;

	while (search->chunk < ZONE_CHUNKS) {
		unsigned group = search->chunk / GROUP_CHUNKS, end = (group + 1) * GROUP_CHUNKS;
		bool fits = meta_group_fits(&zone->groups[group], type);
		unsigned chunk = fits ? meta_find_chunk(zone, group, search->chunk) : end;

		search->chunk = chunk < end && type == GROUP_METADATA ? chunk + 1 : end;
		if (!fits || (chunk == end && type == GROUP_METADATA))
			continue;
		*place = (struct meta_place){
		    .zone = zone, .first = chunk, .end = chunk, .was_none = type == GROUP_NONE};
		if (place->was_none)
			zone_set_type(alloc, zone, group, GROUP_METADATA);
		if (chunk == end) /* all its chunks have host space from an earlier life */
			place->first = place->end = group * GROUP_CHUNKS;
		while (chunk < end && place->end < end && place->end - chunk < STEP_CHUNKS(alloc) &&
		       !zone_is_backed(zone, place->end) && place->end * CHUNK_BLOCKS < zone->usable)
			place->end++;
		return true;
	}
	return false;
}

/* A place to get more metadata blocks from, from the zone of the last one on. alloc.lock is held. */
static bool meta_next_place(struct alloc *alloc, struct meta_search *search, struct meta_place *place)
{
	uint64_t count = atomic_load(&alloc->zone_count);

	for (; search->pass < 2; search->pass++, search->zone = 0) {
		for (; search->zone < count; search->zone++, search->chunk = 0) {
			struct alloc_zone *zone = alloc->zones[(alloc->meta_hint + search->zone) % count];

			if (meta_next_in_zone(alloc, zone, search, place))
				return true;
		}
	}
	*search = (struct meta_search){0};
	return false;
}

/* Host space for the place; on a nearly full host for its first chunk only. A group that was of no type may
 * have some already. grow_lock is held. */
static int meta_back_place(struct image *image, const struct meta_place *place)
{
	struct alloc *alloc = &image->alloc;
	unsigned group = place->first / GROUP_CHUNKS;
	int result =
	    place->first == place->end ? 0 : space_back_chunks(image, place->zone, place->first, place->end);

	if (result == -ENOSPC && place->end - place->first > 1)
		result = space_back_chunks(image, place->zone, place->first, place->first + 1);
	if (result < 0 && place->was_none) {
		pthread_mutex_lock(&alloc->lock);
		if (result == -ENOSPC && zone_ready(place->zone, group) > 0)
			result = 0;
		else if (place->zone->groups[group].used == 0 && zone_ready(place->zone, group) == 0)
			zone_set_type(alloc, place->zone, group, GROUP_NONE);
		pthread_mutex_unlock(&alloc->lock);
	}
	return result;
}

/* Tries places, `most` at most, until one has host space. -ENOENT: there is no place. grow_lock is held. */
static int meta_try_places(struct image *image, unsigned most)
{
	struct alloc *alloc = &image->alloc;
	bool from_start =
	    alloc->meta_search.pass == 0 && alloc->meta_search.zone == 0 && alloc->meta_search.chunk == 0;
	int result = -ENOENT;

	for (unsigned tries = 0; tries < most; tries++) {
		struct meta_place place;
		bool found;

		pthread_mutex_lock(&alloc->lock);
		found = meta_next_place(alloc, &alloc->meta_search, &place);
		if (!found && !from_start) {
			from_start = true;
			found = meta_next_place(alloc, &alloc->meta_search, &place);
		}
		pthread_mutex_unlock(&alloc->lock);
		if (!found)
			return result;
		result = meta_back_place(image, &place);
		if (result != -ENOSPC)
			break;
	}
	if (result == 0)
		alloc->meta_search = (struct meta_search){0};
	return result;
}

/* Are there `need` more than promised? Promises them `blocks`. */
static bool meta_promise(struct alloc *alloc, uint64_t need, unsigned blocks)
{
	pthread_mutex_lock(&alloc->lock);
	bool enough = alloc->meta_ready >= alloc->meta_promised + need;
	if (enough)
		alloc->meta_promised += blocks;
	pthread_mutex_unlock(&alloc->lock);
	return enough;
}

/* Makes more metadata blocks ready, unless somebody just did. Called without any lock. */
static int meta_extend(struct image *image, uint64_t need, bool releases)
{
	int result = 0;

	pthread_mutex_lock(&image->alloc.grow_lock);
	if (!meta_promise(&image->alloc, need, 0))
		result = meta_try_places(image, releases ? TRIES_RELEASES : TRIES);
	pthread_mutex_unlock(&image->alloc.grow_lock);
	return result == -ENOENT ? alloc_add_zone(image) : result;
}

/* Finds out whether chunks of a zone in front of the last block in use have host space, so far as
 * META_LEFT free metadata blocks need it: then those behind it are not needed. grow_lock is held. */
static int meta_back_used(struct image *image, struct alloc_zone *last)
{
	struct alloc *alloc = &image->alloc;
	unsigned left = 0, end = zone_end(last);
	int result = 0;

	for (unsigned chunk = 0; chunk * CHUNK_BLOCKS < end && left < META_LEFT; chunk++) {
		bool fits = zone_type(last, chunk / GROUP_CHUNKS) == GROUP_METADATA &&
			    !zone_all_taken(last, chunk * CHUNK_BLOCKS, CHUNK_BLOCKS);

		if (fits && !zone_is_backed(last, chunk))
			result = space_back_chunks(image, last, chunk, chunk + 1);
		if (result < 0 && result != -ENOSPC)
			return result;
		pthread_mutex_lock(&alloc->lock);
		left += zone_ready_in_chunk(last, chunk);
		pthread_mutex_unlock(&alloc->lock);
	}
	return 0;
}

int alloc_find_kept(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	uint64_t count = atomic_load(&alloc->zone_count);
	bool missing;
	int result = 0;

	if (image->read_only || image->store->fixed_size || count == 0)
		return 0;
	pthread_mutex_lock(&alloc->grow_lock);
	pthread_mutex_lock(&alloc->lock);
	missing = !space_left_by_cut(image);
	while (count > 1 && zone_is_empty(alloc->zones[count - 1]))
		count--;
	pthread_mutex_unlock(&alloc->lock);
	if (missing)
		result = meta_back_used(image, alloc->zones[count - 1]);
	if (missing && result == 0 && alloc->meta_ready < META_LEFT)
		result = meta_try_places(image, TRIES_RELEASES);
	pthread_mutex_unlock(&alloc->grow_lock);
	return result == -ENOENT || result == -ENOSPC ? 0 : result;
}

int alloc_prepare_metadata(struct image *image, unsigned blocks, bool releases)
{
	struct alloc *alloc = &image->alloc;
	uint64_t need = releases ? META_LEFT : blocks + META_KEPT;
	unsigned stage = 0;

	for (;;) {
		if (meta_promise(alloc, need, releases ? 0 : blocks))
			return 0;
		int result = meta_extend(image, need, releases);
		if (result == -ENOSPC && alloc_make_room(image, &stage))
			continue;
		/* releasing mostly works without a new node: then it may not fail for want of one */
		if (result == -ENOSPC && releases)
			return 1;
		if (result < 0)
			return result;
	}
}

/* A chunk without host space, in a group of metadata or of nothing that lies before `below`. alloc.lock is
 * held. */
static bool meta_place_below(struct alloc *alloc, uint64_t below, struct meta_place *place)
{
	uint64_t count = atomic_load(&alloc->zone_count);

	for (unsigned pass = 0; pass < 2; pass++) {
		enum group_type type = pass == 0 ? GROUP_METADATA : GROUP_NONE;

		for (uint64_t i = 0; i < count * ZONE_GROUPS; i++) {
			struct alloc_zone *zone = alloc->zones[i / ZONE_GROUPS];
			unsigned group = (unsigned)(i % ZONE_GROUPS), chunk;

			if (zone->start + (group + 1) * GROUP_BLOCKS > below)
				break;
			if (!meta_group_fits(&zone->groups[group], type))
				continue;
			chunk = meta_find_chunk(zone, group, group * GROUP_CHUNKS);
			if (chunk == (group + 1) * GROUP_CHUNKS && type == GROUP_METADATA)
				continue;
			*place = (struct meta_place){
			    .zone = zone, .first = chunk, .end = chunk + 1, .was_none = type == GROUP_NONE};
			if (chunk == (group + 1) * GROUP_CHUNKS)
				place->first = place->end = group * GROUP_CHUNKS;
			if (place->was_none)
				zone_set_type(alloc, zone, group, GROUP_METADATA);
			return true;
		}
	}
	return false;
}

int alloc_extend_metadata_below(struct image *image, uint64_t below)
{
	struct alloc *alloc = &image->alloc;
	struct meta_place place;
	bool found;
	int result = -ENOSPC;

	pthread_mutex_lock(&alloc->grow_lock);
	pthread_mutex_lock(&alloc->lock);
	found = meta_place_below(alloc, below, &place);
	pthread_mutex_unlock(&alloc->lock);
	if (found)
		result = meta_back_place(image, &place);
	pthread_mutex_unlock(&alloc->grow_lock);
	return result;
}

bool alloc_kept_at_hand(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	bool at_hand;

	pthread_mutex_lock(&alloc->lock);
	at_hand = alloc->meta_ready >= alloc->meta_promised + META_LEFT;
	pthread_mutex_unlock(&alloc->lock);
	return at_hand;
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

/* Takes a block from the zone of the last one on, or with `below` (other than 0) the first before that one.
 * alloc.lock is held. */
static bool meta_take(struct alloc *alloc, uint64_t below, uint64_t *ret_block)
{
	uint64_t count = atomic_load(&alloc->zone_count);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t index = ((below ? 0 : alloc->meta_hint) + i) % count;
		struct alloc_zone *zone = alloc->zones[index];

		for (unsigned group = 0; group < ZONE_GROUPS; group++) {
			unsigned at;

			if (zone->groups[group].type != GROUP_METADATA || zone->groups[group].free == 0)
				continue;
			at = meta_find_in_group(zone, group);
			if (at == GROUP_BLOCKS)
				continue;
			at += group * GROUP_BLOCKS;
			if (below && zone->start + at >= below)
				return false;
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
	uint64_t spared = txn->spares ? META_LEFT : 0;
	bool taken = false;
	int result;

	if (txn->taken_count == TXN_MAX_BLOCKS)
		return -EFBIG;
	pthread_mutex_lock(&alloc->lock);
	/* its own promise first; beyond it (releases have none) only what nobody was promised */
	if (txn->meta_promised > 0 || alloc->meta_ready > alloc->meta_promised + spared)
		taken = meta_take(alloc, txn->below, &block);
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
