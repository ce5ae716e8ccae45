/* What an image that fails does to those who are at work in it just then (R16). */
#include "hooked_sim.h"

/* record.c with an allocator that fails when told to. */
static bool no_memory;

static void *scarce_malloc(size_t size)
{
	return no_memory ? NULL : malloc(size);
}

static void *scarce_realloc(void *bytes, size_t size)
{
	return no_memory ? NULL : realloc(bytes, size);
}

#define malloc	scarce_malloc
#define realloc scarce_realloc
#include "../../backend/record.c"
#undef malloc
#undef realloc

/* One failed allocation must not freeze the image. */
static void test_checkpoint_without_memory(void **state)
{
	struct backend b;
	struct store_sim *sim = hooked_make(&b);

	(void)state;
	hooked_open(&b, sim);
	for (uint64_t i = 0; i < 100; i++)
		backend_put(&b, i, 0);
	no_memory = true;
	assert_int_equal(image_checkpoint(b.image), 0);
	no_memory = false;
	assert_int_equal(atomic_load(&b.image->ring.tail), image_head(b.image));
	backend_put(&b, 1, 1);
	image_drop(b.image);
	hooked_open(&b, sim);
	assert_int_equal(backend_version(&b, 1, 1), 1);
	assert_int_equal(backend_version(&b, 99, 0), 0);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

static void fail_meanwhile(struct backend *b, unsigned call)
{
	(void)call;
	(void)image_fail(b->image, -EIO);
}

/* Another thread's sync fails while a checkpoint waits for its own: no assertion, and the tail stays. */
static void test_checkpoint_of_a_failed_image(void **state)
{
	struct backend b;
	struct store_sim *sim = hooked_make(&b);
	struct super_disk super;
	unsigned bad_slots;
	uint64_t tail;

	(void)state;
	hooked_open(&b, sim);
	backend_put(&b, 1, 0);
	tail = atomic_load(&b.image->ring.tail);
	assert_int_equal(syncer_seal(b.image), 0);
	hooked.sync_all = fail_meanwhile;
	assert_int_equal(image_checkpoint(b.image), -EIO);
	hooked.sync_all = NULL;
	assert_int_equal(super_read(b.image->store, &super, &bad_slots, &b.report), 0);
	assert_true(le64_get(super.flags) & SUPER_FAILED);
	assert_int_equal(le64_get(super.tail_lsn), tail);
	assert_int_equal(image_close(b.image), -EIO);
	hooked_open(&b, sim);
	assert_int_equal(backend_version(&b, 1, 0), 0);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

static void fault_in_the_second(struct backend *b, unsigned call)
{
	(void)b;
	if (call == 2)
		atomic_store(&hooked.sim->store.faulted, true);
}

/* Recovery answers a failed sync by reading from the disk; a page that cannot be read then is not overlooked.
 */
static void test_fault_while_starting_from_disk(void **state)
{
	struct image_options options = {.no_syncer = true, .limit_bytes = UINT64_C(128) << 20};
	struct backend b;
	struct store_sim *sim = hooked_make(&b);

	(void)state;
	hooked_open(&b, sim);
	backend_put(&b, 1, 0);
	assert_int_equal(syncer_seal(b.image), 0);
	image_drop(b.image);
	hooked.syncs = 0;
	sim->fault = (struct sim_fault){.kinds = 1u << SIM_SYNC_ALL, .nth = 1, .error = -EIO};
	hooked.sync_all = fault_in_the_second;
	assert_int_equal(hooked_try(&b, sim, &options), -EIO);
	/* and without it all is well; what the options ask for is not forgotten on the way */
	hooked.sync_all = NULL;
	sim->fault = (struct sim_fault){.kinds = 1u << SIM_SYNC_ALL, .nth = 1, .error = -EIO};
	assert_int_equal(hooked_try(&b, sim, &options), 0);
	assert_true(sim->fault.hit);
	assert_int_equal(le64_get(image_super(b.image)->limit_blocks) << BLOCK_SHIFT, options.limit_bytes);
	assert_int_equal(backend_version(&b, 1, 0), 0);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

/* A page of the image could not be read, and nothing has noticed that so far: closing leaves the mark of a
 * failed image, so that the next opening does not trust what the host caches. */
static void test_close_after_fault(void **state)
{
	struct backend b;
	struct store_sim *sim = hooked_make(&b);

	(void)state;
	hooked_open(&b, sim);
	backend_put(&b, 1, 0);
	assert_int_equal(syncer_seal(b.image), 0);
	backend_put(&b, 2, 0);
	atomic_store(&sim->store.faulted, true);
	assert_int_equal(image_close(b.image), -EIO);
	hooked_open(&b, sim);
	assert_false(b.report.warm);
	assert_int_equal(b.report.records_dropped, 1);
	assert_int_equal(backend_version(&b, 1, 0), 0);
	assert_int_equal(backend_version(&b, 2, 0), -1);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

static void fault_in_the_first(struct backend *b, unsigned call)
{
	(void)b;
	if (call == 1)
		atomic_store(&hooked.sim->store.faulted, true);
}

/* The same, in the middle of closing. */
static void test_fault_while_closing(void **state)
{
	struct backend b;
	struct store_sim *sim = hooked_make(&b);

	(void)state;
	hooked_open(&b, sim);
	backend_put(&b, 1, 0);
	hooked.syncs = 0;
	hooked.sync_all = fault_in_the_first;
	assert_int_equal(image_close(b.image), -EIO);
	hooked.sync_all = NULL;
	hooked_open(&b, sim);
	assert_false(b.report.warm);
	assert_false(b.report.was_clean);
	assert_int_equal(image_close(b.image), 0);
	store_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_close_after_fault),
	    cmocka_unit_test(test_fault_while_closing),
	    cmocka_unit_test(test_checkpoint_of_a_failed_image),
	    cmocka_unit_test(test_fault_while_starting_from_disk),
	    cmocka_unit_test(test_checkpoint_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
