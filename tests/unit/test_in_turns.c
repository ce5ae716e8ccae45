/* Files that grow in turns lie in large pieces, and what is left between them is nobody's: small files are
 * packed, and a full image is full. */
#include "fixture.h"

#include "../../fs/file_i.h"

#define FILES 4u

static uint8_t bytes[128u << 10];

static unsigned count_extents(struct fixture *f, uint64_t inode)
{
	struct extent extent = {0};
	unsigned count = 0;
	image_read_lock(f->image);
	while (extent_find(f->fs, inode, extent.logical + extent.length, &extent) == 0)
		count++;
	image_read_unlock(f->image);
	return count;
}

static void make_files(struct fixture *f, uint64_t inodes[FILES])
{
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];
		snprintf(name, sizeof(name), "grows%u", i);
		inodes[i] = fixture_make(f, ROOT_INODE, name, S_IFREG | 0644);
	}
}

static void grow_in_turns(size_t length, unsigned writes, unsigned extents_most)
{
	struct fixture f;
	uint64_t inodes[FILES];
	fixture_open(&f);
	make_files(&f, inodes);
	for (unsigned i = 0; i < writes; i++) {
		for (unsigned j = 0; j < FILES; j++) {
			memset(bytes, (int)(i + j), length);
			assert_int_equal(fs_write(f.fs, inodes[j], i * length, bytes, length, 0), length);
		}
	}
	for (unsigned j = 0; j < FILES; j++) {
		unsigned extents = count_extents(&f, inodes[j]);
		if (extents > extents_most)
			print_error("%u extents of %u writes\n", extents, writes);
		assert_true(extents <= extents_most);
		for (unsigned i = 0; i < writes; i++) {
			uint8_t byte;
			assert_int_equal(fs_read_copy(f.fs, inodes[j], (i + 1) * length - 1, &byte, 1), 1);
			assert_int_equal(byte, (uint8_t)(i + j));
		}
	}
	fixture_close(&f);
}

static void test_large_writes(void **state)
{
	(void)state;
	grow_in_turns(sizeof(bytes), 64, 10);
}

static void test_small_writes(void **state)
{
	(void)state;
	grow_in_turns(4096, 1024, 80);
}

/* Each file goes right behind the one before, also beside a file that grows. */
static void test_small_files(void **state)
{
	(void)state;
	struct fixture f;
	uint64_t inodes[FILES], last = 0;
	unsigned far = 0;
	fixture_open(&f);
	make_files(&f, inodes);
	for (unsigned i = 0; i < 400; i++) {
		char name[16];
		snprintf(name, sizeof(name), "small%u", i);
		uint64_t small = fixture_make(&f, ROOT_INODE, name, S_IFREG | 0644);
		assert_int_equal(fs_write(f.fs, small, 0, bytes, 4096, 0), 4096);
		struct extent extent;
		image_read_lock(f.image);
		assert_int_equal(extent_find(f.fs, small, 0, &extent), 0);
		image_read_unlock(f.image);
		far += extent.physical != last + 1;
		last = extent.physical;
		if (i % 10 == 0)
			assert_int_equal(fs_write(f.fs, inodes[0], i / 10 * 65536, bytes, 65536, 0), 65536);
	}
	/* where the growing file was put down anew */
	assert_true(far <= 20);
	fixture_close(&f);
}

static void test_full(void **state)
{
	(void)state;
	struct fixture f = {.fs = NULL};
	uint64_t inodes[FILES];
	struct image_space space;
	fixture_open(&f);
	assert_int_equal(image_set_limit(f.image, 48u << 20, NULL), 0);
	make_files(&f, inodes);
	assert_int_equal(image_space(f.image, &space), 0);
	uint64_t before = space.free_blocks, written = 0;
	for (unsigned i = 0;; i++) {
		ssize_t count =
		    fs_write(f.fs, inodes[i % FILES], i / FILES * sizeof(bytes), bytes, sizeof(bytes), 0);
		if (count < 0) {
			assert_int_equal(count, -ENOSPC);
			break;
		}
		written += (uint64_t)count;
	}
	/* But for what is kept for metadata. */
	assert_true(written / BLOCK_SIZE + 1024 + 64 >= before);
	assert_int_equal(fs_sync(f.fs, inodes[0], false), 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_large_writes),
	    cmocka_unit_test(test_small_writes),
	    cmocka_unit_test(test_small_files),
	    cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
