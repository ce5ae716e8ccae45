/* fstrim: free space goes back to the host, as much as a step may. */
#include "alloc_i.h"

#include <errno.h>

#define TRIM_BLOCKS  (1u << 12) /* 16 MiB: punched by one call, while which nobody else gets host space */
#define TRIM_PUNCHES 64u	/* by one step */

/* Where the trimming stands in a zone. */
struct trim {
	struct image *image;
	struct alloc_zone *zone;
	uint64_t first;	  /* a block of the zone, counted in the image */
	unsigned at, end; /* blocks of the zone */
	unsigned run_end; /* behind a run that is long enough, of which a part has been punched */
	unsigned least;
};

/* The next free run, or the part of one that is punched at once; 0: there is none. alloc.lock is held. */
static unsigned trim_next(struct trim *trim)
{
	while (trim->at < trim->end) {
		trim->at = zone_next_free(trim->zone, trim->at);
		if (trim->at >= trim->end)
			break;
		unsigned count = zone_run(trim->zone, trim->at, trim->end - trim->at);
		bool rest = trim->at < trim->run_end;
		if ((rest || count >= trim->least) && !zone_is_punched(trim->zone, trim->at, count)) {
			trim->run_end = rest ? trim->run_end : trim->at + count;
			return count < TRIM_BLOCKS ? count : TRIM_BLOCKS;
		}
		trim->at += count;
	}
	return 0;
}

/* Punches a free run, or a part; it is taken meanwhile (R11). False: there was none. */
static bool trim_one(struct trim *trim, uint64_t *trimmed)
{
	struct alloc *alloc = &trim->image->alloc;

	pthread_mutex_lock(&alloc->grow_lock);
	pthread_mutex_lock(&alloc->lock);
	unsigned at;
	/* unless the zone was dropped meanwhile, being empty */
	bool there = alloc_zone_of(trim->image, trim->first, &at) == trim->zone;
	unsigned count = there ? trim_next(trim) : 0;
	if (count > 0)
		zone_take(alloc, trim->zone, trim->at, count);
	pthread_mutex_unlock(&alloc->lock);
	if (count > 0) {
		uint64_t before = atomic_load(&alloc->punched_blocks);

		space_punch(trim->image, trim->zone, trim->at, count);
		*trimmed += (atomic_load(&alloc->punched_blocks) - before) << BLOCK_SHIFT;
		trim->at += count;
	}
	pthread_mutex_unlock(&alloc->grow_lock);
	return count > 0;
}

/* Blocks of the zone below block `end` of the image. */
static unsigned trim_end(const struct alloc_zone *zone, uint64_t end)
{
	if (end <= zone->start)
		return 0;
	return end - zone->start < ZONE_BLOCKS ? (unsigned)(end - zone->start) : ZONE_BLOCKS;
}

static int trim_begin(struct image *image, struct image_trimming *trimming)
{
	int result;

	if (trimming->end - trimming->start < BLOCK_SIZE || trimming->start > trimming->end ||
	    trimming->start >= image->alloc.limit_blocks << BLOCK_SHIFT ||
	    trimming->least > (uint64_t)ZONE_BLOCKS << BLOCK_SHIFT)
		return -EINVAL;
	result = syncer_seal(image); /* what was freed until now is trimmed too */
	if (result < 0)
		return result;
	trimming->at = (trimming->start + BLOCK_SIZE - 1) >> BLOCK_SHIFT;
	trimming->begun = true;
	return 1;
}

int image_trim_step(struct image *image, struct image_trimming *trimming)
{
	uint64_t size = store_size(image->store) >> BLOCK_SHIFT, end = trimming->end >> BLOCK_SHIFT;
	unsigned punches = 0, at;

	if (image->read_only)
		return -EROFS;
	if (!trimming->begun)
		return trim_begin(image, trimming);
	if (trimming->at < image->zone_first)
		trimming->at = image->zone_first;
	end = end < size ? end : size;
	struct alloc_zone *zone = trimming->at < end ? alloc_zone_of(image, trimming->at, &at) : NULL;
	if (!zone)
		return 0;
	struct trim trim = {.image = image,
			    .zone = zone,
			    .first = trimming->at,
			    .at = at,
			    .end = trim_end(zone, end),
			    .run_end =
				trimming->run_end > zone->start ? trim_end(zone, trimming->run_end) : 0,
			    .least = (unsigned)((trimming->least + BLOCK_SIZE - 1) >> BLOCK_SHIFT)};
	while (punches < TRIM_PUNCHES && trim_one(&trim, &trimming->trimmed))
		punches++;
	trimming->at = zone->start + (punches < TRIM_PUNCHES ? ZONE_BLOCKS : trim.at);
	trimming->run_end = zone->start + trim.run_end;
	return trimming->at < end;
}

int image_trim(struct image *image, uint64_t *ret_bytes)
{
	struct image_trimming trimming = {.end = UINT64_MAX};
	int result;

	do
		result = image_trim_step(image, &trimming);
	while (result > 0);
	if (!result)
		*ret_bytes = trimming.trimmed;
	return result;
}
