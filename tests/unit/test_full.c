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
	assert_int_equal(data_reserve(b->image, 0, 64, &range), 0);
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
	struct block_range range = fill(b.image, 64, 64);

	(void)state;
	release(b.image, range);
	reserve_while(&b, sync_main);
	assert_int_equal(data_reserve(b.image, 0, 64, &range), 0);
	data_release(b.image, range); /* so that there is something to trim */
	reserve_while(&b, trim_main);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wait_for_punching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
