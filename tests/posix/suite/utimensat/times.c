#include "../suite.h"

RULE("utimensat moves ctime; symlinks and descriptors")
{
	const struct timespec times[2] = {{500, 5}, {600, 6}};
	struct stat status;

	for (enum type type = 0; type < TYPES; type++) {
		context("%s", type_name(type));
		make(type, "file");
		must(utimensat(AT_FDCWD, "file", times, AT_SYMLINK_NOFOLLOW));
		watch("file", CTIME);
		watch(".", 0);
		timed(succeeds(utimensat(AT_FDCWD, "file", times, AT_SYMLINK_NOFOLLOW)));
		remove_tree("file");
	}
	context("%s", "");
	make(REGULAR, "file");
	must(symlink("file", "link"));
	watch("link", 0);
	timed(succeeds(utimensat(AT_FDCWD, "link", times, 0)));
	must(stat("file", &status));
	equals(status.st_mtim.tv_sec, 600);
	watch("file", 0);
	timed(succeeds(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW)));
	must(lstat("link", &status));
	equals(status.st_mtim.tv_sec, 600);
	int file = open("file", O_RDONLY);
	must(file);
	succeeds(futimens(file, (struct timespec[]){{700, 7}, {800, 8}}));
	must(fstat(file, &status));
	equals(status.st_atim.tv_sec, 700);
	equals(status.st_mtim.tv_nsec, 8);
	must(unlink("file"));
	succeeds(futimens(file, times));
	must(fstat(file, &status));
	equals(status.st_mtim.tv_sec, 600);
	fails(futimens(-1, times), EBADF);
	fails(utimensat(AT_FDCWD, "link", times, 0x40000000), EINVAL);
}
