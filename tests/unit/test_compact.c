/* Compaction, limits, labels and cutting the file while it is in use. */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)

static uint64_t file_bytes(const struct fixture *f)
{
	struct stat status;
	assert_int_equal(stat(f->path, &status), 0);
	return (uint64_t)status.st_size;
}

static void fill(uint8_t *bytes, size_t length, uint64_t seed)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 12));
}

static void write_file(struct fixture *f, uint64_t inode, uint64_t length)
{
	static uint8_t bytes[1u << 20];
	for (uint64_t at = 0; at < length; at += sizeof(bytes)) {
		fill(bytes, sizeof(bytes), inode + at);
		size_t part = length - at < sizeof(bytes) ? length - at : sizeof(bytes);
		assert_int_equal(fs_write(f->fs, inode, at, bytes, part, 0), part);
	}
}

static void check_file(struct fixture *f, uint64_t inode, uint64_t length)
{
	static uint8_t bytes[1u << 20], got[1u << 20];
	for (uint64_t at = 0; at < length; at += sizeof(bytes)) {
		fill(bytes, sizeof(bytes), inode + at);
		size_t part = length - at < sizeof(bytes) ? length - at : sizeof(bytes);
		assert_int_equal(fs_read_copy(f->fs, inode, at, got, part), part);
		assert_memory_equal(got, bytes, part);
	}
}

static uint64_t make_file(struct fixture *f, const char *name, uint64_t length)
{
	uint64_t inode = fixture_make(f, ROOT_INODE, name, S_IFREG | 0644);
	write_file(f, inode, length);
	return inode;
}

/* Takes room without writing to it. */
static uint64_t occupy(struct fixture *f, const char *name, uint64_t length)
{
	uint64_t inode = fixture_make(f, ROOT_INODE, name, S_IFREG | 0644);
	assert_int_equal(fs_fallocate(f->fs, inode, 0, 0, length), 0);
	return inode;
}

static void remove_file(struct fixture *f, const char *name, uint64_t inode)
{
	assert_int_equal(fs_unlink(f->fs, ROOT_INODE, fixture_name(name)), 0);
	fs_forget(f->fs, inode, 1);
}

static uint64_t compact(struct fixture *f)
{
	struct fs_compaction compaction = {0};
	int result;
	unsigned steps = 0;
	while ((result = fs_compact_step(f->fs, &compaction)) > 0)
		assert_true(++steps < 1000);
	assert_int_equal(result, 0);
	return compaction.total_moved;
}

static void make_names(struct fixture *f, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		char name[64];
		snprintf(name, sizeof(name), "a rather long name, so that nodes are many: %u", i);
		uint64_t inode = fixture_make(f, ROOT_INODE, name, S_IFREG | 0644);
		assert_int_equal(fs_setxattr(f->fs, inode, "user.x", name, sizeof(name), 0), 0);
		fs_forget(f->fs, inode, 1);
	}
}

static void test_moves_to_the_front(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	uint64_t first = occupy(&f, "first", 100 * MIB);
	make_names(&f, 0, 2000);
	uint64_t second = make_file(&f, "second", 9 * MIB + 1234);
	remove_file(&f, "first", first);
	assert_int_equal(image_checkpoint(f.image), 0);
	uint64_t before = file_bytes(&f);
	assert_true(before > 19 * MIB);
	assert_true(compact(&f) >= 9 * MIB / BLOCK_SIZE);
	assert_true(file_bytes(&f) < 28 * MIB);
	check_file(&f, second, 9 * MIB + 1234);
	/* again: nothing is left to do, and it grows again */
	assert_int_equal(compact(&f), 0);
	write_file(&f, second, 12 * MIB);
	check_file(&f, second, 12 * MIB);
	fixture_crash(&f);
	check_file(&f, second, 12 * MIB);
	assert_int_equal(fixture_inodes(&f), 2002);
	fixture_reopen(&f);
	check_file(&f, second, 12 * MIB);
	fixture_close(&f);
}

/* Nodes that stand behind file data come down as well. */
static void test_moves_nodes(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	make_names(&f, 0, 6000);
	uint64_t first = occupy(&f, "first", 120 * MIB);
	make_names(&f, 6000, 8000); /* into groups behind it */
	assert_int_equal(image_checkpoint(f.image), 0);
	for (unsigned i = 0; i < 6000; i++) {
		char name[64];
		snprintf(name, sizeof(name), "a rather long name, so that nodes are many: %u", i);
		assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name(name)), 0);
	}
	remove_file(&f, "first", first);
	assert_int_equal(image_checkpoint(f.image), 0);
	assert_true(compact(&f) > 0);
	assert_true(file_bytes(&f) < 40 * MIB);
	assert_int_equal(fixture_inodes(&f), 8001);
	fixture_reopen(&f);
	for (unsigned i = 6000; i < 14000; i++) {
		char name[64], value[64];
		size_t length;
		snprintf(name, sizeof(name), "a rather long name, so that nodes are many: %u", i);
		uint64_t inode = fixture_find(&f, ROOT_INODE, name);
		assert_true(inode > 0);
		assert_int_equal(fs_getxattr(f.fs, inode, "user.x", value, sizeof(value), &length), 0);
		assert_string_equal(value, name);
	}
	fixture_close(&f);
}

static void test_wrong_numbers(void **state)
{
	struct fs_compaction compactions[] = {{.stage = 77},
					      {.stage = FS_COMPACT_DATA, .end = 0},
					      {.stage = FS_COMPACT_DATA, .end = UINT64_MAX, .inode = 3},
					      {.stage = FS_COMPACT_NODES, .end = 1, .type = 300},
					      {.stage = FS_COMPACT_CUT, .round = UINT32_MAX}};
	struct fixture f;
	(void)state;
	fixture_open(&f);
	uint64_t inode = make_file(&f, "file", 3 * MIB);
	for (size_t i = 0; i < sizeof(compactions) / sizeof(compactions[0]); i++)
		for (unsigned step = 0; step < 50 && fs_compact_step(f.fs, &compactions[i]) > 0; step++)
			;
	check_file(&f, inode, 3 * MIB);
	fixture_reopen(&f);
	check_file(&f, inode, 3 * MIB);
	fixture_close(&f);
}

static void test_limit(void **state)
{
	struct fixture f;
	struct image_space before, after;
	uint64_t least;
	(void)state;
	fixture_open(&f);
	uint64_t inode = make_file(&f, "file", 3 * MIB);
	occupy(&f, "more", 77 * MIB);
	assert_int_equal(image_set_limit(f.image, 64 * MIB, &least), -EBUSY);
	assert_true(least > 80 * MIB && least < 120 * MIB);
	assert_int_equal(image_set_limit(f.image, least, &least), 0);
	assert_int_equal(image_space(f.image, &before), 0);
	assert_true(before.free_blocks < 8 * MIB / BLOCK_SIZE);
	uint64_t other = fixture_make(&f, ROOT_INODE, "other", S_IFREG | 0644);
	assert_int_equal(fs_fallocate(f.fs, other, 0, 0, 64 * MIB), -ENOSPC);
	assert_true(file_bytes(&f) <= least);
	assert_int_equal(image_set_limit(f.image, 200 * MIB, NULL), 0);
	assert_int_equal(image_space(f.image, &after), 0);
	assert_true(after.free_blocks > 90 * MIB / BLOCK_SIZE);
	assert_int_equal(fs_fallocate(f.fs, other, 0, 0, 64 * MIB), 0);
	write_file(&f, other, 3 * MIB);
	check_file(&f, inode, 3 * MIB);
	fixture_crash(&f);
	assert_int_equal(le64_get(image_super(f.image)->limit_blocks), 200 * MIB / BLOCK_SIZE);
	assert_int_equal(fs_fallocate(f.fs, other, 0, 0, 200 * MIB), -ENOSPC);
	assert_int_equal(image_set_limit(f.image, 0, NULL), 0);
	assert_int_equal(fs_fallocate(f.fs, other, 0, 0, 200 * MIB), 0);
	check_file(&f, other, 3 * MIB);
	assert_int_equal(image_set_limit(f.image, UINT64_MAX, NULL), -EINVAL);
	fixture_close(&f);
}

/* An image that was opened with a limit below what it holds gets the blocks behind it back with a higher one.
 */
static void test_limit_raised_over_contents(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	occupy(&f, "below", 70 * MIB);
	uint64_t inode = make_file(&f, "file", 4 * MIB);
	f.limit_bytes = 50 * MIB;
	fixture_reopen(&f);
	struct fs_set set = {.what = FS_SET_SIZE, .size = 3 * MIB};
	struct fs_attr attr;
	assert_int_equal(fs_setattr(f.fs, inode, &set, &attr), 0);
	assert_int_equal(image_set_limit(f.image, 150 * MIB, NULL), 0);
	check_file(&f, inode, 3 * MIB);
	write_file(&f, inode, 10 * MIB);
	occupy(&f, "above", 40 * MIB);
	check_file(&f, inode, 10 * MIB);
	f.limit_bytes = 0;
	fixture_reopen(&f);
	check_file(&f, inode, 10 * MIB);
	fixture_close(&f);
}

static void test_label(void **state)
{
	struct fixture f;
	char label[65];
	(void)state;
	fixture_open(&f);
	memset(label, 'x', sizeof(label));
	label[64] = 0;
	assert_int_equal(image_set_label(f.image, label), -EINVAL);
	label[63] = 0;
	assert_int_equal(image_set_label(f.image, label), 0);
	fixture_crash(&f);
	assert_string_equal(image_super(f.image)->label, label);
	assert_int_equal(image_set_label(f.image, ""), 0);
	fixture_reopen(&f);
	assert_string_equal(image_super(f.image)->label, "");
	fixture_close(&f);
}

struct labeller {
	struct image *image;
	atomic_bool over;
	atomic_uint done; /* labels set */
	atomic_int error;
};

static void *set_labels(void *context)
{
	struct labeller *labeller = context;
	while (!atomic_load(&labeller->over)) {
		int error = image_set_label(labeller->image, "label");
		if (error)
			atomic_store(&labeller->error, error);
		atomic_fetch_add(&labeller->done, 1);
	}
	return NULL;
}

/* Both stand in the superblock: neither takes the other's change back. */
static void test_label_and_limit(void **state)
{
	struct fixture f;
	pthread_t threads[4];
	(void)state;
	fixture_open(&f);
	struct labeller labeller = {.image = f.image};
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, set_labels, &labeller), 0);
	for (uint64_t i = 1; i <= 20; i++) {
		struct super_disk super;
		assert_int_equal(image_set_limit(f.image, (100 + i) * MIB, NULL), 0);
		/* those that had begun, and another one */
		for (unsigned done = atomic_load(&labeller.done); atomic_load(&labeller.done) < done + 5;)
			sched_yield();
		image_super_copy(f.image, &super);
		assert_int_equal(le64_get(super.limit_blocks), (100 + i) * MIB / BLOCK_SIZE);
	}
	atomic_store(&labeller.over, true);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(labeller.error, 0);
	assert_string_equal(image_super(f.image)->label, "label");
	fixture_close(&f);
}

static void test_shrink(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	uint64_t kept = make_file(&f, "kept", 2 * MIB);
	uint64_t inode = occupy(&f, "file", 200 * MIB);
	assert_int_equal(image_checkpoint(f.image), 0);
	remove_file(&f, "file", inode);
	assert_int_equal(image_shrink(f.image), 0);
	assert_true(file_bytes(&f) < 32 * MIB);
	inode = make_file(&f, "file", 10 * MIB);
	check_file(&f, inode, 10 * MIB);
	fixture_crash(&f);
	check_file(&f, inode, 10 * MIB);
	check_file(&f, kept, 2 * MIB);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_moves_to_the_front),
	    cmocka_unit_test(test_moves_nodes),
	    cmocka_unit_test(test_wrong_numbers),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_limit_raised_over_contents),
	    cmocka_unit_test(test_label),
	    cmocka_unit_test(test_label_and_limit),
	    cmocka_unit_test(test_shrink),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
