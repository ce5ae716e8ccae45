/* Extended attributes. */
#include "fixture.h"
#include "../../fs/fs_i.h"

#include <sys/xattr.h>

static uint8_t buffer[FS_XATTR_SIZE_MAX + 1], expected[FS_XATTR_SIZE_MAX + 1];

static void fill(uint8_t *bytes, size_t length, uint64_t seed)
{
	seed = seed * 2 + 1;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)fixture_random(&seed);
}

static int set_filled(struct fixture *f, uint64_t inode, const char *name, size_t length, uint64_t seed,
		      int flags)
{
	fill(buffer, length, seed);
	return fs_setxattr(f->fs, inode, name, buffer, length, flags);
}

static void check_filled(struct fixture *f, uint64_t inode, const char *name, size_t length, uint64_t seed)
{
	size_t got = 12345;
	fill(expected, length, seed);
	memset(buffer, 0, sizeof(buffer));
	assert_int_equal(fs_getxattr(f->fs, inode, name, buffer, 0, &got), 0);
	assert_int_equal(got, length);
	assert_int_equal(fs_getxattr(f->fs, inode, name, buffer, sizeof(buffer), &got), 0);
	assert_int_equal(got, length);
	assert_memory_equal(buffer, expected, length);
	if (length > 1)
		assert_int_equal(fs_getxattr(f->fs, inode, name, buffer, length - 1, &got), -ERANGE);
}

/* Items of attributes and of their pieces in the whole tree. */
static int count_item(void *context, struct key key, const void *bytes, size_t size)
{
	(void)bytes;
	(void)size;
	*(unsigned *)context += key.type == ITEM_XATTR || key.type == ITEM_XATTR_VALUE;
	return 0;
}

static unsigned items(struct fixture *f)
{
	unsigned count = 0;
	struct key to = {.object = UINT64_MAX, .type = UINT8_MAX, .offset = UINT64_MAX};
	image_read_lock(f->image);
	assert_int_equal(tree_scan(f->image, TREE_FILES, (struct key){0}, to, count_item, &count), 0);
	image_read_unlock(f->image);
	return count;
}

static void sizes(void **state)
{
	(void)state;
	static const size_t lengths[] = {0, 1, 511, 512, 513, 1799, 1800, 1801, 5400, 65535, 65536};
	enum { COUNT = sizeof(lengths) / sizeof(*lengths) };
	struct fixture f;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	assert_int_equal(set_filled(&f, file, "user.a", FS_XATTR_SIZE_MAX + 1, 0, 0), -E2BIG);
	/* Every size replaced by every other. */
	for (unsigned i = 0; i < COUNT; i++) {
		for (unsigned j = 0; j < COUNT; j++) {
			assert_int_equal(set_filled(&f, file, "user.a", lengths[i], i, 0), 0);
			assert_int_equal(set_filled(&f, file, "user.a", lengths[j], j + 100, XATTR_REPLACE),
					 0);
			check_filled(&f, file, "user.a", lengths[j], j + 100);
			unsigned pieces =
			    lengths[j] > XATTR_INLINE ? (unsigned)((lengths[j] + 1799) / 1800) : 0;
			assert_int_equal(items(&f), 1 + pieces);
		}
		fixture_crash(&f);
		check_filled(&f, file, "user.a", lengths[COUNT - 1], COUNT - 1 + 100);
	}
	assert_int_equal(fs_removexattr(f.fs, file, "user.a"), 0);
	assert_int_equal(items(&f), 0);
	fixture_close(&f);
}

static void rules(void **state)
{
	(void)state;
	struct fixture f;
	struct fs_attr attr;
	const struct fs_caller caller = {.uid = 1000};
	char name[300];
	size_t length;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	uint64_t pipe = fixture_make(&f, ROOT_INODE, "pipe", S_IFIFO | 0644);
	assert_int_equal(fs_symlink(f.fs, &caller, ROOT_INODE, fixture_name("link"), "to", &attr), 0);
	uint64_t link = attr.inode;
	assert_int_equal(fs_setxattr(f.fs, file, "user.a", "1", 1, XATTR_REPLACE), -ENODATA);
	assert_int_equal(fs_setxattr(f.fs, file, "user.a", "1", 1, XATTR_CREATE), 0);
	assert_int_equal(fs_setxattr(f.fs, file, "user.a", "2", 1, XATTR_CREATE), -EEXIST);
	assert_int_equal(fs_setxattr(f.fs, file, "user.a", "2", 1, XATTR_REPLACE), 0);
	assert_int_equal(fs_setxattr(f.fs, file, "user.a", "2", 1, 64), -EINVAL);
	assert_int_equal(fs_setxattr(f.fs, file, "user.", "2", 1, 0), -EINVAL);
	assert_int_equal(fs_setxattr(f.fs, file, "", "2", 1, 0), -ERANGE);
	assert_int_equal(fs_setxattr(f.fs, file, "system.other", "2", 1, 0), -EOPNOTSUPP);
	assert_int_equal(fs_setxattr(f.fs, file, "nothing", "2", 1, 0), -EOPNOTSUPP);
	assert_int_equal(fs_getxattr(f.fs, file, "nothing", name, 1, &length), -EOPNOTSUPP);
	assert_int_equal(fs_removexattr(f.fs, file, "nothing"), -EOPNOTSUPP);
	assert_int_equal(fs_removexattr(f.fs, file, "user.b"), -ENODATA);
	assert_int_equal(fs_getxattr(f.fs, file, "user.b", name, 1, &length), -ENODATA);
	assert_int_equal(fs_getxattr(f.fs, pipe, "user.b", name, 1, &length), -ENODATA);
	assert_int_equal(fs_setxattr(f.fs, pipe, "user.a", "1", 1, 0), -EPERM);
	assert_int_equal(fs_setxattr(f.fs, link, "user.a", "1", 1, 0), -EPERM);
	assert_int_equal(fs_setxattr(f.fs, link, "trusted.a", "1", 1, 0), 0);
	assert_int_equal(fs_setxattr(f.fs, pipe, "security.selinux", "1", 1, 0), 0);
	assert_int_equal(fs_setxattr(f.fs, ROOT_INODE, "system.posix_acl_default", "acl", 3, 0), -EOPNOTSUPP);
	assert_int_equal(fs_setxattr(f.fs, file, "security.capability", buffer, 600, 0), -EINVAL);
	assert_int_equal(fs_setxattr(f.fs, 4711, "user.a", "1", 1, 0), -ESTALE);
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	assert_int_equal(fs_setxattr(f.fs, file, name, "1", 1, 0), -ERANGE);
	name[255] = '\0';
	assert_int_equal(set_filled(&f, file, name, 512, 1, 0), 0);
	check_filled(&f, file, name, 512, 1);
	fixture_close(&f);
}

static void listing(void **state)
{
	(void)state;
	struct fixture f;
	char names[64], name[256];
	size_t length;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	assert_int_equal(fs_listxattr(f.fs, file, names, sizeof(names), true, &length), 0);
	assert_int_equal(length, 0);
	assert_int_equal(fs_setxattr(f.fs, file, "user.abc", "", 0, 0), 0);
	assert_int_equal(fs_setxattr(f.fs, file, "trusted.x", "", 0, 0), 0);
	assert_int_equal(fs_listxattr(f.fs, file, NULL, 0, true, &length), 0);
	assert_int_equal(length, 19);
	assert_int_equal(fs_listxattr(f.fs, file, names, 18, true, &length), -ERANGE);
	assert_int_equal(fs_listxattr(f.fs, file, names, 19, true, &length), 0);
	if (names[0] == 'u')
		assert_memory_equal(names, "user.abc\0trusted.x", 19);
	else
		assert_memory_equal(names, "trusted.x\0user.abc", 19);
	assert_int_equal(fs_listxattr(f.fs, file, names, 9, false, &length), 0);
	assert_int_equal(length, 9);
	assert_string_equal(names, "user.abc");
	assert_int_equal(fs_removexattr(f.fs, file, "user.abc"), 0);
	assert_int_equal(fs_removexattr(f.fs, file, "trusted.x"), 0);

	/* As many names as a list may hold, and one more. */
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	for (unsigned i = 0; i < 256; i++) {
		snprintf(name, sizeof(name), "user.%03u", i);
		name[8] = 'n';
		assert_int_equal(fs_setxattr(f.fs, file, name, "v", 1, 0), 0);
	}
	assert_int_equal(fs_listxattr(f.fs, file, NULL, 0, true, &length), 0);
	assert_int_equal(length, FS_XATTR_LIST_MAX);
	assert_int_equal(fs_setxattr(f.fs, file, "user.b", "v", 1, 0), -ENOSPC);
	assert_int_equal(fs_setxattr(f.fs, file, name, "other", 5, 0), 0);
	assert_int_equal(fs_removexattr(f.fs, file, name), 0);
	assert_int_equal(fs_setxattr(f.fs, file, "user.b", "v", 1, 0), 0);
	fs_forget(f.fs, file, 1);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("file")), 0);
	assert_int_equal(items(&f), 0);
	assert_int_equal(fixture_inodes(&f), 1);
	fixture_close(&f);
}

static void at_random(void **state)
{
	(void)state;
	enum { NAMES = 12, INODES = 3 };
	struct fixture f;
	uint64_t seed = 77, inodes[INODES];
	struct {
		bool there;
		size_t length;
		uint64_t seed;
	} model[INODES][NAMES] = {0};
	fixture_open(&f);
	for (unsigned i = 0; i < INODES; i++) {
		char name[2] = {(char)('a' + i), '\0'};
		inodes[i] = fixture_make(&f, ROOT_INODE, name, i ? S_IFREG | 0644 : S_IFDIR | 0755);
	}
	for (unsigned step = 0; step < 1500; step++) {
		unsigned i = (unsigned)(fixture_random(&seed) % INODES),
			 n = (unsigned)(fixture_random(&seed) % NAMES);
		char name[32];
		snprintf(name, sizeof(name), "%s.name%u", n % 3 ? "user" : "trusted", n);
		if (fixture_random(&seed) % 3) {
			size_t length = fixture_random(&seed) % (fixture_random(&seed) % 4 ? 700 : 20000);
			assert_int_equal(set_filled(&f, inodes[i], name, length, step, 0), 0);
			model[i][n].there = true;
			model[i][n].length = length;
			model[i][n].seed = step;
		} else {
			assert_int_equal(fs_removexattr(f.fs, inodes[i], name),
					 model[i][n].there ? 0 : -ENODATA);
			model[i][n].there = false;
		}
		if (step % 300 != 299)
			continue;
		fixture_crash(&f);
		for (i = 0; i < INODES; i++) {
			for (n = 0; n < NAMES; n++) {
				size_t length;
				snprintf(name, sizeof(name), "%s.name%u", n % 3 ? "user" : "trusted", n);
				if (model[i][n].there)
					check_filled(&f, inodes[i], name, model[i][n].length,
						     model[i][n].seed);
				else
					assert_int_equal(
					    fs_getxattr(f.fs, inodes[i], name, buffer, 9, &length), -ENODATA);
			}
		}
	}
	fixture_close(&f);
}

static void hostile_items(void **state)
{
	(void)state;
	struct fixture f;
	struct {
		struct xattr_disk disk;
		char bytes[16];
	} good = {.disk = {.name_length = 6, .inline_length = le16_of(4), .value_length = le32_of(4)},
		  .bytes = "user.aabcd"},
	  bad;
	char value[64];
	size_t length;
	fixture_open(&f);
	uint64_t file = fixture_make(&f, ROOT_INODE, "file", S_IFREG | 0644);
	assert_int_equal(fs_setxattr(f.fs, file, "user.a", "abcd", 4, 0), 0);
	struct key key = {.object = file, .type = ITEM_XATTR, .offset = image_hash(f.image, "user.a", 6)};
	for (unsigned kind = 0; kind < 9; kind++) {
		size_t size = sizeof(good.disk) + 10;
		struct txn *txn;
		bad = good;
		switch (kind) {
		case 0:
			break; /* as it is written: the bytes above are right */
		case 1:
			bad.disk.name_length = 0;
			break;
		case 2:
			bad.disk.name_length = 200;
			break;
		case 3:
			bad.disk.inline_length = le16_of(5);
			break;
		case 4:
			bad.disk.value_length = le32_of(100000);
			break;
		case 5:
			bad.disk.value_object = le64_of(UINT64_MAX);
			break;
		case 6:
			bad.disk.value_object = le64_of(99); /* and inline too */
			break;
		case 7: /* pieces that are not there */
			size = sizeof(good.disk) + 6;
			bad.disk.inline_length = le16_of(0);
			bad.disk.value_object = le64_of(99);
			break;
		default:
			size = 7;
			break;
		}
		assert_int_equal(txn_begin(f.image, 1, 0, &txn), 0);
		assert_int_equal(tree_put(txn, TREE_FILES, key, &bad, size), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		int expect = kind ? -EUCLEAN : 0;
		assert_int_equal(fs_getxattr(f.fs, file, "user.a", value, sizeof(value), &length), expect);
		if (kind != 7)
			assert_int_equal(fs_listxattr(f.fs, file, value, sizeof(value), true, &length),
					 expect);
		if (kind && kind != 7)
			assert_int_equal(fs_removexattr(f.fs, file, "user.a"), -EUCLEAN);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),	 cmocka_unit_test(rules),	  cmocka_unit_test(listing),
	    cmocka_unit_test(at_random), cmocka_unit_test(hostile_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
