/* Deleting many forgotten inodes by few transactions (fs/collect.c). */
#include "fixture.h"

#define COUNT 40u

static void start(struct fixture *f)
{
	struct fs_options options = {.track_lookups = true, .deletes_later = true};
	assert_int_equal(fs_close(f->fs), 0);
	assert_int_equal(fs_open(f->image, &options, &f->fs), 0);
}

static uint64_t records(struct fixture *f)
{
	struct image_stats stats;
	image_stats(f->image, &stats);
	return stats.records;
}

/* Without deleting any, as fs_statfs does. */
static uint64_t inodes(struct fixture *f)
{
	struct image_space space;
	assert_int_equal(image_space(f->image, &space), 0);
	return space.inodes;
}

static void name_of(char *name, unsigned number)
{
	snprintf(name, 16, "f%u", number);
}

/* Inodes of many kinds, without names and forgotten. */
static void leave(struct fixture *f, unsigned count)
{
	static const char bytes[3 * BLOCK_SIZE];
	static const uint32_t modes[] = {S_IFREG | 0644, S_IFREG | 0600, S_IFIFO | 0644, S_IFDIR | 0755};
	for (unsigned i = 0; i < count; i++) {
		char name[16];
		name_of(name, i);
		uint32_t mode = modes[i % 4];
		uint64_t inode = fixture_make(f, ROOT_INODE, name, mode);
		if (i % 4 == 0)
			assert_int_equal(fs_write(f->fs, inode, 0, bytes, i % 8 ? 100 : BLOCK_SIZE, 0),
					 i % 8 ? 100 : BLOCK_SIZE);
		if (i == 9)
			assert_int_equal(fs_write(f->fs, inode, 0, bytes, sizeof(bytes), 0), sizeof(bytes));
		if (i == 12)
			assert_int_equal(fs_setxattr(f->fs, inode, "user.x", "y", 1, 0), 0);
		assert_int_equal(S_ISDIR(mode) ? fs_rmdir(f->fs, ROOT_INODE, fixture_name(name))
					       : fs_unlink(f->fs, ROOT_INODE, fixture_name(name)),
				 0);
		fs_finish(f->fs);
		fs_forget(f->fs, inode, 1);
	}
}

static void many_in_one_transaction(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	start(&f);
	leave(&f, COUNT);
	/* all but the large one and that with an xattr */
	assert_int_equal(inodes(&f), 1 + COUNT - 2);
	assert_true(fs_collects(f.fs));
	uint64_t before = records(&f);
	fs_collect(f.fs);
	assert_false(fs_collects(f.fs));
	assert_int_equal(inodes(&f), 1);
	assert_true(records(&f) - before <= COUNT / 16 + 1);
	fixture_close(&f);
}

/* More of them than are noted: then those are deleted, whoever forgets. */
static void they_are_bounded(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	start(&f);
	leave(&f, 300);
	assert_true(inodes(&f) <= 1 + 64);
	struct fs_statfs space;
	assert_int_equal(fs_statfs(f.fs, &space), 0);
	assert_int_equal(inodes(&f), 1);
	fixture_close(&f);
}

/* Killed before: the next mount deletes them. */
static void killed_before(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	start(&f);
	leave(&f, COUNT);
	fixture_crash(&f);
	assert_int_equal(inodes(&f), 1);
	fixture_close(&f);
}

/* Little room: deleted at once. */
static void little_room(void **state)
{
	struct fixture f;
	(void)state;
	fixture_open(&f);
	f.limit_bytes = 32u << 20;
	fixture_reopen(&f);
	start(&f);
	leave(&f, COUNT);
	assert_false(fs_collects(f.fs));
	assert_int_equal(inodes(&f), 1);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_in_one_transaction),
	    cmocka_unit_test(they_are_bounded),

	    cmocka_unit_test(killed_before),
	    cmocka_unit_test(little_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
