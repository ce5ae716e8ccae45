/* The scratch store: whatever is done to it, the file does not change; memory is counted, limited, and given
 * back. */
#include "backend_fixture.h"

#include "../../backend/guard.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define FILE_BYTES  (UINT64_C(1) << 20)
#define LIMIT_BYTES (UINT64_C(1) << 20)

struct scratch {
	struct backend b;
	uint64_t page;
	uint8_t before[FILE_BYTES];
	struct stat status;
};

/* A file without a zero in it. */
static int setup(void **state)
{
	static struct scratch one; /* its array is large */
	struct scratch *s = &one;

	backend_path(&s->b);
	for (size_t i = 0; i < FILE_BYTES; i++)
		s->before[i] = (uint8_t)(i % 251 + 1);
	assert_int_equal(truncate(s->b.path, FILE_BYTES), 0);
	backend_poke(&s->b, 0, s->before, FILE_BYTES);
	assert_int_equal(stat(s->b.path, &s->status), 0);
	s->page = (uint64_t)sysconf(_SC_PAGESIZE);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;

	unlink(s->b.path);
	return 0;
}

static struct store *open_scratch(const struct scratch *s)
{
	struct store *store = backend_store(&s->b, STORE_SCRATCH);

	store_scratch_limit(store, LIMIT_BYTES);
	return store;
}

static void assert_untouched(const struct scratch *s)
{
	uint8_t *now = malloc(FILE_BYTES);
	struct stat status;

	assert_non_null(now);
	backend_peek(&s->b, 0, now, FILE_BYTES);
	assert_memory_equal(now, s->before, FILE_BYTES);
	free(now);
	assert_int_equal(stat(s->b.path, &status), 0);
	assert_int_equal(status.st_size, FILE_BYTES);
	assert_int_equal(status.st_blocks, s->status.st_blocks);
	assert_int_equal(status.st_mtim.tv_nsec, s->status.st_mtim.tv_nsec);
	assert_int_equal(status.st_ctim.tv_nsec, s->status.st_ctim.tv_nsec);
}

static bool all_zero(const struct store *store, uint64_t from, uint64_t to)
{
	const uint8_t *bytes = store_at(store, 0);

	while (from < to && bytes[from] == 0)
		from++;
	return from == to;
}

static uint64_t free_bytes(struct store *store)
{
	uint64_t bytes;

	assert_int_equal(store_host_space(store, &bytes), 0);
	return bytes;
}

static void test_changes_stay_here(void **state)
{
	struct scratch *s = *state;
	struct store *one = open_scratch(s), *two = open_scratch(s),
		     *reader = backend_store(&s->b, STORE_READ_ONLY);

	assert_false(one->read_only);
	assert_int_equal(store_size(one), FILE_BYTES);
	assert_int_equal(store_map_ring(one, 65536, 65536), 0);
	assert_int_equal(store_write(one, 5000, "one", 3), 0);
	assert_int_equal(store_write(two, 5000, "two", 3), 0);
	assert_int_equal(store_zero(one, 70000, 10), 0);
	store_sync_later(one, 5000, 3);
	assert_int_equal(store_sync_range(one, 5000, 3), 0);
	assert_int_equal(store_sync_all(one), 0);
	assert_memory_equal(store_at(one, 5000), "one", 3);
	assert_memory_equal(store_at(one, 5003), s->before + 5003, 100);
	assert_memory_equal(store_at(two, 5000), "two", 3);
	assert_true(all_zero(one, 70000, 70010));
	assert_memory_equal(store_at(two, 70000), s->before + 70000, 10);
	assert_memory_equal(store_at(reader, 5000), s->before + 5000, 3);
	store_close(one);
	store_close(two);
	store_close(reader);
	assert_untouched(s);
}

static void test_lock(void **state)
{
	struct scratch *s = *state;
	struct store_file_options options = {.mode = STORE_WRITE};
	struct store *one = open_scratch(s), *other;

	assert_int_equal(store_file_open(s->b.path, &options, &other), -EWOULDBLOCK);
	store_close(one);
	one = backend_store(&s->b, STORE_WRITE);
	options.mode = STORE_SCRATCH;
	assert_int_equal(store_file_open(s->b.path, &options, &other), -EWOULDBLOCK);
	store_close(one);
}

static void test_sizes(void **state)
{
	struct scratch *s = *state;
	struct store *store = open_scratch(s);

	assert_int_equal(store_set_size(store, 4097), -EINVAL);
	assert_int_equal(store_set_size(store, store->map_size + 4096), -EFBIG);
	/* Behind the file's end. */
	assert_int_equal(store_write(store, FILE_BYTES, "x", 1), -EIO);
	assert_int_equal(store_set_size(store, 3 * FILE_BYTES), 0);
	assert_true(all_zero(store, FILE_BYTES, 3 * FILE_BYTES));
	assert_int_equal(store_write(store, FILE_BYTES - 2, "abcd", 4), 0);
	assert_int_equal(store_write(store, 3 * FILE_BYTES - 2, "xy", 2), 0);
	assert_memory_equal(store_at(store, FILE_BYTES - 2), "abcd", 4);
	/* What was cut off comes back as zeros, in memory ... */
	assert_int_equal(store_set_size(store, 2 * FILE_BYTES), 0);
	assert_int_equal(store_set_size(store, 3 * FILE_BYTES), 0);
	assert_true(all_zero(store, 2 * FILE_BYTES, 3 * FILE_BYTES));
	/* ... and in the part that is the file's. */
	assert_int_equal(store_set_size(store, FILE_BYTES / 2), 0);
	assert_int_equal(store_write(store, FILE_BYTES / 2, "x", 1), -EIO);
	assert_int_equal(store_set_size(store, 2 * FILE_BYTES), 0);
	assert_true(all_zero(store, FILE_BYTES / 2, 2 * FILE_BYTES));
	assert_memory_equal(store_at(store, 0), s->before, FILE_BYTES / 2);
	assert_int_equal(store_write(store, FILE_BYTES / 2 + 5, "again", 5), 0);
	assert_memory_equal(store_at(store, FILE_BYTES / 2 + 5), "again", 5);
	assert_int_equal(store_set_size(store, 0), 0);
	store_close(store);
	assert_untouched(s);
}

static void test_limit(void **state)
{
	struct scratch *s = *state;
	struct store *store = open_scratch(s);
	uint64_t allocated;

	assert_int_equal(free_bytes(store), LIMIT_BYTES);
	assert_int_equal(store_set_size(store, 4 * FILE_BYTES), 0);
	assert_int_equal(free_bytes(store), LIMIT_BYTES);
	/* Half of it for the file's own pages, which count once. */
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(store_reserve(store, 0, LIMIT_BYTES / 2), 0);
	assert_int_equal(store_allocated(store, &allocated), 0);
	assert_int_equal(allocated, LIMIT_BYTES / 2);
	assert_int_equal(store_reserve(store, 2 * FILE_BYTES, LIMIT_BYTES / 2 + s->page), -ENOSPC);
	assert_int_equal(free_bytes(store), LIMIT_BYTES / 2);
	assert_int_equal(store_reserve(store, 2 * FILE_BYTES, LIMIT_BYTES / 2), 0);
	assert_int_equal(free_bytes(store), 0);
	assert_int_equal(store_reserve(store, 3 * FILE_BYTES, 1), -ENOSPC);
	assert_int_equal(store_reserve(store, 2 * FILE_BYTES + 7, 1), 0);
	/* What has to succeed is not refused. */
	assert_int_equal(store_write(store, 3 * FILE_BYTES, "x", 1), 0);
	/* A part of a page gives nothing back. */
	assert_int_equal(store_punch(store, 1, s->page), 0);
	assert_int_equal(free_bytes(store), 0);
	assert_int_equal(store_punch(store, 0, 4 * s->page), 0);
	assert_int_equal(free_bytes(store), 4 * s->page);
	assert_int_equal(store_punch(store, 2 * FILE_BYTES, LIMIT_BYTES / 4), 0);
	assert_int_equal(free_bytes(store), 4 * s->page + LIMIT_BYTES / 4);
	assert_true(all_zero(store, 2 * FILE_BYTES, 2 * FILE_BYTES + LIMIT_BYTES / 4));
	assert_int_equal(store_set_size(store, FILE_BYTES), 0);
	assert_int_equal(free_bytes(store), LIMIT_BYTES / 2 + 4 * s->page);
	assert_int_equal(store_set_size(store, 0), 0);
	assert_int_equal(free_bytes(store), LIMIT_BYTES);
	store_close(store);
	assert_untouched(s);
}

static void test_default_limit(void **state)
{
	struct scratch *s = *state;
	struct store *store = backend_store(&s->b, STORE_SCRATCH);
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * s->page;

	assert_in_range(free_bytes(store), memory / 2 - s->page, memory / 2);
	store_close(store);
}

static uint64_t data_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[200];
	uint64_t bytes = 0;

	assert_non_null(file);
	while (!bytes && fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmData:", 7))
			bytes = strtoull(line + 7, NULL, 10) * 1024;
	fclose(file);
	assert_true(bytes > 0);
	return bytes;
}

/* Only what may be written to counts as memory that is promised (as with vm.overcommit_memory=2): it is no
 * more than the image has, and given back with it. */
static void test_promised(void **state)
{
	struct scratch *s = *state;
	struct rlimit before, limit;
	uint64_t room = 64 * FILE_BYTES;

	assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
	limit = before;
	limit.rlim_cur = data_bytes() + room;
	assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
	struct store *store = open_scratch(s);
	assert_true(store->map_size > UINT64_C(1) << 34);
	assert_int_equal(store_set_size(store, 2 * room), -ENOSPC);
	assert_int_equal(store_size(store), FILE_BYTES);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(store_set_size(store, room - 8 * FILE_BYTES), 0);
		assert_int_equal(store_write(store, room - 8 * FILE_BYTES - 1, "x", 1), 0);
		assert_int_equal(store_set_size(store, FILE_BYTES / 2), 0);
	}
	store_close(store);
	assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
	assert_untouched(s);
}

static void test_freeze(void **state)
{
	struct scratch *s = *state;
	struct store *store = open_scratch(s);

	assert_int_equal(store_write(store, 0, "abc", 3), 0);
	store_freeze(store);
	assert_int_equal(store_write(store, 0, "xyz", 3), -EIO);
	assert_int_equal(store_reserve(store, 0, 1), -EIO);
	assert_int_equal(store_punch(store, 0, s->page), -EIO);
	assert_int_equal(store_set_size(store, 0), -EIO);
	assert_memory_equal(store_at(store, 0), "abc", 3);
	store_close(store);
}

/* Pages that this process has copied stay; others cannot be read any more. */
static void test_cut_file(void **state)
{
	struct scratch *s = *state;
	struct store *store = open_scratch(s);
	uint8_t byte;

	assert_int_equal(store_set_size(store, 2 * FILE_BYTES), 0);
	assert_int_equal(truncate(s->b.path, FILE_BYTES / 2), 0);
	assert_int_equal(store_write(store, FILE_BYTES, "behind", 6), 0);
	assert_int_equal(store_sync_all(store), 0);
	assert_int_equal(guard_copy(&byte, store_at(store, FILE_BYTES - 1), 1), -EIO);
	assert_int_equal(store_write(store, FILE_BYTES - s->page, "x", 1), -EIO);
	assert_true(store_faulted(store));
	assert_int_equal(store_sync_all(store), -EIO);
	assert_int_equal(store_sync_range(store, 0, 1), -EIO);
	assert_memory_equal(store_at(store, FILE_BYTES), "behind", 6);
	store_close(store);
}

/* A whole image: what was not sealed, a checkpoint, growth. */
static void test_image(void **state)
{
	struct image_options options = {.no_syncer = true, .recover = RECOVER_WARM};
	struct backend b;
	struct stat before, after;

	(void)state;
	backend_make(&b, 0);
	backend_open(&b, RECOVER_AUTO);
	for (uint64_t number = 1; number <= 300; number++)
		backend_put(&b, number, 1);
	backend_kill(&b);
	assert_int_equal(stat(b.path, &before), 0);
	uint8_t *bytes = malloc((size_t)before.st_size), *now = malloc((size_t)before.st_size);
	backend_peek(&b, 0, bytes, (size_t)before.st_size);

	struct store *store = backend_store(&b, STORE_SCRATCH);
	assert_int_equal(image_open(store, &options, &b.image, &b.report), 0);
	assert_true(b.report.warm);
	assert_int_equal(b.report.records_replayed, 300);
	for (unsigned round = 0; round < 20; round++) {
		for (uint64_t number = 1; number <= 600; number++)
			backend_put(&b, number, 2);
		assert_int_equal(image_checkpoint(b.image), 0);
	}
	for (uint64_t number = 1; number <= 600; number++)
		assert_int_equal(backend_version(&b, number, 2), 2);
	image_drop(b.image);

	assert_int_equal(stat(b.path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	backend_peek(&b, 0, now, (size_t)before.st_size);
	assert_memory_equal(now, bytes, (size_t)before.st_size);
	free(bytes);
	free(now);
	backend_open(&b, RECOVER_WARM);
	for (uint64_t number = 1; number <= 300; number++)
		assert_int_equal(backend_version(&b, number, 2), 1);
	backend_close(&b);
	backend_remove(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_changes_stay_here, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_default_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_promised, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_freeze, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cut_file, setup, teardown),
	    cmocka_unit_test(test_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
