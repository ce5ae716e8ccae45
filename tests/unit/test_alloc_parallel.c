/* Several threads and the syncer's: a block has one owner at a time. */
#include "alloc_trial.h"

#define THREADS 4

struct worker {
	pthread_t thread;
	struct image *image;
	_Atomic uint8_t *owners;
	struct random random;
	struct ranges used;
	const char *fault;
};

static bool own(struct worker *worker, struct block_range range, uint8_t from, uint8_t to)
{
	for (uint64_t block = range.start; block < range.start + range.count; block++) {
		if (atomic_exchange(&worker->owners[block], to) != from)
			return false;
	}
	return true;
}

static const char *work_once(struct worker *worker)
{
	struct block_range range;
	struct txn *txn;
	bool take = worker->used.count == 0 || random_below(&worker->random, 5) < 3;

	if (take) {
		if (data_reserve(worker->image, 0, 1 + random_below(&worker->random, 40), &range) < 0)
			return "data_reserve";
		if (!own(worker, range, 0, 1))
			return "a block was given out twice";
	} else {
		range = worker->used.range[--worker->used.count];
		if (!own(worker, range, 1, 0))
			return "a block changed its owner";
	}
	if (txn_begin(worker->image, 2, take ? 0 : TXN_RELEASES, &txn) < 0)
		return "txn_begin";
	if ((take ? data_claim(txn, range) : data_free(txn, range)) < 0)
		return "data_claim or data_free";
	if (tree_put(txn, TREE_FILES, backend_key(random_below(&worker->random, 2000)), &range,
		     sizeof(range)) < 0)
		return "tree_put";
	if (random_below(&worker->random, 8) == 0 && take) {
		if (!own(worker, range, 1, 0))
			return "a block changed its owner";
		txn_abort(txn);
		data_release(worker->image, range);
		return NULL;
	}
	if (txn_commit(txn, NULL) < 0)
		return "txn_commit";
	if (take)
		worker->used.range[worker->used.count++] = range;
	return NULL;
}

static void *work(void *context)
{
	struct worker *worker = context;

	for (unsigned i = 0; i < 1000 && !worker->fault; i++) {
		uint8_t bytes[ITEM_MAX];

		worker->fault = work_once(worker);
		image_read_lock(worker->image);
		(void)!tree_get(worker->image, TREE_FILES, backend_key(random_below(&worker->random, 2000)),
				bytes, sizeof(bytes), NULL);
		image_read_unlock(worker->image);
		if (i % 200 == 100 && image_sync(worker->image, image_head(worker->image), NULL, 0) < 0)
			worker->fault = "image_sync";
	}
	return NULL;
}

static struct trial trial;

static void parallel(void **state)
{
	static struct worker workers[THREADS];
	static _Atomic uint8_t owners[LIMIT_BLOCKS];
	struct image_options options = {.limit_bytes = (uint64_t)LIMIT_BLOCKS << BLOCK_SHIFT,
					.overlay_max = 256u << 10};
	struct trial *t = &trial;

	(void)state;
	memset(t, 0, sizeof(*t));
	backend_make(&t->b, 1u << 20);
	assert_int_equal(backend_try(&t->b, &options), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].image = t->b.image;
		workers[i].owners = owners;
		workers[i].random.state = i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].fault)
			print_error("%s: %s\n", workers[i].fault, image_damage(t->b.image));
		assert_null(workers[i].fault);
	}
	backend_close(&t->b);
	trial_open(t, LIMIT_BLOCKS);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned n = 0; n < workers[i].used.count; n++)
			set_state(t, workers[i].used.range[n], FREE, USED);
	check_counts(t);
	backend_close(&t->b);
	backend_remove(&t->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parallel),
	};

	/* a disk's syncs would take most of the time */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
