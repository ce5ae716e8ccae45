/*
 * Bringing records home. Only what is sealed goes to the home blocks (R9); the tail moves once that is synced
 * (R10), in the superblock first and in memory, where it lets the ring be used again, last. The records are
 * applied, not the overlay's blocks, since those may hold later changes already.
 */
#include "image_i.h"

#include <errno.h>
#include <inttypes.h>

static int apply_change(void *context, uint64_t block, bool is_new, unsigned at, const void *bytes,
			unsigned length)
{
	struct image *image = context;
	uint64_t offset = block << BLOCK_SHIFT;
	int error = 0;

	if (block < image->zone_first || block >= store_size(image->store) >> BLOCK_SHIFT)
		return image_damaged(image, "journal: block %" PRIu64 " lies outside of the image", block);
	if (is_new && !MUTANT(R4_NEW_NOT_ZEROED))
		error = store_zero(image->store, offset, BLOCK_SIZE);
	if (error == 0 && length > 0)
		error = store_write(image->store, offset + at, bytes, length);
	return error;
}

int checkpoint_apply(struct image *image, uint64_t sealed, uint64_t *ret_tail, uint64_t *ret_checksum)
{
	uint64_t lsn = atomic_load(&image->ring.tail);
	uint64_t checksum = image->ring.tail_checksum;
	int error = 0;

	while (lsn < sealed) {
		const struct record_disk *record;
		uint64_t end;

		error = record_read(image, lsn, checksum, &record);
		if (error == -ENODATA)
			error = image_damaged(image, "journal: no record at LSN %" PRIu64, lsn);
		if (error < 0)
			return error;
		end = lsn + le32_get(record->length);
		if (end <= sealed) {
			error = record_walk(image, record, apply_change, image);
			checksum = le64_get(record->checksum);
			lsn = record_next_lsn(record);
		}
		if (error < 0)
			return error;
		if (end > sealed)
			break;
	}
	*ret_tail = lsn;
	*ret_checksum = checksum;
	return 0;
}

static int write_tail(struct image *image, uint64_t tail, uint64_t checksum)
{
	int error = -EIO;

	pthread_mutex_lock(&image->super_lock);
	/* the mark of a failed image (super_mark_failed) names the last tail that is known to be durable */
	if (!image_failure(image)) {
		image->super.tail_lsn = le64_of(tail);
		image->super.tail_checksum = le64_of(checksum);
		error = super_write(image);
	}
	pthread_mutex_unlock(&image->super_lock);
	return error;
}

static int checkpoint_locked(struct image *image, uint64_t sealed)
{
	uint64_t tail, checksum;
	int error = checkpoint_apply(image, sealed, &tail, &checksum);

	if (error == 0 && tail == atomic_load(&image->ring.tail))
		return 0;
	if (error == 0 && !MUTANT(R10_TAIL_BEFORE_SYNC)) {
		atomic_store(&image->syncer.overwritten, false);
		error = store_sync_all(image->store);
		atomic_fetch_add(&image->syncer.syncs, 1);
	}
	if (error == 0)
		error = write_tail(image, tail, checksum);
	/* The homes are half written now: only the journal makes them whole, and it cannot be trusted to. */
	if (error < 0)
		return image_fail(image, error);
	pthread_rwlock_wrlock(&image->tree_lock);
	overlay_drop_applied(&image->overlay, tail);
	pthread_rwlock_unlock(&image->tree_lock);
	journal_move_tail(image, tail, checksum);
	/* Recovery's own checkpoint comes before the allocator is open. */
	if (image->replayed)
		alloc_checkpointed(image, tail);
	atomic_fetch_add(&image->syncer.checkpoints, 1);
	return 0;
}

int checkpoint_run(struct image *image, uint64_t sealed)
{
	uint64_t held;
	int error = 0;

	pthread_mutex_lock(&image->syncer.checkpoint_lock);
	held = answers_held(image); /* once: it may be let go of at any moment */
	if (sealed > held)
		sealed = held;
	if (image_failure(image))
		error = -EIO;
	else if (atomic_load(&image->ring.tail) < sealed)
		error = checkpoint_locked(image, sealed);
	pthread_mutex_unlock(&image->syncer.checkpoint_lock);
	return error;
}

int image_checkpoint(struct image *image)
{
	int error;

	if (image->read_only)
		return 0;
	if (MUTANT(R9_UNSEALED_APPLIED))
		return checkpoint_run(image, image_head(image));
	error = syncer_seal(image);
	return error < 0 ? error : checkpoint_run(image, atomic_load(&image->ring.sealed));
}
