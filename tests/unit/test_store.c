/* The real file behind an image: sizes, locks, holes, and faults that become errnos. */
#include "backend_fixture.h"

#include "../../backend/guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static int setup(void **state)
{
	struct backend *b = malloc(sizeof(*b));

	backend_path(b);
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

static void test_writes_and_sizes(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	uint8_t bytes[10000], read_back[10000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	assert_int_equal(store_size(store), 0);
	assert_int_equal(store_write(store, 0, "x", 1), -EIO); /* past the end */
	assert_int_equal(store_set_size(store, 4097), -EINVAL);
	assert_int_equal(store_set_size(store, store->map_size + 4096), -EFBIG);
	assert_int_equal(store_set_size(store, 65536), 0);
	assert_int_equal(store_size(store), 65536);
	assert_int_equal(store_reserve(store, 0, 65536), 0);
	assert_int_equal(store_write(store, 4000, bytes, sizeof(bytes)), 0);
	assert_int_equal(store_write(store, 65530, bytes, 7), -EIO);
	assert_memory_equal(store_at(store, 4000), bytes, sizeof(bytes));
	assert_int_equal(store_zero(store, 5000, 100), 0);
	memset(bytes + 1000, 0, 100);
	assert_int_equal(store_sync_range(store, 4000, sizeof(bytes)), 0);
	assert_int_equal(store_sync_all(store), 0);
	backend_peek(b, 4000, read_back, sizeof(read_back));
	assert_memory_equal(read_back, bytes, sizeof(bytes));
	store_close(store);

	store = backend_store(b, STORE_READ_ONLY);
	assert_int_equal(store_size(store), 65536);
	assert_memory_equal(store_at(store, 4000), bytes, sizeof(bytes));
	assert_int_equal(store_write(store, 0, "x", 1), -EROFS);
	assert_int_equal(store_zero(store, 0, 1), -EROFS);
	assert_int_equal(store_set_size(store, 0), -EROFS);
	assert_int_equal(store_reserve(store, 0, 1), -EROFS);
	assert_int_equal(store_punch(store, 0, 4096), -EROFS);
	store_close(store);
}

static void test_shrinks_and_grows(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	struct stat status;

	assert_int_equal(store_set_size(store, 1 << 20), 0);
	assert_int_equal(store_write(store, 8192, "abc", 3), 0);
	assert_int_equal(store_set_size(store, 8192), 0);
	assert_int_equal(stat(b->path, &status), 0);
	assert_int_equal(status.st_size, 8192);
	assert_int_equal(store_set_size(store, 1 << 20), 0);
	assert_memory_equal(store_at(store, 8192), "\0\0\0", 3);
	store_close(store);
}

static void test_punch(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	uint8_t bytes[65536];
	uint64_t before, after;
	int error;

	memset(bytes, 0xa5, sizeof(bytes));
	assert_int_equal(store_set_size(store, 1 << 20), 0);
	assert_int_equal(store_write(store, 65536, bytes, sizeof(bytes)), 0);
	assert_int_equal(store_sync_all(store), 0);
	assert_int_equal(store_allocated(store, &before), 0);
	error = store_punch(store, 65536, 65536);
	if (error == -EOPNOTSUPP) {
		assert_memory_equal(store_at(store, 65536), bytes, sizeof(bytes));
		store_close(store);
		skip(); /* this host has no holes */
	}
	assert_int_equal(error, 0);
	/* before anything is read: on a tmpfs that takes pages */
	assert_int_equal(store_allocated(store, &after), 0);
	assert_true(after + 65536 <= before);
	memset(bytes, 0, sizeof(bytes));
	assert_memory_equal(store_at(store, 65536), bytes, sizeof(bytes));
	assert_int_equal(store_size(store), 1 << 20);
	/* as far as the file goes */
	memset(bytes, 0xa5, sizeof(bytes));
	assert_int_equal(store_write(store, (1 << 20) - 65536, bytes, sizeof(bytes)), 0);
	assert_int_equal(store_punch(store, (1 << 20) - 65536, 2 * 65536), 0);
	assert_int_equal(store_punch(store, 1 << 20, 65536), 0);
	memset(bytes, 0, sizeof(bytes));
	assert_memory_equal(store_at(store, (1 << 20) - 65536), bytes, sizeof(bytes));
	assert_int_equal(store_size(store), 1 << 20);
	store_close(store);
}

static void count_call(void *context)
{
	++*(int *)context;
}

static int try_lock(const struct backend *b, enum store_mode mode, unsigned wait_ms, int *calls)
{
	struct store_file_options options = {
	    .mode = mode, .lock_wait_ms = wait_ms, .waiting = count_call, .context = calls};
	struct store *store;
	int error = store_file_open(b->path, &options, &store);

	if (error == 0)
		store_close(store);
	return error;
}

/* Runs in a second process; the exit status says whether all was as expected. */
static void in_child(bool (*check)(const struct backend *), const struct backend *b)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(check(b) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool all_refused(const struct backend *b)
{
	int calls = 0;

	return try_lock(b, STORE_WRITE, 0, &calls) == -EWOULDBLOCK && calls == 0 &&
	       try_lock(b, STORE_READ_ONLY, 0, &calls) == -EWOULDBLOCK && calls == 0 &&
	       try_lock(b, STORE_WRITE, 120, &calls) == -EWOULDBLOCK && calls == 1;
}

static bool readers_allowed(const struct backend *b)
{
	int calls = 0;

	return try_lock(b, STORE_READ_ONLY, 0, &calls) == 0 &&
	       try_lock(b, STORE_WRITE, 0, &calls) == -EWOULDBLOCK;
}

static bool all_allowed(const struct backend *b)
{
	int calls = 0;

	return try_lock(b, STORE_WRITE, 0, &calls) == 0 && try_lock(b, STORE_READ_ONLY, 0, &calls) == 0;
}

static void test_locks(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);

	in_child(all_refused, b);
	store_close(store);
	store = backend_store(b, STORE_READ_ONLY);
	in_child(readers_allowed, b);
	store_close(store);
	in_child(all_allowed, b);
}

/* The lock is let go while somebody waits for it. */
static void test_lock_waits(void **state)
{
	struct backend *b = *state;
	int ready[2], status, calls = 0;
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *store = backend_store(b, STORE_WRITE);

		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(150000);
		store_close(store);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(try_lock(b, STORE_WRITE, 8000, &calls), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

static void test_open_errors(void **state)
{
	struct backend *b = *state;
	struct store_file_options options = {.mode = STORE_WRITE};
	struct store *store;
	struct stat status;
	char path[96];

	assert_int_equal(store_file_open("/dev/null", &options, &store), -EINVAL);
	assert_int_equal(store_file_open("/", &options, &store), -EISDIR);
	snprintf(path, sizeof(path), "%s.new", b->path);
	assert_int_equal(store_file_open(path, &options, &store), -ENOENT);
	options.mode = STORE_CREATE;
	umask(0);
	assert_int_equal(store_file_open(path, &options, &store), 0);
	store_close(store);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	options.mode = STORE_READ_ONLY;
	assert_int_equal(store_file_open(path, &options, &store), -EINVAL);
	unlink(path);
}

/* The file is cut by somebody else while it is mapped. */
static void test_cut_file(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	uint8_t byte;

	assert_int_equal(store_set_size(store, 1 << 20), 0);
	assert_int_equal(store_write(store, 65536, "abc", 3), 0);
	assert_int_equal(truncate(b->path, 65536), 0);
	assert_false(store_faulted(store));
	assert_int_equal(guard_copy(&byte, store_at(store, 65536), 1), -EIO);
	assert_int_equal(store_write(store, 65536 - 2, "abcd", 4), -EIO);
	assert_true(store_faulted(store));
	assert_int_equal(store_write(store, 0, "abcd", 4), 0);
	assert_memory_equal(store_at(store, 0), "abcd", 4);
	store_close(store);
}

/* What was cut off must not come back as zeros, which would be taken for the bytes that were there. */
static void test_cut_file_stays_cut(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	struct stat status;
	uint8_t byte;

	assert_int_equal(store_set_size(store, 1 << 20), 0);
	assert_int_equal(truncate(b->path, 65536), 0);
	assert_int_equal(store_set_size(store, 2 << 20), -EIO);
	assert_true(store_faulted(store));
	assert_int_equal(stat(b->path, &status), 0);
	assert_int_equal(status.st_size, 65536);
	assert_int_equal(guard_copy(&byte, store_at(store, 65536), 1), -EIO);
	assert_int_equal(store_set_size(store, 512 << 10), -EIO);
	store_close(store);
}

/* Large writes to pages that are not cached are write calls, which would let the file grow. */
static void test_cut_file_and_large_write(void **state)
{
	static uint8_t bytes[256 << 10];
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	struct stat status;

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(store_set_size(store, 4 << 20), 0);
	assert_int_equal(store_write(store, (1 << 20) + 100, bytes, sizeof(bytes)), 0);
	assert_memory_equal(store_at(store, (1 << 20) + 100), bytes, sizeof(bytes));
	assert_memory_equal(store_at(store, (1 << 20) + 99), "", 1);
	assert_int_equal(truncate(b->path, 65536), 0);
	assert_int_equal(store_write(store, 2 << 20, bytes, sizeof(bytes)), -EIO);
	assert_true(store_faulted(store));
	assert_int_equal(stat(b->path, &status), 0);
	assert_int_equal(status.st_size, 65536);
	store_close(store);
}

/* Are the pages of [offset, offset + length) in this process' page table? */
static bool all_mapped(struct store *store, uint64_t offset, uint64_t length)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE), entry;
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool mapped = pagemap >= 0;

	for (uint64_t at = offset - offset % page_size; at < offset + length; at += page_size) {
		off_t place = (off_t)((uintptr_t)store_at(store, at) / page_size * sizeof(entry));
		mapped &= pread(pagemap, &entry, sizeof(entry), place) == sizeof(entry) && entry >> 63;
	}
	close(pagemap);
	return mapped;
}

/* What is handed to the kernel to copy from is mapped beforehand; what cannot be is no failure yet. */
static void test_prefault(void **state)
{
	static const uint64_t lengths[] = {1, 4096, 60000, 1 << 20};
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	uint64_t at = 100;

	assert_int_equal(store_set_size(store, 4 << 20), 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		store_prefault(store, at, lengths[i]);
		assert_true(all_mapped(store, at, lengths[i]));
		at += lengths[i] + 4000;
	}
	assert_int_equal(truncate(b->path, 2 << 20), 0);
	store_prefault(store, (2 << 20) - 4096, 8192);
	assert_true(all_mapped(store, (2 << 20) - 4096, 4096));
	assert_false(store_faulted(store));
	store_close(store);
}

/* A fault outside of a guarded copy: zeros, and the failure is remembered. */
static void test_fault_without_guard(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	const volatile uint8_t *byte;

	assert_int_equal(store_set_size(store, 1 << 20), 0);
	assert_int_equal(store_write(store, 131072 + 5, "x", 1), 0);
	assert_int_equal(truncate(b->path, 65536), 0);
	byte = store_at(store, 131072 + 5);
	assert_false(store_faulted(store));
	assert_int_equal(*byte, 0);
	assert_true(store_faulted(store));
	store_close(store);
}

static void test_freeze(void **state)
{
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);

	assert_int_equal(store_set_size(store, 65536), 0);
	assert_int_equal(store_write(store, 100, "abc", 3), 0);
	store_freeze(store);
	assert_int_equal(store_write(store, 100, "xyz", 3), -EIO);
	assert_int_equal(store_zero(store, 100, 3), -EIO);
	assert_int_equal(store_set_size(store, 4096), -EIO);
	assert_memory_equal(store_at(store, 100), "abc", 3);
	store_close(store);
}

/* The ring's own mapping is of the same pages, also where a range lies on its edge or outside. */
static void test_ring_mapping(void **state)
{
	enum { RING = 65536, LENGTH = 131072 };
	struct backend *b = *state;
	struct store *store = backend_store(b, STORE_WRITE);
	static const uint64_t offsets[] = {
	    0, RING - 3, RING, RING + 5, RING + LENGTH - 6, RING + LENGTH - 3, RING + LENGTH};
	uint8_t seen[6];

	assert_int_equal(store_set_size(store, 1 << 20), 0);
	assert_int_equal(store_map_ring(store, RING, LENGTH), 0);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		char text[7];

		snprintf(text, sizeof(text), "text-%zu", i);
		assert_int_equal(store_write(store, offsets[i], text, 6), 0);
		assert_memory_equal(store_at(store, offsets[i]), text, 6);
		assert_int_equal(store_sync_range(store, offsets[i], 6), 0);
		store_sync_later(store, offsets[i], 6);
		backend_peek(b, offsets[i], seen, sizeof(seen));
		assert_memory_equal(seen, text, 6);
		assert_int_equal(store_zero(store, offsets[i], 6), 0);
	}
	assert_int_equal(store_write(store, RING + 100, "abc", 3), 0);
	store_freeze(store);
	assert_int_equal(store_write(store, RING + 100, "xyz", 3), -EIO);
	assert_memory_equal(store_at(store, RING + 100), "abc", 3);
	store_close(store);

	store = backend_store(b, STORE_READ_ONLY);
	assert_int_equal(store_map_ring(store, RING, LENGTH), 0);
	assert_int_equal(store_write(store, RING, "abc", 3), -EROFS);
	assert_memory_equal(store_at(store, RING + 100), "abc", 3);
	store_close(store);
}

/* Readers have a mapping that cannot be written: a stray store dies instead of damaging the image (R3). */
static bool stray_store(const struct backend *b)
{
	struct rlimit no_core = {0};
	struct store *store;

	signal(SIGSEGV, SIG_DFL); /* as in a program, which has no handler of cmocka's */
	store = backend_store(b, STORE_WRITE);
	setrlimit(RLIMIT_CORE, &no_core);
	if (store_set_size(store, 65536) < 0)
		return true;
	if (!freopen("/dev/null", "w", stderr))
		return true;
	*(volatile uint8_t *)(uintptr_t)store->base = 1;
	return true;
}

static void test_stray_store(void **state)
{
	struct backend *b = *state;
	uint8_t byte;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(stray_store(b) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_not_equal(status, 0);
	if (!SANITIZED)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	backend_peek(b, 0, &byte, 1);
	assert_int_equal(byte, 0);
}

static bool file_size_limit(const struct backend *b)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
	struct store *store = backend_store(b, STORE_WRITE);

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || store_set_size(store, 1 << 20) != 0)
		return false;
	return store_set_size(store, 2 << 20) == -EFBIG && store_size(store) == 1 << 20;
}

static bool small_address_space(const struct backend *b)
{
	struct rlimit limit = {.rlim_cur = 1 << 30, .rlim_max = 1 << 30};
	struct store_file_options options = {.mode = STORE_WRITE};
	struct store *store;

	if (setrlimit(RLIMIT_AS, &limit) < 0 || store_file_open(b->path, &options, &store) != 0)
		return false;
	if (store->map_size < 64 << 20 || store->map_size > 1 << 30)
		return false;
	if (store_set_size(store, store->map_size + 4096) != -EFBIG || store_set_size(store, 65536) != 0)
		return false;
	store_close(store);
	if (truncate(b->path, (off_t)2 << 30) < 0)
		return false;
	return store_file_open(b->path, &options, &store) == -EFBIG;
}

static void test_limits(void **state)
{
	in_child(file_size_limit, *state);
	if (!SANITIZED)
		in_child(small_address_space, *state);
}

static void test_host_space(void **state)
{
	struct store *store = backend_store(*state, STORE_WRITE);
	uint64_t bytes = 0;

	assert_int_equal(store_host_space(store, &bytes), 0);
	assert_true(bytes > 0);
	store_close(store);
}

/* A tmpfs without a limit, as a memfd lies in, gives its sizes as zero, and so do some network filesystems.
 */
static void test_host_without_figures(void **state)
{
	struct store_file_options options = {.mode = STORE_WRITE};
	int file = memfd_create("store", MFD_CLOEXEC);
	struct store *store;
	uint64_t bytes = 0;
	char path[64];

	(void)state;
	assert_true(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	assert_int_equal(store_file_open(path, &options, &store), 0);
	assert_int_equal(store_host_space(store, &bytes), 0);
	assert_true(bytes > 1u << 30);
	store_close(store);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_writes_and_sizes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shrinks_and_grows, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_punch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lock_waits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_open_errors, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cut_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cut_file_stays_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cut_file_and_large_write, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_prefault, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fault_without_guard, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_freeze, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ring_mapping, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stray_store, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_host_space, setup, teardown),
	    cmocka_unit_test(test_host_without_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
