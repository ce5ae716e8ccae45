/*
 * Group commit. Callers of image_sync put what they need into the batch that is being collected; one of them
 * at a time takes that batch and runs it, the others wait, and whoever arrives meanwhile is in the next:
 *
 *   collect (lsn, ranges) -> take -> sync data ranges -> append SEAL(L) -> sync the ring -> wake everybody
 *
 * So all syncs go one after the other, and a caller that is alone wakes no other thread: that would take
 * longer than the page it wants on disk. The thread makes checkpoints, releases what seals allow to be
 * reused, and seals every commit_seconds.
 *
 * R8: SEAL(L) is appended after the sync of every range stored for records before L returned, and counts when
 * the sync of the ring after it has. R16: the first sync that fails ends everything.
 */
#include "image_i.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNSEALED_MAX	    1024u /* ranges remembered; with more everything is synced */
#define REQUESTED_MAX	    256u
#define MSYNC_MAX	    8u /* each pays a flush of the device: more of them cost more than one fdatasync */
#define JOIN_GAP_BYTES	    (1024u * 1024)
#define FAILED_POLL_SECONDS 60
#define SLACK_LEAST	    (UINT64_C(4) << 20)
#define HELD_POLL_NS	    1000000
#define GATHER_MOST_NS	    1000000u
#define SECOND_NS	    1000000000

struct batch {
	uint64_t wanted_lsn;
	bool all;
	struct byte_range ranges[REQUESTED_MAX + UNSEALED_MAX];
	size_t count;
};

/* ---- lists of ranges ---- */

/* Adds a range, to the last one if it continues it. False: no room. */
static bool range_add(struct byte_range *ranges, size_t *count, size_t capacity, struct byte_range range)
{
	if (range.length == 0)
		return true;
	if (*count > 0 && ranges[*count - 1].offset + ranges[*count - 1].length == range.offset) {
		ranges[*count - 1].length += range.length;
		return true;
	}
	if (*count == capacity)
		return false;
	ranges[(*count)++] = range;
	return true;
}

static int range_compare(const void *left, const void *right)
{
	const struct byte_range *a = left, *b = right;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Sorts, and joins what is close together. Returns the new count. */
static size_t ranges_merge(struct byte_range *ranges, size_t count)
{
	size_t kept = 0;

	if (count == 0)
		return 0;
	qsort(ranges, count, sizeof(*ranges), range_compare);
	for (size_t i = 1; i < count; i++) {
		struct byte_range *last = &ranges[kept];
		uint64_t last_end = last->offset + last->length;
		uint64_t end = ranges[i].offset + ranges[i].length;

		if (ranges[i].offset > last_end + JOIN_GAP_BYTES)
			ranges[++kept] = ranges[i];
		else if (end > last_end)
			last->length = end - last->offset;
	}
	return kept + 1;
}

/* ---- a batch ---- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* syncer.lock held. */
static void batch_take(struct image *image, struct batch *batch)
{
	struct syncer *syncer = &image->syncer;

	batch->wanted_lsn = syncer->wanted_lsn;
	batch->all = syncer->all_wanted;
	batch->count = syncer->range_count;
	memcpy(batch->ranges, syncer->ranges, syncer->range_count * sizeof(*batch->ranges));
	syncer->wanted_lsn = 0;
	syncer->all_wanted = false;
	syncer->range_count = 0;
}

/* Takes the data of all records up to the head, which cannot move meanwhile: commit appends and notes its
 * data under the tree lock. */
static uint64_t batch_take_unsealed(struct image *image, struct batch *batch)
{
	struct syncer *syncer = &image->syncer;
	uint64_t head;

	pthread_rwlock_rdlock(&image->tree_lock);
	pthread_mutex_lock(&syncer->unsealed_lock);
	head = image_head(image);
	memcpy(batch->ranges + batch->count, syncer->unsealed,
	       syncer->unsealed_count * sizeof(*batch->ranges));
	batch->count += syncer->unsealed_count;
	batch->all = batch->all || syncer->unsealed_all;
	syncer->unsealed_count = 0;
	syncer->unsealed_all = false;
	pthread_mutex_unlock(&syncer->unsealed_lock);
	pthread_rwlock_unlock(&image->tree_lock);
	return head;
}

static int batch_sync_data(struct image *image, struct batch *batch)
{
	struct syncer *syncer = &image->syncer;
	int error = 0;

	if (MUTANT(R8_DATA_NOT_SYNCED))
		return 0;
	if (!batch->all)
		batch->count = ranges_merge(batch->ranges, batch->count);
	if (batch->all || batch->count > MSYNC_MAX) {
		atomic_store(&syncer->overwritten, false);
		atomic_fetch_add(&syncer->syncs, 1);
		return store_sync_all(image->store);
	}
	for (size_t i = 0; i < batch->count && error == 0; i++) {
		error = store_sync_range(image->store, batch->ranges[i].offset, batch->ranges[i].length);
		atomic_fetch_add(&syncer->syncs, 1);
	}
	return error;
}

/* Seals take ring room that no transaction lends; what is sealed already can give some back, unless it is
 * held for a request: that is about to be answered, and needs no seal for it. */
static int batch_wait_for_room(struct image *image)
{
	const struct timespec pause = {.tv_nsec = HELD_POLL_NS};

	while (!journal_seal_fits(image)) {
		int error = checkpoint_run(image, atomic_load(&image->ring.sealed));

		if (error < 0)
			return error;
		if (answers_held(image) >= atomic_load(&image->ring.sealed))
			break;
		answers_need_room(image);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int batch_seal(struct image *image, uint64_t sealed)
{
	struct ring *ring = &image->ring;
	uint64_t end;
	int error = batch_wait_for_room(image);

	if (error < 0)
		return error;
	error = journal_append_seal(image, sealed, &end);
	if (error == 0 && !MUTANT(R8_SEAL_NOT_SYNCED))
		error = journal_sync(image, end);
	if (error < 0)
		return error;
	atomic_fetch_add(&image->syncer.syncs, 1);
	atomic_fetch_add(&image->syncer.seals, 1);
	atomic_store(&ring->durable_seal, sealed);
	/* Nothing stands between what it seals and the seal: then everything up to the next record is. */
	if (end - sizeof(struct record_disk) == sealed && !MUTANT(R8_NO_NEW_PAGE))
		sealed = (end + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
	atomic_store(&ring->sealed, sealed);
	return 0;
}

/* Callers that were in the last batch, or waited for its end, are about to come again: they share this one if
 * it waits for them, instead of taking turns with it. Never longer than half a batch, and not again for one
 * that did not come. syncer.lock held, let go meanwhile. */
static void batch_gather(struct syncer *syncer)
{
	struct timespec deadline;
	int waited = 0;

	if (syncer->callers >= syncer->callers_expected)
		return;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec +=
	    (long)(syncer->batch_ns / 2 < GATHER_MOST_NS ? syncer->batch_ns / 2 : GATHER_MOST_NS);
	if (deadline.tv_nsec >= SECOND_NS) {
		deadline.tv_nsec -= SECOND_NS;
		deadline.tv_sec++;
	}
	while (syncer->callers < syncer->callers_expected && waited == 0)
		waited = pthread_cond_timedwait(&syncer->gathered, &syncer->lock, &deadline);
}

static int batch_run(struct image *image, struct batch *batch)
{
	uint64_t head = 0;
	bool seal = batch->wanted_lsn > image_sealed(image);
	int error;

	if (seal)
		head = batch_take_unsealed(image, batch);
	error = batch_sync_data(image, batch);
	if (error < 0 && MUTANT(R16_SYNC_RETRIED))
		error = batch_sync_data(image, batch);
	if (error == 0 && seal)
		error = batch_seal(image, head);
	if (error < 0 && MUTANT(R16_NOT_FROZEN))
		return error;
	return error < 0 ? image_fail(image, error) : 0;
}

/* syncer.lock held, let go while the batch runs. */
static void batch_lead(struct image *image)
{
	struct syncer *syncer = &image->syncer;
	uint64_t number, began;
	unsigned callers;

	syncer->busy = true;
	batch_gather(syncer);
	number = syncer->arrived++;
	callers = syncer->callers;
	syncer->callers = 0;
	batch_take(image, syncer->batch);
	pthread_mutex_unlock(&syncer->lock);
	began = now_ns();
	(void)batch_run(image,
			syncer->batch); /* an error is the image's failure, which all waiters look at */
	pthread_mutex_lock(&syncer->lock);
	syncer->batch_ns = now_ns() - began;
	syncer->callers_expected = callers + syncer->callers;
	syncer->busy = false;
	syncer->finished = number;
	pthread_cond_broadcast(&syncer->done);
}

/* Puts a request into the batch being collected and waits until that is done. */
static int sync_and_wait(struct image *image, uint64_t lsn, const struct byte_range *ranges, size_t count,
			 bool all)
{
	struct syncer *syncer = &image->syncer;
	uint64_t ticket;

	if (image_failure(image))
		return -EIO;
	pthread_mutex_lock(&syncer->lock);
	if (lsn > syncer->wanted_lsn)
		syncer->wanted_lsn = lsn;
	syncer->all_wanted = syncer->all_wanted || all;
	for (size_t i = 0; i < count && !syncer->all_wanted; i++) {
		if (!range_add(syncer->ranges, &syncer->range_count, syncer->range_capacity, ranges[i]))
			syncer->all_wanted = true;
	}
	ticket = syncer->arrived;
	if (++syncer->callers == syncer->callers_expected)
		pthread_cond_signal(&syncer->gathered);
	while (syncer->finished < ticket && !image_failure(image)) {
		if (syncer->busy)
			pthread_cond_wait(&syncer->done, &syncer->lock);
		else
			batch_lead(image);
	}
	pthread_mutex_unlock(&syncer->lock);
	return image_failure(image) ? -EIO : 0;
}

/* Lets the allocator reuse and punch what was freed before the last seal. */
static void release_freed(struct image *image)
{
	struct syncer *syncer = &image->syncer;

	pthread_mutex_lock(&syncer->release_lock);
	if (!image_failure(image) && image->replayed)
		alloc_sealed(image, image_sealed(image));
	pthread_mutex_unlock(&syncer->release_lock);
}

/* ---- requests ---- */

static void syncer_wake(struct image *image, bool *flag)
{
	struct syncer *syncer = &image->syncer;

	pthread_mutex_lock(&syncer->lock);
	if (!*flag) {
		*flag = true;
		pthread_cond_signal(&syncer->wake);
	}
	pthread_mutex_unlock(&syncer->lock);
}

void syncer_want_checkpoint(struct image *image)
{
	syncer_wake(image, &image->syncer.checkpoint_wanted);
}

void syncer_note_stored(struct image *image, const struct byte_range *ranges, size_t count)
{
	struct syncer *syncer = &image->syncer;

	if (MUTANT(R8_DATA_NOT_NOTED))
		return;
	pthread_mutex_lock(&syncer->unsealed_lock);
	for (size_t i = 0; i < count && !syncer->unsealed_all; i++) {
		if (!range_add(syncer->unsealed, &syncer->unsealed_count, syncer->unsealed_capacity,
			       ranges[i]))
			syncer->unsealed_all = true;
	}
	pthread_mutex_unlock(&syncer->unsealed_lock);
}

int image_sync(struct image *image, uint64_t lsn, const struct byte_range *ranges, size_t count)
{
	struct syncer *syncer = &image->syncer;
	bool seal = lsn > image_sealed(image);
	int error;

	if (image->read_only)
		return 0;
	if (image->fsync_async) {
		for (size_t i = 0; i < count; i++)
			store_sync_later(image->store, ranges[i].offset, ranges[i].length);
		if (seal)
			store_sync_later(image->store, image->ring.start, image->ring.size);
		if (syncer->running && (seal || count > 0))
			syncer_wake(image, &syncer->seal_wanted);
		return image_failure(image) ? -EIO : 0;
	}
	if (!seal && count == 0)
		return image_failure(image) ? -EIO : 0;
	error = sync_and_wait(image, lsn, ranges, count, false);
	if (error < 0 || !seal)
		return error;
	/* The release takes long where much was freed, so it is the thread's. */
	if (syncer->running)
		syncer_wake(image, &syncer->release_wanted);
	else
		release_freed(image);
	return 0;
}

int syncer_seal(struct image *image)
{
	uint64_t head = image_head(image);
	bool all = atomic_load(&image->syncer.overwritten);
	int error = 0;

	if (image_failure(image))
		return -EIO;
	if (all || head > image_sealed(image))
		error = sync_and_wait(image, head, NULL, 0, all);
	if (error == 0)
		release_freed(image);
	return error;
}

/* ---- the thread ---- */

struct syncer_work {
	bool checkpoint, seal, release, tick;
};

static void deadline_after(struct timespec *ret_deadline, unsigned seconds)
{
	clock_gettime(CLOCK_MONOTONIC, ret_deadline);
	ret_deadline->tv_sec += seconds;
}

static bool deadline_passed(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > deadline->tv_sec ||
	       (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

/* Waits until there is something to do, at most until `deadline`. syncer.lock held. False: it is to stop. */
static bool syncer_wait(struct image *image, const struct timespec *deadline, struct syncer_work *ret_work)
{
	struct syncer *syncer = &image->syncer;
	int waited = 0;

	while (!syncer->stop && !syncer->checkpoint_wanted && !syncer->seal_wanted &&
	       !syncer->release_wanted && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&syncer->wake, &syncer->lock, deadline);
	/* the clock decides: where something is wanted all the time, no wait ends by it */
	*ret_work = (struct syncer_work){.checkpoint = syncer->checkpoint_wanted,
					 .seal = syncer->seal_wanted,
					 .release = syncer->release_wanted,
					 .tick = deadline_passed(deadline)};
	syncer->checkpoint_wanted = syncer->seal_wanted = syncer->release_wanted = false;
	return !syncer->stop;
}

/* Growing again costs a sync: so the file is cut while nothing changes, else only where most of it is free.
 */
static bool too_long(struct image *image, bool quiet)
{
	uint64_t size = store_size(image->store), slack;

	if (image->repairing || image->store->fixed_size || image->store->scratch)
		return false;
	slack = alloc_slack(image);
	return slack >= SLACK_LEAST && slack > size / (quiet ? 8 : 2);
}

/* Has the thread something to do that somebody may wait for? */
static bool syncer_is_wanted(struct image *image)
{
	struct syncer *syncer = &image->syncer;

	pthread_mutex_lock(&syncer->lock);
	bool wanted =
	    syncer->stop || syncer->checkpoint_wanted || syncer->seal_wanted || syncer->release_wanted;
	pthread_mutex_unlock(&syncer->lock);
	return wanted;
}

/* An error of these is the image's failure: nobody waits here to be told. */
static void syncer_work(struct image *image, struct syncer_work work, uint64_t *records_at_tick)
{
	uint64_t records = atomic_load(&image->ring.records);
	bool quiet = work.tick && records == *records_at_tick, idle;

	if (store_faulted(image->store))
		(void)image_fail(image, -EIO);
	if (image_failure(image))
		return;
	if (work.tick)
		*records_at_tick = records;
	if ((work.tick || work.seal) && syncer_seal(image) < 0)
		return;
	if (work.tick)
		alloc_recent_tick(image);
	if (work.release)
		release_freed(image);
	idle = quiet && atomic_load(&image->ring.tail) != image_head(image);
	if ((work.checkpoint || idle) && image_checkpoint(image) < 0)
		return;
	if (work.tick && too_long(image, quiet) && image_shrink(image) < 0)
		return;
	if (work.tick)
		cache_drop(image, syncer_is_wanted);
}

static void *syncer_main(void *context)
{
	struct image *image = context;
	struct syncer *syncer = &image->syncer;
	uint64_t records_at_tick = UINT64_MAX;
	struct timespec deadline;
	struct syncer_work work;

	deadline_after(&deadline, image->commit_seconds);
	pthread_mutex_lock(&syncer->lock);
	while (syncer_wait(image, &deadline, &work)) {
		pthread_mutex_unlock(&syncer->lock);
		syncer_work(image, work, &records_at_tick);
		if (work.tick)
			deadline_after(&deadline,
				       image_failure(image) ? FAILED_POLL_SECONDS : image->commit_seconds);
		pthread_mutex_lock(&syncer->lock);
	}
	pthread_mutex_unlock(&syncer->lock);
	return NULL;
}

int syncer_init(struct image *image)
{
	struct syncer *syncer = &image->syncer;
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&syncer->lock, NULL);
	pthread_mutex_init(&syncer->checkpoint_lock, NULL);
	pthread_mutex_init(&syncer->release_lock, NULL);
	pthread_mutex_init(&syncer->unsealed_lock, NULL);
	pthread_cond_init(&syncer->wake, &monotonic);
	pthread_cond_init(&syncer->gathered, &monotonic);
	pthread_cond_init(&syncer->done, NULL);
	pthread_condattr_destroy(&monotonic);
	syncer->range_capacity = REQUESTED_MAX;
	syncer->unsealed_capacity = UNSEALED_MAX;
	syncer->ranges = calloc(REQUESTED_MAX, sizeof(*syncer->ranges));
	syncer->unsealed = calloc(UNSEALED_MAX, sizeof(*syncer->unsealed));
	syncer->batch = malloc(sizeof(*syncer->batch));
	syncer->arrived = 1;
	return syncer->ranges && syncer->unsealed && syncer->batch ? 0 : -ENOMEM;
}

void syncer_free(struct image *image)
{
	struct syncer *syncer = &image->syncer;

	free(syncer->ranges);
	free(syncer->unsealed);
	free(syncer->batch);
	pthread_cond_destroy(&syncer->wake);
	pthread_cond_destroy(&syncer->gathered);
	pthread_cond_destroy(&syncer->done);
	pthread_mutex_destroy(&syncer->lock);
	pthread_mutex_destroy(&syncer->checkpoint_lock);
	pthread_mutex_destroy(&syncer->release_lock);
	pthread_mutex_destroy(&syncer->unsealed_lock);
}

int syncer_start(struct image *image)
{
	struct syncer *syncer = &image->syncer;
	sigset_t all, before;
	int error;

	/* Signals are for the program's own threads; faults (SIGBUS, SIGSEGV) come to whoever makes them. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	syncer->running = true;
	error = pthread_create(&syncer->thread, NULL, syncer_main, image);
	if (error)
		syncer->running = false;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

void syncer_stop(struct image *image)
{
	struct syncer *syncer = &image->syncer;

	if (!syncer->running)
		return;
	pthread_mutex_lock(&syncer->lock);
	syncer->stop = true;
	pthread_cond_signal(&syncer->wake);
	pthread_mutex_unlock(&syncer->lock);
	pthread_join(syncer->thread, NULL);
	syncer->running = false;
}

void syncer_fail(struct image *image)
{
	struct syncer *syncer = &image->syncer;

	pthread_mutex_lock(&syncer->lock);
	pthread_cond_broadcast(&syncer->done);
	pthread_cond_broadcast(&syncer->wake);
	pthread_mutex_unlock(&syncer->lock);
}

uint64_t image_head(const struct image *image)
{
	return atomic_load_explicit(&image->ring.head, memory_order_acquire);
}

uint64_t image_sealed(const struct image *image)
{
	return atomic_load_explicit(&image->ring.sealed, memory_order_acquire);
}
