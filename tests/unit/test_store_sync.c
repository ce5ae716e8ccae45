/*
 * Syncs of the real file that fail. The kernel tells of a failed writeback once for each open file; msync and
 * fdatasync are replaced here by such that fail, or take long, as the test wants.
 */
#include "backend_fixture.h"

#include <sys/mman.h>
#include <time.h>

enum call { MSYNC, FDATASYNC, CALLS };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned entered[CALLS], left[CALLS];
	int (*script)(enum call call, unsigned number); /* 0 or an errno; called without the lock */
	int descriptor;					/* of the last fdatasync */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int fake_call(enum call call)
{
	unsigned number;
	int error;

	pthread_mutex_lock(&fake.lock);
	number = ++fake.entered[call];
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
	error = fake.script ? fake.script(call, number) : 0;
	pthread_mutex_lock(&fake.lock);
	fake.left[call]++;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
	errno = error;
	return error ? -1 : 0;
}

int msync(void *address, size_t length, int flags)
{
	(void)address;
	(void)length;
	(void)flags;
	return fake_call(MSYNC);
}

int fdatasync(int descriptor)
{
	fake.descriptor = descriptor;
	return fake_call(FDATASYNC);
}

/* Waits until *counter is at least that; false: it did not happen in that time. */
static bool wait_for(const unsigned *counter, unsigned least, unsigned milliseconds)
{
	struct timespec until;
	bool reached;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	until.tv_sec += milliseconds / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&fake.lock);
	while (*counter < least && pthread_cond_timedwait(&fake.changed, &fake.lock, &until) == 0)
		;
	reached = *counter >= least;
	pthread_mutex_unlock(&fake.lock);
	return reached;
}

static int setup(void **state)
{
	struct backend *b = malloc(sizeof(*b));

	fake.script = NULL;
	backend_make(b, 0);
	memset(fake.entered, 0, sizeof(fake.entered));
	memset(fake.left, 0, sizeof(fake.left));
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

struct syncer_thread {
	pthread_t thread;
	struct store *store;
	int error;
};

static void *sync_range_main(void *context)
{
	struct syncer_thread *thread = context;

	thread->error = store_sync_range(thread->store, 0, BLOCK_SIZE);
	return NULL;
}

static void *sync_all_main(void *context)
{
	struct syncer_thread *thread = context;

	thread->error = store_sync_all(thread->store);
	return NULL;
}

static int first_fails(enum call call, unsigned number)
{
	(void)call;
	return number == 1 ? EIO : 0;
}

/* The kernel would say that all is well, the second time. */
static void test_failure_is_sticky(void **state)
{
	for (enum call call = MSYNC; call < CALLS; call++) {
		struct store *store = backend_store(*state, STORE_WRITE);

		memset(fake.entered, 0, sizeof(fake.entered));
		fake.script = first_fails;
		assert_int_equal(call == MSYNC ? store_sync_range(store, 0, 1) : store_sync_all(store), -EIO);
		assert_true(store_faulted(store));
		fake.script = NULL;
		assert_int_equal(store_sync_range(store, 0, 1), -EIO);
		assert_int_equal(store_sync_all(store), -EIO);
		assert_int_equal(store_set_size(store, store_size(store) + 65536), -EIO);
		assert_int_equal(fake.entered[MSYNC] + fake.entered[FDATASYNC], 1);
		store_close(store);
	}
}

/* The first has the kernel's only report in its hands while the second could ask for itself. */
static int first_is_slow_to_fail(enum call call, unsigned number)
{
	if (number > 1)
		return 0;
	(void)wait_for(&fake.entered[call], 2, 200);
	return EIO;
}

static void test_one_report_for_two(void **state)
{
	struct syncer_thread first = {.store = backend_store(*state, STORE_WRITE)};

	fake.script = first_is_slow_to_fail;
	assert_int_equal(pthread_create(&first.thread, NULL, sync_range_main, &first), 0);
	assert_true(wait_for(&fake.entered[MSYNC], 1, 10000));
	assert_int_equal(store_sync_range(first.store, 0, BLOCK_SIZE), -EIO);
	assert_int_equal(pthread_join(first.thread, NULL), 0);
	assert_int_equal(first.error, -EIO);
	store_close(first.store);
}

static int whole_waits_for_range(enum call call, unsigned number)
{
	(void)number;
	return call == MSYNC || wait_for(&fake.left[MSYNC], 1, 10000) ? 0 : EIO;
}

/* A small fsync does not wait for a checkpoint's gigabyte. */
static void test_range_passes_whole(void **state)
{
	struct syncer_thread whole = {.store = backend_store(*state, STORE_WRITE)};

	fake.script = whole_waits_for_range;
	assert_int_equal(pthread_create(&whole.thread, NULL, sync_all_main, &whole), 0);
	assert_true(wait_for(&fake.entered[FDATASYNC], 1, 10000));
	assert_int_equal(store_sync_range(whole.store, 0, BLOCK_SIZE), 0);
	assert_int_equal(pthread_join(whole.thread, NULL), 0);
	assert_int_equal(whole.error, 0);
	/* so each needs an open file of its own, to be told of failures */
	assert_int_not_equal(fake.descriptor, store_file_descriptor(whole.store));
	store_close(whole.store);
}

static struct store *watched;

static int whole_fails_within_range(enum call call, unsigned number)
{
	(void)number;
	if (call == FDATASYNC)
		return EIO;
	for (unsigned i = 0; i < 10000 && !store_faulted(watched); i++)
		usleep(1000);
	return 0;
}

/* Success is not told any more once somebody else was told of a failure. */
static void test_no_success_after_failure(void **state)
{
	struct syncer_thread range = {.store = backend_store(*state, STORE_WRITE)};

	watched = range.store;
	fake.script = whole_fails_within_range;
	assert_int_equal(pthread_create(&range.thread, NULL, sync_range_main, &range), 0);
	assert_true(wait_for(&fake.entered[MSYNC], 1, 10000));
	assert_int_equal(store_sync_all(range.store), -EIO);
	assert_int_equal(pthread_join(range.thread, NULL), 0);
	assert_int_equal(range.error, -EIO);
	store_close(range.store);
}

static int no_space(enum call call, unsigned number)
{
	(void)number;
	return call == MSYNC ? ENOSPC : 0;
}

/* ENOSPC of a sync is data lost, and no full host that may be asked again for less. */
static void test_growth_that_fails(void **state)
{
	struct backend *b = *state;
	struct block_range range;
	struct super_disk super;
	unsigned bad_slots;

	backend_open(b, RECOVER_AUTO);
	uint64_t size = store_size(b->image->store);
	memset(fake.entered, 0, sizeof(fake.entered));
	fake.script = no_space;
	assert_int_equal(data_reserve(b->image, 0, 4096, &range), -EIO);
	assert_int_equal(fake.entered[MSYNC], 1);
	assert_int_equal(store_size(b->image->store), size); /* it is that of the growth */
	assert_int_not_equal(image_failure(b->image), 0);
	assert_int_equal(super_read(b->image->store, &super, &bad_slots, &b->report), 0);
	assert_true(le64_get(super.flags) & SUPER_FAILED);
	assert_int_equal(image_close(b->image), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_failure_is_sticky, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_one_report_for_two, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_range_passes_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_success_after_failure, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_growth_that_fails, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
