#include "flags.h"

static struct timespec atime_of(const char *path)
{
	struct stat status;

	must(stat(path, &status));
	return status.st_atim;
}

RULE("NOATIME: reading does not change the access time")
{
	char bytes[4];

	for (int i = 0; i < 2; i++) {
		make_file("file", 0644, 0, 0, "text");
		context(i ? "with" : "without");
		must(flags_set("file", i ? FS_NOATIME_FL : 0));
		/* the next read would move it: it is before mtime */
		must(utimensat(AT_FDCWD, "file",
			       (struct timespec[]){{.tv_sec = 1000000}, {.tv_sec = 2000000}}, 0));
		int file = open("file", O_RDONLY);
		must(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
		equals(read(file, bytes, 4), 4);
		close(file);
		equals(atime_of("file").tv_sec == 1000000, i);
		remove_tree("file");
	}
}
