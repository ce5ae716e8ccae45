/* Reading directories: every entry that stays is seen once, whatever comes and goes. */
#include "fixture.h"
#include "../../fs/fs_i.h"

#include <dirent.h>

/* Reads up to `limit` entries behind the cookie. */
struct reader {
	int64_t cookie;
	unsigned limit, taken, dots;
	uint8_t *seen; /* by number in the name; NULL: not wanted */
	unsigned last;
};

static int take(void *context, const struct fs_dirent *entry)
{
	struct reader *reader = context;
	if (reader->taken == reader->limit)
		return 1;
	assert_true(entry->cookie > reader->cookie); /* so it ends */
	reader->cookie = entry->cookie;
	reader->taken++;
	if (entry->name[0] == '.') {
		reader->dots++;
		return 0;
	}
	char name[256];
	memcpy(name, entry->name, entry->name_length);
	name[entry->name_length] = '\0';
	reader->last = (unsigned)strtoul(name + 1, NULL, 10);
	if (reader->seen)
		reader->seen[reader->last]++;
	return 0;
}

/* Returns whether there was anything. */
static bool read_some(struct fixture *f, uint64_t directory, struct reader *reader, unsigned limit)
{
	reader->taken = 0;
	reader->limit = limit;
	assert_int_equal(fs_readdir(f->fs, directory, reader->cookie, take, reader), 0);
	return reader->taken > 0;
}

static void make_numbered(struct fixture *f, uint64_t directory, unsigned number)
{
	char name[16];
	snprintf(name, sizeof(name), "n%u", number);
	fs_forget(f->fs, fixture_make(f, directory, name, S_IFREG | 0644), 1);
}

static void remove_numbered(struct fixture *f, uint64_t directory, unsigned number)
{
	char name[16];
	snprintf(name, sizeof(name), "n%u", number);
	assert_int_equal(fs_unlink(f->fs, directory, fixture_name(name)), 0);
}

static void one_by_one(void **state)
{
	(void)state;
	enum { COUNT = 300 };
	struct fixture f;
	uint8_t seen[COUNT] = {0};
	fixture_open(&f);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
	for (unsigned i = 0; i < COUNT; i++)
		make_numbered(&f, directory, i);
	struct reader reader = {.seen = seen};
	while (read_some(&f, directory, &reader, 1))
		;
	assert_int_equal(reader.dots, 2);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(seen[i], 1);
	/* Cookies keep their meaning over a remount, and when the entry they stand for has gone. */
	reader = (struct reader){.seen = NULL};
	assert_true(read_some(&f, directory, &reader, 100));
	int64_t cookie = reader.cookie;
	unsigned last = reader.last;
	assert_true(read_some(&f, directory, &reader, 1));
	unsigned next = reader.last;
	remove_numbered(&f, directory, last);
	fixture_reopen(&f);
	reader = (struct reader){.cookie = cookie};
	assert_true(read_some(&f, directory, &reader, 1));
	assert_int_equal(reader.last, next);
	fixture_close(&f);
}

static void come_and_go(void **state)
{
	(void)state;
	enum { STAY = 20000, OTHERS = 5000 };
	struct fixture f;
	uint64_t seed = 11;
	uint8_t *seen = calloc(STAY + OTHERS, 1), *exists = calloc(OTHERS, 1);
	assert_true(seen && exists);
	fixture_open(&f);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
	for (unsigned i = 0; i < STAY; i++)
		make_numbered(&f, directory, i);
	struct reader reader = {.seen = seen};
	while (read_some(&f, directory, &reader, 50)) {
		for (unsigned i = 0; i < 10; i++) {
			unsigned other = (unsigned)(fixture_random(&seed) % OTHERS);
			if (exists[other])
				remove_numbered(&f, directory, STAY + other);
			else
				make_numbered(&f, directory, STAY + other);
			exists[other] ^= 1;
		}
	}
	for (unsigned i = 0; i < STAY; i++)
		assert_int_equal(seen[i], 1);
	for (unsigned i = 0; i < OTHERS; i++)
		assert_true(seen[STAY + i] <=
			    1); /* no number came back at once: a new name is behind or before */
	uint64_t size = STAY;
	for (unsigned i = 0; i < OTHERS; i++)
		size += exists[i];
	assert_int_equal(fixture_attr(&f, directory).size, size);
	fixture_crash(&f);
	memset(seen, 0, STAY + OTHERS);
	reader = (struct reader){.seen = seen};
	while (read_some(&f, directory, &reader, 1000))
		;
	for (unsigned i = 0; i < STAY + OTHERS; i++)
		assert_int_equal(seen[i], i < STAY ? 1 : exists[i - STAY]);
	/* A directory that is emptied while it is read: everything is found on the way. */
	uint64_t emptied = fixture_make(&f, ROOT_INODE, "emptied", S_IFDIR | 0755);
	for (unsigned i = 0; i < 1000; i++)
		make_numbered(&f, emptied, i);
	reader = (struct reader){.seen = NULL};
	while (read_some(&f, emptied, &reader, 1)) {
		if (reader.cookie > 2)
			remove_numbered(&f, emptied, reader.last);
	}
	assert_int_equal(fs_rmdir(f.fs, ROOT_INODE, fixture_name("emptied")), 0);
	free(seen);
	free(exists);
	fixture_close(&f);
}

static void edges(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "n1", S_IFREG | 0644);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "n2", S_IFDIR | 0755);
	struct reader reader = {.limit = 10};
	assert_int_equal(fs_readdir(f.fs, file, 0, take, &reader), -ENOTDIR);
	assert_int_equal(fs_readdir(f.fs, 9999, 0, take, &reader), -ESTALE);
	assert_int_equal(fs_readdir(f.fs, ROOT_INODE, -1, take, &reader), -EINVAL);
	reader.cookie = INT64_MAX;
	assert_false(read_some(&f, ROOT_INODE, &reader, 10));
	reader = (struct reader){.cookie = 1};
	assert_true(read_some(&f, ROOT_INODE, &reader, 10));
	assert_int_equal(reader.dots, 1);
	assert_int_equal(reader.taken, 3);

	assert_int_equal(fs_getattr_lookup(f.fs, file, &attr), 0);
	fs_forget(f.fs, file, 1);
	assert_true(lookups_known(f.fs->lookups, file));
	fs_forget(f.fs, file, 1);
	assert_false(lookups_known(f.fs->lookups, file));
	assert_int_equal(fs_getattr_lookup(f.fs, 9999, &attr), -ENOENT);

	assert_int_equal(fs_rmdir(f.fs, ROOT_INODE, fixture_name("n2")), 0);
	reader = (struct reader){.cookie = 0};
	assert_false(read_some(&f, directory, &reader, 10));
	fixture_close(&f);
}

/* Puts bytes where a directory item of the root belongs. */
static void put_item(struct fixture *f, const void *bytes, size_t size, uint64_t hash)
{
	struct txn *txn;
	struct key key = {.object = ROOT_INODE, .type = ITEM_DIRENT, .offset = hash};
	assert_int_equal(txn_begin(f->image, 1, 0, &txn), 0);
	assert_int_equal(tree_put(txn, TREE_FILES, key, bytes, size), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void hostile_items(void **state)
{
	(void)state;
	struct fixture f;
	struct {
		struct dirent_disk disk;
		char name[4];
	} good = {.disk = {.inode = le64_of(FIRST_INODE), .type = DT_REG, .name_length = 4}, .name = "n111"},
	  bad;
	struct reader reader = {.limit = 100};
	fixture_open(&f);
	put_item(&f, &good, sizeof(good.disk) + 4, 5);
	assert_int_equal(fs_readdir(f.fs, ROOT_INODE, 0, take, &reader), 0);
	assert_int_equal(reader.taken, 3);
	for (unsigned kind = 0; kind < 9; kind++) {
		size_t size = sizeof(good.disk) + 4;
		uint64_t hash = 5;
		uint8_t twice[2 * sizeof(good)];
		bad = good;
		switch (kind) {
		case 0:
			bad.disk.name_length = 5;
			break;
		case 1:
			bad.disk.name_length = 0;
			break;
		case 2:
			bad.disk.inode = le64_of(0);
			break;
		case 3:
			bad.disk.inode = le64_of(INODE_LIMIT);
			break;
		case 4:
			bad.disk.index = le16_of(DIRENT_INDEX_LIMIT);
			break;
		case 5:
			bad.disk.type = 3;
			break;
		case 6:
			bad.name[1] = '/';
			break;
		case 7:
			size = 10;
			break;
		default:
			size = 0;
			break;
		}
		put_item(&f, &bad, size, hash);
		reader = (struct reader){.limit = 100};
		assert_int_equal(fs_readdir(f.fs, ROOT_INODE, 0, take, &reader), -EUCLEAN);
		assert_string_not_equal(image_damage(f.image), "");
		/* Two entries with one index. */
		memcpy(twice, &good, sizeof(good));
		memcpy(twice + sizeof(good.disk) + 4, &good, sizeof(good));
		put_item(&f, twice, 2 * (sizeof(good.disk) + 4), hash);
		reader = (struct reader){.limit = 100};
		assert_int_equal(fs_readdir(f.fs, ROOT_INODE, 0, take, &reader), -EUCLEAN);
	}
	put_item(&f, &good, sizeof(good.disk) + 4, 5);
	put_item(&f, &good, sizeof(good.disk) + 4, UINT64_C(1) << 48);
	reader = (struct reader){.limit = 100};
	assert_int_equal(fs_readdir(f.fs, ROOT_INODE, 0, take, &reader), -EUCLEAN);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_by_one),
	    cmocka_unit_test(come_and_go),
	    cmocka_unit_test(edges),
	    cmocka_unit_test(hostile_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
