/* Requests that are sent again after a daemon has died: found in the ring, which keeps what they need (R17).
 */
#include "backend_fixture.h"

#include <pthread.h>
#include <time.h>

#define CONNECTION UINT64_C(0xabc)

static struct image_held held;

static void open_as(struct backend *b, bool goes_on, bool with_syncer)
{
	struct image_options options = {
	    .no_syncer = !with_syncer, .goes_on = goes_on, .connection = CONNECTION, .held = &held};

	assert_int_equal(backend_try(b, &options), 0);
}

static void begin(struct backend *b)
{
	memset(&held, 0, sizeof(held));
	backend_make(b, 0);
	open_as(b, false, false);
}

/* One record, as a part of the request at hand. */
static void change(struct backend *b, uint64_t inode, uint64_t count, bool last)
{
	struct txn *txn;

	assert_int_equal(txn_begin(b->image, 1, 0, &txn), 0);
	assert_int_equal(txn_count_inodes(txn, 1), 0);
	txn_reply(txn, inode, count, last);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void request(struct backend *b, uint64_t unique, uint64_t inode)
{
	image_request_begin(b->image, 0, CONNECTION, unique);
	change(b, inode, unique * 10, true);
	image_request_end(b->image);
}

/* What has happened is told, with what its reply needs; what has not, or only in part, is not. */
static void happened(void **state)
{
	struct request_answer answer;
	struct backend b;

	(void)state;
	begin(&b);
	request(&b, 2, 100);
	image_request_begin(b.image, 0, CONNECTION + 1, 4);
	change(&b, 101, 0, true);
	image_request_begin(b.image, 0, CONNECTION, 6);
	change(&b, 102, 0, false);
	image_request_begin(b.image, 1, CONNECTION, 8);
	image_request_none();
	change(&b, 103, 0, true);
	image_request_begin(b.image, 2, CONNECTION, 10);
	change(&b, 104, 7, true);
	backend_kill(&b);

	open_as(&b, true, false);
	assert_true(b.report.warm);
	assert_true(image_answer(b.image, 2, &answer));
	assert_int_equal(answer.inode, 100);
	assert_int_equal(answer.count, 20);
	assert_true(image_answer(b.image, 10, &answer));
	assert_int_equal(answer.inode, 104);
	assert_int_equal(answer.count, 7);
	assert_false(image_answer(b.image, 4, &answer));
	assert_false(image_answer(b.image, 6, &answer));
	assert_false(image_answer(b.image, 8, &answer));
	image_answers_end(b.image);
	assert_false(image_answer(b.image, 10, &answer));
	backend_close(&b);
	backend_remove(&b);
}

/* A checkpoint leaves the record of a request that is not answered yet where it is, and no more than that. */
static void tail_waits_for_reply(void **state)
{
	struct request_answer answer;
	struct backend b;
	uint64_t lsn;

	(void)state;
	begin(&b);
	request(&b, 2, 100);
	lsn = image_head(b.image);
	image_request_begin(b.image, 3, CONNECTION, 4);
	change(&b, 101, 0, true);
	image_request_none();
	change(&b, 0, 0, true);
	assert_int_equal(image_checkpoint(b.image), 0);
	assert_int_equal(atomic_load(&b.image->ring.tail), lsn);
	backend_kill(&b);

	open_as(&b, true, false);
	assert_true(image_answer(b.image, 4, &answer));
	assert_false(image_answer(b.image, 2, &answer));
	/* Killed once more before it was answered. */
	assert_int_equal(image_checkpoint(b.image), 0);
	request(&b, 6, 102);
	backend_kill(&b);
	open_as(&b, true, false);
	assert_true(image_answer(b.image, 4, &answer));
	assert_int_equal(answer.inode, 101);
	image_answers_end(b.image);
	assert_int_equal(image_checkpoint(b.image), 0);
	assert_int_equal(atomic_load(&b.image->ring.tail), image_head(b.image));
	backend_close(&b);
	backend_remove(&b);
}

static void *answer_late(void *argument)
{
	struct backend *b = argument;
	const struct timespec moment = {.tv_nsec = 200000000};

	image_request_begin(b->image, 5, CONNECTION, 2);
	change(b, 100, 0, true);
	nanosleep(&moment, NULL);
	image_request_end(b->image);
	return NULL;
}

/* A ring full behind the record of an unanswered request: others wait for the answer, and go on. */
static void full_ring_waits_for_reply(void **state)
{
	struct backend b;
	pthread_t thread;

	(void)state;
	memset(&held, 0, sizeof(held));
	backend_make(&b, 0);
	open_as(&b, false, true);
	assert_int_equal(pthread_create(&thread, NULL, answer_late, &b), 0);
	for (unsigned i = 0; i < 20000; i++)
		request(&b, 4 + 2 * i, i);
	pthread_join(thread, NULL);
	backend_close(&b);
	backend_remove(&b);
}

static atomic_bool over;

/* Requests that are answered at about the time at which their records are sealed. */
static void *answer_when_sealed(void *argument)
{
	struct backend *b = argument;

	for (uint64_t unique = 2; !atomic_load(&over); unique += 2) {
		uint64_t head;

		image_request_begin(b->image, 0, CONNECTION, unique);
		change(b, unique, 0, true);
		head = image_head(b->image);
		while (image_sealed(b->image) < head && !atomic_load(&over))
			;
		for (volatile unsigned i = 0; i < unique * 7919 % 900; i++)
			;
		image_request_end(b->image);
	}
	return NULL;
}

/* A checkpoint that meets a request which is answered just then takes what is sealed, and no more. */
static void checkpoint_meets_reply(void **state)
{
	struct backend b;
	pthread_t thread;

	(void)state;
	begin(&b);
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&thread, NULL, answer_when_sealed, &b), 0);
	for (unsigned i = 0; i < 100000 && !image_failure(b.image); i++)
		assert_int_equal(image_checkpoint(b.image), 0);
	assert_int_equal(image_failure(b.image), 0);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	backend_close(&b);
	backend_remove(&b);
}

/* After a kill with a full ring there is room for the requests that are sent again, but what was not answered
 * stays. */
static void room_after_full_ring(void **state)
{
	struct request_answer answer;
	struct backend b;
	uint64_t unique = 4;

	(void)state;
	begin(&b);
	while (image_head(b.image) < atomic_load(&b.image->ring.tail) + b.image->ring.size * 9 / 10) {
		request(&b, unique, unique);
		unique += 2;
	}
	image_request_begin(b.image, 1, CONNECTION, 2);
	change(&b, 1, 0, true);
	backend_kill(&b);

	open_as(&b, true, true);
	for (unsigned i = 0; i < 2000; i++)
		request(&b, unique + 2 * i, i);
	backend_kill(&b);
	open_as(&b, true, false);
	assert_true(image_answer(b.image, 2, &answer));
	image_answers_end(b.image);
	backend_close(&b);
	backend_remove(&b);
}

/* The kernel knows what a cold recovery would take back (R18). */
static void cold_is_refused(void **state)
{
	struct image_options options = {
	    .no_syncer = true, .goes_on = true, .connection = CONNECTION, .recover = RECOVER_COLD};
	struct backend b;

	(void)state;
	begin(&b);
	request(&b, 2, 100);
	backend_kill(&b);
	assert_int_equal(backend_try(&b, &options), -ESTALE);
	assert_true(b.report.text[0]);
	open_as(&b, true, false);
	image_answers_end(b.image);
	backend_close(&b);
	backend_remove(&b);
}

/* The image has grown for a request, by a record of its own: the request has not happened by that. */
static void growth_is_no_answer(void **state)
{
	struct request_answer answer;
	struct block_range range;
	struct backend b;

	(void)state;
	begin(&b);
	image_request_begin(b.image, 0, CONNECTION, 2);
	for (uint64_t head = image_head(b.image); image_head(b.image) == head;)
		assert_int_equal(data_reserve(b.image, 0, GROUP_BLOCKS, &range), 0);
	backend_kill(&b);
	open_as(&b, true, false);
	assert_false(image_answer(b.image, 2, &answer));
	image_answers_end(b.image);
	backend_close(&b);
	backend_remove(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(happened),
	    cmocka_unit_test(tail_waits_for_reply),
	    cmocka_unit_test(full_ring_waits_for_reply),
	    cmocka_unit_test(checkpoint_meets_reply),
	    cmocka_unit_test(room_after_full_ring),
	    cmocka_unit_test(cold_is_refused),
	    cmocka_unit_test(growth_is_no_answer),
	};
	cmocka_set_test_filter(getenv("MMFS_TEST_FILTER")); /* tests/crash/test_mutants.sh wants one */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
