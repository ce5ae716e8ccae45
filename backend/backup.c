/*
 * Copying an image as it is at one moment, while it is in use.
 *
 *   { copy what has been written since } ... -> pause -> seal -> copy the rest -> end of the pause
 *
 * The copy holds what a power cut right after that seal would leave, except that nothing is lost: the journal
 * names everything, and recovery takes it home. So checkpoints wait, too: home blocks and the tail in the
 * superblock have to be of one moment. A host that can share the file's blocks makes it in one step; what the
 * image overwrites in place and cannot do without is then written a second time into the copy, which gives
 * the image its own blocks back.
 */
#include "alloc_i.h"
#include "store_track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PASSES_MOST 4u
#define FEW_PARTS   128u /* 16 MiB: left for the pause */

struct backup {
	struct image *image;
	const struct image_pause *pause;
	const struct image_sink *sink;
	struct image_backup_report *report;
	uint8_t *buffer; /* TRACK_BYTES */
	struct timespec frozen;
};

/* ---- bytes ---- */

static bool all_zero(const uint8_t *bytes, size_t length)
{
	return bytes[0] == 0 && !memcmp(bytes, bytes + 1, length - 1);
}

static int put(struct backup *backup, uint64_t offset, const uint8_t *bytes, size_t length)
{
	backup->report->copied_bytes += length;
	return backup->sink->write(backup->sink->context, offset, bytes, length);
}

/* All but blocks of zeros. */
static int put_sparse(struct backup *backup, uint64_t offset, uint64_t length)
{
	uint64_t begin = 0;
	int error = 0;

	for (uint64_t at = 0; at < length && error == 0; at += BLOCK_SIZE) {
		if (!all_zero(backup->buffer + at, BLOCK_SIZE))
			continue;
		if (at > begin)
			error = put(backup, offset + begin, backup->buffer + begin, at - begin);
		begin = at + BLOCK_SIZE;
	}
	if (error == 0 && length > begin)
		error = put(backup, offset + begin, backup->buffer + begin, length - begin);
	return error;
}

/* [offset, offset + length), whole blocks, as far as the image goes; zeros are left out where the copy has
 * some already. */
static int copy_bytes(struct backup *backup, uint64_t offset, uint64_t length, bool first)
{
	uint64_t size = store_size(backup->image->store);
	int error;

	if (offset >= size)
		return 0;
	if (length > size - offset)
		length = size - offset;
	error = data_read(backup->image, offset, backup->buffer, length);
	if (error < 0)
		return error;
	return first ? put_sparse(backup, offset, length) : put(backup, offset, backup->buffer, length);
}

static int copy_range(struct backup *backup, uint64_t offset, uint64_t end, bool first)
{
	int error = 0;

	for (; offset < end && error == 0; offset += TRACK_BYTES)
		error = copy_bytes(backup, offset, end - offset < TRACK_BYTES ? end - offset : TRACK_BYTES,
				   first);
	return error;
}

/* Everything that has been written and not been copied since. */
static int copy_written(struct backup *backup, bool first)
{
	uint64_t at = 0;
	int error = 0;

	while (error == 0 && store_track_take(backup->image->store, at, &at)) {
		if (backup->sink->stopped && backup->sink->stopped(backup->sink->context))
			return -EINTR;
		error = copy_bytes(backup, at, TRACK_BYTES, first);
	}
	return error;
}

/* Both slots, none of them half written, then the journal. */
static int copy_super_and_ring(struct backup *backup)
{
	struct image *image = backup->image;
	uint64_t ring_end = image->ring.start + image->ring.size;
	int error;

	pthread_mutex_lock(&image->super_lock);
	error = data_read(image, 0, backup->buffer, RING_START * BLOCK_SIZE);
	pthread_mutex_unlock(&image->super_lock);
	if (error == 0)
		error =
		    backup->sink->write(backup->sink->context, 0, backup->buffer, RING_START * BLOCK_SIZE);
	return error < 0 ? error : copy_range(backup, image->ring.start, ring_end, false);
}

/* ---- what is in use ---- */

/* Calls `visit` for each chunk of blocks that may not be taken; metadata_only: of groups of that type, and
 * maps. */
static int visit_used(struct backup *backup, bool metadata_only,
		      int (*visit)(struct backup *backup, uint64_t offset, uint64_t length))
{
	struct alloc *alloc = &backup->image->alloc;
	int error = 0;

	for (uint64_t i = 0; i < atomic_load(&alloc->zone_count); i++) {
		const struct alloc_zone *zone = alloc->zones[i];

		for (unsigned chunk = 0; chunk < ZONE_CHUNKS && error == 0; chunk++) {
			bool wanted = !metadata_only || chunk == 0 ||
				      zone_type(zone, chunk / GROUP_CHUNKS) == GROUP_METADATA;
			bool used;

			pthread_mutex_lock(&alloc->lock);
			used = wanted && !zone_all_free(zone, chunk * CHUNK_BLOCKS, CHUNK_BLOCKS);
			pthread_mutex_unlock(&alloc->lock);
			if (used)
				error = visit(backup, (zone->start + chunk * CHUNK_BLOCKS) << BLOCK_SHIFT,
					      (uint64_t)CHUNK_BLOCKS << BLOCK_SHIFT);
		}
	}
	return error;
}

static int note_chunk(struct backup *backup, uint64_t offset, uint64_t length)
{
	if (offset < store_size(backup->image->store))
		store_track_note(atomic_load(&backup->image->store->track), offset, length);
	return 0;
}

static int copy_chunk(struct backup *backup, uint64_t offset, uint64_t length)
{
	return copy_bytes(backup, offset, length, false);
}

static int copy_chunk_first(struct backup *backup, uint64_t offset, uint64_t length)
{
	return copy_bytes(backup, offset, length, true);
}

/* ---- the pause ---- */

static void pause_begin(struct backup *backup)
{
	clock_gettime(CLOCK_MONOTONIC, &backup->frozen);
	backup->pause->begin(backup->pause->context);
	/* nor does the image grow or get shorter */
	pthread_mutex_lock(&backup->image->alloc.zone_lock);
}

static void pause_end(struct backup *backup)
{
	struct timespec now;

	pthread_mutex_unlock(&backup->image->alloc.zone_lock);
	backup->pause->end(backup->pause->context);
	clock_gettime(CLOCK_MONOTONIC, &now);
	backup->report->frozen_us = (uint64_t)(now.tv_sec - backup->frozen.tv_sec) * 1000000 +
				    (uint64_t)(now.tv_nsec / 1000) -
				    (uint64_t)(backup->frozen.tv_nsec / 1000);
}

/* In the pause: seals, then keeps checkpoints out while `copy` runs. */
static int paused_copy(struct backup *backup, int (*copy)(struct backup *backup))
{
	struct image *image = backup->image;
	int error;

	pause_begin(backup);
	error = syncer_seal(image);
	if (error == 0) {
		pthread_mutex_lock(&image->syncer.checkpoint_lock);
		error = copy(backup);
		if (error == 0)
			error = backup->sink->set_size(backup->sink->context, store_size(image->store));
		pthread_mutex_unlock(&image->syncer.checkpoint_lock);
	}
	pause_end(backup);
	return error;
}

static int clone_all(struct backup *backup)
{
	int error = backup->sink->clone(backup->sink->context);

	if (error == 0)
		error = copy_super_and_ring(backup);
	return error < 0 ? error : visit_used(backup, true, copy_chunk);
}

static int copy_rest(struct backup *backup)
{
	int error = copy_written(backup, false);

	return error < 0 ? error : copy_super_and_ring(backup);
}

/* ---- the whole ---- */

static int copy_in_passes(struct backup *backup)
{
	struct image *image = backup->image;
	int error = store_track_begin(image->store);

	if (error < 0)
		return error;
	/* whoever was writing when that began has ended by now */
	pause_begin(backup);
	pthread_mutex_lock(&image->syncer.checkpoint_lock);
	pthread_mutex_unlock(&image->syncer.checkpoint_lock);
	pause_end(backup);
	error = visit_used(backup, false, note_chunk);
	for (unsigned pass = 0; error == 0 && pass < PASSES_MOST; pass++) {
		error = copy_written(backup, pass == 0);
		backup->report->passes++;
		if (store_track_count(image->store) <= FEW_PARTS)
			break;
	}
	/* so that the seal in the pause is a short one */
	if (error == 0)
		error = syncer_seal(image);
	return error < 0 ? error : paused_copy(backup, copy_rest);
}

/* A read-only image: nobody changes the file. */
static int copy_still(struct backup *backup)
{
	int error = copy_super_and_ring(backup);

	if (error == 0)
		error = visit_used(backup, false, copy_chunk_first);
	return error < 0 ? error
			 : backup->sink->set_size(backup->sink->context, store_size(backup->image->store));
}

static int backup_run(struct backup *backup)
{
	int error;

	if (backup->image->read_only)
		return copy_still(backup);
	error = syncer_seal(backup->image);
	if (error < 0 || !backup->sink->clone)
		return error < 0 ? error : copy_in_passes(backup);
	error = paused_copy(backup, clone_all);
	backup->report->cloned = error == 0;
	return error == -EOPNOTSUPP ? copy_in_passes(backup) : error;
}

int image_backup(struct image *image, const struct image_pause *pause, const struct image_sink *sink,
		 struct image_backup_report *ret_report)
{
	struct backup backup = {.image = image, .pause = pause, .sink = sink, .report = ret_report};
	int error;

	memset(ret_report, 0, sizeof(*ret_report));
	if (image_failure(image))
		return -EIO;
	backup.buffer = malloc(TRACK_BYTES);
	if (!backup.buffer)
		return -ENOMEM;
	error = backup_run(&backup);
	free(backup.buffer);
	return error;
}
