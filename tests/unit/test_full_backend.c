/* A full image, or a full host: what has to work still, and what is no reason to say ENOSPC. */
#include "hooked_sim.h"

#include "../../backend/alloc_i.h"

#define SMALL_LIMIT (UINT64_C(8) << 20)

static struct store_sim *small_image(struct backend *b)
{
	struct image_options options = {.no_syncer = true, .limit_bytes = SMALL_LIMIT};
	struct store_sim *sim = hooked_make(b);

	assert_int_equal(hooked_try(b, sim, &options), 0);
	return sim;
}

static int claim(struct image *image, struct block_range range)
{
	struct txn *txn;
	int error = txn_begin(image, 1, 0, &txn);

	if (error < 0)
		return error;
	error = data_claim(txn, range);
	if (error < 0) {
		txn_abort(txn);
		return error;
	}
	return txn_commit(txn, NULL);
}

static void release(struct image *image, struct block_range range)
{
	struct txn *txn;

	assert_int_equal(txn_begin(image, 1, TXN_RELEASES, &txn), 0);
	assert_int_equal(data_free(txn, range), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

/* Takes all data blocks there are; gives the last range of at least `least` blocks. */
static struct block_range fill(struct image *image, uint64_t want, uint64_t least)
{
	struct block_range range, last = {0};

	while (data_reserve(image, 0, want, &range) == 0) {
		assert_int_equal(claim(image, range), 0);
		if (range.count >= least)
			last = range;
	}
	assert_true(last.count >= least);
	return last;
}

/* ---- blocks that are being punched ---- */

static atomic_bool punching;

static void punch_slowly(struct backend *b, unsigned call)
{
	(void)b;
	if (call > 1)
		return;
	atomic_store(&punching, true);
	usleep(200000);
}

static void *sync_main(void *context)
{
	struct image *image = context;

	return (void *)(intptr_t)image_sync(image, image_head(image), NULL, 0);
}

static void *trim_main(void *context)
{
	uint64_t bytes;

	return (void *)(intptr_t)image_trim(context, &bytes);
}

static void reserve_while(struct backend *b, void *(*punches)(void *))
{
	struct block_range range;
	pthread_t thread;
	void *result;

	atomic_store(&punching, false);
	hooked.punches = 0;
	hooked.punch = punch_slowly;
	assert_int_equal(pthread_create(&thread, NULL, punches, b->image), 0);
	while (!atomic_load(&punching))
		usleep(1000);
	assert_int_equal(data_reserve(b->image, 0, RECENT_LARGEST, &range), 0);
	data_release(b->image, range);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	hooked.punch = NULL;
}

/* The only free blocks are in another thread's hands, which punches them. */
static void test_wait_for_punching(void **state)
{
	struct backend b;
	struct store_sim *sim = small_image(&b);
	struct block_range range = fill(b.image, 2 * RECENT_LARGEST, 2 * RECENT_LARGEST);

	(void)state;
	release(b.image, range);
	reserve_while(&b, sync_main);
	assert_int_equal(data_reserve(b.image, 0, 2 * RECENT_LARGEST, &range), 0);
	data_release(b.image, range); /* so that there is something to trim */
	reserve_while(&b, trim_main);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

/* ---- metadata on a full host ---- */

/* Host space that the image has already, in blocks that wait to be used again, is not overlooked because the
 * first place that is looked at would need more of it. */
static void test_metadata_elsewhere(void **state)
{
	struct image_options options = {.no_syncer = true, .limit_bytes = UINT64_C(96) << 20};
	struct backend b;
	struct store_sim *sim = hooked_make(&b);
	struct block_range group, data[2];
	struct txn *txn;

	(void)state;
	sim->counts_pages = true;
	sim->punch_unsupported = true; /* so what is freed keeps its host space */
	assert_int_equal(hooked_try(&b, sim, &options), 0);
	backend_put(&b, 0, 0);
	/* a group of data with host space, between two that stay */
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(data_reserve(b.image, 0, GROUP_BLOCKS, &data[i]), 0);
		assert_int_equal(claim(b.image, data[i]), 0);
		if (i == 0) {
			assert_int_equal(data_reserve(b.image, 0, 4 * GROUP_BLOCKS, &group), 0);
			assert_int_equal(claim(b.image, group), 0);
		}
	}
	release(b.image, group);
	assert_int_equal(image_checkpoint(b.image), 0);
	sim->host_pages = sim->used_pages;
	/* more nodes than the first group has ready: its next chunks are holes */
	for (uint64_t i = 1; i < 6000; i++)
		backend_put(&b, i, 0);
	/* deleting works, whatever there is */
	for (uint64_t i = 0; i < 6000; i++) {
		assert_int_equal(txn_begin(b.image, 1, TXN_RELEASES, &txn), 0);
		assert_int_equal(tree_delete(txn, TREE_FILES, backend_key(i)), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
	}
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

static void put_large(struct image *image, uint64_t number)
{
	static const uint8_t bytes[1200];
	struct txn *txn;

	assert_int_equal(txn_begin(image, 1, 0, &txn), 0);
	assert_int_equal(tree_put(txn, TREE_FILES, backend_key(number), bytes, sizeof(bytes)), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void delete (struct image *image, uint64_t number)
{
	struct txn *txn;

	assert_int_equal(txn_begin(image, 1, TXN_RELEASES, &txn), 0);
	assert_int_equal(tree_delete(txn, TREE_FILES, backend_key(number)), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

/* Zone 0 is full, of data and of nodes; a few nodes were in zone 1. */
static void fill_zone_0(struct image *image)
{
	struct block_range range;
	uint64_t items = 0;

	while (atomic_load(&image->alloc.zone_count) == 1) {
		assert_int_equal(data_reserve(image, 0, GROUP_BLOCKS, &range), 0);
		if (atomic_load(&image->alloc.zone_count) == 1)
			assert_int_equal(claim(image, range), 0);
		else
			data_release(image, range);
	}
	while (image->alloc.zones[1]->groups[0].used < 2)
		put_large(image, items++);
	while (image->alloc.zones[1]->groups[0].used > 0) {
		delete (image, --items);
		assert_int_equal(image_sync(image, image_head(image), NULL, 0), 0);
	}
}

/* All the metadata blocks that deletes can have on a full host lie in a zone that is empty: unmounting does
 * not give them away. */
static void test_kept_in_empty_zone(void **state)
{
	struct backend b;
	struct store_sim *sim = hooked_make(&b);
	uint64_t block;
	struct txn *txn;

	(void)state;
	sim->counts_pages = true;
	hooked_open(&b, sim);
	fill_zone_0(b.image);
	for (unsigned i = 0; i < 2; i++) { /* the second time nothing is known of host space */
		assert_int_equal(image_close(b.image), 0);
		sim->host_pages = sim->used_pages;
		hooked_open(&b, sim);
	}
	assert_int_equal(txn_begin(b.image, 1, TXN_RELEASES, &txn), 0);
	for (unsigned i = 0; i < META_LEFT; i++)
		assert_int_equal(alloc_metadata(txn, &block), 0);
	txn_abort(txn);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wait_for_punching),
	    cmocka_unit_test(test_metadata_elsewhere),
	    cmocka_unit_test(test_kept_in_empty_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
