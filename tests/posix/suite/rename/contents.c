#include "../suite.h"

#include <sys/xattr.h>

RULE("a file keeps everything but its name and ctime")
{
	struct stat before, after;
	char value[8];

	make_file("file", 04751, USER, GROUP, "contents");
	must(setxattr("file", "user.name", "value", 5, 0));
	must(utimensat(AT_FDCWD, "file", (struct timespec[]){{111, 222}, {333, 444}}, 0));
	must(lstat("file", &before));
	make(DIRECTORY, "directory");
	succeeds(rename("file", "directory/renamed"));
	must(lstat("directory/renamed", &after));
	check(before.st_ino == after.st_ino && before.st_dev == after.st_dev);
	equals(after.st_mode, S_IFREG | 04751);
	equals(after.st_uid, USER);
	equals(after.st_gid, GROUP);
	equals(after.st_size, 8);
	equals(after.st_nlink, 1);
	equals(after.st_atim.tv_sec, 111);
	equals(after.st_mtim.tv_sec, 333);
	equals(after.st_mtim.tv_nsec, 444);
	check(holds_text("directory/renamed", "contents"));
	equals(getxattr("directory/renamed", "user.name", value, sizeof(value)), 5);
	/* A whole tree goes along. */
	for (int i = 0; i < 50; i++)
		must(mkdir(text_of("directory/%d", i), 0755));
	succeeds(rename("directory", "moved"));
	bool all = true;
	for (int i = 0; i < 50; i++)
		all = all && exists(text_of("moved/%d", i)) && !exists(text_of("directory/%d", i));
	check(all);
}
