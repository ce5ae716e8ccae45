/*
 * Reading records. A record at position P is valid if and only if (docs/FORMAT.md has the same list):
 *
 *   1. P is a multiple of 8, and [P, P + 96) lies within [tail, tail + ring size);
 *   2. its magic is RECORD_MAGIC;
 *   3. its lsn is P;
 *   4. its epoch is the superblock's;
 *   5. its length is a multiple of 8, at least 96, at most ring size / 8, and does not reach past
 *      tail + ring size;
 *   6. its kind is REDO or SEAL, and no flag but LAST is set;
 *   7. its previous_checksum is the checksum of the record before it, at the tail the superblock's
 *      tail_checksum;
 *   8. its checksum is right.
 *
 * The first position without a valid record is the end of the log. A valid record with contents that no mmfs
 * writes is damage and not an end.
 */
#include "checksum.h"
#include "image_i.h"
#include "record_build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Numbers 1 to 7; what the header says is copied, so it cannot change between check and use. */
static bool header_valid(const struct image *image, const struct record_disk *header, uint64_t lsn,
			 uint64_t previous_checksum)
{
	const struct ring *ring = &image->ring;
	uint64_t end = atomic_load(&ring->tail) + ring->size;
	uint32_t length = le32_get(header->length);
	uint16_t kind = le16_get(header->kind);

	if (le32_get(header->magic) != RECORD_MAGIC)
		return false;
	if (le64_get(header->lsn) != lsn)
		return false;
	if (le64_get(header->epoch) != ring->epoch)
		return false;
	if (length % 8 || length < sizeof(*header) || length > RING_RECORD_MAX(ring) || length > end - lsn)
		return false;
	if ((kind != RECORD_REDO && kind != RECORD_SEAL) || (le16_get(header->flags) & ~RECORD_LAST))
		return false;
	return le64_get(header->previous_checksum) == previous_checksum;
}

int record_init(struct image *image)
{
	struct ring *ring = &image->ring;
	size_t most = sizeof(struct record_disk) + TXN_MAX_BLOCKS * RECORD_BLOCK_ROOM;

	ring->buffer_room = RING_RECORD_MAX(ring) < most ? RING_RECORD_MAX(ring) : most;
	ring->buffer = malloc(ring->buffer_room);
	return ring->buffer ? 0 : -ENOMEM;
}

/* The buffer, for a record of that length; NULL: no memory. */
static void *record_buffer(struct ring *ring, uint32_t length)
{
	uint8_t *larger;

	if (length <= ring->buffer_room)
		return ring->buffer;
	larger = realloc(ring->buffer, length);
	if (!larger)
		return NULL;
	ring->buffer = larger;
	ring->buffer_room = length;
	return larger;
}

int record_read(struct image *image, uint64_t lsn, uint64_t previous_checksum,
		const struct record_disk **ret_record)
{
	struct ring *ring = &image->ring;
	uint64_t tail = atomic_load(&ring->tail);
	struct record_disk header, *record;
	int error;

	if (lsn % 8 || lsn < tail || lsn + sizeof(header) > tail + ring->size)
		return -ENODATA;
	error = journal_read(image, lsn, &header, sizeof(header));
	if (error < 0)
		return error;
	if (!header_valid(image, &header, lsn, previous_checksum))
		return -ENODATA;
	record = record_buffer(ring, le32_get(header.length));
	if (!record)
		return -ENOMEM;
	error = journal_read(image, lsn, record, le32_get(header.length));
	if (error < 0)
		return error;
	if (le32_get(record->length) != le32_get(header.length) ||
	    record_checksum(image->hash_seed, record, le32_get(header.length)) != le64_get(record->checksum))
		return -ENODATA;
	*ret_record = record;
	return 0;
}

bool record_peek(struct image *image, uint64_t position, uint64_t *ret_lsn, uint64_t *ret_epoch,
		 uint32_t *ret_length)
{
	struct ring *ring = &image->ring;
	struct record_disk header, *record;
	uint32_t length;

	*ret_length = 0;
	if (journal_read(image, position, &header, sizeof(header)) < 0)
		return false;
	length = le32_get(header.length);
	if (le32_get(header.magic) != RECORD_MAGIC ||
	    le64_get(header.lsn) % ring->size != position % ring->size || length % 8 ||
	    length < sizeof(header) || length > RING_RECORD_MAX(ring))
		return false;
	*ret_length = length;
	record = record_buffer(ring, length);
	if (!record)
		return false;
	*ret_lsn = le64_get(header.lsn);
	*ret_epoch = le64_get(header.epoch);
	return journal_read(image, position, record, length) == 0 &&
	       record_checksum(image->hash_seed, record, length) == le64_get(record->checksum);
}

uint64_t record_next_lsn(const struct record_disk *record)
{
	uint64_t end = le64_get(record->lsn) + le32_get(record->length);

	if (le16_get(record->kind) == RECORD_SEAL && !MUTANT(R8_NO_NEW_PAGE))
		end = (end + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
	return end;
}

static int malformed(struct image *image, const struct record_disk *record, const char *what)
{
	return image_damaged(image, "journal record at LSN %" PRIu64 ": %s", le64_get(record->lsn), what);
}

/* One record_block at `at`, of which `left` bytes remain in the record. Gives its size in the record. */
static int walk_block(struct image *image, const struct record_disk *record, const uint8_t *at, size_t left,
		      record_change change, void *context, size_t *ret_size)
{
	const struct record_block *head = (const void *)at;
	const struct record_range *ranges = (const void *)(head + 1);
	size_t count, bytes = 0, size;
	const uint8_t *from;
	bool is_new;
	int error = 0;

	if (left < sizeof(*head))
		return malformed(image, record, "a block lies past its end");
	count = le16_get(head->ranges);
	is_new = le16_get(head->flags) & RECORD_BLOCK_NEW;
	size = sizeof(*head) + count * sizeof(*ranges) + (size_t)le32_get(head->bytes);
	size = (size + 7) & ~(size_t)7;
	if ((le16_get(head->flags) & ~RECORD_BLOCK_NEW) || size > left)
		return malformed(image, record, "a block's ranges lie past its end");
	for (size_t i = 0; i < count; i++) {
		unsigned start = le16_get(ranges[i].at), length = le16_get(ranges[i].length);

		if (length == 0 || start + length > BLOCK_SIZE)
			return malformed(image, record, "a range lies past its block's end");
		bytes += length;
	}
	if (bytes != le32_get(head->bytes))
		return malformed(image, record, "a block's byte count is wrong");
	from = (const uint8_t *)(ranges + count);
	if (count == 0 && is_new)
		error = change(context, le64_get(head->block), true, 0, from, 0);
	for (size_t i = 0; i < count && error == 0; i++) {
		unsigned length = le16_get(ranges[i].length);

		error = change(context, le64_get(head->block), is_new && i == 0, le16_get(ranges[i].at), from,
			       length);
		from += length;
	}
	*ret_size = size;
	return error;
}

int record_walk(struct image *image, const struct record_disk *record, record_change change, void *context)
{
	const uint8_t *at = (const uint8_t *)(record + 1);
	size_t left = le32_get(record->length) - sizeof(*record);
	int error;

	for (uint32_t i = 0; i < le32_get(record->blocks); i++) {
		size_t size = 0;

		error = walk_block(image, record, at, left, change, context, &size);
		if (error != 0)
			return error;
		at += size;
		left -= size;
	}
	return left ? malformed(image, record, "bytes after its last block") : 0;
}
