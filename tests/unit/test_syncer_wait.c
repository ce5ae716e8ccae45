/* When the syncer's thread seals by itself: how it waits, seen from within. */
#include "backend_fixture.h"

#include "../../backend/syncer.c"

/* fsyncs without end wake the thread for other things each time; the seal of every commit_seconds comes all
 * the same, since nothing else makes overwrites durable that nobody syncs. */
static void test_tick_in_a_storm(void **state)
{
	static struct image image;
	struct syncer *syncer = &image.syncer;
	struct timespec deadline;
	struct syncer_work work;

	(void)state;
	assert_int_equal(syncer_init(&image), 0);
	pthread_mutex_lock(&syncer->lock);
	deadline_after(&deadline, 0);
	syncer->release_wanted = true;
	assert_true(syncer_wait(&image, &deadline, &work));
	assert_true(work.release);
	assert_true(work.tick);
	/* but not before its time */
	deadline_after(&deadline, 1000);
	syncer->checkpoint_wanted = true;
	assert_true(syncer_wait(&image, &deadline, &work));
	assert_true(work.checkpoint);
	assert_false(work.release);
	assert_false(work.tick);
	/* and by itself */
	deadline_after(&deadline, 0);
	assert_true(syncer_wait(&image, &deadline, &work));
	assert_true(work.tick);
	syncer->stop = true;
	assert_false(syncer_wait(&image, &deadline, &work));
	pthread_mutex_unlock(&syncer->lock);
	syncer_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tick_in_a_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
