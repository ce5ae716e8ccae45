/*
 * Recovery: what stands in the ring, and what may be made of it.
 *
 *   recover_replay   any image: scan, choose warm or cold (R14), replay into the overlay; writes nothing
 *   recover_finish   writable images: the records go home, the superblock names this mount (R15)
 *
 * Warm: the host's page cache is the one the last mount wrote to, so every valid record counts, and the ring
 * goes on in its epoch. Cold: records count up to the last seal. The ring then goes on in a new epoch, and
 * one lap further: the records dropped were written within one lap of the tail, so none of them that still
 * stands somewhere in the ring can have the LSN of a later record, nor look like one that a stale superblock
 * failed to name (R1).
 *
 * Either can be stopped at any point and run again: records hold the bytes to store, so storing them twice
 * is storing them once.
 */
#include "image_i.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* No mmfs leaves more changed blocks than this to replay: 1 GiB, unless asked for more. */
#define REPLAY_BYTES_MAX (UINT64_C(1) << 30)

struct recovery {
	struct image *image;
	uint64_t end;		/* of the log: position of the next record */
	uint64_t end_checksum;	/* of the last record */
	uint64_t sealed;	/* largest L of a SEAL(L); the tail if there is none */
	uint64_t last_seal_lsn; /* where that SEAL stands; 0: none */
	bool ends_sealed;	/* the last record is a SEAL of everything before it */
	uint64_t redo_count;
	uint64_t replay_until; /* records that end at or before are replayed */
	uint64_t replay_max;   /* blocks */
	uint64_t record_end;   /* of the one being replayed */
	uint64_t last_block;   /* largest one replayed */
};

/* ---- scan ---- */

/* May a record change this block? A little past the file's end is left to recover_finish. */
static int check_target(void *context, uint64_t block, bool is_new, unsigned at, const void *bytes,
			unsigned length)
{
	struct image *image = context;
	uint64_t end = (store_size(image->store) >> BLOCK_SHIFT) + ZONE_BLOCKS;

	(void)is_new;
	(void)at;
	(void)bytes;
	(void)length;
	if (block < image->zone_first || block >= MAX_BLOCKS || block >= end ||
	    block >= image->store->map_size >> BLOCK_SHIFT)
		return image_damaged(image, "journal: block %" PRIu64 " lies outside of the image", block);
	return 0;
}

static int scan_seal(struct recovery *recovery, const struct record_disk *record)
{
	struct image *image = recovery->image;
	uint64_t lsn = le64_get(record->lsn), sealed = le64_get(record->sealed_lsn);

	if (le32_get(record->length) != sizeof(*record) || le32_get(record->blocks) != 0 || sealed > lsn ||
	    sealed < recovery->sealed)
		return image_damaged(image, "journal: bad seal at LSN %" PRIu64, lsn);
	recovery->sealed = sealed;
	recovery->last_seal_lsn = lsn;
	recovery->ends_sealed = sealed == lsn;
	return 0;
}

static int scan_record(struct recovery *recovery, const struct record_disk *record)
{
	struct image *image = recovery->image;

	if (le64_get(record->durable_seal) > recovery->sealed)
		return image_damaged(image,
				     "journal: the record at LSN %" PRIu64
				     " knows of a later seal than the journal holds",
				     le64_get(record->lsn));
	if (le16_get(record->kind) == RECORD_SEAL)
		return scan_seal(recovery, record);
	recovery->ends_sealed = false;
	recovery->redo_count++;
	return record_walk(image, record, check_target, image);
}

/* Finds the end of the log. Each record takes room in the ring, so this ends. */
static int scan(struct recovery *recovery)
{
	struct image *image = recovery->image;
	uint64_t lsn = atomic_load(&image->ring.tail), checksum = image->ring.tail_checksum;
	const struct record_disk *record;
	int error;

	recovery->sealed = lsn;
	while ((error = record_read(image, lsn, checksum, &record)) == 0) {
		error = scan_record(recovery, record);
		lsn = record_next_lsn(record);
		checksum = le64_get(record->checksum);
		if (error < 0)
			return error;
	}
	if (error != -ENODATA)
		return error;
	recovery->end = lsn;
	recovery->end_checksum = checksum;
	return 0;
}

/* R1: a slot is stale if its tail's place holds a later record than it can know of. */
static int check_stale_tail(struct image *image)
{
	uint64_t tail = atomic_load(&image->ring.tail), lsn, epoch;
	uint32_t length;

	if (!record_peek(image, tail, &lsn, &epoch, &length))
		return 0;
	if (lsn < tail || (lsn == tail && epoch == image->ring.epoch))
		return 0;
	return image_damaged(image, "superblock: stale, its journal has gone on to LSN %" PRIu64, lsn);
}

/* With one slot damaged, the other may be older than the ring. If the ring was used again since, replaying
 * from the old tail would be wrong, so look at every place for a record past what that tail allows. */
static int check_stale_ring(struct image *image)
{
	const struct ring *ring = &image->ring;
	uint64_t tail = atomic_load(&ring->tail);
	uint64_t hashed = 0; /* bytes: a forged ring must not keep this busy for hours */

	for (uint64_t at = 0; at < ring->size; at += 8) {
		uint64_t position = tail + at, lsn, epoch;
		uint32_t length;
		le32 magic;

		memcpy(&magic, store_at(image->store, ring->start + position % ring->size), sizeof(magic));
		if (le32_get(magic) != RECORD_MAGIC)
			continue;
		if (record_peek(image, position, &lsn, &epoch, &length) && lsn >= tail + ring->size)
			return image_damaged(image,
					     "superblock: the newer one is damaged, and the journal has gone "
					     "on to LSN %" PRIu64 " since the older",
					     lsn);
		hashed += length;
		if (hashed > 4 * ring->size)
			return image_damaged(image, "journal: records overlap");
	}
	return 0;
}

/* ---- replay ---- */

static struct overlay_block *replay_block(struct recovery *recovery, uint64_t block)
{
	struct image *image = recovery->image;
	struct overlay_block *overlay = overlay_find(&image->overlay, block);

	if (overlay)
		return overlay;
	overlay = overlay_add(&image->overlay, block);
	if (!overlay)
		return NULL;
	if (block < store_size(image->store) >> BLOCK_SHIFT)
		memcpy(overlay->bytes, store_at(image->store, block << BLOCK_SHIFT), BLOCK_SIZE);
	else
		memset(overlay->bytes, 0, BLOCK_SIZE);
	return overlay;
}

static int replay_change(void *context, uint64_t block, bool is_new, unsigned at, const void *bytes,
			 unsigned length)
{
	struct recovery *recovery = context;
	struct overlay_block *overlay;

	if (atomic_load(&recovery->image->overlay.count) > recovery->replay_max)
		return image_damaged(recovery->image, "journal: changes too many blocks");
	overlay = replay_block(recovery, block);
	if (!overlay)
		return -ENOMEM;
	if (is_new && !MUTANT(R4_NEW_NOT_ZEROED))
		memset(overlay->bytes, 0, BLOCK_SIZE);
	memcpy(overlay->bytes + at, bytes, length);
	overlay->last_lsn = recovery->record_end;
	if (block > recovery->last_block)
		recovery->last_block = block;
	return 0;
}

/* Replays what ends at or before replay_until; counts the other REDO records as dropped. */
static int replay(struct recovery *recovery, struct image_report *report)
{
	struct image *image = recovery->image;
	uint64_t lsn = atomic_load(&image->ring.tail), checksum = image->ring.tail_checksum;
	const struct record_disk *record;
	int error;

	while (lsn < recovery->end) {
		error = record_read(image, lsn, checksum, &record);
		if (error < 0)
			return error == -ENODATA ? -EIO : error; /* it was there a moment ago */
		recovery->record_end = lsn + le32_get(record->length);
		if (recovery->record_end > recovery->replay_until) {
			break;
		}
		error = record_walk(image, record, replay_change, recovery);
		if (error == 0)
			error = answers_note(image, record);
		if (le16_get(record->kind) == RECORD_REDO)
			report->records_replayed++;
		lsn = record_next_lsn(record);
		checksum = le64_get(record->checksum);
		if (error < 0)
			return error;
	}
	report->records_dropped = recovery->redo_count - report->records_replayed;
	return 0;
}

/* ---- warm or cold ---- */

/* The cache holds what the disk refused: what stands on the disk is read instead, the superblock first. */
static int start_from_disk(struct image *image, const struct image_options *options,
			   struct image_report *report)
{
	unsigned bad_slots;
	int error;

	store_forget(image->store);
	/* from here on a fault counts again */
	atomic_store(&image->store->faulted, false);
	error = super_read(image->store, &image->super, &bad_slots, report);
	if (error < 0)
		return store_faulted(image->store) ? -EIO : error;
	if (bad_slots > report->bad_slots)
		report->bad_slots = bad_slots;
	image_set_up(image, options);
	return store_sync_all(image->store);
}

/* Everything in the cache becomes durable first, so that nothing is built on what a power cut could take
 * away: the slot that was read, too (R1). If the disk refuses, the cache is not to be trusted. */
static int sync_before(struct image *image, const struct image_options *options, struct image_report *report,
		       bool *ret_trusted)
{
	int error = MUTANT(R15_NO_FIRST_SYNC) ? 0 : store_sync_all(image->store);

	*ret_trusted = error == 0;
	if (error < 0)
		error = start_from_disk(image, options, report);
	if (error < 0)
		return error;
	image->super_durable = true;
	return 0;
}

/* The owner's record is of the mount whose session is compared. */
static enum cold_reason choose_by_session(const struct super_disk *super, const struct session_disk *now)
{
	enum cold_reason reason = now ? session_compare(now, &super->session) : COLD_UNKNOWN;
	struct owner_disk owner;

	if (reason != COLD_OTHER_BOOT || super->owner.host[0] == 0)
		return reason;
	session_owner(&owner);
	return strncmp(owner.host, super->owner.host, sizeof(owner.host)) == 0 ? reason : COLD_OTHER_HOST;
}

static enum cold_reason choose(const struct image *image, const struct image_options *options,
			       bool cache_trusted)
{
	if (options->recover == RECOVER_COLD)
		return COLD_ASKED;
	if (!cache_trusted)
		return COLD_DISK;
	if (options->recover == RECOVER_WARM)
		return COLD_NOT;
	if (le64_get(image->super.flags) & SUPER_FAILED)
		return COLD_FAILED;
	return choose_by_session(&image->super, options->session);
}

static int check_stale(struct image *image, const struct image_report *report)
{
	int error = check_stale_tail(image);

	if (error == 0 && report->bad_slots > 0)
		error = check_stale_ring(image);
	return error;
}

int recover_replay(struct image *image, const struct image_options *options, struct image_report *report)
{
	struct recovery recovery = {.image = image};
	bool cache_trusted = true;
	int error = 0;

	if (!image->read_only)
		error = sync_before(image, options, report, &cache_trusted);
	if (error == 0)
		error = check_stale(image, report);
	if (error == 0)
		error = scan(&recovery);
	if (error < 0)
		return error;
	report->was_clean =
	    recovery.end == atomic_load(&image->ring.tail) && (le64_get(image->super.flags) & SUPER_CLEAN);
	if (!report->was_clean)
		report->cold = choose(image, options, cache_trusted);
	report->warm = !report->was_clean && report->cold == COLD_NOT;
	if (options->goes_on && !image->read_only && !report->was_clean && !report->warm &&
	    !MUTANT(R18_GOES_ON_COLD))
		return -ESTALE;
	answers_begin(image);
	recovery.replay_max =
	    (image->overlay_max > REPLAY_BYTES_MAX / 2 ? 2 * image->overlay_max : REPLAY_BYTES_MAX) /
	    BLOCK_SIZE;
	recovery.replay_until = report->warm || MUTANT(R14_COLD_REPLAYS_ALL) ? recovery.end : recovery.sealed;
	error = replay(&recovery, report);
	if (error < 0)
		return error;
	if (store_faulted(image->store))
		return -EIO;
	atomic_store(&image->ring.head, recovery.end);
	image->ring.last_checksum = recovery.end_checksum;
	image->recovered_seal = recovery.sealed;
	image->recovered_seal_last = recovery.ends_sealed;
	image->recovered_last_block = recovery.last_block;
	return 0;
}

/* ---- bringing it home ---- */

/* Growth is durable before a record uses it (R13), so this is for images whose file was cut by others. */
static int make_long_enough(struct image *image)
{
	uint64_t size = (image->recovered_last_block + 1) << BLOCK_SHIFT;

	return size > store_size(image->store) ? store_set_size(image->store, size) : 0;
}

static int take_over(struct image *image, const struct image_options *options)
{
	struct super_disk *super = &image->super;
	int error;

	pthread_mutex_lock(&image->super_lock);
	super->flags = le64_of(0);
	session_owner(&super->owner);
	if (options->session) {
		super->session = *options->session;
	} else {
		memset(&super->session, 0, sizeof(super->session));
		super->session.birth_nanoseconds = le64_of(UINT64_MAX);
	}
	error = super_write(image);
	pthread_mutex_unlock(&image->super_lock);
	return error;
}

/* The whole image has been synced, so a seal of it all is true; without one a power cut would take back
 * what is about to go home (R9). One that ends the log already will do: a second in its place would take
 * room each time this is killed here. */
static int finish_warm(struct image *image)
{
	struct ring *ring = &image->ring;
	uint64_t head = atomic_load(&ring->head), end;
	int error;

	if (head == atomic_load(&ring->tail))
		return 0;
	if (!image->recovered_seal_last && !MUTANT(R15_NO_SEAL)) {
		error = journal_append_seal(image, head, &end);
		if (error == -ENOSPC)
			return image_damaged(image, "journal: fuller than it can be");
		if (error == 0)
			error = journal_sync(image, end);
		if (error < 0)
			return error;
		image->recovered_seal = head;
	}
	atomic_store(&ring->durable_seal, image->recovered_seal);
	atomic_store(&ring->sealed, atomic_load(&ring->head));
	ring->synced = atomic_load(&ring->head);
	return checkpoint_run(image, atomic_load(&ring->sealed));
}

static int finish_cold(struct image *image, const struct image_options *options)
{
	struct ring *ring = &image->ring;
	uint64_t tail, checksum, start;
	int error = checkpoint_apply(image, image->recovered_seal, &tail, &checksum);

	if (error == 0 && !MUTANT(R15_COLD_NOT_SYNCED))
		error = store_sync_all(image->store);
	if (error < 0)
		return error;
	start = atomic_load(&ring->tail) + ring->size;
	start = (start + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
	session_random(&ring->epoch, sizeof(ring->epoch));
	if (MUTANT(R15_OLD_EPOCH_REVIVED)) {
		ring->epoch = le64_get(image->super.epoch);
		start = tail;
	} else {
		checksum = 0;
	}
	image->super.epoch = le64_of(ring->epoch);
	image->super.tail_lsn = le64_of(start);
	image->super.tail_checksum = le64_of(checksum);
	error = take_over(image, options);
	if (error < 0)
		return error;
	overlay_drop_applied(&image->overlay, UINT64_MAX - 1);
	journal_restart(image, start, checksum);
	return 0;
}

int recover_finish(struct image *image, const struct image_options *options, struct image_report *report)
{
	int error = make_long_enough(image);

	if (error < 0)
		return error;
	if (!report->warm && !report->was_clean)
		return finish_cold(image, options);
	error = take_over(image, options);
	return error < 0 ? error : finish_warm(image);
}
