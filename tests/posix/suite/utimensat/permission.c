#include "../suite.h"

static int set(long atime_ns, long mtime_ns)
{
	const struct timespec times[2] = {{500, atime_ns}, {600, mtime_ns}};

	return utimensat(AT_FDCWD, "file", times, 0);
}

RULE("the owner sets any time, writers set the present one, others none")
{
	for (enum type type = 0; type < SYMLINK; type++) {
		context("%s", type_name(type));
		make_for(type, "file", USER, GROUP);
		must(chmod("file", 0460));
		as(USER, GROUP, succeeds(set(1, 2)));
		as(USER, GROUP, succeeds(set(UTIME_NOW, UTIME_NOW)));
		as(USER, GROUP, succeeds(utimensat(AT_FDCWD, "file", NULL, 0)));
		as(USER, GROUP, succeeds(set(UTIME_NOW, UTIME_OMIT)));
		as(OTHER_USER, GROUP, fails(set(1, 2), EPERM));
		as(OTHER_USER, GROUP, fails(set(1, UTIME_OMIT), EPERM));
		as(OTHER_USER, GROUP, fails(set(UTIME_OMIT, UTIME_NOW), EPERM));
		as(OTHER_USER, GROUP, fails(set(UTIME_NOW, UTIME_OMIT), EPERM));
		as(OTHER_USER, GROUP, succeeds(set(UTIME_NOW, UTIME_NOW)));
		as(OTHER_USER, GROUP, succeeds(utimensat(AT_FDCWD, "file", NULL, 0)));
		as(OTHER_USER, GROUP, succeeds(set(UTIME_OMIT, UTIME_OMIT)));
		as(OTHER_USER, OTHER_GROUP, fails(set(1, 2), EPERM));
		as(OTHER_USER, OTHER_GROUP, fails(set(UTIME_NOW, UTIME_NOW), EACCES));
		as(OTHER_USER, OTHER_GROUP, fails(utimensat(AT_FDCWD, "file", NULL, 0), EACCES));
		as(OTHER_USER, OTHER_GROUP, succeeds(set(UTIME_OMIT, UTIME_OMIT)));
		succeeds(set(1, 2));
		remove_tree("file");
	}
}
