/* Mutations of the journal: records with right checksums, chained to each other, that say what they should
 * not. */
#include "damage.h"

#include "../../../backend/checksum.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 4000

struct journal {
	struct mutant *mutant;
	const struct super_disk *super;
	uint64_t size; /* of the ring, bytes */
	uint64_t lsns[RECORDS_MAX];
	uint32_t lengths[RECORDS_MAX];
	unsigned count;
	uint64_t end; /* behind the last */
};

static uint8_t *ring_byte(const struct journal *journal, uint64_t lsn)
{
	return mutant_block(journal->mutant, RING_START) + lsn % journal->size;
}

static void ring_get(const struct journal *journal, uint64_t lsn, void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)bytes)[i] = *ring_byte(journal, lsn + i);
}

static void ring_put(const struct journal *journal, uint64_t lsn, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		*ring_byte(journal, lsn + i) = ((const uint8_t *)bytes)[i];
}

static const struct super_disk *present_super(const struct mutant *mutant)
{
	const struct super_disk *a = (void *)mutant_block(mutant, 0), *b = (void *)mutant_block(mutant, 1);

	return le64_get(a->generation) > le64_get(b->generation) ? a : b;
}

static uint64_t behind(const struct record_disk *record, uint64_t lsn)
{
	uint64_t end = lsn + le32_get(record->length);

	return le16_get(record->kind) == RECORD_SEAL ? (end + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE : end;
}

/* The records that stand there, as far as they look like such. */
static void journal_read(struct journal *journal)
{
	uint64_t lsn = le64_get(journal->super->tail_lsn);
	struct record_disk record;

	for (journal->count = 0; journal->count < RECORDS_MAX; journal->count++) {
		ring_get(journal, lsn, &record, sizeof(record));
		uint32_t length = le32_get(record.length);
		if (le32_get(record.magic) != RECORD_MAGIC || le64_get(record.lsn) != lsn ||
		    le64_get(record.epoch) != le64_get(journal->super->epoch) || length < sizeof(record) ||
		    length > journal->size / 8 || length % 8)
			break;
		journal->lsns[journal->count] = lsn;
		journal->lengths[journal->count] = length;
		lsn = behind(&record, lsn);
	}
	journal->end = lsn;
}

/* Gives the record at `lsn` its checksum, chained to `previous`; returns it. */
static uint64_t record_seal(const struct journal *journal, uint64_t lsn, uint32_t length, uint64_t previous)
{
	uint8_t *bytes = malloc(length);
	struct record_disk *record = (void *)bytes;
	uint64_t checksum;

	if (!bytes)
		abort();
	ring_get(journal, lsn, bytes, length);
	record->previous_checksum = le64_of(previous);
	checksum = record_checksum(journal->mutant->base->hash_seed, bytes, length);
	record->checksum = le64_of(checksum);
	ring_put(journal, lsn, bytes, length);
	free(bytes);
	return checksum;
}

/* The whole chain, from the tail on. */
static void journal_seal(const struct journal *journal)
{
	uint64_t previous = le64_get(journal->super->tail_checksum);

	for (unsigned i = 0; i < journal->count; i++)
		previous = record_seal(journal, journal->lsns[i], journal->lengths[i], previous);
}

static void set_field(const struct journal *journal, uint64_t lsn, unsigned width)
{
	uint8_t bytes[8];

	ring_get(journal, lsn, bytes, width);
	mutant_set(journal->mutant, bytes, width);
	ring_put(journal, lsn, bytes, width);
}

static void change_header(const struct journal *journal, unsigned index)
{
	static const struct {
		size_t at;
		unsigned width;
	} fields[] = {{0, 4}, {4, 4}, {8, 8}, {16, 8}, {40, 8}, {48, 8}, {56, 8}, {88, 2}, {90, 2}, {92, 4}};
	unsigned i = (unsigned)mutant_random(journal->mutant, sizeof(fields) / sizeof(fields[0]));

	mutant_note(journal->mutant, " byte %zu:", fields[i].at);
	set_field(journal, journal->lsns[index] + fields[i].at, fields[i].width);
}

/* What follows the header: blocks and ranges, their bytes. */
static void change_body(const struct journal *journal, unsigned index)
{
	uint32_t length = journal->lengths[index] - (uint32_t)sizeof(struct record_disk);
	unsigned width = 1u << mutant_random(journal->mutant, 4);
	uint32_t at;

	if (length < 16)
		return;
	if (mutant_random(journal->mutant, 2) && length > 64)
		length = 64;
	at = (uint32_t)mutant_random(journal->mutant, length / width) * width;
	mutant_note(journal->mutant, " body byte %u:", at);
	set_field(journal, journal->lsns[index] + sizeof(struct record_disk) + at, width);
}

/* A record more at the end: a seal that says anything, or an old one again. */
static void add_record(struct journal *journal)
{
	struct mutant *mutant = journal->mutant;
	struct record_disk record = {.magic = le32_of(RECORD_MAGIC), .length = le32_of(sizeof(record))};
	unsigned from = journal->count ? (unsigned)mutant_random(mutant, journal->count) : 0;
	uint32_t length = sizeof(record);
	uint8_t *bytes = (void *)&record;

	if (journal->count == RECORDS_MAX ||
	    journal->end + journal->size / 8 > journal->lsns[0] + journal->size)
		return;
	record.kind = le16_of(RECORD_SEAL);
	record.sealed_lsn = le64_of(journal->end);
	mutant_note(mutant, " added");
	if (mutant_random(mutant, 2))
		mutant_set(mutant, (uint8_t *)&record.sealed_lsn, sizeof(le64));
	if (journal->count && mutant_random(mutant, 2)) {
		length = journal->lengths[from];
		bytes = malloc(length);
		if (!bytes)
			abort();
		ring_get(journal, journal->lsns[from], bytes, length);
		mutant_note(mutant, " again the one at %llu;", (unsigned long long)journal->lsns[from]);
	}
	((struct record_disk *)bytes)->lsn = le64_of(journal->end);
	((struct record_disk *)bytes)->epoch = journal->super->epoch;
	ring_put(journal, journal->end, bytes, length);
	journal->lsns[journal->count] = journal->end;
	journal->lengths[journal->count++] = length;
	journal->end = behind((struct record_disk *)bytes, journal->end);
	if (bytes != (uint8_t *)&record)
		free(bytes);
}

/* A clean image has an empty journal. Records get a place to stand when the superblock says that it is not
 * clean. */
static void make_unclean(const struct mutant *mutant)
{
	for (unsigned slot = 0; slot < 2; slot++) {
		struct super_disk *super = (void *)mutant_block(mutant, slot);
		super->flags = le64_of(le64_get(super->flags) & ~(uint64_t)SUPER_CLEAN);
		mutant_seal(mutant, slot);
	}
}

void mutate_ring(struct mutant *mutant)
{
	static struct journal journal;
	unsigned index;

	journal.mutant = mutant;
	journal.super = present_super(mutant);
	journal.size = (mutant->base->zone_first - RING_START) * BLOCK_SIZE;
	if (le64_get(journal.super->tail_lsn) > UINT64_C(1) << 62)
		return; /* an earlier mutation's doing */
	if (!mutant_random(mutant, 4))
		make_unclean(mutant);
	journal_read(&journal);
	journal.lsns[0] = le64_get(journal.super->tail_lsn);
	mutant_note(mutant, " journal");
	if (!journal.count || !mutant_random(mutant, 4)) {
		add_record(&journal);
	} else {
		index = (unsigned)mutant_random(mutant, journal.count);
		mutant_note(mutant, ", record at %llu", (unsigned long long)journal.lsns[index]);
		if (mutant_random(mutant, 2))
			change_header(&journal, index);
		else
			change_body(&journal, index);
	}
	if (mutant_random(mutant, 10))
		journal_seal(&journal);
}
