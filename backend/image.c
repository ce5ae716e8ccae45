/* Opening and closing an image, its failure and what is found damaged. image_info.c answers questions. */
#include "image_i.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_SECONDS_DEFAULT 5
#define OVERLAY_MAX_DEFAULT    (UINT64_C(64) << 20)

/* ---- failure and damage ---- */

int image_fail(struct image *image, int error)
{
	int none = 0;

	if (!atomic_compare_exchange_strong(&image->failure, &none, -error))
		return -EIO;
	if (!image->read_only) {
		pthread_mutex_lock(&image->super_lock);
		super_mark_failed(image);
		pthread_mutex_unlock(&image->super_lock);
		store_freeze(image->store);
	}
	pthread_mutex_lock(&image->ring.lock);
	pthread_cond_broadcast(&image->ring.room);
	pthread_mutex_unlock(&image->ring.lock);
	syncer_fail(image);
	return -EIO;
}

int image_failure(const struct image *image)
{
	int failure = atomic_load_explicit(&image->failure, memory_order_relaxed);

	return failure ? failure : store_faulted(image->store) ? EIO : 0;
}

int(image_damaged)(struct image *image, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	pthread_mutex_lock(&image->damage_lock);
	vsnprintf(image->damage, sizeof(image->damage), format, arguments);
	pthread_mutex_unlock(&image->damage_lock);
	va_end(arguments);
	return -EUCLEAN;
}

const char *image_damage(struct image *image)
{
	return image->damage;
}

/* ---- open ---- */

/* A writer must not starve while readers come and go; nobody takes the lock shared twice. */
static void init_tree_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

static struct image *image_new(struct store *store, const struct image_options *options)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->store = store;
	image->read_only = options->read_only || store->read_only;
	image->repairing = options->repair != NULL;
	image->fsync_async = options->fsync_async;
	image->commit_seconds = options->commit_seconds ? options->commit_seconds : COMMIT_SECONDS_DEFAULT;
	image->overlay_max = options->overlay_max ? options->overlay_max : OVERLAY_MAX_DEFAULT;
	image->txn.image = image;
	init_tree_lock(&image->tree_lock);
	pthread_mutex_init(&image->super_lock, NULL);
	pthread_mutex_init(&image->damage_lock, NULL);
	pthread_mutex_init(&image->cache.lock, NULL);
	image->cache.policy = options->cache;
	pthread_mutex_init(&image->ring.lock, NULL);
	pthread_cond_init(&image->ring.room, NULL);
	return image;
}

/* Frees everything and closes the store. Nothing is running any more. */
static void image_free(struct image *image)
{
	alloc_close(image);
	answers_free(image);
	txn_cleanup(image);
	block_cleanup(image);
	overlay_free(&image->overlay);
	syncer_free(image);
	free(image->ring.buffer);
	pthread_cond_destroy(&image->ring.room);
	pthread_mutex_destroy(&image->ring.lock);
	pthread_mutex_destroy(&image->damage_lock);
	pthread_mutex_destroy(&image->cache.lock);
	pthread_mutex_destroy(&image->super_lock);
	pthread_rwlock_destroy(&image->tree_lock);
	store_close(image->store);
	free(image);
}

void image_set_up(struct image *image, const struct image_options *options)
{
	struct super_disk *super = &image->super;
	uint64_t most = image->store->map_size >> BLOCK_SHIFT;

	if (image->store->fixed_size)
		most = store_size(image->store) >> BLOCK_SHIFT;
	if (options->label) {
		memset(super->label, 0, sizeof(super->label));
		memcpy(super->label, options->label, strlen(options->label));
	}
	if (options->limit_bytes)
		super->limit_blocks = le64_of(options->limit_bytes >> BLOCK_SHIFT);
	if (image->repairing)
		memset(super->unused, 0, sizeof(super->unused));
	image->limit_blocks = le64_get(super->limit_blocks);
	if (image->limit_blocks == 0)
		image->limit_blocks = MAX_BLOCKS;
	if (image->limit_blocks > most)
		image->limit_blocks = most;
	image->hash_seed = le64_get(super->hash_seed);
	image->zone_first = RING_START + le64_get(super->ring_blocks);
	image->roots_block = image->zone_first + ROOTS_OFFSET;
	image->ring.start = (uint64_t)RING_START << BLOCK_SHIFT;
	image->ring.size = le64_get(super->ring_blocks) << BLOCK_SHIFT;
	image->ring.epoch = le64_get(super->epoch);
	journal_restart(image, le64_get(super->tail_lsn), le64_get(super->tail_checksum));
}

static int image_read_super(struct image *image, const struct image_options *options,
			    struct image_report *report)
{
	int error = image->repairing ? repair_super(image, options, report)
				     : super_read(image->store, &image->super, &report->bad_slots, report);

	if (error < 0)
		return error;
	/* A sync failed: what the host caches is not what the disk holds (R16). */
	if (le64_get(image->super.flags) & SUPER_FAILED) {
		store_forget(image->store);
		error = super_read(image->store, &image->super, &report->bad_slots, report);
		image->super.flags = le64_of(le64_get(image->super.flags) | SUPER_FAILED);
	}
	if (error == 0)
		error = super_check_features(&image->super, image->read_only, report);
	if (error == 0 && !image->read_only && !image->repairing)
		error = super_check_room(&image->super, report);
	if (error == 0 && options->label && strlen(options->label) >= sizeof(image->super.label)) {
		snprintf(report->text, sizeof(report->text),
			 "the label is longer than 63 bytes; give a shorter one");
		return -EINVAL;
	}
	if (error == 0 && options->limit_bytes &&
	    (options->limit_bytes >> BLOCK_SHIFT) <
		RING_START + le64_get(image->super.ring_blocks) + ZONE_0_BLOCKS_MIN) {
		snprintf(report->text, sizeof(report->text),
			 "the size limit is smaller than the journal; give a larger one");
		return -EINVAL;
	}
	return error;
}

/* A clean image that is to be refused is refused before anything in it is changed: one cut short, say. */
static int image_look_first(struct image *image)
{
	int error;

	image->replayed = true;
	error = alloc_open(image);
	alloc_close(image);
	return error;
}

static int image_start(struct image *image, const struct image_options *options, struct image_report *report)
{
	int error = syncer_init(image);

	if (error == 0)
		error = answers_init(image, options);
	if (error == 0)
		error = overlay_init(&image->overlay);
	if (error == 0)
		error = image_read_super(image, options, report);
	if (error < 0)
		return error;
	image_set_up(image, options);
	error = record_init(image);
	if (error == 0 && !image->read_only)
		error = store_map_ring(image->store, image->ring.start, image->ring.size);
	if (error == 0)
		error = recover_replay(image, options, report);
	if (error == -EUCLEAN && image->repairing)
		error = repair_journal(image, options, report);
	if (error == 0 && report->was_clean && !image->read_only && !image->repairing)
		error = image_look_first(image);
	if (error == 0 && !image->read_only)
		error = recover_finish(image, options, report);
	if (error == 0 && image->counts_anew)
		error = repair_position(image);
	if (error < 0)
		return error;
	image->replayed = true;
	if (image->repairing)
		error = repair_blocks(image, options);
	if (error == 0)
		error = alloc_open(image);
	if (error == 0 && image_failure(image))
		error = -EIO;
	if (error == 0 && !image->read_only && !options->no_syncer)
		error = syncer_start(image);
	return error;
}

/* The one line for the user, where nobody closer to the cause wrote it. */
static void explain(struct image *image, int error, struct image_report *report)
{
	if (report->text[0])
		return;
	switch (error) {
	case -EUCLEAN:
		snprintf(report->text, sizeof(report->text), "damaged: %.200s; run fsck.mmfs", image->damage);
		break;
	case -ESTALE:
		snprintf(report->text, sizeof(report->text),
			 "what the last daemon did is not all there (its disk failed, or the image was "
			 "changed): unmount it, and mount it again");
		break;
	case -ENOSPC:
		snprintf(report->text, sizeof(report->text), "no room on the host for recovery; make some");
		break;
	case -ENOMEM:
		snprintf(report->text, sizeof(report->text), "not enough memory for recovery");
		break;
	case -EIO:
		snprintf(report->text, sizeof(report->text),
			 "the host cannot read or write the image; see its log for disk errors");
		break;
	default:
		snprintf(report->text, sizeof(report->text), "%s", strerror(-error));
	}
}

int image_open(struct store *store, const struct image_options *options, struct image **ret_image,
	       struct image_report *report)
{
	struct image *image = image_new(store, options);
	int error;

	memset(report, 0, sizeof(*report));
	if (!image) {
		snprintf(report->text, sizeof(report->text), "not enough memory");
		store_close(store);
		return -ENOMEM;
	}
	error = image_start(image, options, report);
	if (error < 0) {
		explain(image, error, report);
		image_free(image);
		return error;
	}
	*ret_image = image;
	return 0;
}

/* ---- close ---- */

static int mark_clean(struct image *image)
{
	int error;

	pthread_mutex_lock(&image->super_lock);
	image->super.flags = le64_of(SUPER_CLEAN);
	memset(&image->super.owner, 0, sizeof(image->super.owner));
	error = super_write(image);
	pthread_mutex_unlock(&image->super_lock);
	return error < 0 ? image_fail(image, error) : 0;
}

/* The seal first, so that what was freed may be dropped; then nothing may stand in the ring that touches
 * what is cut off (R11). */
static int image_finish(struct image *image)
{
	image_answers_end(image);
	int error = syncer_seal(image);

	if (error == 0)
		(void)alloc_recent_give_up(image);
	if (error == 0 && !image->repairing)
		error = alloc_find_kept(image);
	if (error == 0 && !image->repairing)
		error = alloc_drop_empty_zones(image);
	if (error == -ENOSPC)
		error = 0; /* the image stays a little larger */
	if (error == 0)
		error = image_checkpoint(image);
	if (error == 0 && !image->repairing)
		error = alloc_cut_tail(image);
	if (error == 0)
		error = image_checkpoint(image);
	if (error == 0)
		error = mark_clean(image);
	return error;
}

int image_close(struct image *image)
{
	int error = 0;

	if (!image)
		return 0;
	syncer_stop(image);
	if (!image->read_only && !image_failure(image))
		error = image_finish(image);
	/* A page that could not be read may have been noticed by nobody: the next mount has to know (R16). */
	if (!image->read_only && image_failure(image))
		error = image_fail(image, -image_failure(image));
	image_free(image);
	return error;
}

void image_drop(struct image *image)
{
	if (!image)
		return;
	syncer_stop(image);
	image_free(image);
}
