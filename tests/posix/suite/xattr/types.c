#include "../suite.h"

#include <sys/xattr.h>

RULE("user attributes are for files and directories, trusted ones for all; sticky directories guard theirs")
{
	char value[16];

	for (enum type type = 0; type < TYPES; type++) {
		bool may = type == REGULAR || type == DIRECTORY;
		make_for(type, "file", USER, GROUP);
		context("%s", type_name(type));
		gives(lsetxattr("file", "user.a", "x", 1, 0), may ? 0 : EPERM);
		gives(lgetxattr("file", "user.a", value, sizeof(value)), may ? 0 : ENODATA);
		gives(lremovexattr("file", "user.a"), may ? 0 : EPERM);
		succeeds(lsetxattr("file", "trusted.t", "text", 4, 0));
		equals(lgetxattr("file", "trusted.t", value, sizeof(value)), 4);
		succeeds(lremovexattr("file", "trusted.t"));
		fails(lgetxattr("file", "trusted.t", value, sizeof(value)), ENODATA);
		remove_tree("file");
	}
	context("%s", "");
	make_directory("sticky", 01777, OTHER_USER, OTHER_GROUP);
	as(USER, GROUP, fails(setxattr("sticky", "user.a", "x", 1, 0), EPERM));
	as(OTHER_USER, GROUP, succeeds(setxattr("sticky", "user.a", "x", 1, 0)));
	make_directory("free", 0777, OTHER_USER, OTHER_GROUP);
	as(USER, GROUP, succeeds(setxattr("free", "user.a", "x", 1, 0)));
	must(symlink("free", "link"));
	equals(getxattr("link", "user.a", value, sizeof(value)), 1);
	fails(lgetxattr("link", "user.a", value, sizeof(value)), ENODATA);
	fails(setxattr("missing", "user.a", "x", 1, 0), ENOENT);
	fails(listxattr("missing", NULL, 0), ENOENT);
}
