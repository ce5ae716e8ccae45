#include "../suite.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

PREPARE
{
	make_file("file", 0640, USER, GROUP, "contents");
	make(DIRECTORY, "directory");
	for (int i = 0; i < 200; i++)
		make(REGULAR, text_of("directory/%d", i));
	must(symlink("file", "link"));
	make(FIFO, "fifo");
	must(setxattr("file", "user.name", "value", 5, 0));
	must(utimensat(AT_FDCWD, "file", (struct timespec[]){{1000, 1}, {2000, 2}}, 0));
}

RULE("everything can be read, and reading changes nothing")
{
	char value[16];
	struct statvfs space;
	struct stat before, after;

	must(stat("file", &before));
	equals(before.st_mtim.tv_sec, 2000);
	equals(before.st_mtim.tv_nsec, 2);
	equals(before.st_uid, USER);
	tick();
	check(holds_text("file", "contents"));
	check(holds_text("link", "contents"));
	must(stat("file", &after));
	equals(after.st_atim.tv_sec, 1000);
	equals(after.st_atim.tv_nsec, 1);
	equals(getxattr("file", "user.name", value, sizeof(value)), 5);
	int entries = 0, file = open("file", O_RDONLY | O_CREAT, 0644);
	check(file >= 0);
	DIR *directory = opendir("directory");
	must(directory ? 0 : -1);
	while (readdir(directory))
		entries++;
	equals(entries, 202);
	char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
	check(map != MAP_FAILED && memcmp(map, "contents", 8) == 0);
	fails(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED ? -1 : 0, EACCES);
	fails(ftruncate(file, 0), EINVAL);
	fails(fchmod(file, 0600), EROFS);
	fails(fsetxattr(file, "user.name", "x", 1, 0), EROFS);
	/* No part of the filesystem's contents. */
	int fifo = open("fifo", O_RDWR);
	check(fifo >= 0);
	equals(write(fifo, "x", 1), 1);
	succeeds(statvfs(".", &space));
	check(space.f_flag & ST_RDONLY);
	as(OTHER_USER, OTHER_GROUP, fails(open("file", O_RDONLY), EACCES));
	succeeds(fsync(file));
}
