#include "../suite.h"

#include <sys/xattr.h>

RULE("attributes belong to the file: links, renames, unlinked files; ctime; descriptors")
{
	char value[16], bytes[9000];

	memset(bytes, 'v', sizeof(bytes));
	make(REGULAR, "file");
	watch("file", CTIME);
	timed(succeeds(setxattr("file", "user.a", "one", 3, 0)));
	watch("file", CTIME);
	timed(succeeds(setxattr("file", "user.a", "two", 3, 0)));
	watch("file", CTIME);
	timed(succeeds(removexattr("file", "user.a")));
	watch("file", 0);
	timed(fails(removexattr("file", "user.a"), ENODATA));
	must(setxattr("file", "user.a", "one", 3, 0));
	must(link("file", "second"));
	equals(getxattr("second", "user.a", value, sizeof(value)), 3);
	succeeds(setxattr("second", "user.b", "both", 4, 0));
	equals(getxattr("file", "user.b", value, sizeof(value)), 4);
	must(rename("second", "third"));
	equals(getxattr("third", "user.b", value, sizeof(value)), 4);
	int file = open("file", O_RDONLY), path = open("file", O_PATH);
	must(file);
	must(path);
	must(unlink("file"));
	must(unlink("third"));
	equals(fgetxattr(file, "user.a", value, sizeof(value)), 3);
	succeeds(fsetxattr(file, "user.c", bytes, sizeof(bytes), 0));
	equals(fgetxattr(file, "user.c", NULL, 0), sizeof(bytes));
	equals(flistxattr(file, NULL, 0), 21);
	succeeds(fremovexattr(file, "user.a"));
	fails(fgetxattr(file, "user.a", value, sizeof(value)), ENODATA);
	fails(fgetxattr(path, "user.b", value, sizeof(value)), EBADF);
	fails(fsetxattr(path, "user.b", "x", 1, 0), EBADF);
	/* A new file of the name has none. */
	make(REGULAR, "file");
	equals(listxattr("file", NULL, 0), 0);
}
