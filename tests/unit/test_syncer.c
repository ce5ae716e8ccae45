/* Group commit: what a seal waits for, many callers at once, and syncs that fail. */
#include "backend_fixture.h"

#include "../sim/store_sim.h"

#define SIM_SIZE (UINT64_C(96) << 20)
#define THREADS	 4u
#define PUTS	 60u

static struct store_sim *sim_image(struct backend *b)
{
	struct image_make_options make = {.journal_bytes = 1u << 20};
	struct store_sim *sim = store_sim_new(SIM_SIZE);
	struct store *store;

	assert_non_null(sim);
	memset(b, 0, sizeof(*b));
	store = store_sim_open(sim);
	assert_int_equal(image_make(store, &make), 0);
	store_close(store);
	return sim;
}

static const struct session_disk session = {.birth_nanoseconds = {1}};

static int sim_try(struct backend *b, struct store_sim *sim)
{
	struct image_options options = {.no_syncer = true, .session = &session};

	return image_open(store_sim_open(sim), &options, &b->image, &b->report);
}

static void sim_open(struct backend *b, struct store_sim *sim)
{
	int error = sim_try(b, sim);

	if (error)
		print_error("image_open: %s: %s\n", strerror(-error), b->report.text);
	assert_int_equal(error, 0);
}

/* ---- order ---- */

/* One block of data with its record. Returns the LSN behind it, and where the data is. */
static uint64_t put_data(struct backend *b, uint64_t *ret_offset)
{
	uint8_t bytes[BLOCK_SIZE];
	struct block_range range;
	struct txn *txn;
	uint64_t lsn;

	memset(bytes, 0x5a, sizeof(bytes));
	assert_int_equal(data_reserve(b->image, 0, 1, &range), 0);
	*ret_offset = range.start * BLOCK_SIZE;
	assert_int_equal(data_write(b->image, *ret_offset, bytes, sizeof(bytes)), 0);
	assert_int_equal(txn_begin(b->image, 1, 0, &txn), 0);
	assert_int_equal(data_claim(txn, range), 0);
	assert_int_equal(data_stored(txn, *ret_offset, BLOCK_SIZE), 0);
	assert_int_equal(txn_commit(txn, &lsn), 0);
	return lsn;
}

static bool covers(const struct sim_event *event, uint64_t offset, uint64_t length)
{
	if (event->kind == SIM_SYNC_ALL)
		return true;
	return event->kind == SIM_SYNC_RANGE && event->offset <= offset &&
	       offset + length <= event->offset + event->length;
}

/* R8: data synced, then the seal written, then the ring synced. */
static void test_seal_waits_for_data(void **state)
{
	struct backend b;
	struct store_sim *sim = sim_image(&b);
	uint64_t lsn, data, seal_place;
	size_t data_synced = 0, seal_written = 0, ring_synced = 0;

	(void)state;
	sim_open(&b, sim);
	lsn = put_data(&b, &data);
	seal_place = b.image->ring.start + lsn % b.image->ring.size;
	store_sim_record(sim);
	assert_int_equal(image_sync(b.image, lsn, NULL, 0), 0);
	store_sim_stop(sim);
	for (size_t i = 0; i < sim->log.count; i++) {
		const struct sim_event *event = &sim->log.events[i];

		if (!data_synced && covers(event, data, BLOCK_SIZE))
			data_synced = i + 1;
		if (event->kind == SIM_WRITE && event->offset == seal_place)
			seal_written = i + 1;
		if (seal_written && !ring_synced && covers(event, seal_place, sizeof(struct record_disk)))
			ring_synced = i + 1;
	}
	assert_true(data_synced > 0);
	assert_true(seal_written > data_synced);
	assert_true(ring_synced > seal_written);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

/* R10: applied blocks are synced before the superblock names the new tail. */
static void test_checkpoint_order(void **state)
{
	struct backend b;
	struct store_sim *sim = sim_image(&b);
	size_t home_written = 0, all_synced = 0, super_written = 0, super_synced = 0;
	uint64_t zone_first;

	(void)state;
	sim_open(&b, sim);
	zone_first = image_zone_first(b.image) * BLOCK_SIZE;
	for (uint64_t i = 0; i < 20; i++)
		backend_put(&b, i, 0);
	store_sim_record(sim);
	assert_int_equal(image_checkpoint(b.image), 0);
	store_sim_stop(sim);
	for (size_t i = 0; i < sim->log.count; i++) {
		const struct sim_event *event = &sim->log.events[i];

		if (event->kind == SIM_WRITE && event->offset >= zone_first)
			home_written = i + 1;
		if (event->kind == SIM_SYNC_ALL)
			all_synced = i + 1;
		if (event->kind == SIM_WRITE && event->offset < 2 * BLOCK_SIZE && !super_written)
			super_written = i + 1; /* the first */
		if (event->kind == SIM_SYNC_RANGE && event->offset < 2 * BLOCK_SIZE)
			super_synced = i + 1;
	}
	assert_true(home_written > 0);
	assert_true(all_synced > home_written);
	assert_true(super_written > all_synced);
	assert_true(super_synced > super_written);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

/* Ranges that are near each other are one sync, as each is a flush of the disk; those far apart are not. */
static void test_near_ranges(void **state)
{
	struct byte_range ranges[] = {{.offset = 0, .length = BLOCK_SIZE},
				      {.offset = 600 << 10, .length = BLOCK_SIZE},
				      {.offset = 4 << 20, .length = BLOCK_SIZE}};
	struct image_stats before, after;
	struct backend b;

	(void)state;
	backend_make(&b, 8u << 20);
	backend_open(&b, RECOVER_AUTO);
	image_stats(b.image, &before);
	assert_int_equal(image_sync(b.image, 0, ranges, 2), 0);
	image_stats(b.image, &after);
	assert_int_equal(after.syncs - before.syncs, 1);
	assert_int_equal(image_sync(b.image, 0, ranges, 3), 0);
	image_stats(b.image, &before);
	assert_int_equal(before.syncs - after.syncs, 2);
	backend_close(&b);
	backend_remove(&b);
}

/* ---- many callers ---- */

struct caller {
	pthread_t thread;
	struct image *image;
	uint64_t first; /* item */
	unsigned puts;
	bool sync;
	int error;
};

static int caller_put(struct caller *caller, uint64_t item, uint64_t version)
{
	uint8_t bytes[ITEM_MAX];
	size_t size = backend_value(item, version, bytes);
	struct txn *txn;
	uint64_t lsn;
	int error = txn_begin(caller->image, 1, 0, &txn);

	if (error < 0)
		return error;
	error = tree_put(txn, TREE_FILES, backend_key(item), bytes, size);
	if (error < 0) {
		txn_abort(txn);
		return error;
	}
	error = txn_commit(txn, &lsn);
	return error < 0 || !caller->sync ? error : image_sync(caller->image, lsn, NULL, 0);
}

static void *caller_main(void *context)
{
	struct caller *caller = context;

	for (unsigned i = 0; i < caller->puts && caller->error == 0; i++)
		caller->error = caller_put(caller, caller->first + i % PUTS, i / PUTS);
	return NULL;
}

static void run_callers(struct image *image, unsigned puts, bool sync, int error)
{
	struct caller callers[THREADS] = {0};

	for (unsigned i = 0; i < THREADS; i++) {
		callers[i] = (struct caller){.image = image, .first = i * 1000, .puts = puts, .sync = sync};
		assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(callers[i].error, error);
}

/* All that was synced survives a cold recovery. */
static void test_group_commit(void **state)
{
	struct backend b;
	struct image_options options = {.commit_seconds = 1000};
	struct image_stats stats;

	(void)state;
	backend_make(&b, 0);
	assert_int_equal(backend_try(&b, &options), 0);
	run_callers(b.image, PUTS, true, 0);
	image_stats(b.image, &stats);
	print_message("%u syncs in %u seals\n", THREADS * PUTS, (unsigned)stats.seals);
	assert_true(stats.seals > 0 && stats.seals <= THREADS * PUTS);
	backend_kill(&b);
	backend_open(&b, RECOVER_COLD);
	assert_int_equal(b.report.records_dropped, 0);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned item = 0; item < PUTS; item++)
			assert_int_equal(backend_version(&b, i * 1000 + item, 0), 0);
	backend_close(&b);
	backend_remove(&b);
}

/* A small ring that all want room in: whoever finds none waits for the thread's checkpoint. */
static void test_ring_under_pressure(void **state)
{
	(void)state;
	for (int no_syncer = 0; no_syncer < 2; no_syncer++) {
		struct image_options options = {.commit_seconds = 1, .no_syncer = no_syncer};
		struct image_stats stats;
		struct backend b;

		backend_make(&b, 0);
		assert_int_equal(backend_try(&b, &options), 0);
		run_callers(b.image, 40 * PUTS, false, 0);
		image_stats(b.image, &stats);
		assert_true(stats.checkpoints > 1);
		assert_int_equal(b.image->ring.reserved, 0);
		for (unsigned i = 0; i < THREADS; i++)
			for (unsigned item = 0; item < PUTS; item++)
				assert_int_equal(backend_version(&b, i * 1000 + item, 39), 39);
		backend_close(&b);
		backend_remove(&b);
	}
}

static void test_async(void **state)
{
	struct backend b;
	struct image_options options = {.commit_seconds = 1000, .fsync_async = true};
	uint64_t lsn;

	(void)state;
	backend_make(&b, 0);
	assert_int_equal(backend_try(&b, &options), 0);
	lsn = backend_put(&b, 1, 0);
	assert_int_equal(image_sync(b.image, lsn, NULL, 0), 0);
	/* the seal comes all the same, soon */
	for (unsigned i = 0; i < 100 && image_sealed(b.image) < lsn; i++)
		usleep(20000);
	assert_true(image_sealed(b.image) >= lsn);
	backend_close(&b);
	backend_remove(&b);
}

/* ---- failures (R16) ---- */

static void expect_failed(struct backend *b, struct store_sim *sim)
{
	struct txn *txn;

	assert_int_not_equal(image_failure(b->image), 0);
	assert_true(sim->frozen);
	assert_int_equal(txn_begin(b->image, 1, 0, &txn), -EIO);
	assert_int_equal(image_sync(b->image, image_head(b->image), NULL, 0), -EIO);
	assert_int_equal(image_checkpoint(b->image), -EIO);
	assert_int_equal(backend_version(b, 1, 0), 0); /* reads go on */
}

static void test_failed_ring_sync(void **state)
{
	struct backend b;
	struct store_sim *sim = sim_image(&b);
	uint64_t lsn;

	(void)state;
	sim_open(&b, sim);
	lsn = backend_put(&b, 1, 0);
	assert_int_equal(image_sync(b.image, lsn, NULL, 0), 0);
	lsn = backend_put(&b, 2, 0);
	sim->fault = (struct sim_fault){.kinds = 1u << SIM_SYNC_RANGE, .nth = 1, .error = -EIO};
	assert_int_equal(image_sync(b.image, lsn, NULL, 0), -EIO);
	assert_true(sim->fault.hit);
	expect_failed(&b, sim);
	assert_int_equal(image_close(b.image), -EIO);
	/* the mark tells the next mount not to trust the cache */
	sim_open(&b, sim);
	assert_false(b.report.was_clean);
	assert_false(b.report.warm);
	assert_int_equal(backend_version(&b, 1, 0), 0);
	assert_int_equal(image_close(b.image), 0);
	sim_open(&b, sim);
	assert_true(b.report.was_clean);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

/* Every sync of a run fails once, in turn: an error comes out, and the image can be opened again, with what
 * was synced before. */
static void test_each_sync_fails(void **state)
{
	(void)state;
	for (uint64_t nth = 1;; nth++) {
		struct backend b;
		struct store_sim *sim = sim_image(&b);
		bool hit;
		int error;

		sim_open(&b, sim);
		backend_put(&b, 1, 0);
		assert_int_equal(syncer_seal(b.image), 0);
		sim->fault = (struct sim_fault){
		    .kinds = 1u << SIM_SYNC_RANGE | 1u << SIM_SYNC_ALL, .nth = nth, .error = -EIO};
		for (uint64_t i = 2; i < 30 && !image_failure(b.image); i++) {
			struct caller caller = {.image = b.image, .sync = i % 5 == 0};

			error = caller_put(&caller, i, 0);
			assert_true(error == 0 || error == -EIO);
			error = i % 7 == 0 ? image_checkpoint(b.image) : 0;
			assert_true(error == 0 || error == -EIO);
		}
		hit = sim->fault.hit;
		error = image_close(b.image);
		assert_int_equal(error, hit || sim->fault.hit ? -EIO : 0);
		hit = sim->fault.hit;
		sim->fault = (struct sim_fault){0};
		sim_open(&b, sim);
		assert_int_equal(backend_version(&b, 1, 0), 0);
		assert_int_equal(image_close(b.image), 0);
		store_sim_free(sim);
		if (!hit)
			break;
		assert_true(nth < 100);
	}
}

/* A failed sync comes to all who wait for it, and nobody waits for ever. */
static void test_all_waiters_fail(void **state)
{
	struct backend b;
	struct store_sim *sim = sim_image(&b);
	struct image_options options = {.commit_seconds = 1000};

	(void)state;
	assert_int_equal(image_open(store_sim_open(sim), &options, &b.image, &b.report), 0);
	sim->fault =
	    (struct sim_fault){.kinds = 1u << SIM_SYNC_RANGE, .nth = 20, .error = -EIO, .sticky = true};
	run_callers(b.image, 40 * PUTS, true, -EIO);
	assert_int_equal(image_close(b.image), -EIO);
	store_sim_free(sim);
}

/* The sync before a warm recovery fails: what the cache holds cannot be trusted, so it is cold (R14). */
static void test_failed_sync_before_recovery(void **state)
{
	struct backend b;
	struct store_sim *sim = sim_image(&b);

	(void)state;
	sim_open(&b, sim);
	backend_put(&b, 1, 0);
	assert_int_equal(syncer_seal(b.image), 0);
	backend_put(&b, 2, 0);
	image_drop(b.image);
	sim->fault = (struct sim_fault){.kinds = 1u << SIM_SYNC_ALL, .nth = 1, .error = -EIO};
	sim_open(&b, sim);
	assert_true(sim->fault.hit);
	assert_false(b.report.warm);
	assert_int_equal(b.report.records_dropped, 1);
	assert_int_equal(backend_version(&b, 1, 0), 0);
	assert_int_equal(backend_version(&b, 2, 0), -1);
	image_drop(b.image);
	sim->fault = (struct sim_fault){.kinds = 1u << SIM_SYNC_ALL, .nth = 1, .error = -EIO, .sticky = true};
	assert_int_equal(sim_try(&b, sim), -EIO);
	assert_true(strlen(b.report.text) > 0);
	store_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_seal_waits_for_data), cmocka_unit_test(test_checkpoint_order),
	    cmocka_unit_test(test_near_ranges),		cmocka_unit_test(test_group_commit),
	    cmocka_unit_test(test_ring_under_pressure), cmocka_unit_test(test_async),
	    cmocka_unit_test(test_failed_ring_sync),	cmocka_unit_test(test_each_sync_fails),
	    cmocka_unit_test(test_all_waiters_fail),	cmocka_unit_test(test_failed_sync_before_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
