#include "flags.h"

#include <sys/mman.h>
#include <sys/xattr.h>

RULE("an immutable file: contents, attributes and names cannot be changed, by root either; it can be read")
{
	const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 6}};
	const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	char bytes[8];

	make_file("file", 0644, USER, GROUP, "contents");
	make(REGULAR, "other");
	must(setxattr("file", "user.a", "x", 1, 0));
	int file = open("file", O_RDONLY);
	must(flags_set("file", FS_IMMUTABLE_FL));
	watch("file", 0);
	timed({
		fails(truncate("file", 1), EPERM);
		fails(open("file", O_RDONLY | O_TRUNC), EPERM);
		fails(open("file", O_WRONLY | O_TRUNC), EPERM);
		fails(chmod("file", 0600), EPERM);
		fails(chmod("file", 0644), EPERM);
		fails(chown("file", 0, 0), EPERM);
		fails(utimensat(AT_FDCWD, "file", times, 0), EPERM);
		fails(utimensat(AT_FDCWD, "file", now, 0), EPERM);
		fails(utimensat(AT_FDCWD, "file", NULL, 0), EPERM);
		fails(setxattr("file", "user.a", "y", 1, 0), EPERM);
		fails(setxattr("file", "trusted.a", "y", 1, 0), EPERM);
		fails(removexattr("file", "user.a"), EPERM);
		fails(link("file", "link"), EPERM);
		fails(rename("file", "renamed"), EPERM);
		fails(rename("other", "file"), EPERM);
		fails(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE), EPERM);
		fails(unlink("file"), EPERM);
		fails(remove("file"), EPERM);
		as(USER, GROUP, fails(unlink("file"), EACCES));
		as(USER, GROUP, fails(chmod("file", 0600), EPERM));
		as(USER, GROUP, fails(truncate("file", 0), EPERM));
	});
	equals(read(file, bytes, 8), 8);
	check(!memcmp(bytes, "contents", 8));
	equals(getxattr("file", "user.a", bytes, 8), 1);
	check(!exists("renamed") && !exists("link"));
	void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
	check(memory != MAP_FAILED && !memcmp(memory, "contents", 8));
	must(munmap(memory, 4096));
	succeeds(symlink("file", "symlink"));
	succeeds(fsync(file));
	must(flags_set("file", 0));
	check(holds_text("file", "contents"));
	succeeds(rename("file", "renamed"));
	succeeds(unlink("renamed"));
	close(file);
}
