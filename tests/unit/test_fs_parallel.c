/*
 * Threads that do everything at once to the same few names, with the syncer beside them: what an operation
 * says is one of what it may say, a block that was written whole is read whole, and at the end names and link
 * counts fit together. tests/run.sh builds it with ThreadSanitizer as well (tests/races).
 *
 *   MMFS_PARALLEL_STEPS   of each thread (5000)
 */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h> /* RENAME_ */
#include <sys/xattr.h>

#define THREADS	    4u
#define DIRECTORIES 3u
#define NAMES	    24u
#define BLOCKS	    16u /* of a file */

struct shared {
	struct image *image;
	struct fs *fs;
	uint64_t directories[DIRECTORIES];
	unsigned steps;
};

struct worker {
	pthread_t thread;
	struct shared *shared;
	uint64_t random;
	const char *fault; /* what went wrong first */
	int error;
};

static const struct fs_caller caller = {.uid = 1000, .gid = 1000};

static unsigned below(struct worker *worker, unsigned end)
{
	return (unsigned)(fixture_random(&worker->random) % end);
}

static uint64_t any_directory(struct worker *worker)
{
	return worker->shared->directories[below(worker, DIRECTORIES)];
}

static struct fs_name any_name(struct worker *worker, char text[8])
{
	snprintf(text, 8, "n%u", below(worker, NAMES));
	return fixture_name(text);
}

/* What may come of it when others take names away and make them. */
static void accept(struct worker *worker, const char *what, long result)
{
	static const int expected[] = {ENOENT,	EEXIST,	 ESTALE, ENOTEMPTY, EISDIR,
				       ENOTDIR, ENODATA, EINVAL, ENXIO};

	if (result >= 0 || worker->fault)
		return;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (result == -expected[i])
			return;
	worker->fault = what;
	worker->error = (int)result;
}

/* ---- steps ---- */

static void step_make(struct worker *worker)
{
	uint32_t mode = below(worker, 8) ? S_IFREG | 0644 : S_IFDIR | 0755;
	struct fs_attr attr;
	char text[8];
	int result = fs_make(worker->shared->fs, &caller, any_directory(worker), any_name(worker, text), mode,
			     0, 0, &attr);

	accept(worker, "make", result);
	if (result == 0)
		fs_forget(worker->shared->fs, attr.inode, 1);
}

static void step_unlink(struct worker *worker)
{
	char text[8];

	accept(worker, "unlink",
	       fs_unlink(worker->shared->fs, any_directory(worker), any_name(worker, text)));
	accept(worker, "rmdir", fs_rmdir(worker->shared->fs, any_directory(worker), any_name(worker, text)));
}

static void step_rename(struct worker *worker)
{
	static const unsigned flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
	uint64_t from = any_directory(worker), to = any_directory(worker);
	char text[8], other[8];
	struct fs_name name = any_name(worker, text), new_name = any_name(worker, other);

	accept(worker, "rename",
	       fs_rename(worker->shared->fs, from, name, to, new_name, flags[below(worker, 4)]));
}

/* A file that somebody may unlink now; 0: none was found. One lookup is counted. */
static uint64_t any_file(struct worker *worker)
{
	struct fs_attr attr;
	char text[8];
	int result = fs_lookup(worker->shared->fs, any_directory(worker), any_name(worker, text), &attr);

	accept(worker, "lookup", result);
	if (result < 0)
		return 0;
	if (S_ISREG(attr.mode))
		return attr.inode;
	fs_forget(worker->shared->fs, attr.inode, 1);
	return 0;
}

static void do_link(struct worker *worker, uint64_t file)
{
	struct fs_attr attr;
	char text[8];
	int result = fs_link(worker->shared->fs, file, any_directory(worker), any_name(worker, text), &attr);

	accept(worker, "link", result);
	if (result == 0)
		fs_forget(worker->shared->fs, file, 1);
}

static void do_write(struct worker *worker, uint64_t file)
{
	uint8_t bytes[2 * BLOCK_SIZE];

	memset(bytes, (int)below(worker, 256), sizeof(bytes));
	accept(worker, "write",
	       fs_write(worker->shared->fs, file, (uint64_t)below(worker, BLOCKS) * BLOCK_SIZE, bytes,
			(1 + below(worker, 2)) * BLOCK_SIZE, 0));
}

static int check_blocks(void *context, const struct iovec *pieces, int count, size_t total)
{
	struct worker *worker = context;

	(void)total;
	for (int i = 0; i < count; i++) {
		const uint8_t *bytes = pieces[i].iov_base;
		for (size_t at = 0; at < pieces[i].iov_len; at += BLOCK_SIZE)
			if (bytes[at] != bytes[at + 1] ||
			    memcmp(bytes + at, bytes + at + 1, BLOCK_SIZE - 1) != 0)
				worker->fault = "a block was read in parts";
	}
	return 0;
}

static void do_read(struct worker *worker, uint64_t file)
{
	accept(worker, "read",
	       fs_read(worker->shared->fs, file, 0, BLOCKS * BLOCK_SIZE, check_blocks, worker));
}

static void do_setattr(struct worker *worker, uint64_t file)
{
	struct fs_set set = {.what = below(worker, 2) ? FS_SET_SIZE : FS_SET_MODE | FS_SET_MTIME_NOW,
			     .mode = 0600,
			     .size = (uint64_t)below(worker, BLOCKS) * BLOCK_SIZE};
	struct fs_attr attr;

	accept(worker, "setattr", fs_setattr(worker->shared->fs, file, &set, &attr));
	accept(worker, "getattr", fs_getattr(worker->shared->fs, file, &attr));
}

static void do_xattr(struct worker *worker, uint64_t file)
{
	struct fs *fs = worker->shared->fs;
	char value[200] = "value";
	size_t length;

	accept(worker, "setxattr",
	       fs_setxattr(fs, file, "user.a", value, 1 + below(worker, sizeof(value)), 0));
	accept(worker, "getxattr", fs_getxattr(fs, file, "user.a", value, sizeof(value), &length));
	if (below(worker, 2))
		accept(worker, "removexattr", fs_removexattr(fs, file, "user.a"));
}

static void do_punch(struct worker *worker, uint64_t file)
{
	uint64_t at = (uint64_t)below(worker, BLOCKS) * BLOCK_SIZE;

	accept(worker, "fallocate",
	       fs_fallocate(worker->shared->fs, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			    3 * BLOCK_SIZE));
}

static void do_sync(struct worker *worker, uint64_t file)
{
	if (below(worker, 8) == 0)
		accept(worker, "sync", fs_sync(worker->shared->fs, file, below(worker, 2)));
}

static void step_file(struct worker *worker)
{
	static void (*const what[])(struct worker *, uint64_t) = {
	    do_link, do_write, do_write, do_read, do_read, do_setattr, do_xattr, do_punch, do_sync};
	uint64_t file = any_file(worker);

	if (!file)
		return;
	what[below(worker, sizeof(what) / sizeof(what[0]))](worker, file);
	fs_forget(worker->shared->fs, file, 1);
}

static int count_entry(void *context, const struct fs_dirent *entry)
{
	*(unsigned *)context += entry->name[0] != '.';
	return 0;
}

static void step_list(struct worker *worker)
{
	struct fs_statfs space;
	unsigned count = 0;

	accept(worker, "readdir",
	       fs_readdir(worker->shared->fs, any_directory(worker), 0, count_entry, &count));
	accept(worker, "statfs", fs_statfs(worker->shared->fs, &space));
	if (count > NAMES)
		worker->fault = "more names than there can be";
}

static void *work(void *context)
{
	static void (*const steps[])(struct worker *) = {step_make, step_make, step_unlink, step_rename,
							 step_file, step_file, step_file,   step_file,
							 step_file, step_list};
	struct worker *worker = context;

	for (unsigned i = 0; i < worker->shared->steps && !worker->fault; i++)
		steps[below(worker, sizeof(steps) / sizeof(steps[0]))](worker);
	return NULL;
}

/* ---- all of it ---- */

static void shared_open(struct shared *shared, const char *path, bool make)
{
	struct store_file_options how = {.mode = STORE_WRITE, .lock_wait_ms = 1000};
	struct image_make_options made = {.journal_bytes = 1u << 20};
	/* Checkpoints while they work, too. */
	struct image_options options = {.commit_seconds = 1, .overlay_max = 256u << 10};
	struct fs_options fs_options = {.track_lookups = true};
	struct image_report report = {.text = ""};
	struct store *store = NULL;

	assert_int_equal(store_file_open(path, &how, &store), 0);
	if (make)
		assert_int_equal(image_make(store, &made), 0);
	assert_int_equal(image_open(store, &options, &shared->image, &report), 0);
	assert_int_equal(fs_open(shared->image, &fs_options, &shared->fs), 0);
}

static void shared_close(struct shared *shared)
{
	assert_int_equal(fs_close(shared->fs), 0);
	assert_int_equal(image_close(shared->image), 0);
}

/* Names of each file, by a table of what was seen. */
struct seen {
	struct fs *fs;
	uint64_t inode[DIRECTORIES * NAMES];
	unsigned names[DIRECTORIES * NAMES], count, directories;
};

static int see_entry(void *context, const struct fs_dirent *entry)
{
	struct seen *seen = context;
	unsigned i = 0;

	if (entry->name[0] == '.')
		return 0;
	while (i < seen->count && seen->inode[i] != entry->inode)
		i++;
	assert_true(i < DIRECTORIES * NAMES);
	seen->count += i == seen->count;
	seen->inode[i] = entry->inode;
	seen->names[i]++;
	return 0;
}

static void check_names(struct shared *shared)
{
	struct seen seen = {.fs = shared->fs};
	struct fs_statfs space;
	struct fs_attr attr;

	for (unsigned i = 0; i < DIRECTORIES; i++)
		assert_int_equal(fs_readdir(shared->fs, shared->directories[i], 0, see_entry, &seen), 0);
	for (unsigned i = 0; i < seen.count; i++) {
		assert_int_equal(fs_getattr(shared->fs, seen.inode[i], &attr), 0);
		assert_int_equal(attr.nlink, S_ISDIR(attr.mode) ? 2 : seen.names[i]);
	}
	assert_true(seen.count > NAMES / 2);
	assert_int_equal(fs_statfs(shared->fs, &space), 0);
	assert_int_equal(space.inodes, 1 + DIRECTORIES + seen.count);
}

static void test_everything_at_once(void **state)
{
	static struct worker workers[THREADS];
	const char *directory = getenv("TMPDIR"), *steps = getenv("MMFS_PARALLEL_STEPS");
	struct shared shared = {.steps = steps ? (unsigned)atoi(steps) : 5000};
	char path[64], name[8];
	struct fs_attr attr;

	(void)state;
	snprintf(path, sizeof(path), "%.40s/mmfs-unit-XXXXXX", directory ? directory : "/tmp");
	close(mkstemp(path));
	shared_open(&shared, path, true);
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		assert_int_equal(
		    fs_make(shared.fs, &caller, ROOT_INODE, fixture_name(name), S_IFDIR | 0755, 0, 0, &attr),
		    0);
		shared.directories[i] = attr.inode;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.shared = &shared, .random = i + 1};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].fault)
			print_error("%s: %s %s\n", workers[i].fault, strerror(-workers[i].error),
				    image_damage(shared.image));
		assert_null(workers[i].fault);
	}
	check_names(&shared);
	shared_close(&shared);
	shared_open(&shared, path, false);
	check_names(&shared);
	shared_close(&shared);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everything_at_once),
	};

	/* a disk's syncs would take most of the time */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
