/*
 * The ring: appending records and making them durable.
 *
 *        tail                    sealed          head       tail + size
 *   - - -+-----------------------+---------------+----------+
 *        | sealed: may go home   | not yet       | free     |
 *   - - -+-----------------------+---------------+----------+
 *                                                 `- reserved (lent to transactions), RING_KEPT (to nobody)
 *
 * Appends are serialised by ring.lock; the head moves last, so whoever reads the head finds the record. Once
 * a record is in the mapping it is in the host's page cache: from there a kill of this process cannot take it
 * back (R5).
 */
#include "checksum.h"
#include "image_i.h"

#include <errno.h>
#include <string.h>

static uint64_t ring_offset(const struct ring *ring, uint64_t lsn)
{
	return ring->start + lsn % ring->size;
}

/* Bytes from `lsn` to the ring's end, at most `length`. */
static uint64_t ring_part(const struct ring *ring, uint64_t lsn, uint64_t length)
{
	uint64_t left = ring->size - lsn % ring->size;

	return length < left ? length : left;
}

static bool ring_has_room(const struct ring *ring, uint64_t bytes)
{
	uint64_t head = atomic_load(&ring->head), tail = atomic_load(&ring->tail);

	if (MUTANT(R6_ROOM_NOT_RESERVED))
		return true;
	return head + ring->reserved + bytes + RING_KEPT <= tail + ring->size;
}

/* Somebody has to move the tail: the syncer's thread, or this one if there is none. Called with ring.lock
 * held, which is let go meanwhile. */
static int journal_wait(struct image *image)
{
	struct ring *ring = &image->ring;
	bool nothing_to_apply = atomic_load(&ring->head) == atomic_load(&ring->tail);
	int error = 0;

	answers_need_room(image);
	if (nothing_to_apply || image->syncer.running) {
		atomic_fetch_add(&ring->waiting, 1); /* before it asks: see image_request_end */
		if (!nothing_to_apply)
			syncer_want_checkpoint(image);
		pthread_cond_wait(&ring->room, &ring->lock);
		atomic_fetch_sub(&ring->waiting, 1);
		return 0;
	}
	pthread_mutex_unlock(&ring->lock);
	error = image_checkpoint(image);
	pthread_mutex_lock(&ring->lock);
	return error;
}

int journal_reserve(struct image *image, uint64_t bytes)
{
	struct ring *ring = &image->ring;
	int error = 0;

	pthread_mutex_lock(&ring->lock);
	for (;;) {
		if (image_failure(image))
			error = -EIO;
		if (error < 0 || ring_has_room(ring, bytes))
			break;
		error = journal_wait(image);
	}
	if (error == 0)
		ring->reserved += bytes;
	pthread_mutex_unlock(&ring->lock);
	return error;
}

void journal_unreserve(struct image *image, uint64_t bytes)
{
	struct ring *ring = &image->ring;

	pthread_mutex_lock(&ring->lock);
	assert(ring->reserved >= bytes);
	ring->reserved -= bytes;
	pthread_cond_broadcast(&ring->room);
	pthread_mutex_unlock(&ring->lock);
}

bool journal_seal_fits(struct image *image)
{
	struct ring *ring = &image->ring;
	uint64_t need = 2 * RING_SEAL_ROOM + BLOCK_SIZE;
	bool fits;

	pthread_mutex_lock(&ring->lock);
	fits = atomic_load(&ring->head) + ring->reserved + need <= atomic_load(&ring->tail) + ring->size;
	pthread_mutex_unlock(&ring->lock);
	return fits;
}

static int ring_write(struct image *image, uint64_t lsn, const uint8_t *bytes, uint64_t length)
{
	const struct ring *ring = &image->ring;
	uint64_t first = ring_part(ring, lsn, length);
	int error = store_write(image->store, ring_offset(ring, lsn), bytes, first);

	if (error == 0 && first < length)
		error = store_write(image->store, ring->start, bytes + first, length - first);
	return error;
}

static int append_locked(struct image *image, struct record_disk *record, uint64_t *ret_end)
{
	struct ring *ring = &image->ring;
	uint64_t lsn = atomic_load(&ring->head), checksum;
	uint32_t length = le32_get(record->length);
	int error;

	assert(length >= sizeof(*record) && length % 8 == 0 && length <= RING_RECORD_MAX(ring));
	if (lsn + length > atomic_load(&ring->tail) + ring->size)
		return -ENOSPC;
	record->magic = le32_of(RECORD_MAGIC);
	record->lsn = le64_of(lsn);
	record->epoch = le64_of(ring->epoch);
	record->previous_checksum = le64_of(ring->last_checksum);
	record->durable_seal = le64_of(atomic_load(&ring->durable_seal));
	checksum = record_checksum(image->hash_seed, record, length);
	record->checksum = le64_of(checksum);
	error = ring_write(image, lsn, (const uint8_t *)record, length);
	if (error < 0)
		return error;
	ring->last_checksum = checksum;
	atomic_store_explicit(&ring->head, record_next_lsn(record), memory_order_release);
	*ret_end = lsn + length;
	return 0;
}

int journal_append(struct image *image, void *record, uint64_t *ret_end)
{
	struct ring *ring = &image->ring;
	bool half_full;
	int error;

	if (image_failure(image))
		return -EIO;
	pthread_mutex_lock(&ring->lock);
	error = append_locked(image, record, ret_end);
	half_full = atomic_load(&ring->head) - atomic_load(&ring->tail) > ring->size / 2;
	pthread_mutex_unlock(&ring->lock);
	if (error < 0)
		return error;
	if (le16_get(((const struct record_disk *)record)->kind) == RECORD_REDO) {
		atomic_fetch_add(&ring->records, 1);
		atomic_fetch_add(&ring->record_bytes, le32_get(((const struct record_disk *)record)->length));
	}
	if (half_full)
		syncer_want_checkpoint(image);
	return 0;
}

int journal_append_seal(struct image *image, uint64_t sealed, uint64_t *ret_end)
{
	struct record_disk record = {
	    .length = le32_of(sizeof(record)), .kind = le16_of(RECORD_SEAL), .sealed_lsn = le64_of(sealed)};

	return journal_append(image, &record, ret_end);
}

static int sync_part(struct image *image, uint64_t lsn, uint64_t length)
{
	const struct ring *ring = &image->ring;
	uint64_t first = ring_part(ring, lsn, length);
	int error = store_sync_range(image->store, ring_offset(ring, lsn), first);

	if (error == 0 && first < length)
		error = store_sync_range(image->store, ring->start, length - first);
	return error;
}

int journal_sync(struct image *image, uint64_t lsn)
{
	struct ring *ring = &image->ring;
	uint64_t synced, length;
	int error;

	pthread_mutex_lock(&ring->lock);
	synced = ring->synced;
	pthread_mutex_unlock(&ring->lock);
	if (lsn <= synced)
		return 0;
	length = lsn - synced < ring->size ? lsn - synced : ring->size;
	error = sync_part(image, lsn - length, length);
	if (error < 0)
		return error;
	pthread_mutex_lock(&ring->lock);
	if (lsn > ring->synced)
		ring->synced = lsn;
	pthread_mutex_unlock(&ring->lock);
	return 0;
}

int journal_read(struct image *image, uint64_t lsn, void *bytes, size_t length)
{
	const struct ring *ring = &image->ring;
	uint64_t first = ring_part(ring, lsn, length);

	if (length > ring->size)
		return -EUCLEAN;
	memcpy(bytes, store_at(image->store, ring_offset(ring, lsn)), first);
	memcpy((uint8_t *)bytes + first, store_at(image->store, ring->start), length - first);
	return store_faulted(image->store) ? -EIO : 0;
}

void journal_restart(struct image *image, uint64_t lsn, uint64_t last_checksum)
{
	struct ring *ring = &image->ring;

	pthread_mutex_lock(&ring->lock);
	atomic_store(&ring->head, lsn);
	atomic_store(&ring->tail, lsn);
	atomic_store(&ring->durable_seal, lsn);
	atomic_store(&ring->sealed, lsn);
	ring->synced = lsn;
	ring->tail_checksum = ring->last_checksum = last_checksum;
	pthread_mutex_unlock(&ring->lock);
}

void journal_move_tail(struct image *image, uint64_t lsn, uint64_t checksum)
{
	struct ring *ring = &image->ring;

	pthread_mutex_lock(&ring->lock);
	atomic_store(&ring->tail, lsn);
	ring->tail_checksum = checksum;
	pthread_cond_broadcast(&ring->room);
	pthread_mutex_unlock(&ring->lock);
}
