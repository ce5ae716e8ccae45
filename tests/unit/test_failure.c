/* What an image that fails does to those who are at work in it just then (R16). */
#include "hooked_sim.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_checkpoint_of_a_failed_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
