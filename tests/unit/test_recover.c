/* Recovery, warm and cold, again and again, with and without the syncer's thread. */
#include "backend_fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ITEMS 200u

static int setup(void **state)
{
	struct backend *b = malloc(sizeof(*b));

	backend_make(b, 0);
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

static void put_all(struct backend *b, uint64_t version)
{
	for (uint64_t i = 0; i < ITEMS; i++)
		backend_put(b, i, version);
}

static void expect_all(struct backend *b, int version)
{
	for (uint64_t i = 0; i < ITEMS; i++)
		assert_int_equal(backend_version(b, i, version < 0 ? 0 : (uint64_t)version + 1), version);
}

static void test_warm_keeps_all(void **state)
{
	struct backend *b = *state;

	backend_open(b, RECOVER_AUTO);
	put_all(b, 0);
	assert_int_equal(image_sync(b->image, image_head(b->image), NULL, 0), 0);
	put_all(b, 1);
	backend_kill(b);
	backend_open(b, RECOVER_AUTO);
	assert_false(b->report.was_clean);
	assert_true(b->report.warm);
	assert_int_equal(b->report.records_replayed, 2 * ITEMS);
	assert_int_equal(b->report.records_dropped, 0);
	expect_all(b, 1);
	/* all of it has gone home */
	assert_int_equal(image_head(b->image), atomic_load(&b->image->ring.tail));
	assert_int_equal(atomic_load(&b->image->overlay.count), 0);
	put_all(b, 2);
	backend_close(b);
	backend_open(b, RECOVER_AUTO);
	assert_true(b->report.was_clean);
	expect_all(b, 2);
	backend_close(b);
}

static void test_cold_keeps_what_was_synced(void **state)
{
	struct backend *b = *state;
	uint64_t epoch, tail;

	backend_open(b, RECOVER_AUTO);
	epoch = b->image->ring.epoch;
	tail = atomic_load(&b->image->ring.tail);
	put_all(b, 0);
	assert_int_equal(image_sync(b->image, image_head(b->image), NULL, 0), 0);
	for (uint64_t i = 0; i < 7; i++)
		backend_put(b, i, 1);
	backend_kill(b);
	backend_open(b, RECOVER_COLD);
	assert_false(b->report.warm);
	assert_int_equal(b->report.records_replayed, ITEMS);
	assert_int_equal(b->report.records_dropped, 7);
	expect_all(b, 0);
	assert_int_not_equal(b->image->ring.epoch, epoch);
	assert_true(image_head(b->image) >= tail + b->image->ring.size);
	assert_int_equal(image_head(b->image) % BLOCK_SIZE, 0);
	backend_kill(b);
	/* what was dropped does not come back */
	backend_open(b, RECOVER_WARM);
	assert_int_equal(b->report.records_replayed, 0);
	expect_all(b, 0);
	put_all(b, 2);
	backend_kill(b);
	backend_open(b, RECOVER_WARM);
	expect_all(b, 2);
	backend_close(b);
}

static void test_cold_without_any_seal(void **state)
{
	struct backend *b = *state;

	backend_open(b, RECOVER_AUTO);
	put_all(b, 0);
	backend_kill(b);
	backend_open(b, RECOVER_COLD);
	assert_int_equal(b->report.records_dropped, ITEMS);
	expect_all(b, -1);
	put_all(b, 3);
	backend_close(b);
	backend_open(b, RECOVER_AUTO);
	expect_all(b, 3);
	backend_close(b);
}

static void test_other_session_is_cold(void **state)
{
	struct backend *b = *state;
	struct image_options options = {.no_syncer = true};
	struct image_report report;

	backend_open(b, RECOVER_AUTO);
	put_all(b, 0);
	backend_kill(b);
	/* without a session nothing is known about the cache */
	assert_int_equal(image_open(backend_store(b, STORE_WRITE), &options, &b->image, &report), 0);
	assert_false(report.warm);
	assert_int_equal(report.records_dropped, ITEMS);
	put_all(b, 0);
	backend_kill(b);
	/* and the mount after it cannot know either */
	backend_open(b, RECOVER_AUTO);
	assert_false(b->report.warm);
	backend_close(b);
}

static void other_boot(struct session_disk *session)
{
	session->boot_id[3] ^= 1;
}

static void other_file(struct session_disk *session)
{
	session->inode.raw ^= 1;
}

static void other_birth(struct session_disk *session)
{
	session->birth_seconds.raw ^= 1;
}

static void other_mount(struct session_disk *session)
{
	session->mount_id.raw ^= 1;
}

static void other_loop(struct session_disk *session)
{
	session->mount_id.raw ^= 1;
	session->device.raw ^= 1;
}

static void other_copy(struct session_disk *session)
{
	session->mount_id.raw ^= 1;
	session->device.raw ^= 1;
	session->inode.raw ^= 1;
}

static void other_device(struct session_disk *session)
{
	session->disk_sequence.raw ^= 1;
}

static void no_birth(struct session_disk *session)
{
	session->birth_nanoseconds = le64_of(UINT64_MAX);
}

static void same(struct session_disk *session)
{
	(void)session;
}

/* Puts an item that is not sealed, and is killed; then opens with another session. */
static enum cold_reason reason_of(struct backend *b, void (*change)(struct session_disk *session))
{
	struct image_options options = {.no_syncer = true};
	struct session_disk session;
	enum cold_reason reason;
	struct store *store;
	static uint64_t version;

	backend_put(b, 1, ++version);
	backend_kill(b);
	store = backend_store(b, STORE_WRITE);
	image_session_of(store_file_descriptor(store), &session);
	change(&session);
	options.session = &session;
	assert_int_equal(image_open(store, &options, &b->image, &b->report), 0);
	reason = b->report.cold;
	assert_int_equal(b->report.warm, reason == COLD_NOT);
	assert_int_equal(b->report.records_dropped, reason == COLD_NOT ? 0 : 1);
	backend_close(b);
	backend_open(b, RECOVER_AUTO);
	assert_true(b->report.was_clean);
	assert_int_equal(b->report.cold, COLD_NOT);
	return reason;
}

/* Why a recovery is cold is told as it is: not every time has the host gone down. */
static void test_reasons(void **state)
{
	struct image_options asked = {.no_syncer = true, .recover = RECOVER_COLD};
	struct backend *b = *state;

	backend_open(b, RECOVER_AUTO);
	assert_int_equal(reason_of(b, same), COLD_NOT);
	assert_int_equal(reason_of(b, other_boot), COLD_OTHER_BOOT);
	assert_int_equal(reason_of(b, other_file), COLD_OTHER_FILE);
	assert_int_equal(reason_of(b, other_birth), COLD_OTHER_FILE);
	assert_int_equal(reason_of(b, other_copy), COLD_OTHER_FILE);
	assert_int_equal(reason_of(b, other_mount), COLD_OTHER_MOUNT);
	assert_int_equal(reason_of(b, other_loop), COLD_OTHER_MOUNT);
	assert_int_equal(reason_of(b, other_device), COLD_OTHER_DEVICE);
	assert_int_equal(reason_of(b, no_birth), COLD_UNKNOWN);
	/* its last owner had another name */
	pthread_mutex_lock(&b->image->super_lock);
	strcpy(b->image->super.owner.host, "elsewhere.example");
	assert_int_equal(super_write(b->image), 0);
	pthread_mutex_unlock(&b->image->super_lock);
	assert_int_equal(reason_of(b, other_boot), COLD_OTHER_HOST);
	backend_put(b, 1, 0);
	backend_kill(b);
	assert_int_equal(backend_try(b, &asked), 0);
	assert_int_equal(b->report.cold, COLD_ASKED);
	assert_int_equal(image_fail(b->image, -EIO), -EIO);
	assert_int_equal(image_close(b->image), -EIO);
	backend_open(b, RECOVER_AUTO);
	assert_int_equal(b->report.cold, COLD_FAILED);
	backend_close(b);
}

/* Records up to the tail are home; the rest is replayed on top. */
static void test_after_checkpoint(void **state)
{
	struct backend *b = *state;

	backend_open(b, RECOVER_AUTO);
	put_all(b, 0);
	assert_int_equal(image_checkpoint(b->image), 0);
	assert_int_equal(image_head(b->image), atomic_load(&b->image->ring.tail));
	assert_int_equal(atomic_load(&b->image->overlay.count), 0);
	expect_all(b, 0);
	for (uint64_t i = 0; i < 5; i++)
		backend_put(b, i, 1);
	backend_kill(b);
	backend_open(b, RECOVER_COLD);
	assert_int_equal(b->report.records_replayed, 0);
	assert_int_equal(b->report.records_dropped, 5);
	expect_all(b, 0);
	backend_close(b);
}

static void read_file(const struct backend *b, uint8_t **ret_bytes, size_t *ret_size)
{
	struct stat status;

	assert_int_equal(stat(b->path, &status), 0);
	*ret_size = (size_t)status.st_size;
	*ret_bytes = malloc(*ret_size);
	backend_peek(b, 0, *ret_bytes, *ret_size);
}

static void test_read_only_recovers_in_memory(void **state)
{
	struct backend *b = *state;
	struct image_options options = {.read_only = true};
	uint8_t *before, *after;
	size_t size_before, size_after;

	backend_open(b, RECOVER_AUTO);
	put_all(b, 0);
	assert_int_equal(image_sync(b->image, image_head(b->image), NULL, 0), 0);
	put_all(b, 1);
	backend_kill(b);
	read_file(b, &before, &size_before);
	assert_int_equal(backend_try(b, &options), 0);
	assert_true(b->report.warm);
	expect_all(b, 1);
	backend_close(b);
	options.recover = RECOVER_COLD;
	assert_int_equal(backend_try(b, &options), 0);
	assert_int_equal(b->report.records_dropped, ITEMS);
	expect_all(b, 0);
	backend_close(b);
	read_file(b, &after, &size_after);
	assert_int_equal(size_before, size_after);
	assert_memory_equal(before, after, size_before);
	free(before);
	free(after);
	backend_open(b, RECOVER_AUTO);
	expect_all(b, 1);
	backend_close(b);
}

/* Warm recoveries without a checkpoint in between change nothing, and do not fill the ring with seals. */
static void test_kill_after_kill(void **state)
{
	struct backend *b = *state;

	backend_open(b, RECOVER_AUTO);
	put_all(b, 0);
	for (unsigned i = 0; i < 12; i++) {
		backend_kill(b);
		backend_open(b, RECOVER_AUTO);
		backend_put(b, i % ITEMS, 0);
	}
	expect_all(b, 0);
	backend_close(b);
}

/* A copy of the file from before a recovery is what a kill in mid-recovery may leave of its superblock. */
static void test_old_superblocks_after_recovery(void **state)
{
	struct backend *b = *state;
	uint8_t slots[2 * BLOCK_SIZE];

	for (int mode = RECOVER_WARM; mode <= RECOVER_COLD; mode++) {
		teardown(state);
		setup(state);
		b = *state;
		backend_open(b, RECOVER_AUTO);
		put_all(b, 0);
		assert_int_equal(image_sync(b->image, image_head(b->image), NULL, 0), 0);
		put_all(b, 1);
		backend_kill(b);
		backend_peek(b, 0, slots, sizeof(slots));
		backend_open(b, mode);
		backend_kill(b);
		backend_poke(b, 0, slots, sizeof(slots));
		backend_open(b, mode);
		expect_all(b, mode == RECOVER_WARM ? 1 : 0);
		backend_close(b);
		backend_open(b, RECOVER_AUTO);
		expect_all(b, mode == RECOVER_WARM ? 1 : 0);
		backend_close(b);
	}
}

/* SIGKILL at a random moment of a process with a syncer: all that it said to have committed is there. */
static void test_killed_process(void **state)
{
	struct backend *b = *state;
	unsigned seed = (unsigned)getpid();

	print_message("seed %u\n", seed);
	for (unsigned round = 0; round < 5; round++) {
		struct image_options options = {.commit_seconds = 1};
		uint64_t said[2] = {0};
		int told[2], status;
		pid_t child;

		assert_int_equal(pipe(told), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			if (backend_try(b, &options) < 0)
				_exit(1);
			for (uint64_t i = 0;; i++) {
				uint64_t done[2] = {i % ITEMS, round * 100000 + i / ITEMS};

				backend_put(b, done[0], done[1]);
				if (i % 97 == 0 && image_sync(b->image, image_head(b->image), NULL, 0) < 0)
					_exit(1);
				if (write(told[1], done, sizeof(done)) != sizeof(done))
					_exit(1);
			}
		}
		close(told[1]);
		assert_int_equal(read(told[0], said, sizeof(said)), sizeof(said));
		usleep((useconds_t)(rand_r(&seed) % 120000));
		assert_int_equal(kill(child, SIGKILL), 0);
		while (read(told[0], said, sizeof(said)) == sizeof(said))
			;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		close(told[0]);
		backend_open(b, RECOVER_AUTO);
		assert_true(b->report.warm);
		for (uint64_t i = 0; i <= said[0]; i++) {
			uint8_t found[ITEM_MAX], expected[ITEM_MAX];
			size_t size, expected_size = backend_value(i, said[1], expected);
			int error;

			image_read_lock(b->image);
			error = tree_get(b->image, TREE_FILES, backend_key(i), found, sizeof(found), &size);
			image_read_unlock(b->image);
			assert_int_equal(error, 0);
			/* one more than was said may have been committed */
			if (i == (said[0] + 1) % ITEMS && (size != expected_size || found[0] != expected[0]))
				continue;
			assert_int_equal(size, expected_size);
			assert_memory_equal(found, expected, size);
		}
		backend_close(b);
	}
}

static void test_syncer_thread(void **state)
{
	struct backend *b = *state;
	struct image_options options = {.commit_seconds = 1};
	struct image_stats stats;

	assert_int_equal(backend_try(b, &options), 0);
	put_all(b, 0);
	/* seals by itself, and being idle brings all home */
	for (unsigned i = 0; i < 60 && atomic_load(&b->image->ring.tail) != image_head(b->image); i++)
		usleep(100000);
	assert_int_equal(atomic_load(&b->image->ring.tail), image_head(b->image));
	image_stats(b->image, &stats);
	assert_int_equal(stats.seals, 1);
	assert_true(stats.checkpoints >= 1);
	assert_int_equal(stats.overlay_bytes, 0);
	for (uint64_t i = 0; i < 20000; i++)
		backend_put(b, i % ITEMS, i);
	backend_close(b);
	backend_open(b, RECOVER_AUTO);
	assert_true(b->report.was_clean);
	backend_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_warm_keeps_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cold_keeps_what_was_synced, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cold_without_any_seal, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_other_session_is_cold, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reasons, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_after_checkpoint, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_read_only_recovers_in_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_kill_after_kill, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_old_superblocks_after_recovery, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_killed_process, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_syncer_thread, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
