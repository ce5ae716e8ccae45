#include "../suite.h"

RULE("into itself, over what is not empty, dots, slashes, other filesystems")
{
	make(DIRECTORY, "a");
	make(DIRECTORY, "a/b");
	make(DIRECTORY, "a/b/c");
	make(DIRECTORY, "empty");
	make(REGULAR, "file");
	fails(rename("a", "a/b/new"), EINVAL);
	fails(rename("a", "a/new"), EINVAL);
	fails(rename("a/b", "a/b/c/new"), EINVAL);
	fails(rename("a", "a/b"), EINVAL);
	fails(rename("a/b", "a"), ENOTEMPTY);
	fails(rename("a/b/c", "a"), ENOTEMPTY);
	fails(rename("empty", "a"), ENOTEMPTY);
	fails(rename("file", "a"), EISDIR);
	fails(rename("a", "file"), ENOTDIR);
	fails(rename("file", "a/.."), EBUSY);
	fails(rename("a/.", "new"), EBUSY);
	fails(rename("a/..", "new"), EBUSY);
	fails(rename(".", "new"), EBUSY);
	fails(rename("..", "new"), EBUSY);
	fails(rename("a", "."), EBUSY);
	fails(rename("file/", "new"), ENOTDIR);
	fails(rename("file", "new/"), ENOTDIR);
	fails(rename("file", "/proc/self/comm"), EXDEV);
	fails(rename("/proc/self/comm", "new"), EXDEV);
	succeeds(rename("empty", "new/"));
	succeeds(rename("new/", "again/"));
	check(exists("again"));
	check(exists("file"));
	check(exists("a/b/c"));
	check(!exists("new"));
	equals(links_of("a"), 3);
	equals(links_of("a/b"), 3);
}
