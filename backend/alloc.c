/* Free space: opening it, adding zones to the image and dropping them. */
#include "alloc_i.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct alloc_zone *alloc_zone_of(const struct image *image, uint64_t block, unsigned *ret_at)
{
	uint64_t index;

	if (block < image->zone_first)
		return NULL;
	index = (block - image->zone_first) / ZONE_BLOCKS;
	if (index >= atomic_load_explicit(&image->alloc.zone_count, memory_order_acquire))
		return NULL;
	*ret_at = (unsigned)((block - image->zone_first) % ZONE_BLOCKS);
	return image->alloc.zones[index];
}

uint64_t alloc_limit(const struct image *image)
{
	const struct store *store = image->store;
	uint64_t most = (store->fixed_size ? store_size(store) : store->map_size) >> BLOCK_SHIFT;

	if (most > MAX_BLOCKS)
		most = MAX_BLOCKS;
	return image->limit_blocks > 0 && image->limit_blocks < most ? image->limit_blocks : most;
}

static struct alloc_zone *alloc_zone_memory(struct image *image, uint64_t index)
{
	struct alloc *alloc = &image->alloc;

	if (!alloc->zones[index]) {
		alloc->zones[index] = calloc(1, sizeof(*alloc->zones[index]));
		if (alloc->zones[index])
			alloc->zones[index]->start = image->zone_first + index * ZONE_BLOCKS;
	}
	return alloc->zones[index];
}

static unsigned zone_free_blocks(const struct alloc_zone *zone)
{
	unsigned blocks = 0;

	for (unsigned i = 0; i < ZONE_GROUPS; i++)
		blocks += zone->groups[i].free;
	return blocks;
}

/* Records that are still in the ring (a read-only image, or a tail held back) may touch metadata blocks that
 * are free by now: such groups stay METADATA until the tail has passed these records (R2). */
static void zone_keep_types(struct image *image, struct alloc_zone *zone, const struct map_disk *map)
{
	uint64_t head = atomic_load(&image->ring.head);

	if (atomic_load(&image->ring.tail) >= head)
		return;
	for (unsigned i = 0; i < ZONE_GROUPS; i++) {
		zone->groups[i].last_free_lsn = head;
		if (map->group_type[i] == GROUP_METADATA)
			zone_set_type(&image->alloc, zone, i, GROUP_METADATA);
	}
}

static int alloc_load_zone(struct image *image, uint64_t index)
{
	uint64_t start = image->zone_first + index * ZONE_BLOCKS;
	struct alloc *alloc = &image->alloc;
	const struct map_disk *map;
	struct alloc_zone *zone;
	int result = block_read(image, start, MAGIC_MAP, (const void **)&map);

	if (result < 0)
		return result;
	zone = alloc_zone_memory(image, index);
	if (!zone)
		return -ENOMEM;
	zone_load(alloc, zone, index, map);
	zone_keep_types(image, zone, map);
	alloc->free_in_zones += zone_free_blocks(zone);
	if (start + zone_end(zone) > store_size(image->store) >> BLOCK_SHIFT)
		return image_damaged(
		    image, "zone map %" PRIu64 ": the image is shorter than its contents: it was cut off",
		    start);
	return 0;
}

int alloc_open(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	const struct roots_disk *roots;
	uint64_t zones;
	int result = block_read(image, image->roots_block, MAGIC_ROOTS, (const void **)&roots);

	if (result < 0)
		return result;
	zones = le64_get(roots->zones);
	alloc->limit_blocks = alloc_limit(image);
	alloc->zone_capacity = (image->store->map_size >> BLOCK_SHIFT) / ZONE_BLOCKS + 1;
	if (zones > alloc->zone_capacity)
		return image_damaged(image, "roots block: more zones than the image can hold");
	alloc->zones = calloc(alloc->zone_capacity, sizeof(struct alloc_zone *));
	if (!alloc->zones)
		return -ENOMEM;
	pthread_mutex_init(&alloc->lock, NULL);
	pthread_mutex_init(&alloc->grow_lock, NULL);
	pthread_mutex_init(&alloc->zone_lock, NULL);
	for (uint64_t i = 0; i < zones; i++) {
		result = alloc_load_zone(image, i);
		if (result < 0) {
			alloc_close(image);
			return result;
		}
		atomic_store_explicit(&alloc->zone_count, i + 1, memory_order_release);
	}
	return 0;
}

void alloc_close(struct image *image)
{
	struct alloc *alloc = &image->alloc;

	if (!alloc->zones)
		return;
	/* made in order, and few of as many as could be */
	for (uint64_t i = 0; i < alloc->zone_capacity && alloc->zones[i]; i++)
		free(alloc->zones[i]);
	free(alloc->zones);
	free(alloc->quarantine);
	pthread_mutex_destroy(&alloc->lock);
	pthread_mutex_destroy(&alloc->grow_lock);
	pthread_mutex_destroy(&alloc->zone_lock);
	memset(alloc, 0, sizeof(*alloc));
}

uint64_t alloc_free_blocks(struct image *image)
{
	uint64_t blocks;

	pthread_mutex_lock(&image->alloc.lock);
	blocks = image->alloc.free_in_zones;
	pthread_mutex_unlock(&image->alloc.lock);
	return blocks;
}

/* Without the lock: readers of the tree ask for each node that they see for the first time. */
bool alloc_is_metadata_place(const struct image *image, uint64_t block)
{
	unsigned at;
	const struct alloc_zone *zone = alloc_zone_of(image, block, &at);

	if (!zone || at == 0 || block == image->roots_block)
		return false;
	return zone_type(zone, at / GROUP_BLOCKS) == GROUP_METADATA &&
	       (__atomic_load_n(&zone->bits[at / 64], __ATOMIC_RELAXED) >> (at % 64) & 1);
}

bool data_valid(const struct image *image, uint64_t start, uint64_t count)
{
	unsigned at;
	const struct alloc_zone *zone = alloc_zone_of(image, start, &at);

	if (!zone || at == 0 || count == 0 || count > ZONE_BLOCKS - at)
		return false;
	if (start <= image->roots_block && start + count > image->roots_block)
		return false;
	if (start + count > store_size(image->store) >> BLOCK_SHIFT)
		return false;
	for (unsigned group = at / GROUP_BLOCKS; group <= (at + count - 1) / GROUP_BLOCKS; group++)
		if (zone_type(zone, group) != GROUP_DATA)
			return false;
	return true;
}

/* ---- adding and dropping zones ---- */

/* Size and host space for the map of a zone that is to be; R13: durable before a record uses it. */
static int alloc_ground_zone(struct image *image, struct alloc_zone *zone)
{
	int result;

	pthread_mutex_lock(&image->alloc.grow_lock);
	result = space_back_chunks(image, zone, 0, 1);
	pthread_mutex_unlock(&image->alloc.grow_lock);
	return result;
}

static int alloc_commit_zone(struct image *image, uint64_t index)
{
	uint64_t start = image->zone_first + index * ZONE_BLOCKS;
	struct roots_disk *roots;
	struct map_disk *map;
	struct txn *txn;
	int result = txn_begin_bare(image, 2, &txn);

	if (result < 0)
		return result;
	result = txn_roots(txn, &roots);
	if (result == 0)
		result = txn_edit_new(txn, start, MAGIC_MAP, (void **)&map);
	if (result < 0) {
		txn_abort(txn);
		return result;
	}
	map->zone = le32_of((uint32_t)index);
	map->bitmap[0] = 1;
	roots->zones = le64_of(index + 1);
	return txn_commit(txn, NULL);
}

/* In memory, before it can be seen. Groups of a zone that was dropped and comes back are bound by R2 still.
 */
static void alloc_fresh_zone(struct image *image, struct alloc_zone *zone, uint64_t index)
{
	uint64_t last_free[ZONE_GROUPS];

	for (unsigned i = 0; i < ZONE_GROUPS; i++)
		last_free[i] = zone->groups[i].last_free_lsn;
	zone_load(&image->alloc, zone, index, NULL);
	for (unsigned i = 0; i < ZONE_GROUPS; i++) {
		zone->groups[i].last_free_lsn = last_free[i];
		if (last_free[i] > atomic_load(&image->ring.tail))
			zone_set_type(&image->alloc, zone, i, GROUP_METADATA);
	}
}

static int alloc_add_zone_locked(struct image *image, uint64_t index)
{
	struct alloc *alloc = &image->alloc;
	uint64_t start = image->zone_first + index * ZONE_BLOCKS;
	struct alloc_zone *zone;
	int result;

	if (index >= alloc->zone_capacity || start + 2 > alloc->limit_blocks)
		return -ENOSPC;
	zone = alloc_zone_memory(image, index);
	if (!zone)
		return -ENOMEM;
	pthread_mutex_lock(&alloc->lock);
	alloc_fresh_zone(image, zone, index);
	pthread_mutex_unlock(&alloc->lock);
	result = alloc_ground_zone(image, zone);
	if (result == 0)
		result = alloc_commit_zone(image, index);
	if (result < 0) {
		/* as if it were not: what the groups' types say of host space is forgotten with it */
		pthread_mutex_lock(&alloc->lock);
		for (unsigned i = 0; i < ZONE_GROUPS; i++)
			zone_set_type(alloc, zone, i, GROUP_NONE);
		pthread_mutex_unlock(&alloc->lock);
		return result;
	}
	pthread_mutex_lock(&alloc->lock);
	alloc->free_in_zones += zone_free_blocks(zone);
	atomic_store_explicit(&alloc->zone_count, index + 1, memory_order_release);
	pthread_mutex_unlock(&alloc->lock);
	return 0;
}

int alloc_add_zone(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	uint64_t index = atomic_load(&alloc->zone_count);
	int result = 0;

	pthread_mutex_lock(&alloc->zone_lock);
	if (index == atomic_load(&alloc->zone_count))
		result = alloc_add_zone_locked(image, index);
	pthread_mutex_unlock(&alloc->zone_lock);
	return result;
}

/* Takes the empty zones at the end out of memory; returns how many are left. alloc.lock is held. */
static uint64_t alloc_forget_zones(struct alloc *alloc, uint64_t count)
{
	while (count > 1 && zone_is_empty(alloc->zones[count - 1])) {
		struct alloc_zone *zone = alloc->zones[count - 1];
		uint64_t ready = zone_ready_all(zone);

		/* one whose host space is all that deletes would have after a remount stays */
		if (alloc->meta_ready < ready + alloc->meta_promised + (ready > 0 ? META_LEFT : 0))
			break;
		alloc->meta_ready -= ready;
		alloc->free_in_zones -= zone_free_blocks(zone);
		count--;
	}
	atomic_store_explicit(&alloc->zone_count, count, memory_order_release);
	if (alloc->data_hint >= count)
		alloc->data_hint = 0;
	if (alloc->meta_hint >= count)
		alloc->meta_hint = 0;
	return count;
}

static void alloc_remember_zones(struct alloc *alloc, uint64_t from, uint64_t count)
{
	for (uint64_t i = from; i < count; i++) {
		alloc->meta_ready += zone_ready_all(alloc->zones[i]);
		alloc->free_in_zones += zone_free_blocks(alloc->zones[i]);
	}
	atomic_store_explicit(&alloc->zone_count, count, memory_order_release);
}

static int alloc_drop_zones_locked(struct image *image)
{
	struct alloc *alloc = &image->alloc;
	uint64_t count = atomic_load(&alloc->zone_count), left;
	struct roots_disk *roots;
	struct txn *txn;
	bool droppable;
	int result;

	pthread_mutex_lock(&alloc->lock);
	droppable = count > 1 && zone_is_empty(alloc->zones[count - 1]);
	pthread_mutex_unlock(&alloc->lock);
	if (!droppable)
		return 0;
	result = txn_begin_bare(image, 1, &txn);
	if (result < 0)
		return result;
	pthread_mutex_lock(&alloc->lock);
	left = alloc_forget_zones(alloc, count);
	pthread_mutex_unlock(&alloc->lock);
	result = txn_roots(txn, &roots);
	if (result == 0) {
		roots->zones = le64_of(left);
		result = txn_commit(txn, NULL);
	} else {
		txn_abort(txn);
	}
	if (result < 0) {
		pthread_mutex_lock(&alloc->lock);
		alloc_remember_zones(alloc, left, count);
		pthread_mutex_unlock(&alloc->lock);
		return result;
	}
	for (uint64_t i = left; i < count; i++)
		block_forget(image, alloc->zones[i]->start);
	return 0;
}

int alloc_drop_empty_zones(struct image *image)
{
	int result;

	pthread_mutex_lock(&image->alloc.zone_lock);
	result = alloc_drop_zones_locked(image);
	pthread_mutex_unlock(&image->alloc.zone_lock);
	return result;
}

/* ---- when there is no room ---- */

/* Is there a group of free metadata blocks that waits for the tail only? alloc.lock is held. */
static bool alloc_group_waits(struct image *image)
{
	uint64_t tail = atomic_load(&image->ring.tail);

	for (uint64_t i = 0; i < image->alloc.zone_count; i++) {
		for (unsigned group = 0; group < ZONE_GROUPS; group++) {
			const struct alloc_group *at = &image->alloc.zones[i]->groups[group];

			if (at->type == GROUP_METADATA && at->used == 0 && at->last_free_lsn > tail)
				return true;
		}
	}
	return false;
}

/* What others punch just now counts as taken, and soon as free. */
static bool alloc_wait_for_punching(struct image *image)
{
	pthread_mutex_lock(&image->syncer.release_lock);
	pthread_mutex_lock(&image->alloc.grow_lock);
	pthread_mutex_unlock(&image->alloc.grow_lock);
	pthread_mutex_unlock(&image->syncer.release_lock);
	return true;
}

bool alloc_make_room(struct image *image, unsigned *stage)
{
	bool quarantined, waits, sealed;

	/* the host may be full of it */
	if (*stage == 0) {
		*stage = 1;
		if (alloc_recent_give_up(image))
			return true;
	}
	pthread_mutex_lock(&image->alloc.lock);
	quarantined = image->alloc.quarantine_count > 0;
	waits = alloc_group_waits(image);
	pthread_mutex_unlock(&image->alloc.lock);
	if (*stage == 1 && quarantined) {
		*stage = 2;
		if (MUTANT(R12_NOT_SEALED_FIRST)) {
			alloc_sealed(image, UINT64_MAX);
			return true;
		}
		sealed = syncer_seal(image) == 0;
		(void)alloc_recent_give_up(image); /* what that has released */
		return sealed;
	}
	if (*stage <= 2 && waits) {
		*stage = 3;
		return image_checkpoint(image) == 0;
	}
	if (*stage <= 3) {
		*stage = 4;
		(void)alloc_recent_give_up(image);
		return alloc_wait_for_punching(image);
	}
	return false;
}
