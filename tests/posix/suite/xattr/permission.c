#include "../suite.h"

#include <sys/xattr.h>

RULE("user attributes follow the mode, trusted ones are root's, security ones need a capability")
{
	char value[16], names[64];

	make_for(REGULAR, "file", USER, GROUP);
	must(chmod("file", 0640));
	as(USER, GROUP, succeeds(setxattr("file", "user.a", "x", 1, 0)));
	as(OTHER_USER, GROUP, equals(getxattr("file", "user.a", value, sizeof(value)), 1));
	as(OTHER_USER, GROUP, fails(setxattr("file", "user.a", "x", 1, 0), EACCES));
	as(OTHER_USER, GROUP, fails(removexattr("file", "user.a"), EACCES));
	as(OTHER_USER, OTHER_GROUP, fails(getxattr("file", "user.a", value, sizeof(value)), EACCES));
	as(OTHER_USER, OTHER_GROUP, fails(setxattr("file", "user.a", "x", 1, 0), EACCES));
	as(OTHER_USER, OTHER_GROUP, equals(listxattr("file", names, sizeof(names)), 7));
	must(chmod("file", 0666));
	as(OTHER_USER, OTHER_GROUP, succeeds(setxattr("file", "user.a", "xx", 2, 0)));
	as(OTHER_USER, OTHER_GROUP, succeeds(removexattr("file", "user.a")));
	must(chmod("file", 0));
	as(USER, GROUP, fails(setxattr("file", "user.a", "x", 1, 0), EACCES));
	succeeds(setxattr("file", "user.a", "x", 1, 0));
	succeeds(removexattr("file", "user.a"));
	must(chmod("file", 0666));
	succeeds(setxattr("file", "trusted.t", "secret", 6, 0));
	equals(getxattr("file", "trusted.t", value, sizeof(value)), 6);
	equals(listxattr("file", names, sizeof(names)), 10);
	as(USER, GROUP, fails(getxattr("file", "trusted.t", value, sizeof(value)), ENODATA));
	as(USER, GROUP, fails(setxattr("file", "trusted.t", "x", 1, 0), EPERM));
	as(USER, GROUP, fails(removexattr("file", "trusted.t"), EPERM));
	as(USER, GROUP, equals(listxattr("file", names, sizeof(names)), 0));
	succeeds(removexattr("file", "trusted.t"));
	succeeds(setxattr("file", "security.s", "label", 5, 0));
	as(USER, GROUP, equals(getxattr("file", "security.s", value, sizeof(value)), 5));
	as(USER, GROUP, fails(setxattr("file", "security.s", "x", 1, 0), EPERM));
	as(USER, GROUP, fails(removexattr("file", "security.s"), EPERM));
	succeeds(removexattr("file", "security.s"));
}
