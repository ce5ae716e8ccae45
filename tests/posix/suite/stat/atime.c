#include "../suite.h"

static void reset(const char *path)
{
	const struct timespec times[2] = {{1000, 0}, {2000, 0}};

	must(utimensat(AT_FDCWD, path, times, 0));
}

RULE("relatime: a read moves an atime older than mtime, and then no more")
{
	char byte;

	make_file("file", 0644, 0, 0, "contents");
	reset("file");
	int file = open("file", O_RDONLY);
	must(file);
	watch("file", ATIME);
	timed(equals(read(file, &byte, 1), 1));
	struct stat before, after;
	must(fstat(file, &before));
	tick();
	equals(read(file, &byte, 1), 1);
	must(fstat(file, &after));
	check(before.st_atim.tv_sec == after.st_atim.tv_sec &&
	      before.st_atim.tv_nsec == after.st_atim.tv_nsec);
}
