/* The ring's records from the tail on, as far as they are valid. Needs the superblock only. */
#include "ctl.h"

#include "../../backend/checksum.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ring_reader {
	const struct source *source;
	uint64_t start, size; /* bytes of the image */
	uint64_t tail;
	uint64_t previous_checksum;
};

static void ring_copy(const struct ring_reader *reader, uint64_t lsn, void *to, size_t length)
{
	uint64_t at = lsn % reader->size;
	size_t first = length < reader->size - at ? length : (size_t)(reader->size - at);

	memcpy(to, store_at(reader->source->store, reader->start + at), first);
	memcpy((uint8_t *)to + first, store_at(reader->source->store, reader->start), length - first);
}

/* Why no record stands at `lsn`; NULL: one does. The list of docs/FORMAT.md, in its order. */
static const char *header_fault(const struct ring_reader *reader, uint64_t lsn,
				const struct record_disk *record)
{
	uint32_t length = le32_get(record->length);
	uint16_t kind = le16_get(record->kind);

	if (lsn % 8 || lsn - reader->tail > reader->size - sizeof(*record))
		return "the ring is full";
	if (le32_get(record->magic) != RECORD_MAGIC)
		return "no record's magic";
	if (le64_get(record->lsn) != lsn)
		return "a record of another position";
	if (le64_get(record->epoch) != le64_get(reader->source->super.epoch))
		return "a record of another epoch";
	if (length % 8 || length < sizeof(*record) || length > reader->size / 8 ||
	    lsn + length > reader->tail + reader->size)
		return "a wrong length";
	if ((kind != RECORD_REDO && kind != RECORD_SEAL) || le16_get(record->flags) & ~RECORD_LAST)
		return "an unknown kind or flag";
	if (le64_get(record->previous_checksum) != reader->previous_checksum)
		return "it does not follow the record before";
	return NULL;
}

static void ranges_print(const uint8_t *bytes, size_t length, uint32_t blocks)
{
	size_t at = sizeof(struct record_disk);

	for (uint32_t i = 0; i < blocks && length - at >= sizeof(struct record_block); i++) {
		struct record_block block;
		memcpy(&block, bytes + at, sizeof(block));
		at += sizeof(block);
		unsigned ranges = le16_get(block.ranges);
		uint64_t follows = ranges * sizeof(struct record_range) + le32_get(block.bytes);
		printf("    block %llu%s:", (unsigned long long)le64_get(block.block),
		       le16_get(block.flags) & RECORD_BLOCK_NEW ? " (new)" : "");
		if (follows > length - at) {
			puts(" cut short");
			return;
		}
		for (unsigned j = 0; j < ranges; j++) {
			struct record_range range;
			memcpy(&range, bytes + at + j * sizeof(range), sizeof(range));
			printf(" %u+%u", le16_get(range.at), le16_get(range.length));
		}
		putchar('\n');
		at += (follows + 7) / 8 * 8;
		if (at > length)
			return;
	}
}

static void record_print(const struct record_disk *record, const uint8_t *bytes)
{
	bool seal = le16_get(record->kind) == RECORD_SEAL;

	printf("  lsn %llu: %s, %u bytes, checksum %016llx, durable seal %llu",
	       (unsigned long long)le64_get(record->lsn), seal ? "SEAL" : "REDO", le32_get(record->length),
	       (unsigned long long)le64_get(record->checksum),
	       (unsigned long long)le64_get(record->durable_seal));
	if (seal)
		printf(", seals %llu", (unsigned long long)le64_get(record->sealed_lsn));
	if (le16_get(record->flags) & RECORD_LAST)
		fputs(", last", stdout);
	if (le64_get(record->connection))
		printf(", request %016llx:%llu (inode %llu, count %llu)",
		       (unsigned long long)le64_get(record->connection),
		       (unsigned long long)le64_get(record->unique),
		       (unsigned long long)le64_get(record->reply_inode),
		       (unsigned long long)le64_get(record->reply_count));
	putchar('\n');
	if (!seal)
		ranges_print(bytes, le32_get(record->length), le32_get(record->blocks));
}

/* Prints the record at *lsn and goes on behind it; otherwise why there is none. */
static const char *record_step(struct ring_reader *reader, uint8_t *buffer, uint64_t *lsn)
{
	struct record_disk record;

	ring_copy(reader, *lsn, &record, sizeof(record));
	const char *fault = header_fault(reader, *lsn, &record);
	if (fault)
		return fault;
	uint32_t length = le32_get(record.length);
	ring_copy(reader, *lsn, buffer, length);
	if (record_checksum(source_hash_seed(reader->source), buffer, length) != le64_get(record.checksum))
		return "a record whose checksum is wrong";
	record_print(&record, buffer);
	reader->previous_checksum = le64_get(record.checksum);
	*lsn += length;
	if (le16_get(record.kind) == RECORD_SEAL)
		*lsn = (*lsn + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
	return NULL;
}

int ring_print(const struct source *source)
{
	const struct super_disk *super = &source->super;
	uint64_t blocks = le64_get(super->ring_blocks);
	struct ring_reader reader = {.source = source,
				     .start = (uint64_t)RING_START * BLOCK_SIZE,
				     .size = blocks * BLOCK_SIZE,
				     .tail = le64_get(super->tail_lsn),
				     .previous_checksum = le64_get(super->tail_checksum)};
	const char *fault = NULL;

	if (!source->has_super || blocks == 0 || blocks >= MAX_BLOCKS ||
	    reader.start + reader.size > store_size(source->store) || reader.tail > UINT64_MAX / 2) {
		fprintf(stderr, PROGRAM ": %s: no superblock says where the ring is\n", source->path);
		return -EUCLEAN;
	}
	uint8_t *buffer = malloc(reader.size / 8);
	if (!buffer) {
		fprintf(stderr, PROGRAM ": not enough memory\n");
		return -ENOMEM;
	}
	uint64_t lsn = reader.tail, count = 0;
	printf("ring: %llu bytes, epoch %016llx, tail at lsn %llu\n", (unsigned long long)reader.size,
	       (unsigned long long)le64_get(super->epoch), (unsigned long long)lsn);
	while (!fault) {
		fault = record_step(&reader, buffer, &lsn);
		count += !fault;
	}
	printf("  lsn %llu: the end (%s); %llu records\n", (unsigned long long)lsn, fault,
	       (unsigned long long)count);
	free(buffer);
	return 0;
}
