/* Long copies: holes cost nothing however long they are, and written bytes are bounded by call. */
#include "fixture.h"

#define MIB UINT64_C(1048576)
#define TIB (MIB << 20)

static uint8_t bytes[MIB];

static void resize(struct fixture *f, uint64_t inode, uint64_t size)
{
	struct fs_set set = {.what = FS_SET_SIZE, .size = size};
	struct fs_attr attr;
	assert_int_equal(fs_setattr(f->fs, inode, &set, &attr), 0);
}

static void put(struct fixture *f, uint64_t inode, uint64_t offset, uint8_t byte)
{
	memset(bytes, byte, sizeof(bytes));
	assert_int_equal(fs_write(f->fs, inode, offset, bytes, sizeof(bytes), 0), MIB);
}

static void holds(struct fixture *f, uint64_t inode, uint64_t offset, uint8_t byte)
{
	assert_int_equal(fs_read_copy(f->fs, inode, offset, bytes, sizeof(bytes)), MIB);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], byte);
}

static void sparse(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t from = fixture_make(&f, ROOT_INODE, "from", S_IFREG | 0644);
	uint64_t to = fixture_make(&f, ROOT_INODE, "to", S_IFREG | 0644);
	resize(&f, from, TIB);
	put(&f, from, 5000 * MIB + 7, 'a');
	put(&f, to, 100 * MIB, 'z');
	put(&f, to, 3 * TIB, 'z');
	assert_int_equal(fs_copy(f.fs, from, 0, to, 0, 2 * TIB), TIB);
	assert_int_equal(fixture_attr(&f, to).size, 3 * TIB + MIB);
	holds(&f, to, 5000 * MIB + 7, 'a');
	holds(&f, to, 100 * MIB, 0);
	holds(&f, to, 3 * TIB, 'z');
	/* A hole at the end moves the end. */
	resize(&f, to, 0);
	assert_int_equal(fs_copy(f.fs, from, 1, to, 1, TIB), TIB - 1);
	assert_int_equal(fixture_attr(&f, to).size, TIB);
	assert_true(fixture_attr(&f, to).blocks512 < 3 * MIB / 512);
	fixture_close(&f);
}

static void bounded(void **state)
{
	(void)state;
	enum { PIECES = 80 };
	struct fixture f;
	fixture_open(&f);
	uint64_t from = fixture_make(&f, ROOT_INODE, "from", S_IFREG | 0644);
	uint64_t to = fixture_make(&f, ROOT_INODE, "to", S_IFREG | 0644);
	uint64_t done = 0, calls = 0;
	for (unsigned i = 0; i < PIECES; i++)
		put(&f, from, i * MIB, (uint8_t)(i + 1));
	for (; done < PIECES * MIB; calls++) {
		ssize_t copied = fs_copy(f.fs, from, done, to, done, PIECES * MIB);
		assert_true(copied > 0 && copied <= (ssize_t)(64 * MIB));
		done += (uint64_t)copied;
	}
	assert_int_equal(calls, 2);
	for (unsigned i = 0; i < PIECES; i++)
		holds(&f, to, i * MIB, (uint8_t)(i + 1));
	/* A hole over what is written means writing, too. */
	resize(&f, from, 0);
	resize(&f, from, PIECES * MIB);
	assert_in_range(fs_copy(f.fs, from, 0, to, 0, PIECES * MIB), 1, 64 * MIB);
	holds(&f, to, 0, 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sparse),
	    cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
