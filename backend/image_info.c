/* The tree lock for readers, and answers to questions about an image. */
#include "checksum.h"
#include "image_i.h"

#include <errno.h>

void image_read_lock(struct image *image)
{
	pthread_rwlock_rdlock(&image->tree_lock);
}

void image_read_unlock(struct image *image)
{
	pthread_rwlock_unlock(&image->tree_lock);
}

const struct super_disk *image_super(const struct image *image)
{
	return &image->super;
}

bool image_read_only(const struct image *image)
{
	return image->read_only;
}

uint64_t image_hash(const struct image *image, const void *bytes, size_t length)
{
	return XXH3_64bits_withSeed(bytes, length, image->hash_seed);
}

uint64_t image_zone_first(const struct image *image)
{
	return image->zone_first;
}

uint64_t image_roots_block(const struct image *image)
{
	return image->roots_block;
}

bool image_fixed_size(const struct image *image)
{
	return image->store->fixed_size;
}

uint64_t image_size_blocks(const struct image *image)
{
	return store_size(image->store) >> BLOCK_SHIFT;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Superblocks, ring, a map for each zone that `blocks` reach into, roots: never for contents. */
static uint64_t fixed_blocks(const struct image *image, uint64_t blocks)
{
	uint64_t zones = (less(blocks, image->zone_first) + ZONE_BLOCKS - 1) / ZONE_BLOCKS;

	return image->zone_first + zones + 1;
}

/* A hole in the file is no room by itself: only what the host has free, and what it gave already, is. */
static int host_room(struct image *image, uint64_t used, uint64_t *ret_blocks)
{
	uint64_t host_bytes, allocated_bytes, taken = used + fixed_blocks(image, image_size_blocks(image));
	int error = store_host_space(image->store, &host_bytes);

	if (error == 0)
		error = store_allocated(image->store, &allocated_bytes);
	if (error < 0)
		return error;
	*ret_blocks = (host_bytes >> BLOCK_SHIFT) + less(allocated_bytes >> BLOCK_SHIFT, taken);
	return 0;
}

int image_space(struct image *image, struct image_space *ret_space)
{
	const struct roots_disk *roots;
	uint64_t used = 0, inodes = 0, guarded = 0, limit, room;
	int error;

	image_read_lock(image);
	error = block_read(image, image->roots_block, MAGIC_ROOTS, (const void **)&roots);
	if (error == 0) {
		used = le64_get(roots->data_blocks) + le64_get(roots->meta_blocks);
		inodes = le64_get(roots->inodes);
		guarded = le64_get(roots->guarded);
	}
	image_read_unlock(image);
	if (error < 0)
		return error;
	error = host_room(image, used, &room);
	if (error < 0)
		return error;
	limit = __atomic_load_n(&image->limit_blocks, __ATOMIC_RELAXED);
	limit = less(limit, fixed_blocks(image, limit));
	if (room > less(limit, used))
		room = less(limit, used);
	*ret_space = (struct image_space){.total_blocks = used + room,
					  .free_blocks = room,
					  .used_blocks = used,
					  .inodes = inodes,
					  .guarded = guarded};
	return 0;
}

static void scratch_stats(struct store *store, struct image_stats *stats)
{
	uint64_t used, free;

	if (!store->scratch || store_allocated(store, &used) < 0 || store_host_space(store, &free) < 0)
		return;
	stats->scratch_used = used;
	stats->scratch_limit = used + free;
}

void image_stats(struct image *image, struct image_stats *ret_stats)
{
	struct ring *ring = &image->ring;
	struct syncer *syncer = &image->syncer;
	/* The tail first: it goes up, and the head stays ahead of it. */
	uint64_t tail = atomic_load(&ring->tail);

	*ret_stats = (struct image_stats){
	    .records = atomic_load(&ring->records),
	    .record_bytes = atomic_load(&ring->record_bytes),
	    .seals = atomic_load(&syncer->seals),
	    .checkpoints = atomic_load(&syncer->checkpoints),
	    .syncs = atomic_load(&syncer->syncs),
	    .punched_blocks = atomic_load(&image->alloc.punched_blocks),
	    .overlay_bytes = atomic_load(&image->overlay.count) * sizeof(struct overlay_block),
	    .ring_used = image_head(image) - tail,
	    .ring_tail = tail,
	    .cache_drops = atomic_load(&image->cache.passes),
	};
	scratch_stats(image->store, ret_stats);
}

int image_block(struct image *image, uint64_t block, uint32_t magic, const void **ret_block)
{
	return block_read(image, block, magic, ret_block);
}
