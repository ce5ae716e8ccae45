/*
 * Free space against a model: no block is given out twice, none that was freed before its record is sealed
 * (R11), none of the metadata's; counts and maps are right, before and after opening anew.
 */
#include "alloc_trial.h"

static struct trial trial;

static void random_against_model(void **state)
{
	struct trial *t = &trial;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		trial_start(t, seed, LIMIT_BLOCKS);
		for (unsigned i = 0; i < 2000; i++) {
			unsigned what = (unsigned)random_below(&t->random, 100);

			if (what < 40 && t->used.count + t->reserved.count < RANGES_MAX / 2)
				assert_int_equal(
				    reserve(t, 1 + random_below(&t->random, what < 5 ? 3000 : 20)), 0);
			else if (what < 50)
				release(t);
			else if (what < 97)
				assert_int_equal(transact(t), 0);
			else if (what < 99)
				assert_int_equal(image_sync(t->b.image, image_head(t->b.image), NULL, 0), 0);
			else
				assert_int_equal(image_checkpoint(t->b.image), 0);
			if (i % 250 == 249)
				check_counts(t);
			if (i % 900 == 899) {
				drop_reserved(t);
				backend_kill(&t->b);
				trial_open(t, LIMIT_BLOCKS);
				memset(t->freed_lsn, 0, sizeof(t->freed_lsn));
				check_counts(t);
			}
		}
		finish(t);
	}
}

/* Freed blocks stay out of reach until their record is sealed, then are punched and come back. */
static void quarantine(void **state)
{
	struct trial *t = &trial;
	struct block_range range, other;
	uint64_t allocated_before, allocated_after;
	uint8_t byte = 7;
	struct txn *txn;

	(void)state;
	trial_start(t, 1, LIMIT_BLOCKS);
	assert_int_equal(data_reserve(t->b.image, 0, 256, &range), 0);
	assert_int_equal(range.count, 256);
	assert_int_equal(data_write(t->b.image, range.start * BLOCK_SIZE, &byte, 1), 0);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
	/* not sealed: asking for that very place gives another, and the bytes are there */
	alloc_sealed(t->b.image, image_sealed(t->b.image));
	assert_int_equal(data_reserve(t->b.image, range.start, 1, &other), 0);
	assert_true(other.start < range.start || other.start >= range.start + range.count);
	assert_int_equal(*(const uint8_t *)data_at(t->b.image, range.start * BLOCK_SIZE), 7);
	assert_int_equal(store_allocated(t->b.image->store, &allocated_before), 0);
	assert_int_equal(image_sync(t->b.image, image_head(t->b.image), NULL, 0), 0);
	assert_int_equal(*(const uint8_t *)data_at(t->b.image, range.start * BLOCK_SIZE), 0);
	assert_int_equal(store_allocated(t->b.image->store, &allocated_after), 0);
	assert_true(allocated_after + 200 * BLOCK_SIZE < allocated_before);
	data_release(t->b.image, other);
	assert_int_equal(data_reserve(t->b.image, range.start, 256, &other), 0);
	assert_int_equal(other.start, range.start);
	assert_int_equal(other.count, 256);
	data_release(t->b.image, other);
	backend_close(&t->b);
	backend_remove(&t->b);
}

static void double_free_is_damage(void **state)
{
	struct trial *t = &trial;
	struct block_range range;
	struct txn *txn;

	(void)state;
	trial_start(t, 1, LIMIT_BLOCKS);
	assert_int_equal(data_reserve(t->b.image, 0, 8, &range), 0);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, range), -EUCLEAN); /* reserved is not in use */
	txn_abort(txn);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(data_claim(txn, range), -EUCLEAN);
	txn_abort(txn);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, (struct block_range){t->b.image->zone_first, 1}), -EUCLEAN);
	txn_abort(txn);
	assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
	assert_int_equal(data_free(txn, (struct block_range){UINT64_MAX - 1, 2}), -EUCLEAN);
	txn_abort(txn);
	data_release(t->b.image, range);
	backend_close(&t->b);
	backend_remove(&t->b);
}

/* An image that is full: -ENOSPC, everything still right; what is freed can be used at once, since the
 * allocator seals when it finds no room; deleting metadata works. */
static void full_image(void **state)
{
	struct trial *t = &trial;
	uint64_t limit = RING_START + 256 + 2 * GROUP_BLOCKS + 100;
	struct block_range range;
	struct txn *txn;
	int result;

	(void)state;
	trial_start(t, 5, limit);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(transact(t), 0);
	while ((result = reserve(t, 64)) == 0)
		continue;
	assert_int_equal(result, -ENOSPC);
	check_counts(t);
	while (t->reserved.count > 0) {
		result = transact(t);
		if (result < 0)
			break;
	}
	check_counts(t);
	assert_true(store_size(t->b.image->store) <= limit * BLOCK_SIZE);
	/* free one range, without a sync, and reserve again */
	assert_int_equal(txn_begin(t->b.image, 1, TXN_RELEASES, &txn), 0);
	while (t->reserved.count > 0) {
		range = take_any(t, &t->reserved);
		assert_int_equal(data_claim(txn, range), 0);
		set_state(t, range, RESERVED, USED);
		add_range(&t->used, range);
	}
	range = take_any(t, &t->used);
	assert_int_equal(data_free(txn, range), 0);
	set_state(t, range, USED, FREE);
	assert_int_equal(txn_commit(txn, NULL), 0);
	assert_int_equal(reserve(t, range.count), 0);
	check_counts(t);
	finish(t);
}

static int no_space_reserve(struct store *store, uint64_t offset, uint64_t length)
{
	(void)store;
	(void)offset;
	(void)length;
	return -ENOSPC;
}

static int no_space_size(struct store *store, uint64_t size)
{
	(void)size;
	return size > store_size(store) ? -ENOSPC : 0;
}

/* A host without room: only blocks that have space already are given out; deleting works; nothing is lost. */
static void full_host(void **state)
{
	struct trial *t = &trial;
	struct store_ops full;
	const struct store_ops *ops;
	struct txn *txn;
	unsigned deleted = 0;
	int result;

	(void)state;
	trial_start(t, 6, LIMIT_BLOCKS);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(reserve(t, 1 + random_below(&t->random, 20)), 0);
		assert_int_equal(transact(t), 0);
	}
	ops = t->b.image->store->ops;
	full = *ops;
	full.reserve = no_space_reserve;
	full.set_size = no_space_size;
	t->b.image->store->ops = &full;
	while ((result = reserve(t, 8)) == 0) {
		struct block_range range = t->reserved.range[t->reserved.count - 1];
		unsigned at;
		const struct alloc_zone *zone = alloc_zone_of(t->b.image, range.start, &at);

		assert_true(zone_range_backed(zone, at, (unsigned)range.count));
	}
	assert_int_equal(result, -ENOSPC);
	check_counts(t);
	/* what needs metadata works as far as prepared, then says so before anything has changed */
	do {
		result = transact(t);
	} while (result == 0 && t->items < 3000);
	assert_int_equal(result, -ENOSPC);
	check_counts(t);
	while (t->items > 10) {
		assert_int_equal(txn_begin(t->b.image, 1, TXN_RELEASES, &txn), 0);
		assert_int_equal(tree_delete(txn, TREE_FILES, backend_key(t->items--)), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		deleted++;
	}
	assert_true(deleted > 0);
	check_counts(t);
	t->b.image->store->ops = ops;
	assert_int_equal(reserve(t, 100), 0);
	assert_int_equal(transact(t), 0);
	finish(t);
}

/* Trim gives the host what is free, and harms nothing in use. */
static void trim(void **state)
{
	struct trial *t = &trial;
	uint64_t bytes, again;
	uint8_t byte;

	(void)state;
	trial_start(t, 9, LIMIT_BLOCKS);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(reserve(t, 1 + random_below(&t->random, 9)), 0);
		assert_int_equal(transact(t), 0);
	}
	assert_int_equal(image_trim(t->b.image, &bytes), 0);
	assert_true(bytes > 0);
	check_counts(t);
	assert_int_equal(image_trim(t->b.image, &again), 0);
	assert_true(again <= bytes);
	for (unsigned i = 0; i < t->used.count; i++) {
		uint64_t end = (t->used.range[i].start + t->used.range[i].count) * BLOCK_SIZE;

		assert_int_equal(data_read(t->b.image, end - 1, &byte, 1), 0);
		assert_int_equal(byte, 1);
	}
	finish(t);
}

/* Free blocks that have host space, in runs of at least `least` within [from, to) of the image. */
static uint64_t trimmable(const struct trial *t, uint64_t from, uint64_t to, unsigned least)
{
	uint64_t allocated = 0, run = 0;

	for (uint64_t block = from; block <= to; block++) {
		unsigned at;
		const struct alloc_zone *zone = block < to ? alloc_zone_of(t->b.image, block, &at) : NULL;
		bool is_free = zone && zone_run(zone, at, 1);

		run += is_free;
		if (!is_free && run >= least)
			allocated += run;
		run = is_free ? run : 0;
	}
	return allocated;
}

static uint64_t trim_range(struct trial *t, struct image_trimming trimming, int expected)
{
	unsigned steps = 0;
	int result;

	do {
		uint64_t before = atomic_load(&t->b.image->alloc.punched_blocks);

		result = image_trim_step(t->b.image, &trimming);
		assert_true(atomic_load(&t->b.image->alloc.punched_blocks) - before <= 64 * 4096);
		assert_true(++steps < 1000);
	} while (result > 0);
	assert_int_equal(result, expected);
	return trimming.trimmed / BLOCK_SIZE;
}

#define LARGE 8u

/* Many blocks in a row that have host space; reserved by as many calls. */
static struct block_range large_run(struct trial *t, struct block_range ranges[LARGE])
{
	struct block_range all = {0};

	for (unsigned i = 0; i < LARGE; i++) {
		assert_int_equal(data_reserve(t->b.image, all.start + all.count, 1024, &ranges[i]), 0);
		if (i == 0)
			all.start = ranges[i].start;
		assert_int_equal(ranges[i].start, all.start + all.count);
		all.count += ranges[i].count;
	}
	return all;
}

/* A range of the image is trimmed and nothing else; short runs are left; a large one goes by parts. */
static void trim_part(void **state)
{
	struct trial *t = &trial;
	uint64_t most = (uint64_t)ZONE_BLOCKS * BLOCK_SIZE;
	struct block_range large, parts[LARGE];

	(void)state;
	trial_start(t, 9, 4 * ZONE_BLOCKS);
	large = large_run(t, parts);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(reserve(t, 1 + random_below(&t->random, 9)), 0);
		assert_int_equal(transact(t), 0);
	}
	for (unsigned i = 0; i < LARGE; i++)
		data_release(t->b.image, parts[i]);
	assert_int_equal(image_sync(t->b.image, image_head(t->b.image), NULL, 0), 0);
	/* nothing of a block, too far, larger than any run */
	trim_range(t, (struct image_trimming){.start = 5, .end = 5}, -EINVAL);
	trim_range(t, (struct image_trimming){.start = 8192, .end = 4096}, -EINVAL);
	trim_range(t, (struct image_trimming){.start = 4 * most, .end = UINT64_MAX}, -EINVAL);
	trim_range(t, (struct image_trimming){.end = UINT64_MAX, .least = most + 1}, -EINVAL);
	assert_int_equal(
	    trim_range(t, (struct image_trimming){.end = t->b.image->zone_first * BLOCK_SIZE}, 0), 0);
	/* the large run alone, its ends cut in mid-block */
	uint64_t end = large.start + large.count;
	assert_true(large.count > 4096); /* more than is punched at once */
	assert_int_equal(trim_range(t,
				    (struct image_trimming){.start = large.start * BLOCK_SIZE + 1,
							    .end = end * BLOCK_SIZE - 1},
				    0),
			 large.count - 2);
	/* the short runs behind it */
	uint64_t size = store_size(t->b.image->store) / BLOCK_SIZE;
	uint64_t all = trimmable(t, end, size, 1), longer = trimmable(t, end, size, 5);
	assert_true(longer > 0 && longer < all);
	assert_int_equal(trim_range(t,
				    (struct image_trimming){.start = end * BLOCK_SIZE,
							    .end = UINT64_MAX,
							    .least = 5 * BLOCK_SIZE - 7},
				    0),
			 longer);
	assert_true(trim_range(t, (struct image_trimming){.end = UINT64_MAX}, 0) >= all - longer);
	check_counts(t);
	finish(t);
}

/* An image cut off behind its owner's back is refused. */
static void cut_off(void **state)
{
	struct trial *t = &trial;
	struct image_options options = {.no_syncer = true};
	struct block_range range;

	(void)state;
	trial_start(t, 2, LIMIT_BLOCKS);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(reserve(t, 50), 0);
		assert_int_equal(transact(t), 0);
	}
	drop_reserved(t);
	range = t->used.range[0];
	for (unsigned i = 1; i < t->used.count; i++)
		if (t->used.range[i].start > range.start)
			range = t->used.range[i];
	backend_close(&t->b);
	assert_int_equal(truncate(t->b.path, (off_t)(range.start * BLOCK_SIZE)), 0);
	assert_int_equal(backend_try(&t->b, &options), -EUCLEAN);
	assert_non_null(strstr(t->b.report.text, "cut off"));
	backend_remove(&t->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_against_model),
	    cmocka_unit_test(quarantine),
	    cmocka_unit_test(double_free_is_damage),
	    cmocka_unit_test(full_image),
	    cmocka_unit_test(full_host),
	    cmocka_unit_test(trim),
	    cmocka_unit_test(trim_part),
	    cmocka_unit_test(cut_off),
	};

	/* a disk's syncs would take most of the time */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
