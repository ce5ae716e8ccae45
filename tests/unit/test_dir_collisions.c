/*
 * Names with equal hashes. The hash is replaced by one with three values: dirent.c is compiled into this
 * program with it, so that the linker does not take the library's.
 */
#include "../../fs/fs_i.h"

static uint64_t colliding_hash(const struct image *image, const void *bytes, size_t length)
{
	(void)image;
	uint64_t sum = 0;
	for (size_t i = 0; i < length; i++)
		sum += ((const uint8_t *)bytes)[i];
	return (sum % 3 * 1000 + 1) << 16;
}

#define image_hash colliding_hash
#include "../../fs/dirent.c"
#undef image_hash

#include "fixture.h"

static int make_result(struct fixture *f, uint64_t parent, const char *name)
{
	const struct fs_caller caller = {.uid = 1000, .gid = 1000};
	struct fs_attr attr;
	int result = fs_make(f->fs, &caller, parent, fixture_name(name), S_IFREG | 0644, 0, 0, &attr);
	if (!result)
		fs_forget(f->fs, attr.inode, 1);
	return result;
}

struct seen {
	unsigned count, limit;
	int64_t cookie;
	char names[256][8];
};

static int take(void *context, const struct fs_dirent *entry)
{
	struct seen *seen = context;
	if (seen->count == seen->limit)
		return 1;
	seen->cookie = entry->cookie;
	memcpy(seen->names[seen->count], entry->name, entry->name_length);
	seen->names[seen->count++][entry->name_length] = '\0';
	return 0;
}

static unsigned times_seen(const struct seen *seen, const char *name)
{
	unsigned times = 0;
	for (unsigned i = 0; i < seen->count; i++)
		times += !strcmp(seen->names[i], name);
	return times;
}

static void name_of(unsigned number, char *name)
{
	snprintf(name, 8, "c%u", number);
}

static void shared_items(void **state)
{
	(void)state;
	enum { COUNT = 150 };
	struct fixture f;
	struct seen seen = {.limit = 0};
	char name[8];
	fixture_open(&f);
	for (unsigned i = 0; i < COUNT; i++) {
		name_of(i, name);
		assert_int_equal(make_result(&f, ROOT_INODE, name), 0);
		assert_int_equal(make_result(&f, ROOT_INODE, name), -EEXIST);
	}
	/* One by one, and for each one taken, another that was taken goes. */
	unsigned round = 0;
	bool removed[COUNT] = {false};
	while (true) {
		seen.limit = seen.count + 1;
		unsigned before = seen.count;
		assert_int_equal(fs_readdir(f.fs, ROOT_INODE, seen.cookie, take, &seen), 0);
		if (seen.count == before)
			break;
		if (seen.count > 2 && round++ % 3 == 0) {
			assert_int_equal(
			    fs_unlink(f.fs, ROOT_INODE, fixture_name(seen.names[seen.count - 1])), 0);
			removed[atoi(seen.names[seen.count - 1] + 1)] = true;
		}
	}
	assert_int_equal(seen.count, COUNT + 2);
	fixture_crash(&f);
	for (unsigned i = 0; i < COUNT; i++) {
		name_of(i, name);
		assert_int_equal(times_seen(&seen, name), 1);
		assert_int_equal(fixture_find(&f, ROOT_INODE, name) != 0, !removed[i]);
	}
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, COUNT - (COUNT + 2) / 3);
	fixture_close(&f);
}

/* A new name gets an index above all: it cannot hide behind the cookie of a reader. */
static void new_ones_behind(void **state)
{
	(void)state;
	struct fixture f;
	struct seen seen = {.limit = 3};
	fixture_open(&f);
	assert_int_equal(make_result(&f, ROOT_INODE, "abc"), 0);
	assert_int_equal(make_result(&f, ROOT_INODE, "bca"), 0);
	assert_int_equal(make_result(&f, ROOT_INODE, "cab"), 0);
	assert_int_equal(fs_readdir(f.fs, ROOT_INODE, 0, take, &seen), 0); /* has abc */
	assert_string_equal(seen.names[2], "abc");
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("abc")), 0);
	assert_int_equal(make_result(&f, ROOT_INODE, "acb"), 0);
	seen.limit = 100;
	assert_int_equal(fs_readdir(f.fs, ROOT_INODE, seen.cookie, take, &seen), 0);
	assert_int_equal(seen.count, 6);
	assert_string_equal(seen.names[5], "acb");
	/* Renaming within the item. */
	assert_int_equal(fs_rename(f.fs, ROOT_INODE, fixture_name("bca"), ROOT_INODE, fixture_name("abc"), 0),
			 0);
	assert_int_equal(fs_rename(f.fs, ROOT_INODE, fixture_name("cab"), ROOT_INODE, fixture_name("acb"), 0),
			 0);
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, 2);
	assert_int_equal(fixture_inodes(&f), 3);
	fixture_close(&f);
}

static int64_t cookie_of(struct fixture *f, const char *name)
{
	struct seen seen = {.limit = 0};
	do {
		seen.limit++;
		assert_int_equal(fs_readdir(f->fs, ROOT_INODE, seen.cookie, take, &seen), 0);
		assert_int_equal(seen.count, seen.limit);
	} while (strcmp(seen.names[seen.count - 1], name) != 0);
	return seen.cookie;
}

/* Nor may it get the cookie of the last one, which has gone: not after another, nor after a crash. */
static void last_index_stays_taken(void **state)
{
	(void)state;
	struct fixture f;
	struct seen seen = {.limit = 100};
	int64_t gone[3];
	fixture_open(&f);
	assert_int_equal(make_result(&f, ROOT_INODE, "abc"), 0);
	assert_int_equal(make_result(&f, ROOT_INODE, "bca"), 0);
	assert_int_equal(make_result(&f, ROOT_INODE, "cab"), 0);
	gone[0] = cookie_of(&f, "bca");
	gone[1] = cookie_of(&f, "cab");
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("cab")), 0);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("bca")), 0);
	fixture_crash(&f);
	assert_int_equal(make_result(&f, ROOT_INODE, "acb"), 0);
	gone[2] = cookie_of(&f, "acb");
	assert_true(gone[0] < gone[1] && gone[1] < gone[2]);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("acb")), 0);
	assert_int_equal(make_result(&f, ROOT_INODE, "cba"), 0);
	assert_true(cookie_of(&f, "cba") > gone[2]);
	/* a reader that had the last one sees what is new, and nothing twice */
	seen.cookie = gone[2];
	assert_int_equal(fs_readdir(f.fs, ROOT_INODE, seen.cookie, take, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.names[0], "cba");
	fixture_close(&f);
}

static void item_full(void **state)
{
	(void)state;
	struct fixture f;
	char name[256];
	unsigned made = 0;
	int result;
	fixture_open(&f);
	memset(name, 'x', 255);
	name[255] = '\0';
	do { /* permutations: all have one hash */
		if (made)
			name[made - 1] = 'x';
		name[made] = 'y';
		result = make_result(&f, ROOT_INODE, name);
		made += !result;
	} while (!result);
	assert_int_equal(result, -ENOSPC);
	assert_int_equal(made, ITEM_MAX / (sizeof(struct dirent_disk) + 255));
	assert_int_equal(fixture_attr(&f, ROOT_INODE).size, made);
	assert_int_equal(fixture_inodes(&f), 1 + made);
	fixture_close(&f);
}

/* Indices are used up while one entry keeps the item alive: then, and only then, free ones are given again.
 */
static void indices_used_up(void **state)
{
	(void)state;
	struct fixture f;
	struct txn *txn;
	struct fs_name names[] = {{"ab", 2}, {"ba", 2}, {"AAAAAA!", 7}};
	uint64_t inode;
	fixture_open(&f);
	assert_int_equal(colliding_hash(NULL, "ab", 2), colliding_hash(NULL, "AAAAAA!", 7));
	assert_int_equal(txn_begin(f.image, 4, 0, &txn), 0);
	assert_int_equal(dirent_add(txn, f.fs, ROOT_INODE, names[2], 21, DT_REG), 0);
	assert_int_equal(dirent_add(txn, f.fs, ROOT_INODE, names[0], 20, DT_REG), 0);
	for (unsigned turns = 1; turns < DIRENT_INDEX_LIMIT + 100; turns++) {
		assert_int_equal(dirent_add(txn, f.fs, ROOT_INODE, names[turns % 2], 20 + turns % 2, DT_REG),
				 0);
		assert_int_equal(dirent_remove(txn, f.fs, ROOT_INODE, names[1 - turns % 2]), 0);
		assert_int_equal(dirent_find(f.fs, ROOT_INODE, names[turns % 2], &inode, NULL), 0);
		assert_int_equal(inode, 20 + turns % 2);
		assert_int_equal(dirent_find(f.fs, ROOT_INODE, names[1 - turns % 2], &inode, NULL), -ENOENT);
	}
	assert_int_equal(dirent_remove(txn, f.fs, ROOT_INODE, names[2]), 0);
	assert_int_equal(dirent_add(txn, f.fs, ROOT_INODE, names[2], 21, DT_REG), 0);
	txn_abort(txn);
	fixture_close(&f);
}

/* An item that says something else than what an index may be. */
static void next_index_damaged(void **state)
{
	(void)state;
	static const unsigned wrong[] = {1, 2, DIRENT_INDEX_LIMIT + 1, UINT16_MAX};
	struct fixture f;
	struct txn *txn;
	struct item item;
	struct fs_name name = {"ab", 2};
	uint64_t inode;
	fixture_open(&f);
	assert_int_equal(txn_begin(f.image, 4, 0, &txn), 0);
	assert_int_equal(dirent_add(txn, f.fs, ROOT_INODE, name, 20, DT_REG), 0);
	assert_int_equal(item_read(f.fs, ROOT_INODE, name, &item), 0);
	struct dirent_disk *disk = (struct dirent_disk *)item.bytes;
	disk->index = le16_of(2);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		disk->next_index = le16_of((uint16_t)wrong[i]);
		assert_int_equal(item_put(txn, &item), 0);
		assert_int_equal(dirent_find(f.fs, ROOT_INODE, name, &inode, NULL), -EUCLEAN);
	}
	disk->next_index = le16_of(DIRENT_INDEX_LIMIT);
	assert_int_equal(item_put(txn, &item), 0);
	assert_int_equal(dirent_find(f.fs, ROOT_INODE, name, &inode, NULL), 0);
	txn_abort(txn);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shared_items),	      cmocka_unit_test(new_ones_behind),
	    cmocka_unit_test(last_index_stays_taken), cmocka_unit_test(item_full),
	    cmocka_unit_test(indices_used_up),	      cmocka_unit_test(next_index_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
