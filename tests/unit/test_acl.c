/* POSIX ACLs and flags. */
#include "fixture.h"
#include "../../fs/acl.h"

#include <sys/xattr.h>

struct wire {
	uint32_t version;
	struct {
		uint16_t tag, bits;
		uint32_t id;
	} entries[600];
};

/* u::rwx, `users` named ones, g::r-x, m::rwx, o::---. Returns the length. */
static size_t make_acl(struct wire *wire, unsigned users)
{
	unsigned at = 0;
	wire->version = 2;
	wire->entries[at].tag = ACL_USER_OBJ;
	wire->entries[at].bits = 7;
	wire->entries[at++].id = UINT32_MAX;
	for (unsigned i = 0; i < users; i++) {
		wire->entries[at].tag = ACL_USER;
		wire->entries[at].bits = 6;
		wire->entries[at++].id = 1000 + i;
	}
	static const uint16_t tags[] = {ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER}, bits[] = {5, 7, 0};
	for (unsigned i = 0; i < 3; i++) {
		wire->entries[at].tag = tags[i];
		wire->entries[at].bits = bits[i];
		wire->entries[at++].id = UINT32_MAX;
	}
	return 4 + 8 * (size_t)at;
}

static void encoding(void **state)
{
	(void)state;
	struct wire wire;
	uint8_t bytes[ACL_BYTES_MAX];
	struct acl acl;
	size_t length = make_acl(&wire, 3);
	assert_int_equal(acl_decode(&wire, length, &acl), 0);
	assert_int_equal(acl.count, 7);
	assert_int_equal(acl_encode(&acl, bytes), length);
	assert_memory_equal(bytes, &wire, length);
	assert_int_equal(acl_decode(&wire, make_acl(&wire, 507), &acl), 0);
	assert_int_equal(acl.count, 511);
	assert_int_equal(acl_decode(&wire, make_acl(&wire, 508), &acl), -E2BIG);
	for (size_t cut = 0; cut < length; cut++) {
		make_acl(&wire, 3);
		assert_int_equal(acl_decode(&wire, cut, &acl), -EINVAL);
	}
	/* any byte changed: refused, or another ACL that is whole */
	for (size_t at = 0; at < length; at++) {
		for (unsigned value = 0; value < 256; value++) {
			make_acl(&wire, 3);
			((uint8_t *)&wire)[at] = (uint8_t)value;
			int result = acl_decode(&wire, length, &acl);
			if (at < 4 && value != (at == 0 ? 2 : 0))
				assert_int_equal(result, -EOPNOTSUPP);
			else if (result)
				assert_int_equal(result, -EINVAL);
			else
				assert_int_equal(acl_encode(&acl, bytes), length);
		}
	}
}

static void modes(void **state)
{
	(void)state;
	struct wire wire;
	struct acl acl;
	uint32_t mode = S_IFREG | 06000;
	assert_int_equal(acl_decode(&wire, make_acl(&wire, 1), &acl), 0);
	assert_false(acl_to_mode(&acl, &mode));
	assert_int_equal(mode, S_IFREG | 06770);
	mode = S_IFDIR | 0657;
	assert_false(acl_restrict(&acl, &mode));
	assert_int_equal(mode, S_IFDIR | 0650);
	assert_int_equal(acl.entries[0].bits, 6);
	assert_int_equal(acl.entries[1].bits, 6);
	assert_int_equal(acl.entries[2].bits, 5);
	assert_int_equal(acl.entries[3].bits, 5);
	acl_from_mode(&acl, 0123);
	assert_int_equal(acl.entries[0].bits, 1);
	assert_int_equal(acl.entries[2].bits, 5);
	assert_int_equal(acl.entries[3].bits, 2);
	assert_int_equal(acl.entries[4].bits, 3);
}

static struct fs_attr attr_of(struct fixture *f, uint64_t inode)
{
	return fixture_attr(f, inode);
}

/* Whatever size the ACLs have: made with what they belong to, by one record each, and deleted with it. */
static void inherited_and_deleted(void **state)
{
	(void)state;
	static const unsigned users[] = {0, 1, 60, 61, 220, 230, 507};
	struct fixture f;
	fixture_open(&f);
	f.acl = true;
	fixture_reopen(&f);
	struct fs_caller caller = {.uid = 5, .gid = 6, .umask = 077};
	for (unsigned i = 0; i < sizeof(users) / sizeof(*users); i++) {
		struct wire wire, seen;
		struct fs_attr attr;
		size_t length = make_acl(&wire, users[i]), got;
		uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
		assert_int_equal(fs_set_acl(f.fs, directory, true, &wire, length, true), 0);
		assert_int_equal(
		    fs_make(f.fs, &caller, directory, fixture_name("new"), S_IFDIR | 0777, 0, 0, &attr), 0);
		assert_int_equal(attr.mode, S_IFDIR | 0770);
		fixture_crash(&f);
		for (int of_new = 0; of_new < 2; of_new++) {
			assert_int_equal(fs_get_acl(f.fs, attr.inode, of_new, &seen, sizeof(seen), &got), 0);
			assert_int_equal(got, length);
			assert_memory_equal(&seen, &wire, length);
			assert_int_equal(fs_get_acl(f.fs, attr.inode, of_new, &seen, length - 1, &got),
					 -ERANGE);
		}
		struct fs_set set = {.what = FS_SET_MODE, .mode = 0700};
		assert_int_equal(fs_setattr(f.fs, attr.inode, &set, &attr), 0);
		assert_int_equal(fs_get_acl(f.fs, attr.inode, false, &seen, sizeof(seen), &got), 0);
		assert_int_equal(seen.entries[users[i] + 2].bits, 0);
		assert_int_equal(fs_rmdir(f.fs, directory, fixture_name("new")), 0);
		assert_int_equal(fs_rmdir(f.fs, ROOT_INODE, fixture_name("directory")), 0);
		fixture_reopen(&f);
	}
	struct image_space space;
	assert_int_equal(image_space(f.image, &space), 0);
	assert_int_equal(space.inodes, 1);
	fixture_close(&f);
}

/* Without -o acl they are kept, not seen, not inherited, and follow chmod. */
static void switched_off(void **state)
{
	(void)state;
	struct fixture f;
	struct wire wire, seen;
	struct fs_attr attr;
	char names[64];
	size_t length = make_acl(&wire, 2), got;
	fixture_open(&f);
	uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
	assert_int_equal(fs_set_acl(f.fs, directory, true, &wire, length, true), -EOPNOTSUPP);
	assert_int_equal(fs_get_acl(f.fs, directory, true, &seen, sizeof(seen), &got), -EOPNOTSUPP);
	f.acl = true;
	fixture_reopen(&f);
	assert_int_equal(fs_set_acl(f.fs, directory, true, &wire, length, true), 0);
	assert_int_equal(fs_set_acl(f.fs, directory, false, &wire, length, true), 0);
	assert_int_equal(fs_listxattr(f.fs, directory, names, sizeof(names), true, &got), 0);
	assert_int_equal(got, sizeof(ACL_ACCESS) + sizeof(ACL_DEFAULT));
	f.acl = false;
	fixture_reopen(&f);
	assert_int_equal(fs_listxattr(f.fs, directory, names, sizeof(names), true, &got), 0);
	assert_int_equal(got, 0);
	uint64_t file = fixture_make(&f, directory, "file", S_IFREG | 0666);
	assert_int_equal(attr_of(&f, file).mode, S_IFREG | 0666);
	struct fs_set set = {.what = FS_SET_MODE, .mode = 0740};
	assert_int_equal(fs_setattr(f.fs, directory, &set, &attr), 0);
	f.acl = true;
	fixture_reopen(&f);
	assert_int_equal(fs_get_acl(f.fs, file, false, &seen, sizeof(seen), &got), -ENODATA);
	assert_int_equal(fs_get_acl(f.fs, directory, false, &seen, sizeof(seen), &got), 0);
	assert_int_equal(seen.entries[4].bits, 4);
	assert_int_equal(fs_get_acl(f.fs, directory, true, &seen, sizeof(seen), &got), 0);
	assert_memory_equal(&seen, &wire, length);
	fixture_close(&f);
}

/* Puts a value where an ACL should be. */
static void store_bad(struct fixture *f, uint64_t number, const char *name, const void *value, size_t length)
{
	struct xattr_change change = {.value = value, .length = length};
	struct inode inode;
	struct txn *txn;
	assert_int_equal(txn_begin(f->image, 50, 0, &txn), 0);
	assert_int_equal(inode_load(f->fs, number, &inode), 0);
	assert_int_equal(xattr_plan(f->fs, &inode, name, 0, &change), 0);
	assert_int_equal(xattr_make(txn, &change), 0);
	assert_int_equal(inode_store(txn, &inode), 0);
	assert_int_equal(txn_commit(txn, NULL), 0);
}

static void hostile(void **state)
{
	(void)state;
	struct fixture f;
	struct wire wire, seen;
	struct fs_attr attr;
	size_t length = make_acl(&wire, 2), got;
	static const uint8_t large[5000];
	fixture_open(&f);
	f.acl = true;
	fixture_reopen(&f);
	for (int i = 0; i < 4; i++) {
		const void *value = i < 2 ? (const void *)&wire : large;
		size_t bytes = i == 0 ? length - 1 : i == 1 ? 4 : i == 2 ? 0 : sizeof(large);
		uint64_t directory = fixture_make(&f, ROOT_INODE, "directory", S_IFDIR | 0755);
		struct fs_caller caller = {.uid = 5};
		store_bad(&f, directory, ACL_ACCESS, value, bytes);
		store_bad(&f, directory, ACL_DEFAULT, value, bytes);
		assert_int_equal(fs_get_acl(f.fs, directory, false, &seen, sizeof(seen), &got), -EUCLEAN);
		assert_int_equal(fs_get_acl(f.fs, directory, true, &seen, sizeof(seen), &got), -EUCLEAN);
		assert_int_equal(
		    fs_make(f.fs, &caller, directory, fixture_name("x"), S_IFREG | 0644, 0, 0, &attr),
		    -EUCLEAN);
		struct fs_set set = {.what = FS_SET_MODE, .mode = 0700};
		assert_int_equal(fs_setattr(f.fs, directory, &set, &attr), -EUCLEAN);
		/* it can be replaced and removed */
		assert_int_equal(fs_set_acl(f.fs, directory, false, &wire, length, true), 0);
		assert_int_equal(fs_set_acl(f.fs, directory, true, NULL, 0, true), 0);
		assert_int_equal(fs_setattr(f.fs, directory, &set, &attr), 0);
		assert_int_equal(fs_rmdir(f.fs, ROOT_INODE, fixture_name("directory")), 0);
	}
	fixture_close(&f);
}

static uint64_t guarded(struct fixture *f)
{
	struct image_space space;
	assert_int_equal(image_space(f->image, &space), 0);
	return space.guarded;
}

/* The count that decides whether opens are looked at. */
static void flags_counted(void **state)
{
	(void)state;
	struct fixture f;
	fixture_open(&f);
	uint64_t a = fixture_make(&f, ROOT_INODE, "a", S_IFREG | 0644);
	uint64_t b = fixture_make(&f, ROOT_INODE, "b", S_IFDIR | 0755);
	assert_int_equal(guarded(&f), 0);
	assert_int_equal(fs_set_flags(f.fs, a, INODE_IMMUTABLE, false), -EPERM);
	assert_int_equal(fs_set_flags(f.fs, a, 0x1000, true), -EOPNOTSUPP);
	assert_int_equal(fs_set_flags(f.fs, a, INODE_NODUMP | INODE_NOATIME, false), 0);
	assert_int_equal(guarded(&f), 0);
	assert_int_equal(fs_set_flags(f.fs, a, INODE_IMMUTABLE | INODE_APPEND, true), 0);
	assert_int_equal(fs_set_flags(f.fs, b, INODE_APPEND, true), 0);
	assert_int_equal(guarded(&f), 2);
	fixture_crash(&f);
	assert_int_equal(guarded(&f), 2);
	assert_int_equal(attr_of(&f, a).flags, INODE_IMMUTABLE | INODE_APPEND);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("a")), -EPERM);
	assert_int_equal(fs_may_open(f.fs, a, O_RDWR), -EPERM);
	assert_int_equal(fs_may_open(f.fs, a, O_RDONLY), 0);
	assert_int_equal(fs_set_flags(f.fs, a, INODE_APPEND, true), 0);
	assert_int_equal(fs_may_open(f.fs, a, O_WRONLY | O_APPEND), 0);
	assert_int_equal(fs_may_open(f.fs, a, O_WRONLY), -EPERM);
	assert_int_equal(guarded(&f), 2);
	assert_int_equal(fs_set_flags(f.fs, a, 0, true), 0);
	assert_int_equal(fs_set_flags(f.fs, b, 0, true), 0);
	assert_int_equal(guarded(&f), 0);
	/* without a name, then gone */
	struct fs_attr attr;
	assert_int_equal(fs_lookup(f.fs, ROOT_INODE, fixture_name("a"), &attr), 0);
	assert_int_equal(fs_unlink(f.fs, ROOT_INODE, fixture_name("a")), 0);
	assert_int_equal(fs_set_flags(f.fs, a, INODE_IMMUTABLE, true), 0);
	assert_int_equal(guarded(&f), 1);
	fs_forget(f.fs, a, 2);
	assert_int_equal(guarded(&f), 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encoding),
	    cmocka_unit_test(modes),
	    cmocka_unit_test(inherited_and_deleted),
	    cmocka_unit_test(switched_off),
	    cmocka_unit_test(hostile),
	    cmocka_unit_test(flags_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
