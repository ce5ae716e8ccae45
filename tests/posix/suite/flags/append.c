#include "flags.h"

#include <sys/xattr.h>

RULE("an append-only file grows at its end, and nothing else of it changes")
{
	const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 6}};
	const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	const struct timespec half[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

	make_file("file", 0666, USER, GROUP, "contents");
	make(REGULAR, "other");
	must(flags_set("file", FS_APPEND_FL));
	int file = open("file", O_WRONLY | O_APPEND);
	equals(write(file, "+1", 2), 2);
	equals(pwrite(file, "+2", 2, 0), 2);
	check(holds_text("file", "contents+1+2"));
	as(OTHER_USER, OTHER_GROUP, {
		int theirs = open("file", O_WRONLY | O_APPEND);
		equals(write(theirs, "+3", 2), 2);
		close(theirs);
	});
	check(holds_text("file", "contents+1+2+3"));
	fails(fcntl(file, F_SETFL, 0), EPERM);
	fails(ftruncate(file, 1), EPERM);
	fails(ftruncate(file, 100), EPERM);
	fails(truncate("file", 1), EPERM);
	fails(truncate("file", 100), EPERM);
	fails(open("file", O_WRONLY | O_APPEND | O_TRUNC), EPERM);
	fails(open("file", O_RDONLY | O_TRUNC), EPERM);
	fails(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4), EPERM);
	succeeds(fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 10000));
	fails(chmod("file", 0600), EPERM);
	fails(chown("file", 0, 0), EPERM);
	fails(utimensat(AT_FDCWD, "file", times, 0), EPERM);
	fails(utimensat(AT_FDCWD, "file", half, 0), EPERM);
	succeeds(utimensat(AT_FDCWD, "file", now, 0));
	succeeds(utimensat(AT_FDCWD, "file", NULL, 0));
	fails(setxattr("file", "user.a", "y", 1, 0), EPERM);
	fails(link("file", "link"), EPERM);
	fails(rename("file", "renamed"), EPERM);
	fails(rename("other", "file"), EPERM);
	fails(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE), EPERM);
	fails(unlink("file"), EPERM);
	succeeds(flags_set("file", FS_APPEND_FL | FS_NODUMP_FL));
	equals(size_of("file"), 14);
	must(flags_set("file", 0));
	succeeds(fcntl(file, F_SETFL, 0));
	equals(pwrite(file, "C", 1, 0), 1);
	check(holds_text("file", "Contents+1+2+3"));
	close(file);
	succeeds(unlink("file"));
}
