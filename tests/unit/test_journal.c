/* The ring: records, seals, the way around its end, and where a log ends. */
#include "backend_fixture.h"

#define ITEMS 64u

static int setup(void **state)
{
	struct backend *b = malloc(sizeof(*b));

	backend_make(b, 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct backend *b = *state;

	unlink(b->path);
	free(b);
	return 0;
}

static uint64_t ring_place(const struct backend *b, uint64_t lsn)
{
	return b->image->ring.start + lsn % b->image->ring.size;
}

static struct record_disk read_record(struct backend *b, uint64_t lsn)
{
	struct record_disk record;

	assert_int_equal(journal_read(b->image, lsn, &record, sizeof(record)), 0);
	return record;
}

static void test_append(void **state)
{
	struct backend *b = *state;
	struct record_disk first, second;
	uint64_t start, end, after;

	backend_open(b, RECOVER_AUTO);
	start = image_head(b->image);
	end = backend_put(b, 1, 0);
	assert_true(end > start);
	assert_int_equal(image_head(b->image), end);
	first = read_record(b, start);
	assert_int_equal(le64_get(first.lsn), start);
	assert_int_equal(le32_get(first.length), end - start);
	assert_int_equal(le16_get(first.kind), RECORD_REDO);
	assert_int_equal(le16_get(first.flags), RECORD_LAST);
	assert_int_equal(le64_get(first.previous_checksum), 0);
	after = backend_put(b, 2, 0);
	second = read_record(b, end);
	assert_int_equal(le64_get(second.previous_checksum), le64_get(first.checksum));
	assert_int_equal(le32_get(second.length), after - end);
	backend_close(b);
}

/* A transaction without a change appends nothing. */
static void test_no_change_no_record(void **state)
{
	struct backend *b = *state;
	struct txn *txn;
	uint64_t head, lsn;

	backend_open(b, RECOVER_AUTO);
	backend_put(b, 1, 0);
	head = image_head(b->image);
	assert_int_equal(txn_begin(b->image, 1, 0, &txn), 0);
	assert_int_equal(txn_commit(txn, &lsn), 0);
	assert_int_equal(image_head(b->image), head);
	backend_put(b, 1, 0);
	assert_int_equal(image_head(b->image), head);
	assert_int_equal(b->image->ring.reserved, 0);
	backend_close(b);
}

static void test_seal(void **state)
{
	struct backend *b = *state;
	struct image_stats stats;
	struct record_disk seal;
	uint64_t end;

	backend_open(b, RECOVER_AUTO);
	end = backend_put(b, 1, 0);
	assert_int_equal(image_sync(b->image, end, NULL, 0), 0);
	seal = read_record(b, end);
	assert_int_equal(le16_get(seal.kind), RECORD_SEAL);
	assert_int_equal(le64_get(seal.sealed_lsn), end);
	assert_int_equal(image_head(b->image) % BLOCK_SIZE, 0);
	assert_true(image_head(b->image) > end);
	assert_int_equal(image_sealed(b->image), image_head(b->image));
	/* nothing new: no further seal, whoever asks */
	assert_int_equal(image_sync(b->image, image_head(b->image), NULL, 0), 0);
	assert_int_equal(image_sync(b->image, end, NULL, 0), 0);
	assert_int_equal(syncer_seal(b->image), 0);
	image_stats(b->image, &stats);
	assert_int_equal(stats.seals, 1);
	/* the next record knows of it */
	end = image_head(b->image);
	backend_put(b, 2, 0);
	assert_int_equal(le64_get(read_record(b, end).durable_seal), le64_get(seal.sealed_lsn));
	backend_close(b);
}

static void test_sync_of_ranges_needs_no_seal(void **state)
{
	struct backend *b = *state;
	struct byte_range ranges[2];
	struct image_stats stats;
	uint64_t head;

	backend_open(b, RECOVER_AUTO);
	head = image_head(b->image);
	ranges[0] = (struct byte_range){.offset = image_zone_first(b->image) * BLOCK_SIZE, .length = 100};
	ranges[1] = ranges[0];
	assert_int_equal(image_sync(b->image, 0, ranges, 2), 0);
	image_stats(b->image, &stats);
	assert_int_equal(stats.seals, 0);
	assert_int_equal(stats.syncs, 1); /* merged */
	assert_int_equal(image_head(b->image), head);
	backend_close(b);
}

/* Goes around the ring many times, with kills at odd places. */
static void test_around_the_ring(void **state)
{
	struct backend *b = *state;
	uint64_t versions[ITEMS] = {0}, start, rounds = 0;

	backend_open(b, RECOVER_AUTO);
	start = image_head(b->image);
	while (image_head(b->image) < start + 6 * b->image->ring.size) {
		uint64_t item = (rounds * 29 + rounds / 7) % ITEMS;

		backend_put(b, item, ++versions[item]);
		rounds++;
		if (rounds % 61 == 0)
			assert_int_equal(image_sync(b->image, image_head(b->image), NULL, 0), 0);
		if (rounds % 1009 == 0) {
			backend_kill(b);
			backend_open(b, RECOVER_AUTO);
			assert_true(b->report.warm);
			assert_int_equal(b->report.records_dropped, 0);
		}
	}
	for (uint64_t item = 0; item < ITEMS; item++)
		assert_int_equal(backend_version(b, item, versions[item]), versions[item]);
	backend_close(b);
	backend_open(b, RECOVER_AUTO);
	assert_true(b->report.was_clean);
	for (uint64_t item = 0; item < ITEMS; item++)
		assert_int_equal(backend_version(b, item, versions[item]), versions[item]);
	backend_close(b);
}

/* A record across the ring's end is read back whole. */
static void test_wraps(void **state)
{
	struct backend *b = *state;
	uint64_t before, lap = 0, version = 0;

	backend_open(b, RECOVER_AUTO);
	for (;;) {
		before = image_head(b->image);
		backend_put(b, 3, ++version);
		lap = image_head(b->image) / b->image->ring.size;
		if (before / b->image->ring.size != lap && image_head(b->image) % b->image->ring.size > 0)
			break;
	}
	backend_kill(b);
	backend_open(b, RECOVER_WARM);
	assert_true(b->report.records_replayed > 0);
	assert_int_equal(backend_version(b, 3, version), version);
	backend_close(b);
}

/* Cuts the log at each of several places in its last record; the ones before stay. */
static void test_torn_record_ends_the_log(void **state)
{
	static const uint64_t places[] = {0, 4, 8, 16, 24, 32, 88, 92, 96, 120};
	struct backend *b = *state;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint64_t last, at;
		uint8_t byte;

		backend_open(b, RECOVER_WARM);
		backend_put(b, 1, i);
		backend_put(b, 2, i);
		last = image_head(b->image);
		backend_put(b, 3, i);
		at = ring_place(b, last + places[i]);
		backend_kill(b);
		backend_peek(b, at, &byte, 1);
		byte ^= 0x10;
		backend_poke(b, at, &byte, 1);
		backend_open(b, RECOVER_WARM);
		assert_int_equal(b->report.records_replayed, 2);
		assert_int_equal(backend_version(b, 1, i), i);
		assert_int_equal(backend_version(b, 2, i), i);
		assert_int_equal(backend_version(b, 3, i), -1);
		backend_close(b);
	}
}

/* Recomputes a record's checksum after a change, so that it is valid but wrong. */
static void forge_record(struct backend *b, uint64_t lsn, void (*change)(struct record_disk *))
{
	struct record_disk header = read_record(b, lsn), *record;
	uint32_t length = le32_get(header.length);

	record = malloc(length);
	assert_int_equal(journal_read(b->image, lsn, record, length), 0);
	change(record);
	record->checksum = le64_of(record_checksum(b->image->hash_seed, record, length));
	assert_true(lsn % b->image->ring.size + length <= b->image->ring.size);
	backend_poke(b, ring_place(b, lsn), record, length);
	free(record);
}

static void knows_later_seal(struct record_disk *record)
{
	record->durable_seal = le64_of(le64_get(record->lsn));
}

static void block_outside(struct record_disk *record)
{
	((struct record_block *)(record + 1))->block = le64_of(2);
}

static void block_far_away(struct record_disk *record)
{
	((struct record_block *)(record + 1))->block = le64_of(MAX_BLOCKS - 1);
}

static void too_many_blocks(struct record_disk *record)
{
	record->blocks = le32_of(UINT32_MAX);
}

static void too_few_blocks(struct record_disk *record)
{
	record->blocks = le32_of(0);
}

static void range_past_end(struct record_disk *record)
{
	struct record_range *range = (void *)((struct record_block *)(record + 1) + 1);

	range->at = le16_of(BLOCK_SIZE - 1);
}

static void too_many_ranges(struct record_disk *record)
{
	((struct record_block *)(record + 1))->ranges = le16_of(UINT16_MAX);
}

static void wrong_byte_count(struct record_disk *record)
{
	((struct record_block *)(record + 1))->bytes = le32_of(UINT32_MAX - 3);
}

static void test_valid_but_wrong(void **state)
{
	void (*const changes[])(struct record_disk *) = {
	    knows_later_seal, block_outside,  block_far_away,  too_many_blocks,
	    too_few_blocks,   range_past_end, too_many_ranges, wrong_byte_count,
	};
	struct backend *b = *state;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct image_options options = {.no_syncer = true, .recover = RECOVER_WARM};
		uint64_t lsn;

		teardown(state);
		setup(state);
		b = *state;
		backend_open(b, RECOVER_WARM);
		backend_put(b, 1, 0);
		lsn = image_head(b->image);
		backend_put(b, 2, 0);
		forge_record(b, lsn, changes[i]);
		backend_kill(b);
		assert_int_equal(backend_try(b, &options), -EUCLEAN);
		assert_non_null(strstr(b->report.text, "journal"));
		options.read_only = true;
		assert_int_equal(backend_try(b, &options), -EUCLEAN);
	}
}

static void seal_of_later(struct record_disk *record)
{
	record->sealed_lsn = le64_of(le64_get(record->lsn) + 8);
}

static void seal_of_earlier(struct record_disk *record)
{
	record->sealed_lsn = le64_of(8);
}

static void test_bad_seal(void **state)
{
	void (*const changes[])(struct record_disk *) = {seal_of_later, seal_of_earlier};
	struct backend *b = *state;

	for (size_t i = 0; i < 2; i++) {
		struct image_options options = {.no_syncer = true, .recover = RECOVER_COLD};
		uint64_t lsn;

		teardown(state);
		setup(state);
		b = *state;
		backend_open(b, RECOVER_WARM);
		lsn = backend_put(b, 1, 0);
		assert_int_equal(image_sync(b->image, lsn, NULL, 0), 0);
		forge_record(b, lsn, changes[i]);
		backend_kill(b);
		assert_int_equal(backend_try(b, &options), -EUCLEAN);
		assert_non_null(strstr(b->report.text, "seal"));
	}
}

/* An old slot whose tail's place has been written again since (R1). */
static void test_stale_superblock(void **state)
{
	struct backend *b = *state;
	struct image_options options = {.no_syncer = true, .recover = RECOVER_WARM};
	uint8_t old[2 * BLOCK_SIZE];
	uint64_t start;

	backend_peek(b, 0, old, sizeof(old));
	backend_open(b, RECOVER_WARM);
	start = image_head(b->image);
	for (uint64_t i = 0; image_head(b->image) < start + 2 * b->image->ring.size; i++)
		backend_put(b, i % ITEMS, i);
	backend_kill(b);
	/* slot 0 is the old one and slot 1 is damaged: the ring shows what is missing */
	memset(old + BLOCK_SIZE + 100, 0xff, 100);
	backend_poke(b, 0, old, sizeof(old));
	assert_int_equal(backend_try(b, &options), -EUCLEAN);
	assert_non_null(strstr(b->report.text, "superblock"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_append, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_change_no_record, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_seal, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sync_of_ranges_needs_no_seal, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_around_the_ring, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wraps, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_torn_record_ends_the_log, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_valid_but_wrong, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_seal, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stale_superblock, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
