#include "../suite.h"

#include <sys/xattr.h>

RULE("set, get, list, remove; flags; empty values")
{
	char value[64];

	make(REGULAR, "file");
	fails(getxattr("file", "user.a", value, sizeof(value)), ENODATA);
	fails(removexattr("file", "user.a"), ENODATA);
	fails(setxattr("file", "user.a", "x", 1, XATTR_REPLACE), ENODATA);
	equals(listxattr("file", value, sizeof(value)), 0);
	succeeds(setxattr("file", "user.a", "first", 5, XATTR_CREATE));
	fails(setxattr("file", "user.a", "second", 6, XATTR_CREATE), EEXIST);
	equals(getxattr("file", "user.a", value, sizeof(value)), 5);
	check(memcmp(value, "first", 5) == 0);
	succeeds(setxattr("file", "user.a", "another value", 13, XATTR_REPLACE));
	equals(getxattr("file", "user.a", value, sizeof(value)), 13);
	check(memcmp(value, "another value", 13) == 0);
	succeeds(setxattr("file", "user.a", "x", 1, 0));
	equals(getxattr("file", "user.a", value, sizeof(value)), 1);
	equals(getxattr("file", "user.a", NULL, 0), 1);
	succeeds(setxattr("file", "user.empty", "", 0, 0));
	equals(getxattr("file", "user.empty", value, sizeof(value)), 0);
	succeeds(setxattr("file", "user.empty", "", 0, XATTR_REPLACE));
	fails(setxattr("file", "user.empty", "", 0, XATTR_CREATE), EEXIST);
	equals(listxattr("file", NULL, 0), 18);
	equals(listxattr("file", value, sizeof(value)), 18);
	fails(listxattr("file", value, 17), ERANGE);
	must(setxattr("file", "user.a", "12345", 5, 0));
	fails(getxattr("file", "user.a", value, 4), ERANGE);
	equals(getxattr("file", "user.a", value, 5), 5);
	succeeds(removexattr("file", "user.a"));
	fails(getxattr("file", "user.a", value, sizeof(value)), ENODATA);
	fails(removexattr("file", "user.a"), ENODATA);
	equals(listxattr("file", value, sizeof(value)), 11);
	check(strcmp(value, "user.empty") == 0);
	/* any bytes */
	succeeds(setxattr("file", "user.zero", "a\0b\xff", 4, 0));
	equals(getxattr("file", "user.zero", value, sizeof(value)), 4);
	check(memcmp(value, "a\0b\xff", 4) == 0);
	fails(setxattr("file", "user.a", "x", 1, 4), EINVAL);
	fails(setxattr("file", "user.a", "x", 1, XATTR_CREATE | XATTR_REPLACE), ENODATA);
	fails(setxattr("file", "user.zero", "x", 1, XATTR_CREATE | XATTR_REPLACE), EEXIST);
}
